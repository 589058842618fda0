"""A stand-in for CuPy on machines without a GPU: it refuses what CuPy refuses, and can refuse to wait for the device.

A `DeviceArray` hides a NumPy array. Whatever would fail with CuPy fails here too:

    host arrays mixed in, np.asarray, storing in a host array            TypeError
    a NumPy function or argument that CuPy lacks                         TypeError, if CuPy is installed (no GPU needed)
    inside `with no_sync()`: float(), bool(), .get(), masks, nonzero     HostSync: the host would wait for the device
    inside `with capturable()`: the same, and np.matmul, einsum ...,     HostSync: CuPy's way of doing it cannot be captured
                   a host array copied, more than eight arrays joined

Waits are slow, and fatal while a CUDA graph is captured. A step that passes under `capturable` can be captured as far as its
arrays go. `recorded` writes every operation down with the arrays that it read and wrote, so that it can be done again on them:
what a CUDA graph does. What cannot be found here: streams, memory pools, and mistakes inside the kernels, for which the NumPy
twins stand in; tests/fake_gpu.py lets the code of the kernels run instead.
"""

import contextlib
import functools
import importlib
import inspect
import types

import numpy as np

from mgcbook.kernels import twins

log = types.SimpleNamespace(calls=0, syncs=0, may_sync=True, may_do_anything=True, tape=None, old=None)
"""Operations done, waits met, whether waits are allowed, and what no graph can hold; the list that operations are written down
in, and what was in the arrays that they were given."""

_waiting = {np.nonzero, np.argwhere, np.flatnonzero, np.unique, np.array_equal, np.allclose}  # results depend on values
_moving = {np.asarray, np.array}  # np.asarray(host, like=device) is how an array gets here
_cublas = {np.matmul, np.dot, np.vdot, np.inner, np.tensordot, np.einsum, np.linalg.inv, np.linalg.solve, np.linalg.svd}
_joining = {np.stack, np.concatenate, np.hstack, np.vstack}


class HostSync(RuntimeError):
    """The host waited for the device where `no_sync` forbids it."""


@contextlib.contextmanager
def no_sync():
    """Inside, every operation that makes the host wait raises HostSync; yields the log, counted from 0."""
    before = vars(log).copy()
    log.calls, log.syncs, log.may_sync = 0, 0, False
    try:
        yield log
    finally:
        vars(log).update(before)


@contextlib.contextmanager
def capturable():
    """As `no_sync`, and what CuPy cannot do while a CUDA graph is captured raises HostSync too."""
    with no_sync():
        log.may_do_anything = False
        yield log


@contextlib.contextmanager
def recorded():
    """As `capturable`, and every operation is written down; yields a list of functions that do them again, in order."""
    with capturable():
        log.tape, log.old = [], []
        yield log.tape


def remember(arrays):
    """Keep what is in some host arrays, if it is being recorded what happens to them."""
    if log.tape is not None:
        log.old += [(array, array.copy()) for array in arrays]


def undo(old):
    """Put back what was in the arrays before a recording: a CUDA graph does nothing while it is captured."""
    for array, before in reversed(old):
        if array.flags.writeable:
            array[...] = before


def _wait(what):
    log.syncs += 1
    if not log.may_sync:
        raise HostSync(f"{what} makes the host wait for the device")


def _refuse_in_capture(what):
    if not log.may_do_anything:
        raise HostSync(f"{what} cannot be captured in a CUDA graph")


