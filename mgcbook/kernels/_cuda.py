"""The one import of numba.cuda: everything that a GPU kernel is made with, so that its successor can be put in its place.

    @kernel("float32[:,::1], float32[:,::1]")            the types of the arguments; arrays are C-contiguous
    def _double(x, out):
        i, b = cuda.grid(2)                              one thread for item i of mesh b
        if i < x.shape[1]:
            out[b, i] = 2 * x[b, i]

    _double(x.shape[1], len(x), x, out)                  items, meshes, arguments: on the stream that CuPy uses now

With NUMBA_ENABLE_CUDASIM=1 in the environment, kernels run as plain Python on NumPy arrays: slow, for tests.
"""

import functools
import os
import types

import numpy as np

# Without this, Numba waits for the stream of every array that it is given, which kills the capture of a CUDA graph.
os.environ.setdefault("NUMBA_CUDA_ARRAY_INTERFACE_SYNC", "0")

__all__ = ["KERNELS", "Kernel", "bits_of", "cuda", "device", "float_of", "fma", "is_simulated", "kernel"]

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

        if is_missing and not _simulates(cuda):
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
        return cuda.jit(self.signature)(self.function)

    def __call__(self, count, meshes, *args):
        if count and meshes:
            self.compiled[(-(-count // THREADS), meshes), (THREADS, 1), _stream()](*args)

    def ptx(self, capability):
        """The kernel in the assembly language of GPUs of a compute capability, such as (9, 0); needs no GPU."""
        if not cuda.is_available():  # the dispatcher of the device functions asks what it compiles for
            import numba.cuda.dispatcher as dispatcher

            dispatcher.get_current_device = lambda: types.SimpleNamespace(compute_capability=capability)
        return cuda.compile_ptx(self.function, self.signature, cc=capability)[0]


def kernel(signature):
    """Turn a function into a `Kernel`, given the types of its arguments."""
    return lambda function: Kernel(function, signature)


def _stream():
    if is_simulated:
        return 0
    import cupy

    pointer = cupy.cuda.get_current_stream().ptr
    return cuda.external_stream(pointer) if pointer else 0


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


@device
def bits_of(number):
    """The 32 bits of a float32, as a whole number; they order positive numbers as the numbers do."""
    return number.view(np.uint32)


@device
def float_of(bits):
    """The float32 of 32 bits."""
    return bits.view(np.float32)
