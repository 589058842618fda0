"""The first run says that kernels are compiled; later ones load them and say nothing."""

import os
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


@pytest.mark.skipif(os.name == "nt", reason="the program that hangs is a shell script")
@pytest.mark.parametrize("wrong", ["nothing", "no such program", "a program that hangs"])
def test_a_second_process_that_fails_or_hangs_is_no_harm(monkeypatch, tmp_path, wrong):
    """It is waited for as long as is said, then ended; without it the kernels are compiled here."""
    from mgcbook.programs import first_run

    sleeping = tmp_path / "hang"
    sleeping.write_text("#!/bin/sh\nexec sleep 100\n")
    sleeping.chmod(0o755)
    program = {"nothing": "", "no such program": str(tmp_path / "none"), "a program that hangs": str(sleeping)}[wrong]
    started = []
    start = subprocess.Popen

    def remember(*args, **kwargs):
        started.append(start(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(first_run.sys, "executable", program)
    monkeypatch.setattr(first_run.subprocess, "Popen", remember)
    monkeypatch.setattr(first_run, "_is_first", lambda: True)
    monkeypatch.setattr(first_run, "_cores", lambda: 2)
    monkeypatch.setattr(first_run, "LONGEST", 0.2)
    with first_run._partner():
        done = True
    assert done
    assert len(started) == (wrong == "a program that hangs")
    assert all(process.returncode is not None for process in started), "left running"
