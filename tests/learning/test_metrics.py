"""Errors of reconstructions: values worked out by hand, and what they must not depend on."""

import numpy as np
import pytest

from mgcbook.face.camera import rotation_from_euler
from mgcbook.learning.metrics import depth_error, nme, rigid_alignment, rotation_error_degrees, shape_spread, vertex_error


def test_nme_by_hand():
    truth = np.array([[[0.0, 0], [4, 0], [4, 9], [0, 9]]])  # a box of 4 x 9: root of the area 6
    np.testing.assert_allclose(nme(truth + np.array([3, 4]), truth), [5 / 6])
    np.testing.assert_allclose(nme(truth, truth), [0])


def test_nme_does_not_depend_on_the_size_of_the_picture(rng):
    found, truth = rng.normal(size=(2, 3, 68, 2))
    np.testing.assert_allclose(nme(7 * found, 7 * truth), nme(found, truth))


@pytest.mark.parametrize("with_scale", [False, True])
def test_alignment_undoes_a_motion(rng, with_scale):
    points = rng.normal(size=(3, 50, 3))
    rotation = rotation_from_euler(rng.uniform(-3, 3, (3, 3)))
    scale = np.array([0.5, 1, 2]) if with_scale else np.ones(3)
    moved = scale[:, None, None] * points @ rotation.swapaxes(1, 2) + rng.normal(size=(3, 1, 3))
    found = rigid_alignment(points, moved, with_scale=with_scale)
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-12)
    np.testing.assert_allclose(found.scale, scale)
    np.testing.assert_allclose(found.apply(points), moved, atol=1e-12)


def test_alignment_is_never_a_mirror(rng):
    points = rng.normal(size=(4, 30, 3))
    np.testing.assert_allclose(np.linalg.det(rigid_alignment(points, points * [-1, 1, 1]).rotation), np.ones(4))
    assert (vertex_error(points * [-1, 1, 1], points) > 0.1).all()


def test_alignment_is_the_best_motion(rng):
    points, target = rng.normal(size=(2, 1, 20, 3))
    best = rigid_alignment(points, target)
    error = ((best.apply(points) - target) ** 2).sum()
    for _ in range(20):
        nudged = best._replace(rotation=rotation_from_euler(0.05 * rng.normal(size=(1, 3))) @ best.rotation)
        assert ((nudged.apply(points) - target) ** 2).sum() > error


def test_vertex_error_by_hand():
    cross = np.array([[[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]]])
    np.testing.assert_allclose(vertex_error(1.5 * cross, cross), [0.5])
    np.testing.assert_allclose(vertex_error(1.5 * cross + 7, cross, with_scale=True), [0], atol=1e-12)


def test_depth_error_by_hand():
    truth = np.array([[[100.0, 102, 0, 50]]])
    np.testing.assert_allclose(depth_error(np.array([[[205.0, 203, 90, 0]]]), truth), [2])  # 105 and 101: mean 103
    np.testing.assert_allclose(depth_error(truth + 9 * (truth > 0), truth), [0], atol=1e-12)
    assert np.isnan(depth_error(0 * truth, truth)).all()


@pytest.mark.parametrize("degrees", [0, 1e-5, 30, 179.9])
def test_rotation_error(rng, degrees):
    base = rotation_from_euler(rng.uniform(-3, 3, (1, 3)))
    turn = rotation_from_euler(np.array([[0, np.deg2rad(degrees), 0]]))
    np.testing.assert_allclose(rotation_error_degrees(base @ turn, base), [degrees], atol=1e-9)


def test_spread_counts_shape_and_not_motion(rng):
    shape = 50 * rng.normal(size=(1, 40, 3))
    moved = shape @ rotation_from_euler(rng.uniform(-1, 1, (3, 3))).swapaxes(1, 2) + rng.normal(size=(3, 1, 3))
    np.testing.assert_allclose(shape_spread(moved), 0, atol=1e-10)
    assert shape_spread(moved + rng.normal(size=moved.shape)) > 0.5
