"""Reverse-mode differentiation of plain NumPy code: the tape, in one file.

A `Tensor` is an array that is being watched. Formulas are written with ordinary `numpy`: when an argument is a Tensor,
NumPy hands the call to us (NEP 13 and NEP 18), we look up the rule for that function, run it on the bare arrays, and
remember one function per watched argument: its vjp (vector-Jacobian product), which turns the gradient of the output into
the gradient of that argument. `value_and_grad` plays this record backwards.

    loss = f(x)      x --step--> y --step--> loss        forward: each step remembers its vjps
                     g_x <--vjp-- g_y <--vjp-- 1         backward: each vjp runs once, newest step first

The arrays inside may be NumPy or CuPy arrays: a rule calls `np.`, and NumPy hands that on to CuPy. Built in chapter 02.
"""

import itertools
from operator import attrgetter

import numpy as np

_clock = itertools.count()
_rules = {}  # NumPy function -> rule
_sequence = set()  # those whose first argument is a list of arrays: np.stack, np.concatenate
_constant = set()  # those with gradient zero: evaluated on bare arrays
_creation = {np.arange, np.eye, np.zeros, np.ones, np.full, np.empty, np.asarray, np.array}  # np.arange(n, like=x) (NEP 35)


class Step:
    """One step on the tape: when it happened, and for each watched input its step and the vjp that leads there.

    It holds no array of its own; the vjps keep alive just the arrays that the backward pass will need.
    """

    __slots__ = ("time", "shape", "parents")

    def __init__(self, shape, parents=()):
        self.time = next(_clock)
        self.shape = shape
        self.parents = parents


class Tensor:
    """A watched array: the bare array `.value`, and the step of the tape that made it."""

    __slots__ = ("value", "step")

    def __init__(self, value, step=None):
        self.value = value
        self.step = step or Step(value.shape)

    def __array_ufunc__(self, ufunc, method, *args, out=None, **kwargs):
        if method != "__call__" or out is not None:
            raise TypeError(f"np.{ufunc.__name__}: in-place and .{method} forms cannot be recorded; write x = x + y, or np.sum")
        return _call(ufunc, args, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        if function in _creation:
            return function(*args, **kwargs, like=self.value if self.shape else None)
        return _call(function, args, kwargs)

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype)
    T = property(lambda self: np.transpose(self))

    __hash__ = object.__hash__  # a Tensor is a place on the tape: two Tensors are the same only if they are one

    def __len__(self):
        return len(self.value)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        return f"Tensor({self.value!r})"

    def _refuse(self, *_, **__):
        raise TypeError("a Tensor is no plain number or array and cannot be stored in one: use np.stack or np.where, or .value")

    __array__ = __float__ = __int__ = __index__ = __bool__ = _refuse

    def __setitem__(self, index, value):
        raise TypeError("a Tensor cannot be changed in place: build the result with np.where, np.stack or np.concatenate")


def bare(x):
    """The array inside a Tensor; anything else as it is."""
    return x.value if type(x) is Tensor else x


def record(rule, args, kwargs):
    """Run a rule on the bare arrays and put one step on the tape; returns the watched result."""
    value, *vjps = rule(*[a.value if type(a) is Tensor else a for a in args], **kwargs)
    return Tensor(value, Step(value.shape, _parents(rule, args, vjps)))


def _parents(rule, args, vjps):
    parents = []
    for place, argument in enumerate(args):
        if type(argument) is Tensor:
            if place >= len(vjps) or vjps[place] is None:
                raise TypeError(f"{rule.__name__}: argument {place} has no derivative; pass it as a bare array (.value)")
            parents.append((argument.step, vjps[place]))
    return parents


def _call(function, args, kwargs):
    if function in _constant:
        return function(*map(bare, args), **{name: bare(value) for name, value in kwargs.items()})
    if function not in _rules:
        raise TypeError(f"np.{function.__name__} has no gradient rule: write it with functions that have one, "
                        "or add a rule with @derivative_of")
    if any(type(value) is Tensor for value in kwargs.values()):
        raise TypeError(f"np.{function.__name__}: give watched arrays by position, settings by name")
    if function in _sequence:
        if len(args) > 1:
            raise TypeError(f"np.{function.__name__}: give axis by name")
        args = args[0]
    return record(_rules[function], args, kwargs)


def _operator(ufunc, reflected=False):
    def forward(a, b):  # straight to the rule: NumPy's dispatch would cost as much as the operation on a small array
        return record(_rules[ufunc], (a, b), {})

    def backward_order(a, b):
        return record(_rules[ufunc], (b, a), {})

    return backward_order if reflected else forward


_arithmetic = dict(add=np.add, sub=np.subtract, mul=np.multiply, truediv=np.divide, pow=np.power, matmul=np.matmul)
_comparisons = dict(lt=np.less, le=np.less_equal, gt=np.greater, ge=np.greater_equal, eq=np.equal, ne=np.not_equal)

