"""The camera: conventions, poses, projection, and the geometry of two views."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.face.camera import (
    CHIN,
    NOSE_BASE,
    PAPER_CAMERA,
    Camera,
    camera_from_model,
    compose,
    essential,
    euler_from_rotation,
    fundamental,
    invert,
    main_pose,
    pixel_grid,
    project,
    rotation_from_euler,
    transform,
    unproject,
)
from mgcbook.tape import check_gradients

SMALL = Camera(focal=30.0, width=7, height=5)


def turn(axis, angle):
    """A right-handed turn about one axis, written out as in a textbook."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array({"x": [[1, 0, 0], [0, c, -s], [0, s, c]], "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
                     "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]]}[axis])  # fmt: skip


def random_pose(rng, batch=3):
    return rotation_from_euler(rng.normal(size=(batch, 3))), rng.normal(size=(batch, 3)) + np.array([0, 0, 9])


def as_matrix(pose):
    """A pose as a 4 x 4 matrix, (B, 4, 4)."""
    matrix = np.tile(np.eye(4), (len(pose[0]), 1, 1))
    matrix[:, :3, :3], matrix[:, :3, 3] = pose
    return matrix


def toy_face(rng):
    """A head-sized cloud with 68 landmarks, its highest vertex and its chin: enough for a main pose."""
    vertices = rng.normal(size=(300, 3)) * [40, 30, 20] + [3, 5, 70]
    vertices[CHIN] = [2, -90, 60]
    vertices[NOSE_BASE] = [1.5, -20, 110]
    vertices[100] = [0, 100, 75]
    return vertices, np.arange(68)


# ---------------------------------------------------------------- the camera itself


def test_the_paper_s_camera_sees_the_middle_of_the_image_on_its_axis():
    assert PAPER_CAMERA.center == (112, 112)
    assert_allclose(project(np.array([[[0.0, 0.0, 5000.0]]]), PAPER_CAMERA)[0, 0], (112, 112))
    assert_allclose(np.degrees(2 * np.arctan(112 / PAPER_CAMERA.focal)), 2.73, atol=0.005)  # the field of view


def test_a_resized_camera_sees_the_same_picture_smaller(rng):
    points = rng.normal(size=(2, 5, 3)) * 50 + np.array([0, 0, 5000])
    assert_allclose(project(points, PAPER_CAMERA.resized(56, 56)) * 4, project(points, PAPER_CAMERA))
    with pytest.raises(ValueError, match="shape of 224 x 224, got 112 x 224"):
        PAPER_CAMERA.resized(112, 224)


def test_a_camera_without_a_focal_length_is_refused():
    with pytest.raises(ValueError, match="must be positive"):
        Camera(focal=0.0)


def test_projection_is_the_matrix_of_the_textbooks(rng):
    points = rng.normal(size=(2, 5, 3)) + np.array([0, 0, 4])
    homogeneous = points @ SMALL.matrix.T
    assert_allclose(project(points, SMALL), homogeneous[..., :2] / homogeneous[..., 2:])


def test_unproject_undoes_project(rng):
    points = rng.normal(size=(2, 5, 3)) + np.array([0, 0, 4])
    assert_allclose(unproject(project(points, SMALL), points[..., 2], SMALL), points)


def test_a_point_in_the_camera_s_center_projects_to_something_finite():
    points = np.zeros((1, 2, 3))
    points[0, 1, 2] = -1e-9
    assert np.isfinite(project(points, SMALL)).all()


# ---------------------------------------------------------------- rotations and poses


def test_a_rotation_is_three_right_handed_turns_x_after_y_after_z(rng):
    angles = rng.normal(size=(4, 3))
    expected = [turn("x", rx) @ turn("y", ry) @ turn("z", rz) for rx, ry, rz in angles]
    assert_allclose(rotation_from_euler(angles), expected, atol=1e-15)


