"""What the GPU kernels must agree on with the CPU's, as functions that run on a GPU and in the simulator.

    NUMBA_ENABLE_CUDASIM=1 python -m tests.kernels.gpu_agreement        runs all in the simulator, one line of JSON for each
"""

import inspect
import json
import sys
import time
import traceback

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.arrays import to_host
from mgcbook.data.backgrounds import scenery
from mgcbook.data.sheet import Sheet
from mgcbook.face.antialias import edge_neighbours
from mgcbook.kernels import cpu, twins
from mgcbook.kernels.twins import painting

LENS = 40.0, (9.5, 6.3)
HEIGHT, WIDTH = 13, 19
BACKGROUNDS = (3, 235, 5, 51)
"""Seeds of some that use every operation together."""


def soup(rng, count=16, batch=2, spread=3.0):
    """Triangles anywhere: in front, behind, across the near plane, beside the picture."""
    points = rng.normal(size=(batch, 3 * count, 3)) * [spread, spread, 3.0] + [0.0, 0.0, 3.0]
    return points.astype(np.float32), rng.permutation(3 * count).reshape(-1, 3).astype(np.int32)


def mesh(rng, n=9, batch=2):
    """A bumpy sheet of small triangles that fills most of the picture; no edge meets a pixel centre."""
    x, y = np.meshgrid(np.linspace(-0.2, 0.2, n), np.linspace(-0.16, 0.16, n))
    z = 4 + 0.3 * np.sin(15 * x + rng.normal(size=(batch, 1, 1))) + 0.05 * rng.normal(size=(batch, n, n))
    x, y = x + 0.005 * rng.normal(size=z.shape), y + 0.005 * rng.normal(size=z.shape)
    points = np.stack([x * z, y * z, z], axis=-1).reshape(batch, n * n, 3)
    i = np.arange(n * n).reshape(n, n)
    quads = [i[:-1, :-1], i[1:, :-1], i[1:, 1:], i[:-1, :-1], i[1:, 1:], i[:-1, 1:]]
    return points.astype(np.float32), np.stack(quads, axis=-1).reshape(-1, 3).astype(np.int32)


def agree(kernels, name, *arguments, tolerance=1e-6, move=lambda array: array, **settings):
    """Run a kernel and the CPU's on the same arguments; numbers within `tolerance` of the largest, whole numbers the same."""
    expected = getattr(cpu, name)(*arguments, **settings)
    moved = {key: move(value) if isinstance(value, np.ndarray) else value for key, value in settings.items()}
    found = getattr(kernels, name)(*(move(a) if isinstance(a, np.ndarray) else a for a in arguments), **moved)
    as_tuple = lambda result: result if isinstance(result, tuple) else (result,)
    for ours, theirs in zip(as_tuple(to_host(found)), as_tuple(expected), strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, name
        if ours.dtype.kind == "f":
            assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max(initial=0), err_msg=name)
        else:
            assert_array_equal(ours, theirs, err_msg=name)
    return expected


def rasterize_a_soup(kernels, rng, **options):
    """Crossing the near plane, behind, beside the image; some not active."""
    points, triangles = soup(rng)
    active = rng.random((2, len(triangles))) < 0.8
    triangle, *_ = agree(kernels, "rasterize", points, triangles, *LENS, HEIGHT, WIDTH, active=active, near=0.5, **options)
    drawn = np.unique(triangle[0][triangle[0] >= 0])
    assert len(drawn) > 3 and (points[0, triangles[drawn], 2] < 0.5).any()


def rasterize_one_side(kernels, rng, **options):
    points, triangles = soup(rng, count=16)
    triangles[::2] = triangles[::2, ::-1]
    agree(kernels, "rasterize", points, triangles, *LENS, HEIGHT, WIDTH, near=0.5, cull=True, **options)


def rasterize_a_mesh(kernels, rng, **options):
    points, triangles = mesh(rng)
    triangle, *_ = agree(kernels, "rasterize", points, triangles, *LENS, HEIGHT, WIDTH, **options)
    assert (triangle >= 0).mean() > 0.5


def rasterize_what_must_not_be_drawn(kernels, rng, **options):
    """NaN, infinite and huge coordinates, corners in one place, a triangle without area."""
    points, triangles = mesh(rng, n=5, batch=1)
    points[0, :4] = [[np.nan] * 3, [np.inf] * 3, [1e30] * 3, [0] * 3]
    triangles = np.concatenate([triangles, [[5, 5, 6], [7, 7, 7], [0, 10, 20], [1, 10, 20]]]).astype(np.int32)
    agree(kernels, "rasterize", points, triangles, *LENS, HEIGHT, WIDTH, **options)


def equal_depths_show_the_lowest_number(kernels, rng, **options):
    points, triangles = mesh(rng, n=4, batch=1)
    twice = np.concatenate([triangles[::-1], triangles]).astype(np.int32)
    triangle, *_ = agree(kernels, "rasterize", points, twice, *LENS, HEIGHT, WIDTH, **options)
    assert 0 <= triangle.max() < len(triangles)


