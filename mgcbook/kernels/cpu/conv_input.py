"""The gradient of a convolution's input: again a convolution, of the gradient with the turned weights.

    stride 1        dx = conv(dz, weights turned by 180 degrees), by Winograd where it pays
    stride s        s^2 convolutions of stride 1: pixels with the same (row mod s, column mod s) see the same taps
    few pixels      see conv_few.py

In each case `finish` ends with the ReLU mask and the batch-norm sums of the layer before, while dx is in the cache.
"""

import numpy as np

from . import blas
from .blas import address, sgemm
from .conv import block_rows, conv_into
from .flat import U, copy, fill
from .memory import take
from .norm import FIRST, NO, finish, row_lanes
from .threads import kernel, run_blocks
from .winograd import winograd_conv, winograd_pays

ZERO = np.float32(0)


@kernel
def _turn_weights(start, stop, weight, place, turned):
    """turned[place of the tap, o, c] = weight[tap, c, o]; a block is 16 output channels of one tap."""
    _, channels, out = weight.shape
    parts = (out + 15) // 16
    for i in range(start, stop):
        source, to = weight[i // parts], turned[place[i // parts]]
        o0 = i % parts * 16
        for c in range(channels):
            for o in range(o0, min(out, o0 + 16)):
                to[o, c] = source[c, o]


@kernel
def _strided_rows(start, stop, dz, weight, classes, stride, dx, mode, scale, shift, other, sums, scratch, rows, lanes):
    """dx of a convolution with stride s: pixels with the same (row mod s, column mod s) see the same taps, so they form
    s^2 convolutions of stride 1 with parts of the weights; each gathers, nothing is scattered."""
    batch, height, width, out = dz.shape
    H, W, channels = dx.shape[1:]
    down, across = (H + stride - 1) // stride, (W + stride - 1) // stride
    dx2, other2, source, result = dx.reshape(-1, channels), other.reshape(-1, channels), dz.reshape(-1), dx.reshape(-1)
    run = np.zeros((2, channels), np.float32)
    total = batch * down
    blocks = (total + rows - 1) // rows
    for lane in range(start, stop):
        for block in range(blocks * lane // lanes, blocks * (lane + 1) // lanes):
            g0, g1 = block * rows, min(total, (block + 1) * rows)
            m = (g1 - g0) * across
            for k in range(len(classes)):
                row, column, nh, nw, oh, ow, first = classes[k]
                depth = nh * nw * out
                patches, to = scratch[lane, : m * depth], U(0)
                for i in range(m):
                    image, u, j = (g0 + i // across) // down, (g0 + i // across) % down, i % across
                    for a in range(nh):
                        for b in range(nw):
                            h, w = u + oh - a, j + ow - b
                            if 0 <= h < height and 0 <= w < width:
                                copy(patches, to, source, U(((image * height + h) * width + w) * out), U(out))
                            else:
                                fill(patches, to, ZERO, U(out))
                            to += U(out)
                product = scratch[lane, m * depth : m * (depth + channels)]
                if depth == 0:
                    fill(product, U(0), ZERO, U(m * channels))
                else:
                    sgemm(False, False, m, channels, depth, address(patches), depth, address(weight[first]), channels, 0.0,
                          address(product), channels)
                for i in range(m):
                    g = g0 + i // across
                    image, h, w = g // down, g % down * stride + row, i % across * stride + column
                    if h < H and w < W:
                        copy(result, U(((image * H + h) * W + w) * channels), product, U(i * channels), U(channels))
            for g in range(g0, g1):
                h = g % down * stride
                r0, r1 = (g // down * H + h) * W, (g // down * H + min(H, h + stride)) * W
                finish(mode, NO, dx2, r0, r1, FIRST, channels, scale, shift, other2, sums[lane], run)


def input_gradient(dz, x, weight, stride, padding, end):
    kh, kw, channels, out = weight.shape
    batch = dz.shape[0]
    dx = take(x.shape)
    if stride == 1:
        turned = _turned(weight, np.arange(kh * kw)[::-1].copy())
        if winograd_pays(weight.shape, stride, padding, *x.shape[1:3]):
            return dx, winograd_conv(dz, turned.reshape(kh, kw, out, channels), dx, None, end)
        return dx, conv_into(dx, dz, turned.reshape(-1, channels), (kh, kw, 1, kh - 1 - padding, kw - 1 - padding), None, end)
    classes, place = _stride_classes(kh, kw, stride, padding)
    down, across = -(-x.shape[1] // stride), -(-x.shape[2] // stride)
    lanes = row_lanes(batch * down * across)
    most = max(1, *(classes[:, 2] * classes[:, 3])) * out + channels
    rows = block_rows(most, batch * down, across, lanes)
    sums, scratch = np.zeros((lanes, 2, channels)), take((lanes, rows * across * most))
    mode, _, scale, shift, other = end
    with blas.one_thread():
        run_blocks(_strided_rows, lanes, dz, _turned(weight, place), classes, stride, dx, mode, scale, shift, other,
                   sums, scratch, rows, lanes)
    return dx, sums.sum(axis=0)


def _turned(weight, place):
    """(kh, kw, C, O) -> (kh kw, O, C), each tap at its place: the weights that lead back."""
    kh, kw, channels, out = weight.shape
    turned = take((kh * kw, out, channels))
    run_blocks(_turn_weights, kh * kw * -(-out // 16), weight.reshape(kh * kw, channels, out), place, turned)
    return turned


def _stride_classes(kh, kw, stride, padding):
    """For each class of pixels: (row, column, taps down, taps across, offsets of the first tap, place of its weights); and
    the place of every tap in the list of all classes."""
    classes, place, first = [], np.zeros(kh * kw, np.int64), 0
    for row in range(stride):
        for column in range(stride):
            k, l = (row + padding) % stride, (column + padding) % stride
            taps = [(a, b) for a in range(k, kh, stride) for b in range(l, kw, stride)]
            nh, nw = len(range(k, kh, stride)), len(range(l, kw, stride))
            classes.append((row, column, nh, nw, (row + padding - k) // stride, (column + padding - l) // stride, first))
            for a, b in taps:
                place[a * kw + b] = first
                first += 1
    return np.array(classes, np.int64), place
