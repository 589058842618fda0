"""Meshes that nobody should send and somebody will, through everything that draws: finite, in order, the same for any threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mgcbook.face.camera import Camera
from mgcbook.face.covisible import covisible_map, seen_vertices
from mgcbook.face.normals import vertex_normals
from mgcbook.face.raster import barycentric_weights, depth_map, interpolate, rasterize
from mgcbook.face.render import render
from mgcbook.kernels.cpu.threads import set_threads
from mgcbook.tape import value_and_grad

NEAR = 1.0
LONGEST = 4e8
"""Of `vertex_normals`, in mm."""
SIZES = [(8, 6), (1, 1), (1, 4096), (4096, 1), (33, 17)]
KINDS = ("plain", "zero area", "sliver", "duplicate", "behind", "on the near plane", "through it", "huge", "outside")


def corners_of(kind, rng):
    """Three corners of a triangle of a kind; (3, 3) float32."""
    points = np.stack([rng.uniform(-4, 4, 3), rng.uniform(-3, 3, 3), rng.uniform(4, 9, 3)], axis=1)
    if kind == "zero area":
        points[2] = points[rng.integers(2)]
    elif kind == "sliver":
        points[2] = points[0] + rng.random() * (points[1] - points[0]) + 10.0 ** rng.uniform(-12, -3) * rng.normal(size=3)
    elif kind == "behind":
        points[:, 2] *= -1
    elif kind == "on the near plane":
        points[: rng.integers(1, 4), 2] = NEAR
    elif kind == "through it":
        points[: rng.integers(1, 3), 2] = rng.uniform(-5, NEAR)
    elif kind == "huge":
        points *= 10.0 ** rng.uniform(3, 14)
    elif kind == "outside":
        points[:, rng.integers(2)] += rng.choice([-1, 1]) * 10.0 ** rng.uniform(2, 6)
    return points.astype(np.float32)


@st.composite
def meshes(draw, kinds=KINDS):
    """(points (B, V, 3), triangles (F, 3), camera): triangles of the kinds drawn, each with corners of its own or shared ones."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    chosen = draw(st.lists(st.sampled_from(kinds), max_size=7))
    points, triangles = [np.zeros((0, 3), np.float32)], []
    for kind in chosen:
        if kind == "duplicate" and triangles:
            triangles.append(np.roll(triangles[rng.integers(len(triangles))], rng.integers(3)))
            continue
        triangles.append(len(np.concatenate(points)) + np.arange(3))
        points.append(corners_of(kind, rng))
    if len(triangles) > 2 and rng.random() < 0.5:  # some share corners
        triangles[-1] = rng.permutation(np.concatenate([triangles[0][:2], triangles[1][:1]]))
    mesh = np.concatenate(points)
    batch = np.stack([mesh, mesh + np.float32(0.01)])
    return batch, np.array(triangles, np.int32).reshape(-1, 3), Camera(10.0, *draw(st.sampled_from(SIZES)))


def drawn(points, triangles, camera):
    """All that is computed from a mesh: arrays by name."""
    fragments = rasterize(points, triangles, camera, near=NEAR)
    seen = seen_vertices(points, triangles, camera, rays=2)
    picture = render(points, triangles, np.ones_like(points), camera, antialiased=camera.width * camera.height < 1000)
    return {
        **fragments._asdict(),
        "values": interpolate(np.ones_like(points), triangles, fragments),
        "depth map": depth_map(points, triangles, fragments, camera),
        "normals": vertex_normals(np.clip(points, -LONGEST, LONGEST), triangles),
        "seen": seen,
        "covisible": covisible_map(seen, seen, points, triangles, camera),
        "image": picture.image,
        "mask": picture.mask,
    }


def slope(points, triangles, camera):
    """Gradient of a sum over all that has one."""

    def loss(points):
        picture = render(points, triangles, vertex_normals(np.clip(points, -LONGEST, LONGEST), triangles), camera)
        return np.sum(picture.image) + 1e-6 * np.sum(picture.depth)

    return value_and_grad(loss)(points)[1]


@settings(max_examples=120, deadline=None, derandomize=True)
@given(meshes())
def test_all_that_is_drawn_is_finite_and_as_documented(mesh):
    _, triangles, camera = mesh
    found = drawn(*mesh)
    for name, array in found.items():
        assert np.isfinite(array).all(), name
    hit = found["triangle"] >= 0
    assert hit.shape == (2, camera.height, camera.width)
    assert found["triangle"].min(initial=-1) >= -1 and found["triangle"].max(initial=-1) < max(len(triangles), 1)
    assert_array_equal(found["depth"] >= NEAR, hit)
    assert_array_equal(found["depth"] == 0, ~hit)
    np.testing.assert_allclose(found["barycentric"].sum(axis=-1), hit, atol=1e-5)
    assert (found["barycentric"] >= 0).all()
    length = np.linalg.norm(found["normals"], axis=-1)
    assert (length < 1 + 1e-5).all()
    assert np.isfinite(slope(*mesh)).all()


