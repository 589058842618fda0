"""Adam by hand, schedules, clipping."""

import math
from itertools import pairwise

import numpy as np
import pytest

from mgcbook.learning.optim import adam, clip_by_norm, cosine_schedule, global_norm, init_adam, step_schedule


def test_first_two_steps_by_hand():
    params, state = {"x": np.array([1.0])}, None
    state = init_adam(params)
    params, state = adam(params, {"x": np.array([2.0])}, state, 0.1, epsilon=0.0)
    assert params["x"] == pytest.approx(0.9)  # the first step is the rate, whatever the gradient
    params, state = adam(params, {"x": np.array([-4.0])}, state, 0.1, epsilon=0.0)
    m, v = 0.9 * 0.2 + 0.1 * -4, 0.999 * 0.004 + 0.001 * 16
    assert state.m["x"] == pytest.approx(m)
    assert state.v["x"] == pytest.approx(v)
    assert params["x"] == pytest.approx(0.9 - 0.1 * (m / (1 - 0.81)) / math.sqrt(v / (1 - 0.999**2)))
    assert state.step == 2


def test_epsilon_stands_beside_the_corrected_root():
    params = {"x": np.array([1.0])}
    new, _ = adam(params, {"x": np.array([0.5])}, init_adam(params), 0.1, epsilon=1.5)
    assert new["x"] == pytest.approx(1 - 0.1 * 0.5 / (0.5 + 1.5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_given_is_changed(rng, dtype):
    params, grads = ({name: rng.normal(size=(50, 70)).astype(dtype) for name in "ab"} for _ in range(2))
    state = init_adam(params)
    before = {name: p.copy() for name, p in params.items()}
    new, new_state = adam(params, grads, state, 0.1)
    assert all(np.array_equal(params[name], before[name]) for name in params)
    assert not any(m.any() for m in state.m.values())
    assert new["a"].dtype == dtype
    donated, donated_state = adam(params, grads, state, 0.1, donate=True)  # the same numbers in the old memory
    assert donated["a"] is params["a"]
    assert all(np.array_equal(new[name], donated[name]) for name in new)
    assert all(np.array_equal(new_state.v[name], donated_state.v[name]) for name in new)


def test_parameters_without_a_gradient_stay(rng):
    params = {"a": np.ones(3), "b": np.ones(3)}
    new, state = adam(params, {"a": np.ones(3)}, init_adam(params), 0.1)
    assert np.array_equal(new["b"], np.ones(3))
    assert new["a"][0] < 1
    with pytest.raises(ValueError, match=r"grads\['c'\]: expected no such parameter, got \(3,\)"):
        adam(params, {"c": np.ones(3)}, state, 0.1)
    with pytest.raises(ValueError, match=r"grads\['a'\]: expected \(3,\), got \(4,\)"):
        adam(params, {"a": np.ones(4)}, state, 0.1)


def test_adam_finds_the_bottom_of_a_bowl():
    params = {"x": np.array([3.0, -2.0])}
    state, goal = init_adam(params), np.array([1.0, 0.5])
    for step in range(300):
        rate = cosine_schedule(step, rate=0.1, steps=300)
        params, state = adam(params, {"x": 2 * (params["x"] - goal)}, state, rate, donate=True)
    np.testing.assert_allclose(params["x"], goal, atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipping_keeps_the_direction(rng, dtype):
    grads = {"a": np.array([3.0, 0.0], dtype), "b": np.full((2, 2), 2.0, dtype)}
    assert global_norm(grads) == 5
    clipped, norm = clip_by_norm(grads, 1.0)
    assert norm == 5
    np.testing.assert_allclose(clipped["a"], [0.6, 0], rtol=1e-6)
    assert clipped["a"].dtype == dtype
    assert clip_by_norm(grads, 5.0)[0] is grads


def test_a_broken_norm_is_seen_not_clipped():
    grads = {"a": np.array([np.nan, 1.0], np.float32)}
    kept, norm = clip_by_norm(grads, 1.0)
    assert math.isnan(norm)
    assert kept is grads
    with pytest.raises(ValueError, match="limit"):
        clip_by_norm(grads, 0)


def test_schedules():
    rates = [step_schedule(step, rate=1.0, drops=(10, 20), factor=0.1, warmup=4) for step in range(30)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rates[9] == 1.0
    assert rates[10] == pytest.approx(0.1)
    assert rates[29] == pytest.approx(0.01)
    rates = [cosine_schedule(step, rate=1.0, steps=100, last=0.1, warmup=10) for step in range(120)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert rates[55] == pytest.approx(0.55)
    assert rates[100] == rates[119] == pytest.approx(0.1)
    assert all(a >= b for a, b in pairwise(rates[10:]))
