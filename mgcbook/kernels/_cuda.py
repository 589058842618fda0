"""The one import of numba.cuda: everything that a GPU kernel is made with, so that its successor can be put in its place.

    @kernel("float32[:,::1], float32[:,::1]")            the types of the arguments; arrays are C-contiguous
    def _double(x, out):
        i, b = cuda.grid(2)                              one thread for item i of mesh b
        if i < x.shape[1]:
            out[b, i] = 2 * x[b, i]

    _double(x.shape[1], len(x), x, out)                  items, meshes, arguments: on the stream that CuPy uses now

Numba translates a kernel to the assembly language of GPUs (PTX), nvJitLink that to machine code, and CuPy launches it:
Numba's own launch waits for streams, costs ten times as much, and cannot be captured in a CUDA graph. The driver could read
PTX too, but none that is newer than itself, and the libraries are often newer; machine code of one major version of CUDA it
runs in any case.

With NUMBA_ENABLE_CUDASIM=1 in the environment, kernels run as plain Python on NumPy arrays: slow, for tests.
"""

import functools
import importlib.util
import re
import tempfile
import types
from pathlib import Path

import numba
import numpy as np

__all__ = ["KERNELS", "Kernel", "bits_of", "cosine", "cuda", "device", "float_of", "fma", "is_simulated", "kernel", "sine"]

THREADS = 128
"""Of a block."""

KERNELS = []
"""Every kernel of the files imported so far, for the tests that compile them all."""


def _load():
    """numba.cuda of numba-cuda 0.30, which still looks up a name that NumPy 2.5 removed while it loads."""
    is_missing = not hasattr(np, "row_stack")
    if is_missing:
        np.row_stack = np.vstack  # noqa: NPY201
    try:
        from numba import cuda

        if is_missing and not _simulates(cuda) and importlib.util.find_spec("numba.cuda.np"):  # Numba's own has no such files
            import numba.cuda.np.arrayobj
            import numba.cuda.np.npyimpl  # noqa: F401  (the name is read while these load)
    finally:
        if is_missing:
            del np.row_stack  # noqa: NPY201
    return cuda


def _simulates(cuda):
    return "simulator" in cuda.jit.__module__


cuda = _load()
is_simulated = _simulates(cuda)


def device(function):
    """A function that kernels call; it is compiled into them."""
    return cuda.jit(device=True)(function)