class DeviceArray:
    """A private NumPy array. No subclass of ndarray: a subclass cannot refuse np.asarray."""

    __slots__ = ("_host",)
    __array_priority__ = 100
    __cuda_array_interface__ = types.MappingProxyType({})  # says "I live on a GPU", as CuPy's arrays do
    __hash__ = None

    def __init__(self, host):
        self._host = np.asarray(host)

    def __array__(self, *_, **__):
        raise TypeError("a device array does not become a NumPy array by itself, neither here nor in CuPy: say to_host")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if any(not isinstance(x, DeviceArray | np.ndarray | np.generic | bool | int | float) for x in inputs):
            return NotImplemented
        _check_name(ufunc)
        _check_capture(ufunc, inputs)
        return _run(getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        if not all(issubclass(t, DeviceArray | np.ndarray) for t in types):
            return NotImplemented
        _check_name(function)
        _check_arguments(function, args, kwargs)
        _check_capture(function, args)
        if function in _moving:
            if isinstance(args[0], DeviceArray):
                return _run(function, args, kwargs)
            _refuse_in_capture("copying a host array to the device")
            return DeviceArray(np.array(args[0], *args[1:], **kwargs))
        if function in _waiting or (function is np.where and len(args) + len(kwargs) == 1):
            _wait(f"np.{function.__name__}")
        return _run(function, args, kwargs)

    def __getitem__(self, index):
        _check_index(index)
        return _run(lambda x, i: x[i], (self, index), {})

    def __setitem__(self, index, value):
        _check_index(index)
        _run(lambda x, i, v: x.__setitem__(i, v), (self, index, value), {})

    @property
    def kernels(self):
        """What `arrays.kernels_for` finds instead of the GPU's kernels."""
        return _kernels

    @property
    def flags(self):
        """CuPy tells these three and no more."""
        names = "c_contiguous", "f_contiguous", "owndata"
        return types.SimpleNamespace(**{name: getattr(self._host.flags, name) for name in names})

    def get(self):
        _wait(".get()")
        return self._host.copy()

    def scatter_add(self, index, values):
        """What `arrays.scatter_add` calls instead of cupyx."""
        _run(np.add.at, (self, index, values), {})

    def __repr__(self):
        return f"DeviceArray({self._host!r})"

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    @property
    def data(self):
        """`.data.ptr` is the address."""
        return types.SimpleNamespace(ptr=self._host.ctypes.data, owner=self._host)

    def view(self, dtype):
        return DeviceArray(self._host.view(dtype))

    shape = property(lambda self: self._host.shape)
    strides = property(lambda self: self._host.strides)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    dtype = property(lambda self: self._host.dtype)
    nbytes = property(lambda self: self._host.nbytes)
    T = property(lambda self: DeviceArray(self._host.T))


def _method(name):
    return lambda self, *args, **kwargs: _run(getattr(np.ndarray, name), (self, *args), kwargs)


def _waiting_method(name):
    def method(self):
        _wait(f"{name}()")
        return getattr(self._host, name)()

    return method


def _operator(name):
    def operator(a, b):
        if "matmul" in name:
            _refuse_in_capture("@ of CuPy")
        if not isinstance(b, DeviceArray | np.ndarray | np.generic | bool | int | float):
            return NotImplemented
        return _run(lambda x, y: getattr(np.asarray(x), name)(y), (a, b), {})

    return operator


def _in_place(name):
    def operator(a, b):
        _run(lambda x, y: getattr(x, name)(y), (a, b), {})
        return a

    return operator


_METHODS = ("all", "any", "argmax", "argmin", "astype", "copy", "cumsum", "max", "mean", "min", "ravel", "reshape", "sum",
            "transpose", "__neg__", "__abs__", "__invert__")  # fmt: skip
for _name in _METHODS:
    setattr(DeviceArray, _name, _method(_name))
for _name in ["item", "tolist", "__bool__", "__float__", "__int__", "__index__"]:
    setattr(DeviceArray, _name, _waiting_method(_name))
for _name in ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"]:
    setattr(DeviceArray, f"__{_name}__", _operator(f"__{_name}__"))
    setattr(DeviceArray, f"__r{_name}__", _operator(f"__r{_name}__"))
    setattr(DeviceArray, f"__i{_name}__", _in_place(f"__i{_name}__"))
for _name in ["lt", "le", "gt", "ge", "eq", "ne"]:
    setattr(DeviceArray, f"__{_name}__", _operator(f"__{_name}__"))


def _check_index(index):
    for part in index if isinstance(index, tuple) else (index,):
        if getattr(getattr(part, "dtype", None), "kind", None) == "b":
            _wait("indexing with a mask")
        if isinstance(part, list):
            raise TypeError("a list as an index of a device array would be copied to the device each time: move it once")


def _cupy_twin(function):
    """CuPy answers NEP 13 and 18 by the function of the same name; None where CuPy is not installed."""
    try:
        import cupy
    except ImportError:
        return None
    path = (getattr(function, "__module__", None) or "numpy").split(".")[1:]  # np.linalg.norm -> cupy.linalg.norm
    found = getattr(functools.reduce(lambda module, name: getattr(module, name, None), path, cupy), function.__name__, None)
    if found is None:
        raise TypeError(f"np.{function.__name__} does not exist in CuPy")
    return found


@functools.cache
def _check_name(function):
    _cupy_twin(function)


def _check_arguments(function, args, kwargs):
    """CuPy's functions have fewer arguments than NumPy's."""
    if "device" in kwargs:  # NumPy hands it on by itself: np.ones, np.full and np.eye with `like`
        raise TypeError(f"np.{function.__name__} of CuPy: no argument 'device'")
    twin = _cupy_twin(function)
    try:
        signature = inspect.signature(twin)
    except (TypeError, ValueError):  # None, or compiled without a signature
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"np.{function.__name__} of CuPy: {error}") from None


