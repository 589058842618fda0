"""A linear model, block by block: the products of a few faces with a large basis. See the twin for the equations.

Both products read the whole basis and do little with it. In blocks of columns that fit the cache, one thread to a block, the
result is written once and read never.
"""

import numpy as np

from ..twins import modes as twins
from .blas import address, one_thread, sgemm
from .flat import U, copy
from .memory import take
from .threads import LANES, kernel, run_blocks

__all__ = ["add_modes", "add_modes_gradient"]

COLUMNS = 2048
"""Of a block: 160 rows of the basis are 1.3 MB."""


def add_modes(start, coefficients, basis):
    """start + coefficients @ basis; (M,) or (B, M), (B, K), (K, M) -> (B, M)."""
    if not _is_single(start, coefficients, basis):
        return twins.add_modes(start, coefficients, basis)
    start, coefficients, basis = (np.ascontiguousarray(array) for array in (start, coefficients, basis))
    out = take((len(coefficients), basis.shape[1]), np.float32)
    with one_thread():
        run_blocks(_add_modes, -(-basis.shape[1] // COLUMNS), np.atleast_2d(start), coefficients, basis, out)
    return out


def add_modes_gradient(gradient, basis):
    """d loss / d coefficients; (B, M), (K, M) -> (B, K)."""
    if not _is_single(gradient, basis):
        return twins.add_modes_gradient(gradient, basis)
    gradient, basis = np.ascontiguousarray(gradient), np.ascontiguousarray(basis)
    sums = np.zeros((LANES, len(gradient), len(basis)), np.float32)
    with one_thread():
        run_blocks(_add_modes_gradient, LANES, gradient, basis, sums)
    return sums.sum(axis=0)


def _is_single(*arrays):
    return all(array.dtype == np.float32 and array.size for array in arrays)


@kernel
def _add_modes(start, stop, begin, coefficients, basis, out):
    (rank, width), count, flat, begin_flat = basis.shape, len(coefficients), out.reshape(-1), begin.reshape(-1)
    for block in range(start, stop):
        first = block * COLUMNS
        last = min(width, first + COLUMNS)
        for row in range(U(count)):
            source = row if len(begin) > 1 else U(0)
            copy(flat, row * U(width) + U(first), begin_flat, source * U(width) + U(first), U(last - first))
        b, c = address(basis) + first * 4, address(out) + first * 4
        sgemm(False, False, count, last - first, rank, address(coefficients), rank, b, width, 1.0, c, width)


@kernel
def _add_modes_gradient(start, stop, gradient, basis, sums):
    (rank, width), count = basis.shape, len(gradient)
    blocks = (width + COLUMNS - 1) // COLUMNS
    for lane in range(start, stop):
        for block in range(blocks * lane // LANES, blocks * (lane + 1) // LANES):
            first = block * COLUMNS
            last = min(width, first + COLUMNS)
            a, b = address(gradient) + first * 4, address(basis) + first * 4
            sgemm(False, True, count, rank, last - first, a, width, b, width, 1.0, address(sums[lane]), rank)
