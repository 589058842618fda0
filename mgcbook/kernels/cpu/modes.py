"""A linear model, block by block: the products of a few faces with a large basis. See the twin for the equations.

Both products read the whole basis and do little with it. In blocks of columns that fit the cache, one thread to a block, the
result is written once and read never.
"""

import numpy as np

from ..twins import modes as twins
from .blas import address, one_thread, sgemm
from .flat import U, copy
from .memory import take
from .threads import LANES, helper, kernel, run_blocks

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
    """Products of all faces with all directions over a lane's share of the columns; (B, M), (K, M), (LANES, B, K)."""
    (rank, width), count = basis.shape, len(gradient)
    flat, directions = gradient.reshape(-1), basis.reshape(-1)
    for lane in range(start, stop):
        end = width * (lane + 1) // LANES
        for first in range(width * lane // LANES, end, COLUMNS):
            length = U(min(COLUMNS, end - first))
            for row in range(0, rank, 2):
                for face in range(0, count, 5):
                    _ten_products(flat, directions, width, first, length, sums, lane, face, row)


@helper
def _ten_products(flat, directions, width, first, length, sums, lane, face, row):
    """Add to a lane's sums the products of five faces with two directions: 7 numbers are read for 10 products.

    BLAS, written for large matrices, copies all of them first: decoding 15 faces forward and backward took 34 ms, now 29.
    """
    # Behind the last face or direction the last one is repeated: it is computed again, and written again, as the same number.
    last_face, last_row = sums.shape[1] - 1, sums.shape[2] - 1
    after = min(row + 1, last_row)
    f1, f2, f3, f4 = min(face + 1, last_face), min(face + 2, last_face), min(face + 3, last_face), min(face + 4, last_face)
    b0, b1 = U(row * width + first), U(after * width + first)
    g0, g1, g2 = U(face * width + first), U(f1 * width + first), U(f2 * width + first)
    g3, g4 = U(f3 * width + first), U(f4 * width + first)
    a0, a1, a2 = sums[lane, face, row], sums[lane, f1, row], sums[lane, f2, row]
    a3, a4 = sums[lane, f3, row], sums[lane, f4, row]
    c0, c1, c2 = sums[lane, face, after], sums[lane, f1, after], sums[lane, f2, after]
    c3, c4 = sums[lane, f3, after], sums[lane, f4, after]
    for i in range(length):
        x, y = directions[b0 + i], directions[b1 + i]
        p, q, r, s, t = flat[g0 + i], flat[g1 + i], flat[g2 + i], flat[g3 + i], flat[g4 + i]
        a0, a1, a2, a3, a4 = a0 + x * p, a1 + x * q, a2 + x * r, a3 + x * s, a4 + x * t
        c0, c1, c2, c3, c4 = c0 + y * p, c1 + y * q, c2 + y * r, c3 + y * s, c4 + y * t
    sums[lane, face, row], sums[lane, f1, row], sums[lane, f2, row] = a0, a1, a2
    sums[lane, f3, row], sums[lane, f4, row] = a3, a4
    sums[lane, face, after], sums[lane, f1, after], sums[lane, f2, after] = c0, c1, c2
    sums[lane, f3, after], sums[lane, f4, after] = c3, c4
