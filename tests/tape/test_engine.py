"""The tape itself: what it computes, what it keeps, and what it answers when it is used wrongly."""

import gc
import weakref

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.tape import Tensor, backward, check_gradients, derivative_of, engine, once, primitive, value_and_grad


def test_a_hand_computed_gradient():
    value, grad = value_and_grad(lambda x: np.sum(x**2 + 3 * x))(np.array([1.0, -2.0]))
    assert value == 1 + 3 + 4 - 6
    assert grad.tolist() == [5, -1]


def test_params_may_be_a_dict_and_unused_ones_get_zeros():
    value, grads = value_and_grad(lambda p: np.sum(p["a"] * 2))({"a": np.ones(2), "b": np.ones(3)})
    assert value == 4
    assert grads["a"].tolist() == [2, 2]
    assert grads["b"].tolist() == [0, 0, 0]


def test_aux_passes_through_bare():
    (value, aux), grad = value_and_grad(lambda x: (np.sum(x * x), {"double": x * 2, "n": 3}), has_aux=True)(np.array([3.0]))
    assert value == 9 and grad.tolist() == [6]
    assert aux["n"] == 3 and type(aux["double"]) is np.ndarray


def test_a_tensor_used_twice_collects_both_gradients():
    assert value_and_grad(lambda x: np.sum(x * x + x))(np.array([2.0]))[1].tolist() == [5]


def test_a_chain_of_twenty_thousand_steps_needs_no_recursion():
    def chain(x):
        for _ in range(20_000):
            x = x + 0.5
        return np.sum(x)

    assert value_and_grad(chain)(np.zeros(2))[1].tolist() == [1, 1]


def test_creation_beside_a_tensor():
    x = Tensor(np.ones((2, 3), np.float32))
    assert type(np.arange(3, like=x)) is np.ndarray
    assert np.zeros_like(x, shape=(4,)).dtype == np.float32


class _Watched(np.ndarray):
    """An array that can be weakly referenced."""


def test_backward_lets_go_of_arrays_as_it_plays():
    alive = []

    @primitive
    def keep(x):
        kept = np.array(x).view(_Watched)
        alive.append(weakref.ref(kept))
        return x * 1.0, lambda g: g * float(np.asarray(kept).flat[0] > 0)

    seen = []

    @primitive
    def probe(x):
        return x * 1.0, lambda g: seen.append(sum(r() is not None for r in alive)) or g

    loss = np.sum(keep(keep(probe(keep(keep(Tensor(np.ones(3))))))))
    backward(loss)
    gc.collect()
    assert seen == [2]  # the two later steps have let go when the probe is reached
    assert all(r() is None for r in alive)


def test_sums_and_means_keep_nothing_of_what_they_add():
    for add_up in (np.sum, np.mean):
        large = Tensor(np.ones(9)) + 1.0
        memory, loss = weakref.ref(large.value), add_up(large)
        del large
        gc.collect()
        assert memory() is None
        assert next(iter(backward(loss).values())).shape == (9,)


def test_a_step_holds_no_array():
    assert engine.Step.__slots__ == ("time", "shape", "parents")


def test_unwanted_vjps_never_run():
    @primitive
    def picky(x, y):
        return x + y, lambda g: g, lambda g: pytest.fail("the vjp of a constant ran")

    value_and_grad(lambda x: np.sum(picky(x, np.ones(3))))(np.zeros(3))


def test_primitive_with_extras():
    @primitive(extras=True)
    def halves(x):
        return (x / 2, "kept"), lambda g: g / 2

    assert halves(np.array(4.0)) == (2.0, "kept")
    value, extra = halves(Tensor(np.array([4.0])))
    assert type(value) is Tensor and extra == "kept"
    assert value_and_grad(lambda x: np.sum(halves(x)[0]))(np.ones(2))[1].tolist() == [0.5, 0.5]


def test_once_shares_work_between_vjps():
    calls = []

    @primitive
    def product(x, y):
        both = once(lambda g: calls.append(1) or (g * y, g * x))
        return x * y, lambda g: both(g)[0], lambda g: both(g)[1]

    grads = value_and_grad(lambda p: np.sum(product(p["x"], p["y"])))({"x": np.ones(2), "y": 2 * np.ones(2)})[1]
    assert grads["x"].tolist() == [2, 2] and len(calls) == 1


def tensor(*shape):
    return Tensor(np.ones(shape))


def store(target, value):
    target[0] = value


def add_into(target, value):
    target += value


