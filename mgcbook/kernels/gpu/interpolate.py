"""From vertices to pixels and back on a GPU, once the visible triangles are known: one thread a pixel. See the twins.

Gradients of vertices are added up by atomic additions, in whatever order the threads come: the last digits differ from run to
run.
"""

import numpy as np

from .._cuda import cuda, device, fma, kernel
from .checks import indices, single
from .lens import LENS, across, difference_of_products, lens_of, ray

__all__ = ["barycentric_gradient", "depth_gradient", "interpolate", "interpolate_attribute_gradient",
           "interpolate_barycentric_gradient"]

ZERO, ONE = np.float32(0), np.float32(1)

PIXELS = "int32[:,::1], int32[:,::1], float32[:,:,::1]"
"""Types of the triangles, of the triangle of each pixel (B, H W), and of its weights (B, H W, 3)."""


def _per_pixel(*arrays):
    """(B, H, W, ...) -> (B, H W, ...)."""
    return [array.reshape(len(array), array.shape[1] * array.shape[2], *array.shape[3:]) for array in arrays]


def interpolate(attributes, triangles, triangle, barycentric):
    """Values at pixels from values at vertices, 0 where nothing is hit; (B or 1, V, C) -> (B, H, W, C)."""
    (attributes, barycentric), (triangles, triangle) = single(attributes, barycentric), indices(triangles, triangle)
    out = np.empty((*triangle.shape, attributes.shape[2]), dtype=np.float32, like=attributes)
    pixels, weights, values = _per_pixel(triangle, barycentric, out)
    _interpolate(pixels.shape[1], len(pixels), triangles, pixels, weights, attributes, values)
    return out


@kernel(PIXELS + ", float32[:,:,::1], float32[:,:,::1]")
def _interpolate(triangles, triangle, barycentric, attributes, out):
    pixel, b = cuda.grid(2)
    if pixel >= triangle.shape[1]:
        return
    t = triangle[b, pixel]
    mesh = b if attributes.shape[0] > 1 else 0
    if 0 <= t < triangles.shape[0]:
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        b0, b1, b2 = barycentric[b, pixel, 0], barycentric[b, pixel, 1], barycentric[b, pixel, 2]
        for c in range(out.shape[2]):
            out[b, pixel, c] = b0 * attributes[mesh, i, c] + b1 * attributes[mesh, j, c] + b2 * attributes[mesh, k, c]
    else:
        for c in range(out.shape[2]):
            out[b, pixel, c] = ZERO


def interpolate_attribute_gradient(attributes, triangles, triangle, barycentric, gradient):
    """d loss / d attributes: each corner receives b_i of the pixel's gradient; (B, H, W, C) -> (B, V, C)."""
    (barycentric, gradient), (triangles, triangle) = single(barycentric, gradient), indices(triangles, triangle)
    out = np.zeros((len(triangle), *attributes.shape[1:]), dtype=np.float32, like=gradient)
    pixels, weights, gradients = _per_pixel(triangle, barycentric, gradient)
    _interpolate_attribute_gradient(pixels.shape[1], len(pixels), triangles, pixels, weights, gradients, out)
    return out


@kernel(PIXELS + ", float32[:,:,::1], float32[:,:,::1]")
def _interpolate_attribute_gradient(triangles, triangle, barycentric, gradient, out):
    pixel, b = cuda.grid(2)
    if pixel >= triangle.shape[1]:
        return
    t = triangle[b, pixel]
    if 0 <= t < triangles.shape[0]:
        for corner in range(3):
            vertex, weight = triangles[t, corner], barycentric[b, pixel, corner]
            for c in range(out.shape[2]):
                cuda.atomic.add(out, (b, vertex, c), weight * gradient[b, pixel, c])


def interpolate_barycentric_gradient(attributes, triangles, triangle, barycentric, gradient):
    """d loss / d barycentric: the pixel's gradient times each corner's value; (B, H, W, C) -> (B, H, W, 3)."""
    (attributes, gradient), (triangles, triangle) = single(attributes, gradient), indices(triangles, triangle)
    out = np.empty((*triangle.shape, 3), dtype=np.float32, like=gradient)
    pixels, gradients, weights = _per_pixel(triangle, gradient, out)
    _interpolate_barycentric_gradient(pixels.shape[1], len(pixels), triangles, pixels, gradients, attributes, weights)
    return out


@kernel(PIXELS + ", float32[:,:,::1], float32[:,:,::1]")
def _interpolate_barycentric_gradient(triangles, triangle, gradient, attributes, out):
    pixel, b = cuda.grid(2)
    if pixel >= triangle.shape[1]:
        return
    t = triangle[b, pixel]
    mesh = b if attributes.shape[0] > 1 else 0
    for corner in range(3):
        total = ZERO
        if 0 <= t < triangles.shape[0]:
            vertex = triangles[t, corner]
            for c in range(gradient.shape[2]):
                total += gradient[b, pixel, c] * attributes[mesh, vertex, c]
        out[b, pixel, corner] = total


