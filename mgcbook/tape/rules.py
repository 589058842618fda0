"""The gradient rules of NumPy's elementwise functions: one function each, forward and backward on the same lines.

A rule returns `value, vjp of argument 0, vjp of argument 1, ...`. It may keep an input or its output for the backward pass,
whichever is needed; it never changes `g`. Sums over broadcast axes are the engine's business. Unwanted vjps never run.
"""

import numpy as np

from . import rules_shape as _rules_shape  # noqa: F401  (registers the rules that move, join and add up)
from .engine import Tensor, constant, derivative_of

constant(
    np.floor, np.ceil, np.rint, np.round, np.sign, np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal,
    np.logical_and, np.logical_or, np.logical_not, np.isfinite, np.isnan, np.any, np.all, np.argmax, np.argmin, np.argsort,
    np.count_nonzero, np.zeros_like, np.ones_like, np.full_like, np.empty_like, np.shape, np.ndim, np.size, np.allclose,
)  # fmt: skip


@derivative_of(np.add)
def add(x, y):
    return x + y, lambda g: g, lambda g: g


@derivative_of(np.subtract)
def subtract(x, y):
    return x - y, lambda g: g, lambda g: -g


@derivative_of(np.multiply)
def multiply(x, y):
    return x * y, lambda g: g * y, lambda g: g * x


@derivative_of(np.divide)
def divide(x, y):
    return x / y, lambda g: g / y, lambda g: -g * x / (y * y)


@derivative_of(np.power)
def power(x, n):
    y = x**n

    def vjp_base(g):
        return g * n * x ** (n - 1 if np.ndim(n) == 0 and n != 0 else np.where(n != 0, n - 1, 1).astype(x.dtype))

    def vjp_exponent(g):
        return g * y * np.log(np.where(x > 0, x, 1)).astype(y.dtype)

    return y, vjp_base, vjp_exponent


@derivative_of(np.negative)
def negative(x):
    return -x, lambda g: -g


@derivative_of(np.abs)
def absolute(x):
    return np.abs(x), lambda g: g * np.sign(x)  # slope 0 at 0, as in HIPS autograd


@derivative_of(np.square)
def square(x):
    return x * x, lambda g: 2 * g * x


@derivative_of(np.reciprocal)
def reciprocal(x):
    y = 1 / x
    return y, lambda g: -g * y * y


@derivative_of(np.sqrt)
def sqrt(x):
    y = np.sqrt(x)
    return y, lambda g: g / (2 * y)


@derivative_of(np.exp)
def exp(x):
    y = np.exp(x)
    return y, lambda g: g * y


@derivative_of(np.log)
def log(x):
    return np.log(x), lambda g: g / x


@derivative_of(np.log1p)
def log1p(x):
    return np.log1p(x), lambda g: g / (1 + x)


@derivative_of(np.expm1)
def expm1(x):
    y = np.expm1(x)
    return y, lambda g: g * (y + 1)


@derivative_of(np.sin)
def sin(x):
    return np.sin(x), lambda g: g * np.cos(x)


@derivative_of(np.cos)
def cos(x):
    return np.cos(x), lambda g: -g * np.sin(x)


@derivative_of(np.tan)
def tan(x):
    y = np.tan(x)
    return y, lambda g: g * (1 + y * y)


@derivative_of(np.tanh)
def tanh(x):
    y = np.tanh(x)
    return y, lambda g: g * (1 - y * y)


@derivative_of(np.arcsin)
def arcsin(x):
    return np.arcsin(x), lambda g: g / np.sqrt(1 - x * x)


@derivative_of(np.arccos)
def arccos(x):
    return np.arccos(x), lambda g: -g / np.sqrt(1 - x * x)


@derivative_of(np.arctan)
def arctan(x):
    return np.arctan(x), lambda g: g / (1 + x * x)


@derivative_of(np.arctan2)
def arctan2(y, x):
    return np.arctan2(y, x), lambda g: g * x / (x * x + y * y), lambda g: -g * y / (x * x + y * y)


def _share(mine, other, wins):
    """How much of the gradient an argument of maximum or minimum gets: all, none, or half at a tie, as in HIPS autograd."""
    return lambda g: g * (wins(mine, other) + 0.5 * (mine == other)).astype(g.dtype)


@derivative_of(np.maximum)
def maximum(x, y):
    return np.maximum(x, y), _share(x, y, np.greater), _share(y, x, np.greater)


@derivative_of(np.minimum)
def minimum(x, y):
    return np.minimum(x, y), _share(x, y, np.less), _share(y, x, np.less)


@derivative_of(np.clip)
def clip(x, low, high):
    return np.clip(x, low, high), lambda g: np.where((x >= low) & (x <= high), g, 0)  # both ends pass, as in HIPS autograd


@derivative_of(np.where)
def where(mask, x, y):
    return np.where(mask, x, y), None, lambda g: np.where(mask, g, 0), lambda g: np.where(mask, 0, g)


# ---------------------------------------------------------------- methods of a Tensor: each is the NumPy function of its name

Tensor.__neg__ = lambda self: np.negative(self)
Tensor.__abs__ = lambda self: np.abs(self)
Tensor.reshape = lambda self, *shape: np.reshape(self, shape[0] if isinstance(shape[0], tuple) else shape)
Tensor.transpose = lambda self, *axes: np.transpose(self, (axes[0] if isinstance(axes[0], tuple) else axes) if axes else None)
Tensor.sum = lambda self, axis=None, keepdims=False: np.sum(self, axis=axis, keepdims=keepdims)
Tensor.mean = lambda self, axis=None, keepdims=False: np.mean(self, axis=axis, keepdims=keepdims)
Tensor.max = lambda self, axis=None, keepdims=False: np.max(self, axis=axis, keepdims=keepdims)
Tensor.min = lambda self, axis=None, keepdims=False: np.min(self, axis=axis, keepdims=keepdims)
