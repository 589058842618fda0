"""Matrix products by cuBLAS, called directly: CuPy's own calls of cuBLAS refuse while a CUDA graph is captured.

Products of one shape stand in a batch: out[i] = a[i] b[i]. cuBLAS counts along columns; a matrix with rows one behind the
other is for it the transpose, so it is asked for out' = b' a', and nothing is copied. Matrices that are transposed views are
read as they are.
"""

import ctypes
import functools

import numpy as np

__all__ = ["Gemm", "gemm"]

WORKSPACE = 32 << 20
"""Bytes; given to cuBLAS before anything is captured, because it would otherwise allocate some while capturing."""

KINDS = {np.dtype(np.float32): 0, np.dtype(np.float64): 1, np.dtype(np.uint16): 14}
"""cudaDataType of an array; uint16 holds the bits of bfloat16."""

SINGLE, DOUBLE, TF32 = 68, 70, 77
"""cublasComputeType_t: SINGLE keeps float32 out of the tensor cores, TF32 rounds factors to 10 bits."""


class Gemm:
    """cuBLAS on the current stream.

    Args:
        library: the loaded library (ctypes).
    """

    def __init__(self, library):
        self._library, self._handle, self._at = library, ctypes.c_void_p(), None
        self._call("cublasCreate_v2", ctypes.byref(self._handle))

    def use(self, stream, workspace):
        """From now on work on a stream (its pointer), with a workspace of WORKSPACE bytes (its pointer)."""
        if self._at != (stream, workspace):
            self._call("cublasSetStream_v2", self._handle, ctypes.c_void_p(stream))
            # After the stream: setting that resets the workspace.
            self._call("cublasSetWorkspace_v2", self._handle, ctypes.c_void_p(workspace), ctypes.c_size_t(WORKSPACE))
            self._at = stream, workspace

    def multiply(self, a, b, out, *, tf32=False):
        """out = a b for each of a batch; (N, m, k), (N, k, n) -> written into out (N, m, n), which is C-contiguous.

        Args:
            a, b: of one type; rows or columns lie one behind the other in each matrix.
            out: of that type, or float32 where a and b are bfloat16.
            tf32: let float32 factors be rounded to TF32.
        """
        (count, m, k), n = a.shape, b.shape[2]
        (turn_a, step_a, jump_a), (turn_b, step_b, jump_b) = place_of(a), place_of(b)
        double = a.dtype == np.float64
        number = ctypes.c_double if double else ctypes.c_float
        compute = DOUBLE if double else TF32 if tf32 and a.dtype == np.float32 else SINGLE
        whole, pointer, jump = ctypes.c_int, ctypes.c_void_p, ctypes.c_longlong
        self._call("cublasGemmStridedBatchedEx", self._handle, whole(turn_b), whole(turn_a), whole(n), whole(m), whole(k),
                   ctypes.byref(number(1)),
                   pointer(b.data.ptr), whole(KINDS[b.dtype]), whole(step_b), jump(jump_b),
                   pointer(a.data.ptr), whole(KINDS[a.dtype]), whole(step_a), jump(jump_a),
                   ctypes.byref(number(0)), pointer(out.data.ptr), whole(KINDS[out.dtype]), whole(n), jump(m * n),
                   whole(count), whole(compute), whole(-1))  # fmt: skip

    def _call(self, name, *args):
        status = getattr(self._library, name)(*args)
        if status:
            raise RuntimeError(f"{name}: cuBLAS status {status}")


def place_of(x):
    """How the matrices (N, rows, columns) lie: (whether columns lie one behind the other, step of the long axis, of the batch).

    All in numbers, not bytes; None where neither rows nor columns lie together.
    """
    jump, row, column = (stride // x.dtype.itemsize for stride in x.strides)
    _, rows, columns = x.shape
    if columns == 1 or column == 1:
        if rows == 1:
            return 0, columns, jump
        if row >= columns:
            return 0, row, jump
    if (rows == 1 or row == 1) and (columns == 1 or column >= rows):
        return 1, max(rows, column if columns > 1 else rows), jump
    return None


@functools.cache
def gemm():
    """The one Gemm of this process."""
    from cuda import pathfinder

    return Gemm(ctypes.CDLL(pathfinder.load_nvidia_dynamic_lib("cublas").abs_path))
