"""Batch normalisation, split into what its neighbours can do on the way: it never makes a pass over memory of its own.

    forward    z = conv(x) -> sum z, sum z^2 per channel (while the block of z is in the cache: `finish`)
               relu(scale z + shift) is computed by the next convolution as it reads z
    backward   d = gradient of scale z + shift -> sum d, sum d z (`finish` of the convolution that makes d)
               gradient of z = p d + q z + r with three numbers per channel, computed as the convolution below reads d
"""

import numpy as np

from ..twins import norm as twin
from .flat import U
from .memory import take
from .single import float32_only, plain, rows_of
from .threads import LANES, called, helper, kernel, run_blocks

__all__ = ["add_relu", "add_relu_backward", "channel_sums", "norm_factors", "norm_gradient", "norm_scales"]

ZERO = np.float32(0)
NOTHING, SUMS, MASK, AFFINE, RELU = range(5)  # what `finish` does
NO, YES, FIRST = np.bool_(False), np.bool_(True), np.int64(0)  # for helpers: False and 0 as written have types of their own
_RUN = 64  # rows summed in float32 before the sum goes to float64: with runs of 3000 rows the network's error was 4 times larger


@helper
def add_run(run, sums, c0, n):
    """Add the float32 sums of a short run of rows, (2, n), to the float64 ones from channel c0 on; the next run begins at 0."""
    for k in range(len(run)):
        short, long = run[k], sums[k]
        for c in range(U(n)):
            long[U(c0) + c] += short[c]
            short[c] = ZERO


@helper
def finish(mode, add, y, r0, r1, c0, c1, scale, shift, other, sums, run):
    """The end of a convolution, on rows r0:r1 and channels c0:c1 of y (M, C), while they are in the cache.

    mode SUMS: sums += (sum y, sum y^2). MASK: y = 0 where scale other + shift <= 0; sums += (sum y, sum y other).
    AFFINE: y = scale y + shift (+ other if add). RELU: the same, then max(y, 0). NOTHING: nothing. run is (2, channels) of zeros.
    """
    if mode == NOTHING:
        return
    flat, z, n, begin, first, second = y.reshape(-1), other.reshape(-1), U(c1 - c0), U(c0), run[0], run[1]
    floor = ZERO if mode == RELU else np.float32(-np.inf)
    for r in range(r0, r1):
        at = U(r * y.shape[1] + c0)
        # Few arrays in each loop: with more, LLVM gives up its check for overlaps and with it the vector code.
        if mode == MASK:
            for c in range(n):
                flat[at + c] = ZERO if scale[begin + c] * z[at + c] + shift[begin + c] <= ZERO else flat[at + c]
            for c in range(n):
                second[c] += flat[at + c] * z[at + c]
        elif mode == SUMS:
            for c in range(n):
                second[c] += flat[at + c] * flat[at + c]
        else:
            if add:
                for c in range(n):
                    v = scale[begin + c] * flat[at + c] + shift[begin + c] + z[at + c]
                    flat[at + c] = floor if v < floor else v
            else:
                for c in range(n):
                    v = scale[begin + c] * flat[at + c] + shift[begin + c]
                    flat[at + c] = floor if v < floor else v
            continue
        for c in range(n):
            first[c] += flat[at + c]
        if (r - r0) % _RUN == _RUN - 1 or r == r1 - 1:
            add_run(run, sums, c0, n)


