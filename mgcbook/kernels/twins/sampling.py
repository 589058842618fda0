"""Reading an image between its pixels, in whole-array NumPy."""

import numpy as np

__all__ = ["bilinear_sample", "bilinear_sample_image_gradient", "bilinear_sample_uv_gradient"]


def bilinear_sample(image, uv):
    """Read image at uv, where (c + 0.5, r + 0.5) is pixel (r, c); (B, H, W, C), (B, h, w, 2) -> (B, h, w, C).

    Positions beyond the outermost pixel centres read the nearest point between them; NaN reads position 0.
    """
    (p00, p01, p10, p11), fx, fy, _, _ = _neighbours(image, uv)
    value = (p00 * (1 - fx) + p01 * fx) * (1 - fy) + (p10 * (1 - fx) + p11 * fx) * fy
    return value.astype(image.dtype)


def bilinear_sample_image_gradient(image, uv, gradient):
    """d loss / d image: each read pixel receives its weight of the gradient; (B, h, w, C) -> (B, H, W, C)."""
    _, fx, fy, _, places = _neighbours(image, uv)
    out = np.zeros(image.shape)
    for place, weight in zip(places, ((1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy), strict=True):
        np.add.at(out, place, gradient * weight)
    return out.astype(image.dtype)


def bilinear_sample_uv_gradient(image, uv, gradient):
    """d loss / d uv, zero beyond the outermost pixel centres; (B, h, w, C) -> (B, h, w, 2)."""
    (p00, p01, p10, p11), fx, fy, inside, _ = _neighbours(image, uv)
    across = (gradient * ((p01 - p00) * (1 - fy) + (p11 - p10) * fy)).sum(axis=-1)
    down = (gradient * ((p10 - p00) * (1 - fx) + (p11 - p01) * fx)).sum(axis=-1)
    return np.where(inside, np.stack([across, down], axis=-1), 0).astype(uv.dtype)


def _neighbours(image, uv):
    """The four pixels around each position, the position between them, whether it is inside, and where the pixels are."""
    height, width = image.shape[1:3]
    index = uv.astype(np.float64) - 0.5  # from image coordinates to array indices
    last = np.array([width - 1, height - 1])
    inside = (index >= 0) & (index <= last)
    index = np.where(index >= 0, np.minimum(index, last), 0)  # a NaN compares false
    first = np.clip(np.floor(index), 0, np.maximum(last - 1, 0)).astype(int)
    fx, fy = np.moveaxis((index - first)[..., None, :], -1, 0)
    (x0, y0), (x1, y1) = np.moveaxis(first, -1, 0), np.moveaxis(np.minimum(first + 1, last), -1, 0)
    b = np.arange(len(image))[:, None, None]
    places = (b, y0, x0), (b, y0, x1), (b, y1, x0), (b, y1, x1)
    return [image[place] for place in places], fx, fy, inside, places
