"""View synthesis (Eq. 2): one view of a face put together from the pixels of another."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.face.camera import (
    PAPER_CAMERA,
    Camera,
    camera_from_model,
    compose,
    invert,
    main_pose,
    rotation_from_euler,
    transform,
)
from mgcbook.face.covisible import covisible_map, seen_vertices
from mgcbook.face.render import render
from mgcbook.face.warp import correspond, warp
from mgcbook.tape import check_gradients, value_and_grad
from tests.toy import toy_model

CAMERA = PAPER_CAMERA.resized(96, 96)
TINY = Camera(focal=30.0, width=7, height=5)


def two_views(yaws=(-0.1, 0.3)):
    """A smoothly coloured face seen under two yaws: renderings, poses and the covisible map of the first with the second."""
    model = toy_model(side=33)
    main = main_pose(model.mean, model.landmark_vertices, CAMERA)
    views = []
    for yaw in yaws:
        pose = camera_from_model(np.array([[0.05, yaw, 0.02]]), np.array([[1.0, -2.0, 30 * yaw]]), main)
        points = transform(*pose, model.mean[None].astype(np.float64))
        views.append((render(points, model.triangles, model.albedo_mean[None].astype(np.float64), CAMERA), pose, points))
    (target, _, points), (source, _, others) = views
    seen = [seen_vertices(vertices, model.triangles, CAMERA) for vertices in (points, others)]
    covisible = covisible_map(*seen, points, model.triangles, CAMERA)
    return target, source, views[0][1], views[1][1], covisible


def mean_error(synthesized, target, mask):
    return np.abs(synthesized - target.image).mean(axis=-1)[mask > 0].mean()


def test_with_true_depth_and_poses_the_warped_source_is_the_target():
    target, source, target_from_model, source_from_model, covisible = two_views()
    source_from_target = compose(source_from_model, invert(target_from_model))
    synthesized, valid = warp(source.image, target.depth, source_from_target, CAMERA)
    on_face, _ = warp(source.mask[..., None], target.depth, source_from_target, CAMERA)
    mask = covisible * valid * (on_face[..., 0] > 0.999)  # at the outline a read mixes in the background
    assert mask.sum() > 0.6 * target.mask.sum() > 1000
    assert mean_error(synthesized, target, mask) < 1e-3  # what reading between pixels leaves


def test_the_relative_pose_as_the_paper_prints_it_does_not_pass():
    """[R_t^-1 R_s, R_t^-1 (t_s - t_t)] is P_t^-1 P_s: it throws every point far out of the picture."""
    target, source, target_from_model, source_from_model, covisible = two_views()
    printed = compose(invert(target_from_model), source_from_model)
    synthesized, valid = warp(source.image, target.depth, printed, CAMERA)
    assert (covisible * valid).sum() == 0 or mean_error(synthesized, target, covisible * valid) > 0.05
    true = correspond(target.depth, compose(source_from_model, invert(target_from_model)), CAMERA).uv
    missed = np.linalg.norm(correspond(target.depth, printed, CAMERA).uv - true, axis=-1)[target.mask > 0]
    assert missed.min() > 100


def test_the_wrong_direction_does_not_pass():
    target, source, target_from_model, source_from_model, covisible = two_views()
    synthesized, valid = warp(source.image, target.depth, compose(target_from_model, invert(source_from_model)), CAMERA)
    assert mean_error(synthesized, target, covisible * valid) > 0.03


def test_points_keep_their_place_on_the_face():
    """Seen from the source, the target's points have the source's own depth there."""
    target, source, target_from_model, source_from_model, covisible = two_views()
    source_from_target = compose(source_from_model, invert(target_from_model))
    read, valid = warp(source.depth[..., None], target.depth, source_from_target, CAMERA)
    on_face, _ = warp(source.mask[..., None], target.depth, source_from_target, CAMERA)
    mask = (covisible * valid > 0) & (on_face[..., 0] > 0.999)
    difference = read[..., 0] - correspond(target.depth, source_from_target, CAMERA).depth
    assert np.abs(difference[mask]).mean() < 0.2  # mm


def test_only_pixels_with_depth_inside_the_source_are_valid():
    depth = np.full((1, 5, 7), 4.0)
    depth[0, 2, 3] = 0
    still = np.eye(3)[None], np.zeros((1, 3))
    assert correspond(depth, still, TINY).valid.sum() == 34
    back = np.eye(3)[None], np.array([[0, 0, 4.0]])  # from there the camera of the target itself is in view
    assert correspond(depth, back, TINY).valid.sum() == 34
    right = np.eye(3)[None], np.array([[4.0 / 30 * 2, 0, 0]])  # two pixels to the right
    assert_allclose(correspond(depth, right, TINY).valid[0, 0], [1, 1, 1, 1, 1, 0, 0])
    behind = np.eye(3)[None], np.array([[0, 0, -9.0]])
    assert correspond(depth, behind, TINY).valid.sum() == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_depth_everything_stays_finite(dtype):
    still = np.eye(3, dtype=dtype)[None], np.zeros((1, 3), dtype)
    image = np.ones((1, 5, 7, 3), dtype)

    def loss(depth):
        synthesized, valid = warp(image, depth, still, TINY)
        return np.sum(synthesized * valid[..., None])

    value, gradient = value_and_grad(loss)(np.zeros((1, 5, 7), dtype))
    assert value == 0 and np.isfinite(gradient).all() and gradient.dtype == dtype


def test_gradients(rng):
    weight = rng.normal(size=(2, 5, 7, 3))

    def loss(p):
        source_from_target = rotation_from_euler(p["angles"]), p["translation"]
        found = correspond(p["depth"], source_from_target, TINY)
        synthesized, valid = warp(p["image"], p["depth"], source_from_target, TINY)
        return np.sum(weight * valid[..., None] * synthesized) + 0.1 * np.sum(weight[..., 0] * found.depth)

    pose = {"angles": 0.02 * rng.normal(size=(2, 3)), "translation": 0.1 * rng.normal(size=(2, 3))}
    params = {"image": rng.random((2, 5, 7, 3)), "depth": 4 + 0.3 * rng.random((2, 5, 7)), **pose}
    check_gradients(loss, params, rng)
