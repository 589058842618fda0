"""Where the outline of the mesh passes between two pixel centres, one pair of pixels after the other.

    near centre  o------|---x------o  far centre        x: here the surface seen at the near centre ends
                 0     1/2        1

From the centre that sees the nearer surface one walks on the mesh towards the other centre, from triangle to triangle across
their edges. Where the mesh has a border, or the next triangle turns back under the last one, the edge between them is outline.

A steep outline meets each row between two centres once, and where it meets it tells how much of the row it leaves: moving it by
one pixel moves one pixel's worth of colour. The columns that it also crosses would count the same motion again, so each edge
counts only on ways that it runs across rather than along.
"""

import numpy as np

__all__ = ["outline_crossings"]

STEPS = 256
"""Triangles that a walk between two neighbouring pixel centres may take."""


def outline_crossings(points, triangles, neighbours, triangle, depth, focal, center, near=1.0):
    """Pairs of adjacent pixels with the outline between their centres, and the edge that is the outline there.

    Args:
        points: (B, V, 3) in the camera's axes, in mm.
        triangles: (F, 3) vertex numbers.
        neighbours: (F, 3) the triangle across the edge opposite each corner, -1 at a border.
        triangle, depth: (B, H, W) what the pixels see.
        focal, center: in pixels.
        near: a walk ends at corners of less depth, in mm.
    Returns:
        (pixels (N, 2), edges (N, 2)): numbers of the near and the far pixel in the flattened (B, H, W), and of the two vertices
        in the flattened (B, V); items and pixels ascend, the pair to the right comes before the pair below.
    """
    pixels, edges = [], []
    batch, height, width = triangle.shape
    for b, row, column in np.ndindex(batch, height, width):
        for down, right in ((0, 1), (1, 0)):
            if row + down == height or column + right == width:
                continue
            first, second = (b, row, column), (b, row + down, column + right)
            if triangle[first] == triangle[second]:
                continue
            near_pixel, far_pixel, way = first, second, 1
            if triangle[first] < 0 or (triangle[second] >= 0 and depth[second] < depth[first]):
                near_pixel, far_pixel, way = second, first, -1
            ray = (near_pixel[2] + 0.5, near_pixel[1] + 0.5), (right * way, down * way)
            edge = _walk(points[b], triangles, neighbours, triangle[near_pixel], *ray, focal, center, near)
            if edge is not None:
                pixels.append([np.ravel_multi_index(near_pixel, triangle.shape), np.ravel_multi_index(far_pixel, triangle.shape)])
                edges.append([b * points.shape[1] + edge[0], b * points.shape[1] + edge[1]])
    return np.array(pixels, dtype=np.int64).reshape(-1, 2), np.array(edges, dtype=np.int64).reshape(-1, 2)


def _walk(points, triangles, neighbours, t, start, direction, focal, center, near):
    """The two vertices of the outline edge between `start` and the next centre; None if there is none that counts."""
    edge, place = _crossed_edge(points[triangles[t]], None, start, direction, focal, center, near)
    for _ in range(STEPS):
        if edge is None or not 0 <= place < 1:
            return None  # the surface goes on
        corners = triangles[t, (edge + 1) % 3], triangles[t, (edge + 2) % 3]
        after = neighbours[t, edge]
        if after < 0:  # a border
            return corners if _is_steep(points[list(corners)], direction, focal) else None
        shared = list(neighbours[after]).index(t)
        next_edge, next_place = _crossed_edge(points[triangles[after]], shared, start, direction, focal, center, near)
        if next_edge is None:
            return None
        if next_place < place:  # a fold: the next triangle lies under this one
            return corners if _is_steep(points[list(corners)], direction, focal) else None
        t, edge, place = after, next_edge, next_place
    return None


def _is_steep(ends, direction, focal):
    """Whether an edge runs rather across the way than along it; of edges at 45 degrees only those on ways to the right count."""
    u, v = abs(focal * ends[1, :2] / ends[1, 2] - focal * ends[0, :2] / ends[0, 2])
    return u <= v if direction[0] != 0 else v < u


def _crossed_edge(corners, skipped, start, direction, focal, center, near):
    """Which edge of a triangle the line from `start` crosses last, leaving one out, and how far along; (None, 0) if none."""
    if (corners[:, 2] < near).any():
        return None, 0.0
    u = focal * corners[:, 0] / corners[:, 2] + center[0] - start[0]
    v = focal * corners[:, 1] / corners[:, 2] + center[1] - start[1]
    along, across = u * direction[0] + v * direction[1], u * direction[1] - v * direction[0]
    best, farthest = None, -np.inf
    for edge in range(3):
        i, j = (edge + 1) % 3, (edge + 2) % 3
        if edge != skipped and (across[i] < 0) != (across[j] < 0):
            place = along[i] - across[i] * (along[j] - along[i]) / (across[j] - across[i])
            if place > farthest:
                best, farthest = edge, place
    return best, farthest
