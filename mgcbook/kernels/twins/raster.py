"""The rasterizer in whole-array NumPy: slow, readable, and what the fast kernels are compared with.

One equation carries it all. The ray through a pixel centre is X = z d with d = ((c + 0.5 - cx) / f, (r + 0.5 - cy) / f, 1).
Subtract the ray from each corner P_i at the corner's own depth, q_i = (P_i - z_i d)_xy, and the ray stands at the origin:

    areas   e_i = q_j x q_k   (twice the signed area of the triangle origin, q_j, q_k)
    weights b_i = e_i / (e_0 + e_1 + e_2),    depth z = b_0 z_0 + b_1 z_1 + b_2 z_2

Nothing is divided by a depth, so the weights are perspective-correct and a corner may even lie behind the camera. Two triangles
with a common edge find the same area for it with opposite signs, to the last bit: no ray slips through between them.
"""

import numpy as np

__all__ = ["rasterize", "barycentric_gradient", "depth_gradient", "interpolate", "interpolate_attribute_gradient",
           "interpolate_barycentric_gradient", "covisible_triangles"]

LARGEST = 1e15
"""Triangles with a coordinate beyond this (mm), infinite or NaN are not drawn."""

SLIVER = 1e-8
"""Triangles whose image is smaller than half of this (square pixels) are not drawn: their weights would be rounding noise."""

MARGIN = 1e-6
"""Pixels added to bounding boxes, more than the rounding of a projection: the areas alone decide who is inside."""


def rasterize(points, triangles, focal, center, height, width, active=None, near=1.0, cull=False):
    """The nearest triangle of every pixel; points_camera (B, V, 3), (F, 3) -> (B, H, W), (B, H, W, 3), (B, H, W).

    Args:
        points: corners in the camera's axes, in mm.
        triangles: int32 vertex numbers.
        focal, center: in pixels; center is (cx, cy).
        active: (B, F) bool, the triangles to draw; None: all.
        near: smallest depth that is drawn, in mm.
        cull: leave out triangles whose corners run clockwise around their outer side, that is, those seen from behind.
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


def barycentric_gradient(points, triangles, triangle, barycentric, gradient, focal, center):
    """d loss / d points from d loss / d barycentric, the triangle of each pixel held fixed; (B, H, W, 3) -> (B, V, 3).

    Moving corner i by m moves the surface point by b_i m, so each corner receives b_i G, with G the gradient of the point:
    the weights change by -grad b_i . r when the point moves by r across the ray.
    """
    batch, row, column, corners, owner = _hits(points, triangles, triangle)
    ray = np.stack([(column + 0.5 - center[0]) / focal, (row + 0.5 - center[1]) / focal], axis=1)[:, None]
    q = corners[..., :2] - corners[..., 2:] * ray
    first, second = q[:, 1] - q[:, 0], q[:, 2] - q[:, 0]
    total = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    slope_1 = np.stack([second[:, 1], -second[:, 0]], axis=1) / total[:, None]  # grad b_1 and grad b_2; grad b_0 is minus both
    slope_2 = np.stack([-first[:, 1], first[:, 0]], axis=1) / total[:, None]
    g = gradient[batch, row, column]
    across = -((g[:, 1] - g[:, 0])[:, None] * slope_1 + (g[:, 2] - g[:, 0])[:, None] * slope_2)
    along = -(across * ray[:, 0]).sum(axis=1, keepdims=True)
    return _scatter(points, triangles, batch, owner, barycentric[batch, row, column], np.concatenate([across, along], axis=1))


def depth_gradient(points, triangles, triangle, barycentric, gradient, focal, center):
    """d loss / d points from d loss / d depth, the triangle held fixed; (B, H, W) -> (B, V, 3).

    The point stays on its ray z d and on the plane n . (X - P_0) = 0, so a surface moved by m changes z by n . m / n . d.
    """
    batch, row, column, corners, owner = _hits(points, triangles, triangle)
    ray = np.stack([(column + 0.5 - center[0]) / focal, (row + 0.5 - center[1]) / focal, np.ones(len(row))], axis=1)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    motion = normal * (gradient[batch, row, column] / (normal * ray).sum(axis=1))[:, None]
    return _scatter(points, triangles, batch, owner, barycentric[batch, row, column], motion)


def _hits(points, triangles, triangle):
    """The pixels that show a triangle: batch, row, column, its corners (N, 3, 3) in float64, its number."""
    batch, row, column = np.nonzero((triangle >= 0) & (triangle < len(triangles)))
    owner = triangle[batch, row, column]
    return batch, row, column, points.astype(np.float64)[batch[:, None], triangles[owner]], owner


def _scatter(points, triangles, batch, owner, weights, values):
    """Give each corner of `owner` its weight of the value; (N,), (N,), (N, 3), (N, C) -> (B, V, C) of the type of points."""
    out = np.zeros((*points.shape[:2], values.shape[1]))
    np.add.at(out, (batch[:, None], triangles[owner]), weights[:, :, None] * values[:, None, :])
    return out.astype(points.dtype)


def interpolate(attributes, triangles, triangle, barycentric):
    """Values at pixels from values at vertices, sum_i b_i a_i, 0 where nothing is hit; (B or 1, V, C) -> (B, H, W, C)."""
    batch, row, column = np.nonzero((triangle >= 0) & (triangle < len(triangles)))
    mesh = batch if len(attributes) > 1 else np.zeros_like(batch)
    corners = attributes[mesh[:, None], triangles[triangle[batch, row, column]]]
    out = np.zeros((*triangle.shape, attributes.shape[2]), dtype=attributes.dtype)
    out[batch, row, column] = (barycentric[batch, row, column][:, :, None] * corners).sum(axis=1)
    return out


def interpolate_attribute_gradient(attributes, triangles, triangle, barycentric, gradient):
    """d loss / d attributes: each corner receives b_i of the pixel's gradient; (B, H, W, C) -> (B, V, C)."""
    batch, row, column = np.nonzero((triangle >= 0) & (triangle < len(triangles)))
    like = np.broadcast_to(attributes, (len(triangle), *attributes.shape[1:]))
    weights, values = barycentric[batch, row, column], gradient[batch, row, column]
    return _scatter(like, triangles, batch, triangle[batch, row, column], weights, values)


def interpolate_barycentric_gradient(attributes, triangles, triangle, barycentric, gradient):
    """d loss / d barycentric: the pixel's gradient times each corner's value; (B, H, W, C) -> (B, H, W, 3)."""
    batch, row, column = np.nonzero((triangle >= 0) & (triangle < len(triangles)))
    mesh = batch if len(attributes) > 1 else np.zeros_like(batch)
    corners = attributes[mesh[:, None], triangles[triangle[batch, row, column]]]
    out = np.zeros_like(barycentric)
    out[batch, row, column] = (gradient[batch, row, column][:, None, :] * corners).sum(axis=2)
    return out


def covisible_triangles(target, source, triangles, vertex_count):
    """Triangles with a vertex that is seen in both views; triangle numbers (B, H, W) x 2, (F, 3) -> (B, F) bool."""
    out = np.zeros((len(target), len(triangles)), dtype=bool)
    for b, views in enumerate(zip(target, source, strict=True)):
        seen = np.zeros((2, vertex_count), dtype=bool)
        for view, numbers in enumerate(views):
            seen[view, triangles[numbers[(numbers >= 0) & (numbers < len(triangles))]]] = True
        out[b] = seen.all(axis=0)[triangles].any(axis=1)
    return out
