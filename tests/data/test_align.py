"""Alignment: the similarity by hand, pixels and landmarks moving together, and the way back."""

import numpy as np
import pytest

from mgcbook.data import builtin, sample_photo
from mgcbook.data.align import Similarity, align, alignment_points, alignment_template, fit_similarity, paste_back, warp_image
from mgcbook.data.images import read_image
from mgcbook.data.landmarks import five_points, read_landmarks
from mgcbook.errors import DataError
from mgcbook.face.camera import PAPER_CAMERA


@pytest.fixture(scope="module")
def template():
    return alignment_template(builtin.load("light"))


def similarity(scale, degrees, offset):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return Similarity(scale * np.array([[c, -s], [s, c]]), np.array(offset, dtype=float))


def test_fit_by_hand():
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    fit = fit_similarity(square, 2 * square[[1, 2, 3, 0]] + [5, 7])  # each corner goes where its neighbour was: a quarter turn
    np.testing.assert_allclose(fit.linear, [[0, -2], [2, 0]], atol=1e-12)
    np.testing.assert_allclose(fit.offset, [7, 7], atol=1e-12)
    assert fit.scale == pytest.approx(2) and np.degrees(fit.angle) == pytest.approx(90)


def test_fit_finds_any_similarity_and_inverse_undoes_it(rng):
    points = rng.normal(size=(9, 2)) * 40
    truth = similarity(0.37, -141, (12, -5))
    fit = fit_similarity(points, truth.apply(points))
    np.testing.assert_allclose(fit.linear, truth.linear, atol=1e-12)
    np.testing.assert_allclose(fit.offset, truth.offset, atol=1e-9)
    np.testing.assert_allclose(fit.inverse().apply(fit.apply(points)), points, atol=1e-9)


def test_fit_is_the_best_one(rng):
    points = rng.normal(size=(12, 2))
    target = 2 * points + [3, 1] + rng.normal(size=(12, 2))
    fit = fit_similarity(points, target)

    def error(linear, offset):
        return np.sum((points @ linear.T + offset - target) ** 2)

    best = error(*fit)
    for turn in np.eye(4) * 1e-4:
        a, b, x, y = turn
        for sign in (1, -1):
            nudge = sign * np.array([[a, -b], [b, a]])
            assert error(fit.linear + nudge, fit.offset + sign * np.array([x, y])) > best


def test_points_that_cannot_be_aligned(template):
    five = five_points(template)
    with pytest.raises(DataError, match="coincide"):
        fit_similarity(np.full((5, 2), 3.0), five)
    with pytest.raises(DataError, match="mirrored"):
        fit_similarity(five[[1, 0, 2, 4, 3]], five)
    with pytest.raises(DataError, match="finite"):
        fit_similarity(five * np.nan, five)
    with pytest.raises(ValueError, match="expected"):
        fit_similarity(five[:4], five)
    image = np.zeros((100, 100, 3), np.float32)
    for landmarks, message in [
        (five[:3], "expected"),
        (five + 500, "outside"),
        (five * np.inf, "finite"),
        (five * 0, "one pixel"),
    ]:
        with pytest.raises(DataError, match=message):
            align(image, landmarks, template)


def test_template_is_the_mean_face_upright_in_the_middle(template):
    eyes, nose, mouth = template[36:48].mean(axis=0), template[33], template[[48, 54]].mean(axis=0)
    assert nose[0] == pytest.approx(112, abs=1e-3)
    assert abs(eyes[0] - 112) < 1 and abs(mouth[0] - 112) < 1 and eyes[1] < nose[1] < mouth[1] < template[8, 1] < 224
    assert template[36, 0] < template[45, 0]  # the subject's right eye is left in the image
    half = alignment_template(builtin.load("light"), PAPER_CAMERA.resized(112, 112))
    np.testing.assert_allclose(half, template / 2, atol=1e-9)


def test_five_points_answer_the_nose_that_was_given(template):
    points, target = alignment_points(template, template)
    np.testing.assert_array_equal(points[2], template[33])
    np.testing.assert_array_equal(points, target)
    points, target = alignment_points(five_points(template, nose=30), template)
    np.testing.assert_array_equal(target[2], template[30])
    np.testing.assert_array_equal(points, target)


def test_unmoved_image_is_unchanged(rng):
    image = rng.uniform(size=(20, 30, 3)).astype(np.float32)
    warped, inside = warp_image(image, similarity(1, 0, (0, 0)), 20, 30)
    np.testing.assert_allclose(warped, image, atol=1e-6)
    assert warped.dtype == np.float32 and inside.min() == 1


