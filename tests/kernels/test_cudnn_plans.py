"""cuDNN has a plan for every convolution of the network; planned for an H200 that nobody needs to have."""

import numpy as np
import pytest

from mgcbook.learning.resnet import init_resnet

pytest.importorskip("cudnn", reason="needs cuDNN: pip install 'mgcbook[cuda13]' (no GPU is needed)")


def convolutions(depth, batch, size):
    """(maps, kernel, stride, padding) of each convolution, as `resnet` calls it, without repetition."""
    params, _ = init_resnet(np.random.default_rng(0), depth=depth, width=64)
    maps, found = (batch, size, size, 3), []

    def add(name, maps, stride):
        kernel = params[name].shape
        padding = kernel[0] // 2
        found.append((maps, kernel, stride, padding))
        return batch, *((n + 2 * padding - kernel[0]) // stride + 1 for n in maps[1:3]), kernel[3]

    maps = add("conv1.weight", maps, 2)
    maps = batch, maps[1] // 2, maps[2] // 2, maps[3]
    for name in dict.fromkeys(name.rpartition(".conv")[0] for name in params if ".conv" in name):
        stride = 2 if name.endswith(".0") and not name.startswith("layer1") else 1
        if f"{name}.downsample.0.weight" in params:
            add(f"{name}.downsample.0.weight", maps, stride)
        for i in (1, 2, 3):
            maps = add(f"{name}.conv{i}.weight", maps, stride if i == 2 else 1)
    return list(dict.fromkeys(found)), maps


def test_the_list_of_convolutions_is_the_networks():
    shapes, last = convolutions(50, 15, 224)
    assert len(shapes) == 23 and last == (15, 7, 7, 2048)


@pytest.mark.parametrize("dtype, strict, limit", [("float32", False, 100), ("float32", True, 1000), ("bfloat16", False, 50)])
def test_every_convolution_has_a_plan(dtype, strict, limit):
    from mgcbook.kernels.gpu.cudnn import H200, Plans

    plans = Plans(device=H200, strict=strict)
    shapes, _ = convolutions(50, 15, 224)
    for shape in shapes:
        for what in ("forward", "input", "kernel"):
            assert plans.plan(what, *shape, dtype) is plans.plan(what, *shape, dtype)
    found = [plans.plan(what, *shape, dtype) for shape in shapes for what in ("forward", "input", "kernel")]
    assert all(len(plan.tried) > 1 for plan in found), "nothing to choose from"
    assert 0 < max(plan.sizes[plan.tried[0]] for plan in found) < limit << 20  # bytes


def test_a_convolution_that_does_not_fit_has_none():
    import cudnn

    from mgcbook.kernels.gpu.cudnn import H200, Plans

    with pytest.raises((cudnn.cudnnGraphNotSupportedError, RuntimeError)):
        Plans(device=H200).plan("forward", (1, 2, 2, 8), (3, 3, 8, 8), 1, 0)  # a window larger than the map
