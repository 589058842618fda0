"""Patches: what lies under each window of a convolution, as rows of a matrix."""

import numpy as np

from .flat import U, copy, fill
from .threads import helper

ZERO = np.float32(0)


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


def tiled(before, kw, channels):
    """Scale and shift of the batch norm before, once for each column of the window."""
    if before is None:
        return np.empty(channels, np.float32), np.empty(channels, np.float32)
    return (before[0], before[1]) if kw == 1 else (np.tile(before[0], kw), np.tile(before[1], kw))
