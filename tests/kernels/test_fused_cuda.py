"""The CUDA C of batch norm, pooling and Adam: run as C++ where there is a compiler, compiled by NVRTC where that is installed."""

import ctypes
import itertools
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.kernels import twins

fused = pytest.importorskip("mgcbook.kernels.gpu.fused")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """fused.cu as a shared library for the host."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    out = tmp_path_factory.mktemp("fused") / "fused.so"
    header = Path(__file__).with_name("host_cuda.h")
    command = [compiler, "-shared", "-fPIC", "-O1", "-include", header, "-x", "c++", fused.SOURCE, "-o", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(out))


@pytest.fixture
def on_host(library, monkeypatch):
    """Launches run every thread of the grid in turn on NumPy arrays."""
    numbers = {np.dtype(np.int32): ctypes.c_int, np.dtype(np.int64): ctypes.c_longlong, np.dtype(np.float32): ctypes.c_float}

    def launch(name, grid, block, *args):
        values = [ctypes.c_void_p(a.ctypes.data) if isinstance(a, np.ndarray) else numbers[a.dtype](a) for a in args]
        for place in itertools.product(*map(range, (*block, *grid))):
            library.be_thread((ctypes.c_uint * 8)(*place, *block, *grid))
            getattr(library, name)(*values)

    monkeypatch.setattr(fused, "launch", launch)
    monkeypatch.setattr("mgcbook.kernels.gpu.checks.is_simulated", True)
    monkeypatch.setattr(fused, "THREADS", 8)
    monkeypatch.setattr(fused, "SHORTEST", 5)


def agree(name, *args, **kwargs):
    found, expected = getattr(fused, name)(*args, **kwargs), getattr(twins, name)(*args, **kwargs)
    as_tuple = lambda result: result if isinstance(result, tuple) else (result,)
    for ours, theirs in zip(as_tuple(found), as_tuple(expected), strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        assert_allclose(ours, theirs, rtol=0, atol=2e-6 * np.nanmax(np.abs(theirs), initial=1), err_msg=name)
    return as_tuple(found)


def draw(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 5, 11])
def test_batch_norm_is_its_twin(rng, on_host, channels):
    z, g, skip = (draw(rng, 2, 3, 4, channels) for _ in range(3))
    p, q, r, s = draw(rng, 4, channels)
    agree("channel_sums", z)
    agree("norm_gradient", g, z, p, q, r)
    agree("add_relu", z, p, q, skip, r, s)
    (out,) = agree("add_relu", z, p, q, skip)
    assert 0 < (out > 0).mean() < 1
    agree("add_relu_backward", g, out, z, skip)
    agree("add_relu_backward", g, out, z)


@pytest.mark.parametrize("size, stride, padding", [(3, 2, 1), (2, 2, 0), (3, 1, 1)])
@pytest.mark.parametrize("normed", [False, True])
def test_pooling_is_its_twin(rng, on_host, size, stride, padding, normed):
    x = draw(rng, 2, 5, 6, 3)
    x[0, :2, :3] = 0.25  # ties: the first of equals
    before = (draw(rng, 3), draw(rng, 3)) if normed else None
    out, taps = agree("max_pool", x, size, stride, padding, before=before)
    assert_array_equal(taps, twins.max_pool(x, size, stride, padding, before=before)[1])
    agree("max_pool_backward", draw(rng, *out.shape), taps, x, size, stride, padding, before=before)


def test_a_nan_is_not_lost(rng, on_host):
    x = draw(rng, 1, 4, 4, 2)
    x[0, 1, 1, 0] = np.nan
    out, _ = fused.max_pool(x, 2, 2, 0)
    assert np.isnan(out[0, 0, 0, 0]) and np.isnan(out).sum() == 1
    assert np.isnan(fused.add_relu(x, *draw(rng, 2, 2), x)).sum() == 1


def test_adam_is_its_twin(rng, on_host):
    ours = [draw(rng, 7, 5), draw(rng, 7, 5), draw(rng, 7, 5), np.abs(draw(rng, 7, 5))]
    theirs = [array.copy() for array in ours]
    fused.adam_step(*ours, 0.1, 0.9, 0.999, 1e-8)
    twins.adam_step(*theirs, 0.1, 0.9, 0.999, 1e-8)
    for a, b in zip(ours, theirs, strict=True):
        assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_other_types_run_the_twins(rng):
    assert_array_equal(fused.channel_sums(np.ones((3, 2))), [[3, 3], [3, 3]])


def compiled(source, architecture, kind):
    """PTX or cubin of CUDA C, by NVRTC; needs no GPU and no driver."""
    nvrtc = pytest.importorskip("cuda.bindings.nvrtc", reason="needs NVRTC: pip install 'mgcbook[cuda13]' (no GPU is needed)")

    def call(name, *args):
        status, *results = getattr(nvrtc, name)(*args)
        assert status == nvrtc.nvrtcResult.NVRTC_SUCCESS, f"{name}: {status}"
        return results[0] if results else None

    program = call("nvrtcCreateProgram", source.encode(), b"fused.cu", 0, [], [])
    options = [f"--gpu-architecture={architecture}".encode(), b"--std=c++17"]
    status = nvrtc.nvrtcCompileProgram(program, len(options), options)[0]
    log = b" " * call("nvrtcGetProgramLogSize", program)
    call("nvrtcGetProgramLog", program, log)
    assert status == nvrtc.nvrtcResult.NVRTC_SUCCESS, log.decode()
    code = b" " * call(f"nvrtcGet{kind}Size", program)
    call(f"nvrtcGet{kind}", program, code)
    return code


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_nvrtc_compiles_the_source(architecture):
    source = fused.SOURCE.read_text(encoding="utf-8")
    ptx = compiled(source, architecture, "PTX").decode()
    assert not re.search(r"\.f64\b", ptx), "a kernel computes in float64"
    assert ptx.count(".visible .entry") == len(re.findall(r"__global__ void", source))
    assert len(compiled(source, architecture, "CUBIN")) > 1000
