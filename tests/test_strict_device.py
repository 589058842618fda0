"""The stand-in for CuPy refuses what it should, and a whole training step runs on it without waiting."""

import ast
import contextlib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook import arrays
from mgcbook.face.camera import Camera
from mgcbook.learning.decoder import Decoder
from mgcbook.learning.objective import total_loss
from mgcbook.learning.optim import adam, init_adam
from mgcbook.learning.resnet import init_resnet, resnet
from mgcbook.tape import value_and_grad
from tests.strict_device import DeviceArray, HostSync, again, capturable, cupy_is_installed, no_sync, recorded, to_device
from tests.toy import toy_batch, toy_coefficients, toy_model

ROOT = Path(__file__).parents[1]
LENS = Camera(focal=600.0, width=32, height=32)


@pytest.fixture
def x():
    return DeviceArray(np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize(
    "mistake",
    [
        lambda x: x + np.ones(3),
        lambda x: np.ones(3) + x,
        lambda x: np.concatenate((x, np.ones((2, 3))), axis=0),
        lambda x: np.asarray(x),
        lambda x: np.zeros(3).__setitem__(slice(None), x[0]),
        lambda x: x[np.array([0, 1])],
        lambda x: x[[0, 1]],
        lambda x: np.add(x, [1.0, 2.0, 3.0]),
    ],
)
def test_host_arrays_do_not_mix(x, mistake):
    with pytest.raises((TypeError, ValueError)):
        mistake(x)


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: float(x[0, 0]),
        lambda x: bool((x > 0).any()),
        lambda x: int(x[0, 0]),
        lambda x: [1, 2][x[0, 0].astype(int)],
        lambda x: x.get(),
        lambda x: arrays.to_host({"x": x}),
        lambda x: x[x > 1],
        lambda x: np.nonzero(x),
        lambda x: np.where(x > 1),
        lambda x: x.sum().item(),
    ],
)
def test_waits_are_found(x, wait):
    wait(x)  # allowed in a lesson
    with pytest.raises(HostSync), no_sync():
        wait(x)


@pytest.mark.parametrize(
    "act",
    [
        lambda x: x @ np.swapaxes(x, 0, 1),
        lambda x: np.einsum("ij,ij->i", x, x),
        lambda x: np.stack([x] * 9),
        lambda x: np.asarray(np.ones(3), like=x),
    ],
)
def test_what_no_graph_can_hold_is_found(x, act):
    with no_sync():
        act(x)
    with pytest.raises(HostSync), capturable():
        act(x)


def test_what_was_recorded_is_done_again_on_the_same_memory(x):
    with recorded() as tape:
        y = np.sum(2 * x[1:], axis=0)
        total = arrays.matmul(y[None], y[:, None])
        x += 1
    x._host[...] = 1
    again(tape)
    assert y.get().tolist() == [2, 2, 2] and total.get().tolist() == [[12]] and (x.get() == 2).all()


def test_what_a_device_can_do(x):
    with no_sync() as log:
        x += 1
        total = np.sum(arrays.matmul(x, np.swapaxes(x, 0, 1)) - 2 * x[:, :1], axis=None)
        assert (log.calls, log.syncs) == (7, 0)
    assert type(total) is DeviceArray and total.shape == ()
    assert total.get() == 14 + 32 + 32 + 77 - 2 * 2 * (1 + 4) and arrays.to_host([x])[0].tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.skipif(not cupy_is_installed(), reason="names are compared with CuPy, which is not installed")
def test_names_and_arguments_that_cupy_lacks(x):
    with pytest.raises(TypeError, match="matvec does not exist in CuPy"):
        np.matvec(x, x[0])
    with pytest.raises(TypeError, match="sum of CuPy"):
        np.sum(x, axis=0, where=x > 1)


