"""The same numbers as PyTorch, layer by layer and as a network. Skipped without PyTorch, which is no dependency."""

import numpy as np
import pytest

from mgcbook.learning import nn
from mgcbook.learning.optim import adam, init_adam
from mgcbook.learning.resnet import IMAGENET_DEVIATION, IMAGENET_MEAN, init_resnet, resnet
from mgcbook.learning.weights import from_torch, load_pretrained, save_weights, to_torch
from mgcbook.tape import value_and_grad

torch = pytest.importorskip("torch")
peer = pytest.importorskip("benchmarks.torch_resnet")


def _planes(x):
    """(B, H, W, C) -> PyTorch's (B, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))


def _pixels(tensor):
    return tensor.detach().numpy().transpose(0, 2, 3, 1)


def _close(ours, theirs, tolerance=1e-5):
    assert np.abs(ours - theirs).max() <= tolerance * np.abs(theirs).max()


@pytest.mark.parametrize(("channels", "out", "size", "stride"),
                         [(3, 64, 7, 2), (64, 64, 3, 1), (32, 48, 3, 2), (64, 96, 1, 1), (48, 80, 1, 2)])
def test_convolution(rng, channels, out, size, stride):
    x = rng.normal(size=(3, 30, 32, channels)).astype(np.float32)
    weight = rng.normal(size=(size, size, channels, out)).astype(np.float32)
    padding = size // 2
    tx, tw = _planes(x).requires_grad_(), torch.from_numpy(to_torch(weight)).requires_grad_()
    ty = torch.nn.functional.conv2d(tx, tw, stride=stride, padding=padding)
    ty.square().sum().backward()
    loss = lambda p: np.sum(np.square(nn.conv2d(p["x"], p["w"], stride=stride, padding=padding)))
    _, grads = value_and_grad(loss)({"x": x, "w": weight})
    _close(nn.conv2d(x, weight, stride=stride, padding=padding), _pixels(ty))
    _close(grads["x"], _pixels(tx.grad))
    _close(grads["w"], from_torch(tw.grad.numpy()))


@pytest.mark.parametrize("train", [True, False])
def test_batch_norm(rng, train):
    x = rng.normal(2, 3, size=(3, 9, 8, 20)).astype(np.float32)
    norm = torch.nn.BatchNorm2d(20).train(train)
    gamma, beta, *running = (np.full(20, value, np.float32) for value in (1.5, 0.2, 0.3, 2))
    with torch.no_grad():
        theirs = norm.weight, norm.bias, norm.running_mean, norm.running_var
        for tensor, value in zip(theirs, (gamma, beta, *running), strict=True):
            tensor.copy_(torch.from_numpy(value))
    y, new = nn.batch_norm(x, gamma, beta, running, train=train)
    _close(y, _pixels(norm(_planes(x))))
    _close(new[0], norm.running_mean.numpy())
    _close(new[1], norm.running_var.numpy())


def test_max_pool(rng):
    x = rng.normal(size=(2, 13, 14, 5)).astype(np.float32)
    _close(nn.max_pool(x), _pixels(torch.nn.functional.max_pool2d(_planes(x), 3, 2, 1)), 0)


def _pair(rng, depth, dtype=np.float32):
    """The same random network twice: ours, and PyTorch's filled through a file in its own names."""
    params, state = init_resnet(rng, depth, outputs=7, width=64, dtype=dtype)
    params = {name: (p + 0.2 * rng.normal(size=p.shape)).astype(dtype) if p.ndim == 1 else p for name, p in params.items()}
    params["fc.weight"] = (0.05 * rng.normal(size=params["fc.weight"].shape)).astype(dtype)
    network = peer.ResNet(depth, outputs=7).to(torch.float64 if dtype == np.float64 else torch.float32)
    network.load_state_dict({name: torch.from_numpy(to_torch(a)) for name, a in {**params, **state}.items()}, strict=False)
    return params, state, network


def _whitened(images):
    return _planes(((images - IMAGENET_MEAN) / IMAGENET_DEVIATION).astype(images.dtype))


@pytest.mark.parametrize("depth", [18, 50])
def test_network_in_evaluation(rng, depth):
    params, state, network = _pair(rng, depth)
    images = rng.random((3, 96, 80, 3), np.float32)
    with torch.no_grad():
        _close(resnet(params, images, state)[0], network.eval()(_whitened(images)).numpy())


@pytest.mark.parametrize("depth", [18, 50])
def test_training_in_float64(rng, depth):
    """Outputs, gradients, running statistics, a step of Adam; in float32 the ReLUs of a random network amplify rounding."""
    params, state, network = _pair(rng, depth, np.float64)
    images, targets = rng.random((3, 64, 64, 3)), rng.random((3, 7))
    loss = lambda p, s: (lambda out: (np.mean(np.square(out[0] - targets)), out[1]))(resnet(p, images, s, train=True))
    (value, new_state), grads = value_and_grad(loss, has_aux=True)(params, state)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    theirs = (network.train()(_whitened(images)) - torch.from_numpy(targets)).square().mean()
    theirs.backward()
    assert value == pytest.approx(theirs.item(), rel=1e-9)
    for name, parameter in network.named_parameters():
        _close(grads[name], from_torch(parameter.grad.numpy()), 1e-6)
    for name, s in new_state.items():
        _close(s, network.state_dict()[name].numpy(), 1e-9)
    optimizer.step()
    ours, _ = adam(params, grads, init_adam(params), 1e-3)
    for name, parameter in network.named_parameters():
        np.testing.assert_allclose(ours[name], from_torch(parameter.detach().numpy()), atol=1e-7)


def test_float32_is_as_exact_as_pytorch(rng):
    params, state, network = _pair(rng, 50)
    images = rng.random((5, 64, 64, 3), np.float32)
    wide = peer.ResNet(50, outputs=7).double()
    wide.load_state_dict({name: t.double() for name, t in network.state_dict().items()})
    with torch.no_grad():
        truth = wide.train()(_whitened(images.astype(np.float64))).numpy()
        theirs = network.train()(_whitened(images)).numpy()
    ours = resnet(params, images, state, train=True)[0]
    assert np.abs(ours - truth).max() <= 3 * np.abs(theirs - truth).max()


def test_files_go_both_ways(tmp_path, rng):
    params, state, network = _pair(rng, 18)
    empty = init_resnet(rng, 18, outputs=7)
    for zipped in (True, False):
        torch.save(network.state_dict(), tmp_path / "net.pth", _use_new_zipfile_serialization=zipped)
        loaded, _ = load_pretrained(tmp_path / "net.pth", *empty)
        assert all(np.array_equal(loaded[name], params[name]) for name in params)
    torch.save({"epoch": 1, "state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, tmp_path / "net.pth")
    assert np.array_equal(load_pretrained(tmp_path / "net.pth", *empty)[0]["conv1.weight"], params["conv1.weight"])
    from safetensors.torch import load_file

    save_weights(tmp_path / "net.safetensors", params, state)
    network.load_state_dict(load_file(tmp_path / "net.safetensors"), strict=False)
