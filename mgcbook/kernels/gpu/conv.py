"""Convolution on a GPU: cuDNN, or products of matrices: those of 1 x 1 pixel always, all others where cuDNN is missing.

A kernel (kh, kw, C, O) is turned to (O, kh, kw, C) for cuDNN. What the batch norm before makes of a map is written down once,
going forward, and read again going backward: see `Affine`.
"""

import numpy as np

from ..twins import conv as twins
from ..twins.norm import Affine
from . import runtime
from .checks import whole
from .fused import MAPS, activated, activated_backward, added, affine, channel_sums, norm_gradient, to_half
from .launch import elementwise
from .products import matmul

__all__ = ["convolve", "convolve_backward"]

ONE_PIXEL = (1, 1, 1, 0)
"""Height and width of the kernel, stride, padding: a convolution that is a product as it stands."""


def convolve(x, weight, stride=1, padding=0, *, before=None, after=None, sums=False):
    """Convolution, optionally with the batch norms around it; see cpu/conv.py. (B, H, W, C), (kh, kw, C, O) -> (B, H', W', O)."""
    if x.dtype not in MAPS:
        return twins.convolve(x, weight, stride, padding, before=before, after=after, sums=sums)
    seen = activated(x, before)
    if isinstance(before, Affine):
        before.made = seen
    y = _forward(seen, weight, stride, padding)
    if after is not None:
        y = affine(y, *after)
    return (y, channel_sums(y)) if sums else y


def convolve_backward(d, x, weight, stride=1, padding=0, *, norm=None, before=None, onto=None, need_x=True, need_weight=True):
    """The gradients of convolve: (dx, dweight, sums); see cpu/conv_backward.py."""
    if d.dtype not in MAPS:
        settings = dict(norm=norm, before=before, onto=onto, need_x=need_x, need_weight=need_weight)
        return twins.convolve_backward(d, x, weight, stride, padding, **settings)
    dz = d if norm is None else norm_gradient(d, *norm)
    dz = whole(dz)
    dweight = None
    if need_weight:
        seen = getattr(before, "made", None)
        dweight = _weight_gradient(dz, activated(x, before) if seen is None else seen, weight.shape, stride, padding)
    if not need_x:
        return None, dweight, None
    dx = _input_gradient(dz, x, weight, stride, padding)
    if before is not None:
        dx, sums = activated_backward(dx, x, before, onto)
        return dx, dweight, sums
    return dx if onto is None else added(dx, onto), dweight, None


def _is_one_pixel(weight_shape, stride, padding):
    return (*weight_shape[:2], stride, padding) == ONE_PIXEL


