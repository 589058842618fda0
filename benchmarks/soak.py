"""`make soak`: train the classroom preset for half an hour; memory has to stay flat (2 %) and steps equally long.

python benchmarks/soak.py --minutes 30

The check of the step time is on processor time: wall time depends on what else runs on the machine, and is only reported.
Every minute one row goes into soak.json of the run folder, so that a run that was ended early still tells what it saw.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from mgcbook.files import atomic_write
from mgcbook.programs.config import preset
from mgcbook.programs.plot import PlotOptions
from mgcbook.programs.plot import run as plot
from mgcbook.programs.train import open_data, train

WARM_UP = 0.15
"""Part of the run that is not looked at: code is compiled, and pools of memory grow to their size. The first round over the
kept triples is not looked at either: the memory that they fill is theirs."""
MEMORY_TOLERANCE = 0.02
TIME_TOLERANCE = 0.10


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--run", type=Path, default=Path("runs/soak"))
    options = parser.parse_args()
    rows, minutes = soak(options.run, options.minutes)
    if len(rows) < 5:
        print(f"{options.minutes:g} minutes end before the warm-up: every kept triple has to be seen once")
        return 1
    result = summary(rows, minutes)
    write(options.run, {**result, "every minute": minutes})
    plot(PlotOptions(options.run))
    print(json.dumps(result, indent=2))
    fine = result["memory growth"] <= MEMORY_TOLERANCE and result["step growth, processor time"] <= TIME_TOLERANCE
    print("flat" if fine else f"NOT FLAT: allowed are {MEMORY_TOLERANCE:.0%} of memory and {TIME_TOLERANCE:.0%} of time")
    return 0 if fine else 1


def soak(folder, minutes):
    """Train for so long.

    Returns:
        (rows, log): rows of the steps after the warm-up, (memory in MB, wall seconds, processor seconds of all threads), (S, 3);
        log: a dict for each minute.
    """
    config = replace(preset("classroom"), steps=10**9, schedule="constant")
    start, burnt = time.monotonic(), time.process_time()
    rows, log, since = [], [], []
    first_round = config.triples / config.batch
    for report in train(config, open_data(config), folder):
        passed, burnt_before, burnt = (time.monotonic() - start) / 60, burnt, time.process_time()
        since.append((resident_megabytes(), report.seconds, burnt - burnt_before))
        if passed > WARM_UP * minutes and report.step > first_round:
            rows.append(since[-1])
        if passed >= len(log) + 1 or passed >= minutes:
            log.append({"minute": round(passed, 1), "step": report.step, **medians(since)})
            write(folder, {"every minute": log})
            print("  ".join(f"{name} {value}" for name, value in log[-1].items()), flush=True)
            since = []
        if passed >= minutes:
            break
    return np.array(rows), log


def medians(rows):
    """Of rows of steps, with names."""
    memory, wall, processor = np.median(rows, axis=0)
    return {"memory MB": round(memory, 1), "wall s": round(wall, 4), "processor s": round(processor, 4)}


def summary(rows, log):
    """What the run says: sizes, and growths from the first to the last fifth of the steps after the warm-up."""
    memory, wall, processor = (growth(column) for column in rows.T)
    return {
        "minutes": log[-1]["minute"],
        "steps": log[-1]["step"],
        "median step after the warm-up": medians(rows),
        "memory growth": round(memory, 4),
        "step growth, processor time": round(processor, 4),
        "step growth, wall time (not checked: it depends on what else runs)": round(wall, 4),
    }


def write(folder, result):
    """soak.json of the run folder, whole or not at all."""
    with atomic_write(Path(folder) / "soak.json") as file:
        file.write(json.dumps(result, indent=2).encode() + b"\n")


def growth(values):
    """Median of the last fifth over that of the first fifth, less 1."""
    fifth = max(1, len(values) // 5)
    return float(np.median(values[-fifth:]) / np.median(values[:fifth]) - 1)


def resident_megabytes():
    """Memory of this process now; where the system does not tell, its peak."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    sys.exit(main())
