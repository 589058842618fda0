"""Face boxes: the sample photograph upright, tilted, small; and no face at all."""

import numpy as np
import pytest

from mgcbook.data import builtin, sample_photo
from mgcbook.data.align import Similarity, alignment_points, alignment_template, fit_similarity, warp_image
from mgcbook.data.detect import FaceBox, crop_from_box, find_face, find_faces
from mgcbook.data.images import read_image
from mgcbook.data.landmarks import five_points, read_landmarks
from mgcbook.errors import DataError


@pytest.fixture(scope="module")
def template():
    return alignment_template(builtin.load("light"))


@pytest.fixture(scope="module")
def photo():
    return sample_photo.load()


def distance_from_template(landmarks, crop_from_photo, template):
    """Mean distance of five points from the template in eye distances."""
    points, target = alignment_points(landmarks, template)
    return np.linalg.norm(crop_from_photo.apply(points) - target, axis=1).mean() / np.linalg.norm(target[1] - target[0])


def test_corners_by_hand():
    np.testing.assert_allclose(FaceBox(np.array([10.0, 20]), 4, 0).corners, [[8, 18], [12, 18], [12, 22], [8, 22]])
    turned = FaceBox(np.array([0.0, 0]), 2, np.pi / 2).corners  # a quarter clockwise: what was top left is top right
    np.testing.assert_allclose(turned, [[1, -1], [1, 1], [-1, 1], [-1, -1]], atol=1e-12)


def test_the_face_of_the_sample_is_found(photo, template):
    box = find_face(photo.image)
    assert box.angle == 0
    assert np.all(np.abs(five_points(photo.landmarks) - box.center) < box.size / 2)
    assert distance_from_template(photo.landmarks, crop_from_box(box, template), template) < 0.25
    exact = fit_similarity(*alignment_points(photo.landmarks, template))
    assert crop_from_box(box, template).scale == pytest.approx(exact.scale, rel=0.2)


@pytest.mark.parametrize("angle", [-0.5, 0.5])
def test_a_tilted_face_is_found_turned(photo, template, angle):
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s], [s, c]])
    middle = photo.landmarks.mean(axis=0)
    tilted_from_photo = Similarity(turn, np.array([150.0, 150.0]) - turn @ middle)
    tilted = warp_image(photo.image, tilted_from_photo, 300, 300)[0]
    box = find_face(tilted)
    assert box.angle == pytest.approx(np.sign(angle) * 0.4)
    landmarks = tilted_from_photo.apply(photo.landmarks)
    assert distance_from_template(landmarks, crop_from_box(box, template), template) < 0.25


def test_a_large_photograph_is_searched_small(photo):
    large = np.repeat(np.repeat(photo.image, 3, axis=0), 3, axis=1)
    box, reference = find_face(large), find_face(photo.image)
    np.testing.assert_allclose(box.center / 3, reference.center, atol=5)
    assert box.size / 3 == pytest.approx(reference.size, rel=0.15)


def test_no_face(rng):
    noise = rng.uniform(size=(90, 120, 3)).astype(np.float32)
    assert find_faces(noise) == []
    with pytest.raises(DataError, match=r"me\.jpg: no face found in 120 x 90 pixels.*landmarks"):
        find_face(noise, source="me.jpg")
    with pytest.raises(DataError, match="no face"):
        find_face(np.full((20, 2000, 3), 0.5, np.float32))  # shrunk to a line of pixels


def test_real_frontal_faces_are_found(realkit, template):
    found = []
    for path in sorted(realkit.glob("deng_input/*.txt")):
        picture = next(p for p in (path.with_suffix(".jpg"), path.with_suffix(".png")) if p.exists())
        image = read_image(picture)
        landmarks = read_landmarks(path, image_shape=image.shape)
        boxes = find_faces(image)
        found.append(distance_from_template(landmarks, crop_from_box(boxes[0], template), template) if boxes else np.inf)
        best = distance_from_template(landmarks, fit_similarity(*alignment_points(landmarks, template)), template)
        assert best < 0.3
    assert np.mean(np.array(found) < 0.5) > 0.9, np.round(found, 2)
