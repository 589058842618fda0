"""Where the outline of the mesh passes between two pixel centres, in Numba. See the twin for the idea."""

import numpy as np
from numba import njit

from ..twins.antialias import STEPS
from .memory import take
from .threads import kernel, run_blocks

__all__ = ["outline_crossings"]


def outline_crossings(points, triangles, neighbours, triangle, depth, focal, center, near=1.0):
    """Pairs of adjacent pixels with the outline between their centres, and the edge that is the outline; -> (N, 2), (N, 2)."""
    points, triangles, neighbours, triangle, depth = map(np.ascontiguousarray, (points, triangles, neighbours, triangle, depth))
    batch, height, width = triangle.shape
    places = take((*points.shape[:2], 2), np.float64)
    # Room for every pair: memory that is never written costs nothing.
    found, count = np.empty((batch, 2 * height * width, 4), dtype=np.int32), np.zeros(batch, dtype=np.int64)
    lens = float(focal), float(center[0]), float(center[1]), float(near)
    run_blocks(_outline_crossings, batch, points, triangles, neighbours, triangle, depth, lens, places, found, count)
    sizes = height * width, height * width, points.shape[1], points.shape[1]
    items = [found[b, : count[b]] + b * np.array(sizes, dtype=np.int64) for b in range(batch)]
    every = np.concatenate(items or [np.empty((0, 4), dtype=np.int64)])
    return every[:, :2], every[:, 2:]


@kernel(exact=True)
def _outline_crossings(start, stop, points, triangles, neighbours, triangle, depth, lens, places, found, count):
    height, width = triangle.shape[1:]
    for b in range(start, stop):
        seen, place, n = triangle[b], places[b], 0
        for v in range(points.shape[1]):  # every vertex once: the walks meet it many times (0.75 of the time)
            z = np.float64(points[b, v, 2])
            if z >= lens[3]:
                place[v, 0] = lens[0] * points[b, v, 0] / z + lens[1]
                place[v, 1] = lens[0] * points[b, v, 1] / z + lens[2]
            else:
                place[v, 0] = place[v, 1] = np.nan
        for row in range(height):
            for column in range(width):
                for down in range(2):
                    row2, column2 = row + down, column + 1 - down
                    if row2 == height or column2 == width or seen[row, column] == seen[row2, column2]:
                        continue
                    y, x, y2, x2 = row, column, row2, column2
                    if seen[y, x] < 0 or (seen[y2, x2] >= 0 and depth[b, y2, x2] < depth[b, y, x]):
                        y, x, y2, x2 = row2, column2, row, column
                    i, j = _walk(place, triangles, neighbours, seen[y, x], (x + 0.5, y + 0.5, x2 - x, y2 - y))
                    if i >= 0:
                        found[b, n, 0], found[b, n, 1], found[b, n, 2], found[b, n, 3] = y * width + x, y2 * width + x2, i, j
                        n += 1
        count[b] = n


@njit(inline="always")
def _along_across(place, vertex, ray):
    """A vertex in the image, as distances along and across the way from one pixel centre to the other."""
    u, v = place[vertex, 0] - ray[0], place[vertex, 1] - ray[1]
    return u * ray[2] + v * ray[3], u * ray[3] - v * ray[2]


@njit(cache=True, nogil=True, error_model="numpy")
def _crossed_edge(place, corners, skipped, ray):
    """Which edge of a triangle the way crosses last, leaving one out, and how far along; -1, 0 if none."""
    along0, across0 = _along_across(place, np.uint64(corners[0]), ray)
    along1, across1 = _along_across(place, np.uint64(corners[1]), ray)
    along2, across2 = _along_across(place, np.uint64(corners[2]), ray)
    if not across0 + across1 + across2 < np.inf:  # a corner nearer than `near` is NaN
        return -1, 0.0
    along, across = (along0, along1, along2), (across0, across1, across2)
    best, farthest = -1, -np.inf
    for edge in range(3):
        i, j = (edge + 1) % 3, (edge + 2) % 3
        if edge != skipped and (across[i] < 0) != (across[j] < 0):
            crossing = along[i] - across[i] * (along[j] - along[i]) / (across[j] - across[i])
            if crossing > farthest:
                best, farthest = edge, crossing
    return best, farthest


@njit(cache=True, nogil=True, error_model="numpy")
def _walk(place, triangles, neighbours, t, ray):
    """The two vertices of the outline edge between two pixel centres; -1, -1 if there is none that counts."""
    edge, crossing = _crossed_edge(place, triangles[t], -1, ray)
    for _ in range(STEPS):
        if edge < 0 or not 0 <= crossing < 1:
            return -1, -1
        i, j = triangles[t, (edge + 1) % 3], triangles[t, (edge + 2) % 3]
        after = neighbours[t, edge]
        if after < 0:
            return _if_steep(place, i, j, ray)
        shared = 0 if neighbours[after, 0] == t else 1 if neighbours[after, 1] == t else 2
        next_edge, next_crossing = _crossed_edge(place, triangles[after], shared, ray)
        if next_edge < 0:
            return -1, -1
        if next_crossing < crossing:
            return _if_steep(place, i, j, ray)
        t, edge, crossing = after, next_edge, next_crossing
    return -1, -1


@njit(cache=True, nogil=True, error_model="numpy")
def _if_steep(place, i, j, ray):
    """The edge, if it runs rather across the way than along it; of edges at 45 degrees only those on ways to the right."""
    along0, across0 = _along_across(place, i, ray)
    along1, across1 = _along_across(place, j, ray)
    run, rise = abs(along1 - along0), abs(across1 - across0)
    return (i, j) if run < rise or (run == rise and ray[2] != 0) else (-1, -1)
