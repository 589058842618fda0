"""Winograd's F(2x2, 3x3): a 3x3 convolution of stride 1 with 16 products for 4 outputs instead of 36.

In one dimension, two outputs of a window of three take 4 products instead of 6:

    y0 = x0 g0 + x1 g1 + x2 g2 = m0 + m1 + m2      m0 = (x0 - x2) g0               m1 = (x1 + x2) (g0 + g1 + g2) / 2
    y1 = x1 g0 + x2 g1 + x3 g2 = m1 - m2 - m3      m2 = (x2 - x1) (g0 - g1 + g2)/2  m3 = (x1 - x3) g2

Applied to rows and columns: 4x4 tiles of the input become 16 planes V, the weights 16 planes U, and each plane is a matrix
product over the channels. Measured against the direct way: 1.25 to 1.7 times faster per layer from 14 x 14 pixels up (fewer
pixels do not pay for 16 planes of weights), 8 % of a ResNet-50 step; error 1e-6 to 3e-6 relative.
Source: Lavin and Gray, Fast algorithms for convolutional neural networks, 2016.
"""

import numpy as np

from . import blas
from .blas import address, sgemm
from .flat import U, copy, fill
from .memory import take
from .norm import FIRST, finish
from .threads import LANES, helper, kernel, run_blocks

ZERO, HALF = np.float32(0), np.float32(0.5)
# 2x2 tiles in a block: few where the weights stay in the cache beside them, many where these are read again for each block.
_TILES = 56, 168  # with 112 for both the Winograd layers of a ResNet-50 take 1.13 of the time in inference, 1.08 in a step
_CACHE = 1 << 14  # numbers in a plane of weights that stays


def winograd_pays(shape, stride, padding, height, width):
    """True for 3x3 kernels of stride 1 with enough pixels and channels."""
    kh, kw, channels, out = shape
    return (kh, kw, stride, padding) == (3, 3, 1, 1) and min(height, width) >= 14 and min(channels, out) >= 32


@helper
def _plus(out, to, x, a, b, n):
    for c in range(n):  # one result in each loop: LLVM then needs few checks for overlaps, and makes vector code
        out[to + c] = x[a + c] + x[b + c]


@helper
def _minus(out, to, x, a, b, n):
    for c in range(n):
        out[to + c] = x[a + c] - x[b + c]


@helper
def _plus_plus(out, to, x, a, b, d, n):
    for c in range(n):
        out[to + c] = x[a + c] + x[b + c] + x[d + c]


@helper
def _minus_minus(out, to, x, a, b, d, n):
    for c in range(n):
        out[to + c] = x[a + c] - x[b + c] - x[d + c]


@kernel
def _weight_planes(start, stop, weight, planes):
    """planes (16, I, O) = G g G^T for every pair of channels."""
    out = planes.shape[2]
    t = np.empty((4, 3, out), np.float32)
    for i in range(start, stop):
        for b in range(3):
            top, middle, low = weight[0, b, i], weight[1, b, i], weight[2, b, i]
            for o in range(out):
                outer = top[o] + low[o]
                t[0, b, o], t[3, b, o] = top[o], low[o]
                t[1, b, o], t[2, b, o] = HALF * (outer + middle[o]), HALF * (outer - middle[o])
        for a in range(4):
            for o in range(out):
                outer, inner = t[a, 0, o] + t[a, 2, o], t[a, 1, o]
                planes[4 * a, i, o], planes[4 * a + 3, i, o] = t[a, 0, o], t[a, 2, o]
                planes[4 * a + 1, i, o], planes[4 * a + 2, i, o] = HALF * (outer + inner), HALF * (outer - inner)


@kernel
def _weight_gradient(start, stop, partial, dweight):
    """dweight (3, 3, I, O) = G^T (sum over lanes of partial (lanes, 16, I, O)) G: the transpose of _weight_planes."""
    lanes, _, channels, out = partial.shape
    n, step, flat = U(out), U(channels * out), partial.reshape(-1)
    s, t = np.empty(16 * out, np.float32), np.empty((3, 4, out), np.float32)
    for i in range(start, stop):
        for k in range(U(16)):
            copy(s, k * n, flat, k * step + U(i) * n, n)
            for lane in range(U(1), U(lanes)):
                at = (lane * U(16) + k) * step + U(i) * n
                for c in range(n):
                    s[k * n + c] += flat[at + c]
        for b in range(4):
            s0, s1, s2, s3 = s[b * out :], s[(4 + b) * out :], s[(8 + b) * out :], s[(12 + b) * out :]
            for o in range(out):
                p, q = HALF * s1[o], HALF * s2[o]
                t[0, b, o], t[1, b, o], t[2, b, o] = s0[o] + p + q, p - q, p + q + s3[o]
        for a in range(3):
            for o in range(out):
                p, q = HALF * t[a, 1, o], HALF * t[a, 2, o]
                dweight[a, 0, i, o] = t[a, 0, o] + p + q
                dweight[a, 1, i, o] = p - q
                dweight[a, 2, i, o] = p + q + t[a, 3, o]


