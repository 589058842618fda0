"""Normals of a triangle mesh on a GPU, forward and backward, by gathering: one thread for each vertex. See the twin.

Every vertex reads the triangles of its fan in ascending order, so no two threads write to one place and the same bits come out
every time. A triangle's normal is computed anew for each of its corners: cheaper than writing and reading it.
"""

import math

import numpy as np

from mgcbook.arrays import to_host

from .._cuda import cuda, device, kernel
from ..twins.normals import FLOOR
from .checks import indices, single
from .runtime import hold

__all__ = ["vertex_normals", "vertex_normals_gradient"]

TINY = np.float32(FLOOR)
ZERO, ONE = np.float32(0), np.float32(1)


def vertex_normals(vertices, triangles):
    """Unit normals at the vertices; (B, V, 3), (F, 3) -> (B, V, 3)."""
    (vertices,), (triangles, starts, corners) = single(vertices), _fans_of(triangles, vertices.shape[1])
    out = np.empty_like(vertices)
    _vertex_normals(vertices.shape[1], len(vertices), vertices, triangles, starts, corners, out)
    return out


def vertex_normals_gradient(vertices, triangles, gradient):
    """d loss / d vertices from d loss / d normals; (B, V, 3), (F, 3), (B, V, 3) -> (B, V, 3)."""
    (vertices, gradient), fans = single(vertices, gradient), _fans_of(triangles, vertices.shape[1])
    triangles, starts, corners = fans
    batch, count = vertices.shape[:2]
    gradient_sums, out = np.empty_like(vertices), np.empty_like(vertices)
    gradient_crosses = np.empty((batch, len(triangles), 3), dtype=np.float32, like=vertices)
    _gradient_of_sums(count, batch, vertices, triangles, starts, corners, gradient, gradient_sums)
    _gradient_of_crosses(len(triangles), batch, vertices, triangles, gradient_sums, gradient_crosses)
    _gradient_of_vertices(count, batch, vertices, triangles, starts, corners, gradient_crosses, out)
    return out


_latest = []  # (triangles, vertex count, fans) of the last meshes: a training run asks for the same one in every step


def _fans_of(triangles, vertex_count):
    """Triangles (F, 3), where each vertex's fan starts (V + 1,), and 3 t + corner of each member (3 F,), beside `triangles`."""
    for known, count, fans in _latest:
        if known is triangles and count == vertex_count:  # the same array: comparing values would wait for the GPU
            return hold(fans)
    places = to_host(triangles).ravel()
    order = np.argsort(places, kind="stable")
    starts = np.searchsorted(places[order], np.arange(vertex_count + 1))
    (whole,) = indices(triangles)
    fans = whole, *(np.asarray(array.astype(np.int32), like=whole) for array in (starts, order))
    _latest[:] = [(triangles, vertex_count, fans), *_latest[:3]]
    return hold(fans)


@device
def _edges(vertices, b, triangles, t):
    """Edges u = b - a and w = c - a of one triangle."""
    i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    x, y, z = vertices[b, i, 0], vertices[b, i, 1], vertices[b, i, 2]
    return (
        (vertices[b, j, 0] - x, vertices[b, j, 1] - y, vertices[b, j, 2] - z),
        (vertices[b, k, 0] - x, vertices[b, k, 1] - y, vertices[b, k, 2] - z),
    )


@device
def _cross(u, w):
    return u[1] * w[2] - u[2] * w[1], u[2] * w[0] - u[0] * w[2], u[0] * w[1] - u[1] * w[0]


@device
def _unit(v):
    """v / |v| and 1 / |v|."""
    over = ONE / math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] + TINY)
    return (v[0] * over, v[1] * over, v[2] * over), over


@device
def _unit_gradient(v, g):
    """Through v / |v|: what remains of the gradient across the direction, over the length."""
    n, over = _unit(v)
    along = n[0] * g[0] + n[1] * g[1] + n[2] * g[2]
    return (g[0] - n[0] * along) * over, (g[1] - n[1] * along) * over, (g[2] - n[2] * along) * over


@device
def _sum_of_fan(vertices, b, triangles, start, stop, corners):
    """Sum of the unit normals of the triangles around a vertex."""
    x, y, z = ZERO, ZERO, ZERO
    for place in range(start, stop):
        u, w = _edges(vertices, b, triangles, corners[place] // 3)
        n, _ = _unit(_cross(u, w))
        x, y, z = x + n[0], y + n[1], z + n[2]
    return x, y, z


FAN = "float32[:,:,::1], int32[:,::1], int32[::1], int32[::1]"
"""Types of vertices, triangles, and the fans' starts and members."""


@kernel(FAN + ", float32[:,:,::1]")
def _vertex_normals(vertices, triangles, starts, corners, out):
    v, b = cuda.grid(2)
    if v < vertices.shape[1]:
        n, _ = _unit(_sum_of_fan(vertices, b, triangles, starts[v], starts[v + 1], corners))
        out[b, v, 0], out[b, v, 1], out[b, v, 2] = n


@kernel(FAN + ", float32[:,:,::1], float32[:,:,::1]")
def _gradient_of_sums(vertices, triangles, starts, corners, gradient, out):
    v, b = cuda.grid(2)
    if v < vertices.shape[1]:
        total = _sum_of_fan(vertices, b, triangles, starts[v], starts[v + 1], corners)
        g = gradient[b, v, 0], gradient[b, v, 1], gradient[b, v, 2]
        out[b, v, 0], out[b, v, 1], out[b, v, 2] = _unit_gradient(total, g)


@kernel("float32[:,:,::1], int32[:,::1], float32[:,:,::1], float32[:,:,::1]")
def _gradient_of_crosses(vertices, triangles, gradient_sums, out):
    t, b = cuda.grid(2)
    if t < triangles.shape[0]:
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        u, w = _edges(vertices, b, triangles, t)
        g = (gradient_sums[b, i, 0] + gradient_sums[b, j, 0] + gradient_sums[b, k, 0],
             gradient_sums[b, i, 1] + gradient_sums[b, j, 1] + gradient_sums[b, k, 1],
             gradient_sums[b, i, 2] + gradient_sums[b, j, 2] + gradient_sums[b, k, 2])  # fmt: skip
        out[b, t, 0], out[b, t, 1], out[b, t, 2] = _unit_gradient(_cross(u, w), g)


@kernel(FAN + ", float32[:,:,::1], float32[:,:,::1]")
def _gradient_of_vertices(vertices, triangles, starts, corners, gradient_crosses, out):
    v, b = cuda.grid(2)
    if v >= vertices.shape[1]:
        return
    x, y, z = ZERO, ZERO, ZERO
    for place in range(starts[v], starts[v + 1]):
        t, corner = corners[place] // 3, corners[place] % 3
        u, w = _edges(vertices, b, triangles, t)
        g = gradient_crosses[b, t, 0], gradient_crosses[b, t, 1], gradient_crosses[b, t, 2]
        second, third = _cross(w, g), _cross(g, u)
        if corner == 1:
            x, y, z = x + second[0], y + second[1], z + second[2]
        elif corner == 2:
            x, y, z = x + third[0], y + third[1], z + third[2]
        else:
            x, y, z = x - second[0] - third[0], y - second[1] - third[1], z - second[2] - third[2]
    out[b, v, 0], out[b, v, 1], out[b, v, 2] = x, y, z
