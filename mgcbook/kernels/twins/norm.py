"""The pieces of batch normalisation in plain NumPy; see cpu/norm.py."""

import numpy as np

__all__ = ["add_relu", "add_relu_backward", "channel_sums", "norm_gradient"]


def _per_channel(x):
    return np.sum(x, axis=tuple(range(x.ndim - 1)), dtype=np.float64)


def channel_sums(x):
    """Sum and sum of squares of each channel; (..., C) -> (2, C) float64."""
    return np.stack([_per_channel(x), _per_channel(np.square(x))])


def norm_gradient(d, z, p, q, r):
    """p d + q z + r with p, q, r per channel: the gradient through batch normalisation; (..., C) x 2, (C,) x 3 -> (..., C)."""
    return p * d + q * z + r


def add_relu(z, scale, shift, skip, skip_scale=None, skip_shift=None):
    """End of a residual block: relu(scale z + shift + skip), the skip too if given; (..., C) x 2 -> (..., C)."""
    skip = skip if skip_scale is None else skip_scale * skip + skip_shift
    return np.maximum(scale * z + shift + skip, 0)


def add_relu_backward(g, out, z, skip=None):
    """Backward of add_relu: d = g where out > 0, and per channel sum d, sum d z, sum d skip; -> (..., C), (3, C) float64."""
    d = np.where(out > 0, g, 0)
    last = np.zeros(z.shape[-1], like=z) if skip is None else _per_channel(d * skip)
    return d, np.stack([_per_channel(d), _per_channel(d * z), last])
