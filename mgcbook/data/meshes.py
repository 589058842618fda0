"""Simple meshes for the surroundings of a face, all of them bent grids: a row of points becomes a sheet, a ring a tube.

A grid has a fixed topology whatever its shape, so the things around every face share one list of triangles.
"""

from functools import cache

import numpy as np

from mgcbook.arrays import check_shapes


@cache
def grid_triangles(rows, columns, closed=False):
    """Two triangles for every cell of a grid of points; `closed` joins the last column to the first; -> (F, 3) int32."""
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    right = np.roll(index, -1, axis=1)
    if not closed:
        index, right = index[:, :-1], right[:, :-1]
    a, b, c, d = index[:-1], right[:-1], index[1:], right[1:]
    return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])


def ellipsoid(center, radii, rows=10, columns=16):
    """An ellipsoid from its top down, each ring from the front to the subject's left; (3,), (3,) -> (rows * columns, 3)."""
    down = np.linspace(0, np.pi, rows)[:, None]
    around = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    unit = np.stack(np.broadcast_arrays(np.sin(down) * np.sin(around), np.cos(down), np.sin(down) * np.cos(around)), axis=-1)
    return (np.asarray(center) + np.asarray(radii) * unit).reshape(-1, 3)


def column(heights, radii_side, radii_front, depths, columns=20):
    """Rings about the vertical axis at given heights, from the top down: neck, collar, shoulders; -> (rings * columns, 3)."""
    around = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    rings = [
        np.stack([side * np.sin(around), np.full(columns, y), z + front * np.cos(around)], axis=-1)
        for y, side, front, z in zip(heights, radii_side, radii_front, depths, strict=True)
    ]
    return np.concatenate(rings)


def tube(path, radius, columns=5, closed=False):
    """A tube of round section along a path; (P, 3), mm -> (P * columns, 3), in the order of `grid_triangles(P, columns, True)`.

    Args:
        path: points in mm; a closed path repeats its first point at its end.
        radius: mm, a number or (P,).
    """
    path = np.asarray(path, float)
    along = np.gradient(path, axis=0)
    if closed:
        along[0] = along[-1] = path[1] - path[-2]
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    helper = np.where(np.abs(along[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    side = np.cross(helper, along)
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    up = np.cross(along, side)
    around = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    ring = side[:, None] * np.cos(around)[:, None] + up[:, None] * np.sin(around)[:, None]
    return (path[:, None] + np.broadcast_to(radius, len(path))[:, None, None] * ring).reshape(-1, 3)


def smooth(x):
    """From 0 to 1 without a kink, as x goes from 0 to 1; what lies outside stays at 0 or 1."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


@check_shapes(triangles="int F 3")
def holes(triangles):
    """The closed boundaries of a mesh, each a ring of vertices in order, longest first; (F, 3) -> list of (n,) int arrays."""
    edges = np.asarray(triangles)[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    known = set(map(tuple, edges.tolist()))
    following = {b: a for a, b in known if (b, a) not in known}  # against the triangles: the ring has the hole on its left
    rings = []
    while following:
        ring = [next(iter(following))]
        while (after := following.pop(ring[-1], None)) is not None and after != ring[0]:
            ring.append(after)
        rings.append(np.array(ring, np.int32))
    return sorted(rings, key=lambda ring: (-len(ring), ring.min()))
