"""The code of `mgcbook.kernels.gpu` on the stand-in for CuPy: everything of it runs here except the device itself.

    CUDA C       compiled as C++, every thread of a launch in turn
    cuBLAS       a library of one function that reads its arguments as cuBLAS does: columns one behind the other
    cuDNN        runs a plan's convolution by its twin, on kernels (O, kh, kw, C)
    numba-cuda   in the simulator where that was chosen before Python began; the twins elsewhere
    streams      work waits until somebody needs it, as late as a device may do it; events, pools and graphs as CuPy names them

What was recorded while a stream was capturing is done again, on the same memory, when the graph is launched.
"""

import contextlib
import ctypes
import functools
import itertools
import shutil
import subprocess
import types
from pathlib import Path

import numpy as np

from mgcbook.kernels import twins
from mgcbook.kernels._cuda import is_simulated
from mgcbook.kernels.gpu import conv, cublas, flat, fused, launch, products
from tests import strict_device
from tests.strict_device import DeviceArray, again, log

REAL = (conv, flat, fused, products)
"""Modules whose functions run as they are."""

EVERY_THREAD = {"channel_sums", "add_relu_backward", "max_pool_backward", "activate_backward", "square_sums"}
"""Kernels that need all the threads they were given; the others walk on by the size of the grid."""


def compile_sources(folder):
    """The CUDA C sources as libraries of the host: {name: library}; None without a compiler."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        return None
    header, libraries = Path(__file__).parent / "kernels" / "host_cuda.h", {}
    for name, options in launch.SOURCES.items():
        source, out = Path(folder) / f"{name}.cpp", Path(folder) / f"{name}.so"
        source.write_text(launch.source_of(name), encoding="utf-8")
        command = [compiler, "-shared", "-fPIC", "-O1", *options, "-include", header, source, "-o", out]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        libraries[name] = ctypes.CDLL(str(out))
    return libraries


NUMBERS = {np.int32: ctypes.c_int, np.int64: ctypes.c_longlong, np.float32: ctypes.c_float, np.float64: ctypes.c_double}


def run_on_host(library, name, grid, block, args):
    """Every thread of a launch in turn."""
    values = [ctypes.c_void_p(a.ctypes.data) if isinstance(a, np.ndarray) else NUMBERS[type(a)](a) for a in args]
    grid, block = (*grid, 1)[:2], (*block, 1)[:2]
    if name not in EVERY_THREAD:
        grid = grid[0], min(grid[1], 2)
    function = getattr(library, name)
    for place in itertools.product(*map(range, (*block, *grid))):
        library.be_thread((ctypes.c_uint * 8)(*place, *block, *grid))
        function(*values)


def do(operation, arrays):
    """Do something to the memory of some arrays, and write it down if a stream is capturing."""
    log.calls += 1
    strict_device.remember(arrays)
    operation()
    if log.tape is not None:
        log.tape.append(operation)


def bare(args):
    return [a._host if isinstance(a, DeviceArray) else a for a in args]


class Cublas:
    """A library of cuBLAS's functions on host memory."""

    kinds = {0: (ctypes.c_float, np.float32), 1: (ctypes.c_double, np.float64), 14: (ctypes.c_ushort, np.uint16)}  # noqa: RUF012
    cublasCreate_v2 = cublasSetStream_v2 = cublasSetWorkspace_v2 = staticmethod(lambda *_: 0)

    def cublasGemmStridedBatchedEx(self, handle, ta, tb, m, n, k, alpha, *rest):
        a, kind_a, lda, jump_a, b, kind_b, ldb, jump_b, beta, c, kind_c, ldc, jump_c, count, compute, _ = rest
        ta, tb, m, n, k, lda, ldb, ldc, count = (x.value for x in (ta, tb, m, n, k, lda, ldb, ldc, count))
        assert (alpha._obj.value, beta._obj.value) == (1, 0)
        if lda < max(1, k if ta else m) or ldb < max(1, n if tb else k) or ldc < max(1, m):
            return 7
        if (compute.value == 70) != (kind_a.value == 1) or kind_a.value != kind_b.value:
            return 15
        left = self._matrices(a, kind_a, *((k, m) if ta else (m, k)), lda, jump_a, count)
        right = self._matrices(b, kind_b, *((n, k) if tb else (k, n)), ldb, jump_b, count)
        out = self._matrices(c, kind_c, m, n, ldc, jump_c, count)
        wide = lambda x: twins.to_single(x) if x.dtype == np.uint16 else x

        def multiply():
            product = np.matmul(*(wide(x).swapaxes(1, 2) if turn else wide(x) for x, turn in ((left, ta), (right, tb))))
            out[...] = twins.to_half(product) if out.dtype == np.uint16 else product

        do(multiply, [out])
        return 0

    def _matrices(self, pointer, kind, rows, columns, step, jump, count):
        ctype, dtype = self.kinds[kind.value]
        size = jump.value * (count - 1) + step * (columns - 1) + rows
        memory = np.ctypeslib.as_array((ctype * size).from_address(pointer.value))
        width = np.dtype(dtype).itemsize
        return np.lib.stride_tricks.as_strided(memory, (count, rows, columns), (jump.value * width, width, step * width))