def _size(x, weight_shape, stride, padding):
    return tuple((n + 2 * padding - k) // stride + 1 for n, k in zip(x.shape[1:3], weight_shape[:2], strict=True))


def _forward(x, weight, stride, padding):
    x = whole(x)
    plans = None if _is_one_pixel(weight.shape, stride, padding) else runtime.convolution_plans()
    if plans is None:
        rows = _windows(x, *weight.shape[:2], stride, padding)
        return _product(rows, _matrix(weight, x.dtype), x.dtype)
    y = np.empty((len(x), *_size(x, weight.shape, stride, padding), weight.shape[3]), dtype=x.dtype, like=x)
    plans.run(x, _turned(weight, x.dtype), y, *_shape("forward", x, weight.shape, stride, padding))
    return y


def _input_gradient(dz, x, weight, stride, padding):
    plans = None if _is_one_pixel(weight.shape, stride, padding) else runtime.convolution_plans()
    if plans is None:
        taps = _product(dz, np.swapaxes(_matrix(weight, dz.dtype), 0, 1), np.dtype(np.float32))
        dx = _gathered(taps, x.shape, *weight.shape[:2], stride, padding)
        return to_half(dx) if dz.dtype == np.uint16 else dx
    dx = np.empty(x.shape, dtype=x.dtype, like=x)
    plans.run(dz, _turned(weight, dz.dtype), dx, *_shape("input", x, weight.shape, stride, padding))
    return dx


def _weight_gradient(dz, x, weight_shape, stride, padding):
    x = whole(x)
    plans = None if _is_one_pixel(weight_shape, stride, padding) else runtime.convolution_plans()
    if plans is None:
        rows = _windows(x, *weight_shape[:2], stride, padding)
        rows = np.reshape(rows, (-1, rows.shape[-1]))
        product = _product(np.swapaxes(rows, 0, 1), np.reshape(dz, (-1, dz.shape[-1])), np.dtype(np.float32))
        return np.reshape(product, weight_shape)
    kh, kw, channels, out = weight_shape
    turned = np.empty((out, kh, kw, channels), dtype=x.dtype, like=x)
    plans.run(x, dz, turned, *_shape("kernel", x, weight_shape, stride, padding))
    dweight = np.empty(weight_shape, dtype=np.float32, like=x)
    _turn("turn_back", kh * kw * channels, out, turned, dweight)
    return dweight


def _shape(what, x, weight_shape, stride, padding):
    """What a plan of cuDNN is known by."""
    return what, tuple(x.shape), tuple(weight_shape), stride, padding, "bfloat16" if x.dtype == np.uint16 else "float32"


def _turned(weight, dtype):
    """(kh, kw, C, O) float32 -> (O, kh, kw, C) in the type of the maps."""
    kh, kw, channels, out = weight.shape
    weight = whole(weight)
    turned = np.empty((out, kh, kw, channels), dtype=dtype, like=weight)
    _turn("turn_filters", kh * kw * channels, out, weight, turned)
    return turned


def _turn(name, rows, channels, source, target):
    """Each thread takes eight rows."""
    kind = "half" if np.uint16 in (source.dtype, target.dtype) else "fused"
    elementwise(kind, name, -(-rows // 8), channels, source, np.int64(rows), np.int32(channels), target)


# ---------------------------------------------------------------- as products


def _matrix(weight, dtype):
    """(kh, kw, C, O) float32 -> (kh kw C, O) in the type of the maps."""
    matrix = np.reshape(weight, (-1, weight.shape[-1]))
    return to_half(matrix) if dtype == np.uint16 else matrix


def _product(a, b, dtype):
    """(..., k), (k, n) -> (..., n) of a type: bfloat16 factors are added up in float32, whatever the result is stored in."""
    rows = a if a.ndim == 2 else np.reshape(a, (-1, a.shape[-1]))
    product = matmul(rows, b, tf32=runtime.uses_tf32(), dtype=dtype)
    return product if a.ndim == 2 else np.reshape(product, (*a.shape[:-1], b.shape[-1]))


def _windows(x, kh, kw, stride, padding):
    """What each window sees; (B, H, W, C) -> (B, H', W', kh kw C), x itself for one pixel."""
    if (kh, kw, stride, padding) == ONE_PIXEL:
        return x
    batch, height, width, channels = x.shape
    padded = np.zeros((batch, height + 2 * padding, width + 2 * padding, channels), dtype=x.dtype, like=x)
    padded[:, padding : padding + height, padding : padding + width] = x
    rows, columns = _size(x, (kh, kw), stride, padding)
    out = np.empty((batch, rows, columns, kh * kw, channels), dtype=x.dtype, like=x)
    for i in range(kh):  # one after the other: CuPy joins more than eight arrays through a table that no graph can hold
        for j in range(kw):
            out[:, :, :, i * kw + j] = padded[:, i : i + stride * rows : stride, j : j + stride * columns : stride]
    return np.reshape(out, (batch, rows, columns, kh * kw * channels))


def _gathered(taps, shape, kh, kw, stride, padding):
    """Backward of `_windows`: each tap gives its share back to the pixel that it saw; -> (B, H, W, C) float32."""
    if (kh, kw, stride, padding) == ONE_PIXEL:
        return np.reshape(taps, shape)
    batch, height, width, channels = shape
    rows, columns = taps.shape[1:3]
    taps = np.reshape(taps, (batch, rows, columns, kh * kw, channels))
    padded = np.zeros((batch, height + 2 * padding, width + 2 * padding, channels), dtype=np.float32, like=taps)
    for i in range(kh):
        for j in range(kw):
            padded[:, i : i + stride * rows : stride, j : j + stride * columns : stride] += taps[:, :, :, i * kw + j]
    return whole(padded[:, padding : padding + height, padding : padding + width])
