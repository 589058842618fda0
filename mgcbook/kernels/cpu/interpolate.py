"""From vertices to pixels and back in Numba, once the visible triangles are known. See the twins for the equations.

Gathers run over image rows. Scatters run over meshes: one block adds up one mesh in the order of its pixels, so the same bits
come out for any number of threads. Triangle -1 becomes the largest unsigned number: one comparison tells what is a hit.
"""

import numpy as np
from numba import njit

from .memory import take
from .threads import kernel, run_blocks

__all__ = ["barycentric_gradient", "depth_gradient", "interpolate", "interpolate_attribute_gradient",
           "interpolate_barycentric_gradient"]


def _whole(*arrays):
    """The arrays as the kernels want them: every other layout would be compiled for itself."""
    return [np.ascontiguousarray(array) for array in arrays]


def _sums(shape, dtype, triangle):
    """Where a scatter adds up: float64 where many pixels share a vertex and the rounding of their sum would show."""
    pixels, vertices = triangle.shape[1] * triangle.shape[2], shape[1]
    return take(shape, np.float64 if pixels > 16 * vertices else dtype)


def interpolate(attributes, triangles, triangle, barycentric):
    """Values at pixels from values at vertices, 0 where nothing is hit; (B or 1, V, C) -> (B, H, W, C)."""
    attributes, triangles, triangle, barycentric = _whole(attributes, triangles, triangle, barycentric)
    batch, height, width = triangle.shape
    out = take((batch, height, width, attributes.shape[2]), attributes.dtype)
    run_blocks(_interpolate, batch * height, attributes, triangles, triangle, barycentric, out)
    return out


@kernel
def _interpolate(start, stop, attributes, triangles, triangle, barycentric, out):
    known = np.uint64(triangles.shape[0])
    for block in range(start, stop):
        b, row = block // triangle.shape[1], block % triangle.shape[1]
        values = attributes[b if attributes.shape[0] > 1 else 0]
        numbers, weights, pixels = triangle[b, row], barycentric[b, row], out[b, row]
        for column in range(np.uint64(numbers.shape[0])):
            t = np.uint64(numbers[column])
            if t < known:
                i, j, k = np.uint64(triangles[t, 0]), np.uint64(triangles[t, 1]), np.uint64(triangles[t, 2])
                b0, b1, b2 = weights[column, 0], weights[column, 1], weights[column, 2]
                for c in range(np.uint64(values.shape[1])):
                    pixels[column, c] = b0 * values[i, c] + b1 * values[j, c] + b2 * values[k, c]
            else:
                pixels[column] = 0


def interpolate_attribute_gradient(attributes, triangles, triangle, barycentric, gradient):
    """d loss / d attributes: each corner receives b_i of the pixel's gradient; (B, H, W, C) -> (B, V, C)."""
    triangles, triangle, barycentric, gradient = _whole(triangles, triangle, barycentric, gradient)
    out = _sums((len(triangle), *attributes.shape[1:]), attributes.dtype, triangle)
    run_blocks(_interpolate_attribute_gradient, len(triangle), triangles, triangle, barycentric, gradient, out)
    return out.astype(attributes.dtype, copy=False)


@kernel
def _interpolate_attribute_gradient(start, stop, triangles, triangle, barycentric, gradient, out):
    known = np.uint64(triangles.shape[0])
    for b in range(start, stop):
        values = out[b]
        values[:] = 0
        for row in range(triangle.shape[1]):
            numbers, weights, pixels = triangle[b, row], barycentric[b, row], gradient[b, row]
            for column in range(np.uint64(numbers.shape[0])):
                t = np.uint64(numbers[column])
                if t < known:
                    i, j, k = np.uint64(triangles[t, 0]), np.uint64(triangles[t, 1]), np.uint64(triangles[t, 2])
                    b0, b1, b2 = weights[column, 0], weights[column, 1], weights[column, 2]
                    for c in range(np.uint64(values.shape[1])):
                        g = pixels[column, c]
                        values[i, c] += b0 * g
                        values[j, c] += b1 * g
                        values[k, c] += b2 * g


def interpolate_barycentric_gradient(attributes, triangles, triangle, barycentric, gradient):
    """d loss / d barycentric: the pixel's gradient times each corner's value; (B, H, W, C) -> (B, H, W, 3)."""
    attributes, triangles, triangle, gradient = _whole(attributes, triangles, triangle, gradient)
    batch, height, width = triangle.shape
    out = take((batch, height, width, 3), barycentric.dtype)
    run_blocks(_interpolate_barycentric_gradient, batch * height, attributes, triangles, triangle, gradient, out)
    return out


@kernel
def _interpolate_barycentric_gradient(start, stop, attributes, triangles, triangle, gradient, out):
    known = np.uint64(triangles.shape[0])
    for block in range(start, stop):
        b, row = block // triangle.shape[1], block % triangle.shape[1]
        values = attributes[b if attributes.shape[0] > 1 else 0]
        numbers, pixels, weights = triangle[b, row], gradient[b, row], out[b, row]
        for column in range(np.uint64(numbers.shape[0])):
            t = np.uint64(numbers[column])
            g0 = g1 = g2 = out.dtype.type(0)
            if t < known:
                i, j, k = np.uint64(triangles[t, 0]), np.uint64(triangles[t, 1]), np.uint64(triangles[t, 2])
                for c in range(np.uint64(values.shape[1])):
                    g = pixels[column, c]
                    g0 += g * values[i, c]
                    g1 += g * values[j, c]
                    g2 += g * values[k, c]
            weights[column, 0], weights[column, 1], weights[column, 2] = g0, g1, g2


