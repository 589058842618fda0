"""Adam on flat buffers in plain NumPy, with the numbers of a step in an array; see gpu/flat.cu."""

import numpy as np

__all__ = ["adam_flat", "gather", "prepare_step", "square_sum"]

DONE, OK, BAD, FACTOR, SIZE, EPSILON, NORM = range(7)
"""Places in the numbers of a step: steps done; 1 if this step is finite; the first step that was not, or 0; the factor that
shortens the gradient; Adam's rate and epsilon with the corrections of the first steps; the length of the gradient."""


def prepare_step(loss, squares, rate, numbers, *, limit=0.0, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Work out the numbers of a step of Adam on the device; see DONE, OK, ... for the places.

    Args:
        loss: (), not finite: the step is noted as bad and changes nothing, nor does any after it.
        squares: () or (1,) the squared length of all gradients.
        rate: (1,) learning rate.
        numbers: (7,) float32, written over.
        limit: gradients longer than this are shortened to it; 0: as they are.
    """
    step, norm = float(numbers[DONE]) + 1, float(np.sqrt(squares))
    fine = numbers[BAD] == 0 and np.isfinite(loss) and np.isfinite(norm)
    numbers[OK] = fine
    if not fine:
        numbers[BAD] = numbers[BAD] or step
        return
    root = np.sqrt(1 - beta2**step)
    numbers[SIZE], numbers[EPSILON] = float(rate[0]) * root / (1 - beta1**step), epsilon * root
    numbers[FACTOR] = limit / norm if 0 < limit < norm else 1
    numbers[NORM], numbers[DONE] = norm, step


def adam_flat(p, g, m, v, numbers, *, beta1=0.9, beta2=0.999):
    """One step of Adam in place on flat buffers (n,), with the numbers of `prepare_step`."""
    if numbers[OK]:
        slope = numbers[FACTOR] * g
        m[...] = beta1 * m + (1 - beta1) * slope
        v[...] = beta2 * v + (1 - beta2) * np.square(slope)
        p[...] = p - numbers[SIZE] * m / (np.sqrt(v) + numbers[EPSILON])


def square_sum(x):
    """Sum of x^2 without waiting; (n,) float32 -> () float32 on the device."""
    return np.sum(np.square(x))


def gather(arrays, places, out, numbers=None):
    """Copy float32 arrays to their places in one buffer, sixteen in a launch; with `numbers`, only if this step is OK.

    Args:
        arrays: of any shapes.
        places: where each begins in `out`.
        out: (n,) float32.
    """
    if numbers is None or numbers[OK]:
        for array, place in zip(arrays, places, strict=True):
            out[place : place + array.size] = np.ravel(array)
