"""Matrix products inside kernels: the sgemm of the BLAS that NumPy itself brings, called by its address.

A kernel calls `sgemm` on one block at a time, on its own thread, while the block is in the cache. That needs a BLAS that does
not start threads of its own: use `with one_thread():` around run_blocks. Outside of it np.matmul keeps all its threads.

Where NumPy's BLAS cannot be found, a plain loop takes its place: slower (about 10 times), the same on every system.
`MGCBOOK_BLAS=loops` chooses it by hand.
"""

import os
import sys

import llvmlite.binding
import numpy as np
from numba import cfunc, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from ..numpy_blas import SGEMM, one_thread  # noqa: F401 (one_thread is part of this file's face)
from .threads import FAST

_ROW_MAJOR, _PLAIN, _TRANSPOSED = types.int32(101), types.int32(111), types.int32(112)

# Whole numbers go as 64 bits also to libraries that read 32: on little-endian machines both find them in the same place.
_ARGUMENTS = (types.int32,) * 3 + (types.int64,) * 3 + (types.float32,) + (types.voidptr, types.int64) * 2 \
    + (types.float32, types.voidptr, types.int64)


@njit(fastmath=FAST, nogil=True)
def _loops(order, turn_a, turn_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
    """What cblas_sgemm does, row-major: C = alpha op(A) op(B) + beta C."""
    for i in range(m):
        row = c[i * ldc : i * ldc + n]
        for j in range(n):
            row[j] = beta * row[j] if beta != 0 else np.float32(0)  # 0 * NaN of fresh memory would be NaN
        for p in range(k):
            factor = alpha * (a[p * lda + i] if turn_a == 112 else a[i * lda + p])
            if turn_b == 112:
                for j in range(n):
                    row[j] += factor * b[j * ldb + p]
            else:
                line = b[p * ldb : p * ldb + n]
                for j in range(n):
                    row[j] += factor * line[j]


def _compile_loops():
    import numba

    signature = types.void(*[types.CPointer(types.float32) if t is types.voidptr else t for t in _ARGUMENTS])

    @cfunc(signature)
    def sgemm_loops(order, turn_a, turn_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        wide = 1 << 40  # the extents are not known here; carray only needs a shape that is never checked
        _loops(order, turn_a, turn_b, m, n, k, alpha, numba.carray(a, wide), lda, numba.carray(b, wide), ldb,
               beta, numba.carray(c, wide), ldc)

    return sgemm_loops


_usable = SGEMM is not None and os.environ.get("MGCBOOK_BLAS") != "loops" and sys.byteorder == "little"
_loops_code = None if _usable else _compile_loops()  # kept alive: kernels hold its address
_address = SGEMM if _usable else _loops_code.address
llvmlite.binding.add_symbol("mgcbook_cblas_sgemm", _address)
_cblas_sgemm = types.ExternalFunction("mgcbook_cblas_sgemm", types.void(*_ARGUMENTS))


@intrinsic
def pointer(typing_context, number):
    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@njit(inline="always")
def address(array):
    """The address of an array's first number, as an integer: sgemm steps from it to rows and columns (4 bytes a number)."""
    return np.int64(array.ctypes.data)


@njit(inline="always")
def sgemm(turn_a, turn_b, m, n, k, a, lda, b, ldb, beta, c, ldc):
    """C (m, n) = op(A) op(B) + beta C, float32, row-major; a, b, c are addresses, ld. the steps from row to row in numbers."""
    _cblas_sgemm(_ROW_MAJOR, _TRANSPOSED if turn_a else _PLAIN, _TRANSPOSED if turn_b else _PLAIN,
                 np.int64(m), np.int64(n), np.int64(k), np.float32(1), pointer(np.int64(a)), np.int64(lda),
                 pointer(np.int64(b)), np.int64(ldb), np.float32(beta), pointer(np.int64(c)), np.int64(ldc))