def test_angles_come_back_from_rotations(rng):
    angles = rng.uniform(-1.5, 1.5, size=(20, 3))
    assert_allclose(euler_from_rotation(rotation_from_euler(angles)), angles, atol=1e-12)
    profile = rotation_from_euler(np.array([[0.3, np.pi / 2, 0.4]]))  # the case where two axes are one
    assert_allclose(rotation_from_euler(euler_from_rotation(profile)), profile, atol=1e-7)


def test_poses_compose_and_invert_like_matrices(rng):
    a_from_b, b_from_c = random_pose(rng), random_pose(rng)
    assert_allclose(as_matrix(compose(a_from_b, b_from_c)), as_matrix(a_from_b) @ as_matrix(b_from_c), atol=1e-12)
    assert_allclose(as_matrix(invert(a_from_b)), np.linalg.inv(as_matrix(a_from_b)), atol=1e-12)


def test_neighbours_cancel(rng):
    source_from_model, target_from_model = random_pose(rng), random_pose(rng)
    points_model = rng.normal(size=(3, 6, 3))
    source_from_target = compose(source_from_model, invert(target_from_model))
    points_source = transform(*source_from_target, transform(*target_from_model, points_model))
    assert_allclose(points_source, transform(*source_from_model, points_model), atol=1e-12)


def test_float32_stays_float32(rng):
    offsets = rng.normal(size=(2, 3)).astype(np.float32)
    pose = camera_from_model(offsets, offsets, main_pose(*toy_face(rng), PAPER_CAMERA))
    points = transform(*pose, rng.normal(size=(2, 5, 3)).astype(np.float32))
    kinds = [*pose, points, project(points, PAPER_CAMERA), fundamental(pose, PAPER_CAMERA), pixel_grid(2, 3, like=points)]
    assert {array.dtype for array in kinds} == {np.dtype(np.float32)}


def test_wrong_shapes_are_named(rng):
    with pytest.raises(ValueError, match=r"rotation_from_euler: angles: expected \(B, 3\), got \(3,\)"):
        rotation_from_euler(np.zeros(3))


# ---------------------------------------------------------------- the main pose


def test_the_main_pose_turns_the_model_upright_towards_the_camera(rng):
    rotation, _ = camera_from_model(np.zeros((1, 3)), np.zeros((1, 3)), main_pose(*toy_face(rng), PAPER_CAMERA))
    assert_allclose(rotation[0], np.diag([1, -1, -1]), atol=1e-15)


CAMERAS = [PAPER_CAMERA, PAPER_CAMERA.resized(64, 64), Camera(400.0, 90, 120), Camera(900.0, 100, 100, (30, 60))]


@pytest.mark.parametrize("camera", CAMERAS)
def test_the_main_pose_fills_three_quarters_of_the_height_with_the_nose_in_the_middle(rng, camera):
    vertices, landmark_vertices = toy_face(rng)
    pose = camera_from_model(np.zeros((1, 3)), np.zeros((1, 3)), main_pose(vertices, landmark_vertices, camera))
    pixels = project(transform(*pose, vertices[None]), camera)[0]
    top, chin, nose = pixels[100], pixels[CHIN], pixels[NOSE_BASE]
    assert_allclose(chin[1] - top[1], 0.75 * camera.height, rtol=1e-3)
    assert_allclose((chin[1] + top[1]) / 2, camera.height / 2, rtol=0.01)
    assert_allclose(nose[0], camera.width / 2, rtol=0.02)
    assert top[1] < chin[1]  # upright


def test_the_main_pose_of_the_paper_follows_from_the_basel_mean_face():
    """Its published numbers: chin to top 175.1 mm, their middle at (y, z) = (9.105, 95.3) mm, the nose at x = -0.174 mm."""
    vertices = np.zeros((68, 3))
    vertices[:, 2] = 95.3
    vertices[0, 1], vertices[CHIN, 1] = 9.1053238 + 87.55, 9.1053238 - 87.55
    vertices[NOSE_BASE, 0] = -0.17440447
    _, translation = main_pose(vertices, np.arange(68), PAPER_CAMERA)
    assert_allclose(translation, [0.17440447, 9.1053238, 4994.3359], rtol=1e-4)


