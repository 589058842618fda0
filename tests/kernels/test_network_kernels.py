"""The fast kernels of the network against their NumPy twins, and the promise of the same bits for any number of threads."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba")

import mgcbook.kernels.cpu as fast
from mgcbook.kernels import twins
from mgcbook.kernels.cpu import memory
from mgcbook.kernels.cpu.threads import get_threads, kernel, run_blocks, set_threads

# batch, height, width, channels in and out, kernel, stride, padding: each takes another path through the kernels
LAYERS = {
    "pixels": (2, 20, 18, 24, 40, 1, 1, 0),
    "few pixels": (2, 5, 5, 24, 40, 1, 1, 0),
    "pixels, many weights": (2, 20, 18, 1000, 800, 1, 1, 0),
    "rows": (2, 20, 18, 24, 40, 3, 1, 1),
    "Winograd": (2, 16, 18, 32, 48, 3, 1, 1),
    "Winograd, odd": (3, 15, 17, 32, 33, 3, 1, 1),
    "stride, few pixels": (2, 9, 8, 24, 40, 3, 2, 1),
    "stride": (2, 37, 40, 24, 40, 3, 2, 1),
    "first layer": (2, 46, 45, 3, 64, 7, 2, 3),
    "shortcut": (2, 40, 40, 24, 40, 1, 2, 0),
    "stride 3, no padding": (1, 80, 82, 5, 7, 4, 3, 0),
    "one pixel": (1, 1, 1, 3, 4, 3, 2, 1),
}


def _error(ours, theirs):
    return np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30)


def _wide(arrays):
    """The same in float64."""
    if isinstance(arrays, tuple):
        return tuple(map(_wide, arrays))
    return arrays.astype(np.float64) if isinstance(arrays, np.ndarray) else arrays


def _layer(rng, batch, height, width, channels, out, size, stride, padding):
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
    x, before = draw(batch, height, width, channels), (draw(channels), draw(channels))
    weight = draw(size, size, channels, out) * np.float32(0.1)
    d = draw(*twins.convolve(x[:, :, :, :1], weight[:, :, :1], stride, padding).shape)
    return x, weight, stride, padding, before, d, draw


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("with_norm", [False, True])
def test_convolution_agrees_with_its_twin(rng, name, with_norm):
    x, weight, stride, padding, before, _, draw = _layer(rng, *LAYERS[name])
    before = before if with_norm else None
    y, sums = fast.convolve(x, weight, stride, padding, before=before, sums=True)
    y64, sums64 = twins.convolve(*_wide((x, weight)), stride, padding, before=_wide(before), sums=True)
    assert y.dtype == np.float32
    assert _error(y, y64) < 2e-6
    assert _error(sums, sums64) < 2e-6
    for skip, relu in ((draw(*y.shape), True), (None, False)):
        after = (draw(y.shape[3]), draw(y.shape[3]), skip, relu)
        ours = fast.convolve(x, weight, stride, padding, before=before, after=after)
        assert _error(ours, twins.convolve(*_wide((x, weight)), stride, padding, before=_wide(before), after=_wide(after))) < 2e-6


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("with_norm", [False, True])
def test_gradients_of_the_convolution_agree_with_their_twin(rng, name, with_norm):
    x, weight, stride, padding, before, d, draw = _layer(rng, *LAYERS[name])
    norm = (draw(*d.shape), *(draw(d.shape[3]) for _ in range(3))) if with_norm else None
    cases = [dict(before=before)] if with_norm else [dict(onto=draw(*x.shape)), dict(need_weight=False), dict(need_x=False)]
    for options in cases:
        theirs = twins.convolve_backward(*_wide((d, x, weight)), stride, padding, norm=_wide(norm),
                                         **{key: _wide(value) for key, value in options.items()})
        ours = fast.convolve_backward(d, x, weight, stride, padding, norm=norm, **options)
        for a, b in zip(ours[: 3 if "before" in options else 2], theirs, strict=False):
            assert (a is None) == (b is None)
            assert a is None or _error(a, b) < 5e-6


def test_winograds_formula_is_a_convolution(rng):
    x, weight = rng.normal(size=(2, 5, 6, 3)), rng.normal(size=(3, 3, 3, 4))
    np.testing.assert_allclose(twins.winograd_conv3x3(x, weight), twins.convolve(x, weight, 1, 1), atol=1e-12)


@pytest.mark.parametrize(("size", "stride", "padding"), [(3, 2, 1), (2, 2, 0), (3, 1, 1)])
@pytest.mark.parametrize("with_norm", [False, True])
def test_max_pool_agrees_with_its_twin(rng, size, stride, padding, with_norm):
    x = rng.normal(size=(2, 13, 14, 20)).astype(np.float32)
    before = (rng.normal(size=20).astype(np.float32), rng.normal(size=20).astype(np.float32)) if with_norm else None
    (value, taps), (value_twin, taps_twin) = (m.max_pool(x, size, stride, padding, before=before) for m in (fast, twins))
    assert _error(value, value_twin) < 1e-6
    g = rng.normal(size=value.shape).astype(np.float32)
    ours = fast.max_pool_backward(g, taps, x, size, stride, padding, before=before)
    theirs = twins.max_pool_backward(g, taps_twin, x, size, stride, padding, before=before)
    assert _error(ours[0], theirs[0]) < 1e-6
    assert not with_norm or _error(ours[1], theirs[1]) < 1e-6


def test_batch_norm_pieces_agree_with_their_twins(rng):
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
    z, skip, g, vectors = draw(2, 9, 11, 40), draw(2, 9, 11, 40), draw(2, 9, 11, 40), [draw(40) for _ in range(4)]
    for extra in ((), tuple(vectors[2:])):
        out = fast.add_relu(z, *vectors[:2], skip, *extra)
        assert _error(out, twins.add_relu(z, *vectors[:2], skip, *extra)) < 1e-6
        ours, theirs = (m.add_relu_backward(g, out, z, skip if extra else None) for m in (fast, twins))
        assert _error(ours[0], theirs[0]) == 0
        assert _error(ours[1], theirs[1]) < 1e-6
    assert _error(fast.channel_sums(z), twins.channel_sums(z)) < 1e-6
    assert _error(fast.norm_gradient(g, z, *vectors[:3]), twins.norm_gradient(g, z, *vectors[:3])) < 1e-6
    sums = np.stack([rng.normal(size=40), np.abs(rng.normal(size=40))])  # some variances come out negative: they are cut at 0
    ours, theirs = (m.norm_scales(sums, 3, *vectors[:2], 1e-5) for m in (fast, twins))
    pairs = [*zip(ours[0] + ours[1], theirs[0] + theirs[1], strict=True)]
    factors = (m.norm_factors(sums, 3, vectors[0], theirs[0][0], theirs[0][2]) for m in (fast, twins))
    pairs += zip(*factors, strict=True)
    assert all(_error(a, b) < 1e-6 and a.dtype == b.dtype for a, b in pairs)
    assert np.isnan(fast.norm_scales(sums * np.nan, 3, *vectors[:2], 1e-5)[1]).all()


def test_adam_agrees_with_its_twin(rng):
    start = [rng.normal(size=70_000).astype(np.float32) for _ in range(4)]
    start[3] = np.abs(start[3])
    ours, theirs = [a.copy() for a in start], [a.copy() for a in start]
    fast.adam_step(*ours, 0.1, 0.9, 0.99, 1e-8)
    twins.adam_step(*theirs, 0.1, 0.9, 0.99, 1e-8)
    assert all(_error(a, b) < 2e-6 for a, b in zip(ours, theirs, strict=True))
    assert fast.sum_of_squares(start[0]) == pytest.approx(twins.sum_of_squares(start[0]), rel=1e-12)


def test_adam_steps_is_adam_step_for_each(rng):
    shapes = [(3, 3, 70, 80), (5,), (), (200, 300), (0, 4)]
    draw = lambda: [np.array(rng.random(shape), np.float32) for shape in shapes]
    pieces = [list(piece) for piece in zip(draw(), draw(), draw(), draw(), strict=True)]
    pieces[3][1] = np.asfortranarray(pieces[3][1])  # a gradient may lie as it likes
    expected = [[a.copy() for a in piece] for piece in pieces]
    fast.adam_steps([tuple(piece) for piece in pieces], 0.1, 0.9, 0.99, 1e-8)
    for piece in expected:
        twins.adam_step(*piece, 0.1, 0.9, 0.99, 1e-8)
    for ours, theirs in zip(pieces, expected, strict=True):
        assert all(a.size == 0 or _error(a, b) < 2e-6 for a, b in zip(ours, theirs, strict=True))
    wide = [tuple(a.astype(np.float64) for a in pieces[1])]
    before = wide[0][0].copy()
    fast.adam_steps(wide, 0.1, 0.9, 0.99, 1e-8)
    assert not np.array_equal(wide[0][0], before)


def _all_results(rng):
    results = []
    for layer in LAYERS.values():
        x, weight, stride, padding, before, d, draw = _layer(rng, *layer)
        norm = (draw(*d.shape), *(draw(d.shape[3]) for _ in range(3)))
        results += fast.convolve(x, weight, stride, padding, before=before, sums=True)
        results += fast.convolve_backward(d, x, weight, stride, padding, norm=norm, before=before)
    x = rng.normal(size=(3, 30, 30, 40)).astype(np.float32)
    value, taps = fast.max_pool(x)
    results += [value, taps, fast.channel_sums(x), *fast.max_pool_backward(value, taps, x), np.float64(fast.sum_of_squares(x))]
    return [result.tobytes() for result in results]


def test_any_number_of_threads_gives_the_same_bits():
    before = get_threads()
    try:
        runs = []
        for threads in (1, 2, 3, 8):
            set_threads(threads)
            runs.append(_all_results(np.random.default_rng(5)))
    finally:
        set_threads(before)
    assert all(run == runs[0] for run in runs)


def test_a_nan_comes_out_as_a_nan(rng):
    x, weight, _, _, before, _, _ = _layer(rng, *LAYERS["rows"])
    x[0, 3, 4, 5] = np.nan
    assert np.isnan(fast.convolve(x, weight, 1, 1, before=before)).any()
    after = (np.ones(40, np.float32), np.zeros(40, np.float32), None, True)
    assert np.isnan(fast.convolve(x, weight, 1, 1, after=after)).any()
    assert np.isnan(fast.max_pool(x)[0]).any()


def test_float64_and_odd_layouts_are_taken(rng):
    x, weight = rng.normal(size=(2, 7, 8, 6)), rng.normal(size=(3, 3, 6, 4))
    assert fast.convolve(x, weight, 1, 1).dtype == np.float64
    narrow, thin = x.astype(np.float32), weight.astype(np.float32)
    expected = fast.convolve(narrow, thin, 1, 1)
    turned = np.asfortranarray(narrow)
    turned.flags.writeable = False
    assert np.array_equal(fast.convolve(turned, np.asfortranarray(thin), 1, 1), expected)


def test_run_blocks_covers_every_block_once_and_passes_errors_on():
    seen = np.zeros(1000, int)

    def count(start, stop):
        seen[start:stop] += 1

    def fail(start, stop):
        raise KeyError(start)

    before = set_threads(3)
    try:
        run_blocks(count, 1000)
        run_blocks(count, 0)
        with pytest.raises(KeyError):
            run_blocks(fail, 10)
        run_blocks(lambda start, stop: run_blocks(count, 1000), 4)  # blocks may ask for blocks
    finally:
        set_threads(before)
    assert seen.min() >= 2
    assert len(set(seen)) == 1
    with pytest.raises(ValueError, match="threads"):
        set_threads(0)


def test_a_kernel_runs_on_all_blocks():
    @kernel
    def double(start, stop, x):
        for i in range(start, stop):
            x[i] *= 2

    x = np.arange(10.0)
    run_blocks(double, 10, x)
    assert np.array_equal(x, 2 * np.arange(10))


def test_memory_comes_back_when_the_last_view_is_gone():
    first = memory.take((100, 1000))
    view, place = first[3:, 2:], first.ctypes.data
    del first
    assert memory.take((100, 1000)).ctypes.data != place
    del view
    assert memory.take((100, 1000)).ctypes.data == place
    assert memory.release() > 0
    assert memory.take((0, 5)).shape == (0, 5)


def test_memory_serves_smaller_arrays_too():
    memory.release()
    block = memory.take((1 << 20,), np.uint8)
    place = block.ctypes.data
    del block
    half = memory.take((3 << 18,), np.uint8)
    assert half.ctypes.data == place
    assert half.shape == (3 << 18,)
    del half
    small = memory.take((1 << 18,), np.uint8)  # a quarter would waste too much
    assert small.ctypes.data != place
    whole = memory.take((1 << 20,), np.uint8)
    assert whole.ctypes.data == place
    del small, whole
    assert memory.release() == (1 << 20) + (1 << 18)


def test_without_a_blas_plain_loops_give_the_same(tmp_path):
    code = ("import numpy as np, mgcbook.kernels.cpu as f\n"
            "from mgcbook.kernels import twins as t; from mgcbook.kernels.cpu import blas\n"
            "r = np.random.default_rng(0); shapes = (2, 20, 18, 40), (2, 20, 18, 24), (3, 3, 24, 40)\n"
            "d, x, w = (r.normal(size=s).astype('f') for s in shapes)\n"
            "a, b = f.convolve_backward(d, x, w, 1, 1), t.convolve_backward(d, x, w, 1, 1)\n"
            "assert not blas._usable\n"
            "assert max(abs(p - q).max() / abs(q).max() for p, q in zip(a[:2], b)) < 1e-5")
    environment = {**os.environ, "MGCBOOK_BLAS": "loops", "NUMBA_CACHE_DIR": str(tmp_path), "MGCBOOK_THREADS": "2"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=300)
