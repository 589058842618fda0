"""metrics.jsonl, the lock of a run folder, and the curves."""

import json
import subprocess
import sys

import pytest

from mgcbook.errors import DataError, ResourceError, UsageError
from mgcbook.programs.metrics import MetricsLog, RunLock, read_metrics


def report(step):
    return {"step": step, "losses": {"total": 1 / step, "pixel": 0.1}, "seconds": 0.5, "learning_rate": 1e-3}


def write(folder, steps, **kwargs):
    log = MetricsLog(folder, **kwargs)
    for step in steps:
        log.append(report(step))
    log.close()


def steps_in(folder):
    return [entry["step"] for entry in read_metrics(folder)]


def test_what_is_reported_comes_back_exactly(tmp_path):
    write(tmp_path, [1, 2, 3])
    assert read_metrics(tmp_path) == [report(1), report(2), report(3)]
    assert read_metrics(tmp_path / "metrics.jsonl")[2]["losses"]["total"] == 1 / 3


@pytest.mark.parametrize("keep", range(1, 30, 7))
def test_a_cut_last_line_is_left_out_and_removed_when_the_run_goes_on(tmp_path, keep):
    write(tmp_path, [1, 2, 3])
    path = tmp_path / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:keep])
    assert steps_in(tmp_path) == [1, 2]
    write(tmp_path, [3, 4], step=2)
    assert path.read_bytes() == b"".join(lines) + json.dumps(report(4)).encode() + b"\n"


def test_reports_after_the_checkpoint_are_removed_when_the_run_goes_on(tmp_path):
    write(tmp_path, range(1, 9))
    write(tmp_path, [6], step=5)
    assert steps_in(tmp_path) == [1, 2, 3, 4, 5, 6]


def test_a_new_run_starts_an_empty_file(tmp_path):
    write(tmp_path, [1, 2])
    write(tmp_path, [1])
    assert steps_in(tmp_path) == [1]


def test_damage_in_the_middle_is_an_error_that_names_the_line(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\nhello\n{"step": 3}\n')
    with pytest.raises(DataError, match="line 2"):
        read_metrics(tmp_path)
    with pytest.raises(DataError, match="folder of a training run"):
        read_metrics(tmp_path / "nothing")


def test_a_number_that_json_does_not_know_is_refused(tmp_path):
    log = MetricsLog(tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        log.append({"step": 1, "losses": {"total": float("nan")}})
    log.close()


def test_without_tensorboardx_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(UsageError, match=r"pip install 'mgcbook\[tensorboard\]'"):
        MetricsLog(tmp_path, tensorboard=True)


HOLD = """
import sys
from mgcbook.programs.metrics import RunLock
with RunLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_processes_cannot_hold_one_folder_and_a_dead_one_holds_nothing(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ResourceError, match=rf"process {other.pid} is writing into this run folder"), RunLock(tmp_path):
            pass
    finally:
        other.kill()  # no chance to tidy up
        other.communicate()
    for _ in range(2):  # taken over, given back, taken again
        with RunLock(tmp_path):
            assert (tmp_path / "run.lock").exists()


def test_one_process_cannot_hold_a_folder_twice(tmp_path):
    with RunLock(tmp_path), pytest.raises(ResourceError), RunLock(tmp_path):
        pass


def test_a_lock_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(ResourceError, match="choose another run folder"), RunLock(tmp_path / "run"):
        pass


def test_curves_are_drawn_for_every_loss(tmp_path):
    from mgcbook.programs.plot import PlotOptions, draw_losses, run

    write(tmp_path, range(1, 200))
    run(PlotOptions(tmp_path))
    assert (tmp_path / "losses.png").read_bytes()[1:4] == b"PNG"
    titles = [panel.get_title() for panel in draw_losses(read_metrics(tmp_path)).axes]
    assert titles == ["total", "pixel", "seconds a step"]
    with pytest.raises(DataError, match="no report"):
        draw_losses([])
