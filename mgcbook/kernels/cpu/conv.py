"""Convolution as matrix products: the patches under the window become rows of a matrix, a block of rows at a time.

    for each block of output rows, on one thread:   patches (m, kh kw C) <- act(x)     stays in the cache
                                                    y block = patches @ weight          sgemm
                                                    finish: batch-norm sums, mask, or bias and ReLU, while y is in the cache
    act(x) = x, or relu(scale x + shift): the batch norm of the layer before, applied as x is read.

Few pixels with many channels go another way: conv_few.py.
"""

import numpy as np

from . import blas
from .blas import address, sgemm
from .conv_few import few_conv, few_pixels
from .memory import take
from .norm import AFFINE, FIRST, NOTHING, RELU, SUMS, finish, row_lanes
from .patches import fill_patches, tiled
from .single import float32_only, plain
from .threads import kernel, run_blocks
from .winograd import winograd_conv, winograd_pays

__all__ = ["convolve"]

_CACHE = 1 << 18  # numbers (1 MiB) in the buffers of a block; the optimum is flat from 0.5 to 1.5 MiB


@kernel
def _conv_rows(start, stop, x, scale, shift, norm, window, weight, y, mode, add, end_scale, end_shift, other, sums,
               scratch, rows, lanes):
    """Convolution by blocks of `rows` output rows; lane by lane, each with its own sums and scratch memory."""
    batch, height, width, out = y.shape
    depth = weight.shape[0]
    y2, other2 = y.reshape(-1, out), other.reshape(-1, out)
    direct = window[0] * window[1] * window[2] == 1 and not norm  # the image is its own matrix of patches
    run = np.zeros((2, out), np.float32)
    total = batch * height
    blocks = (total + rows - 1) // rows
    for lane in range(start, stop):
        for block in range(blocks * lane // lanes, blocks * (lane + 1) // lanes):
            g0, g1 = block * rows, min(total, (block + 1) * rows)
            m = (g1 - g0) * width
            source = address(x) + g0 * width * depth * 4
            if not direct:
                patches = scratch[lane, : m * depth].reshape(m, depth)
                fill_patches(x, scale, shift, norm, g0, g1, height, width, window, patches)
                source = address(patches)
            sgemm(False, False, m, out, depth, source, depth, address(weight), out, 0.0, address(y2) + g0 * width * out * 4, out)
            finish(mode, add, y2, g0 * width, g1 * width, FIRST, out, end_scale, end_shift, other2, sums[lane], run)


def block_rows(per_pixel, height, width, lanes):
    """Output rows in a block: its buffers fit the cache, at least 256 pixels where there are that many, lanes all equal."""
    pixels = height * width
    m = min(max(_CACHE // per_pixel, 256), -(-pixels // lanes))
    blocks = -(-pixels // m)
    blocks += -blocks % lanes
    return max(1, -(-height // blocks))


def conv_into(y, x, weight, window, before, end):
    """y = finish(conv(act(x), weight)); end = (mode, add, scale, shift, other); returns the sums (2, out) in float64.

    window = (kh, kw, stride, rows of zeros on top, columns on the left); weight (kh kw C, out).
    """
    batch, height, width, out = y.shape
    if few_pixels(batch * height * width):
        return few_conv(y, x, weight, window, before, end)
    with blas.one_thread():
        lanes = row_lanes(batch * height * width)
        rows = block_rows(len(weight) + out, batch * height, width, lanes)
        sums = np.zeros((lanes, 2, out))
        scratch = take((lanes, rows * width * len(weight)))
        scale, shift = tiled(before, window[1], x.shape[3])
        run_blocks(_conv_rows, lanes, x, scale, shift, before is not None, window, weight, y, *end, sums, scratch, rows, lanes)
        return sums.sum(axis=0)


@float32_only
def convolve(x, weight, stride=1, padding=0, *, before=None, after=None, sums=False):
    """Convolution, optionally with the batch norms around it; (B, H, W, C), (kh, kw, C, O) -> (B, H', W', O).

    Args:
        x: images or feature maps.
        weight: the kernels; no bias, batch norm brings it.
        stride, padding: steps between windows, and zeros around the image, in pixels.
        before: (scale, shift) per channel of x: convolve relu(scale x + shift) instead of x.
        after: (scale, shift, skip, relu): return scale y + shift (+ skip unless None), cut at 0 if relu: inference.
        sums: also return the sums of y and of its squares per channel, (2, O) float64: training.
    """
    x, (kh, kw, _, out) = plain(x), weight.shape
    height, width = (x.shape[1] + 2 * padding - kh) // stride + 1, (x.shape[2] + 2 * padding - kw) // stride + 1
    y = take((x.shape[0], height, width, out))
    vector = np.empty(out, np.float32)
    if after is None:
        end = (SUMS if sums else NOTHING, False, vector, vector, y)
    else:
        scale, shift, skip, relu = after
        end = (RELU if relu else AFFINE, skip is not None, scale, shift, y if skip is None else plain(skip))
    if winograd_pays(weight.shape, stride, padding, height, width):
        total = winograd_conv(x, plain(weight), y, before, end)
    else:
        total = conv_into(y, x, plain(weight).reshape(-1, out), (kh, kw, stride, padding, padding), before, end)
    return (y, total) if sums else y
