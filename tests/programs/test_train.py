"""Training as such, with a toy network: reports, checkpoints, going on exactly, the guard, locks and signals."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mgcbook.cli import exit_code
from mgcbook.errors import DataError, NumericalError, ResourceError, UsageError
from mgcbook.programs import checkpoint, guard
from mgcbook.programs.batches import Batches, Order, examples
from mgcbook.programs.config import load_config
from mgcbook.programs.doctor import DoctorOptions
from mgcbook.programs.doctor import run as doctor
from mgcbook.programs.metrics import read_metrics
from mgcbook.programs.running import learning_rate
from mgcbook.programs.train import train

sys.path.insert(0, str(Path(__file__).parent))
from toy import FiniteToyData, ToyData, ToyLearner, small


def run(folder, config=None, data=None, **kwargs):
    config = config or small()
    return list(train(config, data or ToyData(), folder, learner=kwargs.pop("learner", None) or ToyLearner(config), **kwargs))


def numbers(folder):
    """All that a run has written, without its times: metrics and the bits of the newest checkpoint."""
    metrics = [{**report, "seconds": 0} for report in read_metrics(folder)]
    _, state, _ = checkpoint.latest(folder / "checkpoints")
    tensors = {
        f"{group}/{name}": array.tobytes() for group in ("params", "batch_norm") for name, array in getattr(state, group).items()
    }
    return metrics, state.step, tensors, {name: array.tobytes() for name, array in state.adam["m"].items()}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    run(folder)
    return numbers(folder)


def test_reports_say_what_happens_and_are_written_down(tmp_path):
    reports = run(tmp_path)
    assert [report.step for report in reports] == list(range(1, 13))
    assert reports[-1].losses["total"] < reports[0].losses["total"]
    assert set(reports[0].losses) == {"total", "pixel", "landmark"}
    assert read_metrics(tmp_path) == [report._asdict() for report in reports]
    assert load_config(tmp_path) == small()


def test_the_network_s_running_means_are_carried_on_and_saved(tmp_path):
    run(tmp_path)
    expected = np.zeros(3)
    for step in range(1, 13):
        expected = expected * 0.9 + ToyData().batch([2 * step - 2, 2 * step - 1])["images"].mean()
    np.testing.assert_array_equal(checkpoint.latest(tmp_path / "checkpoints")[1].batch_norm["mean"], expected)


def test_a_report_every_five_steps_and_at_the_end(tmp_path):
    assert [report.step for report in run(tmp_path, small(report_every=5))] == [5, 10, 12]


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(tmp_path, unbroken):
    run(tmp_path / "a")
    run(tmp_path / "b", small(seed=4))
    assert numbers(tmp_path / "a") == unbroken
    assert numbers(tmp_path / "b") != unbroken


@pytest.mark.parametrize("ends", [[5], [4], [1, 2, 3, 11]])
def test_breaking_out_of_the_loop_and_going_on_changes_no_bit(tmp_path, unbroken, ends):
    for end in ends:
        for report in train(small(), ToyData(), tmp_path, learner=ToyLearner()):
            if report.step == end:
                break
    run(tmp_path)
    assert numbers(tmp_path) == unbroken


def test_stopping_and_going_on_changes_no_bit(tmp_path, unbroken):
    seen = []
    reports = train(small(), ToyData(), tmp_path, learner=ToyLearner(), stop=lambda: len(seen) == 7)
    for report in reports:
        seen.append(report.step)
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert checkpoint.latest(tmp_path / "checkpoints")[1].step == 7
    run(tmp_path)
    assert numbers(tmp_path) == unbroken


def test_an_augmented_run_goes_on_with_the_same_bits(tmp_path, unbroken):
    config = small(augmentation=1.0)
    run(tmp_path / "a", config)
    assert numbers(tmp_path / "a")[2] != unbroken[2]
    for steps in (3, 7):  # in the middle of what was made ahead
        for _ in zip(range(steps), train(config, ToyData(), tmp_path / "b", learner=ToyLearner(config)), strict=False):
            pass
    run(tmp_path / "b", config)
    assert numbers(tmp_path / "a") == numbers(tmp_path / "b")


def test_a_finished_run_does_nothing_more_and_longer_ones_go_on(tmp_path, unbroken):
    run(tmp_path, small(steps=6))
    assert run(tmp_path, small(steps=6)) == []
    run(tmp_path)
    assert numbers(tmp_path) == unbroken


KILL = """
import os, signal, sys, threading
sys.path.insert(0, {tests!r})
from toy import ToyData, ToyLearner, small
from mgcbook.programs import train as program

