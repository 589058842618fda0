"""The gradient rules of functions that add up, multiply, move, join and pick: sums, products of matrices, shapes, indices."""

import numpy as np

from mgcbook import arrays
from mgcbook.arrays import scatter_add

from .engine import Tensor, derivative_of, record

# ---------------------------------------------------------------- sums and extremes


def _spread(g, shape, axis, keepdims):
    """Give a reduced gradient its reduced axes back, as a view."""
    if axis is not None and not keepdims:
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, shape)


@derivative_of(np.sum)
def sum_(x, axis=None, keepdims=False):
    shape = x.shape  # not x: a sum does not need it any more, and it may be large
    return np.sum(x, axis=axis, keepdims=keepdims), lambda g: _spread(g, shape, axis, keepdims)


@derivative_of(np.mean)
def mean(x, axis=None, keepdims=False):
    y = np.mean(x, axis=axis, keepdims=keepdims)
    share, shape = max(y.size, 1) / max(x.size, 1), x.shape
    return y, lambda g: _spread(g * share, shape, axis, keepdims)


def _extreme(function):
    def rule(x, axis=None, keepdims=False):
        y = function(x, axis=axis, keepdims=True)
        chosen = (x == y).astype(x.dtype)
        shares = chosen / np.sum(chosen, axis=axis, keepdims=True)  # ties share, as in HIPS autograd
        value = y if keepdims else function(x, axis=axis)
        return value, lambda g: _spread(g, shares.shape, axis, keepdims) * shares

    return rule


derivative_of(np.max)(_extreme(np.max))
derivative_of(np.min)(_extreme(np.min))


@derivative_of(np.cumsum)
def cumsum(x, axis=None):
    if axis is None:
        raise TypeError("np.cumsum: give axis by name")
    return np.cumsum(x, axis=axis), lambda g: np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


@derivative_of(np.linalg.norm)
def norm(x, axis=None, keepdims=False):
    y = np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))
    return y, lambda g: x * _spread(g / y, x.shape, axis, keepdims)


# ---------------------------------------------------------------- products


@derivative_of(np.matmul)
def matmul(x, y):
    if x.ndim < 2 or y.ndim < 2:
        raise TypeError(f"np.matmul: expected matrices, got shapes {x.shape} and {y.shape}; use np.einsum for vectors")
    product = arrays.matmul
    return product(x, y), lambda g: product(g, np.swapaxes(y, -1, -2)), lambda g: product(np.swapaxes(x, -1, -2), g)


@derivative_of(np.einsum)
def einsum(subscripts, *xs):
    inputs, output = _subscripts(subscripts, len(xs))

    def vjp(i):
        others = [s for j, s in enumerate(inputs) if j != i]
        factors = [x for j, x in enumerate(xs) if j != i]
        return lambda g: arrays.einsum(",".join([output, *others]) + "->" + inputs[i], g, *factors)

    return arrays.einsum(subscripts, *xs), None, *map(vjp, range(len(xs)))


def _subscripts(subscripts, count):
    """Split "bij,bvj->bvi"; refuse what the rule of swapping letters cannot differentiate."""
    if "->" not in subscripts or "." in subscripts:
        raise TypeError(f"np.einsum({subscripts!r}): write the output after '->' and every axis as a letter")
    *inputs, output = subscripts.replace(" ", "").replace("->", ",").split(",")
    for i, letters in enumerate(inputs):
        elsewhere = set(output).union(*(inputs[:i] + inputs[i + 1 :]))
        if len(set(letters)) < len(letters) or set(letters) - elsewhere:
            raise TypeError(f"np.einsum({subscripts!r}): an axis repeated within, or private to, operand {i} cannot be "
                            "differentiated; sum or pick it before")
    if len(inputs) != count:
        raise TypeError(f"np.einsum({subscripts!r}): {len(inputs)} operands named, {count} given")
    return inputs, output


@derivative_of(np.cross)
def cross(x, y, axis=-1):
    return np.cross(x, y, axis=axis), lambda g: np.cross(y, g, axis=axis), lambda g: np.cross(g, x, axis=axis)