for _name, _ufunc in _arithmetic.items():
    setattr(Tensor, f"__{_name}__", _operator(_ufunc))
    setattr(Tensor, f"__r{_name}__", _operator(_ufunc, reflected=True))

for _name, _ufunc in _comparisons.items():
    setattr(Tensor, f"__{_name}__", lambda a, b, f=_ufunc: f(bare(a), bare(b)))


def derivative_of(*functions, sequence=False):
    """Register the decorated rule for NumPy functions. A rule returns (value, vjp of argument 0, vjp of argument 1, ...)."""

    def register(rule):
        _rules.update(dict.fromkeys(functions, rule))
        _sequence.update(functions if sequence else ())
        return rule

    return register


def constant(*functions):
    """Register NumPy functions whose derivative is zero wherever it exists: they run on the bare arrays."""
    _constant.update(functions)


def once(function):
    """Share the work of several vjps: `grads = once(lambda g: (gx, gy))`; then `lambda g: grads(g)[0], lambda g: grads(g)[1]`."""
    memory = []

    def shared(g):
        if not memory or memory[0] is not g:
            memory[:] = [g, function(g)]
        return memory[1]

    return shared


def unbroadcast(g, shape):
    """Sum g over the axes along which an input of this shape was repeated."""
    extra = g.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(shape) if n == 1 < g.shape[i + extra])
    return g.sum(axis=axes).reshape(shape) if axes else g.reshape(shape)


def backward(loss):
    """Play the tape backwards from a scalar; return {step: gradient} for the steps where it began. Uses the tape up.

    Raises:
        TypeError: if the loss does not depend on anything watched.
        ValueError: if it is not a scalar.
        RuntimeError: if this tape has been played already.
    """
    if type(loss) is not Tensor:
        raise TypeError("the loss does not depend on anything that is watched")
    if loss.shape != ():
        raise ValueError(f"can only differentiate a scalar, got shape {loss.shape}: sum or average it first")
    steps = steps_before(loss.step)
    grads = {loss.step: np.ones_like(loss.value)}
    for step in steps:
        if not step.parents:
            continue
        g = grads.pop(step)
        parents, step.parents = step.parents, None  # lets go of the arrays that this step kept
        while parents:
            parent, vjp = parents.pop()
            piece = vjp(g)
            if piece.shape != parent.shape:
                piece = unbroadcast(piece, parent.shape)
            grads[parent] = grads[parent] + piece if parent in grads else piece
            del vjp, piece
    return grads


def steps_before(last):
    """Every step that `last` depends on, newest first: a step is always newer than its inputs, so time is the order."""
    found, to_visit = {last}, [last]
    while to_visit:
        parents = to_visit.pop().parents
        if parents is None:
            raise RuntimeError("this tape has been played already: compute the loss again")
        for parent, _ in parents:
            if parent not in found:
                found.add(parent)
                to_visit.append(parent)
    return sorted(found, key=attrgetter("time"), reverse=True)


def value_and_grad(f, has_aux=False):
    """Differentiate a scalar function with respect to its first argument: an array, or a dict of arrays.

    It has the signature of `autograd.value_and_grad`, so the same function can be checked with HIPS autograd.

    Args:
        f: f(params, ...) returns a scalar, or (scalar, anything) with `has_aux`.
        has_aux: pass the second result of f through, with Tensors in it made bare.
    Returns:
        A function (params, ...) -> (value, gradients in the form of params), or ((value, aux), gradients).
    """

    def wrapped(params, *args, **kwargs):
        watched = {name: _watch(array, name) for name, array in params.items()} if isinstance(params, dict) else _watch(params)
        result = f(watched, *args, **kwargs)
        loss, aux = result if has_aux else (result, None)
        aux = _bare_tree(aux)
        value = bare(loss)
        grads = backward(loss)
        if isinstance(params, dict):
            gradient = {name: _gradient(grads, tensor) for name, tensor in watched.items()}
        else:
            gradient = _gradient(grads, watched)
        return ((value, aux), gradient) if has_aux else (value, gradient)

    return wrapped


def _watch(array, name="params"):
    if type(array) is Tensor:
        raise TypeError(f"{name}: is watched already; this tape records first derivatives only")
    if getattr(getattr(array, "dtype", None), "kind", None) != "f":
        found = getattr(array, "dtype", type(array).__name__)
        raise TypeError(f"{name}: expected an array of floating-point numbers, got {found}")
    return Tensor(array)


def _gradient(grads, tensor):
    found = grads.get(tensor.step)
    return np.zeros_like(tensor.value) if found is None else found


def _bare_tree(tree):
    if isinstance(tree, dict):
        return {key: _bare_tree(value) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*map(_bare_tree, tree))
    if isinstance(tree, list | tuple):
        return type(tree)(map(_bare_tree, tree))
    return bare(tree)
