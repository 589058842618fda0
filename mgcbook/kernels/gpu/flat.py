"""The optimiser on a GPU: Adam on flat buffers, with every number that changes from step to step on the device (flat.cu)."""

import math

import numpy as np

from ..twins import adam
from .checks import single
from .launch import THREADS, elementwise, launch

__all__ = ["adam_flat", "adam_step", "adam_steps", "gather", "prepare_step", "square_sum"]

AT_ONCE = 16
"""Arrays that one launch of `gather` moves."""


def adam_step(p, g, m, v, rate, beta1, beta2, epsilon):
    """In place: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, p = p - rate m / (sqrt v + epsilon)."""
    if p.dtype != np.float32:
        adam.adam_step(p, g, m, v, rate, beta1, beta2, epsilon)
        return
    (g,) = single(g)
    for name, array in (("p", p), ("m", m), ("v", v)):
        if not array.flags.c_contiguous or array.dtype != np.float32:
            raise ValueError(f"adam_step: {name} is written in place: expected a C-contiguous float32 array")
    numbers = map(np.float32, (rate, beta1, beta2, epsilon))
    elementwise("flat", "adam_step", p.size, 1, p, g, m, v, *numbers, np.int64(p.size))


def adam_steps(pieces, rate, beta1, beta2, epsilon):
    """`adam_step` for many (p, g, m, v)."""
    for piece in pieces:
        adam_step(*piece, rate, beta1, beta2, epsilon)


def prepare_step(loss, squares, rate, numbers, *, limit=0.0, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Work out the numbers of a step of Adam on the device; see twins/flat.py for the places.

    Args:
        loss: (), not finite: the step is noted as bad and changes nothing, nor does any after it.
        squares: () or (1,) the squared length of all gradients.
        rate: (1,) learning rate.
        numbers: (7,) float32, written over.
        limit: gradients longer than this are shortened to it; 0: as they are.
    """
    logs = math.log(beta1), math.log(beta2)
    settings = tuple(map(np.float32, (limit, *logs, epsilon)))
    launch("flat", "prepare_step", (1,), (1,), *single(loss, squares, rate), *settings, numbers)


def adam_flat(p, g, m, v, numbers, *, beta1=0.9, beta2=0.999):
    """One step of Adam in place on flat buffers (n,), with the numbers of `prepare_step`."""
    settings = np.float32(beta1), np.float32(beta2), np.int64(p.size)
    elementwise("flat", "adam_flat", p.size, 1, p, g, m, v, numbers, *settings)


def square_sum(x):
    """Sum of x^2 without waiting; (n,) float32 -> () float32 on the device."""
    down = min(-(-x.size // THREADS), 256)
    sums = np.empty(down * THREADS, dtype=np.float32, like=x)
    launch("flat", "square_sums", (1, down), (1, THREADS), x, np.int64(x.size), sums)
    return np.sum(sums)


def gather(arrays, places, out, numbers=None):
    """Copy float32 arrays to their places in one buffer, sixteen in a launch; with `numbers`, only if this step is OK.

    Args:
        arrays: of any shapes.
        places: where each begins in `out`.
        out: (n,) float32.
    """
    arrays = single(*arrays)
    gate = (out if numbers is None else numbers), np.int32(numbers is not None), out
    for first in range(0, len(arrays), AT_ONCE):
        some, where = arrays[first : first + AT_ONCE], places[first : first + AT_ONCE]
        missing = AT_ONCE - len(some)
        longest = max(array.size for array in some)
        sizes = [np.int64(array.size) for array in some] + [np.int64(0)] * missing
        starts = [np.int64(place) for place in where] + [np.int64(0)] * missing
        down = max(1, min(-(-longest // THREADS), 2048))
        launch("flat", "gather", (len(some), down), (1, THREADS), *some, *[some[0]] * missing, *starts, *sizes, *gate)
