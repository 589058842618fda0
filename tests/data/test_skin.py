"""Skin probability: named colours, the formula by hand, the sample photograph."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from mgcbook.data import sample_photo, skin
from mgcbook.data.images import read_image
from mgcbook.data.landmarks import five_points, read_landmarks
from mgcbook.data.skin import likeness, skin_probability, skin_weight


def probability(*color):
    return float(skin_probability(np.array(color, dtype=np.float32) / 255))


@pytest.mark.parametrize("color", [
    (224, 172, 150), (255, 219, 172), (241, 194, 125), (198, 134, 66), (141, 85, 36), (92, 56, 40), (120, 77, 60),
])  # fmt: skip
def test_skin_of_many_people_is_likely(color):
    assert probability(*color) > 0.9


@pytest.mark.parametrize("color", [
    (128, 128, 128), (255, 255, 255), (0, 0, 0), (0, 0, 255), (30, 60, 200), (0, 200, 0), (60, 120, 60), (200, 30, 30),
])  # fmt: skip
def test_grey_blue_green_and_red_are_unlikely(color):
    assert probability(*color) < 0.1


def test_bayes_by_hand():
    table = json.loads(Path(skin.__file__).with_name("skin_colors.json").read_text())
    color = np.array([140.0, 110.0, 90.0])
    densities = []
    for name in ("skin", "other"):
        weights = [row[0] for row in table[name]]
        density = 0.0
        for weight, *rest in table[name]:
            for x, mean, variance in zip(color, rest[:3], rest[3:], strict=True):
                weight *= math.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
            density += weight / sum(weights)
        densities.append(density)
    for prior in (0.2, 0.8):
        expected = prior * densities[0] / (prior * densities[0] + (1 - prior) * densities[1])
        assert skin_probability(color / 255, prior=prior) == pytest.approx(expected, rel=1e-5)


def test_shapes_types_and_no_nan_anywhere(rng):
    image = rng.uniform(-1, 2, (2, 5, 7, 3)).astype(np.float32)  # out of range on purpose: renderings may exceed 1
    result = skin_probability(image)
    assert result.shape == (2, 5, 7) and result.dtype == np.float32
    assert np.isfinite(result).all() and result.min() >= 0 and result.max() <= 1
    np.testing.assert_allclose(skin_probability(image[1]), result[1], rtol=1e-6)


def test_errors():
    with pytest.raises(ValueError, match="RGB"):
        skin_probability(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="prior"):
        skin_probability(np.zeros((4, 4, 3)), prior=1.0)


def test_weight_is_one_above_a_half_and_on_grey_pictures():
    image = np.stack([np.full((4, 4), value / 255, np.float32) for value in (224, 172, 150)], axis=-1)
    image[0, 0] = 0.1, 0.2, 0.9
    weight = skin_weight(image)
    assert weight[2, 2] == 1 and weight[0, 0] == skin_probability(image)[0, 0] < 0.01
    np.testing.assert_array_equal(skin_weight(np.full((2, 4, 4, 3), 0.3)), 1)
    both = skin_weight(np.stack([image, np.full((4, 4, 3), 0.3)]))
    assert both[0, 0, 0] < 0.01 and both[1, 0, 0] == 1


def test_cheeks_of_the_sample_are_skin_and_the_background_is_not():
    photo = sample_photo.load()
    result = skin_probability(photo.image)
    assert result[115:125, 190:205].mean() > 0.9  # cheek
    assert result[160:170, 210:235].mean() > 0.9  # chin
    assert result[200:220, 195:235].mean() < 0.1  # black collar
    assert result[40:100, 310:330].mean() < 0.5  # pale wall


def test_own_colour_tells_blond_hair_from_skin():
    photo = sample_photo.load()
    hair = np.s_[65:77, 190:220]
    assert skin_weight(photo.image)[hair].mean() > 0.8  # colour alone takes it for skin
    for landmarks in (photo.landmarks, five_points(photo.landmarks)):
        weight = skin_weight(photo.image, landmarks=landmarks)
        assert weight[hair].mean() < 0.4
        assert weight[115:125, 190:205].mean() > 0.9 and weight[160:170, 210:235].mean() > 0.9
    assert likeness(np.full((50, 50, 3), 0.5), np.array([[10, 10], [12, 10], [11, 11], [10, 12], [12, 12.0]])).min() == 1


def test_real_faces_hold_more_skin_than_their_surroundings(realkit):
    inside, outside = [], []
    for path in sorted(realkit.glob("deng_input/*.txt")):
        picture = next(p for p in (path.with_suffix(".jpg"), path.with_suffix(".png")) if p.exists())
        image = read_image(picture)
        five = read_landmarks(path, image_shape=image.shape)
        (x0, y0), (x1, y1) = five.min(axis=0).astype(int), five.max(axis=0).astype(int)
        weight = skin_weight(image)
        inside.append(weight[y0:y1, x0:x1].mean())
        border = np.ones(weight.shape, bool)
        border[max(3 * y0 - 2 * y1, 0) : 3 * y1 - 2 * y0, max(3 * x0 - 2 * x1, 0) : 3 * x1 - 2 * x0] = False
        outside.append(weight[border].mean() if border.any() else 0.0)
    assert np.median(inside) > 0.8 and np.median(outside) < 0.45, (np.round(inside, 2), np.round(outside, 2))


def test_hull(rng):
    from scipy.spatial import Delaunay

    square = np.array([[1.0, 1], [3, 1], [1, 3], [3, 3], [2, 2], [2, 1]])
    inside = skin.in_hull(square, np.array([[2.5, 1.5], [1, 1], [2, 3], [3.1, 2], [0.9, 1], [2, 3.1]]))
    np.testing.assert_array_equal(inside, [True, True, True, False, False, False])
    points, positions = rng.normal(size=(30, 2)), rng.normal(size=(20, 50, 2))
    np.testing.assert_array_equal(skin.in_hull(points, positions), Delaunay(points).find_simplex(positions) >= 0)
