"""Each loss alone: hand-computed values, zero at the truth, gradients, and nothing but numbers in degenerate cases."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.face.camera import PAPER_CAMERA, Camera, compose, invert, project, rotation_from_euler, transform
from mgcbook.learning.losses import (
    Weights,
    depth_loss,
    epipolar_loss,
    gated_mean,
    identity_loss,
    landmark_loss,
    pixel_loss,
    regularisation,
    render_loss,
)
from mgcbook.tape import check_gradients, value_and_grad

H, W = 4, 5


def images(rng, dtype=np.float64):
    return rng.random((2, H, W, 3)).astype(dtype)


def two_poses(rng, dtype=np.float64):
    """Head-sized turns of a face five metres away: target and source, two items."""
    yaws = np.array([[np.pi, 0.3, 0.05], [np.pi, -0.2, 0.0]]), np.array([[np.pi, -0.4, 0.1], [np.pi + 0.1, 0.5, -0.1]])
    shifts = rng.normal(size=(2, 2, 3)) * [10, 10, 100] + [0, 0, 5000]
    return tuple((rotation_from_euler(yaw).astype(dtype), shift.astype(dtype)) for yaw, shift in zip(yaws, shifts, strict=True))


def perfect_landmarks(rng):
    """Where two cameras see 68 points of one head; -> target pixels, source pixels, source_from_target."""
    target, source = two_poses(rng)
    return *landmarks_seen(rng, target, source), compose(source, invert(target))


def landmarks_seen(rng, *poses):
    points = rng.normal(size=(2, 68, 3)) * [50, 60, 40]
    return [project(transform(*pose, points), PAPER_CAMERA) for pose in poses]


# ---------------------------------------------------------------- one view (Sec. 3.3)


def test_the_render_loss_is_the_skin_weighted_mean_length_of_the_difference():
    rendered, photo = np.zeros((1, 1, 3, 3)), np.zeros((1, 1, 3, 3))
    photo[0, 0] = [[0.3, 0, 0.4], [0, 0.1, 0], [1, 1, 1]]
    mask, skin = np.array([[[1.0, 1, 0]]]), np.array([[[1.0, 0.25, 1]]])
    assert_allclose(render_loss(rendered, photo, mask, skin), [(0.5 + 0.25 * 0.1) / 1.25], rtol=1e-5)


def test_pixels_outside_the_face_do_not_count(rng):
    photo, mask, skin = images(rng), np.zeros((2, H, W)), rng.random((2, H, W))
    mask[:, 1:3, 1:3] = 1
    other = np.where(mask[..., None] > 0, photo, images(rng))
    assert (render_loss(other, photo, mask, skin) < 1e-5).all()


def test_landmarks_of_nose_and_inner_mouth_count_ten_times(rng):
    truth = rng.random((68, 68, 2)) * 224
    one_off = truth + np.eye(68)[:, :, None] * [3, 4]  # item i misses landmark i by 5 px
    important = [*range(27, 36), *range(60, 68)]
    expected = [25 * (10 if i in important else 1) / 68 for i in range(68)]
    assert_allclose(landmark_loss(one_off, truth), expected)
    assert_allclose(landmark_loss(one_off, truth, important=5.0)[30], 25 * 5 / 68)


def test_identity_is_one_minus_the_cosine():
    photo = np.array([[1.0, 0], [1, 0], [1, 0], [3, 4]])
    rendered = np.array([[2.0, 0], [0, 5], [-1, 0], [4, 3]])
    assert_allclose(identity_loss(photo, rendered), [0, 1, 2, 1 - 24 / 25], atol=1e-6)


def test_regularisation_weighs_the_three_sums():
    parts = {"identity": np.array([[1.0, 2], [0, 0]]), "expression": np.array([[3.0], [0]]), "albedo": np.array([[0.0], [2]])}
    assert_allclose(regularisation(parts), [5 + 0.8 * 9, 3e-3 * 4])
    assert_allclose(regularisation(parts, Weights(reg_identity=2, reg_expression=0)), [10, 3e-3 * 4])


# ---------------------------------------------------------------- two views (Eq. 3-5)


def test_the_pixel_loss_is_a_mean_over_covisible_pixels(rng):
    target = images(rng)
    synthesized = target + 0.1 * np.ones(3) / np.sqrt(3)
    covisible = np.zeros((2, H, W))
    covisible[0, 0], covisible[1] = 1, 1
    synthesized[0, 1:] = 7  # not covisible: whatever stands there
    assert_allclose(pixel_loss(synthesized, target, covisible), [0.1, 0.1], rtol=1e-5)


def test_the_depth_loss_forgives_a_scale_and_the_reprojected_one_does_not(rng):
    expected, covisible = 5000 + 50 * rng.random((2, H, W)), np.ones((2, H, W))
    assert_allclose(depth_loss(0.5 * expected, expected, covisible), 0, atol=1e-9)
    assert_allclose(depth_loss(0.5 * expected, expected, covisible, reprojected=True), 0.5 * expected.mean(axis=(1, 2)))


def test_the_depth_loss_is_in_millimetres():
    expected = np.array([[[5000.0, 5000], [5000, 5000]]])
    bumpy = expected + np.array([[3, -3], [3, -3]])
    assert_allclose(depth_loss(bumpy, expected, np.ones((1, 2, 2))), [3])


@pytest.mark.parametrize("symmetric", [False, True])
def test_perfect_landmarks_have_no_epipolar_distance(rng, symmetric):
    target, source, source_from_target = perfect_landmarks(rng)
    assert (epipolar_loss(target, source, source_from_target, PAPER_CAMERA, symmetric=symmetric) < 1e-6).all()


def test_the_pose_as_the_paper_prints_it_does_not_pass(rng):
    target_pose, source_pose = two_poses(rng)
    target, source = landmarks_seen(rng, target_pose, source_pose)
    printed = compose(invert(target_pose), source_pose)
    assert (epipolar_loss(target, source, printed, PAPER_CAMERA) > 1).all()


def test_landmarks_off_their_lines_are_as_far_as_they_were_moved(rng):
    target, source, _ = perfect_landmarks(rng)
    sideways = np.eye(3)[None].repeat(2, axis=0), np.array([[100.0, 0, 0], [-300, 0, 0]])  # lines are the rows of the image
    moved = np.stack([source[..., 0], target[..., 1] + 2.5], axis=-1)
    assert_allclose(epipolar_loss(target, moved, sideways, PAPER_CAMERA), 2.5, rtol=1e-3)


def test_the_epipolar_distance_is_geometric(rng):
    """Half the image size and focal length: half the distance in pixels."""
    target, source, source_from_target = perfect_landmarks(rng)
    source = source + rng.normal(size=source.shape)
    half = epipolar_loss(target / 2, source / 2, source_from_target, PAPER_CAMERA.resized(112, 112))
    assert_allclose(2 * half, epipolar_loss(target, source, source_from_target, PAPER_CAMERA), rtol=1e-4)


# ---------------------------------------------------------------- the gate


def test_the_gate_averages_the_items_it_is_open_for():
    assert gated_mean(np.array([1.0, 2, 6]), np.array([1.0, 0, 1])) == 3.5
    assert gated_mean(np.array([1.0, 2, 6]), np.zeros(3)) == 0


def test_the_gate_keeps_the_gradients_of_the_others_zero(rng):
    weights, gate = rng.normal(size=(3, 4)), np.array([1.0, 0, 0])
    _, gradient = value_and_grad(lambda x: gated_mean(np.sum(weights * x**2, axis=1), gate))(rng.random((3, 4)))
    assert np.abs(gradient[0]).min() > 0
    assert_allclose(gradient[1:], 0, atol=0)


def test_mgcnet_s_gate_does_not_pass(rng):
    """(B, 1) times (B,) is (B, B): every error meets every flag."""
    gate = np.array([1.0, 0, 0])
    _, gradient = value_and_grad(lambda x: np.mean(np.reshape(x, (3, 1)) * gate))(rng.random(3))
    assert np.abs(gradient[1:]).min() > 0


# ---------------------------------------------------------------- every loss: gradients, precision, degenerate cases


def every_loss(rng, dtype=np.float64):
    """Name -> (loss of a dict of watched arrays, these arrays): the losses as functions of what is differentiated."""
    cast = lambda array: array.astype(dtype)
    mask, skin = cast(rng.random((2, H, W)) > 0.3), cast(rng.random((2, H, W)))
    photo, truth = images(rng, dtype), cast(rng.random((2, 68, 2)) * 5)
    target, source, _ = perfect_landmarks(rng)
    target, source = cast(target), cast(source + 3 * rng.normal(size=source.shape))
    camera = PAPER_CAMERA

    def epipolar(symmetric):
        relative = lambda p: (rotation_from_euler(p["angles"]), p["translation"] * 100)
        return lambda p: epipolar_loss(target, source, relative(p), camera, symmetric=symmetric)

    picture = {"rendered": images(rng, dtype)}
    depths = {"synthesized": cast(9 + rng.random((2, H, W))), "expected": cast(9 + rng.random((2, H, W)))}
    pose = {"angles": cast(rng.normal(size=(2, 3))), "translation": cast(rng.normal(size=(2, 3)))}
    ranks = (("identity", 4), ("expression", 3), ("albedo", 2))
    return {
        "render": (lambda p: render_loss(p["rendered"], photo, mask, skin), picture),
        "landmark": (lambda p: landmark_loss(p["predicted"], truth), {"predicted": cast(rng.random((2, 68, 2)) * 5)}),
        "identity": (lambda p: identity_loss(p["a"], p["b"]), {name: cast(rng.normal(size=(2, 7))) for name in "ab"}),
        "regularisation": (regularisation, {name: cast(rng.normal(size=(2, rank))) for name, rank in ranks}),
        "pixel": (lambda p: pixel_loss(p["rendered"], photo, mask), picture),
        "depth": (lambda p: depth_loss(p["synthesized"], p["expected"], mask), depths),
        "reprojected": (lambda p: depth_loss(p["synthesized"], p["expected"], mask, reprojected=True), depths),
        "epipolar": (epipolar(False), pose),
        "symmetric": (epipolar(True), pose),
    }


NAMES = list(every_loss(np.random.default_rng(0)))


@pytest.mark.parametrize("name", NAMES)
def test_gradients(rng, name):
    loss, params = every_loss(rng)[name]
    check_gradients(lambda p: np.sum(loss(p) * np.array([1.0, 0.7])), params, rng)


@pytest.mark.parametrize("name", NAMES)
def test_one_number_for_each_item_in_its_own_precision(rng, name):
    loss, params = every_loss(rng, np.float32)[name]
    value = loss(params)
    assert value.shape == (2,) and value.dtype == np.float32
    _, gradients = value_and_grad(lambda p: np.sum(loss(p)))(params)
    assert all(gradient.dtype == np.float32 for gradient in gradients.values())


def finite(loss, params):
    value, gradients = value_and_grad(lambda p: np.sum(loss(p)))(params)
    return bool(np.isfinite(value)) and all(np.isfinite(gradient).all() for gradient in gradients.values())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("covered", [0, 1])
def test_empty_masks_and_perfect_agreement_stay_finite(rng, dtype, covered):
    mask, photo = np.full((2, H, W), covered, dtype), images(rng, dtype)
    assert finite(lambda p: render_loss(p["image"], photo, mask, mask), {"image": photo.copy()})
    assert finite(lambda p: render_loss(p["image"], photo, mask, 0 * mask), {"image": photo.copy()})
    assert finite(lambda p: pixel_loss(p["image"], photo, mask), {"image": photo.copy()})
    for reprojected in (False, True):
        depth = lambda p, r=reprojected: depth_loss(p["read"], p["expected"], mask, reprojected=r)
        for value in (0, 5000):
            assert finite(depth, {"read": np.full((2, H, W), value, dtype), "expected": np.full((2, H, W), value, dtype)})
        assert finite(depth, {"read": np.zeros((2, H, W), dtype), "expected": np.full((2, H, W), 5000, dtype)})
    assert finite(lambda p: identity_loss(p["a"], p["b"]), {"a": np.zeros((2, 3), dtype), "b": np.zeros((2, 3), dtype)})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_coincident_views_have_a_finite_epipolar_loss(rng, dtype):
    same, landmarks = {"angles": np.zeros((2, 3), dtype), "t": np.zeros((2, 3), dtype)}, rng.random((2, 68, 2)).astype(dtype)
    for other in (landmarks, landmarks + dtype(1)):
        loss = lambda p, other=other: epipolar_loss(landmarks, other, (rotation_from_euler(p["angles"]), p["t"]), PAPER_CAMERA)
        assert finite(loss, same)
        assert_allclose(loss(same), 0)


def test_shapes_are_named():
    with pytest.raises(ValueError, match=r"landmark_loss: truth: expected \(B, 68, 2\), got \(1, 5, 2\)"):
        landmark_loss(np.zeros((1, 68, 2)), np.zeros((1, 5, 2)))
    with pytest.raises(ValueError, match=r"pixel_loss: covisible: expected \(B, H, W\), got \(1, 4, 6\)"):
        pixel_loss(np.zeros((1, 4, 5, 3)), np.zeros((1, 4, 5, 3)), np.zeros((1, 4, 6)))
    with pytest.raises(ValueError, match="camera: focal, width and height must be positive"):
        Camera(focal=-1)
