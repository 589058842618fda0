"""Residual networks: shapes, names, training against evaluation, gradients from end to end."""

import subprocess
import sys

import numpy as np
import pytest

from mgcbook.learning import resnet as resnet_module
from mgcbook.learning.resnet import IMAGENET_DEVIATION, IMAGENET_MEAN, init_resnet, prepare_inference, resnet
from mgcbook.tape import check_gradients, value_and_grad


def _network(rng, depth=10, dtype=np.float32, outputs=6, width=4):
    """A network whose outputs and shifts are not zero."""
    params, state = init_resnet(rng, depth, outputs, width, dtype)
    params = {name: (p + 0.3 * rng.normal(size=p.shape)).astype(dtype) if p.ndim == 1 else p for name, p in params.items()}
    params["fc.weight"] = rng.normal(size=params["fc.weight"].shape).astype(dtype)
    return params, {name: (s + 0.3 * rng.random(s.shape)).astype(dtype) for name, s in state.items()}


def test_published_sizes_and_names(rng):
    params, state = init_resnet(rng, 50, outputs=1000)
    assert sum(p.size for p in params.values()) == 25_557_032  # torchvision's resnet50
    assert params["layer3.5.conv2.weight"].shape == (3, 3, 256, 256)
    assert params["layer4.0.downsample.0.weight"].shape == (1, 1, 1024, 2048)
    assert "layer1.0.bn3.running_var" in state
    assert sum(p.size for p in init_resnet(rng, 18, outputs=1000)[0].values()) == 11_689_512
    assert sum(p.size for p in init_resnet(rng, 34, outputs=1000)[0].values()) == 21_797_672


def test_first_prediction_is_the_mean_face(rng):
    params, state = init_resnet(rng, 18, width=4)
    out, new = resnet(params, rng.random((2, 64, 64, 3), np.float32), state, train=True)
    assert out.shape == (2, 257)
    assert out.dtype == np.float32
    assert not out.any()
    assert new.keys() == state.keys()


def test_unknown_depth_is_named(rng):
    with pytest.raises(ValueError, match="depth: expected one of 10, 18, 34, 50, 101, 152, got 51"):
        init_resnet(rng, 51)
    params, state = _network(rng)
    with pytest.raises(ValueError, match=r"images: expected \(B, H, W, 3\), got \(3, 64, 64\)"):
        resnet(params, np.zeros((3, 64, 64)), state)


@pytest.mark.parametrize("depth", [10, 50])
@pytest.mark.parametrize("train", [True, False])
def test_fused_and_by_layers_are_the_same_function(rng, depth, train):
    params, state = _network(rng, depth, np.float64)
    images = rng.random((2, 37, 40, 3))
    (fast, fast_state), (slow, slow_state) = (resnet(params, images, state, train=train, fused=fused) for fused in (True, False))
    np.testing.assert_allclose(fast, slow, rtol=1e-9)
    for name in state:
        np.testing.assert_allclose(fast_state[name], slow_state[name], rtol=1e-9)
    assert (fast_state is state) == (not train)


@pytest.mark.parametrize("train", [True, False])
def test_float32_agrees_with_float64(rng, train):
    params, state = _network(rng, 18, np.float32, width=16)
    images = rng.random((6, 64, 64, 3), np.float32)
    wide = [{name: a.astype(np.float64) for name, a in tree.items()} for tree in (params, state)]
    ours = resnet(params, images, state, train=train)[0]
    theirs = resnet(wide[0], images.astype(np.float64), wide[1], train=train)[0]
    assert np.abs(ours - theirs).max() < 1e-5 * np.abs(theirs).max() * (10 if train else 1)


@pytest.mark.parametrize(("depth", "train"), [(10, True), (50, True), (10, False)])
def test_gradients_from_end_to_end(rng, depth, train):
    params, state = _network(rng, depth, np.float64, width=2)
    images, weights = rng.random((3, 33, 34, 3)), rng.normal(size=(3, 6))
    loss = lambda p: np.sum(weights * resnet(p, images, state, train=train)[0])
    # No differences: thousands of ReLUs make a kink near every point; the next test goes a very small step instead
    check_gradients(loss, params, rng, hips=1e-8, differences=None)


def test_gradient_along_the_gradient(rng):
    """A step against the gradient lowers the loss by as much as the gradient says."""
    params, state = _network(rng, 10, np.float64)
    images = rng.random((3, 40, 40, 3))
    loss = lambda p: np.sum(np.square(resnet(p, images, state, train=True)[0]))
    _, grads = value_and_grad(loss)(params)
    size = 1e-7 / np.sqrt(sum(np.sum(g * g) for g in grads.values()))
    ahead, back = (loss({name: p + s * size * grads[name] for name, p in params.items()}) for s in (1, -1))
    assert (ahead - back) / (2 * size) == pytest.approx(sum(np.sum(g * g) for g in grads.values()), rel=1e-5)


