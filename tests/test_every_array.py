"""One text of a formula, every kind of array: NumPy in two precisions, tape, HIPS autograd, a GPU's arrays, the tape over them.

All must give the numbers that NumPy gives in float64, and the three engines of gradients the same gradient. The GPU is played by
`strict_device`: host arrays, waits and functions that CuPy lacks are errors there.
"""

import autograd
import numpy as np
import pytest
from numpy.testing import assert_allclose

import mgcbook.tape.oracle  # noqa: F401  (lets formulas run on HIPS boxes)
from mgcbook.face import camera, light, sampling, warp
from mgcbook.face.render import composite
from mgcbook.learning import losses, nn
from mgcbook.learning.coefficients import Layout
from mgcbook.learning.resnet import _whitened
from mgcbook.tape import bare, value_and_grad
from tests.strict_device import DeviceArray, no_sync, to_device

LENS = camera.Camera(focal=40.0, width=6, height=5)
LAYOUT = Layout(2, 3, 2, rotation_scale=0.5, translation_scale=(1.0, 2.0, 3.0))
ONE = (np.array([np.pi, 0.0, 0.0]), np.array([0.1, 0.2, 3.0]))  # a main pose, which is always a host array


def pose(p, name=""):
    return camera.rotation_from_euler(p[f"angles{name}"]), p[f"shift{name}"]


def joined(parts):
    """One array from several, for formulas that return more."""
    return np.concatenate([np.reshape(part, (-1,)) for part in parts], axis=0)


FORMULAS = {
    "rotation_from_euler": (lambda p: camera.rotation_from_euler(p["angles"]), dict(angles=(2, 3))),
    "euler_from_rotation": (lambda p: camera.euler_from_rotation(pose(p)[0]), dict(angles=(2, 3), shift=(2, 3))),
    "transform": (lambda p: camera.transform(*pose(p), p["points"]), dict(angles=(2, 3), shift=(2, 3), points=(2, 5, 3))),
    "compose": (lambda p: joined(camera.compose(pose(p), pose(p, 2))),
                dict(angles=(2, 3), shift=(2, 3), angles2=(2, 3), shift2=(2, 3))),
    "relative_pose": (lambda p: joined(camera.relative_pose(pose(p), pose(p, 2))),
                      dict(angles=(2, 3), shift=(2, 3), angles2=(2, 3), shift2=(2, 3))),
    "camera_from_model": (lambda p: joined(camera.camera_from_model(p["angles"], p["shift"], ONE)),
                          dict(angles=(2, 3), shift=(2, 3))),
    "project": (lambda p: camera.project(p["points"], LENS), dict(points=(2, 5, 3))),
    "unproject": (lambda p: camera.unproject(p["pixels"], p["depth"], LENS), dict(pixels=(2, 5, 2), depth=(2, 5))),
    "pixel_grid": (lambda p: camera.pixel_grid(5, 6, like=p["depth"]) * p["depth"][..., None], dict(depth=(2, 5, 6))),
    "essential": (lambda p: camera.essential(pose(p)), dict(angles=(2, 3), shift=(2, 3))),
    "fundamental": (lambda p: camera.fundamental(pose(p), LENS), dict(angles=(2, 3), shift=(2, 3))),
    "sh_basis": (lambda p: light.sh_basis(p["normals"]), dict(normals=(2, 5, 3))),
    "shade": (lambda p: light.shade(p["albedo"], p["normals"], p["light"]),
              dict(albedo=(2, 5, 3), normals=(2, 5, 3), light=(2, 3, 9))),
    "in_range": (lambda p: sampling.in_range(10 * bare(p["uv"]), 5, 6) * p["uv"][..., 0], dict(uv=(2, 3, 4, 2))),
    "correspond": (lambda p: warp.correspond(p["depth"], pose(p), LENS).uv, dict(depth=(2, 5, 6), angles=(2, 3), shift=(2, 3))),
    "composite": (lambda p: composite(p["image"], p["mask"], p["photo"]),
                  dict(image=(2, 5, 6, 3), mask=(2, 5, 6), photo=(2, 5, 6, 3))),
    "split": (lambda p: joined(LAYOUT.split(p["vector"]).values()), dict(vector=(2, LAYOUT.size))),
    "join": (lambda p: LAYOUT.join(LAYOUT.split(p["vector"])), dict(vector=(2, LAYOUT.size))),
    "render_loss": (lambda p: losses.render_loss(p["rendered"], p["photo"], p["mask"], p["skin"]),
                    dict(rendered=(2, 5, 6, 3), photo=(2, 5, 6, 3), mask=(2, 5, 6), skin=(2, 5, 6))),
    "landmark_loss": (lambda p: losses.landmark_loss(p["predicted"], p["truth"]), dict(predicted=(2, 68, 2), truth=(2, 68, 2))),
    "identity_loss": (lambda p: losses.identity_loss(p["photo"], p["rendered"]), dict(photo=(2, 7), rendered=(2, 7))),
    "regularisation": (losses.regularisation, dict(identity=(2, 4), expression=(2, 3), albedo=(2, 5))),
    "pixel_loss": (lambda p: losses.pixel_loss(p["made"], p["target"], p["mask"]),
                   dict(made=(2, 5, 6, 3), target=(2, 5, 6, 3), mask=(2, 5, 6))),
    "depth_loss": (lambda p: losses.depth_loss(p["made"], p["target"], p["mask"]),
                   dict(made=(2, 5, 6), target=(2, 5, 6), mask=(2, 5, 6))),
    "depth_loss reprojected": (lambda p: losses.depth_loss(p["made"], p["target"], p["mask"], reprojected=True),
                               dict(made=(2, 5, 6), target=(2, 5, 6), mask=(2, 5, 6))),
    "epipolar_loss": (lambda p: losses.epipolar_loss(p["target"], p["source"], pose(p), LENS, symmetric=True),
                      dict(target=(2, 9, 2), source=(2, 9, 2), angles=(2, 3), shift=(2, 3))),
    "gated_mean": (lambda p: losses.gated_mean(p["errors"], p["gate"]), dict(errors=(4,), gate=(4,))),
    "batch_norm": (lambda p: nn.batch_norm(p["x"], p["gamma"], p["beta"], (p["mean"], p["variance"]), train=False)[0],
                   dict(x=(2, 4, 5, 3), gamma=(3,), beta=(3,), mean=(3,), variance=(3,))),
    "relu": (lambda p: nn.relu(p["x"] - 0.5), dict(x=(2, 4, 5, 3))),
    "mean_pool": (lambda p: nn.mean_pool(p["x"]), dict(x=(2, 4, 5, 3))),
    "whitened": (lambda p: _whitened(p["images"], p["images"].dtype), dict(images=(2, 4, 5, 3))),
}  # fmt: skip


