"""Max pooling in plain NumPy; see cpu/pool.py."""

import numpy as np

from .half import halves

__all__ = ["max_pool", "max_pool_backward"]


def windows(x, size, stride, padding):
    """The pixels under each place of the window, outside of the image -inf; (B, H, W, C) -> (size^2, B, H', W', C)."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)), "constant", constant_values=-np.inf)
    height, width = (x.shape[1] - size) // stride + 1, (x.shape[2] - size) // stride + 1
    return np.stack([x[:, i : i + stride * (height - 1) + 1 : stride, j : j + stride * (width - 1) + 1 : stride]
                     for i in range(size) for j in range(size)])


def _act(x, before):
    return x if before is None else np.maximum(before[0] * x + before[1], 0)


@halves(0)
def max_pool(x, size=3, stride=2, padding=1, *, before=None):
    """Largest value under a window, of x or of relu(scale x + shift); (B, H, W, C) -> (B, H', W', C) and taps, uint8."""
    stack = windows(_act(x, before), size, stride, padding)
    return np.max(stack, axis=0), np.argmax(stack, axis=0).astype(np.uint8)


@halves(0)
def max_pool_backward(g, taps, x, size=3, stride=2, padding=1, *, before=None):
    """Gradient of max_pool (with `before`: of scale x + shift), and its sums (sum dx, sum dx x); (B, H, W, C), (2, C)."""
    batch, H, W, C = x.shape
    height, width = g.shape[1:3]
    padded = np.zeros((batch, H + 2 * padding, W + 2 * padding, C), g.dtype, like=g)
    for i in range(size):
        for j in range(size):
            piece = padded[:, i : i + stride * (height - 1) + 1 : stride, j : j + stride * (width - 1) + 1 : stride]
            piece += np.where(taps == i * size + j, g, 0)
    dx = padded[:, padding : padding + H, padding : padding + W]
    if before is not None:
        dx = np.where(before[0] * x + before[1] > 0, dx, 0)
    return dx, np.stack([np.sum(dx, axis=(0, 1, 2), dtype=np.float64), np.sum(dx * x, axis=(0, 1, 2), dtype=np.float64)])
