"""`make gpu-check` on machines without a GPU: what it says there, that it survives what fails, and its checks on the stand-in."""

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from mgcbook import arrays
from tests import fake_gpu
from tests.toy import toy_model

HERE = Path(__file__).parents[2] / "benchmarks"
STEPS = {"a graph learns what single launches learn", "whole step", "network step, small batch", "goes on where it was",
         "pictures that the GPU draws"}  # fmt: skip
TINY = dict(image=16, triples=1, depth=10, width=4, face="light", batches=(2,), faces=2, rounds=2, minutes=0.01,
            recipes=2)  # fmt: skip


@pytest.fixture
def scripts(monkeypatch):
    """The folder of benchmarks, importable; -> the script."""
    monkeypatch.setattr(sys, "path", [str(HERE), *sys.path])
    import gpu_check

    gpu_check.listed()
    return gpu_check


@pytest.fixture
def gpu(monkeypatch, tmp_path_factory, request):
    """The stand-in with the GPU's own code (twins for whole steps: see test_step_graph), a toy face, events that tell no time."""
    fake_gpu.install_streams(monkeypatch)
    monkeypatch.setattr("gpu_faces.recipe_workers", lambda: 1)
    monkeypatch.setattr("mgcbook.data.builtin.load", lambda name: toy_model(side=13))  # twins of the rasterizer are slow
    if getattr(request.node, "callspec", None) and request.node.callspec.params.get("name") in STEPS:
        return
    libraries = fake_gpu.compile_sources(tmp_path_factory.mktemp("cuda")) or pytest.skip("needs a C++ compiler")
    fake_gpu.install(monkeypatch, libraries)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr("mgcbook.kernels.about.describe_gpu", lambda: (False, "no card: pip install 'mgcbook[cuda13]'"))
    arrays._missing_for_cuda.cache_clear()
    yield
    arrays._missing_for_cuda.cache_clear()


def test_without_a_gpu_it_says_what_to_install(scripts, no_gpu, capsys, tmp_path):
    assert scripts.main(["--out", str(tmp_path / "gpu")]) == 4
    said = capsys.readouterr().err
    assert "no card: pip install 'mgcbook[cuda13]'" in said and "make setup EXTRAS=test,notebooks,cuda13" in said
    assert not (tmp_path / "gpu").exists()


@pytest.mark.parametrize("name", [
    "Numba kernels, eager and captured", "products, captured", "convolutions in three directions",
    "batch norm: bytes in a second", "triangles of random faces", "gradients of the kernels", "gradient of all losses",
    "a graph learns what single launches learn", "rasterizer", "whole step", "network step, small batch", "one photograph",
    "goes on where it was", "pictures that the GPU draws",
])  # fmt: skip
def test_a_check_passes_on_the_stand_in(scripts, gpu, name):
    """Its logic, with the kernels' code or their twins: times mean nothing here."""
    import gpu_common

    found = scripts.try_one(gpu_common.CHECKS[name], gpu_common.Sizes(**TINY))
    assert found["ok"], found["text"]
    json.dumps(found, default=float)
    assert found["numbers"]


def test_every_other_check_is_about_a_real_gpu(scripts):
    import gpu_common

    tried = set(test_a_check_passes_on_the_stand_in.pytestmark[0].args[1])
    rest = [name for name in gpu_common.CHECKS if name not in tried and not name.startswith("PyTorch")]
    assert sorted(rest) == ["libraries", "network step, large batch", "some minutes of the preset paper", "tests marked gpu"]


def test_wrong_numbers_fail(scripts, gpu, monkeypatch):
    import gpu_common

    monkeypatch.setattr(fake_gpu.twins, "rasterize", lambda *args, **_: tuple(np.zeros_like(a) for a in TRUE(*args)))
    for name in ("triangles of random faces", "gradients of the kernels"):
        monkeypatch.setattr(fake_gpu.twins, "depth_gradient", lambda points, *_: np.zeros_like(points))
        found = scripts.try_one(gpu_common.CHECKS[name], gpu_common.Sizes(**TINY))
        assert not found["ok"] and not found["broken"], found


TRUE = fake_gpu.twins.rasterize


