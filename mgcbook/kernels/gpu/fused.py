"""Batch norm, pooling and what stands between convolutions on a GPU: CUDA C (fused.cu, channels.cu); see the twins.

Maps of float32 and of bfloat16 (its bits, as uint16) run in the kernels; anything else falls to the twins, line by line through
CuPy.
"""

import functools

import numpy as np

from ..twins import norm, pool
from .checks import single, whole
from .launch import elementwise, launch, maps_of, size_of, summing

__all__ = ["add_relu", "add_relu_backward", "channel_sums", "max_pool", "max_pool_backward", "move_towards", "norm_factors",
           "norm_gradient", "norm_scales", "to_half", "to_single"]

MAPS = (np.dtype(np.float32), np.dtype(np.uint16))


def on_maps(twin):
    """Run the twin where the first array is neither float32 nor bfloat16."""

    def decorate(function):
        @functools.wraps(function)
        def chosen(first, *args, **kwargs):
            return (function if first.dtype in MAPS else twin)(first, *args, **kwargs)

        return chosen

    return decorate


def maps(*arrays):
    """The arrays, C-contiguous and all of the first one's type.

    Raises:
        TypeError: where types are mixed.
    """
    kinds = {array.dtype for array in arrays}
    if len(kinds) > 1:
        raise TypeError(f"maps of one type expected, got {' and '.join(sorted(map(str, kinds)))}")
    return [whole(array) for array in arrays]


def _over(name, x, *args):
    """A kernel with a thread for a channel and a few rows of x."""
    elementwise(maps_of(x), name, *size_of(x), *args)


@on_maps(norm.channel_sums)
def channel_sums(x):
    """Sum and sum of squares of each channel; (..., C) -> (2, C) float64."""
    (x,) = maps(x)
    return summing("channel_sums", x, 2, lambda chunk, sums: (x, *size_of(x), chunk, sums))


@on_maps(norm.norm_gradient)
def norm_gradient(d, z, p, q, r):
    """p d + q z + r with p, q, r per channel: the gradient through batch normalisation; (..., C) x 2, (C,) x 3 -> (..., C)."""
    d, z = maps(d, z)
    out = np.empty_like(d)
    _over("norm_gradient", out, d, z, *single(p, q, r), *size_of(out), out)
    return out


@on_maps(norm.add_relu)
def add_relu(z, scale, shift, skip, skip_scale=None, skip_shift=None):
    """End of a residual block: relu(scale z + shift + skip), the skip too if given; (..., C) x 2 -> (..., C)."""
    scaled = skip_scale is not None
    z, skip = maps(z, skip)
    scales = single(scale, shift, *((skip_scale, skip_shift) if scaled else (scale, shift)))
    out = np.empty_like(z)
    _over("add_relu", out, z, *scales[:2], skip, *scales[2:], np.int32(scaled), *size_of(out), out)
    return out


@on_maps(norm.add_relu_backward)
def add_relu_backward(g, out, z, skip=None):
    """Backward of add_relu: d = g where out > 0, and per channel sum d, sum d z, sum d skip; -> (..., C), (3, C) float64."""
    arrays = maps(g, out, z, z if skip is None else skip)
    d, has_skip = np.empty_like(arrays[0]), np.int32(skip is not None)
    sums = summing("add_relu_backward", d, 3, lambda chunk, sums: (*arrays, has_skip, *size_of(d), chunk, d, sums))
    return d, sums


def norm_scales(sums, count, weight, bias, epsilon):
    """From the sums of z and z^2 over a batch to what batch norm does with it; see the twin."""
    if weight.dtype != np.float32:
        return norm.norm_scales(sums, count, weight, bias, epsilon)
    channels = np.int32(len(weight))
    wide = np.empty((3, int(channels)), dtype=np.float64, like=sums)
    narrow = np.empty((4, int(channels)), dtype=np.float32, like=sums)
    numbers = whole(sums), np.float64(count), *single(weight, bias), np.float64(epsilon), channels
    _per_channel("norm_scales", channels, *numbers, wide, narrow)
    return (wide[0], wide[1], wide[2]), (narrow[0], narrow[1], narrow[2], narrow[3])


def norm_factors(sums, count, weight, mean, inverse):
    """From the sums of d and d z to the gradients of weight and bias and (p, q, r) of `norm_gradient`; see the twin."""
    if weight.dtype != np.float32:
        return norm.norm_factors(sums, count, weight, mean, inverse)
    channels = np.int32(len(weight))
    out = np.empty((5, int(channels)), dtype=np.float32, like=sums)
    sums, mean, inverse = (whole(array) for array in (sums, mean, inverse))
    _per_channel("norm_factors", channels, sums, np.float64(count), *single(weight), mean, inverse, channels, out)
    return tuple(out[i] for i in range(5))