def arguments(name, dtype=np.float64):
    """Positive numbers around 1 in the shapes that the formula wants."""
    rng = np.random.default_rng(len(name))
    return {key: rng.uniform(0.2, 1.2, shape).astype(dtype) for key, shape in FORMULAS[name][1].items()}


def mixed(formula):
    """A number that depends on every entry of the formula's result, each in its own way."""

    def loss(params):
        result = np.reshape(formula(params), (-1,))
        return np.sum(result * (1.0 + np.arange(result.shape[0], like=bare(result)) % 7))

    return loss


@pytest.mark.parametrize("name", FORMULAS)
def test_single_precision_comes_out_as_it_went_in(name):
    formula = FORMULAS[name][0]
    single, double = formula(arguments(name, np.float32)), formula(arguments(name))
    assert single.dtype == np.float32 and double.dtype == np.float64
    assert_allclose(single, double, rtol=2e-4, atol=2e-4 * np.abs(double).max())


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_formula_runs_on_a_device_without_waiting(name, dtype):
    formula, host = FORMULAS[name][0], arguments(name, dtype)
    with no_sync():
        found = formula(to_device(host))
    assert type(found) is DeviceArray and found.dtype == dtype
    assert_allclose(found.get(), formula(host), rtol=1e-6)


@pytest.mark.parametrize("name", FORMULAS)
def test_three_engines_find_the_same_gradient(name):
    loss, host = mixed(FORMULAS[name][0]), arguments(name)
    expected, oracle = autograd.value_and_grad(loss)(host)
    value, grads = value_and_grad(loss)(host)
    with no_sync():
        on_device, device_grads = value_and_grad(loss)(to_device(host))
    assert_allclose([value, on_device.get()], expected, rtol=1e-12)
    for key, gradient in oracle.items():
        assert_allclose(grads[key], gradient, rtol=1e-9, atol=1e-9, err_msg=key)
        assert type(device_grads[key]) is DeviceArray
        assert_allclose(device_grads[key].get(), gradient, rtol=1e-9, atol=1e-9, err_msg=key)