@settings(max_examples=80, deadline=None, derandomize=True)
@given(meshes(), st.randoms(use_true_random=False))
def test_the_order_of_triangles_changes_ties_alone(mesh, random):
    """The depths are the same numbers. Another triangle is seen only where two have one depth, and then the lowest number is."""
    points, triangles, camera = mesh
    order = np.array(random.sample(range(len(triangles)), len(triangles)), int)
    plain, shuffled = (rasterize(points, faces, camera, near=NEAR) for faces in (triangles, triangles[order]))
    assert_array_equal(plain.depth, shuffled.depth)
    same_number = np.append(order, -1)[shuffled.triangle]
    for b, row, column in np.argwhere(same_number != plain.triangle):
        other = same_number[b, row, column]
        alone = rasterize(points[b : b + 1], triangles[other : other + 1], camera, near=NEAR)
        assert alone.depth[0, row, column] == plain.depth[b, row, column]  # a tie in fact
        assert plain.triangle[b, row, column] < other and np.flatnonzero(order == other) < np.flatnonzero(
            order == plain.triangle[b, row, column]
        )


@settings(max_examples=25, deadline=None, derandomize=True)
@given(meshes())
def test_any_number_of_threads_draws_the_same_bits(mesh):
    before = set_threads(1)
    try:
        pictures = []
        for count in (1, 2, 3, 8):
            set_threads(count)
            pictures.append({**drawn(*mesh), "slope": slope(*mesh)})
    finally:
        set_threads(before)
    for picture in pictures[1:]:
        for name, array in picture.items():
            assert array.tobytes() == pictures[0][name].tobytes(), name


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("size", SIZES)
def test_a_bad_vertex_spoils_its_own_triangles_alone(bad, size):
    points = np.array([[[-9, -9, 5], [9, -9, 5], [0, 20, 5], [-9, -9, 4], [9, -9, 4], [0, bad, 4]]], np.float32)
    camera = Camera(10.0, *size)
    both = rasterize(points, np.array([[0, 1, 2], [3, 4, 5]], np.int32), camera)
    alone = rasterize(points, np.array([[0, 1, 2]], np.int32), camera)
    for found, expected in zip(both, alone, strict=True):
        assert_array_equal(found, expected)
    assert not seen_vertices(points, np.array([[3, 4, 5]], np.int32), camera, rays=2).any()


@pytest.mark.parametrize("largest, is_drawn", [(0.9e15, True), (1.1e15, False)])
@pytest.mark.parametrize("behind", [False, True])
def test_coordinates_beyond_1e15_mm_are_not_drawn(largest, is_drawn, behind):
    """Also where a corner behind the camera makes the box of the triangle another one."""
    corner = [0, -largest, -5] if behind else [0, largest, 5]
    points = np.array([[[-9, 9 if behind else -9, 5], [9, 9 if behind else -9, 5], corner]])
    found = rasterize(points, np.array([[0, 1, 2]], np.int32), Camera(10.0, 8, 6)).triangle
    assert (found == 0).any() == is_drawn


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("vertices, batch", [(0, 2), (4, 2), (4, 0)])
def test_a_mesh_of_nothing_draws_nothing(size, vertices, batch):
    points, none, camera = np.ones((batch, vertices, 3), np.float32), np.zeros((0, 3), np.int32), Camera(10.0, *size)
    found = drawn(points, none, camera)
    found["weights by the formula"] = barycentric_weights(points, none, found["triangle"], camera)
    assert (found.pop("triangle") == -1).all()
    for name, array in found.items():
        assert len(array) == batch and not array.any(), name
    assert slope(points, none, camera).shape == points.shape


def test_a_triangle_with_a_corner_twice_has_no_normal(rng):
    points = rng.normal(size=(2, 12, 3)).astype(np.float32)
    triangles = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    more = np.concatenate([triangles, rng.integers(0, 12, (40, 1)).astype(np.int32)[:, [0, 0, 0]]])
    more[2:, 1:] = rng.integers(0, 12, (40, 1))  # (a, b, b)
    assert_array_equal(vertex_normals(points, more), vertex_normals(points, triangles))
    assert_array_equal(vertex_normals(points, np.roll(more, 1, axis=1)), vertex_normals(points, np.roll(triangles, 1, axis=1)))
