"""Normals of a triangle mesh in Numba, forward and backward. See the twin for the equations.

One block is one mesh: its triangles are added up in their order, so the same bits come out for any number of threads. Measured
on 15 meshes of 4 312 vertices: 50 (forward) and 44 times (backward) as fast as the twin. Exact: with products and sums fused, the
cross product of an edge with itself is not 0, and a triangle with a corner twice would get a normal (fused: 0.9 of the time).
"""

import numpy as np
from numba import njit

from ..twins.normals import FLOOR
from .memory import take
from .threads import kernel, run_blocks

__all__ = ["vertex_normals", "vertex_normals_gradient"]


def vertex_normals(vertices, triangles):
    """Unit normals at the vertices; (B, V, 3), (F, 3) -> (B, V, 3)."""
    vertices, triangles = np.ascontiguousarray(vertices), np.ascontiguousarray(triangles)
    out = take(vertices.shape, vertices.dtype)
    run_blocks(_vertex_normals, len(vertices), vertices, triangles, vertices.dtype.type(FLOOR), out)
    return out


def vertex_normals_gradient(vertices, triangles, gradient):
    """d loss / d vertices from d loss / d normals; (B, V, 3), (F, 3), (B, V, 3) -> (B, V, 3)."""
    vertices, triangles, gradient = (np.ascontiguousarray(array) for array in (vertices, triangles, gradient))
    sums, out = np.empty_like(vertices), take(vertices.shape, vertices.dtype)
    run_blocks(_vertex_normals_gradient, len(vertices), vertices, triangles, gradient, vertices.dtype.type(FLOOR), sums, out)
    return out


@njit(error_model="numpy")
def _triangle(points, corners, floor):
    """Corner numbers, edges u = b - a and w = c - a, unit normal and 1 / |u x w| of one triangle."""
    a, b, c = np.uint64(corners[0]), np.uint64(corners[1]), np.uint64(corners[2])
    u = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
    w = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
    n, over = _unit(*_cross(u, w), floor)
    return a, b, c, u, w, n, over


@njit(error_model="numpy")
def _cross(u, w):
    return u[1] * w[2] - u[2] * w[1], u[2] * w[0] - u[0] * w[2], u[0] * w[1] - u[1] * w[0]


@njit(error_model="numpy")
def _unit(x, y, z, floor):
    over = type(floor)(1) / np.sqrt(x * x + y * y + z * z + floor)
    return (x * over, y * over, z * over), over


@njit(error_model="numpy")
def _unit_gradient(n, over, g):
    """Through v / |v|: what remains of the gradient across the direction n, over the length."""
    along = n[0] * g[0] + n[1] * g[1] + n[2] * g[2]
    return (g[0] - n[0] * along) * over, (g[1] - n[1] * along) * over, (g[2] - n[2] * along) * over


@njit(error_model="numpy")
def _add(into, row, x):
    into[row, 0] += x[0]
    into[row, 1] += x[1]
    into[row, 2] += x[2]


@njit(error_model="numpy")
def _sum_of_rows(x, a, b, c):
    return x[a, 0] + x[b, 0] + x[c, 0], x[a, 1] + x[b, 1] + x[c, 1], x[a, 2] + x[b, 2] + x[c, 2]


@njit(error_model="numpy")
def _add_up(points, triangles, floor, sums):
    sums[:] = 0
    for t in range(np.uint64(triangles.shape[0])):
        a, b, c, _, _, n, _ = _triangle(points, triangles[t], floor)
        _add(sums, a, n)
        _add(sums, b, n)
        _add(sums, c, n)


@kernel(exact=True)
def _vertex_normals(start, stop, vertices, triangles, floor, out):
    for item in range(start, stop):
        sums = out[item]
        _add_up(vertices[item], triangles, floor, sums)
        for v in range(np.uint64(sums.shape[0])):
            sums[v, 0], sums[v, 1], sums[v, 2] = _unit(sums[v, 0], sums[v, 1], sums[v, 2], floor)[0]


@kernel(exact=True)
def _vertex_normals_gradient(start, stop, vertices, triangles, gradient, floor, sums, out):
    for item in range(start, stop):
        points, total, into = vertices[item], sums[item], out[item]
        into[:] = 0
        _add_up(points, triangles, floor, total)  # once more: cheaper than keeping it
        for v in range(np.uint64(total.shape[0])):  # in place: the sums become their gradients
            g = gradient[item, v, 0], gradient[item, v, 1], gradient[item, v, 2]
            n, over = _unit(total[v, 0], total[v, 1], total[v, 2], floor)
            total[v, 0], total[v, 1], total[v, 2] = _unit_gradient(n, over, g)
        for t in range(np.uint64(triangles.shape[0])):
            a, b, c, u, w, n, over = _triangle(points, triangles[t], floor)
            g = _unit_gradient(n, over, _sum_of_rows(total, a, b, c))
            gb, gc = _cross(w, g), _cross(g, u)
            _add(into, b, gb)
            _add(into, c, gc)
            _add(into, a, (-gb[0] - gc[0], -gb[1] - gc[1], -gb[2] - gc[2]))
