"""The rasterizer's kernels against their NumPy twins: same names, same arguments, same answers."""

import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.face.antialias import edge_neighbours
from mgcbook.kernels import twins

cpu = pytest.importorskip("mgcbook.kernels.cpu", reason="needs Numba")
threads = pytest.importorskip("mgcbook.kernels.cpu.threads")

LENS = 40.0, (13.5, 10.25)
HEIGHT, WIDTH = 21, 27


def soup(rng, count=80, batch=2, dtype=np.float64, spread=3.0):
    """Triangles anywhere: in front, behind, across the near plane, beside the picture."""
    points = rng.normal(size=(batch, 3 * count, 3)) * [spread, spread, 3.0] + [0.0, 0.0, 3.0]
    return points.astype(dtype), rng.permutation(3 * count).reshape(-1, 3).astype(np.int32)


def mesh(rng, n=30, batch=2, dtype=np.float32):
    """A bumpy sheet of small triangles that fills most of the picture."""
    x, y = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-0.8, 0.8, n))
    z = 4 + 0.3 * np.sin(3 * x + rng.normal(size=(batch, 1, 1))) + 0.05 * rng.normal(size=(batch, n, n))
    points = np.stack([np.broadcast_to(x, z.shape), np.broadcast_to(y, z.shape), z], axis=-1).reshape(batch, n * n, 3)
    i = np.arange(n * n).reshape(n, n)
    quads = [i[:-1, :-1], i[1:, :-1], i[1:, 1:], i[:-1, :-1], i[1:, 1:], i[:-1, 1:]]
    return points.astype(dtype), np.stack(quads, axis=-1).reshape(-1, 3).astype(np.int32)


@pytest.mark.parametrize("cull", [False, True])
@pytest.mark.parametrize("scene", [soup, mesh])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rasterize_is_its_twin_to_the_last_bit(rng, scene, dtype, cull):
    points, triangles = scene(rng, dtype=dtype)
    active = rng.random((2, len(triangles))) < 0.8
    fast = cpu.rasterize(points, triangles, *LENS, HEIGHT, WIDTH, active=active, near=0.5, cull=cull)
    slow = twins.rasterize(points, triangles, *LENS, HEIGHT, WIDTH, active=active, near=0.5, cull=cull)
    assert cull or (slow[0] >= 0).mean() > 0.3
    for ours, theirs in zip(fast, slow, strict=True):
        assert ours.dtype == theirs.dtype
        assert_array_equal(ours, theirs)


def test_rasterize_is_its_twin_near_the_plane(rng):
    """Most of these triangles cross the near plane, many also surround the camera."""
    points, triangles = soup(rng, count=150, spread=1.0)
    points[..., 2] -= 2.5
    fast = cpu.rasterize(points, triangles, *LENS, HEIGHT, WIDTH, near=0.01)
    slow = twins.rasterize(points, triangles, *LENS, HEIGHT, WIDTH, near=0.01)
    crossing = (points[0, triangles, 2] < 0.01).any(axis=1) & (points[0, triangles, 2] >= 0.01).any(axis=1)
    assert crossing[slow[0][0][slow[0][0] >= 0]].mean() > 0.3  # the slow path is seen
    for ours, theirs in zip(fast, slow, strict=True):
        assert_array_equal(ours, theirs)


