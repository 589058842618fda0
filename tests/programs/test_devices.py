"""One option in every program says where it is computed; without a GPU every program says what to install."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook import arrays
from mgcbook.cli import main
from mgcbook.data import builtin
from mgcbook.face.camera import Camera
from mgcbook.learning.decoder import Decoder
from mgcbook.learning.optim import init_adam
from mgcbook.programs.checkpoint import TrainingState
from mgcbook.programs.config import TrainConfig
from mgcbook.programs.fit import FitConfig, fit_steps
from mgcbook.programs.learner import Learner
from mgcbook.programs.trained import Trained
from tests import fake_gpu
from tests.strict_device import DeviceArray
from tests.toy import toy_batch, toy_model

LENS = Camera(focal=600.0, width=32, height=32)


@pytest.fixture
def gpu(monkeypatch):
    fake_gpu.install_streams(monkeypatch)


@pytest.mark.parametrize("same_person", [True, False])
def test_a_fit_on_the_device_is_that_on_the_cpu(rng, gpu, same_person):
    decoder = Decoder(toy_model(side=9), LENS)
    batch = toy_batch(rng, LENS, 1, 2, [1])
    config = FitConfig(landmark_steps=5, steps=4, same_person=same_person)
    found, expected = (list(fit_steps(batch["images"][0], batch["landmarks"][0], decoder, config, device=device))
                       for device in ("cuda", "cpu"))  # fmt: skip
    for ours, theirs in zip(found, expected, strict=True):
        assert isinstance(ours.coefficients, np.ndarray)
        assert_allclose(ours.coefficients, theirs.coefficients, rtol=1e-4, atol=1e-3)
        assert ours.losses == pytest.approx(theirs.losses, rel=1e-3)


def test_a_trained_network_on_the_device_is_that_on_the_cpu(rng, gpu):
    config = TrainConfig(depth=10, width=4, image_size=32, face="light", device="cuda")
    params, batch_norm = Learner(config).start()
    params["fc.weight"] = rng.normal(size=params["fc.weight"].shape).astype(np.float32)
    state = TrainingState(0, params, init_adam(params)._asdict(), batch_norm)
    images = rng.random((2, 32, 32, 3))
    on_device = Trained(state, config, "cuda")
    found = on_device(images)
    assert isinstance(found, np.ndarray) and isinstance(on_device._params["fc.bias"], DeviceArray)
    assert isinstance(on_device.decoder.model.mean, np.ndarray), "what is drawn of it is drawn on the host"
    assert_allclose(found, Trained(state, config)(images), rtol=1e-3, atol=1e-4)


def test_a_model_on_the_device_draws_faces_at_random_on_the_host(gpu):
    model = builtin.load("light")
    moved = model.to("cuda")
    assert model.units and isinstance(moved.mean, DeviceArray)
    ours, theirs = (one.sample(np.random.default_rng(1), 2) for one in (moved, model))
    assert all(np.array_equal(array, theirs[name]) for name, array in ours.items())


@pytest.mark.parametrize(
    "command",
    [["train", "--run", "RUN"], ["demo", "--out", "RUN"], ["fit", "sample"], ["reconstruct", "sample"], ["evaluate", "RUN"]],
)
def test_without_a_gpu_every_program_says_what_to_install(command, tmp_path, monkeypatch, capsys):
    about = lambda: (False, "a card of 2016, without CuPy: pip install 'mgcbook[cuda12]'")
    monkeypatch.setattr("mgcbook.kernels.about.describe_gpu", about)
    arrays._missing_for_cuda.cache_clear()
    try:
        words = [str(tmp_path / "run") if word == "RUN" else word for word in command]
        assert main([*words, "--device", "cuda"]) == 4
    finally:
        arrays._missing_for_cuda.cache_clear()
    assert "device='cuda': a card of 2016, without CuPy: pip install 'mgcbook[cuda12]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists(), "nothing was begun"
