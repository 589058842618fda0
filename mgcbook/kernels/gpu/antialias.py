"""Where the outline of the mesh passes between two pixel centres, on a GPU: one thread for each pair of pixels. See the twin.

Each thread walks its own way over the mesh and writes the edge that it ends at, or none. How many edges there are the host has
to ask: no step with it can be captured in a CUDA graph.
"""

import numpy as np

from .._cuda import cuda, device, kernel
from ..twins.antialias import STEPS
from .checks import indices, single

__all__ = ["outline_crossings"]

ZERO, ONE, HALF = np.float32(0), np.float32(1), np.float32(0.5)
BEFORE = np.float32(-3e38)
"""Smaller than any place of a crossing."""


def outline_crossings(points, triangles, neighbours, triangle, depth, focal, center, near=1.0):
    """Pairs of adjacent pixels with the outline between their centres, and the edge that is the outline; -> (N, 2), (N, 2).

    Computed in float32: an outline that runs through a pixel centre, to 1e-5 of a pixel, may count for the pixel beside it.
    """
    (points, depth), meshes = single(points, depth), indices(triangles, neighbours, triangle)
    triangles, neighbours, triangle = meshes
    batch, height, width = triangle.shape
    pixels = height * width
    ends = np.empty((batch, 2 * pixels, 2), dtype=np.int32, like=points)
    lens = tuple(map(np.float32, (focal, *center, near)))
    seen, depths = triangle.reshape(batch, pixels), depth.reshape(batch, pixels)
    _outline_crossings(2 * pixels, batch, points, triangles, neighbours, seen, depths, width, lens, ends)
    ends = ends.reshape(-1, 2)
    (found,) = np.nonzero(ends[:, 0] >= 0)  # waits
    pair = found % (2 * pixels)
    first, step = pair // 2, np.where(pair % 2 == 1, width, 1)
    item = found // (2 * pixels)
    flat = item * pixels + first
    order = _is_second_nearer(seen.ravel(), depths.ravel(), flat, flat + step)[:, None]
    both = np.stack([flat, flat + step], axis=1)
    edges = ends[found].astype(np.int64) + (item * points.shape[1])[:, None]
    return np.where(order, both[:, ::-1], both), edges


def _is_second_nearer(seen, depth, first, second):
    """Whether the second pixel of each pair shows the surface that ends between them."""
    return (seen[first] < 0) | ((seen[second] >= 0) & (depth[second] < depth[first]))


LENS = "UniTuple(float32, 4)"
"""Focal length, centre and nearest depth."""


@kernel("float32[:,:,::1], int32[:,::1], int32[:,::1], int32[:,::1], float32[:,::1], int32, " + LENS + ", int32[:,:,::1]")
def _outline_crossings(points, triangles, neighbours, seen, depth, width, lens, ends):
    pair, b = cuda.grid(2)
    if pair >= ends.shape[1]:
        return
    ends[b, pair, 0] = ends[b, pair, 1] = -1
    down = pair % 2
    here = pair // 2
    there = here + (width if down else 1)
    if there >= seen.shape[1] or (down == 0 and there % width == 0) or seen[b, here] == seen[b, there]:
        return
    way = ONE
    if seen[b, here] < 0 or (seen[b, there] >= 0 and depth[b, there] < depth[b, here]):
        here, way = there, -ONE
    ray = (np.float32(here % width) + HALF, np.float32(here // width) + HALF,
           ZERO if down else way, way if down else ZERO)  # fmt: skip
    i, j = _walk(points, b, triangles, neighbours, seen[b, here], ray, lens)
    ends[b, pair, 0], ends[b, pair, 1] = i, j


@device
def _along_across(points, b, vertex, ray, lens):
    """A vertex in the image, as distances along and across the way from one pixel centre to the other."""
    z = points[b, vertex, 2]
    u = lens[0] * points[b, vertex, 0] / z + (lens[1] - ray[0])
    v = lens[0] * points[b, vertex, 1] / z + (lens[2] - ray[1])
    return u * ray[2] + v * ray[3], u * ray[3] - v * ray[2]


@device
def _crossed_edge(points, b, triangles, t, skipped, ray, lens):
    """Which edge of a triangle the way crosses last, leaving one out, and how far along; -1, 0 if none."""
    best, farthest = -1, BEFORE
    for corner in range(3):
        if not points[b, triangles[t, corner], 2] >= lens[3]:
            return -1, ZERO
    for edge in range(3):
        if edge != skipped:
            along, across = _along_across(points, b, triangles[t, (edge + 1) % 3], ray, lens)
            along2, across2 = _along_across(points, b, triangles[t, (edge + 2) % 3], ray, lens)
            if (across < ZERO) != (across2 < ZERO):
                crossing = along - across * (along2 - along) / (across2 - across)
                if crossing > farthest:
                    best, farthest = edge, crossing
    return best, farthest


@device
def _walk(points, b, triangles, neighbours, t, ray, lens):
    """The two vertices of the outline edge between two pixel centres; -1, -1 if there is none that counts."""
    edge, crossing = _crossed_edge(points, b, triangles, t, -1, ray, lens)
    for _ in range(STEPS):
        if edge < 0 or not (crossing >= ZERO and crossing < ONE):
            return -1, -1
        i, j = triangles[t, (edge + 1) % 3], triangles[t, (edge + 2) % 3]
        after = neighbours[t, edge]
        if after < 0:  # a border
            return _if_steep(points, b, i, j, ray, lens)
        shared = 0 if neighbours[after, 0] == t else 1 if neighbours[after, 1] == t else 2
        next_edge, next_crossing = _crossed_edge(points, b, triangles, after, shared, ray, lens)
        if next_edge < 0:
            return -1, -1
        if next_crossing < crossing:  # a fold: the next triangle lies under this one
            return _if_steep(points, b, i, j, ray, lens)
        t, edge, crossing = after, next_edge, next_crossing
    return -1, -1


@device
def _if_steep(points, b, i, j, ray, lens):
    """The edge, if it runs rather across the way than along it; of edges at 45 degrees only those on ways to the right."""
    along0, across0 = _along_across(points, b, i, ray, lens)
    along1, across1 = _along_across(points, b, j, ray, lens)
    run, rise = abs(along1 - along0), abs(across1 - across0)
    return (i, j) if run < rise or (run == rise and ray[2] != ZERO) else (-1, -1)
