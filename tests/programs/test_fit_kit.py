"""Real photographs: pictures of AFLW2000-3D from their landmarks, and three views of one person together."""

import numpy as np
import pytest

from mgcbook.data import builtin
from mgcbook.data.align import align, alignment_template, fit_similarity
from mgcbook.data.formats import convert
from mgcbook.data.images import read_image
from mgcbook.data.landmarks import five_points
from mgcbook.data.protocols.landmarks import landmark_error
from mgcbook.data.skin import skin_weight
from mgcbook.data.sources import open_source
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.decoder import Decoder
from mgcbook.programs.fit import FitConfig, fit_steps
from mgcbook.programs.fit_photos import fit_photos

# Eyes, base of the nose and mouth corners of the three views, read off the pictures to about two pixels, and their yaw.
THREE_VIEWS = {
    "front": (0.0, [(75, 85), (143, 86), (109, 125), (88, 145), (133, 145)]),
    "left": (0.6, [(51, 85), (114, 82), (72, 126), (51, 143), (94, 147)]),
    "right": (-0.6, [(112, 85), (174, 80), (160, 128), (124, 155), (174, 150)]),
}


@pytest.fixture(scope="module")
def decoder():
    return Decoder(builtin.load("light"), PAPER_CAMERA.resized(96, 96))


def landmarks_of(decoder, yaw, points):
    """68 landmarks from five: those of the mean face turned by yaw, laid on the five by a similarity."""
    parts = decoder.layout.split(decoder.zeros(1))
    parts["rotation"] = np.float32([[0, yaw, 0]])
    mean_face = np.asarray(decoder(decoder.layout.join(parts)).landmarks[0], np.float64)
    return fit_similarity(five_points(mean_face), np.array(points, float)).apply(mean_face)


def test_pictures_of_aflw2000_are_fitted_from_their_landmarks(realkit, decoder):
    samples = list(open_source("aflw2000", realkit / "aflw2000"))[:4]
    photos = [(sample.read_image(), sample.landmarks, sample.key) for sample in samples]
    results = fit_photos(photos, decoder, FitConfig(steps=15, same_person=False), show=False)
    errors = [result.landmark_error_percent() for result in results]
    assert len(errors) == 4
    assert max(errors) < 3


def test_three_views_of_one_person_agree_better_after_a_fit(realkit, decoder):
    template, aligned = alignment_template(decoder.model, decoder.camera), []
    for name, (yaw, points) in THREE_VIEWS.items():
        photo = read_image(realkit / "multiview" / f"{name}.jpg")
        aligned.append(align(photo, landmarks_of(decoder, yaw, points), template, decoder.camera))
    images, landmarks = np.stack([one.image for one in aligned]), np.stack([one.landmarks for one in aligned])
    skin = np.stack([skin_weight(one.image, landmarks=one.landmarks) * one.inside for one in aligned])
    reports = list(fit_steps(images, landmarks, decoder, FitConfig(steps=40), skin=skin))
    first, last = reports[0].losses, reports[-1].losses
    assert last["total"] < 0.8 * first["total"]
    assert last["render"] < 0.7 * first["render"]
    assert last["pixel"] < first["pixel"]
    yaw = decoder.layout.split(reports[-1].coefficients)["rotation"][:, 1]
    assert yaw[1] > 0.3 > yaw[0] > -0.3 > yaw[2]


@pytest.mark.slow
def test_all_pictures_are_fitted_with_the_ict_model(realkit):
    model, _ = convert("ict", realkit / "ict_face.npz")
    decoder = Decoder(model, PAPER_CAMERA.resized(96, 96))
    samples = list(open_source("aflw2000", realkit / "aflw2000"))
    assert len(samples) == 33
    found = []
    for first in range(0, len(samples), 3):
        photos = [(sample.read_image(), sample.landmarks, sample.key) for sample in samples[first : first + 3]]
        for result in fit_photos(photos, decoder, FitConfig(steps=60, same_person=False), show=False):
            points = np.asarray(decoder(result.coefficients[None]).landmarks[0], np.float64)
            found.append(result.aligned.crop_from_photo.inverse().apply(points))
    truth, yaw = np.array([sample.landmarks for sample in samples]), np.array([sample.yaw_degrees for sample in samples])
    error = landmark_error(np.array(found), truth, yaw)
    assert tuple(error.counts) == (13, 9, 11)
    assert error.mean < 2.0, "NME in percent, mean of the three bins of yaw"
