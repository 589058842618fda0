"""1000 small operations, forward and backward: the cost of the tape itself, against HIPS autograd and PyTorch."""

import autograd
import numpy as np
from common import both_on, torch

from mgcbook.programs.timing import Row, take_turns
from mgcbook.tape import value_and_grad

GOALS = {"HIPS autograd": 0.4, "PyTorch": 1.0}


def rows(rounds, threads):
    """Rows of the table."""
    with both_on(threads):
        for size in (16, 1000):
            timings = take_turns(sides_of(size), 3 * rounds, warm_up=3)
            for peer, goal in GOALS.items():
                if peer in timings:
                    name = f"1000 operations on {size} numbers, forward, backward"
                    yield Row("tape", name, timings["ours"], timings[peer], goal if size == 16 else None)


def sides_of(size):
    """{"ours": ..., "HIPS autograd": ..., "PyTorch": ...}; all find the same slope."""
    start = np.linspace(0.1, 0.2, size)

    def chain(x):
        for _ in range(250):
            x = x * 1.001
            x = x + 0.01
            x = x * x
            x = x - 0.1
        return x.sum()

    def in_torch():
        x = torch.tensor(start, requires_grad=True)
        chain(x).backward()
        return x.grad.numpy()

    sides = {"ours": lambda: value_and_grad(chain)(start)[1], "HIPS autograd": lambda: autograd.value_and_grad(chain)(start)[1]}
    if torch is not None:
        sides["PyTorch"] = in_torch
    slopes = [side() for side in sides.values()]
    assert all(np.allclose(slopes[0], slope, rtol=1e-9) for slope in slopes[1:])
    return sides
