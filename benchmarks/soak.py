"""`make soak`: train the classroom preset for half an hour; memory has to stay flat (2 %) and steps equally long.

python benchmarks/soak.py --minutes 30
"""

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from mgcbook.programs.config import preset
from mgcbook.programs.plot import PlotOptions
from mgcbook.programs.plot import run as plot
from mgcbook.programs.train import open_data, train

WARM_UP = 0.15
"""Part of the run that is not looked at: code is compiled, and pools of memory grow to their size."""
MEMORY_TOLERANCE = 0.02
TIME_TOLERANCE = 0.10


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--run", type=Path, default=Path("runs/soak"))
    options = parser.parse_args()
    memory, seconds = soak(options.run, options.minutes)
    grown, slower = growth(memory), growth(seconds)
    result = {
        "minutes": options.minutes,
        "steps": len(memory),
        "memory MB at the end": round(memory[-1]),
        "memory growth": round(grown, 4),
        "median step in seconds": round(float(np.median(seconds)), 4),
        "step time growth": round(slower, 4),
    }
    (options.run / "soak.json").write_text(json.dumps(result, indent=2) + "\n")
    plot(PlotOptions(options.run))
    print(json.dumps(result, indent=2))
    fine = grown <= MEMORY_TOLERANCE and slower <= TIME_TOLERANCE
    print("flat" if fine else f"NOT FLAT: allowed are {MEMORY_TOLERANCE:.0%} of memory and {TIME_TOLERANCE:.0%} of time")
    return 0 if fine else 1


def soak(folder, minutes):
    """Train for so long; memory in MB and seconds of each step after the warm-up."""
    config = replace(preset("classroom"), steps=10**9, schedule="constant")
    start = time.monotonic()
    memory, seconds, shown = [], [], 0.0
    for report in train(config, open_data(config), folder):
        passed = (time.monotonic() - start) / 60
        if passed > WARM_UP * minutes:
            memory.append(resident_megabytes())
            seconds.append(report.seconds)
        if passed - shown >= 1:
            shown = passed
            memory_now = f"{resident_megabytes():.0f} MB"
            print(f"{passed:3.0f} min  step {report.step}  {memory_now}  {report.seconds:.2f} s a step", flush=True)
        if passed >= minutes:
            break
    return memory, seconds


def growth(values):
    """Median of the last fifth over that of the first fifth, less 1."""
    fifth = max(1, len(values) // 5)
    return float(np.median(values[-fifth:]) / np.median(values[:fifth]) - 1)


def resident_megabytes():
    """Memory of this process now; where the system does not tell, its peak."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    sys.exit(main())