def count_down(frame, event, argument):
    global left
    left -= "programs" in frame.f_code.co_filename or "safetensors" in frame.f_code.co_filename
    if left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return count_down

list(program.train(small(steps=4), ToyData(), {folder!r} + "-first", learner=ToyLearner()))  # loads what children then have
deaths = 0
for point in {points!r}:
    child = os.fork()
    if child == 0:
        left = point
        threading.settrace(count_down)
        sys.settrace(count_down)
        list(program.train(small(steps=48), ToyData(), {folder!r}, learner=ToyLearner()))
        os._exit(0)
    deaths += os.WIFSIGNALED(os.waitpid(child, 0)[1])
print(deaths, flush=True)
list(program.train(small(steps=48), ToyData(), {folder!r}, learner=ToyLearner()))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_twenty_kills_anywhere_change_no_bit(tmp_path, rng):
    """SIGKILL after a random number of lines: between steps, in a checkpoint, while a batch is made."""
    points = [int(point) for point in rng.integers(50, 2500, 20)]
    code = KILL.format(tests=str(Path(__file__).parent), points=points, folder=str(tmp_path / "killed"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 15, "the kills came too late to matter"
    run(tmp_path / "unbroken", small(steps=48))
    assert numbers(tmp_path / "killed") == numbers(tmp_path / "unbroken")


def test_other_settings_do_not_go_on_in_the_same_folder(tmp_path):
    run(tmp_path)
    with pytest.raises(UsageError, match=r"other settings \(batch: 2 there, 3 here\)"):
        run(tmp_path, small(batch=3))
    other = ToyLearner()
    other.model = {**other.model, "width": 4}
    with pytest.raises(DataError, match="another model"):
        run(tmp_path, learner=other)


def test_two_runs_in_one_folder_are_refused(tmp_path):
    first = train(small(), ToyData(), tmp_path, learner=ToyLearner())
    next(first)
    with pytest.raises(ResourceError, match="is writing into this run folder"):
        run(tmp_path)
    first.close()
    assert run(tmp_path)[0].step == 2


def test_a_full_disk_ends_the_run_and_leaves_the_checkpoint_before(tmp_path, monkeypatch, unbroken):
    calls = []
    whole = checkpoint.write_tensors

    def full_after_the_first(path, *args):
        calls.append(path)
        if len(calls) > 1:
            raise ResourceError(f"{path}: cannot be written (No space left on device)")
        whole(path, *args)

    monkeypatch.setattr(checkpoint, "write_tensors", full_after_the_first)
    with pytest.raises(ResourceError, match=r"step-00000008.*No space"):
        run(tmp_path)
    assert len(calls) == 2, "the end of the run must not try again"
    monkeypatch.undo()
    assert checkpoint.latest(tmp_path / "checkpoints")[1].step == 4
    run(tmp_path)
    assert numbers(tmp_path) == unbroken


def test_a_damaged_checkpoint_costs_its_steps_only(tmp_path, unbroken):
    run(tmp_path, small(steps=8))
    newest = checkpoint.checkpoints(tmp_path / "checkpoints")[-1]
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.warns(UserWarning, match="going on from step-00000004"):
        run(tmp_path)
    assert numbers(tmp_path) == unbroken


def test_the_guard_names_the_first_bad_tensor_and_keeps_the_batch(tmp_path, capsys):
    with pytest.raises(NumericalError, match=r"step 5: batch images is not finite.*mgcbook doctor --replay") as failure:
        run(tmp_path, data=ToyData(broken=[9]))
    assert exit_code(failure.value) == 3
    assert read_metrics(tmp_path)[-1]["step"] == 4
    assert checkpoint.latest(tmp_path / "checkpoints")[1].step == 4
    path = tmp_path / guard.NAME.format(5)
    found = [(stage, name, text) for stage, name, text in guard.replay(path, ToyLearner()) if "not finite" in text]
    assert found[0][:2] == ("batch", "images")
    assert "3 of 288 not finite, first at (1, 1, 2, 3, 0)" in found[0][2]
    assert ("loss", "pixel") in [row[:2] for row in found]


def test_the_guard_names_a_gradient_where_the_losses_are_finite(tmp_path):
    with pytest.raises(NumericalError, match=r"step 1: gradient fc\.bias is not finite"), np.errstate(all="ignore"):
        run(tmp_path, learner=ToyLearner(root=True))


def test_a_file_that_is_no_bad_batch_is_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(DataError, match="not a batch that a training run has kept"):
        doctor(DoctorOptions(replay=checkpoint.checkpoints(tmp_path / "checkpoints")[0]))


def test_snapshots_show_a_fixed_batch(tmp_path):
    data = ToyData()
    run(tmp_path, small(snapshot_every=6), data=data)
    assert sorted(path.name for path in (tmp_path / "snapshots").iterdir()) == ["step-00000006.png", "step-00000012.png"]
    assert [asked for asked in data.asked if max(asked) > 10**9] == [[2**32 - 3, 2**32 - 2, 2**32 - 1]]


def test_learning_rates_of_the_schedules():
    rates = {name: [learning_rate(small(schedule=name), done) for done in range(12)] for name in ("constant", "cosine", "step")}
    assert set(rates["constant"]) == {0.05}
    np.testing.assert_allclose([rates["cosine"][i] for i in (0, 6)], [0.05, 0.025])
    np.testing.assert_allclose([rates["step"][i] for i in (7, 8)], [0.05, 0.005])


def test_batches_are_the_same_however_far_ahead_they_are_made():
    data = FiniteToyData(7)
    order = Order(data, seed=1, count=3)
    ahead, now = Batches(data, order, first=4), Batches(data, order, first=4, ahead=0)
    for _ in range(5):
        a, b = ahead.next(), now.next()
        assert set(a) == {"images", "landmarks", "skin", "flags"}
        np.testing.assert_array_equal(a["images"], b["images"])
    ahead.close()
    now.close()


def test_a_data_set_comes_once_a_round_in_a_new_order_each():
    order = Order(FiniteToyData(6), seed=1, count=4)
    numbers = [number for step in range(1, 7) for number in order(step)]
    rounds = [numbers[i : i + 6] for i in range(0, 24, 6)]
    assert all(sorted(one) == list(range(6)) for one in rounds)
    assert len({tuple(one) for one in rounds}) == 4
    assert Order(ToyData(), seed=1, count=4)(3) == [8, 9, 10, 11]
    assert len(examples(FiniteToyData(2), 3)["images"]) == 2


def test_an_error_while_a_batch_is_made_reaches_the_run(tmp_path):
    class Broken(ToyData):
        def batch(self, indices):
            raise DataError("no such picture")

    with pytest.raises(DataError, match="no such picture"):
        run(tmp_path, data=Broken())


COMMAND = """
import sys, time
sys.path.insert(0, {tests!r})
import toy
from mgcbook import cli
from mgcbook.programs import learner, train

class Slow(toy.ToyData):
    def batch(self, indices):
        time.sleep(0.02)
        return super().batch(indices)

train.open_data = lambda config: Slow()
learner.Learner = toy.ToyLearner
sys.exit(cli.main(sys.argv[1:]))
"""


def start_command(folder, *options):
    code = COMMAND.format(tests=str(Path(__file__).parent))
    args = ["train", "--run", str(folder), "--image-size", "4", "--batch", "2", "--snapshot-every", "0", *options]
    return subprocess.Popen([sys.executable, "-c", code, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_writes_a_checkpoint_and_says_how_to_go_on(tmp_path, number):
    command = start_command(tmp_path, "--steps", "100000", "--schedule", "constant")
    deadline = time.monotonic() + 60
    while not ((tmp_path / "metrics.jsonl").exists() and len(read_metrics(tmp_path)) > 3) and time.monotonic() < deadline:
        time.sleep(0.05)
    command.send_signal(number)
    out, err = command.communicate(timeout=30)
    assert command.returncode == 128 + number, err
    name = signal.Signals(number).name
    assert f"stopped by {name} with a checkpoint; to go on: mgcbook train --run {tmp_path}" in out
    assert "Traceback" not in err
    assert checkpoint.latest(tmp_path / "checkpoints")[1].step == read_metrics(tmp_path)[-1]["step"]


def test_the_command_trains_and_reports_without_a_terminal(tmp_path):
    out, err = (command := start_command(tmp_path, "--steps", "5")).communicate(timeout=60)
    assert command.returncode == 0, err
    assert re.search(r"step 5/5  total \S+  pixel \S+  landmark \S+  \S+ s a step", out)
    again, _ = start_command(tmp_path, "--steps", "5").communicate(timeout=60)
    assert "all 5 steps were done already" in again