def five_metres_away(kernels, rng, **options):
    """The paper's camera: 4700 pixels, a face at 5 m. Single precision has half a micrometre left there."""
    points, triangles = mesh(rng, n=13, batch=1)
    points[..., :2] *= 90
    points[..., 2] = 5000 + 40 * (points[..., 2] - 4)
    agree(kernels, "rasterize", points, triangles, 4700.0 / 7, (WIDTH / 2, HEIGHT / 2), HEIGHT, WIDTH, **options)


def hits(rng):
    points, triangles = mesh(rng)
    triangle, barycentric, _ = cpu.rasterize(points, triangles, *LENS, HEIGHT, WIDTH)
    return points, (triangles, triangle, barycentric)


def interpolation(kernels, rng, **options):
    points, (triangles, triangle, barycentric) = hits(rng)
    for meshes in (1, 2):
        attributes = rng.random((meshes, points.shape[1], 4)).astype(np.float32)
        gradient = rng.normal(size=(2, HEIGHT, WIDTH, 4)).astype(np.float32)
        arguments = attributes, triangles, triangle, barycentric
        agree(kernels, "interpolate", *arguments, **options)
        agree(kernels, "interpolate_attribute_gradient", *arguments, gradient, **options)
        agree(kernels, "interpolate_barycentric_gradient", *arguments, gradient, **options)


def gradients_of_the_weights_and_of_depth(kernels, rng, **options):
    points, (triangles, triangle, barycentric) = hits(rng)
    gradient = rng.normal(size=(2, HEIGHT, WIDTH, 3)).astype(np.float32)
    arguments = points, triangles, triangle, barycentric
    agree(kernels, "barycentric_gradient", *arguments, gradient, *LENS, tolerance=2e-6, **options)
    agree(kernels, "depth_gradient", *arguments, gradient[..., 0], *LENS, tolerance=2e-6, **options)


def sampling(kernels, rng, **options):
    """Inside, at the ends, outside and NaN; pictures of one row and of one pixel."""
    for height, width in ((5, 6), (1, 6), (1, 1)):
        image = rng.random((2, height, width, 3)).astype(np.float32)
        uv = rng.uniform(-1, [width + 1, height + 1], size=(2, 4, 5, 2)).astype(np.float32)
        uv[0, 0] = [[0.5, 0.5], [width - 0.5, height - 0.5], [np.nan, 1.0], [0.0, height], [width, 0.0]]
        gradient = rng.normal(size=(2, 4, 5, 3)).astype(np.float32)
        agree(kernels, "bilinear_sample", image, uv, **options)
        agree(kernels, "bilinear_sample_image_gradient", image, uv, gradient, **options)
        agree(kernels, "bilinear_sample_uv_gradient", image, uv, gradient, **options)


def normals(kernels, rng, **options):
    """With a vertex that no triangle touches, and a triangle without area."""
    points, triangles = mesh(rng, n=6)
    triangles = np.concatenate([triangles[6:], [[30, 30, 31]]]).astype(np.int32)
    gradient = rng.normal(size=points.shape).astype(np.float32)
    agree(kernels, "vertex_normals", points, triangles, **options)
    agree(kernels, "vertex_normals_gradient", points, triangles, gradient, tolerance=1e-5, **options)


def vertices_that_are_seen(kernels, rng, **options):
    points, (triangles, triangle, _) = hits(rng)
    seen = agree(kernels, "seen_vertices", np.where(triangle > 20, triangle, -1), triangles, points.shape[1], **options)
    assert 0 < seen.sum() < seen.size


def outlines(kernels, rng, **options):
    """Of a sheet, and of one that is folded over itself and comes nearer than what is drawn."""
    for folds, near in ((0.0, 1.0), (0.12, 3.7)):
        points, triangles = mesh(rng, n=13)
        turn = 25 * points[..., 0] / points[..., 2]
        points[..., 0] += np.float32(4 * folds) * np.sin(turn)
        points[..., 2] += np.float32(4 * folds) * np.cos(turn)
        triangle, _, depth = cpu.rasterize(points, triangles, *LENS, HEIGHT, WIDTH)
        mesh_of = points, triangles, edge_neighbours(triangles)
        pixels, edges = agree(kernels, "outline_crossings", *mesh_of, triangle, depth, *LENS, near, **options)
        assert len(pixels) > 20 and pixels.max() >= HEIGHT * WIDTH and edges.max() >= points.shape[1], "in both items"
        on_mesh = triangle.ravel()[pixels] >= 0
        assert on_mesh[:, 0].all() and (not folds or on_mesh[:, 1].sum() > 5), "an outline before the mesh itself"


