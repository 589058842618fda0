"""Batch norm, pooling and Adam on a GPU: CUDA C (fused.cu), compiled by CuPy when first called. See the twins for the equations.

Float32 runs in the kernels; anything else falls to the twins, line by line through CuPy.
"""

import functools
from pathlib import Path

import numpy as np

from ..twins import adam, norm, pool
from .checks import single

__all__ = ["adam_step", "add_relu", "add_relu_backward", "channel_sums", "max_pool", "max_pool_backward", "norm_gradient"]

SOURCE = Path(__file__).with_name("fused.cu")

THREADS = 128
"""Of a block."""

SHORTEST, MOST = 64, 1024
"""Rows that a thread adds up in float32 at least, and chunks of rows at the most."""


@functools.cache
def _module():
    import cupy

    return cupy.RawModule(code=SOURCE.read_text(encoding="utf-8"), options=("--std=c++17",))


def launch(name, grid, block, *args):
    """Run a kernel of fused.cu on CuPy's current stream; arrays are C-contiguous, numbers have the types of the source."""
    _module().get_function(name)(grid, block, args)


def float32_only(twin):
    """Run the twin where the first array is not float32."""

    def decorate(function):
        @functools.wraps(function)
        def chosen(first, *args, **kwargs):
            return (function if first.dtype == np.float32 else twin)(first, *args, **kwargs)

        return chosen

    return decorate


def _size(x):
    """(rows, channels) of (..., C), in the kernels' types."""
    channels = x.shape[-1]
    return np.int64(x.size // max(channels, 1)), np.int32(channels)


def _elementwise(name, x, *args):
    """One thread for a channel and a few rows of (..., C)."""
    rows, channels = _size(x)
    across = min(int(channels), THREADS)
    if x.size:
        down = THREADS // across
        grid = -(-int(channels) // across), min(-(-int(rows) // down), 65535)
        launch(name, grid, (across, down), *args)


def _summing(name, x, count, args):
    """Kernels that add up over the rows of (..., C): `count` sums for each channel; -> (count, C) float64."""
    rows, channels = _size(x)
    chunk = max(SHORTEST, -(-int(rows) // MOST))
    chunks = max(1, -(-int(rows) // chunk))
    sums = np.zeros((chunks, count, int(channels)), dtype=np.float32, like=x)
    across = min(int(channels), THREADS)
    if x.size:
        launch(name, (-(-int(channels) // across), chunks), (across, 1), *args(np.int32(chunk), sums))
    return np.sum(sums, axis=0, dtype=np.float64)


@float32_only(norm.channel_sums)
def channel_sums(x):
    """Sum and sum of squares of each channel; (..., C) -> (2, C) float64."""
    (x,) = single(x)
    return _summing("channel_sums", x, 2, lambda chunk, sums: (x, *_size(x), chunk, sums))


@float32_only(norm.norm_gradient)
def norm_gradient(d, z, p, q, r):
    """p d + q z + r with p, q, r per channel: the gradient through batch normalisation; (..., C) x 2, (C,) x 3 -> (..., C)."""
    arrays = single(d, z, p, q, r)
    out = np.empty_like(arrays[0])
    _elementwise("norm_gradient", out, *arrays, *_size(out), out)
    return out


@float32_only(norm.add_relu)
def add_relu(z, scale, shift, skip, skip_scale=None, skip_shift=None):
    """End of a residual block: relu(scale z + shift + skip), the skip too if given; (..., C) x 2 -> (..., C)."""
    scaled = skip_scale is not None
    arrays = single(z, scale, shift, skip, *((skip_scale, skip_shift) if scaled else (scale, shift)))
    out = np.empty_like(arrays[0])
    _elementwise("add_relu", out, *arrays, np.int32(scaled), *_size(out), out)
    return out


@float32_only(norm.add_relu_backward)
def add_relu_backward(g, out, z, skip=None):
    """Backward of add_relu: d = g where out > 0, and per channel sum d, sum d z, sum d skip; -> (..., C), (3, C) float64."""
    arrays = single(g, out, z, z if skip is None else skip)
    d, has_skip = np.empty_like(arrays[0]), np.int32(skip is not None)
    sums = _summing("add_relu_backward", d, 3, lambda chunk, sums: (*arrays, has_skip, *_size(d), chunk, d, sums))
    return d, sums


def _window(x, out_size, size, stride, padding):
    return tuple(map(np.int32, (*x.shape[1:3], *out_size, size, stride, padding)))


def _before(before, x):
    """Scale and shift of the batch norm before, and whether there is one."""
    scale, shift = (x, x) if before is None else single(*before)
    return scale, shift, np.int32(before is not None)


@float32_only(pool.max_pool)
def max_pool(x, size=3, stride=2, padding=1, *, before=None):
    """Largest value under a window, of x or of relu(scale x + shift); (B, H, W, C) -> (B, H', W', C) and taps, uint8."""
    (x,) = single(x)
    height, width = ((n + 2 * padding - size) // stride + 1 for n in x.shape[1:3])
    out = np.empty((len(x), height, width, x.shape[3]), dtype=np.float32, like=x)
    taps = np.empty(out.shape, dtype=np.uint8, like=x)
    window = _window(x, (height, width), size, stride, padding)
    _elementwise("max_pool", out, x, *_before(before, x), *window, *_size(out), out, taps)
    return out, taps


@float32_only(pool.max_pool_backward)
def max_pool_backward(g, taps, x, size=3, stride=2, padding=1, *, before=None):
    """Gradient of max_pool (with `before`: of scale x + shift), and its sums (sum dx, sum dx x); (B, H, W, C), (2, C)."""
    g, x = single(g, x)
    dx, window = np.empty_like(x), _window(x, g.shape[1:3], size, stride, padding)
    arrays = g, np.ascontiguousarray(taps), x, *_before(before, x)
    sums = _summing("max_pool_backward", x, 2, lambda chunk, sums: (*arrays, *window, *_size(x), chunk, dx, sums))
    return dx, sums


@float32_only(adam.adam_step)
def adam_step(p, g, m, v, rate, beta1, beta2, epsilon):
    """In place: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, p = p - rate m / (sqrt v + epsilon)."""
    (g,) = single(g)
    for name, array in (("p", p), ("m", m), ("v", v)):
        if not array.flags.c_contiguous or array.dtype != np.float32:
            raise ValueError(f"adam_step: {name} is written in place: expected a C-contiguous float32 array")
    if p.size:
        numbers = map(np.float32, (rate, beta1, beta2, epsilon))
        launch("adam_step", (1, min(-(-p.size // THREADS), 65535)), (1, THREADS), p, g, m, v, *numbers, np.int64(p.size))
