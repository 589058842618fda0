"""Honest timing on a machine that does other things too: sides take turns, and medians with their spread are reported.

Absolute times drift with whatever else runs; the ratio of two sides that were measured in turn does not. So compare only
within one call of `take_turns`.
"""

import statistics
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Milliseconds of several runs of one thing."""

    name: str
    samples: tuple

    @property
    def median(self):
        """Half of the runs took longer."""
        return statistics.median(self.samples)

    @property
    def quartiles(self):
        """A quarter of the runs took less than the first, a quarter more than the second."""
        if len(self.samples) < 2:
            return self.samples[0], self.samples[0]
        first, _, third = statistics.quantiles(self.samples, n=4)
        return first, third

    def as_dict(self):
        """For JSON files."""
        return {"name": self.name, "median_ms": self.median, "quartiles_ms": self.quartiles, "runs": len(self.samples)}


def take_turns(sides, rounds=7, warm_up=1):
    """Run each side once per round, starting with another one each time; {name: function} -> {name: Timing}.

    Args:
        sides: name -> function without arguments.
        rounds: counted runs of each side.
        warm_up: runs before, not counted: they compile, load and fill caches.
    """
    for function in list(sides.values()) * warm_up:
        function()
    samples = {name: [] for name in sides}
    order = list(sides)
    for _ in range(rounds):
        for name in order:
            start = time.perf_counter()
            sides[name]()
            samples[name].append(1000 * (time.perf_counter() - start))
        order = order[1:] + order[:1]
    return {name: Timing(name, tuple(times)) for name, times in samples.items()}
