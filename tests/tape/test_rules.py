"""Every gradient rule against HIPS autograd (1e-10) and central differences (1e-6), at random points without symmetry."""

import numpy as np
import pytest

from mgcbook.tape import Tensor, check_gradients, engine, value_and_grad

# One line per rule: (NumPy function, formula of x (3, 4) and y (3, 4), both random in [0.2, 0.9]).
FORMULAS = [
    (np.add, lambda x, y: x + y[0] + 2.0),
    (np.subtract, lambda x, y: 1.0 - (x - y[:, :1])),
    (np.multiply, lambda x, y: x * y * 3.0),
    (np.divide, lambda x, y: x / y[:1] + 1 / x),
    (np.power, lambda x, y: x**y + x**3 + 2.0**y),
    (np.negative, lambda x, y: -x * y),
    (np.abs, lambda x, y: abs(x - y)),
    (np.square, lambda x, y: np.square(x)),
    (np.reciprocal, lambda x, y: np.reciprocal(x)),
    (np.sqrt, lambda x, y: np.sqrt(x)),
    (np.exp, lambda x, y: np.exp(x)),
    (np.log, lambda x, y: np.log(x)),
    (np.log1p, lambda x, y: np.log1p(x)),
    (np.expm1, lambda x, y: np.expm1(x)),
    (np.sin, lambda x, y: np.sin(x)),
    (np.cos, lambda x, y: np.cos(x)),
    (np.tan, lambda x, y: np.tan(x)),
    (np.tanh, lambda x, y: np.tanh(x)),
    (np.arcsin, lambda x, y: np.arcsin(x)),
    (np.arccos, lambda x, y: np.arccos(x)),
    (np.arctan, lambda x, y: np.arctan(x)),
    (np.arctan2, lambda x, y: np.arctan2(x, y)),
    (np.maximum, lambda x, y: np.maximum(x, y) * x),
    (np.minimum, lambda x, y: np.minimum(x, y[0]) * x),
    (np.clip, lambda x, y: np.clip(x, 0.4, 0.7) * y),
    (np.where, lambda x, y: np.where(y > 0.5, x * x, y)),
    (np.sum, lambda x, y: np.sum(x * y, axis=1) * np.sum(x, axis=(0, 1)) + np.sum(x, axis=0, keepdims=True)[0, 1]),
    (np.mean, lambda x, y: np.mean(x * y, axis=-1) + np.mean(x)),
    (np.max, lambda x, y: np.max(x * y, axis=1) + np.max(x, axis=0, keepdims=True)[0, 0]),
    (np.min, lambda x, y: np.min(x * y, axis=0) + np.min(x)),
    (np.cumsum, lambda x, y: np.cumsum(x * y, axis=1)),
    (np.linalg.norm, lambda x, y: np.linalg.norm(x * y, axis=1)),
    (np.matmul, lambda x, y: x @ np.swapaxes(y, 0, 1)),
    (np.einsum, lambda x, y: np.einsum("ij,kj->ik", x, y) * np.einsum("ij,ij->i", x, y)),
    (np.reshape, lambda x, y: np.reshape(x, (2, 6)) * y.reshape(2, 6)),
    (np.ravel, lambda x, y: np.ravel(x)[3:] ** 2),
    (np.transpose, lambda x, y: np.transpose(np.stack([x, y]), (2, 0, 1))[1:] ** 2 + x.T[0, 0]),
    (np.swapaxes, lambda x, y: np.swapaxes(x, 0, 1) ** 2),
    (np.moveaxis, lambda x, y: np.moveaxis(np.stack([x, y], axis=0), 0, -1)[0] ** 2),
    (np.expand_dims, lambda x, y: np.expand_dims(x, 1) * y),
    (np.squeeze, lambda x, y: np.squeeze(x[:1], 0) * y),
    (np.broadcast_to, lambda x, y: np.broadcast_to(x[:, :1], (3, 4)) * y),
    (np.flip, lambda x, y: np.flip(x, 1) * y),
    (np.repeat, lambda x, y: np.repeat(x, 3, axis=1)[:, 1:5] * y),
    (np.pad, lambda x, y: np.pad(x, 1, "constant")[:3, :4] * y),
    (np.stack, lambda x, y: np.stack([x, y * 2, x], axis=1) ** 2),
    (np.concatenate, lambda x, y: np.concatenate([x, y, x * y], axis=1)[:, 2:9] ** 2),
    (np.take, lambda x, y: np.take(x * y, np.array([0, 2, 2]), axis=1)),
    ("getitem", lambda x, y: x[1:, ::2] * y[[0, 0], :2] + x[np.array([0, 2]), np.array([1, 1])][:, None]),
    ("mask", lambda x, y: x[y > 0.5] ** 2 if not hasattr(y, "_value") else x[y._value > 0.5] ** 2),
    ("methods", lambda x, y: (x.reshape(4, 3).T.sum(axis=0) * (-y).mean(axis=0)) + y.max() * x.min()),
    ("astype", lambda x, y: x.astype(np.float64) * y),
]

NAMES = [getattr(name, "__name__", name) for name, _ in FORMULAS]
UNKNOWN_TO_HIPS = {np.flip, np.take}  # central differences alone judge these


@pytest.mark.parametrize("name, formula", FORMULAS, ids=NAMES)
def test_rule_agrees_with_hips_and_differences(name, formula, rng):
    point = {"x": rng.uniform(0.2, 0.9, (3, 4)), "y": rng.uniform(0.2, 0.9, (3, 4))}
    hips = None if name in UNKNOWN_TO_HIPS else 1e-10
    check_gradients(lambda p: np.sum(np.sin(formula(p["x"], p["y"]))), point, rng, hips=hips)


def test_cross_agrees_with_differences(rng):  # HIPS autograd has no rule for it
    point = {"x": rng.normal(size=(5, 3)), "y": rng.normal(size=(5, 3))}
    check_gradients(lambda p: np.sum(np.cross(p["x"], p["y"]) ** 2), point, rng, hips=None)


def test_the_table_leaves_no_rule_out():
    assert set(engine._rules) - {name for name, _ in FORMULAS} == {np.cross}


@pytest.mark.parametrize("name, formula", FORMULAS, ids=NAMES)
def test_single_precision_stays_single(name, formula, rng):
    if name == "astype":
        return
    point = {key: rng.uniform(0.2, 0.9, (3, 4)).astype(np.float32) for key in "xy"}
    loss, grads = value_and_grad(lambda p: np.sum(formula(p["x"], p["y"])))(point)
    assert loss.dtype == np.float32
    assert grads["x"].dtype == grads["y"].dtype == np.float32


@pytest.mark.parametrize("function", [np.maximum, np.minimum])
def test_ties_are_shared_as_in_hips(function):
    import autograd

    f = lambda x: np.sum(function(x, 0.0))
    point = np.array([-1.0, 0.0, 2.0])
    assert value_and_grad(f)(point)[1].tolist() == autograd.value_and_grad(f)(point)[1].tolist()


def test_absolute_value_is_flat_at_zero():
    assert value_and_grad(lambda x: np.sum(np.abs(x)))(np.zeros(2))[1].tolist() == [0, 0]


@pytest.mark.parametrize("subscripts", ["ii->i", "ij,kl->ik", "...i,i->...", "ij,jk"])
def test_einsum_refuses_what_it_cannot_differentiate(subscripts):
    x = Tensor(np.ones((3, 3)))
    operands = (x,) if "," not in subscripts else (x, x)
    with pytest.raises(TypeError, match="einsum"):
        np.einsum(subscripts, *operands)
