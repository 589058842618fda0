"""Adam and the norm of gradients in plain NumPy; see cpu/adam.py."""

import numpy as np

__all__ = ["adam_step", "adam_steps", "sum_of_squares"]


def adam_step(p, g, m, v, rate, beta1, beta2, epsilon):
    """In place: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, p = p - rate m / (sqrt v + epsilon)."""
    m[...] = beta1 * m + (1 - beta1) * g
    v[...] = beta2 * v + (1 - beta2) * np.square(g)
    p[...] = p - rate * m / (np.sqrt(v) + epsilon)


def adam_steps(pieces, rate, beta1, beta2, epsilon):
    """`adam_step` for many (p, g, m, v)."""
    for piece in pieces:
        adam_step(*piece, rate, beta1, beta2, epsilon)


def sum_of_squares(x):
    """Sum of x^2 in float64; any shape -> float."""
    return float(np.sum(np.square(x, dtype=np.float64)))
