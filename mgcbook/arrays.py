"""Where arrays live: the one door between NumPy on the host and CuPy on a GPU, and the check of shapes at public doors.

Formulas never ask where an array is. They say `np.`, and NumPy hands the call to CuPy (NEP 13 and NEP 18). The few things
that have no such hook are here: moving arrays, adding at repeated indices, and choosing the kernels that fit an array.
"""

import functools
import importlib
import inspect
import sys

import numpy as np

from mgcbook.errors import ResourceError

AT_ONCE = 8
"""CuPy joins more arrays than this through a table of addresses that it copies from the host: no CUDA graph can hold that."""


def is_device(array):
    """True for an array that lives on a GPU (it offers CUDA's array interface)."""
    return hasattr(array, "__cuda_array_interface__")


def to_device(tree, device="cpu"):
    """Move an array, or every array in a dict, list or tuple, to "cpu" or "cuda"; other values pass through.

    Raises:
        ValueError: for an unknown device.
        ResourceError: for "cuda" where there is no GPU or CuPy is not installed; the message names the extra to install.
    """
    if device == "cpu":
        return to_host(tree)
    check_device(device)
    return _map_arrays(_on_device, tree)


def check_device(device):
    """Check that a device can be used, before work is begun that needs it.

    Raises:
        ValueError: for an unknown device.
        ResourceError: for "cuda" where there is no GPU or CuPy is not installed; the message names the extra to install.
    """
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device: expected 'cpu' or 'cuda', got {device!r}")
    if device == "cuda" and (missing := _missing_for_cuda()):
        raise ResourceError(f"device='cuda': {missing}")


@functools.cache
def _missing_for_cuda():
    """What is missing on this machine to compute on a GPU, in words; None where nothing is."""
    from mgcbook.kernels.about import describe_gpu

    is_usable, found = describe_gpu()
    return None if is_usable else found


def _on_device(array):
    import cupy

    return cupy.asarray(array)


def synchronize():
    """Wait until the GPU has done all that it was asked for; nothing where no GPU is in use."""
    cupy = sys.modules.get("cupy")
    if cupy is not None and cupy.cuda.is_available():
        cupy.cuda.get_current_stream().synchronize()


def to_host(tree):
    """Copy an array, or every array in a dict, list or tuple, to NumPy; NumPy arrays and other values pass through."""
    return _map_arrays(lambda array: array.get() if hasattr(array, "get") else array, tree)


