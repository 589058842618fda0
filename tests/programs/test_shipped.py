"""The weights that come with the package: a photograph is enough, and nothing else has to be given.

A tiny network in their place shows the way at any time; what the real ones can is only asked where they are.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mgcbook.data import builtin, sample_photo
from mgcbook.data.benchmark import benchmark_faces
from mgcbook.data.images import read_image, write_image
from mgcbook.errors import DataError, UsageError
from mgcbook.learning.metrics import nme
from mgcbook.programs import reconstruct, trained
from mgcbook.programs.config import PRESETS
from mgcbook.programs.export import read_face
from mgcbook.programs.fit import FitConfig
from mgcbook.programs.model_card import FAILED
from mgcbook.programs.reconstruct import ReconstructOptions, find_landmarks
from mgcbook.programs.trained import open_trained, shipped_weights
from tests.programs.toy import packed

LARGEST = 8_000_000
"""Bytes of the weights in the package."""


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """The sample photograph as anybody's file, without landmarks beside it."""
    path = tmp_path_factory.mktemp("photo") / "anybody.png"
    write_image(path, sample_photo.load().image)
    return path


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A small network in the place of the shipped one."""
    path = packed(tmp_path / "network.safetensors", replace(PRESETS["portable"], image_size=32, depth=10, width=4))
    monkeypatch.setattr(trained, "SHIPPED", path)
    return path


def options(photo, out, **more):
    return ReconstructOptions(photo, out=out, face="light", fit=FitConfig(landmark_steps=20, steps=2), **more)


def test_a_photograph_alone_is_enough(photo, tiny, tmp_path, capsys):
    reconstruct.run(options(photo, tmp_path / "out", refine="no"))
    assert "anybody: reconstructed" in capsys.readouterr().out
    face = json.loads((tmp_path / "out" / "face.json").read_text())
    assert face["photo"] == "anybody"
    overlay = read_image(tmp_path / "out" / "overlay.png")
    assert overlay.std() > 0.05


def test_without_weights_it_is_told_what_to_give(photo, tmp_path, monkeypatch):
    monkeypatch.setattr(trained, "SHIPPED", tmp_path / "missing.safetensors")
    assert shipped_weights() is None
    with pytest.raises(DataError, match="--weights"):
        reconstruct.run(options(photo, tmp_path / "out"))
    with pytest.raises(UsageError, match="--weights"):
        open_trained()


def assert_same(ours, theirs, rng):
    """Two networks say the same, bit for bit."""
    size = ours.decoder.camera.width
    images = rng.random((2, size, size, 3), np.float32)
    assert (ours.step, ours.config) == (theirs.step, theirs.config)
    assert_array_equal(ours(images), theirs(images))


def test_no_path_means_the_shipped_file(tiny, rng):
    assert shipped_weights() == tiny
    assert_same(open_trained(None), open_trained(tiny), rng)


# ---------------------------------------------------------------- the real ones


@pytest.fixture(scope="module")
def shipped():
    if shipped_weights() is None:
        pytest.skip("no weights come with this checkout: make weights")
    return shipped_weights()


def test_they_are_small_and_follow_the_recipe(shipped, rng):
    assert shipped.stat().st_size <= LARGEST
    network = open_trained()
    assert_same(network, open_trained(shipped), rng)
    recipe = PRESETS["portable"]
    assert replace(network.config, steps=recipe.steps) == recipe


def test_they_tell_made_up_faces_apart(shipped):
    """A network that says the same of every face is as good as the mean face, and no better."""
    network = open_trained()
    decoder = network.decoder
    faces = benchmark_faces("in-domain", decoder.camera.width, builtin.load_generator("light"))
    items = [faces.item(index) for index in range(4)]
    images, landmarks = (np.concatenate([item[name] for item in items]) for name in ("images", "landmarks"))
    error = lambda rows: nme(np.asarray(decoder(rows).landmarks), landmarks).mean()
    assert error(network(images)) < 0.4 * error(decoder.zeros(len(images)))


def test_they_find_the_face_of_the_sample_photograph(shipped):
    sample = sample_photo.load()
    found = find_landmarks(sample.image, open_trained())  # from the face box of the cascade
    assert 100 * nme(found[None], sample.landmarks[None])[0] < FAILED


def test_they_reconstruct_a_photograph(shipped, photo, tmp_path, capsys):
    reconstruct.run(replace(options(photo, tmp_path / "out"), fit=FitConfig(steps=20)))
    assert "anybody: reconstructed" in capsys.readouterr().out
    face, sample = read_face(tmp_path / "out" / "face.json"), sample_photo.load()
    found = face["crop_from_photo"].inverse().apply(face["landmarks"])
    assert 100 * nme(found[None], sample.landmarks[None])[0] < FAILED
    drawn = np.abs(read_image(tmp_path / "out" / "on_photograph.png") - sample.image).max(axis=-1) > 0.02
    low, high = sample.landmarks.min(axis=0), sample.landmarks.max(axis=0)
    assert drawn[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])].mean() > 0.3 > drawn.mean()
