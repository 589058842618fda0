"""Batch normalisation, split into what its neighbours can do on the way: it never makes a pass over memory of its own.

    forward    z = conv(x) -> sum z, sum z^2 per channel (while the block of z is in the cache: `finish`)
               relu(scale z + shift) is computed by the next convolution as it reads z
    backward   d = gradient of scale z + shift -> sum d, sum d z (`finish` of the convolution that makes d)
               gradient of z = p d + q z + r with three numbers per channel, computed as the convolution below reads d
"""

import numpy as np

from .memory import take
from .single import float32_only, plain, rows_of
from .threads import LANES, helper, kernel, run_blocks

__all__ = ["add_relu", "add_relu_backward", "channel_sums", "norm_gradient"]

ZERO = np.float32(0)
NOTHING, SUMS, MASK, AFFINE, RELU = range(5)  # what `finish` does
_RUN = 64  # rows summed in float32 before the sum goes to float64: with runs of 3000 rows the network's error was 4 times larger


@helper
def _finish_sums(y, r0, r1, c0, c1, sums, run):
    n = c1 - c0
    first, second, total, total2 = run[0, :n], run[1, :n], sums[0, c0:c1], sums[1, c0:c1]
    while r0 < r1:
        end = min(r1, r0 + _RUN)
        for c in range(n):
            first[c] = ZERO
            second[c] = ZERO
        for r in range(r0, end):
            row = y[r, c0:c1]
            for c in range(n):
                first[c] += row[c]
                second[c] += row[c] * row[c]
        for c in range(n):
            total[c] += first[c]
            total2[c] += second[c]
        r0 = end


@helper
def _finish_mask(y, r0, r1, c0, c1, scale, shift, other, sums, run):
    n = c1 - c0
    first, second, total, total2 = run[0, :n], run[1, :n], sums[0, c0:c1], sums[1, c0:c1]
    a, b = scale[c0:c1], shift[c0:c1]
    while r0 < r1:
        end = min(r1, r0 + _RUN)
        for c in range(n):
            first[c] = ZERO
            second[c] = ZERO
        for r in range(r0, end):
            row = y[r, c0:c1]
            z = other[r, c0:c1]
            for c in range(n):
                d = ZERO if a[c] * z[c] + b[c] <= ZERO else row[c]
                row[c] = d
                first[c] += d
                second[c] += d * z[c]
        for c in range(n):
            total[c] += first[c]
            total2[c] += second[c]
        r0 = end


@helper
def _finish_affine(relu, add, y, r0, r1, c0, c1, scale, shift, other):
    a, b = scale[c0:c1], shift[c0:c1]
    for r in range(r0, r1):
        row = y[r, c0:c1]
        for c in range(c1 - c0):
            row[c] = a[c] * row[c] + b[c]
        if add:
            skip = other[r, c0:c1]
            for c in range(c1 - c0):
                row[c] += skip[c]
        if relu:
            for c in range(c1 - c0):
                row[c] = ZERO if row[c] < ZERO else row[c]


@helper
def finish(mode, add, y, r0, r1, c0, c1, scale, shift, other, sums, run):
    """The end of a convolution, on rows r0:r1 and channels c0:c1 of y (M, C), while they are in the cache.

    mode SUMS: sums += (sum y, sum y^2). MASK: y = 0 where scale other + shift <= 0; sums += (sum y, sum y other).
    AFFINE: y = scale y + shift (+ other if add). RELU: the same, then max(y, 0). NOTHING: nothing.
    """
    if mode == SUMS:
        _finish_sums(y, r0, r1, c0, c1, sums, run)
    elif mode == MASK:
        _finish_mask(y, r0, r1, c0, c1, scale, shift, other, sums, run)
    elif mode != NOTHING:
        _finish_affine(mode == RELU, add, y, r0, r1, c0, c1, scale, shift, other)