# ---------------------------------------------------------------- shapes


@derivative_of(np.reshape)
def reshape(x, shape):
    before = x.shape
    return np.reshape(x, shape), lambda g: np.reshape(g, before)


@derivative_of(np.ravel)
def ravel(x):
    return np.ravel(x), lambda g: np.reshape(g, x.shape)


@derivative_of(np.transpose)
def transpose(x, axes=None):
    back = None if axes is None else tuple(sorted(range(len(axes)), key=axes.__getitem__))
    return np.transpose(x, axes), lambda g: np.transpose(g, back)


@derivative_of(np.swapaxes)
def swapaxes(x, i, j):
    return np.swapaxes(x, i, j), lambda g: np.swapaxes(g, i, j)


@derivative_of(np.moveaxis)
def moveaxis(x, source, destination):
    return np.moveaxis(x, source, destination), lambda g: np.moveaxis(g, destination, source)


@derivative_of(np.expand_dims)
def expand_dims(x, axis):
    return np.expand_dims(x, axis), lambda g: np.reshape(g, x.shape)


@derivative_of(np.squeeze)
def squeeze(x, axis=None):
    return np.squeeze(x, axis), lambda g: np.reshape(g, x.shape)


@derivative_of(np.broadcast_to)
def broadcast_to(x, shape):
    return np.broadcast_to(x, shape), lambda g: g  # the engine sums over the new axes


@derivative_of(np.flip)
def flip(x, axis=None):
    return np.flip(x, axis), lambda g: np.flip(g, axis)


@derivative_of(np.repeat)
def repeat(x, repeats, axis=None):
    if axis is None or not isinstance(repeats, int):
        raise TypeError("np.repeat: watched arrays need a whole number of repeats and an axis by name")
    shape = (*x.shape[: axis % x.ndim + 1], repeats, *x.shape[axis % x.ndim + 1 :])
    return np.repeat(x, repeats, axis=axis), lambda g: np.reshape(g, shape).sum(axis=axis % x.ndim + 1)


@derivative_of(np.pad)
def pad(x, width, mode="constant"):
    if mode != "constant":
        raise TypeError("np.pad: only padding with zeros has a gradient rule")
    pairs = np.broadcast_to(np.asarray(width), (x.ndim, 2)).tolist()
    inner = tuple(slice(before, before + n) for (before, _), n in zip(pairs, x.shape, strict=True))
    return np.pad(x, width, mode), lambda g: g[inner]


def astype(x, dtype):
    return x.astype(dtype), lambda g: g.astype(x.dtype)


Tensor.astype = lambda self, dtype: record(astype, (self, dtype), {})


# ---------------------------------------------------------------- joining and picking


@derivative_of(np.stack, sequence=True)
def stack(*xs, axis=0):
    pick = lambda i: lambda g: np.moveaxis(g, axis, 0)[i]
    return arrays.stack(xs, axis=axis), *map(pick, range(len(xs)))


@derivative_of(np.concatenate, sequence=True)
def concatenate(*xs, axis=0):
    ends = np.cumsum([x.shape[axis] for x in xs]).tolist()

    def pick(i):
        cut = (slice(None),) * (axis % xs[0].ndim) + (slice(ends[i] - xs[i].shape[axis], ends[i]),)
        return lambda g: g[cut]

    return arrays.concatenate(xs, axis=axis), *map(pick, range(len(xs)))


@derivative_of(np.take)
def take(x, indices, axis=None):
    if axis is None:
        raise TypeError("np.take: give axis by name")
    return getitem(x, (slice(None),) * (axis % x.ndim) + (indices,))


def getitem(x, index):
    """x[index] for slices, integers, integer arrays and masks; repeated indices add up on the way back."""
    parts = index if isinstance(index, tuple) else (index,)
    is_view = all(isinstance(part, int | slice | type(None) | type(...)) for part in parts)

    def vjp(g):
        out = np.zeros_like(x)
        if is_view:
            out[index] = g
        else:
            scatter_add(out, index, g)
        return out

    return x[index], vjp


Tensor.__getitem__ = lambda self, index: record(getitem, (self, index), {})
