"""Max pooling that can apply the batch norm and ReLU before it on reading, and its gradient as a gather."""

import numpy as np

from .memory import take
from .norm import finish, MASK, NOTHING
from .single import float32_only, plain
from .threads import LANES, kernel, run_blocks

__all__ = ["max_pool", "max_pool_backward"]

ZERO = np.float32(0)


@kernel
def _max_pool(start, stop, x, scale, shift, norm, size, stride, padding, out, taps):
    _, H, W, C = x.shape
    height, width = out.shape[1:3]
    act = np.empty(C, np.float32)
    for g in range(start, stop):
        image, i = g // height, g % height
        for j in range(width):
            best, tap = out[image, i, j], taps[image, i, j]
            empty = True
            for a in range(max(0, padding - i * stride), min(size, H + padding - i * stride)):
                for b in range(max(0, padding - j * stride), min(size, W + padding - j * stride)):
                    source, k = x[image, i * stride - padding + a, j * stride - padding + b], np.uint8(a * size + b)
                    for c in range(C):
                        v = source[c]
                        if norm:
                            v = scale[c] * v + shift[c]
                            v = ZERO if v < ZERO else v
                        act[c] = v
                    if empty:
                        for c in range(C):
                            best[c], tap[c] = act[c], k
                    else:
                        for c in range(C):  # not (v <= best): a NaN wins and is seen
                            better = not (act[c] <= best[c])
                            best[c] = act[c] if better else best[c]
                            tap[c] = k if better else tap[c]
                    empty = False


@kernel
def _max_pool_backward(start, stop, g, taps, x, scale, shift, norm, size, stride, padding, dx, sums, lanes):
    batch, H, W, C = dx.shape
    height, width = g.shape[1:3]
    dx2, x2 = dx.reshape(-1, C), x.reshape(-1, C)
    run = np.empty((2, C), np.float32)
    for lane in range(start, stop):
        for line in range(batch * H * lane // lanes, batch * H * (lane + 1) // lanes):
            image, h = line // H, line % H
            for w in range(W):
                d = dx[image, h, w]
                d[:] = ZERO
                for i in range(max(0, (h + padding - size + stride) // stride), min(height, (h + padding) // stride + 1)):
                    for j in range(max(0, (w + padding - size + stride) // stride), min(width, (w + padding) // stride + 1)):
                        k = np.uint8((h + padding - i * stride) * size + w + padding - j * stride)
                        gradient, tap = g[image, i, j], taps[image, i, j]
                        for c in range(C):
                            d[c] += gradient[c] if tap[c] == k else ZERO
            finish(MASK if norm else NOTHING, False, dx2, line * W, (line + 1) * W, 0, C, scale, shift, x2, sums[lane], run)


def _vectors(before, channels):
    return (np.empty(channels, np.float32),) * 2 if before is None else before


@float32_only
def max_pool(x, size=3, stride=2, padding=1, *, before=None):
    """Largest value under a window, of x or of relu(scale x + shift); (B, H, W, C) -> (B, H', W', C) and taps, uint8.

    A tap says which place of the window was the (first) largest, row by row; it is all that the gradient needs.
    """
    x = plain(x)
    shape = (x.shape[0], (x.shape[1] + 2 * padding - size) // stride + 1, (x.shape[2] + 2 * padding - size) // stride + 1, x.shape[3])
    out, taps = take(shape), take(shape, np.uint8)
    run_blocks(_max_pool, shape[0] * shape[1], x, *_vectors(before, x.shape[3]), before is not None, size, stride, padding, out, taps)
    return out, taps


@float32_only
def max_pool_backward(g, taps, x, size=3, stride=2, padding=1, *, before=None):
    """Gradient of max_pool (with `before`: of scale x + shift) and its sums (sum dx, sum dx x) per channel; (B, H, W, C), (2, C)."""
    dx, sums = take(x.shape), np.zeros((LANES, 2, x.shape[3]))
    run_blocks(_max_pool_backward, LANES, plain(g), taps, plain(x), *_vectors(before, x.shape[3]), before is not None,
               size, stride, padding, dx, sums, LANES)
    return dx, sums.sum(axis=0)
