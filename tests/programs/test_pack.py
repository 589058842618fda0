"""Weights in one small file: the same network, a sixth of the bytes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.errors import DataError
from mgcbook.programs import checkpoint
from mgcbook.programs.config import TrainConfig, to_dict
from mgcbook.programs.learner import Learner
from mgcbook.programs.pack import pack
from mgcbook.programs.train import CHECKPOINTS
from mgcbook.programs.trained import open_trained

CONFIG = TrainConfig(image_size=32, face="light", depth=10, width=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run folder with one checkpoint of a network whose last layer says something."""
    folder = tmp_path_factory.mktemp("run")
    learner, rng = Learner(CONFIG), np.random.default_rng(1)
    params, batch_norm = learner.start()
    params["fc.weight"] = 0.1 * rng.standard_normal(params["fc.weight"].shape, np.float32)
    batch_norm = {name: array + rng.random(array.shape, np.float32) for name, array in batch_norm.items()}
    adam = {"m": params, "v": params, "count": 5}
    state = checkpoint.TrainingState(5, params, adam, batch_norm, {"seed": 0})
    checkpoint.save(folder / CHECKPOINTS, state, config=to_dict(CONFIG), model=learner.model)
    return folder


@pytest.fixture(scope="module")
def packed(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "network.safetensors"
    assert pack(folder, path) == path.stat().st_size
    return path


def test_it_says_what_the_run_says(folder, packed, rng):
    images = rng.random((3, 32, 32, 3), np.float32)
    ours, theirs = open_trained(packed), open_trained(folder)
    assert (ours.step, ours.config) == (theirs.step, theirs.config)
    expected = theirs(images)
    assert np.abs(expected).max() > 0.1
    assert_allclose(ours(images), expected, atol=5e-3 * np.abs(expected).max())


def test_it_is_a_sixth_as_large(folder, packed):
    (whole,) = checkpoint.checkpoints(folder / CHECKPOINTS)
    assert packed.stat().st_size < 0.25 * whole.stat().st_size


def test_running_statistics_keep_all_digits(folder, packed):
    (whole,) = checkpoint.checkpoints(folder / CHECKPOINTS)
    for name, array in checkpoint.load(whole)[0].batch_norm.items():
        assert_array_equal(checkpoint.load(packed)[0].batch_norm[name], array)


def test_what_cannot_be_packed_is_refused(folder, tmp_path):
    with pytest.raises(DataError, match="not a complete safetensors file"):
        pack(tmp_path, tmp_path / "out.safetensors")
    (whole,) = checkpoint.checkpoints(folder / CHECKPOINTS)
    tensors, about = checkpoint.read_whole(whole)
    tensors["params/fc.bias"] = np.full_like(tensors["params/fc.bias"], 1e6)
    checkpoint.write_whole(tmp_path / "large.safetensors", tensors, about)
    with pytest.raises(DataError, match=r"params/fc\.bias: holds numbers that are too large for 16 bits"):
        pack(tmp_path / "large.safetensors", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_a_damaged_file_is_no_network(packed, tmp_path):
    broken = tmp_path / "broken.safetensors"
    content = bytearray(packed.read_bytes())
    content[-1] ^= 1
    broken.write_bytes(content)
    with pytest.raises(DataError, match="checksum"):
        open_trained(broken)
