"""`mgcbook bench`: how fast are network, rasterizer, face model, tape, training steps and programs, and against whom?

What is measured lies in the folder benchmarks/ of the source; this program runs it, prints one table and writes the figures. A
ratio compares two things that took turns in one process; times of different rows, machines or days should not be compared.
"""

import datetime
import importlib
import importlib.metadata
import json
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mgcbook.arrays import check_device
from mgcbook.errors import UsageError
from mgcbook.files import atomic_write
from mgcbook.kernels.about import describe_gpu
from mgcbook.kernels.compiling import announce

GROUPS = ("network", "raster", "face", "tape", "step", "start", "memory", "scaling")
VERSIONS = ("numpy", "numba", "torch", "autograd")
WITHOUT_TORCH = "PyTorch is not installed: what is compared with it has no ratio. To get it: make bench PEER=torch"


@dataclass(frozen=True)
class BenchOptions:
    """Measure how fast things are here, side by side with others."""

    rounds: int = 7
    """Counted runs of each row; long ones run less often."""
    only: tuple[str, ...] = ()
    """Groups to measure: network, raster, face, tape, step, start, memory, scaling; none: all."""
    device: Literal["cpu", "cuda"] = "cpu"
    """"cuda": network, whole step, rasterizer, photograph and drawing of faces on an NVIDIA GPU, in place of the groups."""
    threads: int = 2
    """Threads of both sides."""
    out: Path | None = None
    """JSON file for the figures; by default benchmarks/cpu.json (or cuda.json) if all groups are measured."""


def run(options: BenchOptions):
    """Measure, print the table, write the figures; returns the exit code."""
    unknown = set(options.only) - set(GROUPS)
    if unknown:
        raise UsageError(f"only: expected {', '.join(GROUPS)}, got {', '.join(sorted(unknown))}")
    if options.rounds < 1 or options.threads < 1:
        raise UsageError(f"bench: expected rounds and threads of at least 1, got {options.rounds} and {options.threads}")
    if options.device == "cuda" and options.only:
        raise UsageError(f"only: groups are of the processor, got {', '.join(options.only)} with device='cuda'")
    check_device(options.device)
    folder = find_benchmarks()
    sys.path.insert(0, str(folder))  # the benchmarks import each other
    announce()
    about = machine(options.threads) | ({"GPU": describe_gpu()[1]} if options.device == "cuda" else {})
    print("\n".join(f"{name}: {value}" for name, value in about.items()))
    if "torch" not in about:
        print(WITHOUT_TORCH)
    print(f"\n{TITLE}\n{'-' * len(TITLE)}")
    rows = []
    for name in options.only or {"cpu": GROUPS, "cuda": ("cuda",)}[options.device]:
        group = importlib.import_module(f"table_{name}").rows
        for row in group(options.rounds, options.threads):
            rows.append(row)
            print(line(row), flush=True)
    print(verdict(rows))
    out = options.out or (None if options.only else folder / f"{options.device}.json")
    if out is not None:
        with atomic_write(out) as file:
            file.write(json.dumps({"machine": about, "rows": [row.as_dict() for row in rows]}, indent=1).encode() + b"\n")
        print(f"figures: {out}")
    return 0


def find_benchmarks():
    """The folder with the benchmarks: inside the installed package, or beside it in a checkout.

    Raises:
        UsageError: if there is none.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "benchmarks", package.parent / "benchmarks"):
        if (folder / f"table_{GROUPS[0]}.py").is_file():
            return folder
    raise UsageError("this installation has no benchmarks: install a wheel of mgcbook, or work in a checkout")


def machine(threads):
    """What the figures depend on; -> dict of short strings."""
    about = {"date": datetime.date.today().isoformat(), "processor": _processor(), "cores": str(os.cpu_count()),
             "threads": str(threads), "python": platform.python_version()}  # fmt: skip
    for name in VERSIONS:
        try:
            about[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if hasattr(os, "getloadavg"):
        about["load before"] = f"{os.getloadavg()[0]:.1f}"
    return about


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


# ---------------------------------------------------------------- the table

TITLE = f"{'':<68}{'median':>10}      {'quartiles':>17}  {'against':<22}{'its median':>10}  {'ratio':>6}  {'goal':>7}  reached"


def line(row):
    """One row of the table as text."""
    low, high = row.ours.quartiles
    left = f"{row.group:<8}{row.name:<60}{_number(row.ours.median):>10} {row.unit:<4} {f'{_number(low)} .. {_number(high)}':>17}"
    peer = f"{'':<32}" if row.peer is None else f"{row.peer.name:<22}{_number(row.peer.median):>10}"
    ratio = f"{'':>6}" if row.ratio is None else f"{row.ratio:>6.2f}"
    goal = f"{'':>7}" if row.goal is None else f"{('>= ' if row.at_least else '<= ') + f'{row.goal:g}':>7}"
    return f"{left}  {peer}  {ratio}  {goal}  {'' if row.reached is None else 'yes' if row.reached else 'NO'}".rstrip()


def _number(value):
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.2f}" if abs(value) < 100 else f"{value:.1f}"


def verdict(rows):
    """How many goals are met, and which are not."""
    judged = [row for row in rows if row.reached is not None]
    missed = [f"{row.group}: {row.name.strip()}" for row in judged if not row.reached]
    text = f"\n{len(judged) - len(missed)} of {len(judged)} goals reached"
    return text + (f"; missed: {'; '.join(missed)}" if missed else "")
