"""A real full disk and a real lost permission: what was saved stays, and the run goes on from it."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mgcbook.programs import checkpoint
from mgcbook.programs.metrics import read_metrics
from mgcbook.programs.train import train

sys.path.insert(0, str(Path(__file__).parent))
from toy import ToyData, ToyLearner, small

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

START = f"""
import os, sys
sys.path[:0] = [{str(HERE)!r}, {str(ROOT)!r}]
from pathlib import Path
import numpy as np
from test_checkpoint import MODEL, make_state, save_here
from toy import ToyData, ToyLearner, small
from mgcbook.errors import ResourceError
from mgcbook.programs import checkpoint
from mgcbook.programs.metrics import MetricsLog, read_metrics
from mgcbook.programs.train import train
rng, folder = np.random.default_rng(0), Path(sys.argv[1])
"""

CHECKPOINT = (
    START
    + """
save_here(folder, make_state(rng, 1, size=5000))
before = sorted(path.name for path in folder.iterdir())
try:
    save_here(folder, make_state(rng, 2, size=5000))
except ResourceError as error:
    print(error)
assert sorted(path.name for path in folder.iterdir()) == before, "leftovers"
assert checkpoint.latest(folder, MODEL)[1].step == 1
"""
)

RUN = (
    START
    + """
filler, step = folder / "filler", 0
filler.write_bytes(bytes(2**20 - 6 * 4096))  # a few pages are left
try:
    for report in train(small(steps=40), ToyData(), folder / "run", learner=ToyLearner()):
        step = report.step
except ResourceError as error:
    print("at step", step, error)
filler.unlink()
for report in train(small(steps=40), ToyData(), folder / "run", learner=ToyLearner()):
    pass
state = checkpoint.latest(folder / "run" / "checkpoints")[1]
print(state.step, {name: array.tobytes().hex() for name, array in state.params.items()})
print([(report["step"], report["losses"]) for report in read_metrics(folder / "run")])
"""
)

LOG = (
    START
    + """
filler, log = folder / "filler", MetricsLog(folder)
filler.write_bytes(bytes(2**20 - 3 * 4096))
try:
    for step in range(1, 10_000):
        log.append({"step": step, "losses": {"total": 1.0}})
except ResourceError as error:
    print(step, error)
filler.unlink()
log.close()
log = MetricsLog(folder, step=20)
log.append({"step": 21, "losses": {"total": 2.0}})
print([report["step"] for report in read_metrics(folder)])
"""
)


def on_a_small_disk(code, folder, size):
    """stdout of a process that sees a file system of `size` bytes in the folder; skips where none may be mounted."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting needs root on Linux")
    script = f'mount -t tmpfs -o size={size} none "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "--mount", "bash", "-c", script, "-", str(folder), sys.executable, code]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=False)
    if done.returncode and ("unshare" in done.stderr or "mount:" in done.stderr):
        pytest.skip(f"no file systems may be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_checkpoint_for_which_there_is_no_room_leaves_the_one_before(tmp_path):
    out = on_a_small_disk(CHECKPOINT, tmp_path, "1m")
    assert "step-00000002.safetensors: cannot be written" in out and "No space left on device" in out


def test_a_run_that_filled_the_disk_goes_on_when_there_is_room(tmp_path):
    out = on_a_small_disk(RUN, tmp_path, "1m").splitlines()
    assert out[0].startswith("at step") and "No space left on device" in out[0]
    assert int(out[0].split()[2]) > 0
    for _ in train(small(steps=40), ToyData(), tmp_path / "unbroken", learner=ToyLearner()):
        pass
    state = checkpoint.latest(tmp_path / "unbroken" / "checkpoints")[1]
    assert out[1] == f"40 {({name: array.tobytes().hex() for name, array in state.params.items()})}"
    assert out[2] == str([(report["step"], report["losses"]) for report in read_metrics(tmp_path / "unbroken")])


def test_metrics_for_which_there_is_no_room_keep_their_whole_lines(tmp_path):
    said, steps = on_a_small_disk(LOG, tmp_path, "1m").splitlines()
    assert int(said.split()[0]) > 20 and "metrics.jsonl: cannot be written (No space left on device)" in said
    assert steps == str([*range(1, 22)])


LOSE = """folder.chmod(0o555)
if os.geteuid() == 0:  # root may write anywhere
    os.setegid(65534)
    os.seteuid(65534)
"""
PERMISSION = CHECKPOINT.replace("before = ", f"{LOSE}before = ")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_folder_that_lost_its_permission_keeps_the_one_before():
    folder = Path(tempfile.mkdtemp())  # not under pytest's, which others may not enter
    try:
        folder.chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", PERMISSION, str(folder)], capture_output=True, encoding="utf-8", timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "step-00000002.safetensors: cannot be written (Permission denied)" in done.stdout
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