def test_slivers_are_drawn_by_neither():
    """Twice the areas are 6.4e-7 and 6.4e-9 square pixels, on the centres of row 10; the limit is 1e-8."""
    for height, drawn in ((1e-9, True), (1e-11, False)):
        points = np.array([[[-0.1, 0.25 / 40 - height, 1.0], [0.1, 0.25 / 40 - height, 1.0], [0.0, 0.25 / 40 + height, 1.0]]])
        for kernels in (cpu, twins):
            triangle, _, _ = kernels.rasterize(points, np.array([[0, 1, 2]], dtype=np.int32), *LENS, HEIGHT, WIDTH, near=0.1)
            assert (triangle >= 0).any() == drawn, kernels.__name__


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shared", [False, True])
def test_interpolation_and_gradients_are_their_twins(rng, dtype, shared):
    points, triangles = mesh(rng, dtype=dtype)
    triangle, barycentric, _ = twins.rasterize(points, triangles, *LENS, HEIGHT, WIDTH)
    attributes = rng.random((1 if shared else 2, points.shape[1], 5)).astype(dtype)
    gradient = rng.normal(size=(2, HEIGHT, WIDTH, 5)).astype(dtype)
    calls = {
        "interpolate": (attributes, triangles, triangle, barycentric),
        "interpolate_attribute_gradient": (attributes, triangles, triangle, barycentric, gradient),
        "interpolate_barycentric_gradient": (attributes, triangles, triangle, barycentric, gradient),
        "barycentric_gradient": (points, triangles, triangle, barycentric, gradient[..., :3], *LENS),
        "depth_gradient": (points, triangles, triangle, barycentric, gradient[..., 0], *LENS),
    }
    for name, arguments in calls.items():
        fast, slow = getattr(cpu, name)(*arguments), getattr(twins, name)(*arguments)
        assert fast.dtype == slow.dtype == dtype, name
        assert_allclose(fast, slow, rtol=0, atol=(1e-5 if dtype == np.float32 else 1e-12) * np.abs(slow).max(), err_msg=name)


def test_sums_over_many_pixels_keep_their_digits():
    """Two triangles on 260,000 pixels, all pulling the same way: a sum in float32 would be 3e-5 off."""
    points = np.array([[[-3, -3, 50], [3, -3, 50.1], [3, 3, 49.9], [-3, 3, 50.05]]], dtype=np.float32)
    triangles, lens = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32), (4700.0, (256.0, 256.0))
    hits = triangles, *cpu.rasterize(points, triangles, *lens, 512, 512)[:2]
    gradient = np.ones((1, 512, 512, 3), dtype=np.float32) * np.array([1, 0.5, 0.2], dtype=np.float32)
    for name, last in (("interpolate_attribute_gradient", ()), ("barycentric_gradient", lens)):
        fast, slow = (getattr(kernels, name)(points, *hits, gradient, *last) for kernels in (cpu, twins))
        assert fast.dtype == np.float32
        assert_allclose(fast, slow, rtol=0, atol=1e-6 * np.abs(slow).max(), err_msg=name)


def test_seen_vertices_are_their_twin(rng):
    triangles = rng.integers(0, 60, (50, 3)).astype(np.int32)
    triangle = rng.integers(-1, 30, (3, 8, 9)).astype(np.int32)
    assert_array_equal(cpu.seen_vertices(triangle, triangles, 60), twins.seen_vertices(triangle, triangles, 60))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sampling_is_its_twin(rng, dtype):
    image = rng.random((2, 7, 9, 3)).astype(dtype)
    uv = rng.uniform(-2, 11, size=(2, 6, 5, 2)).astype(dtype)
    uv[0, 0, :, 0] = [0.5, 8.5, np.nan, np.inf, -np.inf]
    gradient = rng.normal(size=(2, 6, 5, 3)).astype(dtype)
    for name in ("bilinear_sample", "bilinear_sample_image_gradient", "bilinear_sample_uv_gradient"):
        arguments = (image, uv) if name == "bilinear_sample" else (image, uv, gradient)
        fast, slow = getattr(cpu, name)(*arguments), getattr(twins, name)(*arguments)
        assert fast.dtype == slow.dtype == dtype
        assert_allclose(fast, slow, rtol=0, atol=1e-6 if dtype == np.float32 else 1e-13, err_msg=name)


