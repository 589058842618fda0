"""On a real GPU: formulas, the combined loss and a training step give the CPU's numbers on CuPy arrays. Skipped elsewhere."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.arrays import to_device, to_host
from mgcbook.face.camera import PAPER_CAMERA, Camera
from mgcbook.face.raster import rasterize
from mgcbook.learning.decoder import Decoder
from mgcbook.learning.objective import total_loss
from mgcbook.learning.optim import adam, init_adam
from mgcbook.learning.resnet import init_resnet, resnet
from mgcbook.tape import value_and_grad
from tests.test_every_array import FORMULAS, arguments, mixed
from tests.toy import toy_batch, toy_coefficients, toy_model

pytestmark = pytest.mark.gpu

LENS = Camera(focal=600.0, width=32, height=32)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_and_its_gradient(name):
    loss, host = mixed(FORMULAS[name][0]), arguments(name)
    value, grads = value_and_grad(loss)(host)
    found, on_device = value_and_grad(loss)(to_device(host, "cuda"))
    assert_allclose(to_host(found), value, rtol=1e-12)
    for key, gradient in grads.items():
        assert_allclose(to_host(on_device[key]), gradient, rtol=1e-9, atol=1e-9, err_msg=key)


def test_the_combined_loss(rng):
    model = toy_model(side=17)
    host, device = Decoder(model, LENS), Decoder(model.to("cuda"), LENS)
    start = toy_coefficients(rng, host.layout, 2, 3).astype(np.float32)
    batch = {name: array.astype(np.float32) for name, array in toy_batch(rng, LENS, 2, 3, [1, 2]).items()}
    loss = value_and_grad(total_loss, has_aux=True)
    (expected, _), gradient = loss(start, batch, host)
    (found, _), on_device = loss(to_device(start, "cuda"), to_device(batch, "cuda"), device)
    assert_allclose(to_host(found), expected, rtol=1e-4)
    assert_allclose(to_host(on_device), gradient, rtol=0, atol=1e-3 * np.abs(gradient).max())


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-8), (np.float32, 1e-3)])
@pytest.mark.parametrize("depth, fused", [(10, True), (10, False), (50, True)])
def test_a_training_step_of_the_network(rng, depth, fused, dtype, tolerance):
    params, state = init_resnet(rng, depth=depth, outputs=5, width=8, dtype=dtype)
    params["fc.weight"] = rng.normal(size=params["fc.weight"].shape).astype(dtype)
    images = rng.random((8, 64, 64, 3)).astype(dtype)

    def step(params, state, images):
        def loss(params):
            outputs, new_state = resnet(params, images, state, train=True, fused=fused)
            return np.mean(np.square(outputs)), new_state

        (value, _), grads = value_and_grad(loss, has_aux=True)(params)
        return value, adam(params, grads, init_adam(params), 1e-2, donate=True)[0], grads

    copies = {name: array.copy() for name, array in params.items()}  # `donate` writes over them
    value, _, grads = step(copies, state, images)
    found, new, on_device = to_host(step(*to_device((params, state, images), "cuda")))
    assert_allclose(found, value, rtol=tolerance)
    for name, gradient in grads.items():
        assert new[name].dtype == dtype
        error = np.linalg.norm(on_device[name] - gradient) / (np.linalg.norm(gradient) + 1e-12)
        assert error < 30 * tolerance, name


def test_a_hundred_faces_show_the_triangles_of_the_cpu(rng):
    """Rays that meet an edge within rounding may see the triangle on its other side: fewer than one pixel in ten thousand."""
    from mgcbook.data import builtin

    model = builtin.load("light")
    decoder = Decoder(model, PAPER_CAMERA)
    different = total = 0
    for _ in range(10):
        coefficients = rng.normal(size=(10, decoder.layout.size)).astype(np.float32)
        coefficients[:, decoder.layout.slices["rotation"]] *= 0.3
        coefficients[:, decoder.layout.slices["translation"]] *= 5
        points = decoder(coefficients).points_camera
        expected = rasterize(points, model.triangles, PAPER_CAMERA)
        found = to_host(rasterize(*to_device((points, model.triangles), "cuda"), PAPER_CAMERA))
        again = to_host(rasterize(*to_device((points, model.triangles), "cuda"), PAPER_CAMERA))
        assert all(np.array_equal(one, two) for one, two in zip(found, again, strict=True)), "the same picture every time"
        same = found.triangle == expected.triangle
        assert_allclose(found.barycentric[same], expected.barycentric[same], atol=1e-5)
        different, total = different + np.count_nonzero(~same), total + same.size
    assert different < 1e-4 * total
