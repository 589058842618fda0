"""From vertices to pixels and back in Numba, once the visible triangles are known. See the twins for the equations.

Gathers run over image rows. Scatters run over meshes: one block adds up one mesh in the order of its pixels, so the same bits
come out for any number of threads. Triangle -1 becomes the largest unsigned number: one comparison tells what is a hit.
"""

import numpy as np

from .flat import U
from .memory import take
from .threads import helper, kernel, run_blocks

__all__ = ["barycentric_gradient", "depth_gradient", "interpolate", "interpolate_attribute_gradient",
           "interpolate_barycentric_gradient"]

ONE, TWO, THREE = U(1), U(2), U(3)


def _whole(*arrays):
    """The arrays as the kernels want them: every other layout would be compiled for itself."""
    return [np.ascontiguousarray(array) for array in arrays]


def _sums(shape, dtype, triangle):
    """Where a scatter adds up: float64 where many pixels share a vertex and the rounding of their sum would show."""
    pixels, vertices = triangle.shape[1] * triangle.shape[2], shape[1]
    return take(shape, np.float64 if pixels > 16 * vertices else dtype)


def pixel_rays(focal, center, height, width):
    """x and y of the rays X = z (x, y, 1) through the pixel centres: (W,), (H,)."""
    return (np.arange(width) + 0.5 - center[0]) / focal, (np.arange(height) + 0.5 - center[1]) / focal


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
    rays = pixel_rays(focal, center, *triangle.shape[1:])
    run_blocks(_barycentric_gradient, len(points), points, triangles, triangle, barycentric, gradient, *rays, out)
    return out.astype(points.dtype, copy=False)


@kernel
def _barycentric_gradient(start, stop, points, triangles, triangle, barycentric, gradient, rays_x, rays_y, out):
    height, width, known, names = triangle.shape[1], U(triangle.shape[2]), U(triangles.shape[0]), triangles.reshape(-1)
    real = out.dtype.type
    for b in range(start, stop):
        corners, moved = points[b].reshape(-1), out[b].reshape(-1)
        numbers, weights, slopes = triangle[b].reshape(-1), barycentric[b].reshape(-1), gradient[b].reshape(-1)
        moved[:] = 0
        pixel, before = U(0), known
        for row in range(height):
            ray_y = rays_y[row]
            for column in range(width):
                t = U(numbers[pixel])
                if t < known:
                    if t != before:  # else its corners are at hand (0.97 of the time at 512 x 512)
                        before, c = t, THREE * t
                        i, j, k = THREE * U(names[c]), THREE * U(names[c + ONE]), THREE * U(names[c + TWO])
                        ux, uy, uz = _edge(corners, i, j)
                        wx, wy, wz = _edge(corners, i, k)
                    # In float64 from here: subtracting the ray cancels digits, and so does the area of a sliver (in float32 the
                    # result would be 5e-5 from the twin, this is 1e-7).
                    ray_x = rays_x[column]
                    x1, y1, x2, y2 = ux - uz * ray_x, uy - uz * ray_y, wx - wz * ray_x, wy - wz * ray_y
                    inverse = 1 / (x1 * y2 - y1 * x2)
                    p = THREE * pixel
                    g0 = slopes[p]
                    g1, g2 = (slopes[p + ONE] - g0) * inverse, (slopes[p + TWO] - g0) * inverse
                    dx, dy = g2 * y1 - g1 * y2, g1 * x2 - g2 * x1
                    dz = -(dx * ray_x + dy * ray_y)
                    gx, gy, gz = real(dx), real(dy), real(dz)
                    _add(moved, i, weights[p], gx, gy, gz)
                    _add(moved, j, weights[p + ONE], gx, gy, gz)
                    _add(moved, k, weights[p + TWO], gx, gy, gz)
                pixel += ONE


def depth_gradient(points, triangles, triangle, barycentric, gradient, focal, center):
    """d loss / d points from d loss / d depth, the triangle held fixed; (B, H, W) -> (B, V, 3)."""
    points, triangles, triangle, barycentric, gradient = _whole(points, triangles, triangle, barycentric, gradient)
    out = _sums(points.shape, points.dtype, triangle)
    rays = pixel_rays(focal, center, *triangle.shape[1:])
    run_blocks(_depth_gradient, len(points), points, triangles, triangle, barycentric, gradient, *rays, out)
    return out.astype(points.dtype, copy=False)


@kernel
def _depth_gradient(start, stop, points, triangles, triangle, barycentric, gradient, rays_x, rays_y, out):
    height, width, known, names = triangle.shape[1], U(triangle.shape[2]), U(triangles.shape[0]), triangles.reshape(-1)
    for b in range(start, stop):
        corners, moved, real = points[b].reshape(-1), out[b].reshape(-1), out.dtype.type
        numbers, weights, slopes = triangle[b].reshape(-1), barycentric[b].reshape(-1), gradient[b].reshape(-1)
        moved[:] = 0
        pixel = U(0)
        for row in range(height):
            ray_y = rays_y[row]
            for column in range(width):
                t = U(numbers[pixel])
                if t < known:
                    c = THREE * t
                    i, j, k = THREE * U(names[c]), THREE * U(names[c + ONE]), THREE * U(names[c + TWO])
                    ray_x = rays_x[column]
                    (x1, y1, z1), (x2, y2, z2) = _edge(corners, i, j), _edge(corners, i, k)
                    nx, ny, nz = y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2
                    g = slopes[pixel] / (nx * ray_x + ny * ray_y + nz)
                    p, gx, gy, gz = THREE * pixel, real(g * nx), real(g * ny), real(g * nz)
                    _add(moved, i, weights[p], gx, gy, gz)
                    _add(moved, j, weights[p + ONE], gx, gy, gz)
                    _add(moved, k, weights[p + TWO], gx, gy, gz)
                pixel += ONE


@helper
def _edge(corners, i, j):
    """From one corner to another in float64; flat coordinates and where the two begin."""
    return (np.float64(corners[j] - corners[i]), np.float64(corners[j + ONE] - corners[i + ONE]),
            np.float64(corners[j + TWO] - corners[i + TWO]))  # fmt: skip


@helper
def _add(moved, corner, weight, gx, gy, gz):
    """A corner receives its weight of the gradient of the surface point; flat coordinates."""
    moved[corner] += weight * gx
    moved[corner + ONE] += weight * gy
    moved[corner + TWO] += weight * gz