class Cudnn:
    """Plans that compute by the twins; the calls that were made stand in `made`."""

    def __init__(self):
        self.made = []

    def run(self, first, second, out, what, maps, kernel, stride, padding, dtype):
        self.made.append((what, dtype))
        first, second, out = first._host, second._host, out._host
        assert {a.dtype for a in (first, second, out)} == {np.dtype(np.uint16 if dtype == "bfloat16" else np.float32)}
        wide = lambda x: twins.to_single(x) if x.dtype == np.uint16 else x
        ours = lambda turned: np.moveaxis(wide(turned), 0, -1)  # (O, kh, kw, C) -> (kh, kw, C, O)
        kh, kw, channels, outputs = kernel
        assert out.flags.c_contiguous and (first if what != "input" else out).shape == tuple(maps)

        def compute():
            if what == "forward":
                result = twins.convolve(wide(first), ours(second), stride, padding)
            elif what == "input":
                assert second.shape == (outputs, kh, kw, channels)
                x = np.empty(maps, np.float32)
                result = twins.convolve_backward(wide(first), x, ours(second), stride, padding, need_weight=False)[0]
            else:
                weight = np.empty(kernel, np.float32)
                result = twins.convolve_backward(wide(second), wide(first), weight, stride, padding, need_x=False)[1]
                result = np.moveaxis(result, -1, 0)
            out[...] = twins.to_half(result) if out.dtype == np.uint16 else result

        do(compute, [out])


class Kernels:
    """What `arrays.kernels_for` finds: the real functions, and twins of the loops where the simulator is not at hand."""

    Affine = twins.Affine

    def __getattr__(self, name):
        for module in REAL:
            if name in module.__all__:
                return getattr(module, name)
        if is_simulated:
            from mgcbook.kernels import gpu

            return getattr(gpu, name)
        return functools.partial(strict_device._opaque, getattr(twins, name))


def install(monkeypatch, libraries, cudnn=True):
    """Let the GPU's code run on DeviceArrays; returns the fake cuDNN, or None without it."""
    function = lambda source, name: lambda grid, block, args: _launch(
        functools.partial(run_on_host, libraries[source], name, grid, block), bare(args))  # fmt: skip
    plans, library = Cudnn() if cudnn else None, cublas.Gemm(Cublas())
    monkeypatch.setattr(launch, "_function", function)
    monkeypatch.setattr("mgcbook.kernels.gpu.runtime.convolution_plans", lambda: plans)
    monkeypatch.setattr(products, "cublas", lambda: library)
    monkeypatch.setattr(strict_device, "_kernels", Kernels())
    if is_simulated:
        monkeypatch.setattr("mgcbook.kernels._cuda.launch", _simulate)
    return plans