# ---------------------------------------------------------------- two views


def epipolar_residuals(matrix, camera, rng):
    """|p_s^T M p_t| over the distance unit of the line, for points seen perfectly by two cameras; (P,) pixels."""
    source_from_model, target_from_model, points = face_sized_views(rng)
    target, source = (project(transform(*pose, points), camera) for pose in (target_from_model, source_from_model))
    one = np.ones_like(target[..., :1])
    relative = compose(source_from_model, invert(target_from_model))
    lines = np.concatenate([target, one], axis=-1) @ np.swapaxes(matrix(relative), 1, 2)
    return np.abs(np.sum(np.concatenate([source, one], axis=-1) * lines, axis=-1)) / np.linalg.norm(lines[..., :2], axis=-1)


def face_sized_views(rng):
    points = rng.normal(size=(2, 30, 3)) * [50, 60, 40]
    yaws = np.array([[np.pi, 0.5, 0.1], [np.pi + 0.1, -0.3, 0.0]])
    source = rotation_from_euler(yaws), np.array([[10.0, 0.0, 5000.0], [0.0, 3.0, 4900.0]])
    yaws = np.array([[np.pi, 0.0, 0.0], [np.pi, 0.4, -0.1]])
    target = rotation_from_euler(yaws), np.array([[0.0, 9.0, 4990.0], [5.0, 0.0, 5100.0]])
    return source, target, points


def test_points_lie_on_their_epipolar_lines(rng):
    assert epipolar_residuals(lambda pose: fundamental(pose, PAPER_CAMERA), PAPER_CAMERA, rng).max() < 1e-6


def test_r_times_t_cross_does_not_pass(rng):
    """MGCNet's code has R [t]x: several pixels off at perfect geometry, so the test above can tell."""

    def wrong(pose):
        rotation, _ = pose
        cross = essential(pose) @ np.swapaxes(rotation, 1, 2)  # [t]x
        inverse = np.linalg.inv(PAPER_CAMERA.matrix)
        return inverse.T @ (rotation @ cross) @ inverse

    assert epipolar_residuals(wrong, PAPER_CAMERA, rng).mean() > 1.0


def test_essential_is_t_cross_r(rng):
    rotation, t = pose = random_pose(rng)
    vectors = rng.normal(size=(3, 3))
    turned = np.einsum("bij,bj->bi", rotation, vectors)
    assert_allclose(np.einsum("bij,bj->bi", essential(pose), vectors), np.cross(t, turned), atol=1e-12)


def test_fundamental_is_essential_between_inverse_intrinsics(rng):
    pose, inverse = random_pose(rng), np.linalg.inv(SMALL.matrix)
    assert_allclose(fundamental(pose, SMALL), inverse.T @ essential(pose) @ inverse, atol=1e-12)


# ---------------------------------------------------------------- gradients


def test_gradients(rng):
    weights = {"pixels": rng.normal(size=(2, 5, 2)), "matrix": rng.normal(size=(2, 3, 3)), "angles": rng.normal(size=(2, 3))}

    def loss(p):
        pose = camera_from_model(p["rotation"], p["translation"], (np.array([np.pi, 0, 0]), np.array([0.1, 0.2, 4.0])))
        other = rotation_from_euler(p["other"]), p["translation"] * 2
        points = transform(*compose(invert(pose), other), p["points"])
        depth = points[..., 2] + 9
        back = unproject(project(np.stack([points[..., 0], points[..., 1], depth], axis=-1), SMALL), depth**2, SMALL)
        return (np.sum(weights["pixels"] * back[..., :2]) + np.sum(weights["matrix"] * fundamental(pose, SMALL)) * 100
                + np.sum(weights["angles"] * euler_from_rotation(other[0])))  # fmt: skip

    params = {name: rng.normal(size=(2, 3)) * 0.3 for name in ("rotation", "translation", "other")}
    check_gradients(loss, {**params, "points": rng.normal(size=(2, 5, 3))}, rng)