def _check_capture(function, args):
    if function in _cublas:
        _refuse_in_capture(f"np.{function.__name__} of CuPy, which is cuBLAS,")
    if function in _joining and len(args[0]) > 8:
        _refuse_in_capture(f"np.{function.__name__} of more than 8 arrays: CuPy's table of them")


def _run(function, args, kwargs):
    log.calls += 1
    args, kwargs = _unwrap(args), {name: _unwrap(value) for name, value in kwargs.items()}
    remember(_host_arrays((*args, *kwargs.values())))
    result = _settled(function(*args, **kwargs))
    if log.tape is not None:
        log.tape.append(functools.partial(_again, function, args, kwargs, result))
    return _wrap(result)


def _host_arrays(values):
    for value in values:
        if isinstance(value, tuple | list):
            yield from _host_arrays(value)
        elif isinstance(value, np.ndarray):
            yield value


def _settled(result):
    """Numbers as arrays of no axes: CuPy's sums are such arrays, and a replay writes into them."""
    if isinstance(result, tuple | list):
        return type(result)(map(_settled, result))
    return np.array(result) if isinstance(result, np.generic) else result


def _again(function, args, kwargs, result):
    """Do an operation once more on the same arrays, and put what comes out where it was before. A view needs no copy."""
    _refill(result, function(*args, **kwargs))


def _refill(old, new):
    if isinstance(old, tuple | list):
        for one, other in zip(old, new, strict=True):
            _refill(one, other)
    elif isinstance(old, np.ndarray) and not np.may_share_memory(old, new):
        old[...] = new


def again(tape):
    """Do what was recorded."""
    for operation in tape:
        operation()


def _wrap(result):
    if isinstance(result, tuple | list):
        return type(result)(map(_wrap, result))
    return DeviceArray(result) if isinstance(result, np.ndarray | np.generic) else result  # sums are 0-d arrays, not numbers


def _unwrap(x):
    if isinstance(x, DeviceArray):
        return x._host
    if isinstance(x, np.ndarray):
        raise TypeError(f"a host array of shape {x.shape} met a device array: move it with to_device first")
    return type(x)(map(_unwrap, x)) if isinstance(x, tuple | list) else x


class _Kernels:
    """The names of `mgcbook.kernels.gpu`. Arguments and results are device arrays; a twin does the work."""

    Affine = twins.Affine
    einsum = staticmethod(lambda *args: _opaque(np.einsum, *args))
    matmul = staticmethod(lambda *args: _opaque(np.matmul, *args))

    def __getattr__(self, name):
        return functools.partial(_opaque, getattr(twins, name))


def _opaque(twin, *args, **kwargs):
    return _run(twin, args, kwargs)


_kernels = _Kernels()


def to_device(tree):
    """Move an array, or every array in dicts, lists and tuples, here; other values pass through."""
    if isinstance(tree, dict):
        return {name: to_device(value) for name, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(map(to_device, tree))
    return DeviceArray(tree.copy()) if isinstance(tree, np.ndarray) else tree


def cupy_is_installed():
    """Whether names and arguments are compared with the real CuPy."""
    return importlib.util.find_spec("cupy") is not None
