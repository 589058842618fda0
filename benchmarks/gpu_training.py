"""Some minutes of the preset `paper` on a GPU: do the losses fall, does memory grow, does the GPU ever wait for the host?"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from gpu_common import check, within
from gpu_faces import settings
from soak import resident_megabytes

from mgcbook.data.scenes import SyntheticConfig
from mgcbook.data.synthetic import SyntheticFaces
from mgcbook.programs.batches import Kept
from mgcbook.programs.doctor import usable_cores
from mgcbook.programs.train import open_data, train

QUERY = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"]
BEGINNING = 60
"""Steps that do not count: kernels are compiled, processes started, memory taken."""
GROWTH = 0.02
"""What memory may grow after them."""
BUSY = 0.9


def kept_faces(sizes, count):
    """Synthetic triples that are made once."""
    faces = SyntheticFaces(SyntheticConfig(size=sizes.image), truth=False, workers=min(usable_cores(), sizes.triples))
    return Kept(faces, count)


@check("training", "goes on where it was", seconds=240)
def resume(sizes):
    """A run of 30 steps, and one that begins from a copy of its checkpoint of step 20: the losses of the last ten."""
    config = settings(sizes, graph=True, steps=30, report_every=1, checkpoint_every=20, triples=2 * sizes.triples)
    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder) / "one", Path(folder) / "two"
        whole = {}
        for report in train(config, kept_faces(sizes, config.triples), one):
            whole[report.step] = report.losses["total"]
            if report.step == 20:
                shutil.copytree(one, two, ignore=shutil.ignore_patterns("*lock*"))
        again = {report.step: report.losses["total"] for report in train(config, kept_faces(sizes, config.triples), two)}
    assert sorted(again) == list(range(21, 31)), f"went on with steps {sorted(again)}"
    error = max(abs(again[step] / whole[step] - 1) for step in again)
    return within({"relative difference": error}, {"relative difference": 1e-4}), {"difference": error}


class Watch:
    """Asks the driver once a second how much of the time the GPU was busy, in percent, and how much memory is in use, in MB."""

    def __enter__(self):
        self._file = tempfile.TemporaryFile("w+")
        self._process = None
        if shutil.which(QUERY[0]):
            number = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] or "0"
            self._process = subprocess.Popen([*QUERY, "-l", "1", "-i", number], stdout=self._file, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        if self._process:
            self._process.terminate()
            self._process.wait()

    def rows(self):
        """(S, 2) so far."""
        self._file.flush()
        place = os.dup(self._file.fileno())
        with os.fdopen(place, "r") as file:
            file.seek(0)
            lines = [line.split(",") for line in file.read().splitlines()]
        return np.array([[float(value) for value in line] for line in lines if len(line) == 2]).reshape(-1, 2)


@check("training", "some minutes of the preset paper", seconds=900)
def minutes(sizes):
    """Losses, memory of host and GPU, and the part of the time in which the GPU computes, all after the first steps: it draws
    the faces itself, new ones in every step."""
    config = settings(sizes, graph=True, steps=10**9, report_every=20, checkpoint_every=10**9, drawn_on="cuda")
    start, since, reports, memory, seen = time.monotonic(), None, [], [], 0
    with tempfile.TemporaryDirectory() as folder, Watch() as watch:
        for report in train(config, open_data(config), folder):
            reports.append(report)
            if report.step > BEGINNING:
                memory.append(resident_megabytes())
                if since is None:
                    since, seen = (time.monotonic(), report.step), len(watch.rows())
            if time.monotonic() - start > 60 * sizes.minutes and since:
                break
        took, driver = time.monotonic() - since[0], watch.rows()[seen:]
    return judged(reports, memory, driver, (reports[-1].step - since[1]) / max(took, 1e-9), sizes.minutes)


def judged(reports, memory, driver, rate, minutes):
    """What the run says, in words and numbers.

    Args:
        reports: of the training.
        memory: of the host in MB, one for each report after the first rounds.
        driver: (S, 2) busy percent and MB of the GPU, one a second.
        rate: steps a second.
    """
    few = max(1, len(reports) // 10)
    first, last = (float(np.mean([report.losses["total"] for report in part])) for part in (reports[:few], reports[-few:]))
    grown = lambda values: float(np.median(values[-len(values) // 4 :]) / np.median(values[: max(1, len(values) // 4)]) - 1)
    numbers = {"steps": reports[-1].step, "ms": 1000 / max(rate, 1e-9), "first loss": first, "last loss": last}
    numbers["host memory"] = grown(memory)
    if len(driver) > 10:
        numbers |= {"busy": float(driver[2:, 0].mean() / 100), "GPU memory": grown(driver[2:, 1])}
    growth = ", ".join(f"{name} {numbers[name]:+.1%}" for name in ("host memory", "GPU memory") if name in numbers)
    busy = f"GPU busy {numbers['busy']:.0%}" if "busy" in numbers else "how busy the GPU is cannot be asked"
    text = f"{minutes:g} minutes, {numbers['steps']} steps of {numbers['ms']:.2f} ms, loss {first:.4g} -> {last:.4g}"
    text = f"{text}, growth of {growth}, {busy}"
    assert all(np.isfinite(report.losses["total"]) for report in reports), text
    assert last < first, f"the loss does not fall: {text}"
    assert all(numbers[name] <= GROWTH for name in ("host memory", "GPU memory") if name in numbers), f"memory grows: {text}"
    assert numbers.get("busy", BUSY) >= BUSY, f"the GPU waits for the host: {text}"
    return text, numbers