@helper
def _input_planes(x, scale, shift, norm, image, tile_row, tiles, rows, mixed, planes, step, place):
    """planes[k, place + j] = one of 16 mixtures of the 4x4 tile j of a row of tiles; act(x) on the way.

    All arrays are flat: rows and mixed hold four lines of 2 tiles + 2 pixels, planes 16 times `step` numbers.
    """
    _, H, W, C = x.shape
    n, line, inside, source = U(C), U((2 * tiles + 2) * C), U(W * C), x.reshape(-1)
    for a in range(4):
        h, to = 2 * tile_row - 1 + a, U(a) * line
        if h < 0 or h >= H:
            fill(rows, to, ZERO, line)
            continue
        fill(rows, to, ZERO, n)
        fill(rows, to + n + inside, ZERO, line - n - inside)
        at = U((image * H + h) * W * C)
        if not norm:
            copy(rows, to + n, source, at, inside)
            continue
        for w in range(U(W)):
            for c in range(n):
                v = scale[c] * source[at + w * n + c] + shift[c]
                rows[to + n + w * n + c] = ZERO if v < ZERO else v
    l0, l1, l2, l3 = U(0), line, line * U(2), line * U(3)
    _minus(mixed, l0, rows, l0, l2, line)
    _plus(mixed, l1, rows, l1, l2, line)
    _minus(mixed, l2, rows, l2, l1, line)
    _minus(mixed, l3, rows, l1, l3, line)
    for a in range(U(4)):
        for j in range(U(tiles)):
            x0, to = a * line + j * U(2) * n, a * U(4) * step + (U(place) + j) * n
            x1, x2, x3 = x0 + n, x0 + n + n, x0 + n + n + n
            _minus(planes, to, mixed, x0, x2, n)
            _plus(planes, to + step, mixed, x1, x2, n)
            _minus(planes, to + step + step, mixed, x2, x1, n)
            _minus(planes, to + step + step + step, mixed, x1, x3, n)


@helper
def _output_tile(planes, step, place, mixed, y, image, h, w):
    """The four outputs of a tile from its 16 products; mixed is flat, 8 times O numbers."""
    _, H, W, out = y.shape
    n, flat = U(out), y.reshape(-1)
    for b in range(U(4)):
        p0 = b * step + U(place) * n
        p1, p2, p3 = p0 + U(4) * step, p0 + U(8) * step, p0 + U(12) * step
        _plus_plus(mixed, b * n, planes, p0, p1, p2, n)
        _minus_minus(mixed, (b + U(4)) * n, planes, p1, p2, p3, n)
    for a in range(2):
        if h + a < H:
            to, m0 = U(((image * H + h + a) * W + w) * out), U(4 * a) * n
            _plus_plus(flat, to, mixed, m0, m0 + n, m0 + n + n, n)
            if w + 1 < W:
                _minus_minus(flat, to + n, mixed, m0 + n, m0 + n + n, m0 + n + n + n, n)


@helper
def _gradient_tile(dz, image, h, w, tile, mixed, planes, step, place):
    """The transpose of _output_tile: 16 mixtures of the four gradients of a tile; tile (4 O) and mixed (8 O) are flat."""
    _, H, W, out = dz.shape
    n, flat = U(out), dz.reshape(-1)
    for k in range(4):
        i, j = h + k // 2, w + k % 2
        if i < H and j < W:
            copy(tile, U(k) * n, flat, U(((image * H + i) * W + j) * out), n)
        else:
            fill(tile, U(k) * n, ZERO, n)
    for b in range(U(2)):
        top, low, to = b * n, (b + U(2)) * n, b * U(4) * n
        copy(mixed, to, tile, top, n)
        _plus(mixed, to + n, tile, top, low, n)
        _minus(mixed, to + n + n, tile, top, low, n)
        for c in range(n):
            mixed[to + n + n + n + c] = -tile[low + c]
    for a in range(U(4)):
        u, v, to = a * n, (a + U(4)) * n, a * U(4) * step + U(place) * n
        copy(planes, to, mixed, u, n)
        _plus(planes, to + step, mixed, u, v, n)
        _minus(planes, to + step + step, mixed, u, v, n)
        for c in range(n):
            planes[to + step + step + step + c] = -mixed[v + c]


