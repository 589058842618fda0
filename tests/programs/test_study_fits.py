"""The study's fits: the same faces for every method, one identity for the pictures of a person, and signs that can be trusted."""

import numpy as np
import pytest

from mgcbook.data import builtin
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.decoder import Decoder
from mgcbook.programs.fit import FitConfig, from_found_landmarks
from mgcbook.programs.study_fits import (
    ALONE,
    EACH,
    PERSON,
    PERSON_2D,
    VIEWS,
    fits,
    fits_sentences,
    fits_table,
    fitter,
    methods_of,
)

SHORT = FitConfig(steps=3)


class MeanFace:
    """A network that has learned nothing."""

    decoder = Decoder(builtin.load("light"), PAPER_CAMERA.resized(24, 24))

    def __call__(self, images):
        return self.decoder.zeros(len(images))


@pytest.fixture(scope="module")
def content():
    return fits(MeanFace(), count=2, sets=("in-domain",), size=48, config=SHORT)


def test_every_method_sees_the_same_faces_and_the_network_alone_is_not_fitted(content):
    entry = content["sets"]["in-domain"]
    assert list(entry["methods"]) == [ALONE, EACH, PERSON_2D, PERSON]
    alone = entry["methods"][ALONE]["summary"]
    assert {name: value for name, value in alone.items() if name not in ("spread_mm", "epipolar_px")} == pytest.approx(
        {name: value for name, value in entry["mean_face"].items() if name not in ("spread_mm", "epipolar_px")}
    )
    assert len({tuple(found["pictures"]["yaw_degrees"]) for found in entry["methods"].values()}) == 1
    assert len({found["summary"]["vertex_mm"] for found in entry["methods"].values()}) == 4


def test_the_pictures_of_a_person_share_a_face_and_those_of_another_do_not():
    network = MeanFace()
    images = np.random.default_rng(0).random((2 * VIEWS, 24, 24, 3), np.float32)
    identity = lambda config: network.decoder.layout.split(fitter(network, network.decoder, config)(images))["identity"]
    ways = methods_of(from_found_landmarks(SHORT))
    together, alone = identity(ways[PERSON]), identity(ways[EACH])
    assert np.array_equal(together[0], together[1]) and not np.array_equal(together[0], together[VIEWS])
    assert not np.array_equal(alone[0], alone[1])
    assert ways[PERSON_2D].weights.multi_view == 0 < ways[PERSON].weights.multi_view


def test_found_landmarks_start_a_fit_and_count_little():
    given = FitConfig()
    found = from_found_landmarks(given)
    assert found.landmark_steps == 0 < given.landmark_steps
    assert found.weights.landmark == pytest.approx(given.weights.landmark / 50)
    assert found.weights.regularisation == pytest.approx(given.weights.regularisation / 2)
    assert found.steps == given.steps and found.light_first and not given.light_first


def test_less_error_of_the_later_method_reads_as_a_minus(content):
    entry = {"faces": 4, "mean_face": content["sets"]["in-domain"]["mean_face"], "methods": {}}
    for method, error in {EACH: 3.0, PERSON_2D: 2.0, PERSON: 2.5}.items():
        wobble = {EACH: 0.01, PERSON_2D: 0.02, PERSON: 0.03}[method] * np.arange(4 * VIEWS)
        pictures = {"vertex_scaled_mm": list(error + wobble), "depth_mm": [*(error + wobble)[:-1], None]}
        summary = content["sets"]["in-domain"]["methods"][method]["summary"]
        entry["methods"][method] = {"summary": summary, "pictures": pictures, "of_faces": {}}
    first, second = fits_sentences({"sets": {"in-domain": entry}})
    assert "shape -0.9" in first and "depth -0.9" in first and "shape +0.5" in second
    table = fits_table({"sets": {"in-domain": entry}})
    assert table.count("\n") == 4 and "one person, all losses" in table
