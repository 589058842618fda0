"""mgcbook doctor: what it looks at, and what it says when something is missing."""

import builtins
import subprocess
from collections import namedtuple

import numpy as np
import pytest

from mgcbook.errors import ResourceError
from mgcbook.kernels import about
from mgcbook.programs import doctor
from mgcbook.programs.doctor import DoctorOptions, examine, run
from mgcbook.programs.guard import describe


def looked_at(**kwargs):
    return {name: (is_fine, found) for name, is_fine, found in examine(**kwargs)}


def test_this_machine_is_in_order(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("MGCBOOK_CACHE", str(tmp_path))
    found = looked_at()
    assert list(found) == ["mgcbook", "system", "libraries", "BLAS", "kernels", "GPU", "cache", "runs"]
    assert all(is_fine for is_fine, _ in found.values()), found
    assert "a first triangle is drawn" in found["kernels"][1]
    assert str(tmp_path) in found["cache"][1]


def test_a_missing_library_is_named_with_the_command_that_installs_it(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "LIBRARIES", ("numpy", "no-such-library"))
    with pytest.raises(ResourceError, match="not in order: libraries"):
        run(DoctorOptions())
    assert "pip install no-such-library" in capsys.readouterr().out


def test_a_full_disk_and_a_folder_that_cannot_be_written_are_found(monkeypatch, tmp_path):
    monkeypatch.setenv("MGCBOOK_CACHE", str(tmp_path / "not made yet"))
    monkeypatch.setattr("shutil.disk_usage", lambda _: namedtuple("Usage", "free")(1e8))
    assert looked_at()["cache"] == (False, f"{tmp_path / 'not made yet'}, 0 GB free: make room, 2 GB are needed")
    monkeypatch.undo()
    monkeypatch.setenv("MGCBOOK_CACHE", str(tmp_path))
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    is_fine, found = looked_at()["cache"]
    assert not is_fine
    assert "MGCBOOK_CACHE" in found


def test_a_broken_kernel_is_a_finding_not_a_crash(monkeypatch):
    monkeypatch.setattr("mgcbook.face.raster.rasterize", lambda *_: 1 / 0)
    is_fine, found = looked_at()["kernels"]
    assert not is_fine
    assert "ZeroDivisionError" in found


@pytest.mark.parametrize(("driver", "extra"), [("580.65.06", "cuda13"), ("550.54", "cuda12")])
def test_a_gpu_without_cupy_names_the_extra_for_its_driver(monkeypatch, driver, extra):
    monkeypatch.setattr(about.shutil, "which", lambda name: "nvidia-smi")
    answer = subprocess.CompletedProcess([], 0, stdout=f"NVIDIA H200, {driver}\n")
    monkeypatch.setattr(about.subprocess, "run", lambda *_, **__: answer)
    real = builtins.__import__

    def without_cupy(name, *args):
        if name == "cupy":
            raise ImportError("no cupy")
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without_cupy)
    assert about.describe_gpu() == (False, f"NVIDIA H200, driver {driver}, without CuPy: pip install 'mgcbook[{extra}]'")


def test_without_a_driver_the_cpu_is_fine_unless_a_gpu_is_asked_for(monkeypatch, capsys):
    monkeypatch.setattr(about.shutil, "which", lambda name: None)
    assert looked_at()["GPU"][0]
    with pytest.raises(ResourceError, match="not in order: GPU"):
        run(DoctorOptions(gpu=True))


def test_a_tensor_is_described_with_the_place_of_its_first_bad_number():
    array = np.arange(6.0).reshape(2, 3)
    assert describe(array) == "(2, 3) 0 .. 5"
    array[1, 1] = np.inf
    assert describe(array) == "(2, 3) 0 .. 5; 1 of 6 not finite, first at (1, 1)"
    assert describe(np.full(2, np.nan)) == "(2,) no finite value; 2 of 2 not finite, first at (0,)"
    assert describe(np.zeros((0, 3))) == "(0, 3) empty"