def names_of_numpy(path):
    """X of every np.X in a file."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == "np"}


def test_cupy_has_every_name_that_formulas_and_kernels_use():
    cupy = pytest.importorskip("cupy", reason="needs CuPy: pip install 'mgcbook[cuda13]' (no GPU is needed)")
    folders = [ROOT / "mgcbook" / folder for folder in ("tape", "face", "learning", "kernels/twins", "kernels/gpu")]
    used = {path: names_of_numpy(path) for folder in folders for path in folder.glob("*.py")}
    assert len(set().union(*used.values())) > 50
    assert not {path.name: missing for path, names in used.items() if (missing := {n for n in names if not hasattr(cupy, n)})}


def device_model(model):
    return replace(model, **{part.name: to_device(getattr(model, part.name)) for part in fields(model)})


@pytest.mark.parametrize("views, antialiased", [(1, False), (3, False), (3, True)])
def test_the_combined_loss_never_waits(rng, views, antialiased):
    """Except with antialiasing: how many pixels lie on the outline is known on the device only."""
    model = toy_model(side=9)
    host, device = (Decoder(any_model, LENS, antialiased=antialiased) for any_model in (model, device_model(model)))
    start = toy_coefficients(rng, host.layout, 2, views).astype(np.float32)
    batch = {name: array.astype(np.float32) for name, array in toy_batch(rng, LENS, 2, views, [1, 2]).items()}
    loss = value_and_grad(total_loss, has_aux=True)
    (expected, terms), gradient = loss(start, batch, host)
    assert (terms["render"] > 0) and (views == 1 or terms["pixel"] > 0)
    with contextlib.nullcontext() if antialiased else capturable():
        (found, on_device), device_gradient = loss(to_device(start), to_device(batch), device)
    assert_allclose(found.get(), expected, rtol=1e-5)
    assert_allclose(device_gradient.get(), gradient, rtol=0, atol=1e-4 * np.abs(gradient).max())
    for name, term in terms.items():
        assert_allclose(on_device[name].get(), term, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("depth, fused, dtype", [(10, True, np.float64), (10, False, np.float64), (50, True, np.float64),
                                                 (10, True, np.float32)])  # fmt: skip
def test_a_training_step_of_the_network_never_waits(rng, depth, fused, dtype):
    params, state = init_resnet(rng, depth=depth, outputs=5, width=4, dtype=dtype)
    params["fc.weight"] = rng.normal(size=params["fc.weight"].shape).astype(dtype)
    images = rng.random((3, 32, 32, 3)).astype(dtype)

    def step(params, state, images, memory):
        def loss(params):
            outputs, new_state = resnet(params, images, state, train=True, fused=fused)
            return np.mean(np.square(outputs)), new_state

        (value, state), grads = value_and_grad(loss, has_aux=True)(params)
        params, memory = adam(params, grads, memory, 1e-2)
        return value, params, state, grads

    value, new, new_state, grads = step(params, state, images, init_adam(params))
    on_device = to_device(params)
    with capturable():
        found, device_new, device_state, device_grads = step(on_device, to_device(state), to_device(images), init_adam(on_device))
    assert all(array.dtype == dtype for tree in (device_new, device_state, device_grads) for array in tree.values())
    # The last layer sees 3 pixels: batch norm over so few makes single precision noisy.
    tolerance = 1e-8 if dtype == np.float64 else 1e-1
    assert_allclose(found.get(), value, rtol=tolerance)
    for name, gradient in grads.items():
        assert_allclose(device_grads[name].get(), gradient, rtol=0, atol=tolerance * np.abs(gradient).max() + 1e-6, err_msg=name)
    for name in state:
        assert_allclose(device_state[name].get(), new_state[name], rtol=tolerance, atol=tolerance, err_msg=name)
    assert not np.array_equal(device_new["fc.bias"].get(), params["fc.bias"])
    assert_allclose(device_new["fc.bias"].get(), new["fc.bias"], rtol=tolerance)


def test_arrays_that_numpy_fills_itself_are_refused_with_like():
    x = DeviceArray(np.ones(3, np.float32))
    assert np.full_like(x, 7, shape=(2, 2)).shape == (2, 2) and np.zeros(2, like=x).shape == (2,)
    for make in (lambda: np.ones(2, like=x), lambda: np.full(2, 7, like=x), lambda: np.eye(2, like=x)):
        with pytest.raises(TypeError, match="no argument 'device'"):
            make()
