"""Products of matrices on a GPU, in a form that a CUDA graph can hold: cuBLAS by `cublas.py`, or sums of products.

Geometry needs all digits of float32: a TF32 product keeps ten bits, which is metres of a face that is five metres away.
"""

import numpy as np

from .checks import whole
from .cublas import KINDS, place_of
from .runtime import cublas

__all__ = ["add_modes", "add_modes_gradient", "einsum", "matmul"]


def matmul(x, y, *, tf32=False, dtype=None):
    """x y for each of a batch, as np.matmul for matrices; (..., m, k), (..., k, n) -> (..., m, n).

    Args:
        tf32: let float32 factors be rounded to TF32.
        dtype: of the result; None: that of the factors, which are of one type.
    """
    if x.dtype != y.dtype:
        wide = np.promote_types(x.dtype, y.dtype)
        x, y = x.astype(wide), y.astype(wide)
    if x.dtype not in KINDS:
        raise TypeError(f"matmul: expected float32 or float64 on a GPU, got {x.dtype}")
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    (m, k), n = x.shape[-2:], y.shape[-1]
    if y.shape[-2] != k:
        raise ValueError(f"matmul: {x.shape} and {y.shape} do not fit")
    out = np.empty((*batch, m, n), dtype=dtype or x.dtype, like=x)
    if k == 0:
        out[...] = 0
    elif out.size:
        cublas().multiply(_listed(x, batch), _listed(y, batch), np.reshape(out, (-1, m, n)), tf32=tf32)
    return out


def _listed(x, batch):
    """(..., rows, columns) -> (N, rows, columns) in a form that cuBLAS reads; a copy only where it has to be."""
    x = x if x.shape[:-2] == batch else np.broadcast_to(x, (*batch, *x.shape[-2:]))
    x = np.reshape(x, (-1, *x.shape[-2:]))
    return x if place_of(x) else whole(x)


def einsum(subscripts, *arrays):
    """np.einsum with the output named and every axis a letter, one pair of arrays after the other."""
    *inputs, output = subscripts.replace(" ", "").replace("->", ",").split(",")
    array, letters = arrays[0], inputs[0]
    for i in range(1, len(arrays)):
        keep = set(output).union(*inputs[i + 1 :])
        array, letters = _contract(array, letters, arrays[i], inputs[i], keep)
    array, letters = _without(array, letters, output)
    return np.transpose(array, tuple(map(letters.index, output)))


def _contract(x, x_letters, y, y_letters, keep):
    """Multiply two arrays and sum over the letters that nobody needs any more; -> (array, its letters)."""
    x, x_letters = _without(x, x_letters, keep.union(y_letters))
    y, y_letters = _without(y, y_letters, keep.union(x_letters))
    both = [letter for letter in x_letters if letter in y_letters]
    batch, summed = "".join(filter(keep.__contains__, both)), "".join(letter for letter in both if letter not in keep)
    rows, columns = ("".join(c for c in own if c not in both) for own in (x_letters, y_letters))
    x, y = _ordered(x, x_letters, batch + rows + summed), _ordered(y, y_letters, batch + summed + columns)
    sizes = dict(zip(batch + rows + summed, x.shape, strict=True)) | dict(zip(batch + summed + columns, y.shape, strict=True))
    length = lambda letters: int(np.prod([sizes[letter] for letter in letters], dtype=np.int64))
    lead = tuple(sizes[letter] for letter in batch)
    x = np.reshape(x, (*lead, length(rows), length(summed)))
    y = np.reshape(y, (*lead, length(summed), length(columns)))
    if rows and columns and summed:
        product = matmul(x, y)
    elif columns:
        product = np.sum(x[..., None] * y[..., None, :, :], axis=-2)
    else:
        product = np.sum(x * np.swapaxes(y, -1, -2), axis=-1)
    letters = batch + rows + columns
    return np.reshape(product, tuple(sizes[letter] for letter in letters)), letters


def _without(x, letters, keep):
    """Summed over the letters that are not kept."""
    axes = tuple(i for i, letter in enumerate(letters) if letter not in keep)
    return (np.sum(x, axis=axes), "".join(filter(set(keep).__contains__, letters))) if axes else (x, letters)


def _ordered(x, letters, wanted):
    return x if letters == wanted else np.transpose(x, tuple(map(letters.index, wanted)))


def add_modes(start, coefficients, basis):
    """start + coefficients @ basis; (M,) or (B, M), (B, K), (K, M) -> (B, M)."""
    return start + matmul(coefficients, basis)


def add_modes_gradient(gradient, basis):
    """d loss / d coefficients; (B, M), (K, M) -> (B, K)."""
    return matmul(gradient, np.swapaxes(basis, 0, 1))
