"""What a GPU takes for what `make gpu-check` measures: network and whole step beside PyTorch, rasterizer, a photograph, faces."""

from dataclasses import replace

import gpu_common
import gpu_faces  # noqa: F401  (these fill the list of checks)
import gpu_speed  # noqa: F401
import gpu_torch

from mgcbook.programs.timing import Row, single

STEPS = ("network step, small batch", "network step, large batch", "whole step")
"""Rows that PyTorch has, too: its checks are called "PyTorch, ..."."""
OTHERS = {("rasterizer", "rasterizer"): 0.1, ("one photograph", "graph"): 2.0, ("one photograph", "eager"): None,
          ("pictures that the GPU draws", "ms"): None}  # fmt: skip
"""(check, which of its numbers) -> goal in ms."""
AGAINST_EAGER = 1.0
"""Ours in a graph / the fastest of PyTorch without graph or compiler, at the same precision."""


def rows(rounds, threads):
    """Rows of the table, medians on the device; threads do not matter here."""
    sizes = replace(gpu_common.Sizes(), rounds=7 * rounds)
    for name in STEPS:
        ours, theirs = measured(name, sizes), {}
        if ours and gpu_torch.torch_here() is not None:
            theirs = measured(f"PyTorch, {name}", sizes)
        for way, took in ours.items():
            yield of_step(name, way, took, theirs)
    for (name, number), goal in OTHERS.items():
        found = measured(name, sizes)
        if number in found:
            label = name if number in (name, "ms") else f"{name}, {number}"
            yield Row("cuda", label, single("ours", found[number]), None, goal)


_known = {}


def measured(name, sizes):
    """The numbers of a check, made once; none, with the reason printed, where it failed."""
    if (name, sizes) not in _known:
        try:
            _known[name, sizes] = gpu_common.CHECKS[name].function(sizes)[1]
        except AssertionError as error:
            print(f"cuda    {name}: {error}")
            _known[name, sizes] = {}
    return _known[name, sizes]


def of_step(name, way, took, theirs):
    """A row of a step: beside the fastest of PyTorch's ways at the same precision that start each kernel by itself."""
    precision = way.split()[-1]
    plain = {f"PyTorch {peer}": time for peer, time in theirs.items() if peer.split()[-1] == precision and "graph" not in peer}
    best = min(plain, key=plain.get, default=None)
    peer, goal = (None, None) if best is None else (single(best, plain[best]), AGAINST_EAGER if way.startswith("graph") else None)
    return Row("cuda", f"{name}, {way}", single("ours", took), peer, goal)