def barycentric_gradient(points, triangles, triangle, barycentric, gradient, focal, center):
    """d loss / d points from d loss / d barycentric, the triangle of each pixel held fixed; (B, H, W, 3) -> (B, V, 3)."""
    points, triangles, triangle, barycentric, gradient = _whole(points, triangles, triangle, barycentric, gradient)
    out = _sums(points.shape, points.dtype, triangle)
    lens = 1 / float(focal), float(center[0]), float(center[1])
    run_blocks(_barycentric_gradient, len(points), points, triangles, triangle, barycentric, gradient, lens, out)
    return out.astype(points.dtype, copy=False)


@kernel
def _barycentric_gradient(start, stop, points, triangles, triangle, barycentric, gradient, lens, out):
    known = np.uint64(triangles.shape[0])
    for b in range(start, stop):
        corners, moved, real = points[b], out[b], out.dtype.type
        moved[:] = 0
        for row in range(triangle.shape[1]):
            numbers, weights, pixels = triangle[b, row], barycentric[b, row], gradient[b, row]
            ray_y = (row + 0.5 - lens[2]) * lens[0]
            for column in range(np.uint64(numbers.shape[0])):
                t = np.uint64(numbers[column])
                if t < known:
                    i, j, k = np.uint64(triangles[t, 0]), np.uint64(triangles[t, 1]), np.uint64(triangles[t, 2])
                    ray_x = (column + 0.5 - lens[1]) * lens[0]
                    x0, y0, z0 = corners[i, 0], corners[i, 1], corners[i, 2]
                    # In float64 from here: subtracting the ray cancels digits, and so does the area of a sliver (in float32 the
                    # result would be 5e-5 from the twin, this is 1e-7).
                    dz1, dz2 = np.float64(corners[j, 2] - z0), np.float64(corners[k, 2] - z0)
                    x1, y1 = (corners[j, 0] - x0) - dz1 * ray_x, (corners[j, 1] - y0) - dz1 * ray_y
                    x2, y2 = (corners[k, 0] - x0) - dz2 * ray_x, (corners[k, 1] - y0) - dz2 * ray_y
                    inverse = 1 / (x1 * y2 - y1 * x2)
                    g0 = pixels[column, 0]
                    g1, g2 = (pixels[column, 1] - g0) * inverse, (pixels[column, 2] - g0) * inverse
                    gx, gy = g2 * y1 - g1 * y2, g1 * x2 - g2 * x1
                    gz = -(gx * ray_x + gy * ray_y)
                    _share(moved, i, j, k, weights[column], real(gx), real(gy), real(gz))


def depth_gradient(points, triangles, triangle, barycentric, gradient, focal, center):
    """d loss / d points from d loss / d depth, the triangle held fixed; (B, H, W) -> (B, V, 3)."""
    points, triangles, triangle, barycentric, gradient = _whole(points, triangles, triangle, barycentric, gradient)
    out = _sums(points.shape, points.dtype, triangle)
    lens = 1 / float(focal), float(center[0]), float(center[1])
    run_blocks(_depth_gradient, len(points), points, triangles, triangle, barycentric, gradient, lens, out)
    return out.astype(points.dtype, copy=False)


@kernel
def _depth_gradient(start, stop, points, triangles, triangle, barycentric, gradient, lens, out):
    known = np.uint64(triangles.shape[0])
    for b in range(start, stop):
        corners, moved, real = points[b], out[b], out.dtype.type
        moved[:] = 0
        for row in range(triangle.shape[1]):
            numbers, weights, pixels = triangle[b, row], barycentric[b, row], gradient[b, row]
            ray_y = (row + 0.5 - lens[2]) * lens[0]
            for column in range(np.uint64(numbers.shape[0])):
                t = np.uint64(numbers[column])
                if t < known:
                    i, j, k = np.uint64(triangles[t, 0]), np.uint64(triangles[t, 1]), np.uint64(triangles[t, 2])
                    ray_x = (column + 0.5 - lens[1]) * lens[0]
                    x0, y0, z0 = corners[i, 0], corners[i, 1], corners[i, 2]
                    x1, y1, z1 = np.float64(corners[j, 0] - x0), np.float64(corners[j, 1] - y0), np.float64(corners[j, 2] - z0)
                    x2, y2, z2 = np.float64(corners[k, 0] - x0), np.float64(corners[k, 1] - y0), np.float64(corners[k, 2] - z0)
                    nx, ny, nz = y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2
                    g = pixels[column] / (nx * ray_x + ny * ray_y + nz)
                    _share(moved, i, j, k, weights[column], real(g * nx), real(g * ny), real(g * nz))


@njit(inline="always")
def _share(moved, i, j, k, weights, gx, gy, gz):
    """Each corner receives its weight of the gradient of the surface point."""
    for corner, weight in ((i, weights[0]), (j, weights[1]), (k, weights[2])):
        moved[corner, 0] += weight * gx
        moved[corner, 1] += weight * gy
        moved[corner, 2] += weight * gz
