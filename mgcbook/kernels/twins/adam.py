"""Adam and the norm of gradients in plain NumPy; see cpu/adam.py."""

import numpy as np

__all__ = ["adam_step", "sum_of_squares"]


def adam_step(p, g, m, v, rate, beta1, beta2, epsilon, out):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, p = p - rate m / (sqrt v + epsilon); written into out = (p, m, v)."""
    p_out, m_out, v_out = out
    m_out[...] = beta1 * m + (1 - beta1) * g
    v_out[...] = beta2 * v + (1 - beta2) * np.square(g)
    p_out[...] = p - rate * m_out / (np.sqrt(v_out) + epsilon)


def sum_of_squares(x):
    """Sum of x^2 in float64; any shape -> float."""
    return float(np.sum(np.square(x, dtype=np.float64)))
