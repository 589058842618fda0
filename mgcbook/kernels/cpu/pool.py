"""Max pooling that can apply the batch norm and ReLU before it on reading, and its gradient as a gather."""

import numpy as np

from .flat import U, fill
from .memory import take
from .norm import FIRST, MASK, NO, NOTHING, finish
from .single import float32_only, plain
from .threads import LANES, kernel, run_blocks

__all__ = ["max_pool", "max_pool_backward"]

ZERO = np.float32(0)


@kernel
def _max_pool(start, stop, x, scale, shift, norm, size, stride, padding, out, taps):
    _, H, W, C = x.shape
    height, width = out.shape[1:3]
    act, n, flat, best, tap = np.empty(C, np.float32), U(C), x.reshape(-1), out.reshape(-1), taps.reshape(-1)
    for g in range(start, stop):
        image, i = g // height, g % height
        for j in range(width):
            to, empty = U((g * width + j) * C), True
            for a in range(max(0, padding - i * stride), min(size, H + padding - i * stride)):
                for b in range(max(0, padding - j * stride), min(size, W + padding - j * stride)):
                    at, k = U(((image * H + i * stride - padding + a) * W + j * stride - padding + b) * C), np.uint8(a * size + b)
                    for c in range(n):
                        v = flat[at + c]
                        if norm:
                            v = scale[c] * v + shift[c]
                            v = ZERO if v < ZERO else v
                        act[c] = v
                    for c in range(n):  # a NaN wins, and stays
                        better = empty or act[c] > best[to + c] or act[c] != act[c]
                        best[to + c] = act[c] if better else best[to + c]
                        tap[to + c] = k if better else tap[to + c]
                    empty = False


@kernel
def _max_pool_backward(start, stop, g, taps, x, scale, shift, norm, size, stride, padding, dx, sums, lanes):
    batch, H, W, C = dx.shape
    height, width = g.shape[1:3]
    dx2, x2, flat_g, flat_taps, flat = dx.reshape(-1, C), x.reshape(-1, C), g.reshape(-1), taps.reshape(-1), dx.reshape(-1)
    run = np.zeros((2, C), np.float32)
    for lane in range(start, stop):
        for line in range(batch * H * lane // lanes, batch * H * (lane + 1) // lanes):
            image, h = line // H, line % H
            for w in range(W):
                to, n = U((line * W + w) * C), U(C)
                fill(flat, to, ZERO, n)
                for i in range(max(0, (h + padding - size + stride) // stride), min(height, (h + padding) // stride + 1)):
                    for j in range(max(0, (w + padding - size + stride) // stride), min(width, (w + padding) // stride + 1)):
                        k = np.uint8((h + padding - i * stride) * size + w + padding - j * stride)
                        at = U(((image * height + i) * width + j) * C)
                        for c in range(n):
                            flat[to + c] += flat_g[at + c] if flat_taps[at + c] == k else ZERO
            finish(MASK if norm else NOTHING, NO, dx2, line * W, (line + 1) * W, FIRST, C, scale, shift, x2, sums[lane], run)


def _vectors(before, channels):
    return (np.empty(channels, np.float32),) * 2 if before is None else before


@float32_only
def max_pool(x, size=3, stride=2, padding=1, *, before=None):
    """Largest value under a window, of x or of relu(scale x + shift); (B, H, W, C) -> (B, H', W', C) and taps, uint8.

    A tap says which place of the window was the (first) largest, row by row; it is all that the gradient needs.
    """
    x = plain(x)
    height, width = ((n + 2 * padding - size) // stride + 1 for n in x.shape[1:3])
    shape = (x.shape[0], height, width, x.shape[3])
    out, taps = take(shape), take(shape, np.uint8)
    run_blocks(_max_pool, shape[0] * height, x, *_vectors(before, x.shape[3]), before is not None, size, stride, padding,
               out, taps)
    return out, taps


@float32_only
def max_pool_backward(g, taps, x, size=3, stride=2, padding=1, *, before=None):
    """Gradient of max_pool (with `before`: of scale x + shift), and its sums (sum dx, sum dx x); (B, H, W, C), (2, C)."""
    dx, sums = take(x.shape), np.zeros((LANES, 2, x.shape[3]))
    run_blocks(_max_pool_backward, LANES, plain(g), taps, plain(x), *_vectors(before, x.shape[3]), before is not None,
               size, stride, padding, dx, sums, LANES)
    return dx, sums.sum(axis=0)
