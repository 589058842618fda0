"""Convolution in plain NumPy: views of the windows, then one matrix product; twin of cpu/conv.py and conv_backward.py."""

import numpy as np

from .half import rounded, to_half, to_single
from .norm import channel_sums, norm_gradient

__all__ = ["convolve", "convolve_backward"]


def patches(x, kh, kw, stride, padding):
    """What each window sees, one row for each output pixel; (B, H, W, C) -> (B, H', W', kh kw C)."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)), "constant")
    height, width = (x.shape[1] - kh) // stride + 1, (x.shape[2] - kw) // stride + 1
    taps = [x[:, i : i + stride * height : stride, j : j + stride * width : stride] for i in range(kh) for j in range(kw)]
    return np.concatenate(taps, axis=-1)


def _act(x, before):
    return x if before is None else np.maximum(before[0] * x + before[1], 0)


def convolve(x, weight, stride=1, padding=0, *, before=None, after=None, sums=False):
    """Convolution, optionally with the batch norms around it; see cpu/conv.py. (B, H, W, C), (kh, kw, C, O) -> (B, H', W', O)."""
    if x.dtype == np.uint16:
        return _convolve_half(to_single(x), rounded(weight), stride, padding, before, after, sums)
    kh, kw, _, out = weight.shape
    y = patches(_act(x, before), kh, kw, stride, padding) @ np.reshape(weight, (-1, out))
    if after is not None:
        scale, shift, skip, relu = after
        y = scale * y + shift
        y = y if skip is None else y + skip
        y = np.maximum(y, 0) if relu else y
    if not sums:
        return y
    return y, np.stack([np.sum(y, axis=(0, 1, 2), dtype=np.float64), np.sum(np.square(y), axis=(0, 1, 2), dtype=np.float64)])


def convolve_backward(d, x, weight, stride=1, padding=0, *, norm=None, before=None, onto=None, need_x=True, need_weight=True):
    """The gradients of convolve: (dx, dweight, sums); see cpu/conv_backward.py."""
    if d.dtype == np.uint16:
        return _convolve_backward_half(d, x, weight, stride, padding, norm, before, onto, need_x, need_weight)
    kh, kw, channels, out = weight.shape
    dz = d if norm is None else norm_gradient(d, *norm)
    dweight = None
    if need_weight:
        columns = patches(_act(x, before), kh, kw, stride, padding)
        dweight = (columns.reshape(-1, columns.shape[-1]).T @ dz.reshape(-1, out)).reshape(weight.shape)
    if not need_x:
        return None, dweight, None
    batch, height, width, _ = dz.shape
    dcolumns = (dz @ weight.reshape(-1, out).T).reshape(batch, height, width, kh, kw, channels)
    padded = np.zeros((batch, x.shape[1] + 2 * padding, x.shape[2] + 2 * padding, channels), x.dtype, like=x)
    for i in range(kh):  # each tap gives its share back to the pixel that it saw
        for j in range(kw):
            padded[:, i : i + stride * height : stride, j : j + stride * width : stride] += dcolumns[:, :, :, i, j]
    dx = padded[:, padding : padding + x.shape[1], padding : padding + x.shape[2]]
    sums = None
    if before is not None:
        dx = np.where(before[0] * x + before[1] > 0, dx, 0)
        sums = np.stack([np.sum(dx, axis=(0, 1, 2), dtype=np.float64), np.sum(dx * x, axis=(0, 1, 2), dtype=np.float64)])
    return (dx if onto is None else onto + dx), dweight, sums


def _convolve_half(x, weight, stride, padding, before, after, sums):
    """With maps of bfloat16: what is stored between two steps is rounded."""
    x = x if before is None else rounded(_act(x, before))
    y = rounded(convolve(x, weight, stride, padding))
    if after is not None:
        skip = after[2] if after[2] is None else to_single(after[2])
        scale, shift, _, relu = after
        y = scale * y + shift if skip is None else scale * y + shift + skip
        y = rounded(np.maximum(y, 0) if relu else y)
    if not sums:
        return to_half(y)
    return to_half(y), channel_sums(y)


def _convolve_backward_half(d, x, weight, stride, padding, norm, before, onto, need_x, need_weight):
    dz = to_single(d if norm is None else norm_gradient(d, *norm))
    x, needs = to_single(x), dict(need_x=need_x, need_weight=need_weight)
    seen = x if before is None else rounded(_act(x, before))
    dx, dweight, sums = convolve_backward(dz, seen, rounded(weight), stride, padding, **needs)
    if not need_x:
        return None, dweight, None
    dx = rounded(dx)
    if before is not None:
        dx = np.where(before[0] * x + before[1] > 0, dx, np.float32(0))
        sums = np.stack([np.sum(dx, axis=(0, 1, 2), dtype=np.float64), np.sum(dx * x, axis=(0, 1, 2), dtype=np.float64)])
    return to_half(dx if onto is None else dx + to_single(onto)), dweight, sums
