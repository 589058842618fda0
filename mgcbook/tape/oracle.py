"""Let HIPS autograd run formulas that say `import numpy as np`, so that it can judge our gradients.

autograd's ArrayBox already answers NumPy's ufuncs (NEP 13); it lacks the same courtesy for the other functions (NEP 18).
Importing this module adds it: np.einsum(box) becomes autograd.numpy.einsum(box), and `np.arange(n, like=box)` a plain array.
"""

import functools

import autograd.numpy as anp
from autograd.numpy.numpy_boxes import ArrayBox


def _array_function(self, function, types, args, kwargs):
    module = functools.reduce(getattr, function.__module__.split(".")[1:], anp)
    return getattr(module, function.__name__)(*args, **kwargs)


if not hasattr(ArrayBox, "__array_function__"):
    ArrayBox.__array_function__ = _array_function
