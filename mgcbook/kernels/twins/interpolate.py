"""From vertices to pixels and back, once the visible triangles are known, in whole-array NumPy.

The vjps hold the triangle of each pixel fixed: they tell how the weights, the depth and the interpolated values change when the
vertices move, not where another triangle begins.
"""

import numpy as np

__all__ = ["barycentric_gradient", "depth_gradient", "interpolate", "interpolate_attribute_gradient",
           "interpolate_barycentric_gradient"]


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