def _launch(run, args):
    do(functools.partial(run, args), [a for a in args if isinstance(a, np.ndarray)])


def _simulate(function, grid, block, args, types):
    _launch(lambda args: function[grid, block](*args), bare(args))


# ---------------------------------------------------------------- streams, events, pools, graphs


class Stream:
    """Work that is done as late as possible: when somebody waits for it."""

    every = []  # noqa: RUF012

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.todo, self.done, self.ptr = [], 0, 1 + len(self.every)
        self.every.append(self)

    def add(self, operation):
        self.todo.append(operation)

    def until(self, place):
        while self.done < min(place, len(self.todo)):
            self.done += 1
            self.todo[self.done - 1]()

    def synchronize(self):
        self.until(len(self.todo))

    def wait_event(self, event):
        stream, place = event.stream, event.place
        self.add(lambda: stream and stream.until(place))

    def __enter__(self):
        self.synchronize()  # what is done here now is done at once, after all before it
        return self

    def __exit__(self, *_):
        pass

    def begin_capture(self, mode=None):
        self._before = vars(log).copy()
        log.may_sync, log.may_do_anything, log.tape, log.old = False, False, [], []

    def end_capture(self):
        tape, old = log.tape, log.old
        vars(log).update(self._before)
        strict_device.undo(old)
        return Graph(tape)


class Event:
    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.stream, self.place = None, 0

    def record(self, stream=None):
        self.stream, self.place = stream, len(stream.todo)

    def synchronize(self):
        if self.stream:
            self.stream.until(self.place)


class Graph:
    def __init__(self, tape):
        self.tape = tape

    def upload(self, stream=None):
        pass

    def launch(self, stream=None):
        stream.add(functools.partial(again, self.tape))


class MemoryPool:
    def malloc(self, size):
        raise AssertionError("a stand-in for an address")

    def used_bytes(self):
        return 0


class _Data:
    """What `.data` of a device array offers for copies."""

    def __init__(self, host):
        self.ptr, self._host = host.ctypes.data, host

    def copy_from_host_async(self, mem, size, stream=None):
        stream.add(functools.partial(ctypes.memmove, self.ptr, mem, size))

    def copy_from_device_async(self, src, size, stream=None):
        stream.add(functools.partial(ctypes.memmove, self.ptr, src.ptr, size))


def cupy():
    """As much of CuPy as `mgcbook.kernels.gpu.graph` uses."""
    cuda = types.SimpleNamespace(
        Stream=Stream, Event=Event, MemoryPool=MemoryPool, alloc_pinned_memory=lambda size: bytearray(size),
        using_allocator=lambda allocator=None: contextlib.nullcontext())  # fmt: skip
    cuda.runtime = types.SimpleNamespace(memGetInfo=lambda: (1 << 30, 1 << 30))
    cuda.get_elapsed_time = lambda start, stop: 1.0  # it tells no time
    return types.SimpleNamespace(cuda=cuda, empty=lambda shape, dtype=float: DeviceArray(np.empty(shape, dtype)))


def install_streams(monkeypatch):
    """Let `mgcbook.kernels.gpu.graph` work on the streams above, and `to_device` on the stand-in."""
    module = cupy()
    monkeypatch.setattr(Stream, "every", [])
    monkeypatch.setattr("mgcbook.kernels.gpu.graph._cupy", lambda: module)
    monkeypatch.setattr(DeviceArray, "data", property(lambda self: _Data(self._host)))
    monkeypatch.setattr("mgcbook.arrays._missing_for_cuda", lambda: None)
    monkeypatch.setattr("mgcbook.arrays._on_device", strict_device.to_device)
    get = DeviceArray.get

    def patient(self):
        for stream in Stream.every:
            stream.synchronize()
        return get(self)

    monkeypatch.setattr(DeviceArray, "get", patient)
