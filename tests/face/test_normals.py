"""Vertex normals: hand-computed ones, what they do when the mesh turns or folds, and their gradient."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.face.camera import rotation_from_euler
from mgcbook.face.normals import vertex_normals, vertex_normals_by_gathers
from mgcbook.kernels import cpu, twins
from mgcbook.tape import check_gradients

SQUARE = np.array([[[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]])
TWO = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def crumpled(rng, vertices=12, triangles=20, batch=2):
    corners = np.stack([rng.choice(vertices, 3, replace=False) for _ in range(triangles)]).astype(np.int32)
    return rng.normal(size=(batch, vertices, 3)), corners


def test_a_square_seen_from_above_points_up():
    assert_allclose(vertex_normals(SQUARE, TWO), np.broadcast_to([0.0, 0, 1], (1, 4, 3)), atol=1e-15)


def test_a_fold_counts_each_triangle_once_whatever_its_size():
    points = np.array([[[0.0, 0, 0], [0, 5, 0], [2, 0, 0], [0, 0, 1]]])  # one triangle in z = 0, a smaller one in x = 0
    normals = vertex_normals(points, np.array([[0, 2, 1], [0, 1, 3]], np.int32))
    assert_allclose(normals[0, 0], np.array([1, 0, 1]) / np.sqrt(2), atol=1e-15)
    assert_allclose(normals[0, 3], [1, 0, 0], atol=1e-15)


def test_normals_turn_with_the_mesh(rng):
    points, triangles = crumpled(rng)
    turn = rotation_from_euler(rng.normal(size=(1, 3)))[0]
    assert_allclose(vertex_normals(points @ turn.T, triangles), vertex_normals(points, triangles) @ turn.T, atol=1e-12)


def test_the_gradient_agrees_with_hips_and_differences(rng):
    points, triangles = crumpled(rng)
    weights = rng.normal(size=points.shape)
    check_gradients(lambda p: np.sum(weights * vertex_normals(p, triangles)), points, rng)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_kernels_agree_with_their_twins(rng, dtype):
    points, triangles = crumpled(rng, vertices=60, triangles=100)
    points, gradient = points.astype(dtype), rng.normal(size=points.shape).astype(dtype)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    normals = cpu.vertex_normals(points, triangles)
    assert normals.dtype == dtype
    assert_allclose(normals, twins.vertex_normals(points, triangles), atol=tolerance)
    assert_allclose(normals, vertex_normals_by_gathers(points, triangles), atol=tolerance)
    ours, twin = (module.vertex_normals_gradient(points, triangles, gradient) for module in (cpu, twins))
    assert_allclose(ours, twin, atol=tolerance * np.abs(twin).max())


def test_triangles_without_area_and_lonely_vertices_stay_finite(rng):
    points = np.zeros((1, 5, 3))
    points[0, 1] = 1
    gradient = cpu.vertex_normals_gradient(points, TWO, np.ones_like(points))
    assert_allclose(vertex_normals(points, TWO), 0)
    assert np.isfinite(gradient).all()
