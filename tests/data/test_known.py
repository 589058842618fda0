"""Made-up faces with the coefficients that a network should say: decoded, they give the landmarks and shapes of the faces."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mgcbook.data import builtin
from mgcbook.data.known import KnownFaces
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.coefficients import Layout
from mgcbook.learning.decoder import Decoder
from mgcbook.learning.metrics import rotation_error_degrees, vertex_error
from mgcbook.learning.supervised import SupervisedLoss


@pytest.fixture(scope="module")
def decoder():
    model = builtin.load("light")
    layout = Layout.of(model, translation_scale=(20.0, 20.0, 400.0))
    return Decoder(model, PAPER_CAMERA.resized(64, 64), layout, turn_about_face=True)


@pytest.fixture(scope="module")
def faces(decoder):
    return KnownFaces(decoder, seed=3)


@pytest.fixture(scope="module")
def batch(faces):
    return faces.batch([0, 5])


def test_decoded_they_are_the_faces(decoder, faces, batch):
    truth = faces.faces.batch([0, 5])["truth"]
    view = decoder(batch["known"].reshape(6, -1))
    pixels = np.linalg.norm(view.landmarks - batch["landmarks"].reshape(6, 68, 2), axis=-1)
    assert pixels.mean() < 0.3  # of 64: bumps that the model cannot say
    assert rotation_error_degrees(view.camera_from_model[0], truth["camera_from_model"][0].reshape(6, 3, 3)).max() < 0.01
    shapes = np.repeat(truth["vertices"], 3, axis=0)
    of_nothing = vertex_error(np.repeat(decoder.model.mean[None], 6, axis=0), shapes)
    assert vertex_error(view.vertices, shapes).mean() < 0.25 * of_nothing.mean()


def test_their_light_lights_the_skin_as_in_the_pictures(decoder, batch):
    view = decoder(batch["known"].reshape(6, -1))
    skin = batch["skin"].reshape(6, 64, 64) * view.mask > 0.9
    photos = batch["images"].reshape(6, 64, 64, 3)
    error = lambda image: np.abs(image - photos)[skin].mean()
    dark = decoder.layout.split(batch["known"].reshape(6, -1))
    dark["light"] = np.zeros_like(dark["light"])
    assert error(np.asarray(view.image)) < 0.7 * error(np.asarray(decoder(decoder.layout.join(dark)).image))


def test_the_loss_of_the_truth_is_small_and_that_of_the_mean_face_is_not(decoder, batch):
    loss = SupervisedLoss(decoder)
    assert loss(batch["known"], batch)[0] < 1
    assert loss(np.zeros_like(batch["known"]), batch)[0] > 10


def test_an_item_does_not_depend_on_its_batch(faces, batch):
    again = faces.batch([5])
    for name in ("images", "landmarks", "known", "skin", "flags"):
        assert_array_equal(again[name][0], batch[name][1])


def test_turned_faces_and_unruly_hair_are_among_them(faces):
    scenes = [scene for i in range(12) for scene in faces.faces.scenes(i)[2]]
    assert np.rad2deg(np.abs([scene.rotation_offset[:, 1] for scene in scenes])).max() > 60
    assert 2 < sum("unruly hair" in scene.surroundings.worn for scene in scenes) < 10
