"""The layers: by hand, against HIPS autograd and central differences, and in training against evaluation."""

import numpy as np
import pytest

from mgcbook.learning import fused, nn
from mgcbook.tape import check_gradients


def _weighted(rng, y):
    """A scalar in which every number of y counts differently."""
    return np.sum(y * np.random.default_rng(9).normal(size=y.shape))


def test_conv2d_by_hand():
    x = np.arange(9.0).reshape(1, 3, 3, 1)
    edge = np.array([[1.0, 0, -1]]).reshape(1, 3, 1, 1)
    assert np.array_equal(nn.conv2d(x, edge)[0, :, 0, 0], [-2, -2, -2])
    box = np.ones((3, 3, 1, 1))
    assert np.array_equal(nn.conv2d(x, box, padding=1)[0, :, :, 0], [[8, 15, 12], [21, 36, 27], [20, 33, 24]])
    assert np.array_equal(nn.conv2d(x, box, padding=1, stride=2)[0, :, :, 0], [[8, 12], [20, 24]])


@pytest.mark.parametrize(("height", "size", "stride", "padding"),
                         [(6, 3, 1, 1), (7, 3, 2, 1), (6, 1, 1, 0), (6, 1, 2, 0), (9, 7, 2, 3), (8, 2, 3, 0)])
def test_conv2d_gradients(rng, height, size, stride, padding):
    params = {"x": rng.normal(size=(2, height, 6 if size < 7 else 8, 3)), "weight": rng.normal(size=(size, size, 3, 4))}
    check_gradients(lambda p: _weighted(rng, nn.conv2d(p["x"], p["weight"], stride=stride, padding=padding)), params, rng)


def test_conv2d_says_what_is_wrong(rng):
    x = rng.normal(size=(1, 4, 4, 3))
    with pytest.raises(ValueError, match=r"got \(1, 4, 4, 3\) and \(3, 3, 2, 4\)"):
        nn.conv2d(x, np.zeros((3, 3, 2, 4)))
    with pytest.raises(ValueError, match="7 x 7 window does not fit into 4 x 4"):
        nn.conv2d(x, np.zeros((7, 7, 3, 4)), padding=1)


def test_batch_norm_in_training_makes_mean_0_and_variance_1(rng):
    x = 5 + 3 * rng.normal(size=(4, 6, 5, 7))
    running = (np.zeros(7), np.ones(7))
    y, new = nn.batch_norm(x, np.ones(7), np.zeros(7), running, train=True)
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-10)
    np.testing.assert_allclose(y.var(axis=(0, 1, 2)), 1, rtol=1e-5)
    np.testing.assert_allclose(new[0], 0.1 * x.mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(new[1], 0.9 + 0.1 * x.var(axis=(0, 1, 2), ddof=1))
    assert np.array_equal(running[0], np.zeros(7))  # nothing is changed in place


def test_batch_norm_in_evaluation_uses_the_running_statistics(rng):
    x, weight, bias = rng.normal(size=(2, 3, 3, 4)), rng.normal(size=4), rng.normal(size=4)
    running = (rng.normal(size=4), rng.random(4) + 0.5)
    y, new = nn.batch_norm(x, weight, bias, running, train=False)
    np.testing.assert_allclose(y, weight * (x - running[0]) / np.sqrt(running[1] + 1e-5) + bias)
    assert new is running
    one, _ = nn.batch_norm(x[:1], weight, bias, running, train=False)
    np.testing.assert_allclose(one, y[:1])  # the rest of the batch has no say


@pytest.mark.parametrize("train", [True, False])
def test_batch_norm_gradients(rng, train):
    params = {"x": rng.normal(size=(2, 4, 3, 5)), "weight": rng.normal(size=5), "bias": rng.normal(size=5)}
    running = (rng.normal(size=5), rng.random(5) + 0.5)
    check_gradients(lambda p: _weighted(rng, nn.batch_norm(p["x"], p["weight"], p["bias"], running, train=train)[0]), params, rng)


def test_pooling_and_relu_gradients(rng):
    x = rng.normal(size=(2, 7, 6, 3))
    check_gradients(lambda x: _weighted(rng, nn.max_pool(nn.relu(x))), x, rng)
    check_gradients(lambda x: _weighted(rng, nn.max_pool(x, size=2, stride=2, padding=0)), x, rng)
    check_gradients(lambda x: _weighted(rng, nn.mean_pool(x)), x, rng)


def test_max_pool_by_hand():
    x = np.array([[1.0, 5, 2], [0, -1, 3], [7, 1, 1]]).reshape(1, 3, 3, 1)
    assert np.array_equal(nn.max_pool(x)[0, :, :, 0], [[5, 5], [7, 3]])
    assert (nn.max_pool(-x - 10) == -9).all()  # zeros around the map would win: there are none


def test_linear(rng):
    params = {"x": rng.normal(size=(3, 4)), "weight": rng.normal(size=(4, 5)), "bias": rng.normal(size=5)}
    np.testing.assert_allclose(nn.linear(**params), params["x"] @ params["weight"] + params["bias"])
    check_gradients(lambda p: _weighted(rng, nn.linear(p["x"], p["weight"], p["bias"])), params, rng)


BLOCKS = {
    "bottleneck": ([(1, 4, 2), (3, 2, 3), (1, 3, 4)], (1, 1, 1), False),
    "bottleneck, stride": ([(1, 4, 2), (3, 2, 3), (1, 3, 6)], (1, 2, 1), True),
    "basic": ([(3, 4, 3), (3, 3, 4)], (1, 1), False),
    "basic, stride": ([(3, 4, 3), (3, 3, 5)], (2, 1), True),
}


def _block(rng, name, dtype=np.float64):
    kernels, strides, projected = BLOCKS[name]
    params = {"x": rng.normal(size=(2, 6, 5, 4))}
    for i, (size, channels, out) in enumerate([*kernels, (1, 4, kernels[-1][2])] if projected else kernels):
        params[f"w{i}"] = rng.normal(size=(size, size, channels, out))
        params[f"g{i}"], params[f"b{i}"] = rng.normal(size=out), rng.normal(size=out)
    return {key: value.astype(dtype) for key, value in params.items()}, dict(strides=strides, projected=projected)


@pytest.mark.parametrize("name", BLOCKS)
def test_residual_block_gradients(rng, name):
    params, options = _block(rng, name)
    # A small step: the many ReLUs have many kinks
    check_gradients(lambda p: _weighted(rng, fused.residual_block(*p.values(), **options)[0]), params, rng, step=1e-7)


@pytest.mark.parametrize("name", BLOCKS)
def test_residual_block_in_float32_agrees_with_its_twin(rng, name):
    params, options = _block(rng, name, np.float32)
    ours, _ = fused.residual_block(*params.values(), **options)
    theirs, _ = fused.residual_block.twin(*(p.astype(np.float64) for p in params.values()), **options)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5)


def test_stem_gradients(rng):
    params = {"x": rng.normal(size=(2, 12, 11, 3)), "weight": rng.normal(size=(7, 7, 3, 4)), "gamma": rng.normal(size=4),
              "beta": rng.normal(size=4)}
    check_gradients(lambda p: _weighted(rng, fused.stem(*p.values())[0]), params, rng, step=1e-7)
