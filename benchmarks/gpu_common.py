"""What the checks of `make gpu-check` share: how large things are, the list of checks, and clocks."""

import statistics
import time
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sizes:
    """What is measured; the defaults are the paper's (Sec. 4) and those of the goals."""

    image: int = 224
    triples: int = 5
    depth: int = 50
    width: int = 64
    face: str = "full"
    batches: tuple = (15, 96)
    """Of the network alone."""
    faces: int = 100
    """Random faces whose triangles are compared with the CPU's."""
    rounds: int = 50
    minutes: float = 5.0
    """Of training, at the most."""
    recipes: int = 60
    """Faces whose recipes are made by all processes."""


@dataclass(frozen=True)
class Check:
    """One thing to look at: function(sizes) -> (what was found, in words, and numbers: a dict for JSON)."""

    section: str
    name: str
    function: object
    seconds: float
    """After which it is ended."""


CHECKS = {}
"""Name -> Check, in the order in which they are run."""


def check(section, name, seconds=90.0):
    """Put a function into the list."""

    def decorate(function):
        CHECKS[name] = Check(section, name, function, seconds)
        return function

    return decorate


def clock():
    """CuPy's module `cuda`: events and streams."""
    from mgcbook.kernels.gpu import graph

    return graph._cupy().cuda


def device_milliseconds(run, queue, rounds=50, turns=5):
    """Time on the device of one run of many in a row, the median of some turns."""
    cuda, times = clock(), []
    with queue:
        for _ in range(3):
            run()
        for _ in range(turns):
            start, stop = cuda.Event(), cuda.Event()
            start.record(queue.stream)
            for _ in range(rounds):
                run()
            stop.record(queue.stream)
            stop.synchronize()
            times.append(cuda.get_elapsed_time(start, stop) / rounds)
    return statistics.median(times)


def wall_milliseconds(run, wait, rounds=50, turns=5):
    """Time of one run of many in a row, until all of it is done; the median of some turns."""
    times = []
    for _ in range(3):
        run()
    wait()
    for _ in range(turns):
        start = time.perf_counter()
        for _ in range(rounds):
            run()
        wait()
        times.append(1000 * (time.perf_counter() - start) / rounds)
    return statistics.median(times)


def within(found, limits, unit=""):
    """Numbers beside what they may be at the most, in words.

    Raises:
        AssertionError: if one is larger, or no number.
    """
    text = ", ".join(f"{name} {value:.3g}{unit} (at most {limits[name]:g})" for name, value in found.items())
    assert all(value <= limits[name] for name, value in found.items()), text
    return text


def apart(found, expected):
    """Relative distance of two arrays."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    return float(np.linalg.norm(found - expected) / max(np.linalg.norm(expected), 1e-300))


def beginning(learner):
    """The state before the first step of training."""
    from mgcbook.learning.optim import init_adam
    from mgcbook.programs.checkpoint import TrainingState

    params, batch_norm = learner.start()
    return TrainingState(0, params, init_adam(params), batch_norm, {"seed": 0})