def row_lanes(rows):
    """In how many lanes to cut this many rows of pixels: an even number from 2 to 8, about 256 rows or more in each."""
    return min(LANES, max(2, rows // 512 * 2))


@kernel
def _channel_sums(start, stop, y, sums, lanes):
    run = np.empty((2, y.shape[1]), np.float32)
    for lane in range(start, stop):
        _finish_sums(y, len(y) * lane // lanes, len(y) * (lane + 1) // lanes, 0, y.shape[1], sums[lane], run)


@float32_only
def channel_sums(x):
    """Sum and sum of squares of each channel; (..., C) -> (2, C) float64."""
    x = rows_of(plain(x))
    sums = np.zeros((LANES, 2, x.shape[1]))
    run_blocks(_channel_sums, LANES, x, sums, LANES)
    return sums.sum(axis=0)


@kernel
def _norm_gradient(start, stop, d, z, p, q, r, out, lanes):
    for row in range(len(d) * start // lanes, len(d) * stop // lanes):
        norm_gradient_row(d[row], z[row], p, q, r, out[row])


@helper
def norm_gradient_row(d, z, p, q, r, out):
    """out = p d + q z + r for one pixel."""
    for c in range(len(out)):
        out[c] = p[c] * d[c] + q[c] * z[c] + r[c]


@float32_only
def norm_gradient(d, z, p, q, r):
    """p d + q z + r with p, q, r per channel: the gradient through batch normalisation; (..., C) x 2, (C,) x 3 -> (..., C)."""
    d, z, out = plain(d), plain(z), take(d.shape)
    run_blocks(_norm_gradient, 4 * LANES, rows_of(d), rows_of(z), p, q, r, rows_of(out), 4 * LANES)
    return out


@kernel
def _add_relu(start, stop, z, scale, shift, skip, skip_scale, skip_shift, out, lanes):
    for row in range(len(z) * start // lanes, len(z) * stop // lanes):
        u, v, o = z[row], skip[row], out[row]
        for c in range(len(o)):
            t = scale[c] * u[c] + shift[c] + (skip_scale[c] * v[c] + skip_shift[c])
            o[c] = ZERO if t < ZERO else t


@float32_only
def add_relu(z, scale, shift, skip, skip_scale=None, skip_shift=None):
    """End of a residual block: relu(scale z + shift + skip), the skip scaled and shifted too if given; (..., C) x 2 -> (..., C)."""
    if skip_scale is None:
        skip_scale, skip_shift = np.ones_like(scale), np.zeros_like(scale)
    z, skip, out = plain(z), plain(skip), take(z.shape)
    run_blocks(_add_relu, 4 * LANES, rows_of(z), scale, shift, rows_of(skip), skip_scale, skip_shift, rows_of(out), 4 * LANES)
    return out


@kernel
def _add_relu_backward(start, stop, g, out, z, skip, with_skip, d, sums, lanes):
    channels = g.shape[1]
    run = np.empty((3, channels), np.float32)
    for lane in range(start, stop):
        r0, last = len(g) * lane // lanes, len(g) * (lane + 1) // lanes
        while r0 < last:
            end = min(last, r0 + _RUN)
            run[:] = ZERO
            for r in range(r0, end):
                gr, o, u, v, dr = g[r], out[r], z[r], skip[r], d[r]
                for c in range(channels):
                    t = ZERO if o[c] <= ZERO else gr[c]
                    dr[c] = t
                    run[0, c] += t
                    run[1, c] += t * u[c]
                if with_skip:
                    for c in range(channels):
                        run[2, c] += dr[c] * v[c]
            for k in range(3):
                for c in range(channels):
                    sums[lane, k, c] += run[k, c]
            r0 = end


@float32_only
def add_relu_backward(g, out, z, skip=None):
    """Backward of add_relu: d = g where out > 0, and per channel sum d, sum d z, sum d skip; -> (..., C), (3, C) float64."""
    g, d = plain(g), take(g.shape)
    sums = np.zeros((LANES, 3, g.shape[-1]))
    run_blocks(_add_relu_backward, LANES, rows_of(g), rows_of(out), rows_of(z), rows_of(z if skip is None else skip),
               skip is not None, rows_of(d), sums, LANES)
    return d, sums.sum(axis=0)
