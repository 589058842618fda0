"""The pieces of batch normalisation in plain NumPy; see cpu/norm.py."""

import numpy as np

from .half import halves

__all__ = ["Affine", "add_relu", "add_relu_backward", "channel_sums", "move_towards", "norm_factors", "norm_gradient",
           "norm_scales"]


class Affine(tuple):
    """(scale, shift) of a batch norm, for `before`. A GPU keeps in `made` what they made of a map, to read it going backward."""

    made = None


def _per_channel(x):
    return np.sum(x, axis=tuple(range(x.ndim - 1)), dtype=np.float64)


@halves()
def channel_sums(x):
    """Sum and sum of squares of each channel; (..., C) -> (2, C) float64."""
    return np.stack([_per_channel(x), _per_channel(np.square(x))])


@halves(0)
def norm_gradient(d, z, p, q, r):
    """p d + q z + r with p, q, r per channel: the gradient through batch normalisation; (..., C) x 2, (C,) x 3 -> (..., C)."""
    return p * d + q * z + r


@halves(0)
def add_relu(z, scale, shift, skip, skip_scale=None, skip_shift=None):
    """End of a residual block: relu(scale z + shift + skip), the skip too if given; (..., C) x 2 -> (..., C)."""
    skip = skip if skip_scale is None else skip_scale * skip + skip_shift
    return np.maximum(scale * z + shift + skip, 0)


@halves(0)
def add_relu_backward(g, out, z, skip=None):
    """Backward of add_relu: d = g where out > 0, and per channel sum d, sum d z, sum d skip; -> (..., C), (3, C) float64."""
    d = np.where(out > 0, g, 0)
    last = np.zeros(z.shape[-1], like=z) if skip is None else _per_channel(d * skip)
    return d, np.stack([_per_channel(d), _per_channel(d * z), last])


def norm_scales(sums, count, weight, bias, epsilon):
    """From the sums of z and z^2 over a batch to what batch norm does with it: y = scale z + shift.

    Args:
        sums: (2, C) in float64, over `count` pixels.
        weight, bias: (C,).
    Returns:
        (mean, variance, 1 / deviation) in float64, (scale, shift, mean, unbiased variance) in the type of the weight; (C,) each.
    """
    mean = sums[0] / count
    variance = np.maximum(sums[1] / count - mean**2, 0)
    inverse = 1 / np.sqrt(variance + epsilon)
    scale = weight * inverse
    narrow = scale, bias - scale * mean, mean, variance * (count / max(count - 1, 1))
    return (mean, variance, inverse), tuple(array.astype(weight.dtype) for array in narrow)


def norm_factors(sums, count, weight, mean, inverse):
    """How a gradient d goes back through y = weight x^ + bias: (dweight, dbias, p, q, r) with dz = p d + q z + r; (C,) each.

    With x^ = (z - mean) / deviation:  d z = weight / deviation (d - mean(d) - x^ mean(d x^)). sums: of d and d z, (2, C) float64.
    """
    dweight = (sums[1] - sums[0] * mean) * inverse
    p = weight * inverse
    q = -p * inverse * dweight / count
    r = -p * sums[0] / count - q * mean
    return tuple(array.astype(weight.dtype) for array in (dweight, sums[0], p, q, r))


def move_towards(old, new, share):
    """(1 - share) old + share new: running statistics; (C,) x 2 -> (C,)."""
    return (1 - share) * old + share * new
