"""The gradients of a convolution (see conv.py): the door to conv_few.py, conv_pixels.py, conv_weight.py and conv_input.py.

The gradient may arrive in front of the batch norm behind the convolution, as (d, z, p, q, r): then it is p d + q z + r, written
only where it is read.
"""

import numpy as np

from .conv_few import few_gradients, few_pixels
from .conv_input import input_gradient
from .conv_pixels import pixel_gradients
from .conv_weight import PARTIAL, weight_gradient
from .norm import MASK, NOTHING, norm_gradient
from .single import float32_only, plain, rows_of

__all__ = ["convolve_backward"]


@float32_only
def convolve_backward(d, x, weight, stride=1, padding=0, *, norm=None, before=None, onto=None, need_x=True, need_weight=True):
    """The gradients of `convolve`: (dx, dweight, sums); d (B, H', W', O), x (B, H, W, C), weight (kh, kw, C, O).

    Args:
        d: gradient of the output, or with `norm` of the batch norm behind it.
        norm: (z, p, q, r): the gradient of the output is p d + q z + r per channel.
        before: (scale, shift) as given to `convolve`: dx is then the gradient of scale x + shift, and sums are those of dx and
            dx x per channel, (2, C) float64, that the batch norm before needs.
        onto: an array to which dx is added in place (a 1x1 convolution of stride 1); it is returned as dx.
        need_x, need_weight: False leaves that gradient out (None).
    """
    d, x, weight = plain(d), plain(x), plain(weight)
    kh, kw, channels, out = weight.shape
    vector = np.empty(channels, np.float32)
    end = (NOTHING, False, vector, vector, x) if before is None else (MASK, False, *before, x)
    norm = None if norm is None else (plain(norm[0]), *norm[1:])
    pixels, each = d.shape[0] * d.shape[1] * d.shape[2], (kh, kw, stride, padding) == (1, 1, 1, 0) and need_x and need_weight
    if few_pixels(pixels) or (each and channels * out > PARTIAL):
        return few_gradients(d, x, weight, stride, padding, norm, before, onto, end, need_x, need_weight)
    if each:
        norm = None if norm is None else (rows_of(norm[0]), *norm[1:])
        onto = None if onto is None else rows_of(onto)
        dx, dweight, sums = pixel_gradients(rows_of(d), rows_of(x), weight[0, 0], norm, before, onto, end)
        return dx.reshape(x.shape), dweight.reshape(weight.shape), sums
    dz = d if norm is None else norm_gradient(d, *norm)
    dweight = weight_gradient(dz, x, weight.shape, stride, padding, before) if need_weight else None
    if not need_x:
        return None, dweight, None
    dx, sums = input_gradient(dz, x, weight, stride, padding, end)
    if onto is not None:
        onto += dx
        dx = onto
    return dx, dweight, sums
