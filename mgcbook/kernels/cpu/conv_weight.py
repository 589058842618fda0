"""The gradient of a convolution's weights: dweight = patches^T dz.

Each lane sums over its blocks of rows into a matrix of its own, and the lanes are added in order. Where the matrix is large,
lanes own rows of one matrix instead.
"""

import numpy as np

from . import blas
from .blas import address, sgemm
from .conv import block_rows
from .conv_few import patches_of, product_turned
from .flat import U, copy, fill
from .memory import take
from .norm import row_lanes
from .patches import fill_patches, tiled
from .single import rows_of
from .threads import LANES, kernel, run_blocks
from .winograd import winograd_pays, winograd_weight_gradient

ZERO = np.float32(0)
PARTIAL = 3 << 18  # weights in a layer whose partial sums are kept for each lane; larger ones are split over their rows


@kernel
def _weight_rows(start, stop, dz, x, scale, shift, norm, window, partial, scratch, rows):
    """partial (lanes, kh kw C, O) = patches^T dz over the blocks of each lane."""
    batch, height, width, out = dz.shape
    lanes, depth = partial.shape[:2]
    total = batch * height
    blocks = (total + rows - 1) // rows
    for lane in range(start, stop):
        first, last = blocks * lane // lanes, blocks * (lane + 1) // lanes
        if first == last:
            fill(partial[lane].reshape(-1), U(0), ZERO, U(partial[lane].size))
        for block in range(first, last):
            g0, g1 = block * rows, min(total, (block + 1) * rows)
            m = (g1 - g0) * width
            patches = scratch[lane, : m * depth].reshape(m, depth)
            fill_patches(x, scale, shift, norm, g0, g1, height, width, window, patches)
            sgemm(True, False, depth, out, m, address(patches), depth, address(dz) + g0 * width * out * 4, out,
                  0.0 if block == first else 1.0, address(partial[lane]), out)


@kernel
def sum_lanes(start, stop, partial, y):
    flat, out, n, size = partial.reshape(-1), y.reshape(-1), U(y.shape[1]), U(y.size)
    for i in range(start, stop):
        at = U(i) * n
        copy(out, at, flat, at, n)
        for lane in range(U(1), U(len(partial))):
            for c in range(n):
                out[at + c] += flat[lane * size + at + c]


def weight_gradient(dz, x, shape, stride, padding, before):
    kh, kw, channels, out = shape
    batch, height, width, _ = dz.shape
    if winograd_pays(shape, stride, padding, height, width):
        return winograd_weight_gradient(dz, x, before)
    window, depth, pixels = (kh, kw, stride, padding, padding), kh * kw * channels, batch * height * width
    dweight = take((depth, out))
    with blas.one_thread():
        if depth * out > PARTIAL:
            run_blocks(product_turned, LANES, patches_of(x, before, window, height, width), rows_of(dz), dweight, LANES)
            return dweight.reshape(shape)
        lanes = partial_lanes(pixels, depth * out)
        rows = block_rows(depth + out, batch * height, width, lanes)
        partial, scratch = take((lanes, depth, out)), take((lanes, rows * width * depth))
        scale, shift = tiled(before, kw, channels)
        run_blocks(_weight_rows, lanes, dz, x, scale, shift, before is not None, window, partial, scratch, rows)
        run_blocks(sum_lanes, depth, partial, dweight)
    return dweight.reshape(shape)


def partial_lanes(pixels, weights):
    """Lanes for sums of a whole matrix of weights: fewer for a large one, adding them up would cost more than it gains."""
    return min(row_lanes(pixels), max(2, (1 << 20) // weights))
