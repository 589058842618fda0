"""The classroom network with its own data, killed twenty times: it ends with the bits of a run that nobody touched.

Minutes long, so `make endure` runs it and `make test` does not; the toy network of tests/programs/test_train.py is killed there.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mgcbook.programs import checkpoint
from mgcbook.programs.metrics import METRICS, read_metrics

ROOT = Path(__file__).parents[2]

CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
from mgcbook.programs import train as program
from mgcbook.programs.batches import Kept
from mgcbook.programs.config import preset

class Watched(Kept):
    def batch(self, indices):  # a file says while a batch is made
        marker.touch()
        batch = super().batch(indices)
        marker.unlink(missing_ok=True)
        return batch

folder, marker = Path(sys.argv[1]), Path(sys.argv[2])
program.Kept = Watched
config = replace(preset("classroom"), steps=60, triples=30, checkpoint_every=3, snapshot_every=25)
for report in program.train(config, program.open_data(config), folder):
    pass
"""


def start(folder, marker):
    marker.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", CHILD, str(folder), str(marker)], env=environment, stderr=subprocess.PIPE)


def reports(folder):
    path = folder / METRICS
    return path.read_bytes().count(b"\n") if path.exists() else 0


def half_files(folder):
    places = folder / "checkpoints"
    return [*places.glob("*.tmp"), *places.glob(".tmp*")]


def kill_in(phase, folder, marker, rng):
    """Start the run, wait for the phase and a random moment more, kill; returns what the kill interrupted."""
    for leftover in half_files(folder):
        leftover.unlink()
    before, more = reports(folder), int(rng.integers(1, 5))
    child = start(folder, marker)
    reached = {
        "step": lambda: reports(folder) >= before + more,
        "checkpoint": lambda: bool(half_files(folder)),
        "data": marker.exists,
    }[phase]
    while child.poll() is None and not reached():
        time.sleep(0.0003)
    time.sleep(rng.uniform(0, {"step": 0.2, "checkpoint": 0.02, "data": 0.3}[phase]))
    child.kill()
    _, said = child.communicate()
    assert child.returncode == -9, said.decode()
    found = [name for name, is_so in (("checkpoint", half_files(folder)), ("data", marker.exists())) if is_so]
    return "+".join(found) or "step"


def everything(folder):
    """All that a run leaves behind, without its times: metrics, bits of the newest checkpoint, pictures."""
    metrics = [{**report, "seconds": 0} for report in read_metrics(folder)]
    _, state, _ = checkpoint.latest(folder / "checkpoints")
    groups = {"params": state.params, "batch_norm": state.batch_norm, "m": state.adam["m"], "v": state.adam["v"]}
    bits = {f"{group}/{name}": array.tobytes() for group, arrays in groups.items() for name, array in arrays.items()}
    pictures = {path.name: path.read_bytes() for path in (folder / "snapshots").iterdir()}
    return metrics, state.step, bits, pictures


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_twenty_kills_of_the_classroom_run_change_no_bit(tmp_path, rng):
    marker, killed, unbroken = tmp_path / "making a batch", tmp_path / "killed", tmp_path / "unbroken"
    assert start(unbroken, marker).wait() == 0
    phases = rng.permutation(["step"] * 7 + ["checkpoint"] * 7 + ["data"] * 6)
    hit = []
    for phase in phases:
        hit.append(kill_in(phase, killed, marker, rng))
        print(f"wanted {phase:<10} hit {hit[-1]:<15} {reports(killed)} reports", flush=True)
    assert reports(killed) < 60, "the run was over before its last kill"
    assert sum("checkpoint" in name for name in hit) >= 4 and sum("data" in name for name in hit) >= 4 and "step" in hit
    assert start(killed, marker).wait() == 0
    assert everything(killed) == everything(unbroken)
