"""The rasterizer in whole-array NumPy: slow, readable, and what the fast kernels are compared with.

One equation carries it all. The ray through a pixel centre is X = z d with d = ((c + 0.5 - cx) / f, (r + 0.5 - cy) / f, 1).
Subtract the ray from each corner P_i at the corner's own depth, q_i = (P_i - z_i d)_xy, and the ray stands at the origin:

    areas   e_i = q_j x q_k   (twice the signed area of the triangle origin, q_j, q_k)
    weights b_i = e_i / (e_0 + e_1 + e_2),    depth z = b_0 z_0 + b_1 z_1 + b_2 z_2

Nothing is divided by a depth, so the weights are perspective-correct and a corner may even lie behind the camera. Two triangles
with a common edge find the same area for it with opposite signs, to the last bit: no ray slips through between them.
"""

import numpy as np

__all__ = ["rasterize", "seen_vertices"]

LARGEST = 1e15
"""Triangles with a coordinate beyond this (mm), infinite or NaN are not drawn."""

SLIVER = 1e-8
"""Triangles whose image is smaller than half of this (square pixels) are not drawn: their weights would be rounding noise."""

MARGIN = 1e-6
"""Pixels added to bounding boxes, more than the rounding of a projection: the areas alone decide who is inside."""


def rasterize(points, triangles, focal, center, height, width, active=None, near=1.0, cull=False, weights=True):
    """The nearest triangle of every pixel; points_camera (B, V, 3), (F, 3) -> (B, H, W), (B, H, W, 3), (B, H, W).

    Args:
        points: corners in the camera's axes, in mm.
        triangles: int32 vertex numbers.
        focal, center: in pixels; center is (cx, cy).
        active: (B, F) bool, the triangles to draw; None: all.
        near: smallest depth that is drawn, in mm.
        cull: leave out triangles whose corners run clockwise around their outer side, that is, those seen from behind.
        weights: whether the barycentric weights are wanted; kernels may leave them out and return None.
    Returns:
        (triangle, barycentric, depth): -1, zeros and 0 where nothing is hit. The smallest depth wins, then the lowest triangle.
    """
    meshes = [
        _rasterize_mesh(points[b], triangles, focal, center, height, width, None if active is None else active[b], near, cull)
        for b in range(len(points))
    ]
    triangle = np.array([mesh[0] for mesh in meshes], dtype=np.int32).reshape(len(points), height, width)
    barycentric = np.array([mesh[1] for mesh in meshes], dtype=points.dtype).reshape(len(points), height, width, 3)
    depth = np.array([mesh[2] for mesh in meshes], dtype=points.dtype).reshape(len(points), height, width)
    return triangle, barycentric, depth


def _rasterize_mesh(points, triangles, focal, center, height, width, active, near, cull):
    """All fragments (a triangle and a pixel of its box) at once; two scattered minima keep the nearest, then the lowest."""
    corners = points.astype(np.float64)[triangles]  # (F, 3 corners, 3)
    drawn = (np.abs(corners) <= LARGEST).all(axis=(1, 2)) & (corners[..., 2] >= near).any(axis=1)
    if active is not None:
        drawn &= active
    kept = np.nonzero(drawn)[0]
    left, right, top, bottom = _boxes(corners[kept], focal, center, height, width, near)
    columns, rows = np.maximum(right - left + 1, 0), np.maximum(bottom - top + 1, 0)

    count = columns * rows
    box = np.repeat(np.arange(len(kept)), count)  # ascending, so a lower fragment never has a higher triangle
    number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)  # of the fragment within its box
    column, row = left[box] + number % columns[box], top[box] + number // columns[box]
    inside, weights, fragment_depth = _cross_rays(corners[kept][box], row, column, focal, center, near, cull)
    owner, pixel, weights = kept[box][inside], (row * width + column)[inside], weights[inside]
    fragment_depth = fragment_depth[inside].astype(points.dtype)  # as stored: what is compared is what is seen

    depth = np.full(height * width, np.inf, dtype=points.dtype)
    np.minimum.at(depth, pixel, fragment_depth)
    nearest = np.nonzero(fragment_depth == depth[pixel])[0]
    winner = np.full(height * width, len(owner))
    np.minimum.at(winner, pixel[nearest], nearest)
    hit = winner < len(owner)
    triangle, barycentric = np.full(height * width, -1), np.zeros((height * width, 3))
    triangle[hit], barycentric[hit] = owner[winner[hit]], weights[winner[hit]]
    return triangle, barycentric, np.where(hit, depth, 0)


def _boxes(corners, focal, center, height, width, near):
    """First and last column, first and last row of pixel centres that each triangle may cover; crossing `near`: all of them."""
    x, y, z = np.moveaxis(corners, -1, 0)
    front = (z >= near).all(axis=1, keepdims=True)
    z = np.where(front, z, 1.0)
    u, v = focal * x / z + center[0] - 0.5, focal * y / z + center[1] - 0.5  # now pixel centres are whole numbers
    bound = lambda lowest, highest, size: (
        np.where(front[:, 0], np.clip(np.ceil(lowest - MARGIN), 0, size), 0).astype(int),
        np.where(front[:, 0], np.clip(np.floor(highest + MARGIN), -1, size - 1), size - 1).astype(int),
    )
    return *bound(u.min(axis=1), u.max(axis=1), width), *bound(v.min(axis=1), v.max(axis=1), height)


def _cross_rays(corners, row, column, focal, center, near, cull):
    """Whether each triangle meets the ray of its pixel, with which weights and at what depth; (N, 3, 3) -> (N,), (N, 3), (N,)."""
    x, y, z = np.moveaxis(corners, -1, 0)
    qx = x - z * ((column + 0.5 - center[0]) / focal)[:, None]
    qy = y - z * ((row + 0.5 - center[1]) / focal)[:, None]
    areas = np.stack([qx[:, j] * qy[:, k] - qy[:, j] * qx[:, k] for j, k in ((1, 2), (2, 0), (0, 1))], axis=1)
    total = areas.sum(axis=1)
    # A corner order that runs counter-clockwise on the outer side runs clockwise in an image whose y points down: total < 0.
    inside = (areas <= 0).all(axis=1) if cull else (areas <= 0).all(axis=1) | (areas >= 0).all(axis=1)
    weights = areas * (1 / np.where(total == 0, 1, total))[:, None]
    depth = (weights * z).sum(axis=1)
    inside &= (np.abs(total) * focal**2 > SLIVER * depth**2) & (depth >= near)
    return inside, weights, depth


def seen_vertices(triangle, triangles, vertex_count):
    """Corners of the triangles that the pixels see; triangle numbers (B, H, W), (F, 3) -> (B, V) bool."""
    out = np.zeros((len(triangle), vertex_count), dtype=bool)
    for item, numbers in zip(out, triangle, strict=True):
        item[triangles[numbers[(numbers >= 0) & (numbers < len(triangles))]]] = True
    return out