def row_lanes(rows):
    """In how many lanes to cut this many rows of pixels: an even number from 2 to 8, about 256 rows or more in each."""
    return min(LANES, max(2, rows // 512 * 2))


@kernel
def _channel_sums(start, stop, y, sums, lanes):
    run = np.zeros((2, y.shape[1]), np.float32)
    for lane in range(start, stop):
        r0, r1 = len(y) * lane // lanes, len(y) * (lane + 1) // lanes
        finish(SUMS, NO, y, r0, r1, FIRST, y.shape[1], run[0], run[0], y, sums[lane], run)


@float32_only
def channel_sums(x):
    """Sum and sum of squares of each channel; (..., C) -> (2, C) float64."""
    x = rows_of(plain(x))
    sums = np.zeros((LANES, 2, x.shape[1]))
    run_blocks(_channel_sums, LANES, x, sums, LANES)
    return sums.sum(axis=0)


@helper
def norm_gradient_rows(d, z, p, q, r, r0, r1, out):
    """out = p d + q z + r for rows r0:r1 of d and z (M, C), into the first rows of out."""
    flat_d, flat_z, flat, n = d.reshape(-1), z.reshape(-1), out.reshape(-1), U(d.shape[1])
    for row in range(r1 - r0):
        to, at = U(row) * n, U(r0 + row) * n
        for c in range(n):
            flat[to + c] = p[c] * flat_d[at + c] + q[c] * flat_z[at + c] + r[c]


@kernel
def _norm_gradient(start, stop, d, z, p, q, r, out, lanes):
    r0, r1 = len(d) * start // lanes, len(d) * stop // lanes
    norm_gradient_rows(d, z, p, q, r, r0, r1, out[r0:r1])


@float32_only
def norm_gradient(d, z, p, q, r):
    """p d + q z + r with p, q, r per channel: the gradient through batch normalisation; (..., C) x 2, (C,) x 3 -> (..., C)."""
    d, z, out = plain(d), plain(z), take(d.shape)
    run_blocks(_norm_gradient, 4 * LANES, rows_of(d), rows_of(z), p, q, r, rows_of(out), 4 * LANES)
    return out


@kernel
def _add_relu(start, stop, z, scale, shift, skip, skip_scale, skip_shift, out, lanes):
    flat_z, flat_skip, flat, n = z.reshape(-1), skip.reshape(-1), out.reshape(-1), U(z.shape[1])
    for row in range(len(z) * start // lanes, len(z) * stop // lanes):
        at = U(row) * n
        for c in range(n):
            v = scale[c] * flat_z[at + c] + shift[c] + (skip_scale[c] * flat_skip[at + c] + skip_shift[c])
            flat[at + c] = ZERO if v < ZERO else v


@float32_only
def add_relu(z, scale, shift, skip, skip_scale=None, skip_shift=None):
    """End of a residual block: relu(scale z + shift + skip), the skip too if given; (..., C) x 2 -> (..., C)."""
    if skip_scale is None:
        skip_scale, skip_shift = np.ones_like(scale), np.zeros_like(scale)
    z, skip, out = plain(z), plain(skip), take(z.shape)
    run_blocks(_add_relu, 4 * LANES, rows_of(z), scale, shift, rows_of(skip), skip_scale, skip_shift, rows_of(out), 4 * LANES)
    return out


@kernel
def _add_relu_backward(start, stop, g, out, z, skip, with_skip, d, sums, lanes):
    flat_g, flat_out, flat_z, flat_skip = g.reshape(-1), out.reshape(-1), z.reshape(-1), skip.reshape(-1)
    flat, n = d.reshape(-1), U(g.shape[1])
    run = np.zeros((3, g.shape[1]), np.float32)
    plain, first, second = run
    for lane in range(start, stop):
        r0, r1 = len(g) * lane // lanes, len(g) * (lane + 1) // lanes
        for row in range(r0, r1):
            at = U(row) * n
            for c in range(n):
                flat[at + c] = ZERO if flat_out[at + c] <= ZERO else flat_g[at + c]
            for c in range(n):
                plain[c] += flat[at + c]
                first[c] += flat[at + c] * flat_z[at + c]
            if with_skip:
                for c in range(n):
                    second[c] += flat[at + c] * flat_skip[at + c]
            if (row - r0) % _RUN == _RUN - 1 or row == r1 - 1:
                add_run(run, sums[lane], 0, n)


@float32_only
def add_relu_backward(g, out, z, skip=None):
    """Backward of add_relu: d = g where out > 0, and per channel sum d, sum d z, sum d skip; -> (..., C), (3, C) float64."""
    g, d = plain(g), take(g.shape)
    sums = np.zeros((LANES, 3, g.shape[-1]))
    run_blocks(_add_relu_backward, LANES, rows_of(g), rows_of(out), rows_of(z), rows_of(z if skip is None else skip),
               skip is not None, rows_of(d), sums, LANES)
    return d, sums.sum(axis=0)


# ---------------------------------------------------------------- a few numbers per channel: one call instead of ten in NumPy


@called
def _norm_scales(sums, count, weight, bias, epsilon, wide, narrow):
    for c in range(len(weight)):
        mean = sums[0, c] / count
        variance = sums[1, c] / count - mean * mean
        variance = 0.0 if variance < 0 else variance  # a NaN stays
        inverse = 1 / np.sqrt(variance + epsilon)
        scale = weight[c] * inverse
        wide[0, c], wide[1, c], wide[2, c] = mean, variance, inverse
        narrow[0, c], narrow[1, c] = scale, bias[c] - scale * mean
        narrow[2, c], narrow[3, c] = mean, variance * (count / max(count - 1.0, 1.0))


def norm_scales(sums, count, weight, bias, epsilon):
    """From the sums of z and z^2 over a batch to what batch norm does with it; see the twin."""
    if weight.dtype != np.float32:
        return twin.norm_scales(sums, count, weight, bias, epsilon)
    wide, narrow = np.empty((3, len(weight))), np.empty((4, len(weight)), np.float32)
    _norm_scales(sums, float(count), plain(weight), plain(bias), epsilon, wide, narrow)
    return tuple(wide), tuple(narrow)


@called
def _norm_factors(sums, count, weight, mean, inverse, out):
    for c in range(len(weight)):
        dweight = (sums[1, c] - sums[0, c] * mean[c]) * inverse[c]
        p = weight[c] * inverse[c]
        q = -p * inverse[c] * dweight / count
        out[0, c], out[1, c], out[2, c], out[3, c] = dweight, sums[0, c], p, q
        out[4, c] = -p * sums[0, c] / count - q * mean[c]


def norm_factors(sums, count, weight, mean, inverse):
    """From the sums of d and d z to the gradients of weight and bias and (p, q, r) of `norm_gradient`; see the twin."""
    if weight.dtype != np.float32:
        return twin.norm_factors(sums, count, weight, mean, inverse)
    out = np.empty((5, len(weight)), np.float32)
    _norm_factors(plain(sums), float(count), plain(weight), mean, inverse, out)
    return tuple(out)