def backgrounds_from_programs(kernels, rng, **options):
    """Those of some seeds, whose programs use every operation together."""
    height, width, programs = 16, 36, []
    for seed in BACKGROUNDS:
        sheet = Sheet(height, width)
        made = sheet.program(scenery(np.random.default_rng(seed), sheet)[0])
        programs.append((*made[:2], np.pad(made[2], (0, 29_000 - len(made[2])))))
    operations, numbers, tables = map(np.stack, zip(*programs, strict=True))
    assert set(operations.ravel().tolist()) == set(painting.OPERATIONS.values())
    start = np.arange(len(programs), dtype=np.int32) * 6
    agree(kernels, "paint", operations, numbers, tables, start, 1, height, width, 3, **options)


def light_on_rays(kernels, rng, **options):
    """A sheet of skin and one of cloth through each other, seen from both sides, dry and wet."""
    points, triangles = mesh(rng)
    others = points * np.float32([1.1, 0.6, 1.0]) + np.float32([0, 0, -0.1])
    columns = [rng.normal(size=(2, points.shape[1], count)).astype(np.float32) for count in (12, 8)]
    columns[0][..., 6:8] *= 60
    columns[0][..., 10] = rng.random(points.shape[1]) > 0.5
    hits = [cpu.rasterize(shape, triangles, *LENS, 12, 18) for shape in (points, others)]
    face, around = ((*hit, triangles, values) for hit, values in zip(hits, columns, strict=True))
    light, lamps = rng.normal(size=(2, 9, 3)), rng.normal(size=(2, 3, 2, 3))
    lamps[:, 2] = 0
    look = np.array([[0.05, 0.2, 0.05, 0.2, 0.2, 17.0, 3, 250, 1]] * 2)
    towards, grain = rng.normal(size=(2, 3)), rng.normal(size=(2, 16, 16, 4))
    settings = [array.astype(np.float32) for array in (light, np.abs(lamps), look, towards, grain)]
    moved = tuple(tuple(map(options.get("move", lambda array: array), side)) for side in (face, around))
    expected = cpu.shade_rays(face, around, *settings, 2)
    found = to_host(kernels.shade_rays(*moved, *map(options.get("move", lambda array: array), settings), 2))
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype == np.float32
        assert_allclose(ours, theirs, rtol=0, atol=3e-5 * np.abs(theirs).max())
    assert 0 < expected[2].mean() < 1 and (hits[0][2] < hits[1][2]).any() and (hits[0][2] > hits[1][2]).any()


def a_linear_model(kernels, rng, **options):
    start, coefficients, basis = (rng.normal(size=shape).astype(np.float32) for shape in ((2, 30), (2, 7), (7, 30)))
    agree(kernels, "add_modes", start, coefficients, basis, **options)
    agree(kernels, "add_modes_gradient", start, basis, **options)


def nothing_at_all(kernels, rng, **options):
    """No mesh, no triangle: empty pictures, and no launch of nothing."""
    points, triangles = mesh(rng, n=3)
    agree(kernels, "rasterize", points, triangles[:0], *LENS, 3, 4, **options)
    agree(kernels, "vertex_normals", points[:0], triangles, **options)


CHECKS = (rasterize_a_soup, rasterize_one_side, rasterize_a_mesh, rasterize_what_must_not_be_drawn, five_metres_away,
          equal_depths_show_the_lowest_number, interpolation, gradients_of_the_weights_and_of_depth, sampling, normals,
          vertices_that_are_seen, outlines, backgrounds_from_programs, light_on_rays, a_linear_model, nothing_at_all)  # fmt: skip


SIMULATED = [check for check in CHECKS if check is not a_linear_model]
"""What the simulator can do: it has no cuBLAS."""


def differences_in_names(gpu):
    """Names that the CPU has and the GPU lacks, and those with other arguments than their twins."""
    names = {name for name in vars(cpu) if callable(getattr(cpu, name))}
    arguments = lambda module, name: list(inspect.signature(getattr(module, name)).parameters)
    shared = {name for name in names if hasattr(twins, name) and hasattr(gpu, name)}
    return sorted(name for name in names if name not in shared or arguments(gpu, name) != arguments(twins, name))


def main():
    """Run every check in the simulator."""
    from mgcbook.kernels import gpu
    from mgcbook.kernels._cuda import is_simulated

    assert is_simulated, "set NUMBA_ENABLE_CUDASIM=1"
    np.seterr(all="ignore")  # hardware does not warn
    for check in SIMULATED:
        start, error = time.perf_counter(), None
        try:
            check(gpu, np.random.default_rng(0))
        except Exception:
            error = traceback.format_exc()
        print(json.dumps({"check": check.__name__, "error": error, "seconds": time.perf_counter() - start}), flush=True)
    print(json.dumps({"check": "names", "error": differences_in_names(gpu) or None}))


if __name__ == "__main__":
    sys.exit(main())
