"""The rasterizer and its gradient beside a plain one (raster_baseline.py): 15 faces of the full model in random poses."""

import numpy as np
from bench_raster import faces
from common import both_on
from raster_baseline import Baseline, clip_coordinates

from mgcbook.face.raster import rasterize
from mgcbook.kernels import cpu
from mgcbook.programs.timing import row_of, take_turns

GOAL, BATCH = 0.9, 15


def rows(rounds, threads):
    """Rows of the table."""
    with both_on(threads):
        for size in (224, 512):
            points, triangles, camera = faces("full", BATCH, size)
            baseline = Baseline(clip_coordinates(points, camera), triangles, size, size)
            fragments = rasterize(points, triangles, camera)
            gradient = np.random.default_rng(0).normal(size=fragments.barycentric.shape).astype(np.float32)
            flat = gradient.reshape(BATCH, -1, 3).copy()
            forward = {"ours": lambda: rasterize(points, triangles, camera), "plain Numba": baseline.forward}  # noqa: B023
            hits = points, triangles, fragments.triangle, fragments.barycentric, gradient
            backward = {
                "ours": lambda: cpu.barycentric_gradient(*hits, camera.focal, camera.center),  # noqa: B023
                "plain Numba": lambda: baseline.backward(flat),  # noqa: B023
            }
            check(baseline, fragments, backward["ours"](), flat, camera)
            name = f"{BATCH} x {size} x {size}, {len(triangles) // 1000}K triangles"
            yield row_of("raster", f"forward, {name}", take_turns(forward, 3 * rounds, warm_up=2), GOAL)
            yield row_of("raster", f"gradient to vertices, {name}", take_turns(backward, 3 * rounds, warm_up=2), GOAL)


def check(baseline, fragments, slope, gradient, camera):
    """Both sides find the same triangles and weights, and the same gradient but for the rounding of the plain one."""
    baseline.forward()
    same = baseline.triangle.reshape(fragments.triangle.shape) == fragments.triangle
    found = baseline.barycentric.reshape(fragments.barycentric.shape)[same]
    assert same.mean() > 0.9999 and np.abs(found - fragments.barycentric[same]).max() < 1e-2
    baseline.backward(gradient)
    x, y, _, w = (baseline.gradient[..., i].astype(np.float64) for i in range(4))
    (cx, cy), f = camera.center, camera.focal
    to_points = [2 * f / camera.width * x, 2 * f / camera.height * y,
                 (2 * cx / camera.width - 1) * x + (2 * cy / camera.height - 1) * y + w]  # fmt: skip
    error = np.linalg.norm(np.stack(to_points, -1)[..., :2] - slope[..., :2]) / np.linalg.norm(slope[..., :2])
    assert error < 1e-2, error