def test_shift_by_a_pixel_and_the_border_goes_on(rng):
    image = rng.uniform(size=(20, 30, 3)).astype(np.float32)
    warped, inside = warp_image(image, similarity(1, 0, (2, 0)), 20, 30)
    np.testing.assert_allclose(warped[:, 2:], image[:, :-2], atol=1e-6)
    np.testing.assert_allclose(warped[:, :2], np.repeat(image[:, :1], 2, axis=1), atol=1e-6)
    assert not inside[:, :2].any() and inside[:, 2:].all()


@pytest.mark.parametrize("scale", [0.3, 0.7, 1.0, 2.5])
def test_pixels_and_points_move_together(scale):
    """A soft spot is found again, to a tenth of a pixel, where the similarity says: any half pixel lost would show."""
    spot = np.array([83.3, 61.8])
    y, x = np.mgrid[0:120, 0:160] + 0.5
    image = np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (2 * 36))[:, :, None]
    target_from_image = similarity(scale, 25, (40, 10))
    warped = warp_image(image, target_from_image, 330, 330)[0][:, :, 0]
    y, x = np.mgrid[0:330, 0:330] + 0.5
    found = np.array([np.sum(x * warped), np.sum(y * warped)]) / warped.sum()
    np.testing.assert_allclose(found, target_from_image.apply(spot), atol=0.1)


def test_shrinking_does_not_alias():
    checks = np.indices((200, 200)).sum(axis=0)[:, :, None] % 2 * np.ones(3)
    small = warp_image(checks, similarity(0.2, 10, (0, 20)), 40, 40)[0]
    assert np.abs(small[15:30, 10:25] - 0.5).max() < 0.01


def test_aligned_photograph_and_the_way_back(template):
    photo = sample_photo.load()
    aligned = align(photo.image, photo.landmarks, template)
    assert aligned.image.shape == (224, 224, 3) and aligned.image.dtype == np.float32
    residual = five_points(aligned.landmarks) - five_points(template)
    assert np.linalg.norm(residual, axis=1).mean() < 8  # pixels of 224: she smiles, the mean face does not
    back = paste_back(photo.image, aligned.image, np.ones((224, 224)), aligned.crop_from_photo)
    x0, y0 = photo.landmarks.min(axis=0).astype(int)
    x1, y1 = photo.landmarks.max(axis=0).astype(int)
    assert np.abs(back - photo.image)[y0:y1, x0:x1].mean() < 0.01  # twice resampled
    np.testing.assert_array_equal(back[:, 400:], photo.image[:, 400:])


def test_paste_back_takes_alpha_and_survives_a_crop_outside(rng):
    photo = rng.uniform(size=(60, 80, 3)).astype(np.float32)
    red = np.zeros((40, 40, 3), np.float32)
    red[:, :, 0] = 1
    crop_from_photo = similarity(2, 0, (-40, -20))
    np.testing.assert_allclose(paste_back(photo, red, np.zeros((40, 40)), crop_from_photo), photo, atol=1e-6)
    pasted = paste_back(photo, red, np.full((40, 40), 0.5), crop_from_photo)
    np.testing.assert_allclose(pasted[20, 30], 0.5 * photo[20, 30] + [0.5, 0, 0], atol=1e-6)  # crop middle = photo (30, 20)
    np.testing.assert_allclose(pasted[5, 5], photo[5, 5], atol=1e-6)
    away = paste_back(photo, red, np.ones((40, 40)), similarity(1, 0, (500, 0)))
    np.testing.assert_array_equal(away, photo)


def test_real_photographs_align(realkit, template):
    for path in sorted(realkit.glob("deng_input/*.txt")):
        picture = next(p for p in (path.with_suffix(".jpg"), path.with_suffix(".png")) if p.exists())
        image = read_image(picture)
        aligned = align(image, read_landmarks(path, image_shape=image.shape), template)
        residual = np.linalg.norm(aligned.landmarks - five_points(template, nose=30), axis=1)
        assert residual.mean() < 16, f"{path.name}: {residual}"
    image = read_image(realkit / "ibug" / "image_0010.png")
    aligned = align(image, read_landmarks(realkit / "ibug" / "image_0010.pts", image_shape=image.shape), template)
    assert np.linalg.norm(aligned.landmarks - template, axis=1).mean() < 16
