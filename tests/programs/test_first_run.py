"""The first run says that kernels are compiled; later ones load them and say nothing."""

import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("numba")

CODE = """
import numpy as np
from mgcbook.kernels.compiling import announce, compiled
announce()
from mgcbook.kernels import cpu
for _ in range(2):
    cpu.sum_of_squares(np.ones(5, np.float32))
    cpu.seen_vertices(np.zeros((1, 2, 2), np.int32), np.zeros((1, 3), np.int32), 3)
print(compiled()[0], compiled()[1] > 0)
"""


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="nothing is compiled")
def test_compiling_is_announced_once_and_only_where_it_happens(tmp_path):
    def lines():
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        ended = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
        return ended.stdout.split("\n")

    first = lines()
    assert first[0].startswith("compiling kernels, once")
    assert first[1:] == ["2 True", ""]
    assert lines() == ["0 False", ""]


@pytest.fixture
def second(monkeypatch, tmp_path):
    """second(program) lets a first run with two cores begin; what it started stands in the list that this gives."""
    from mgcbook.programs import first_run

    started = []
    start = subprocess.Popen

    def remember(*args, **kwargs):
        started.append(start(*args, **kwargs))
        return started[-1]

    def first_run_with(program, longest):
        monkeypatch.setattr(first_run.sys, "executable", program)
        monkeypatch.setattr(first_run.subprocess, "Popen", remember)
        monkeypatch.setattr(first_run, "_is_first", lambda: True)
        monkeypatch.setattr(first_run, "_cores", lambda: 2)
        monkeypatch.setattr(first_run, "LONGEST", longest)
        return first_run._partner()

    yield first_run_with, started
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(os.name == "nt", reason="the program that hangs is a shell script")
@pytest.mark.parametrize("wrong", ["nothing", "no such program", "a program that hangs"])
def test_a_second_process_that_fails_or_hangs_is_no_harm(second, tmp_path, wrong):
    """It is waited for as long as is said, then ended; without it the kernels are compiled here."""
    begin, started = second
    sleeping = script(tmp_path / "hang", "exec sleep 100")
    program = {"nothing": None, "no such program": str(tmp_path / "none"), "a program that hangs": sleeping}[wrong]
    with begin(program, 0.2):
        done = True
    assert done
    ended = [process.returncode for process in started]
    assert ended == ([-signal.SIGKILL] if wrong == "a program that hangs" else [])


@pytest.mark.skipif(os.name == "nt", reason="the program is a shell script")
def test_a_second_process_is_waited_for(second, tmp_path):
    begin, started = second
    with begin(script(tmp_path / "work", f"sleep 0.3; touch '{tmp_path}/done'"), 60):
        assert len(started) == 1
    assert started[0].returncode == 0 and (tmp_path / "done").exists()


@pytest.mark.skipif(os.name == "nt", reason="the program that hangs is a shell script")
def test_who_gives_up_meanwhile_leaves_no_second_process(second, tmp_path):
    begin, started = second
    with pytest.raises(KeyboardInterrupt), begin(script(tmp_path / "hang", "exec sleep 100"), 60):
        raise KeyboardInterrupt
    assert [process.returncode for process in started] == [-signal.SIGKILL]