def _per_channel(name, channels, *args):
    launch("channels", name, (-(-int(channels) // 32),), (32,), *args)


def move_towards(old, new, share):
    """(1 - share) old + share new: running statistics; (C,) x 2 -> (C,)."""
    if not old.dtype == new.dtype == np.float32:
        return norm.move_towards(old, new, share)
    (old, new), out = single(old, new), np.empty_like(old)
    elementwise("flat", "move_towards", old.size, 1, old, new, np.float32(share), np.int64(old.size), out)
    return out


# ---------------------------------------------------------------- between convolutions


def activated(x, before):
    """relu(scale x + shift), or x itself without `before`; (..., C) -> (..., C)."""
    if before is None:
        return x
    (x,) = maps(x)
    out = np.empty_like(x)
    _over("activate", out, x, *single(*before), *size_of(out), out)
    return out


def activated_backward(g, x, before, onto=None):
    """Gradient through `activated` (+ onto), and the sums of dx and dx x before adding; (..., C) -> (..., C), (2, C) float64."""
    g, x, onto_or_g = maps(g, x, g if onto is None else onto)
    dx, has_onto = np.empty_like(x), np.int32(onto is not None)
    arrays = g, x, *single(*before), onto_or_g, has_onto
    return dx, summing("activate_backward", x, 2, lambda chunk, sums: (*arrays, *size_of(x), chunk, dx, sums))


def affine(z, scale, shift, skip, cut):
    """scale z + shift (+ skip), cut at 0 if `cut`: batch norm in inference; (..., C) -> (..., C)."""
    z, skip_or_z = maps(z, z if skip is None else skip)
    out = np.empty_like(z)
    flags = np.int32(skip is not None), np.int32(cut)
    _over("affine", out, z, *single(scale, shift), skip_or_z, *flags, *size_of(out), out)
    return out


def added(a, b):
    """a + b of two maps."""
    a, b = maps(a, b)
    out = np.empty_like(a)
    _over("add_maps", out, a, b, *size_of(out), out)
    return out


def to_half(x):
    """The bits of the nearest bfloat16; float32 -> uint16."""
    (x,) = single(x)
    out = np.empty(x.shape, dtype=np.uint16, like=x)
    _over("to_map", out, x, *size_of(x), out)
    return out


def to_single(x):
    """The numbers of bfloat16 bits; uint16 -> float32."""
    (x,) = maps(x)
    out = np.empty(x.shape, dtype=np.float32, like=x)
    _over("from_map", x, x, *size_of(x), out)
    return out


# ---------------------------------------------------------------- pooling


def _window(x, out_size, size, stride, padding):
    return tuple(map(np.int32, (*x.shape[1:3], *out_size, size, stride, padding)))


def _before(before, x):
    """Scale and shift of the batch norm before, and whether there is one."""
    scale, shift = (x, x) if before is None else single(*before)
    return scale, shift, np.int32(before is not None)


@on_maps(pool.max_pool)
def max_pool(x, size=3, stride=2, padding=1, *, before=None):
    """Largest value under a window, of x or of relu(scale x + shift); (B, H, W, C) -> (B, H', W', C) and taps, uint8."""
    (x,) = maps(x)
    height, width = ((n + 2 * padding - size) // stride + 1 for n in x.shape[1:3])
    out = np.empty((len(x), height, width, x.shape[3]), dtype=x.dtype, like=x)
    taps = np.empty(out.shape, dtype=np.uint8, like=x)
    window = _window(x, (height, width), size, stride, padding)
    _over("max_pool", out, x, *_before(before, x), *window, *size_of(out), out, taps)
    return out, taps


@on_maps(pool.max_pool_backward)
def max_pool_backward(g, taps, x, size=3, stride=2, padding=1, *, before=None):
    """Gradient of max_pool (with `before`: of scale x + shift), and its sums (sum dx, sum dx x); (B, H, W, C), (2, C)."""
    g, x = maps(g, x)
    dx, window = np.empty_like(x), _window(x, g.shape[1:3], size, stride, padding)
    arrays = g, whole(taps), x, *_before(before, x)
    sums = summing("max_pool_backward", x, 2, lambda chunk, sums: (*arrays, *window, *size_of(x), chunk, dx, sums))
    return dx, sums
