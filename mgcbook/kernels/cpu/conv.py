"""Convolution as matrix products: the patches under the window become rows of a matrix, a block of rows at a time.

    for each block of output rows, on one thread:   patches (m, kh kw C) <- act(x)     stays in the cache
                                                    y block = patches @ weight          sgemm
                                                    finish: batch-norm sums, mask, or bias and ReLU, while y is in the cache
    act(x) = x, or relu(scale x + shift): the batch norm of the layer before, applied as x is read.

With few pixels and many channels (the last layers) blocks of rows would each read all weights; there the patches of the whole
image are written first and the matrix product is split over channels instead.
"""

import numpy as np

from . import blas
from .blas import address, sgemm
from .flat import U, copy, fill
from .memory import take
from .norm import AFFINE, NOTHING, RELU, SUMS, finish, row_lanes
from .single import float32_only, plain, rows_of
from .threads import LANES, helper, kernel, run_blocks
from .winograd import winograd_conv, winograd_pays

__all__ = ["convolve"]

ZERO = np.float32(0)
_CACHE = 1 << 18  # numbers (1 MiB) in the buffers of a block; the optimum is flat from 0.5 to 1.5 MiB
_FEW_PIXELS = 600  # below: split the product over channels, 1 to 12 % of a step on 15 x 64 x 64


@helper
def fill_patches(x, scale, shift, norm, g0, g1, height, width, window, patches):
    """patches row = act(x) under the window, for output rows g0:g1 (counted through the batch); zero outside of the image.

    A row of the window is one run of kw C numbers; scale and shift are repeated kw times to go along.
    """
    kh, kw, stride, top, left = window
    _, H, W, C = x.shape
    run = kw * C
    source, out, to = x.reshape(-1), patches.reshape(-1), U(0)
    for g in range(g0, g1):
        image, i = g // height, g % height
        for j in range(width):
            w = j * stride - left
            first, last = max(0, -w) * C, min(kw, W - w) * C  # the part of the run inside of the image
            before, inside, behind = U(first), U(last - first), U(run - last)
            for ki in range(kh):
                h = i * stride - top + ki
                if h < 0 or h >= H:
                    fill(out, to, ZERO, U(run))
                    to += U(run)
                    continue
                fill(out, to, ZERO, before)
                to += before
                at = U(((image * H + h) * W + w) * C + first)
                if norm:
                    for c in range(inside):
                        v = scale[before + c] * source[at + c] + shift[before + c]
                        out[to + c] = ZERO if v < ZERO else v
                elif inside == 21:  # the first layer, 7 pixels of 3 colours: a constant length becomes two vector moves
                    for c in range(U(21)):
                        out[to + c] = source[at + c]
                else:
                    copy(out, to, source, at, inside)
                to += inside
                fill(out, to, ZERO, behind)
                to += behind


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
            finish(mode, add, y2, g0 * width, g1 * width, 0, out, end_scale, end_shift, other2, sums[lane], run)


@kernel
def _all_patches(start, stop, x, scale, shift, norm, window, height, width, patches):
    fill_patches(x, scale, shift, norm, start, stop, height, width, window, patches[start * width : stop * width])


@kernel
def product_columns(start, stop, turn, patches, weight, beta, y, mode, add, scale, shift, other, sums, lanes):
    """Columns of y = patches @ weight + beta y (weight transposed if turn): each lane owns some output channels."""
    m, depth = patches.shape
    out = y.shape[1]
    run = np.zeros((2, out), np.float32)
    for lane in range(start, stop):
        c0, c1 = out * lane // lanes, out * (lane + 1) // lanes
        if c0 == c1:
            continue
        b = address(weight) + (c0 * depth if turn else c0) * 4
        sgemm(False, turn, m, c1 - c0, depth, address(patches), depth, b, depth if turn else out, beta, address(y) + c0 * 4, out)
        finish(mode, add, y, 0, m, c0, c1, scale, shift, other, sums, run)


def block_rows(per_pixel, height, width, lanes):
    """Output rows in a block: its buffers fit the cache, at least 256 pixels where there are that many, lanes all equal."""
    pixels = height * width
    m = min(max(_CACHE // per_pixel, 256), -(-pixels // lanes))
    blocks = -(-pixels // m)
    blocks += -blocks % lanes
    return max(1, -(-height // blocks))


def few_pixels(pixels):
    return pixels < _FEW_PIXELS


def patches_of(x, before, window, height, width):
    """The whole matrix of patches (B height width, kh kw C), for images with few pixels."""
    kh, kw = window[:2]
    batch, channels = x.shape[0], x.shape[3]
    if window == (1, 1, 1, 0, 0) and before is None:
        return rows_of(x)
    scale, shift = tiled(before, kw, channels)
    patches = take((batch * height * width, kh * kw * channels))
    run_blocks(_all_patches, batch * height, x, scale, shift, before is not None, window, height, width, patches)
    return patches


def tiled(before, kw, channels):
    """Scale and shift of the batch norm before, once for each column of the window."""
    if before is None:
        return np.empty(channels, np.float32), np.empty(channels, np.float32)
    return (before[0], before[1]) if kw == 1 else (np.tile(before[0], kw), np.tile(before[1], kw))


def conv_into(y, x, weight, window, before, end, beta=0.0):
    """y = finish(conv(act(x), weight)); end = (mode, add, scale, shift, other); returns the sums (2, out) in float64.

    window = (kh, kw, stride, rows of zeros on top, columns on the left); weight (kh kw C, out).
    """
    batch, height, width, out = y.shape
    with blas.one_thread():
        if few_pixels(batch * height * width):
            sums = np.zeros((2, out))
            patches = patches_of(x, before, window, height, width)
            mode, add, scale, shift, other = end
            run_blocks(product_columns, LANES, False, patches, weight, beta, rows_of(y), mode, add, scale, shift,
                       rows_of(other), sums, LANES)
            return sums
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
