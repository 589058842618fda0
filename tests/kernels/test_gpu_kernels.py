"""The GPU kernels: simulated everywhere, compiled where numba-cuda is installed, run where there is a GPU."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.kernels import gpu_agreement as agreement

needs_numba_cuda = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="needs numba-cuda: pip install 'mgcbook[cuda13]' (no GPU is needed)"
)


@pytest.fixture(scope="module")
def simulated():
    """What each check found in the simulator, in a process of its own: the simulator is chosen when Numba is imported."""
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    done = subprocess.run([sys.executable, "-m", "tests.kernels.gpu_agreement"], cwd=Path(__file__).parents[2], env=environment,
                          capture_output=True, text=True, timeout=300, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {found["check"]: found["error"] for found in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("check", [check.__name__ for check in agreement.CHECKS])
def test_simulated_kernels_agree_with_the_cpu(simulated, check):
    if simulated[check]:
        pytest.fail(simulated[check])


def test_the_gpu_has_every_kernel_of_the_cpu(simulated):
    assert simulated["names"] is None


@pytest.mark.gpu
@pytest.mark.parametrize("check", agreement.CHECKS)
def test_kernels_agree_with_the_cpu(rng, check):
    from mgcbook.arrays import to_device
    from mgcbook.kernels import gpu

    check(gpu, rng, move=lambda array: to_device(array, "cuda"))


@needs_numba_cuda
@pytest.mark.parametrize("capability", [(8, 0), (9, 0)])
def test_every_kernel_compiles_to_single_precision_without_spills(tmp_path, capability):
    import mgcbook.kernels.gpu  # noqa: F401  (fills the list)
    from mgcbook.kernels._cuda import KERNELS

    assert len(KERNELS) >= 15
    assembler = shutil.which("ptxas")
    for kernel in KERNELS:
        ptx = kernel.ptx(capability)
        assert re.search(r"\.target sm_\d", ptx)
        assert not re.search(r"\.f64\b", ptx), f"{kernel.__name__} computes in float64"
        if assembler:
            source = tmp_path / f"{kernel.__name__}.ptx"
            source.write_text(ptx)
            command = [assembler, "-v", "-arch=sm_{}{}".format(*capability), source, "-o", tmp_path / "cubin"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert "0 bytes spill stores, 0 bytes spill loads" in done.stderr, f"{kernel.__name__}: {done.stderr}"
            assert int(re.search(r"Used (\d+) registers", done.stderr)[1]) <= 80, kernel.__name__


@needs_numba_cuda
def test_float64_would_be_found():
    from mgcbook.kernels._cuda import Kernel, cuda

    def doubled(out):
        out[0] = out[0] * 0.5 + cuda.grid(1)  # a whole number and a float32 are a float64 to Numba

    kernel = Kernel(doubled, "float32[::1]")
    try:
        assert re.search(r"\.f64\b", kernel.ptx((9, 0)))
    finally:
        sys.modules["mgcbook.kernels._cuda"].KERNELS.remove(kernel)


def test_the_gpu_path_is_chosen_for_device_arrays(monkeypatch):
    from mgcbook import arrays

    class OnDevice(np.ndarray):
        __cuda_array_interface__ = {}  # noqa: RUF012

    monkeypatch.setattr(arrays, "_kernels", lambda where: where)
    assert arrays.kernels_for(np.ones(1)) == "cpu"
    assert arrays.kernels_for(np.ones(1), np.ones(1).view(OnDevice)) == "gpu"
