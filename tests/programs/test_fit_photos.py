"""`mgcbook fit`: photographs and landmark files to results."""

import json
from pathlib import Path

import numpy as np
import pytest

from mgcbook import cli
from mgcbook.data import builtin, sample_photo
from mgcbook.data.images import write_image
from mgcbook.data.landmarks import write_landmarks
from mgcbook.errors import DataError
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.decoder import Decoder
from mgcbook.programs.config import TrainConfig
from mgcbook.programs.fit import FitConfig
from mgcbook.programs.fit_photos import find_landmark_file, fit_photos
from tests.programs.toy import packed

SHORT = FitConfig(landmark_steps=60, steps=2)
SHORT_OPTIONS = ["--face", "light", "--size", "64", "--fit.landmark-steps", "60", "--fit.steps", "2"]


@pytest.fixture(scope="module")
def sample():
    return sample_photo.load()


def mirrored(sample):
    from mgcbook.data.landmarks import flip_landmarks

    return sample.image[:, ::-1].copy(), flip_landmarks(sample.landmarks, sample.image.shape[1])


def test_a_photograph_with_landmarks_beside_it_becomes_pictures_and_meshes(tmp_path, sample, capsys):
    photo = tmp_path / "Foto 1.png"
    write_image(photo, sample.image)
    write_landmarks(photo.with_suffix(".pts"), sample.landmarks)
    assert cli.main(["fit", str(photo), "--out", str(tmp_path / "out"), *SHORT_OPTIONS]) == 0
    assert "Foto 1: mean landmark error" in capsys.readouterr().out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"overlay.png", "turntable.gif", "face.obj", "face.glb", "face.json", "index.html"} <= names
    assert json.loads((tmp_path / "out" / "face.json").read_text())


def test_landmarks_come_from_files_detectors_or_the_network(tmp_path, sample, monkeypatch):
    """What is asked for comes first, then the file beside the photograph, then the network, if there is one."""
    from mgcbook.data import finders
    from mgcbook.programs import fit_photos, trained

    alone, beside = tmp_path / "alone.png", tmp_path / "beside.png"
    for photo in (alone, beside):
        write_image(photo, sample.image)
    write_landmarks(beside.with_suffix(".pts"), sample.landmarks)
    who = lambda **options: fit_photos.who_finds(fit_photos.FitOptions((alone, beside), **options))
    monkeypatch.setitem(finders.FINDERS, "mine", lambda device: lambda photo: sample.landmarks)
    first, second = who(landmarks=(Path("mine"),))
    assert first is second and first.name == "mine"
    assert who(landmarks=(Path("a.pts"), Path("b.pts"))) == (Path("a.pts"), Path("b.pts"))
    monkeypatch.setattr(trained, "SHIPPED", tmp_path / "none")
    with pytest.raises(DataError, match=r"alone\.png: no file.*face-alignment"):
        who()
    monkeypatch.setattr(trained, "open_trained", lambda path, device: "the network opened")
    network, file = who(weights=tmp_path)
    assert network.name == "the network" and file == beside.with_suffix(".pts")
    (tmp_path / "none").write_bytes(b"weights that come along")
    assert who()[0].name == "the network"


def test_photographs_of_one_person_share_the_identity(sample):
    decoder = Decoder(builtin.load("light"), PAPER_CAMERA.resized(64, 64))
    opened = [(sample.image, sample.landmarks, "a"), (*mirrored(sample), "b")]
    parts = [decoder.layout.split(one.coefficients) for one in fit_photos(opened, decoder, SHORT, show=False)]
    np.testing.assert_array_equal(parts[0]["identity"], parts[1]["identity"])
    assert np.abs(parts[0]["rotation"] - parts[1]["rotation"]).max() > 1e-3


def test_a_photograph_without_landmarks_says_what_to_do(tmp_path, sample, capsys, monkeypatch):
    monkeypatch.setattr("mgcbook.programs.trained.SHIPPED", tmp_path / "none")
    write_image(tmp_path / "me.png", sample.image)
    assert cli.main(["fit", str(tmp_path / "me.png")]) == 3
    assert "write them to me.pts beside it, or give --landmarks" in capsys.readouterr().err
    with pytest.raises(DataError, match="no file with its 68 landmarks"):
        find_landmark_file(tmp_path / "me.png")
    assert cli.main(["fit"]) == 2
    assert "mgcbook fit sample" in capsys.readouterr().err
    assert cli.main(["fit", "sample", "--landmarks", "a.pts", "b.pts"]) == 2
    assert "expected one file for each of 1 photos, got 2" in capsys.readouterr().err


def test_a_photograph_without_a_face_is_called_by_its_name(tmp_path, monkeypatch, capsys):
    """Whoever gives ten photographs has to know which."""
    weights = packed(tmp_path / "network.safetensors", TrainConfig(depth=10, width=4, image_size=32, face="light"))
    monkeypatch.setattr("mgcbook.programs.trained.SHIPPED", weights)
    write_image(tmp_path / "Wall 3.png", np.full((80, 80, 3), 0.5, np.float32))
    assert cli.main(["fit", str(tmp_path / "Wall 3.png"), *SHORT_OPTIONS]) == 3
    assert "Wall 3: no face found in 80 x 80 pixels" in capsys.readouterr().err


def test_five_landmarks_are_too_few(sample):
    decoder = Decoder(builtin.load("light"), PAPER_CAMERA.resized(64, 64))
    with pytest.raises(DataError, match="a fit needs 68 landmarks, found 5"):
        fit_photos([(sample.image, sample.landmarks[:5], "a")], decoder, SHORT, show=False)
