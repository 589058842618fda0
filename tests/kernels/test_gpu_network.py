"""The GPU's convolutions and products on the stand-in for CuPy: cuDNN's layouts, cuBLAS's columns, bfloat16."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook import arrays
from mgcbook.kernels import twins
from mgcbook.kernels.gpu import conv, cublas, products
from mgcbook.kernels.precision import precise, uses_tf32
from mgcbook.kernels.twins.norm import Affine
from mgcbook.learning.optim import adam, init_adam
from mgcbook.learning.resnet import init_resnet, resnet
from mgcbook.tape import value_and_grad
from tests import fake_gpu
from tests.strict_device import HostSync, capturable, to_device


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    return fake_gpu.compile_sources(tmp_path_factory.mktemp("cuda")) or pytest.skip("needs a C++ compiler")


@pytest.fixture(params=["cuDNN", "without cuDNN"])
def device(request, libraries, monkeypatch):
    return fake_gpu.install(monkeypatch, libraries, cudnn=request.param == "cuDNN")


def draw(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_of_matrices_in_every_layout(rng, libraries, monkeypatch, dtype):
    fake_gpu.install(monkeypatch, libraries)
    random = lambda *shape: rng.normal(size=shape).astype(dtype)
    turned = lambda x: to_device(np.swapaxes(x, -1, -2).copy())
    for m, k, n in [(3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 1, 1), (2, 0, 3)]:
        for batch_x, batch_y in [((), ()), ((2,), (2,)), ((2,), ()), ((), (6,)), ((2, 1), (1, 3)), ((1,), (4,))]:
            x, y = random(*batch_x, m, k), random(*batch_y, k, n)
            on_device = to_device(x), to_device(y)
            views = np.swapaxes(turned(x), -1, -2), np.swapaxes(turned(y), -1, -2)
            expected = x @ y
            with capturable():
                found = [products.matmul(a, b) for a in (on_device[0], views[0]) for b in (on_device[1], views[1])]
                sliced = products.matmul(to_device(np.repeat(x, 2, axis=-1))[..., ::2], on_device[1])
            for one in (*found, sliced):
                assert one.dtype == dtype
                assert_allclose(one.get(), expected, rtol=1e-5, atol=1e-6)


def test_a_wrong_step_would_be_refused(rng, libraries, monkeypatch):
    fake_gpu.install(monkeypatch, libraries)
    monkeypatch.setattr(cublas, "place_of", lambda x: (0, 1, 1))
    with pytest.raises(RuntimeError, match="cublasGemmStridedBatchedEx: cuBLAS status 7"):
        products.matmul(*to_device([draw(rng, 3, 4), draw(rng, 4, 5)]))


@pytest.mark.parametrize(
    "subscripts, shapes",
    [("bhwc,bhwc->bhw", [(2, 3, 4, 3), (2, 3, 4, 3)]), ("ij,jk->ik", [(3, 4), (4, 5)]), ("ij,jk->ki", [(3, 4), (4, 5)]),
     ("bij,bvj->bvi", [(2, 3, 4), (2, 5, 4)]), ("bk,bk->b", [(3, 4), (3, 4)]), ("i,j->ij", [(3,), (4,)]), ("ab->ba", [(2, 3)]),
     ("bij,j->bi", [(2, 3, 4), (4,)]), ("j,bij->ib", [(4,), (2, 3, 4)]), ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
     ("bij,cj->b", [(2, 3, 4), (5, 4)]), ("bhwi,bhwic->bhwc", [(2, 3, 4, 3), (2, 3, 4, 3, 2)])],
)  # fmt: skip
def test_einsum(rng, libraries, monkeypatch, subscripts, shapes):
    fake_gpu.install(monkeypatch, libraries)
    factors = [draw(rng, *shape) for shape in shapes]
    with capturable():
        found = products.einsum(subscripts, *to_device(factors))
    assert_allclose(found.get(), np.einsum(subscripts, *factors), rtol=1e-5, atol=1e-6)


def test_many_arrays_are_joined_one_after_the_other(rng):
    pieces = [draw(rng, 2, 3) for _ in range(11)]
    with capturable():
        stacked = [arrays.stack(to_device(pieces), axis=axis) for axis in (0, 1, -1)]
        joined = [arrays.concatenate(to_device(pieces), axis=axis) for axis in (0, -1)]
    for axis, found in zip((0, 1, -1), stacked, strict=True):
        assert np.array_equal(found.get(), np.stack(pieces, axis=axis))
    for axis, found in zip((0, -1), joined, strict=True):
        assert np.array_equal(found.get(), np.concatenate(pieces, axis=axis))


LAYERS = {"3 x 3": (3, 1, 1), "stride": (3, 2, 1), "one pixel": (1, 1, 0), "shortcut": (1, 2, 0), "first": (7, 2, 3)}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("half", [False, True])
def test_convolution_and_its_gradients_are_their_twins(rng, device, layer, half):
    size, stride, padding = LAYERS[layer]
    maps = lambda *shape: twins.to_half(draw(rng, *shape)) if half else draw(rng, *shape)
    x, weight = maps(2, 8, 9, 5), 0.2 * draw(rng, size, size, 5, 6)
    before, after = Affine(draw(rng, 2, 5)), (*draw(rng, 2, 6), None, True)
    how = weight, stride, padding
    z, sums = twins.convolve(x, *how, before=before, sums=True)
    d, norm = maps(*z.shape), (z, *draw(rng, 3, 6))
    same = (size, stride) in ((3, 1), (1, 1))
    onto = maps(*x.shape) if same else None
    settings = [dict(), dict(norm=norm), dict(norm=norm, before=before, onto=onto), dict(onto=onto), dict(need_x=False)]
    with capturable():
        moved, affine = to_device(x), Affine(to_device(tuple(before)))
        found = conv.convolve(moved, *to_device(how), before=affine, sums=True)
        finished = conv.convolve(moved, *to_device(how), after=to_device(after))
        assert affine.made.shape == x.shape, "kept for the way back"
        gradients = []
        for one in settings:
            one = dict(one, before=affine) if "before" in one else one
            gradients.append(conv.convolve_backward(to_device(d), moved, *to_device(how), **to_device(one)))
    tolerance = 2e-2 if half else 1e-5
    close(found, (z, sums), tolerance)
    close([finished], [twins.convolve(x, *how, after=after)], tolerance)
    for one, ours in zip(settings, gradients, strict=True):
        close(ours, twins.convolve_backward(d, x, *how, **one), tolerance)
    if device and layer != "one pixel":
        assert {what for what, _ in device.made} == {"forward", "input", "kernel"}


def close(ours, theirs, tolerance):
    wide = lambda x: twins.to_single(x) if x.dtype == np.uint16 else x
    for a, b in zip(ours, theirs, strict=True):
        assert (a is None) == (b is None)
        if b is not None:
            assert a.dtype == b.dtype and a.shape == b.shape
            assert_allclose(wide(a.get()), wide(b), rtol=0, atol=tolerance * np.abs(wide(b)).max(), err_msg=str(b.dtype))


@pytest.mark.parametrize("depth, half, size", [(10, False, 32), (10, True, 64), (50, False, 64)])
def test_a_training_step_of_the_network_by_the_gpus_own_code(rng, device, depth, half, size):
    params, state = init_resnet(rng, depth=depth, outputs=5, width=4)
    params["fc.weight"] = draw(rng, *params["fc.weight"].shape)
    images = rng.random((3, size, size, 3)).astype(np.float32)

    def step(params, state, images, memory):
        def loss(params):
            outputs, new_state = resnet(params, images, state, train=True, half=half)
            return np.mean(np.square(outputs)), new_state

        (value, state), grads = value_and_grad(loss, has_aux=True)(params)
        return value, grads, state, adam(params, grads, memory, 1e-2)[0]

    value, grads, new_state, _ = step(params, state, images, init_adam(params))
    on_device = to_device(params)
    with capturable():
        found = step(on_device, to_device(state), to_device(images), init_adam(on_device))
    assert_allclose(found[0].get(), value, rtol=5e-2 if half else 1e-3)
    for name, array in new_state.items():
        assert_allclose(found[2][name].get(), array, rtol=5e-2, atol=5e-2 if half else 1e-4, err_msg=name)
    for name, gradient in grads.items():
        difference = found[1][name].get() - gradient
        assert np.linalg.norm(difference) < (0.1 if half else 2e-3) * np.linalg.norm(gradient), name
    assert all(found[3][name].dtype == np.float32 and np.isfinite(found[3][name].get()).all() for name in params)


def test_inference_of_the_network_by_the_gpus_own_code(rng, device):
    params, state = init_resnet(rng, depth=10, outputs=5, width=4)
    params["fc.weight"] = draw(rng, *params["fc.weight"].shape)
    images = rng.random((2, 32, 32, 3)).astype(np.float32)
    with capturable():
        found, _ = resnet(*to_device((params, images, state)))
    assert_allclose(found.get(), resnet(params, images, state)[0], rtol=1e-4, atol=1e-5)


def test_strict_is_a_setting_for_a_while():
    assert uses_tf32()
    with precise():
        assert not uses_tf32()
    assert uses_tf32()


def test_what_a_graph_cannot_hold_is_refused(rng):
    with pytest.raises(HostSync, match="cuBLAS"), capturable():
        np.matmul(*to_device([draw(rng, 2, 2), draw(rng, 2, 2)]))
