"""Reading an image between its pixels on a GPU: one thread for each position. See the twins for the equations."""

import numpy as np

from .._cuda import cuda, device, kernel
from .checks import single

__all__ = ["bilinear_sample", "bilinear_sample_image_gradient", "bilinear_sample_uv_gradient"]

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)

SAMPLES = "float32[:,:,:,::1], float32[:,:,::1], float32[:,:,::1]"
"""Types of the image (B, H, W, C), the positions (B, h w, 2) and what is read there (B, h w, C)."""


def _listed(array):
    """(B, h, w, C) -> (B, h w, C)."""
    return array.reshape(len(array), array.shape[1] * array.shape[2], array.shape[3])


def bilinear_sample(image, uv):
    """Read image at uv, where (c + 0.5, r + 0.5) is pixel (r, c); (B, H, W, C), (B, h, w, 2) -> (B, h, w, C)."""
    image, uv = single(image, uv)
    out = np.empty((*uv.shape[:3], image.shape[3]), dtype=np.float32, like=image)
    places = _listed(uv)
    _bilinear_sample(places.shape[1], len(places), image, places, _listed(out))
    return out


def bilinear_sample_image_gradient(image, uv, gradient):
    """d loss / d image: each read pixel receives its weight of the gradient; (B, h, w, C) -> (B, H, W, C).

    Added up by atomic additions: the last digits differ from run to run.
    """
    uv, gradient = single(uv, gradient)
    out = np.zeros(image.shape, dtype=np.float32, like=gradient)
    places = _listed(uv)
    _bilinear_sample_image_gradient(places.shape[1], len(places), out, places, _listed(gradient))
    return out


def bilinear_sample_uv_gradient(image, uv, gradient):
    """d loss / d uv, zero beyond the outermost pixel centres; (B, h, w, C) -> (B, h, w, 2)."""
    image, uv, gradient = single(image, uv, gradient)
    out = np.empty_like(uv)
    places = _listed(uv)
    _bilinear_sample_uv_gradient(places.shape[1], len(places), image, places, _listed(gradient), _listed(out))
    return out


@device
def _neighbours(position, size):
    """The two array indices around an image coordinate, the place between them in [0, 1], whether it is inside."""
    index, last = position - HALF, np.float32(size - 1)
    inside = (index >= ZERO) and (index <= last)
    index = min(index, last) if index >= ZERO else ZERO  # a NaN compares false
    first = min(np.int32(index), max(np.int32(size - 2), np.int32(0)))
    return first, min(first + np.int32(1), np.int32(size - 1)), index - np.float32(first), inside


@kernel(SAMPLES)
def _bilinear_sample(image, uv, out):
    place, b = cuda.grid(2)
    if place >= uv.shape[1]:
        return
    x0, x1, fx, _ = _neighbours(uv[b, place, 0], image.shape[2])
    y0, y1, fy, _ = _neighbours(uv[b, place, 1], image.shape[1])
    w00, w01, w10, w11 = (ONE - fx) * (ONE - fy), fx * (ONE - fy), (ONE - fx) * fy, fx * fy
    for c in range(image.shape[3]):
        upper = w00 * image[b, y0, x0, c] + w01 * image[b, y0, x1, c]
        out[b, place, c] = upper + (w10 * image[b, y1, x0, c] + w11 * image[b, y1, x1, c])


@kernel(SAMPLES)
def _bilinear_sample_image_gradient(out, uv, gradient):
    place, b = cuda.grid(2)
    if place >= uv.shape[1]:
        return
    x0, x1, fx, _ = _neighbours(uv[b, place, 0], out.shape[2])
    y0, y1, fy, _ = _neighbours(uv[b, place, 1], out.shape[1])
    w00, w01, w10, w11 = (ONE - fx) * (ONE - fy), fx * (ONE - fy), (ONE - fx) * fy, fx * fy
    for c in range(out.shape[3]):
        g = gradient[b, place, c]
        cuda.atomic.add(out, (b, y0, x0, c), w00 * g)
        cuda.atomic.add(out, (b, y0, x1, c), w01 * g)
        cuda.atomic.add(out, (b, y1, x0, c), w10 * g)
        cuda.atomic.add(out, (b, y1, x1, c), w11 * g)


@kernel(SAMPLES + ", float32[:,:,::1]")
def _bilinear_sample_uv_gradient(image, uv, gradient, out):
    place, b = cuda.grid(2)
    if place >= uv.shape[1]:
        return
    x0, x1, fx, inside_x = _neighbours(uv[b, place, 0], image.shape[2])
    y0, y1, fy, inside_y = _neighbours(uv[b, place, 1], image.shape[1])
    above, below, left, right = ZERO, ZERO, ZERO, ZERO  # the slopes along the four sides of the square of pixels
    for c in range(image.shape[3]):
        g = gradient[b, place, c]
        p00, p01, p10, p11 = image[b, y0, x0, c], image[b, y0, x1, c], image[b, y1, x0, c], image[b, y1, x1, c]
        above += g * (p01 - p00)
        below += g * (p11 - p10)
        left += g * (p10 - p00)
        right += g * (p11 - p01)
    out[b, place, 0] = above * (ONE - fy) + below * fy if inside_x else ZERO
    out[b, place, 1] = left * (ONE - fx) + right * fx if inside_y else ZERO