@kernel
def _winograd_rows(start, stop, x, scale, shift, norm, weights, y, mode, add, end_scale, end_shift, other, sums,
                   sources, products, rows):
    batch, H, W, C = x.shape
    out, (lanes, _, tiles, _) = y.shape[3], sources.shape
    down, across = (H + 1) // 2, (W + 1) // 2
    total = batch * down
    blocks = (total + rows - 1) // rows
    lines, last = np.empty((2, 4 * (2 * across + 2) * C), np.float32), np.empty(8 * out, np.float32)
    y2, other2 = y.reshape(-1, out), other.reshape(-1, out)
    run = np.zeros((2, out), np.float32)
    for lane in range(start, stop):
        source, product = sources[lane], products[lane]
        for block in range(blocks * lane // lanes, blocks * (lane + 1) // lanes):
            first, end = block * rows, min(total, (block + 1) * rows)
            for g in range(first, end):
                _input_planes(x, scale, shift, norm, g // down, g % down, across, lines[0], lines[1], source.reshape(-1),
                              U(tiles * C), (g - first) * across)
            for k in range(16):
                sgemm(False, False, (end - first) * across, out, C, address(source[k]), C, address(weights[k]), out, 0.0,
                      address(product[k]), out)
            for g in range(first, end):
                image, h = g // down, 2 * (g % down)
                for j in range(across):
                    _output_tile(product.reshape(-1), U(tiles * out), (g - first) * across + j, last, y, image, h, 2 * j)
                finish(mode, add, y2, (image * H + h) * W, (image * H + min(H, h + 2)) * W, FIRST, out,
                       end_scale, end_shift, other2, sums[lane], run)


@kernel
def _winograd_weight_rows(start, stop, dz, x, scale, shift, norm, partial, sources, gradients, rows):
    batch, H, W, C = x.shape
    out, lanes, tiles = dz.shape[3], len(partial), sources.shape[2]
    down, across = (H + 1) // 2, (W + 1) // 2
    total = batch * down
    blocks = (total + rows - 1) // rows
    lines = np.empty((2, 4 * (2 * across + 2) * C), np.float32)
    tile, mixed = np.empty(4 * out, np.float32), np.empty(8 * out, np.float32)
    for lane in range(start, stop):
        source, gradient = sources[lane], gradients[lane]
        begin, behind = blocks * lane // lanes, blocks * (lane + 1) // lanes
        if begin == behind:
            fill(partial[lane].reshape(-1), U(0), ZERO, U(partial[lane].size))
        for block in range(begin, behind):
            first, end = block * rows, min(total, (block + 1) * rows)
            for g in range(first, end):
                image, row, place = g // down, g % down, (g - first) * across
                _input_planes(x, scale, shift, norm, image, row, across, lines[0], lines[1], source.reshape(-1), U(tiles * C),
                              place)
                for j in range(across):
                    _gradient_tile(dz, image, 2 * row, 2 * j, tile, mixed, gradient.reshape(-1), U(tiles * out), place + j)
            for k in range(16):
                sgemm(True, False, C, out, (end - first) * across, address(source[k]), C, address(gradient[k]), out,
                      0.0 if block == begin else 1.0, address(partial[lane, k]), out)


def _plan(shape, out):
    """(lanes, rows of tiles in a block, tiles in a block) for an image (B, H, W, C) and `out` channels of the result."""
    down, across = (shape[1] + 1) // 2, (shape[2] + 1) // 2
    total = shape[0] * down
    lanes = min(LANES, max(2, total * across // 224 * 2))
    rows = max(1, min(_TILES[shape[3] * out > _CACHE] // across, -(-total // lanes)))
    blocks = -(-total // rows)
    rows = -(-total // (blocks + -blocks % lanes))
    return lanes, rows, rows * across


def winograd_conv(x, weight, y, before, end):
    """y = finish(conv3x3(act(x))), padding 1; (B, H, W, I), (3, 3, I, O) -> y (B, H, W, O), returns the sums (2, O)."""
    channels, out = x.shape[3], y.shape[3]
    lanes, rows, tiles = _plan(x.shape, out)
    planes, sums = take((16, channels, out)), np.zeros((lanes, 2, out))
    scale, shift = before or (np.empty(channels, np.float32),) * 2
    with blas.one_thread():
        run_blocks(_weight_planes, channels, weight, planes)
        run_blocks(_winograd_rows, lanes, x, scale, shift, before is not None, planes, y, *end, sums,
                   take((lanes, 16, tiles, channels)), take((lanes, 16, tiles, out)), rows)
    return sums.sum(axis=0)


def winograd_weight_gradient(dz, x, before):
    """Gradient of the weights of conv3x3(act(x)); (B, H, W, O), (B, H, W, I) -> (3, 3, I, O)."""
    channels, out = x.shape[3], dz.shape[3]
    lanes, rows, tiles = _plan(x.shape, out)
    lanes = min(lanes, max(2, (1 << 20) // (16 * channels * out)))  # a lane keeps 16 planes of gradients
    partial, dweight = take((lanes, 16, channels, out)), take((3, 3, channels, out))
    scale, shift = before or (np.empty(channels, np.float32),) * 2
    with blas.one_thread():
        run_blocks(_winograd_weight_rows, lanes, dz, x, scale, shift, before is not None, partial,
                   take((lanes, 16, tiles, channels)), take((lanes, 16, tiles, out)), rows)
        run_blocks(_weight_gradient, channels, partial, dweight)
    return dweight
