"""Peak memory of a training process, ResNet-50, against PyTorch: three steps, each side in a process of its own (Linux)."""

import sys

from bench_network import peak_memory
from common import torch

from mgcbook.programs.timing import row_of, single

GOAL = 0.8
SIDES = ("mgcbook",) if torch is None else ("mgcbook", "torch channels-last", "torch default")


def rows(rounds, threads):
    """Rows of the table."""
    if not sys.platform.startswith("linux"):
        return
    for batch, size in ((5, 224), (15, 64)):
        peaks = {side: single(side, peak_memory(side, batch, size)) for side in SIDES}
        yield row_of("memory", f"training ResNet-50, {batch} x {size}", peaks, GOAL, ours="mgcbook", unit="MiB")