CHILD = """
import os, sys, time
sys.path.insert(0, HERE)
import gpu_check, gpu_common
gpu_check.MODULES = ()
gpu_check.check_device = lambda device: None
def wrong(sizes):
    assert 1 > 2, "1 is not more than 2"
def bad(sizes):
    raise RuntimeError("cudaErrorIllegalAddress")
gpu_common.CHECKS.clear()
for name, seconds, function in [
    ("good", 60, lambda sizes: ("fine", {"x": 1.5})), ("wrong", 60, wrong), ("bad", 60, bad),
    ("dies", 60, lambda sizes: os._exit(139)), ("hangs", 3, lambda sizes: time.sleep(600)),
    ("last", 60, lambda sizes: (f"in process {os.getpid()}", {})),
]:
    gpu_common.check("first run", name, seconds)(function)
sys.exit(gpu_check.main())
"""


def test_it_survives_whatever_a_check_does(tmp_path):
    """A wrong number, an exception, the end of the process and a check without an end: each is noted, and the next one runs."""
    copies = tmp_path / "benchmarks"
    copies.mkdir()
    for path in HERE.glob("gpu_*.py"):
        (copies / path.name).write_bytes(path.read_bytes())
    (copies / "gpu_check.py").rename(copies / "gpu_check_real.py")
    script = CHILD.replace("HERE", repr(str(copies))).replace("import gpu_check,", "import gpu_check_real as gpu_check,")
    (copies / "gpu_check.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    done = subprocess.run([sys.executable, copies / "gpu_check.py", "--out", tmp_path / "out"], env=environment, timeout=120,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 1, done.stderr
    found = json.loads(next((tmp_path / "out").glob("*.json")).read_text())["checks"]
    assert list(found) == ["good", "wrong", "bad", "dies", "hangs", "last"]
    assert {name: result["ok"] for name, result in found.items()} == {
        "good": True, "wrong": False, "bad": False, "dies": False, "hangs": False, "last": True}  # fmt: skip
    assert found["good"]["numbers"] == {"x": 1.5} and found["wrong"]["text"] == "1 is not more than 2"
    assert "cudaErrorIllegalAddress" in found["bad"]["text"] and "ended with 139" in found["dies"]["text"]
    assert "after 3 seconds" in found["hangs"]["text"]
    table = next((tmp_path / "out").glob("*.md")).read_text()
    assert "| first run | hangs | NO |" in table and "2 of 6 checks passed" in table
    assert "4 of 6" not in done.stdout and "failed: wrong, bad, dies, hangs" in done.stdout


def test_goals_are_judged_by_what_was_measured(scripts):
    import gpu_report

    step = "network step, small batch"
    results = {name: {"numbers": numbers} for name, numbers in {
        "rasterizer": {"rasterizer": 0.2}, "one photograph": {"graph": 1.0}, step: {"graph tf32": 5.0, "graph bf16": 3.0},
        f"PyTorch, {step}": {"eager tf32": 12.0, "channels-last tf32": 10.0},
        "PyTorch, compiled tf32, small batch": {"compile tf32": 3.0},
    }.items()}  # fmt: skip
    found = {goal.name: (round(goal.value, 3), goal.reached) for goal in gpu_report.goals(results, "NVIDIA H200")}
    assert found == {
        "rasterizer, ms": (0.2, False), "one photograph, ms": (1.0, True),
        f"{step}, tf32: ours / PyTorch eager": (0.5, True), f"{step}, tf32: ours / PyTorch compiled or graph": (1.667, False),
        f"{step}, tf32: part of the bound": (0.62, True), f"{step}, bf16: part of the bound": (0.533, False),
    }  # fmt: skip
    assert not any("bound" in goal.name for goal in gpu_report.goals(results, "NVIDIA A100"))
    assert gpu_report.goals(results, "NVIDIA H200", full=False) == [], "other sizes than those of the goals"


def test_a_training_run_is_judged(scripts):
    import gpu_training

    reports = [types.SimpleNamespace(step=20 * i, losses={"total": 100 / i}) for i in range(1, 41)]
    calm, busy = [500.0] * 40, np.array([[97.0, 3000.0]] * 40)
    text, numbers = gpu_training.judged(reports, calm, busy, 200.0, 5)
    assert numbers["busy"] == 0.97 and numbers["ms"] == 5.0 and "GPU busy 97%" in text
    for wrong, match in (
        ((reports[::-1], calm, busy), "does not fall"), ((reports, [500.0 + i for i in range(40)], busy), "memory grows"),
        ((reports, calm, busy * [0.8, 1]), "waits for the host"),
        ((reports, calm, np.stack([np.full(40, 97.0), 3000 + 10 * np.arange(40.0)], axis=1)), "memory grows"),
    ):  # fmt: skip
        with pytest.raises(AssertionError, match=match):
            gpu_training.judged(*wrong, 200.0, 5)
