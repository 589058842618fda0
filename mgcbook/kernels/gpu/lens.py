"""Rays through pixel centres, and areas whose sign can be trusted, in float32.

The CPU's rasterizer computes in float64. Here single precision does: a number is kept as a pair (high, low) where one would lose
digits, and `fma(a, b, c)`, one instruction that rounds a b + c only once, finds what a product lost.
"""

import numpy as np

from .._cuda import device, fma

__all__ = ["CX", "CX_LOW", "CY", "CY_LOW", "FOCAL", "LENS", "across", "difference_of_products", "lens_of", "ray"]

LENS = "UniTuple(float32, 7)"
"""The type of what `lens_of` returns."""

FOCAL, CX, CY, CX_LOW, CY_LOW, INVERSE, INVERSE_LOW = range(7)
"""Places in it."""


def lens_of(focal, center):
    """(focal, cx, cy, low parts of cx and cy, 1 / focal, its low part) in float32, for the kernels.

    The high parts of cx and cy are whole or half: what is subtracted from a pixel centre is then subtracted without error.
    """
    centers = [round(2 * float(c)) / 2 for c in center]
    lows = [float(c) - high for c, high in zip(center, centers, strict=True)]
    inverse = np.float32(1 / float(focal))
    return tuple(map(np.float32, (focal, *centers, *lows, inverse, 1 / float(focal) - float(inverse))))


@device
def ray(place, lens, axis):
    """The ray's slope (place + 0.5 - c) / f as a pair (high, low); axis 0: place is a column, 1: a row."""
    distance = (np.float32(place) + np.float32(0.5)) - lens[CX + axis]
    product = distance * lens[INVERSE]
    rest = fma(distance, lens[INVERSE], -product) + (distance * lens[INVERSE_LOW] - lens[CX_LOW + axis] * lens[INVERSE])
    high = product + rest
    return high, rest - (high - product)


@device
def across(x, z, slope):
    """x - z slope, rounded as if once: what remains of a corner when the ray is subtracted from it."""
    return fma(-z, slope[1], fma(-z, slope[0], x))


@device
def difference_of_products(a, b, c, d):
    """a b - c d with all its digits and the right sign, however much cancels (Kahan's algorithm)."""
    second = c * d
    return fma(a, b, -second) - fma(c, d, -second)
