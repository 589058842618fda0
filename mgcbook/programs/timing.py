"""Honest timing on a machine that does other things too: sides take turns, and medians with their spread are reported.

Absolute times drift with whatever else runs; the ratio of two sides that were measured in turn does not. So compare only
within one call of `take_turns`.
"""

import statistics
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Several runs of one thing, in milliseconds unless its row says otherwise."""

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

    def as_dict(self, unit="ms"):
        """For JSON files."""
        median, quartiles = float(self.median), [float(quartile) for quartile in self.quartiles]
        return {"name": self.name, "unit": unit, "median": median, "quartiles": quartiles, "runs": len(self.samples)}


@dataclass(frozen=True)
class Row:
    """One line of the table of `mgcbook bench`: something of ours, what it was measured in turn with, and what is wanted."""

    group: str
    name: str
    ours: Timing
    peer: Timing | None = None
    goal: float | None = None
    """Bound of the ratio ours / peer, or of ours itself where there is no peer; None: measured for information."""
    unit: str = "ms"
    at_least: bool = False
    """The goal is a lower bound."""

    @property
    def ratio(self):
        """Ours divided by the peer, None without one."""
        return None if self.peer is None else self.ours.median / self.peer.median

    @property
    def reached(self):
        """Whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        value = self.ours.median if self.peer is None else self.ratio
        return value >= self.goal if self.at_least else value <= self.goal

    def as_dict(self):
        """For JSON files."""
        found = {"group": self.group, "name": self.name.strip(), "ours": self.ours.as_dict(self.unit)}
        if self.peer is not None:
            found |= {"peer": self.peer.as_dict(self.unit), "ratio": float(self.ratio)}
        if self.goal is not None:
            found |= {"goal": self.goal, "goal_is": "at least" if self.at_least else "at most", "reached": bool(self.reached)}
        return found


def single(name, value):
    """A Timing of one number."""
    return Timing(name, (value,))


def take_turns(sides, rounds=7, warm_up=1, pause=0.0):
    """Run each side once per round, starting with another one each time; {name: function} -> {name: Timing} in ms.

    Args:
        sides: name -> function without arguments.
        rounds: counted runs of each side.
        warm_up: runs before, not counted: they compile, load and fill caches.
        pause: seconds of sleep before each run: the waiting threads of some libraries spin for a while and would steal the
            processor from whoever comes next.
    """
    for function in list(sides.values()) * warm_up:
        function()
    samples = {name: [] for name in sides}
    order = list(sides)
    for _ in range(rounds):
        for name in order:
            if pause:
                time.sleep(pause)
            start = time.perf_counter()
            sides[name]()
            samples[name].append(1000 * (time.perf_counter() - start))
        order = order[1:] + order[:1]
    return {name: Timing(name, tuple(times)) for name, times in samples.items()}


def row_of(group, name, timings, goal=None, ours="ours", unit="ms"):
    """The row of one call of `take_turns`: ours against the fastest of the other sides."""
    peers = [timing for side, timing in timings.items() if side != ours]
    peer = min(peers, key=lambda peer: peer.median, default=None)
    return Row(group, name, timings[ours], peer, goal if peers else None, unit)