@pytest.mark.parametrize("train", [True, False])
def test_images_have_gradients_too(rng, train):
    params, state = _network(rng, 10, np.float64, width=2)
    weights = rng.normal(size=(2, 6))
    check_gradients(lambda x: np.sum(weights * resnet(params, x, state, train=train)[0]), rng.random((2, 20, 18, 3)), rng,
                    hips=1e-8, differences=None)


@pytest.mark.parametrize("depth", [10, 50])
def test_a_prepared_network_is_the_network_in_evaluation(rng, depth):
    params, state = _network(rng, depth, width=32)
    predict = prepare_inference(params, state)
    for size in (33, 64):
        images = rng.random((2, size, size, 3), np.float32)
        assert np.array_equal(predict(images), resnet(params, images, state)[0])
        wide = [{name: array.astype(np.float64) for name, array in tree.items()} for tree in (params, state)]
        exact = resnet(wide[0], images.astype(np.float64), wide[1], fused=False)[0]
        assert np.abs(predict(images) - exact).max() < 1e-5 * np.abs(exact).max()
    with pytest.raises(ValueError, match=r"images: expected \(B, H, W, 3\), got \(3, 64, 64\)"):
        predict(np.zeros((3, 64, 64)))


def test_in_evaluation_each_image_stands_alone(rng):
    params, state = _network(rng, width=16)
    images = rng.random((3, 48, 48, 3), np.float32)
    together = resnet(params, images, state)[0]
    np.testing.assert_allclose(resnet(params, images[1:2], state)[0], together[1:2], rtol=1e-4, atol=1e-5)
    assert not np.allclose(resnet(params, images[1:2], state, train=True)[0], together[1:2])


def test_colours_are_whitened_inside(rng):
    params, state = _network(rng, dtype=np.float64)
    gray = np.broadcast_to(np.array(IMAGENET_MEAN), (1, 32, 32, 3))
    dark = resnet(params, gray, state)[0]
    shifted = {**params, "conv1.weight": params["conv1.weight"] * 2}
    np.testing.assert_allclose(resnet(shifted, gray, state)[0], dark)  # the mean colour is 0 for the first layer
    brighter = gray + np.array(IMAGENET_DEVIATION)
    assert not np.allclose(resnet(params, brighter, state)[0], dark)


def test_a_small_network_learns(rng):
    from mgcbook.learning.optim import adam, init_adam

    params, state = init_resnet(rng, 10, outputs=3, width=8)
    images = rng.random((8, 32, 32, 3), np.float32)
    images += np.linspace(-0.4, 0.4, 8, dtype=np.float32)[:, None, None, None]
    targets = images.mean(axis=(1, 2)) * 4 - 2
    memory, losses = init_adam(params), []
    for _ in range(15):
        loss = lambda p, s: ((lambda out: (np.mean(np.square(out[0] - targets)), out[1]))(resnet(p, images, s, train=True)))
        (value, state), grads = value_and_grad(loss, has_aux=True)(params, state)
        params, memory = adam(params, grads, memory, 3e-3)
        losses.append(float(value))
    assert losses[-1] < 0.1 * losses[0]


def test_a_training_step_has_the_same_bits_for_any_number_of_threads(rng):
    threads = pytest.importorskip("mgcbook.kernels.cpu.threads")
    params, state = _network(rng, 10, width=32)
    images = rng.random((4, 64, 64, 3), np.float32)

    def loss(p):
        out, new = resnet(p, images, state, train=True)
        return np.sum(np.square(out)), new

    before, runs = threads.get_threads(), []
    try:
        for count in (1, 2, 5):
            threads.set_threads(count)
            (value, new), grads = value_and_grad(loss, has_aux=True)(params)
            runs.append([value.tobytes(), *(array.tobytes() for tree in (new, grads) for array in tree.values())])
    finally:
        threads.set_threads(before)
    assert runs[0] == runs[1] == runs[2]


def test_without_numba_the_twins_do_the_work(rng):
    code = ("import sys; sys.modules['numba'] = None\n"
            "import numpy as np; from mgcbook.learning.resnet import init_resnet, resnet; from mgcbook.learning import optim\n"
            "from mgcbook.tape import value_and_grad\n"
            "params, state = init_resnet(np.random.default_rng(0), 10, outputs=3, width=4); state = dict(state)\n"
            "images = np.random.default_rng(1).random((2, 32, 32, 3), np.float32)\n"
            "loss = lambda p: np.sum(np.square(resnet(p, images, state, train=True)[0] - 1))\n"
            "value, grads = value_and_grad(loss)(params); after, _ = optim.adam(params, grads, optim.init_adam(params), 1e-3)\n"
            "assert loss(after) < value and after['conv1.weight'].dtype == np.float32")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_stride_of_a_bottleneck_sits_on_its_3x3_convolution(rng, monkeypatch):
    seen = []
    block = resnet_module.fast.residual_block

    def spy(*arrays, strides, **others):
        seen.append(strides)
        return block(*arrays, strides=strides, **others)

    monkeypatch.setattr(resnet_module.fast, "residual_block", spy)
    params, state = _network(rng, 50, width=2)
    resnet(params, rng.random((2, 32, 32, 3), np.float32), state, train=True)
    assert seen[:4] == [(1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 2, 1)]