MISUSES = {
    "np.array of tensors": (lambda: np.array([tensor(2), tensor(2)]), TypeError, "np.stack"),
    "storing a tensor in an array": (lambda: store(np.zeros((2, 3)), tensor(3)), TypeError, "np.stack"),
    "adding into an array": (lambda: add_into(np.zeros(3), tensor(3)), TypeError, "in-place"),
    "changing a tensor": (lambda: store(tensor(3), 1.0), TypeError, "np.where"),
    "float of a tensor": (lambda: float(tensor()), TypeError, ".value"),
    "a tensor as a condition": (lambda: bool(tensor()), TypeError, ".value"),
    "a function without a rule": (lambda: np.median(tensor(3)), TypeError, "derivative_of"),
    "reduce": (lambda: np.add.reduce(tensor(3)), TypeError, "np.sum"),
    "positional axis of concatenate": (lambda: np.concatenate((tensor(2, 2), tensor(2, 2)), 1), TypeError, "axis by name"),
    "a loss that is not a scalar": (lambda: backward(tensor(2) * 2), ValueError, "scalar"),
    "a loss without anything watched": (lambda: value_and_grad(lambda x: np.float64(3))(np.ones(2)), TypeError, "depend"),
    "whole numbers": (lambda: value_and_grad(np.sum)(np.arange(3)), TypeError, "floating-point"),
    "a second derivative": (lambda: value_and_grad(lambda x: value_and_grad(np.sum)(x))(np.ones(2)), TypeError, "first deriv"),
    "no derivative for an argument": (lambda: np.where(tensor(2), tensor(2), 0.0), TypeError, "has no derivative"),
    "a watched setting": (lambda: np.clip(np.ones(3), a_min=0.0, a_max=tensor()), TypeError, "by name"),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_misuse_is_answered_with_advice(misuse):
    do, error, advice = MISUSES[misuse]
    with pytest.raises(error, match=advice):
        do()


def test_storing_a_scalar_is_refused_with_the_advice_as_its_cause():
    with pytest.raises((TypeError, ValueError)) as caught:
        store(np.zeros(3), tensor())
    assert "np.stack" in str(caught.value) + str(caught.value.__cause__)


def test_a_played_tape_refuses_to_play_again():
    x = tensor(3)
    loss = np.sum(x * x)
    backward(loss)
    with pytest.raises(RuntimeError, match="played already"):
        backward(loss)
    with pytest.raises(RuntimeError, match="played already"):
        backward(loss * 2)


def test_comparisons_are_elementwise_and_hash_is_identity():
    x, y = tensor(2), tensor(2)
    assert (x == y).tolist() == [True, True]
    assert len({x, y, x}) == 2


def test_check_gradients_catches_a_wrong_rule(rng):
    @primitive(twin=lambda x: np.sin(x))
    def wrong_sine(x):
        return np.sin(x), lambda g: g * np.cos(x) * 1.001

    with pytest.raises(AssertionError, match="HIPS autograd differ"):
        check_gradients(lambda x: np.sum(wrong_sine(x)), rng.normal(size=3), rng)
    with pytest.raises(AssertionError, match="central differences"):
        check_gradients(lambda x: np.sum(wrong_sine(x)), rng.normal(size=3), rng, hips=None)


def test_check_gradients_names_a_kink(rng):
    with pytest.raises(AssertionError, match="kink"):
        check_gradients(lambda x: np.sum(np.maximum(x, 3e-6)), np.zeros(4), rng, hips=None)


def test_a_new_rule_is_one_function(rng):
    before = dict(engine._rules)
    try:

        @derivative_of(np.cbrt)
        def cbrt(x):
            y = np.cbrt(x)
            return y, lambda g: g / (3 * y * y)

        check_gradients(lambda x: np.sum(np.cbrt(x)), rng.uniform(1, 2, 4), rng, hips=None)
    finally:
        engine._rules.clear()
        engine._rules.update(before)


def test_gradients_keep_the_shape_of_their_parameter():
    shapes = {"scalar": (), "row": (1, 4), "column": (3, 1), "full": (3, 4)}
    params = {name: np.ones(shape) for name, shape in shapes.items()}
    _, grads = value_and_grad(lambda p: np.sum(p["scalar"] * p["row"] * p["column"] * p["full"]))(params)
    assert {name: grad.shape for name, grad in grads.items()} == shapes
    assert_allclose(grads["row"], np.full((1, 4), 3.0))