def _map_arrays(function, tree):
    if isinstance(tree, dict):
        return {key: _map_arrays(function, value) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_map_arrays(function, value) for value in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(_map_arrays(function, value) for value in tree)
    return function(tree) if isinstance(tree, np.ndarray) or is_device(tree) else tree


def matmul(x, y):
    """x y for matrices of bare arrays; on a GPU in a form that a CUDA graph can hold, with all digits of float32."""
    return kernels_for(x, y).matmul(x, y) if is_device(x) or is_device(y) else x @ y


def einsum(subscripts, *arrays):
    """np.einsum of bare arrays; on a GPU in a form that a CUDA graph can hold."""
    on_device = any(map(is_device, arrays))
    return kernels_for(*arrays).einsum(subscripts, *arrays) if on_device else np.einsum(subscripts, *arrays)


def stack(arrays, axis=0):
    """np.stack of bare arrays; on a GPU in a form that a CUDA graph can hold."""
    if len(arrays) <= AT_ONCE or not is_device(arrays[0]):
        return np.stack(arrays, axis=axis)
    return concatenate([np.expand_dims(array, axis) for array in arrays], axis=axis)


def concatenate(arrays, axis=0):
    """np.concatenate of bare arrays; on a GPU in a form that a CUDA graph can hold."""
    if len(arrays) <= AT_ONCE or not is_device(arrays[0]):
        return np.concatenate(arrays, axis=axis)
    shape = list(arrays[0].shape)
    shape[axis] = sum(array.shape[axis] for array in arrays)
    out = np.empty(tuple(shape), dtype=np.result_type(*(array.dtype for array in arrays)), like=arrays[0])
    start = 0
    for array in arrays:
        stop = start + array.shape[axis]
        out[(slice(None),) * (axis % len(shape)) + (slice(start, stop),)] = array
        start = stop
    return out


def scatter_add(out, index, values):
    """out[index] += values in place, where repeated indices add up. Float sums on a GPU have no fixed order."""
    if isinstance(out, np.ndarray):
        np.add.at(out, index, values)
    elif hasattr(out, "scatter_add"):  # stand-ins for CuPy bring their own
        out.scatter_add(index, values)
    else:
        import cupyx

        cupyx.scatter_add(out, index, values)


def kernels_for(*arrays):
    """The module of kernels that fits these bare arrays: Numba-CUDA, Numba, or the NumPy twins where Numba is missing or off."""
    for array in arrays:
        if hasattr(array, "kernels"):  # stand-ins for CuPy bring their own
            return array.kernels
    return _kernels("gpu" if any(map(is_device, arrays)) else "cpu")


@functools.cache
def _kernels(where):
    if where == "cpu" and not _has_numba():
        where = "twins"
    return importlib.import_module(f"mgcbook.kernels.{where}")


@functools.cache
def _has_numba():
    try:
        import numba
    except ImportError:
        return False
    return not numba.config.DISABLE_JIT  # then kernels would be Python's slow loops, and some could not run at all


def check_indices(name, indices, count):
    """Check that an array holds whole numbers from 0 to count - 1, before a kernel trusts them.

    Values are looked at in NumPy arrays only: looking at a GPU's would make it wait.

    Raises:
        ValueError: naming the array, what was expected and what was found.
    """
    if indices.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected whole numbers, got {indices.dtype}; use .astype(np.int32)")
    if isinstance(indices, np.ndarray) and indices.size and not 0 <= indices.min() <= indices.max() < count:
        raise ValueError(f"{name}: expected numbers from 0 to {count - 1}, got {indices.min()} to {indices.max()}")


_KINDS = {
    "float": ("f", "float32 or float64", "np.float32"),
    "int": ("iu", "whole numbers", "np.int32"),
    "bool": ("b", "True and False", "bool"),
    "mask": ("bf", "float32, float64 or bool", "np.float32"),
    "index": ("iu", "whole numbers", "int", "list"),
    "number": ("fiu", "real numbers", "np.float32", "list"),
}
"""Word of a pattern -> letters of NumPy's kinds, how to call them, what to turn others into, and whether lists will do."""


def check_shapes(**expected):
    """Check shapes and types of arguments when a function is called: `@check_shapes(points="B V 3", triangles="int F 3")`.

    A number must be met, a letter must be the same wherever it occurs in one call, and a leading "..." stands for any
    number of axes. The word before says what the numbers are: float (if nothing is said), int, bool, mask (bool or float),
    index and number (whole and real ones, also in lists). "pose B" is a pair (rotation (B, 3, 3), translation (B, 3)).
    Arguments that are None are not checked. Only shapes and types are looked at, never values: reading one would stop a GPU.

    Raises:
        ValueError: for example "points: expected (B, V, 3), got (2, 40, 4)".
    """
    expected = {name: _read_pattern(pattern) for name, pattern in expected.items()}

    def decorate(function):
        names = list(inspect.signature(function).parameters)
        unknown = set(expected) - set(names)
        if unknown:
            raise TypeError(f"check_shapes: {function.__name__} has no argument {', '.join(sorted(unknown))}")
        places = [(names.index(name), name, check) for name, check in expected.items()]
        title = function.__qualname__.split("<locals>.")[-1].removesuffix(".__init__")

        @functools.wraps(function)
        def checked(*args, **kwargs):
            letters = {}
            for place, name, (check, *pattern) in places:
                value = args[place] if place < len(args) else kwargs.get(name)
                if value is not None:
                    check(title, name, value, *pattern, letters)
            return function(*args, **kwargs)

        return checked

    return decorate


def check_array(function, name, value, pattern, letters=None):
    """Check one array as `check_shapes` does, where it is a part of an argument: check_array("f", "parts['a']", a, "B K").

    Args:
        letters: {} shared by calls whose letters mean the same numbers; it is filled in.
    Raises:
        ValueError: see `check_shapes`.
    """
    check, *about = _read_pattern(pattern)
    check(function, name, value, *about, {} if letters is None else letters)


def _read_pattern(text):
    """(function that checks, what it needs to know); "int F 3" -> (_check_array, ("F", 3), False, _KINDS["int"])."""
    first, *rest = text.split()
    if first == "pose":
        return _check_pose, rest[0]
    kinds, axes = (_KINDS[first], rest) if first in _KINDS else (_KINDS["float"], [first, *rest])
    is_open = axes[0] == "..."
    return _check_array, tuple(int(axis) if axis.isdigit() else axis for axis in axes[is_open:]), is_open, kinds


def _check_array(function, name, value, axes, is_open, kinds, letters):
    # About a microsecond for an array: a training step has some hundred of them.
    try:
        shape, dtype = value.shape, value.dtype
    except AttributeError:
        if "list" not in kinds or not isinstance(value, list | tuple):
            wanted = _spell(axes, is_open)
            raise ValueError(f"{function}: {name}: expected an array of shape {wanted}, got {type(value).__name__}") from None
        array = np.asarray(value)
        shape, dtype = array.shape, array.dtype
    count = len(axes)
    fits = len(shape) == count or (is_open and len(shape) > count)
    if fits:
        for axis, n in zip(axes, shape[len(shape) - count :], strict=True):
            if axis != n and (axis.__class__ is int or letters.setdefault(axis, (n, name))[0] != n):
                fits = False
    if not fits:
        known = ", ".join(f"{letter} = {n} in {first}" for letter, (n, first) in letters.items() if letter in axes)
        where = f" where {known}" if known else ""
        raise ValueError(f"{function}: {name}: expected {_spell(axes, is_open)}, got {tuple(shape)}{where}")
    if dtype.kind not in kinds[0]:
        raise ValueError(f"{function}: {name}: expected {kinds[1]}, got {dtype}; use .astype({kinds[2]})")


def _check_pose(function, name, value, batch, letters):
    if not isinstance(value, tuple | list) or len(value) != 2:
        found = f"{type(value).__name__} of {len(value)}" if hasattr(value, "__len__") else type(value).__name__
        wanted = f"a pose (rotation ({batch}, 3, 3), translation ({batch}, 3))"
        raise ValueError(f"{function}: {name}: expected {wanted}, got {found}")
    for part, array, pattern in zip(("rotation", "translation"), value, ((batch, 3, 3), (batch, 3)), strict=True):
        _check_array(function, f"{name}: {part}", array, pattern, False, _KINDS["float"], letters)


def _spell(axes, is_open):
    return "(" + ", ".join([*["..."][:is_open], *map(str, axes)]) + ("," if len(axes) + is_open == 1 else "") + ")"
