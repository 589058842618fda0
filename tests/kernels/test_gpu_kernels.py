"""The GPU kernels: simulated everywhere, compiled where numba-cuda is installed, run where there is a GPU."""

import importlib.util
import json
import os
import re
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


@pytest.mark.parametrize("check", [check.__name__ for check in agreement.SIMULATED])
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
def test_every_kernel_compiles_to_single_precision(capability):
    import mgcbook.kernels.gpu  # noqa: F401  (fills the list)
    from mgcbook.kernels._cuda import KERNELS

    assert len(KERNELS) >= 15
    for kernel in KERNELS:
        ptx = kernel.ptx(capability)
        assert re.search(r"\.target sm_\d", ptx)
        assert not re.search(r"\.f64\b", ptx), f"{kernel.__name__} computes in float64"
        assert ".extern .func" not in ptx, f"{kernel.__name__} calls what is not in it"


@needs_numba_cuda
@pytest.mark.parametrize("capability", [(8, 0), (9, 0)])
def test_no_kernel_spills_registers(capability):
    """The machine code that is launched, from the libraries that come with the package: no driver has to read newer PTX."""
    import mgcbook.kernels.gpu  # noqa: F401
    from mgcbook.kernels._cuda import KERNELS, entry_of, machine_code

    for kernel in KERNELS:
        ptx = kernel.ptx(capability)
        code, log = machine_code(ptx, capability)
        assert code.startswith(b"\x7fELF") and entry_of(ptx).encode() in code
        assert "0 bytes spill stores, 0 bytes spill loads" in log, f"{kernel.__name__}: {log}"
        assert int(re.search(r"Used (\d+) registers", log)[1]) <= 80, kernel.__name__


@needs_numba_cuda
def test_kernels_are_launched_with_the_parameters_that_their_code_takes():
    """Numba's code is launched by CuPy: an array becomes numbers and an address, as the code itself says."""
    import mgcbook.kernels.gpu  # noqa: F401
    from mgcbook.kernels._cuda import KERNELS, entry_of, parameters
    from tests.strict_device import DeviceArray

    def example(kind):
        if hasattr(kind, "ndim"):
            return DeviceArray(np.zeros((2, 3, 5, 7)[: kind.ndim], str(kind.dtype).replace("boolean", "bool")))
        return tuple(map(example, kind)) if hasattr(kind, "count") else np.dtype(str(kind)).type(1)

    words = {"int64": "u64", "float32": "f32", "int32": "u32"}
    for kernel in KERNELS:
        ptx = kernel.ptx((9, 0))
        taken = re.findall(r"\.param \.(\w+)", ptx.split(f".visible .entry {entry_of(ptx)}(")[1].split(")")[0])
        given = list(parameters([example(kind) for kind in kernel.types], kernel.types))
        assert [words[number.dtype.name] for number in given] == taken, kernel.__name__
    array = np.zeros((2, 3), np.float32)
    packed = list(parameters([DeviceArray(array)], [KERNELS[0].types[2].copy(ndim=2)]))
    assert packed == [0, 0, 6, 4, array.ctypes.data, 2, 3, 12, 4]


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