@pytest.mark.parametrize("turn", [0.0, 1.3])
def test_outline_crossings_are_their_twin(rng, turn):
    """A sheet with a border, and one that is turned until it folds under itself."""
    points, triangles = mesh(rng, dtype=np.float64)
    points = points * [0.5, 0.5, 1.0] - [0.0, 0.0, 4.0]
    x, z = points[..., 0].copy(), points[..., 2].copy()
    points[..., 0], points[..., 2] = np.cos(turn) * x + np.sin(turn) * z, 4.0 - np.sin(turn) * x + np.cos(turn) * z
    triangle, _, depth = twins.rasterize(points, triangles, *LENS, HEIGHT, WIDTH)
    arguments = points, triangles, edge_neighbours(triangles), triangle, depth, *LENS
    fast, slow = cpu.outline_crossings(*arguments), twins.outline_crossings(*arguments)
    assert len(slow[0]) > 20
    for ours, theirs in zip(fast, slow, strict=True):
        assert_array_equal(ours, theirs)
    behind = (triangle.reshape(-1)[slow[0]] >= 0).all(axis=1)
    assert behind.any() == (turn > 0)  # a fold has the mesh itself behind it


@pytest.mark.parametrize("batch", [1, 3])
def test_any_number_of_threads_gives_the_same_bits(rng, batch):
    points, triangles = mesh(rng, batch=batch)
    gradient = rng.normal(size=(batch, HEIGHT, WIDTH, 3)).astype(np.float32)

    def everything():
        triangle, barycentric, depth = cpu.rasterize(points, triangles, *LENS, HEIGHT, WIDTH)
        hits = triangles, triangle, barycentric
        image = cpu.interpolate(points, *hits)
        moved = cpu.barycentric_gradient(points, *hits, gradient, *LENS)
        return triangle, barycentric, depth, image, moved, cpu.interpolate_attribute_gradient(points, *hits, gradient)

    before = threads.set_threads(1)
    try:
        one = everything()
        for count in (2, 3, 8):
            threads.set_threads(count)
            for single, several in zip(one, everything(), strict=True):
                assert single.tobytes() == several.tobytes()
    finally:
        threads.set_threads(before)


def test_every_kernel_has_a_twin():
    for module in ("raster", "interpolate", "sampling", "antialias"):
        fast, slow = (__import__(f"mgcbook.kernels.{place}.{module}", fromlist=["__all__"]) for place in ("cpu", "twins"))
        assert sorted(fast.__all__) == sorted(slow.__all__)
        assert all(getattr(cpu, name) is getattr(fast, name) for name in fast.__all__)


BOUNDS_CHECKED = """
import numpy as np
from mgcbook.face.antialias import edge_neighbours
from mgcbook.kernels import cpu
rng = np.random.default_rng(0)
points = (rng.normal(size=(2, 60, 3)) * [3, 3, 3] + [0, 0, 2]).astype(np.float32)
points[0, :5] = [[np.nan] * 3, [np.inf] * 3, [1e30] * 3, [0] * 3, [-1e14, 1e14, 1]]
triangles = rng.integers(0, 60, size=(50, 3)).astype(np.int32)
for height, width in ((9, 7), (1, 1), (1, 300)):
    lens = 20.0, (width / 2, height / 2)
    triangle, weights, depth = cpu.rasterize(points, triangles, *lens, height, width, near=0.1)
    assert (triangle >= 0).any()
    image = cpu.interpolate(points, triangles, triangle, weights)
    cpu.interpolate_attribute_gradient(points, triangles, triangle, weights, image)
    cpu.interpolate_barycentric_gradient(points, triangles, triangle, weights, image)
    cpu.barycentric_gradient(points, triangles, triangle, weights, weights, *lens)
    cpu.depth_gradient(points, triangles, triangle, weights, depth, *lens)
    cpu.seen_vertices(triangle, triangles, 60)
    uv = (image[..., :2] * 1e3).astype(np.float32)
    cpu.bilinear_sample(image, uv)
    cpu.bilinear_sample_image_gradient(image, uv, image)
    cpu.bilinear_sample_uv_gradient(image, uv, image)
    cpu.outline_crossings(points, triangles, edge_neighbours(triangles), triangle, depth, *lens, near=0.1)
print("no access out of bounds")
"""


def test_no_kernel_leaves_its_arrays(tmp_path):
    """Once more with Numba's bounds checks on, in a process and a cache of its own."""
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", BOUNDS_CHECKED], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "no access out of bounds" in done.stdout
