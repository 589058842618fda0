"""Reading an image between its pixels, with gradients to the image and to the positions (the sampler of Eq. 2).

Coordinates are continuous: reading at (c + 0.5, r + 0.5), the centre of pixel (r, c), returns that pixel. Built in chapter 09.
"""

import numpy as np

from mgcbook.arrays import check_shapes, kernels_for
from mgcbook.tape import primitive


def _bilinear_sample_twin(image, uv):
    """The formula in plain NumPy, for any engine of gradients."""
    height, width = image.shape[1:3]
    x, y = _clamped(uv[..., 0] - 0.5, width - 1), _clamped(uv[..., 1] - 0.5, height - 1)  # image coordinates to array indices
    x0 = np.clip(np.floor(x), 0, max(width - 2, 0)).astype(int)
    y0 = np.clip(np.floor(y), 0, max(height - 2, 0)).astype(int)
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    b = np.arange(image.shape[0], like=x0)[:, None, None]
    fx, fy = (x - x0)[..., None], (y - y0)[..., None]
    top = image[b, y0, x0] * (1 - fx) + image[b, y0, x1] * fx
    bottom = image[b, y1, x0] * (1 - fx) + image[b, y1, x1] * fx
    return top * (1 - fy) + bottom * fy


def _clamped(index, last):
    index = np.where(index >= 0, index, 0.0)  # a NaN compares false
    return np.where(index <= last, index, float(last))


@check_shapes(image="B H W C", uv="B h w 2")
@primitive(twin=_bilinear_sample_twin)
def bilinear_sample(image, uv):
    """Read the image at positions uv; (B, H, W, C), (B, h, w, 2) -> (B, h, w, C).

    Between four pixel centres the value is their weighted mean. Beyond the outermost centres the nearest point between them is
    read and the position has no gradient (`in_range` says where that is); NaN reads position 0, without gradient.

    Args:
        image: any channels.
        uv: image coordinates (x, y) in pixels of `image`.
    """
    kernels = kernels_for(image, uv)
    return (kernels.bilinear_sample(image, uv),
            lambda g: kernels.bilinear_sample_image_gradient(image, uv, g),
            lambda g: kernels.bilinear_sample_uv_gradient(image, uv, g))  # fmt: skip


@check_shapes(uv="... 2")
def in_range(uv, height, width):
    """1 where uv lies between the outermost pixel centres, ends included, else 0; (..., 2) -> (...), without gradient."""
    x, y = uv[..., 0] - 0.5, uv[..., 1] - 0.5
    # Paper: unsaid; MGCNet's code: the sum of the four weights, which is 0 at x = W - 1; here: the ends count, a view warped onto
    # itself loses nothing.
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return inside.astype(uv.dtype)
