"""Adam, learning-rate schedules and gradient clipping, on dicts of arrays; on the CPU deterministic bit for bit."""

import math
from typing import NamedTuple

import numpy as np

from ..arrays import check_array, kernels_for


class AdamState(NamedTuple):
    """What Adam remembers: how many steps were made, and for each parameter the running means of g and of g^2."""

    step: int
    m: dict
    v: dict


def init_adam(params):
    """The state before the first step: zeros."""
    m, v = ({name: np.zeros_like(p) for name, p in params.items()} for _ in range(2))
    return AdamState(0, m, v)


def adam(params, grads, state, rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8, donate=False):
    """One step of Adam (Kingma and Ba 2015, Alg. 1); returns new params and new state.

    m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  p = p - rate m^ / (sqrt(v^) + epsilon)

    where m^ = m / (1 - beta1^t) and v^ = v / (1 - beta2^t) undo the pull of the zeros that m and v began with.

    Args:
        params, grads: dicts of arrays with the same names; a parameter without gradient is returned as it is.
        state: from `init_adam` or the last call.
        rate: learning rate (alpha).
        donate: the arrays of params and state may be written over: saves half of the memory traffic of a step. The dicts that
            were given are then worthless; go on with those that are returned.
    Raises:
        ValueError: if a gradient has no parameter, or another shape than its parameter.
    """
    for name, g in grads.items():
        if name not in params or g.shape != params[name].shape:
            expected = params[name].shape if name in params else "no such parameter"
            raise ValueError(f"grads[{name!r}]: expected {expected}, got {g.shape}")
        check_array("adam", f"grads[{name!r}]", g, "...")
    step = state.step + 1
    # sqrt(v / c) + epsilon = (sqrt(v) + epsilon sqrt(c)) / sqrt(c): both corrections become one factor and one epsilon
    correction = math.sqrt(1 - beta2**step)
    settings = rate * correction / (1 - beta1**step), beta1, beta2, epsilon * correction
    new_params, new_m, new_v, pieces = dict(params), dict(state.m), dict(state.v), []
    for name, g in grads.items():
        p, m, v = (a if donate and _owned(a) else a.copy() for a in (params[name], state.m[name], state.v[name]))
        new_params[name], new_m[name], new_v[name] = p, m, v
        pieces.append((p, g, m, v))
    kernels_for(*grads.values()).adam_steps(pieces, *settings)
    return new_params, AdamState(step, new_m, new_v)


def _owned(array):
    return array.flags.c_contiguous and getattr(array.flags, "writeable", True)  # a CuPy array always is


def global_norm(grads):
    """Length of all gradients as one vector, summed in float64 in the order of their names; dict of arrays -> float."""
    return math.sqrt(sum(kernels_for(g).sum_of_squares(g) for _, g in sorted(grads.items())))


def clip_by_norm(grads, limit):
    """Shorten all gradients together so that their global norm is at most `limit`; returns (grads, norm before).

    The direction stays. A norm that is not finite leaves the gradients as they are: the training loop has to see it.

    Raises:
        ValueError: for a limit that is not positive.
    """
    if not limit > 0:
        raise ValueError(f"limit: expected a positive number, got {limit!r}")
    norm = global_norm(grads)
    if not norm > limit or math.isinf(norm):
        return grads, norm
    factor = limit / norm
    return {name: g * g.dtype.type(factor) for name, g in grads.items()}, norm


def step_schedule(step, *, rate, drops=(), factor=0.1, warmup=0):
    """Learning rate that falls by `factor` at each of the steps in `drops`; rises linearly during the first `warmup` steps.

    Args:
        step: number of the step, from 0.
        rate: the rate before the first drop.
    """
    return rate * factor ** sum(step >= drop for drop in drops) * _warm(step, warmup)


def cosine_schedule(step, *, rate, steps, last=0.0, warmup=0):
    """Learning rate that falls from `rate` to `last` along half a cosine over `steps` steps, after a linear rise (`warmup`).

    Source: Loshchilov and Hutter 2017, without restarts.

    Args:
        step: number of the step, from 0; beyond `steps` the rate stays at `last`.
    """
    if step < warmup:
        return rate * _warm(step, warmup)
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    return last + (rate - last) * 0.5 * (1 + math.cos(math.pi * done))


def _warm(step, warmup):
    """1 / warmup at the first step, 1 from step warmup - 1 on: no step is wasted at rate 0."""
    return min(1.0, (step + 1) / warmup) if warmup > 0 else 1.0
