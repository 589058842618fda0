"""bfloat16 in plain NumPy: the upper 16 bits of a float32. NumPy has no such type, so the bits travel as uint16.

    sign 1 | exponent 8 | fraction 7        the range of float32, three decimal digits

Maps of a network are stored so to halve the traffic of memory; sums and products are computed in float32.
"""

import functools

import numpy as np

__all__ = ["to_half", "to_single"]


def to_half(x):
    """The bits of the nearest bfloat16, ties to even; float32 -> uint16."""
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))
    nan = (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
    return np.where(nan, bits >> np.uint32(16) | np.uint32(0x40), rounded >> np.uint32(16)).astype(np.uint16)


def to_single(x):
    """The numbers of bfloat16 bits; uint16 -> float32."""
    return (x.astype(np.uint32) << np.uint32(16)).view(np.float32)


def rounded(x):
    """The nearest numbers that bfloat16 has; float32 -> float32."""
    return to_single(to_half(x))


def halves(*places):
    """Let a twin take maps of bfloat16: it computes in float32, and its results at `places` (0: the only one) are rounded."""

    def decorate(function):
        @functools.wraps(function)
        def chosen(first, *args, **kwargs):
            if first.dtype != np.uint16:
                return function(first, *args, **kwargs)
            widen = lambda x: to_single(x) if getattr(x, "dtype", None) == np.uint16 else x
            result = function(widen(first), *map(widen, args), **{name: widen(x) for name, x in kwargs.items()})
            if not isinstance(result, tuple):
                return to_half(result) if places else result
            return tuple(to_half(x) if i in places else x for i, x in enumerate(result))

        return chosen

    return decorate
