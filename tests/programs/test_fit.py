"""Fitting: a face made by the decoder is found again from its picture and landmarks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.cli import main
from mgcbook.data import builtin
from mgcbook.errors import DataError, NumericalError, UsageError
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.decoder import Decoder
from mgcbook.programs.fit import FitConfig, fit, fit_landmarks, fit_steps, pose_from_landmarks


@pytest.fixture(scope="module")
def decoder():
    return Decoder(builtin.load("light"), PAPER_CAMERA.resized(64, 64))


def photographs(decoder, rng, count=1, *, identity=1.0):
    """Faces of one person as the decoder draws them: (coefficients, images, landmarks)."""
    parts = decoder.layout.split(decoder.zeros(count))
    person = decoder.model.sample(rng, 1, identity=identity, albedo=1.0)
    parts["identity"] = np.repeat(person["identity"], count, axis=0)
    parts["albedo"] = np.repeat(person["albedo"], count, axis=0)
    parts["rotation"] = (rng.uniform(-0.3, 0.3, (count, 3)) * [0.5, 1.0, 0.5]).astype(np.float32)
    parts["translation"] = (rng.normal(size=(count, 3)) * [5, 5, 50]).astype(np.float32)
    coefficients = decoder.layout.join(parts).astype(np.float32)
    view = decoder(coefficients)
    return coefficients, np.clip(view.image, 0, 1), view.landmarks


def test_the_pose_of_the_mean_face_is_found_in_closed_form(decoder, rng):
    truth, _, landmarks = photographs(decoder, rng, 3, identity=0.0)
    parts = decoder.layout.split(truth)
    rotation, translation = pose_from_landmarks(landmarks, decoder)
    assert_allclose(rotation, parts["rotation"], atol=0.03)  # a parallel projection is not quite a pinhole camera
    assert_allclose(translation[:, :2], parts["translation"][:, :2], atol=2.0)
    assert_allclose(translation[:, 2], parts["translation"][:, 2], atol=60.0)


def test_landmarks_alone_give_pose_and_shape(decoder, rng):
    truth, _, landmarks = photographs(decoder, rng, 2)
    found = fit_landmarks(landmarks, decoder, FitConfig(same_person=False))
    error = np.linalg.norm(decoder(found).landmarks - landmarks, axis=-1).mean()
    start = np.linalg.norm(decoder(decoder.zeros(2)).landmarks - landmarks, axis=-1).mean()
    assert error < 0.5 < 0.2 * start
    assert_allclose(decoder.layout.split(found)["rotation"], decoder.layout.split(truth)["rotation"], atol=0.12)


def test_a_picture_draws_the_colours_right(decoder, rng):
    _, images, landmarks = photographs(decoder, rng)
    reports = list(fit_steps(images, landmarks, decoder, FitConfig(steps=40)))
    assert reports[-1].losses["render"] < 0.4 * reports[0].losses["render"]
    assert reports[-1].step == reports[-1].steps == 40
    assert reports[-1].coefficients.shape == (1, decoder.layout.size)


def test_photographs_of_one_person_share_identity_and_see_the_multi_view_losses(decoder, rng):
    _, images, landmarks = photographs(decoder, rng, 3)
    together = fit(images, landmarks, decoder, FitConfig(steps=3, landmark_steps=50))
    parts = decoder.layout.split(together.coefficients)
    assert_allclose(parts["identity"], np.repeat(parts["identity"][:1], 3, axis=0))
    assert np.ptp(parts["rotation"], axis=0).max() > 0.01
    assert {"pixel", "depth", "epipolar"} <= set(together.losses)
    apart = fit(images, landmarks, decoder, FitConfig(steps=3, landmark_steps=50, same_person=False))
    assert np.ptp(decoder.layout.split(apart.coefficients)["identity"], axis=0).max() > 1e-3
    assert "pixel" not in apart.losses


def test_the_same_fit_gives_the_same_bits(decoder, rng):
    _, images, landmarks = photographs(decoder, rng)
    first, second = (fit(images, landmarks, decoder, FitConfig(steps=5, landmark_steps=20)) for _ in range(2))
    assert first.losses == second.losses
    assert np.array_equal(first.coefficients, second.coefficients)


def test_bad_input_is_refused_by_name(decoder):
    image, landmarks = np.full((1, 64, 64, 3), 0.5, np.float32), np.random.default_rng(1).uniform(10, 50, (1, 68, 2))
    with pytest.raises(DataError, match="images: expected"):
        fit(image[:, :32], landmarks, decoder)
    with pytest.raises(DataError, match="images: expected finite"):
        fit(np.where(image > 0, np.nan, 0), landmarks, decoder)
    with pytest.raises(DataError, match="landmarks: expected finite"):
        fit(image, landmarks * np.inf, decoder)
    with pytest.raises(DataError, match="on one line"):
        fit(image, np.repeat(np.linspace(0, 60, 68)[:, None], 2, axis=1)[None], decoder)


def test_a_loss_that_explodes_is_named(decoder, rng):
    _, images, landmarks = photographs(decoder, rng)
    skin = np.full((1, 64, 64), np.nan, np.float32)
    with pytest.raises(NumericalError, match="'render'"):
        fit(images, landmarks, decoder, FitConfig(steps=2, landmark_steps=5), skin=skin)


def test_impossible_settings_are_refused():
    with pytest.raises(UsageError, match="steps >= 1"):
        FitConfig(steps=0)


def test_a_photograph_of_the_kit_is_fitted(realkit, tmp_path, capsys):
    photo = realkit / "ibug" / "image_0010.png"
    arguments = ["fit", str(photo), "--landmarks", str(photo.with_suffix(".pts")), "--face", "light", "--out", str(tmp_path)]
    assert main([*arguments, "--fit.steps", "2"]) == 0
    assert float(capsys.readouterr().out.split("landmark error ")[1].split()[0]) < 3
