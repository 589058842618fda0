"""Convolution with few pixels and many channels: the last layers of a network.

There blocks of rows would each read all weights. So the patches of all images are written first, and the matrix products are
split over the weights instead: 1 to 12 % of a ResNet-50 step on 15 x 64 x 64 (measured).

    forward     y = patches weight                                         each lane: some columns of y
    backward    dz = p d + q z + r, patches                                in one pass, each range of rows by one thread
                dweight = patches^T dz,  columns = dz weight^T             all lanes of both at once
                dx = every pixel gathers its share of the columns          no weights to turn, nothing is scattered
"""

import numpy as np

from . import blas
from .blas import address, sgemm
from .flat import U, fill
from .memory import take
from .norm import FIRST, NO, NOTHING, YES, finish, norm_gradient_rows
from .patches import ZERO, fill_patches, tiled
from .single import rows_of
from .threads import LANES, kernel, run_blocks

_FEW_PIXELS = 600
_STRIPS = 4  # lanes of a product; with 8 the strips are so narrow that BLAS loses 18 % (256 channels) or 6 % (512)


def few_pixels(pixels):
    """True where this way is the faster one."""
    return pixels < _FEW_PIXELS


@kernel
def _all_patches(start, stop, x, scale, shift, before, window, height, width, filled, patches, d, z, p, q, r, norm, dz):
    """Rows of the patches (if filled), and of dz = p d + q z + r (if norm), for output rows start:stop of the batch."""
    r0, r1 = start * width, stop * width
    if filled:
        fill_patches(x, scale, shift, before, start, stop, height, width, window, patches[r0:r1])
    if norm:
        norm_gradient_rows(d, z, p, q, r, r0, r1, dz[r0:r1])


@kernel
def _product_columns(start, stop, turn, patches, weight, beta, y, mode, add, scale, shift, other, sums, lanes):
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
        finish(mode, add, y, FIRST, m, c0, c1, scale, shift, other, sums, run)


@kernel
def product_turned(start, stop, a, b, y, lanes):
    """Rows of y = a^T b; a (m, K), b (m, O): each lane owns some rows."""
    m, depth = a.shape
    out = b.shape[1]
    for lane in range(start, stop):
        k0, k1 = depth * lane // lanes, depth * (lane + 1) // lanes
        if k0 < k1:
            sgemm(True, False, k1 - k0, out, m, address(a) + k0 * 4, depth, address(b), out, 0.0, address(y) + k0 * out * 4, out)


@kernel
def _both_products(start, stop, patches, dz, dweight, first, weight, beta, dx, mode, scale, shift, other, sums, lanes):
    """The first lanes: rows of dweight = patches^T dz; the others: columns of dx = dz weight^T + beta dx. Neither waits."""
    for lane in range(start, stop):
        if lane < first:
            product_turned(lane, lane + 1, patches, dz, dweight, lanes)
        else:
            _product_columns(lane - first, lane - first + 1, YES, dz, weight, beta, dx, mode, NO, scale, shift, other, sums,
                             lanes)