class Kernel:
    """A function that runs once for each item of each mesh; compiled at the first call, in a fraction of a second.

    Not kept on disk: Numba looks at the kernel's own file only, and would not see a change in a function that it calls.
    """

    def __init__(self, function, signature):
        self.function, self.signature = function, f"void({signature})"
        functools.update_wrapper(self, function)
        KERNELS.append(self)

    @functools.cached_property
    def compiled(self):
        """What `launch` is called on: the simulated kernel, or CuPy's function."""
        if is_simulated:
            return cuda.jit(self.signature)(self.function)
        import cupy

        number = int(cupy.cuda.Device().compute_capability)
        capability = number // 10, number % 10
        ptx = self.ptx(capability)
        return load(machine_code(ptx, capability)[0], entry_of(ptx))

    def __call__(self, count, meshes, *args):
        if count and meshes:
            launch(self.compiled, (-(-count // THREADS), meshes), (THREADS, 1), args, self.types)

    @functools.cached_property
    def types(self):
        """Numba's types of the arguments."""
        return () if is_simulated else numba.core.sigutils.normalize_signature(self.signature)[0]

    def ptx(self, capability):
        """The kernel in the assembly language of GPUs of a compute capability, such as (9, 0); needs no GPU."""
        if not cuda.is_available():  # the dispatcher of the device functions asks what it compiles for
            import numba.cuda.dispatcher as dispatcher

            dispatcher.get_current_device = lambda: types.SimpleNamespace(compute_capability=capability)
        return cuda.compile_ptx(self.function, self.signature, cc=capability)[0]


def kernel(signature):
    """Turn a function into a `Kernel`, given the types of its arguments."""
    return lambda function: Kernel(function, signature)


def machine_code(ptx, capability):
    """A text of PTX as machine code for GPUs of a compute capability, and what the assembler says about it; needs no GPU."""
    from cuda.core import Linker, LinkerOptions, ObjectCode

    options = LinkerOptions(arch="sm_{}{}".format(*capability), ptxas_options=["-v"])
    linker = Linker(ObjectCode.from_ptx(ptx.encode()), options=options)
    return linker.link("cubin").code, linker.get_info_log()


def load(code, name):
    """CuPy's function of a kernel in machine code."""
    import cupy

    # From a file, because CuPy takes a text for source that is yet to be compiled.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.cubin"
        path.write_bytes(code)
        module = cupy.RawModule(path=str(path))
        function = module.get_function(name)
        function.kernel  # noqa: B018 (loads the file while it is there)
    return function


def entry_of(ptx):
    """The name under which a kernel can be launched."""
    return re.search(r"\.visible \.entry (\w+)", ptx)[1]


def launch(function, grid, block, args, types):
    """Run a kernel on the stream that CuPy uses now; without waiting, so that it can be captured."""
    if is_simulated:
        function[grid, block](*args)
    else:
        function(grid, block, tuple(parameters(args, types)))


def parameters(args, types):
    """What the machine code of a kernel takes: an array is (0, 0, size, bytes of an item, address, *shape, *strides in bytes)."""
    for value, kind in zip(args, types, strict=True):
        if isinstance(kind, numba.types.Array):
            about = (0, 0, value.size, value.dtype.itemsize, value.data.ptr, *value.shape, *value.strides)
            yield from map(np.int64, about)
        elif isinstance(kind, numba.types.BaseTuple):
            yield from parameters(value, tuple(kind))
        else:
            yield np.dtype(str(kind)).type(value)


if is_simulated:

    @device
    def fma(a, b, c):
        """a b + c, rounded once."""
        return np.float32(np.float64(a) * np.float64(b) + np.float64(c))  # the product is exact
else:

    @device
    def fma(a, b, c):
        """a b + c, rounded once."""
        return cuda.fma(a, b, c)


QUARTER = float.fromhex("0x1.921fb54442d18p+0")
"""pi / 2."""
HIGH, LOW = np.float32(QUARTER), np.float32(QUARTER - float(np.float32(QUARTER)))
OVER = np.float32(1 / QUARTER)
HALF, ZERO, ONE = np.float32(0.5), np.float32(0), np.float32(1)
SINE = tuple(map(np.float32, (-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4)))
COSINE = tuple(map(np.float32, (4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5)))


@device
def _wave(x, turns):
    """sin(x + turns pi / 2) for |x| up to some thousands, to 2e-7: CUDA's own goes through float64 for large x. Cephes sinf."""
    near = x * OVER
    quarter = np.int32(near + HALF) if near >= ZERO else np.int32(near - HALF)
    rest = fma(-np.float32(quarter), LOW, fma(-np.float32(quarter), HIGH, x))
    square = rest * rest
    place = (quarter + np.int32(turns)) & np.int32(3)
    if place & np.int32(1):
        value = ONE - HALF * square + square * square * (COSINE[0] + square * (COSINE[1] + square * COSINE[2]))
    else:
        value = rest + rest * square * (SINE[0] + square * (SINE[1] + square * SINE[2]))
    return -value if place & np.int32(2) else value


@device
def sine(x):
    """sin x, in float32 throughout."""
    return _wave(x, 0)


@device
def cosine(x):
    """cos x, in float32 throughout."""
    return _wave(x, 1)


@device
def bits_of(number):
    """The 32 bits of a float32, as a whole number; they order positive numbers as the numbers do."""
    return number.view(np.uint32)


@device
def float_of(bits):
    """The float32 of 32 bits."""
    return bits.view(np.float32)
