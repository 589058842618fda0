"""Reading an image between its pixels, in Numba. See the twins for the equations."""

import numpy as np
from numba import njit

from .memory import take
from .threads import kernel, run_blocks

__all__ = ["bilinear_sample", "bilinear_sample_image_gradient", "bilinear_sample_uv_gradient"]


def bilinear_sample(image, uv):
    """Read image at uv, where (c + 0.5, r + 0.5) is pixel (r, c); (B, H, W, C), (B, h, w, 2) -> (B, h, w, C)."""
    image, uv = np.ascontiguousarray(image), np.ascontiguousarray(uv)
    out = take((*uv.shape[:3], image.shape[3]), image.dtype)
    run_blocks(_bilinear_sample, uv.shape[0] * uv.shape[1], image, uv, out)
    return out


@njit(inline="always")
def _neighbours(position, size):
    """The two array indices around an image coordinate, the place between them in [0, 1], whether it is inside."""
    index = np.float64(position) - 0.5
    inside = (index >= 0) & (index <= size - 1)
    index = min(index, size - 1.0) if index >= 0 else 0.0  # a NaN compares false
    first = min(int(index), max(size - 2, 0))
    return np.uint64(first), np.uint64(min(first + 1, size - 1)), index - first, inside


@kernel
def _bilinear_sample(start, stop, image, uv, out):
    height, width, channels = image.shape[1:]
    real = out.dtype.type
    for block in range(start, stop):
        b, row = block // uv.shape[1], block % uv.shape[1]
        places, values = uv[b, row], out[b, row]
        for column in range(np.uint64(places.shape[0])):
            x0, x1, fx, _ = _neighbours(places[column, 0], width)
            y0, y1, fy, _ = _neighbours(places[column, 1], height)
            upper, lower = image[b, y0], image[b, y1]
            w00, w01, w10, w11 = real((1 - fx) * (1 - fy)), real(fx * (1 - fy)), real((1 - fx) * fy), real(fx * fy)
            for c in range(np.uint64(channels)):
                values[column, c] = w00 * upper[x0, c] + w01 * upper[x1, c] + (w10 * lower[x0, c] + w11 * lower[x1, c])


def bilinear_sample_image_gradient(image, uv, gradient):
    """d loss / d image: each read pixel receives its weight of the gradient; (B, h, w, C) -> (B, H, W, C)."""
    uv, gradient = np.ascontiguousarray(uv), np.ascontiguousarray(gradient)
    out = take(image.shape, image.dtype)
    run_blocks(_bilinear_sample_image_gradient, len(image), uv, gradient, out)
    return out


@kernel
def _bilinear_sample_image_gradient(start, stop, uv, gradient, out):
    height, width, channels = out.shape[1:]
    real = out.dtype.type
    for b in range(start, stop):
        out[b] = 0
        for row in range(uv.shape[1]):
            places, values = uv[b, row], gradient[b, row]
            for column in range(np.uint64(places.shape[0])):
                x0, x1, fx, _ = _neighbours(places[column, 0], width)
                y0, y1, fy, _ = _neighbours(places[column, 1], height)
                upper, lower = out[b, y0], out[b, y1]
                w00, w01, w10, w11 = real((1 - fx) * (1 - fy)), real(fx * (1 - fy)), real((1 - fx) * fy), real(fx * fy)
                for c in range(np.uint64(channels)):
                    g = values[column, c]
                    upper[x0, c] += w00 * g
                    upper[x1, c] += w01 * g
                    lower[x0, c] += w10 * g
                    lower[x1, c] += w11 * g


def bilinear_sample_uv_gradient(image, uv, gradient):
    """d loss / d uv, zero beyond the outermost pixel centres; (B, h, w, C) -> (B, h, w, 2)."""
    image, uv, gradient = np.ascontiguousarray(image), np.ascontiguousarray(uv), np.ascontiguousarray(gradient)
    out = take(uv.shape, uv.dtype)
    run_blocks(_bilinear_sample_uv_gradient, uv.shape[0] * uv.shape[1], image, uv, gradient, out)
    return out


@kernel
def _bilinear_sample_uv_gradient(start, stop, image, uv, gradient, out):
    height, width, channels = image.shape[1:]
    for block in range(start, stop):
        b, row = block // uv.shape[1], block % uv.shape[1]
        places, values, slopes = uv[b, row], gradient[b, row], out[b, row]
        for column in range(np.uint64(places.shape[0])):
            x0, x1, fx, inside_x = _neighbours(places[column, 0], width)
            y0, y1, fy, inside_y = _neighbours(places[column, 1], height)
            upper, lower = image[b, y0], image[b, y1]
            above = below = left = right = image.dtype.type(0)  # the slopes along the four sides of the square of pixels
            for c in range(np.uint64(channels)):
                g, p00, p01, p10, p11 = values[column, c], upper[x0, c], upper[x1, c], lower[x0, c], lower[x1, c]
                above += g * (p01 - p00)
                below += g * (p11 - p10)
                left += g * (p10 - p00)
                right += g * (p11 - p01)
            slopes[column, 0] = above * (1 - fy) + below * fy if inside_x else 0.0
            slopes[column, 1] = left * (1 - fx) + right * fx if inside_y else 0.0