def barycentric_gradient(points, triangles, triangle, barycentric, gradient, focal, center):
    """d loss / d points from d loss / d barycentric, the triangle of each pixel held fixed; (B, H, W, 3) -> (B, V, 3)."""
    return _moved(_barycentric_gradient, points, triangles, triangle, barycentric, gradient, focal, center)


def depth_gradient(points, triangles, triangle, barycentric, gradient, focal, center):
    """d loss / d points from d loss / d depth, the triangle held fixed; (B, H, W) -> (B, V, 3)."""
    return _moved(_depth_gradient, points, triangles, triangle, barycentric, gradient[..., None], focal, center)


def _moved(gradient_kernel, points, triangles, triangle, barycentric, gradient, focal, center):
    points, barycentric, gradient = single(points, barycentric, gradient)
    triangles, triangle = indices(triangles, triangle)
    out = np.zeros_like(points)
    pixels, weights, gradients = _per_pixel(triangle, barycentric, gradient)
    lens, width = lens_of(focal, center), triangle.shape[2]
    gradient_kernel(pixels.shape[1], len(pixels), triangles, pixels, weights, points, gradients, lens, width, out)
    return out


@device
def _edges(points, b, corners):
    """Edges from corner 0 to corners 1 and 2: (x1, y1, z1), (x2, y2, z2)."""
    i, j, k = corners
    x0, y0, z0 = points[b, i, 0], points[b, i, 1], points[b, i, 2]
    return (
        (points[b, j, 0] - x0, points[b, j, 1] - y0, points[b, j, 2] - z0),
        (points[b, k, 0] - x0, points[b, k, 1] - y0, points[b, k, 2] - z0),
    )


@device
def _share(out, b, corners, weights, motion):
    """Each corner receives its weight of the gradient of the surface point."""
    for corner in range(3):
        for axis in range(3):
            cuda.atomic.add(out, (b, corners[corner], axis), weights[corner] * motion[axis])


@kernel(PIXELS + ", float32[:,:,::1], float32[:,:,::1], " + LENS + ", int32, float32[:,:,::1]")
def _barycentric_gradient(triangles, triangle, barycentric, points, gradient, lens, width, out):
    pixel, b = cuda.grid(2)
    if pixel >= triangle.shape[1]:
        return
    t = triangle[b, pixel]
    if not 0 <= t < triangles.shape[0]:
        return
    slope_x, slope_y = ray(pixel % width, lens, 0), ray(pixel // width, lens, 1)
    corners = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    first, second = _edges(points, b, corners)
    x1, y1 = across(first[0], first[2], slope_x), across(first[1], first[2], slope_y)
    x2, y2 = across(second[0], second[2], slope_x), across(second[1], second[2], slope_y)
    inverse = ONE / difference_of_products(x1, y2, y1, x2)
    g0 = gradient[b, pixel, 0]
    g1, g2 = (gradient[b, pixel, 1] - g0) * inverse, (gradient[b, pixel, 2] - g0) * inverse
    gx, gy = difference_of_products(g2, y1, g1, y2), difference_of_products(g1, x2, g2, x1)
    gz = -fma(gx, slope_x[0], gy * slope_y[0])
    weights = barycentric[b, pixel, 0], barycentric[b, pixel, 1], barycentric[b, pixel, 2]
    _share(out, b, corners, weights, (gx, gy, gz))


@kernel(PIXELS + ", float32[:,:,::1], float32[:,:,::1], " + LENS + ", int32, float32[:,:,::1]")
def _depth_gradient(triangles, triangle, barycentric, points, gradient, lens, width, out):
    pixel, b = cuda.grid(2)
    if pixel >= triangle.shape[1]:
        return
    t = triangle[b, pixel]
    if not 0 <= t < triangles.shape[0]:
        return
    slope_x, slope_y = ray(pixel % width, lens, 0), ray(pixel // width, lens, 1)
    corners = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    (x1, y1, z1), (x2, y2, z2) = _edges(points, b, corners)
    nx, ny = difference_of_products(y1, z2, z1, y2), difference_of_products(z1, x2, x1, z2)
    nz = difference_of_products(x1, y2, y1, x2)
    g = gradient[b, pixel, 0] / fma(nx, slope_x[0], fma(ny, slope_y[0], nz))
    weights = barycentric[b, pixel, 0], barycentric[b, pixel, 1], barycentric[b, pixel, 2]
    _share(out, b, corners, weights, (g * nx, g * ny, g * nz))
