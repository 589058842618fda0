"""The CUDA C of the GPU kernels: run as C++ where there is a compiler, compiled by NVRTC where that is installed."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.kernels import twins
from tests import fake_gpu

fused = pytest.importorskip("mgcbook.kernels.gpu.fused")
flat = pytest.importorskip("mgcbook.kernels.gpu.flat")
launch = pytest.importorskip("mgcbook.kernels.gpu.launch")


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """The sources as libraries for the host."""
    return fake_gpu.compile_sources(tmp_path_factory.mktemp("cuda")) or pytest.skip("needs a C++ compiler")


@pytest.fixture
def on_host(libraries, monkeypatch):
    """Launches run every thread of the grid in turn on NumPy arrays."""
    function = lambda source, name: lambda *args: fake_gpu.run_on_host(libraries[source], name, *args)
    monkeypatch.setattr(launch, "_function", function)
    monkeypatch.setattr("mgcbook.kernels.gpu.checks.is_simulated", True)
    monkeypatch.setattr(launch, "THREADS", 8)
    monkeypatch.setattr(flat, "THREADS", 8)
    monkeypatch.setattr(launch, "SHORTEST", 5)


def wide(x):
    return twins.to_single(x) if getattr(x, "dtype", None) == np.uint16 else x


def agree(name, *args, module=fused, **kwargs):
    found, expected = getattr(module, name)(*args, **kwargs), getattr(twins, name)(*args, **kwargs)
    as_tuple = lambda result: result if isinstance(result, tuple) else (result,)
    for ours, theirs in zip(as_tuple(found), as_tuple(expected), strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        # Two roundings to bfloat16 of numbers that differ in the last digit of float32 may differ by 2^-8.
        tolerance = 2e-6 if ours.dtype != np.uint16 else 4e-3
        ours, theirs = wide(ours), wide(theirs)
        assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.nanmax(np.abs(theirs), initial=1), err_msg=name)
    return as_tuple(found)


def draw(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


@pytest.fixture(params=["float32", "bfloat16"])
def maps(request, rng):
    """Draws maps of one type."""
    return lambda *shape: draw(rng, *shape) if request.param == "float32" else twins.to_half(draw(rng, *shape))


@pytest.mark.parametrize("channels", [1, 5, 11])
def test_batch_norm_is_its_twin(rng, on_host, maps, channels):
    z, g, skip = (maps(2, 3, 4, channels) for _ in range(3))
    p, q, r, s = draw(rng, 4, channels)
    agree("channel_sums", z)
    agree("norm_gradient", g, z, p, q, r)
    agree("add_relu", z, p, q, skip, r, s)
    (out,) = agree("add_relu", z, p, q, skip)
    assert 0 < (wide(out) > 0).mean() < 1
    agree("add_relu_backward", g, out, z, skip)
    agree("add_relu_backward", g, out, z)


@pytest.mark.parametrize("channels", [1, 40])
def test_the_numbers_of_batch_norm_are_their_twins(rng, on_host, channels):
    weight, bias = draw(rng, 2, channels)
    z = 3 + draw(rng, 50, channels).astype(np.float64)
    sums = np.stack([z.sum(axis=0), np.square(z).sum(axis=0)])
    found, expected = (module.norm_scales(sums, 50, weight, bias, 1e-5) for module in (fused, twins))
    for ours, theirs in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
        assert ours.dtype == theirs.dtype
        assert_allclose(ours, theirs, rtol=1e-6 if ours.dtype == np.float32 else 1e-12)
    mean, _, inverse = expected[0]
    agree("norm_factors", rng.normal(size=(2, channels)), 50, weight, mean, inverse)
    agree("move_towards", weight, bias, 0.1)


@pytest.mark.parametrize("cut", [False, True])
def test_what_stands_between_convolutions(rng, on_host, maps, cut):
    x, g, skip, (scale, shift) = maps(2, 3, 4, 5), maps(2, 3, 4, 5), maps(2, 3, 4, 5), draw(rng, 2, 5)
    close = lambda ours, theirs: assert_allclose(wide(ours), theirs, rtol=5e-3 if x.dtype == np.uint16 else 1e-6, atol=2e-6)
    close(fused.activated(x, (scale, shift)), np.maximum(scale * wide(x) + shift, 0))
    for given in (None, skip):
        expected = scale * wide(x) + shift + (0 if given is None else wide(given))
        close(fused.affine(x, scale, shift, given, cut), np.maximum(expected, 0) if cut else expected)
        dx, sums = fused.activated_backward(g, x, (scale, shift), given)
        masked = np.where(scale * wide(x) + shift > 0, wide(g), 0)
        close(dx, masked + (0 if given is None else wide(given)))
        assert_allclose(sums, [masked.sum(axis=(0, 1, 2)), (masked * wide(x)).sum(axis=(0, 1, 2))], rtol=1e-5, atol=1e-5)
    close(fused.added(x, g), wide(x) + wide(g))


SPECIAL = [np.nan, np.inf, -np.inf, 0, -0.0, 1 + 2**-8, 1 + 3 * 2**-8]


def test_bfloat16_is_rounded_as_in_the_twin(rng, on_host):
    x = np.concatenate([draw(rng, 300) * 10.0 ** rng.integers(-36, 38, 300), SPECIAL])
    x = x.astype(np.float32)[None]
    bits = fused.to_half(x)
    assert_array_equal(bits, twins.to_half(x))
    assert_array_equal(fused.to_single(bits), twins.to_single(bits))
    assert fused.to_single(bits)[0, -2:].tolist() == [1.0, 1 + 2**-6]  # ties go to the even one
    assert_allclose(twins.to_single(bits)[0, :300], x[0, :300], rtol=2**-8)


@pytest.mark.parametrize("size, stride, padding", [(3, 2, 1), (2, 2, 0), (3, 1, 1)])
@pytest.mark.parametrize("normed", [False, True])
def test_pooling_is_its_twin(rng, on_host, maps, size, stride, padding, normed):
    x = maps(2, 5, 6, 3)
    x[0, :2, :3] = x[0, 0, 0, 0]  # ties: the first of equals
    before = (draw(rng, 3), draw(rng, 3)) if normed else None
    out, taps = agree("max_pool", x, size, stride, padding, before=before)
    assert_array_equal(taps, twins.max_pool(x, size, stride, padding, before=before)[1])
    agree("max_pool_backward", maps(*out.shape), taps, x, size, stride, padding, before=before)


def test_a_nan_is_not_lost(rng, on_host):
    x = draw(rng, 1, 4, 4, 2)
    x[0, 1, 1, 0] = np.nan
    out, _ = fused.max_pool(x, 2, 2, 0)
    assert np.isnan(out[0, 0, 0, 0]) and np.isnan(out).sum() == 1
    assert np.isnan(fused.add_relu(x, *draw(rng, 2, 2), x)).sum() == 1


def test_adam_is_its_twin(rng, on_host):
    ours = [draw(rng, 7, 5), draw(rng, 7, 5), draw(rng, 7, 5), np.abs(draw(rng, 7, 5))]
    theirs = [array.copy() for array in ours]
    flat.adam_step(*ours, 0.1, 0.9, 0.999, 1e-8)
    twins.adam_step(*theirs, 0.1, 0.9, 0.999, 1e-8)
    for a, b in zip(ours, theirs, strict=True):
        assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("limit", [0.0, 2.0])
def test_adam_with_its_numbers_on_the_device(rng, on_host, limit):
    """Several steps; then a loss that is no number, after which nothing moves any more."""
    module_of = {"ours": flat, "twins": twins}
    start = [draw(rng, 100), np.zeros(100, np.float32), np.zeros(100, np.float32)]
    states = {name: [array.copy() for array in start] + [np.zeros(7, np.float32)] for name in module_of}
    for step in range(6):
        g, loss = draw(rng, 100), np.float32(np.nan if step == 4 else 1)
        for name, module in module_of.items():
            p, m, v, numbers = states[name]
            total = module.square_sum(g)
            module.prepare_step(np.asarray(loss), np.asarray(total), np.array([0.01], np.float32), numbers, limit=limit)
            before = p.copy()
            module.adam_flat(p, g, m, v, numbers)
            assert np.array_equal(before, p) == (step >= 4)
    for ours, theirs in zip(states["ours"], states["twins"], strict=True):
        assert_allclose(ours, theirs, rtol=2e-5, atol=1e-7)
    numbers = states["ours"][3]
    assert (numbers[0], numbers[1], numbers[2]) == (4, 0, 5), "done, OK, the first bad step"
    assert (numbers[3] < 1) == (limit > 0)


def test_gather_is_its_twin(rng, on_host):
    arrays = [draw(rng, *shape) for shape in [(3, 4), (1,), (), *[(7,)] * 20, (50,)]]
    places = np.cumsum([0] + [array.size + 2 for array in arrays]).tolist()
    for ok in (0, 1, None):
        numbers = None if ok is None else np.array([0, ok], np.float32)
        found, expected = np.full((2, places[-1]), 9, np.float32)
        flat.gather(arrays, places[:-1], found, numbers)
        twins.gather(arrays, places[:-1], expected, numbers)
        assert_array_equal(found, expected)
        assert (found == 9).all() == (ok == 0)


def test_other_types_run_the_twins(rng):
    assert_array_equal(fused.channel_sums(np.ones((3, 2))), [[3, 3], [3, 3]])


def compiled(name, architecture, kind):
    """PTX or cubin of CUDA C, by NVRTC; needs no GPU and no driver."""
    nvrtc = pytest.importorskip("cuda.bindings.nvrtc", reason="needs NVRTC: pip install 'mgcbook[cuda13]' (no GPU is needed)")

    def call(name, *args):
        status, *results = getattr(nvrtc, name)(*args)
        assert status == nvrtc.nvrtcResult.NVRTC_SUCCESS, f"{name}: {status}"
        return results[0] if results else None

    program = call("nvrtcCreateProgram", launch.source_of(name).encode(), b"kernels.cu", 0, [], [])
    options = [f"--gpu-architecture={architecture}".encode(), b"--std=c++17", *(text.encode() for text in launch.SOURCES[name])]
    status = nvrtc.nvrtcCompileProgram(program, len(options), options)[0]
    log = b" " * call("nvrtcGetProgramLogSize", program)
    call("nvrtcGetProgramLog", program, log)
    assert status == nvrtc.nvrtcResult.NVRTC_SUCCESS, log.decode()
    code = b" " * call(f"nvrtcGet{kind}Size", program)
    call(f"nvrtcGet{kind}", program, code)
    return code


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("name", launch.SOURCES)
def test_nvrtc_compiles_the_source(name, architecture):
    source = launch.source_of(name)
    ptx = compiled(name, architecture, "PTX").decode()
    assert bool(re.search(r"\.f64\b", ptx)) == (name == "channels"), "only the few numbers of channels are float64"
    assert ptx.count(".visible .entry") == len(re.findall(r"__global__ void", source))
    assert ".extern .func" not in ptx
    assert len(compiled(name, architecture, "CUBIN")) > 1000