@kernel
def _gather_columns(start, stop, columns, stride, padding, dx, mode, scale, shift, other, sums, lanes):
    """dx from columns (B, H', W', kh, kw, C), the gradient of the patches: each pixel collects its share of every window."""
    batch, height, width, kh, kw, channels = columns.shape
    H, W = dx.shape[1:3]
    dx2, other2, flat, share = dx.reshape(-1, channels), other.reshape(-1, channels), dx.reshape(-1), columns.reshape(-1)
    run = np.zeros((2, channels), np.float32)
    for lane in range(start, stop):
        for line in range(batch * H * lane // lanes, batch * H * (lane + 1) // lanes):
            image, h = line // H, line % H
            for w in range(W):
                to = U((line * W + w) * channels)
                fill(flat, to, ZERO, U(channels))
                for a in range((h + padding) % stride, kh, stride):
                    i = (h + padding - a) // stride
                    for b in range((w + padding) % stride, kw, stride):
                        j = (w + padding - b) // stride
                        if 0 <= i < height and 0 <= j < width:
                            at = U(((((image * height + i) * width + j) * kh + a) * kw + b) * channels)
                            for c in range(U(channels)):
                                flat[to + c] += share[at + c]
            finish(mode, NO, dx2, line * W, (line + 1) * W, FIRST, channels, scale, shift, other2, sums[lane], run)


def patches_of(x, before, window, height, width):
    """The whole matrix of patches (B height width, kh kw C), for images with few pixels."""
    return _fill(x, before, window, height, width, True, None, None)[0]


def _fill(x, before, window, height, width, need_patches, d, norm):
    """(patches or rows of x itself, dz or d itself), all rows."""
    kh, kw = window[:2]
    batch, channels = x.shape[0], x.shape[3]
    rows, wide = rows_of(x), before is not None or window != (1, 1, 1, 0, 0)
    filled = need_patches and wide
    patches = take((batch * height * width, kh * kw * channels)) if filled else rows
    vector = np.empty(0, np.float32)
    z, p, q, r = (patches, vector, vector, vector) if norm is None else norm
    dz = d if norm is None else take(d.shape)
    if filled or norm is not None:
        d = patches if d is None else d
        run_blocks(_all_patches, batch * height, x, *tiled(before, kw, channels), before is not None, window, height, width,
                   filled, patches, d, z, p, q, r, norm is not None, d if norm is None else dz)
    return patches, dz


def few_conv(y, x, weight, window, before, end):
    """y = finish(conv(act(x), weight)), see `conv_into`; weight (kh kw C, out); returns the sums (2, out)."""
    sums = np.zeros((2, weight.shape[1]))
    mode, add, scale, shift, other = end
    with blas.one_thread():
        patches = patches_of(x, before, window, *y.shape[1:3])
        run_blocks(_product_columns, _STRIPS, False, patches, weight, 0.0, rows_of(y), mode, add, scale, shift, rows_of(other),
                   sums, _STRIPS)
    return sums


def few_gradients(d, x, weight, stride, padding, norm, before, onto, end, need_x=True, need_weight=True):
    """All gradients, see `convolve_backward`; d (B, H', W', O), x (B, H, W, C), weight (kh, kw, C, O) -> dx, dweight, sums."""
    kh, kw, channels, out = weight.shape
    window, depth, (height, width) = (kh, kw, stride, padding, padding), kh * kw * channels, d.shape[1:3]
    norm = None if norm is None else (rows_of(norm[0]), *norm[1:])
    patches, dz = _fill(x, before, window, height, width, need_weight, rows_of(d), norm)
    direct = window[:4] == (1, 1, 1, 0)
    mode, _, scale, shift, other = end
    if direct:
        dx = take(x.shape) if onto is None else onto
        columns, beta, sums, last = rows_of(dx), 0.0 if onto is None else 1.0, np.zeros((2, channels)), mode
    else:
        columns, beta, sums, last = take((len(dz), depth)) if need_x else dz, 0.0, np.zeros((LANES, 2, channels)), NOTHING
    dweight = take((depth, out)) if need_weight else dz
    first = _STRIPS if need_weight else 0
    with blas.one_thread():
        run_blocks(_both_products, first + (_STRIPS if need_x else 0), patches, dz, dweight, first, weight.reshape(depth, out),
                   beta, columns, last, scale, shift, rows_of(other) if direct else columns, sums if direct else sums[0], _STRIPS)
    dweight = dweight.reshape(weight.shape) if need_weight else None
    if direct or not need_x:
        return dx if need_x else None, dweight, sums if need_x else None
    dx = take(x.shape)
    columns = columns.reshape(len(x), height, width, kh, kw, channels)
    run_blocks(_gather_columns, LANES, columns, stride, padding, dx, mode, scale, shift, other, sums, LANES)
    if onto is not None:
        onto += dx
        dx = onto
    return dx, dweight, sums.sum(axis=0)
