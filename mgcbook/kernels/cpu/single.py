"""The door of the float32 kernels: other types go to the readable twin of the same name, odd layouts are copied first.

Gradients are checked in float64; there the same formulas run on the twins.
"""

import functools
import importlib

import numpy as np

_OTHERS = "edgH"
"""Type characters of other floating-point numbers: float16, float64, long ones, and bfloat16, whose bits travel as uint16."""


def float32_only(function):
    """Run the twin of the same name (mgcbook.kernels.twins) if an argument is an array of another floating-point type."""

    @functools.wraps(function)
    def chosen(*args, **kwargs):
        for argument in (*args, *kwargs.values()):
            if isinstance(argument, np.ndarray) and argument.dtype != np.float32 and argument.dtype.char in _OTHERS:
                return getattr(importlib.import_module("mgcbook.kernels.twins"), function.__name__)(*args, **kwargs)
        return function(*args, **kwargs)

    return chosen


def plain(array):
    """The array itself if it is C-contiguous and writable, else a copy: each other layout would be compiled anew."""
    flags = array.flags
    return array if flags.c_contiguous and flags.writeable and flags.aligned else np.array(array, order="C")


def rows_of(array):
    """View (..., C) as (M, C)."""
    return array.reshape(-1, array.shape[-1])
