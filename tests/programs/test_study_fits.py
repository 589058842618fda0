"""The study's fits: the same faces for every method, one identity for the pictures of a person, and signs that can be trusted."""

from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pytest

from mgcbook.data import builtin
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.decoder import Decoder
from mgcbook.programs import study, study_fits
from mgcbook.programs.config import TrainConfig
from mgcbook.programs.fit import FitConfig, Progress, from_found_landmarks
from mgcbook.programs.study_files import fingerprint, read_json
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
    gain,
    methods_of,
    sees_smaller,
)
from tests.programs.toy import packed

SHORT = FitConfig(steps=3)


class MeanFace:
    """A network that has learned nothing."""

    decoder = Decoder(builtin.load("light"), PAPER_CAMERA.resized(24, 24))

    def __init__(self):
        self.seen = []

    def __call__(self, images):
        self.seen.append(images)
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
    assert content["fit"] == asdict(from_found_landmarks(SHORT))


def test_the_network_sees_the_whole_picture_smaller():
    rows, columns = np.mgrid[:48, :48] / 48
    picture = np.stack([rows, columns, 0 * rows], axis=-1).astype(np.float32)
    network = MeanFace()
    assert sees_smaller(network)(picture[None]).shape == network.decoder.zeros(1).shape
    np.testing.assert_allclose(network.seen[0][0], picture.reshape(24, 2, 24, 2, 3).mean(axis=(1, 3)), atol=0.03)


def test_fits_begin_where_the_network_is(monkeypatch):
    """And so does what they are told to reach: its landmarks in the larger picture."""

    class Brightness(MeanFace):
        def __call__(self, images):
            return super().__call__(images) + images.mean(axis=(1, 2, 3))[:, None]

    begun, network = [], Brightness()
    decoder = network.decoder.seen_by(PAPER_CAMERA.resized(48, 48))
    ended = lambda photos, points, decoder, config, *, skin, start: begun.append((points, start)) or Progress(1, 1, {}, start + 1)
    monkeypatch.setattr(study_fits, "fit", ended)
    grey = np.linspace(0.1, 0.6, 2 * VIEWS, dtype=np.float32)
    found = fitter(network, decoder, SHORT)(np.ones((2 * VIEWS, 48, 48, 3), np.float32) * grey[:, None, None, None])
    np.testing.assert_allclose(found - 1, np.repeat(grey[:, None], found.shape[1], axis=1), atol=1e-5)
    assert len(begun) == 2
    for points, start in begun:
        np.testing.assert_allclose(points, decoder(start).landmarks, atol=1e-3)


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
    assert found.weights.landmark == pytest.approx(given.weights.landmark / 10)
    assert found.weights.regularisation == given.weights.regularisation
    assert found.weights.reg_albedo > given.weights.reg_albedo and found.weights.reg_expression > given.weights.reg_expression
    own = from_found_landmarks(FitConfig(weights=replace(given.weights, reg_albedo=0.5))).weights
    assert own.reg_albedo == 0.5 and own.reg_expression == found.weights.reg_expression  # what is asked for stays
    assert found.weights.reg_identity == given.weights.reg_identity
    assert (found.steps, found.rate) == (given.steps, given.rate) and found.light_first and not given.light_first


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


def test_a_gain_is_paired_by_face():
    """Pictures of a face are one observation; what could not be measured of a picture is left out."""
    from scipy import stats

    rng = np.random.default_rng(0)
    errors = {EACH: rng.uniform(2, 4, (5, VIEWS)), PERSON: rng.uniform(1, 3, (5, VIEWS))}
    lists = {method: [float(value) for value in values.ravel()] for method, values in errors.items()}
    errors[PERSON][1, 2], lists[PERSON][VIEWS + 2] = np.nan, None
    entry = {"methods": {method: {"pictures": {"depth_mm": values}, "of_faces": {}} for method, values in lists.items()}}
    worse, better = (np.nanmean(errors[method], axis=1) for method in (EACH, PERSON))
    difference, error, p = gain(entry, PERSON, EACH, "depth_mm")
    assert difference == pytest.approx((worse - better).mean())
    assert error == pytest.approx((worse - better).std(ddof=1) / np.sqrt(5))
    assert p == pytest.approx(stats.ttest_rel(worse, better).pvalue)


def test_the_program_prints_and_writes(tmp_path, monkeypatch, capsys):
    weights = packed(tmp_path / "network.safetensors", TrainConfig(depth=10, width=4, image_size=24, face="light"))
    monkeypatch.setattr(study_fits, "fits", partial(fits, sets=("in-domain",), size=48, config=FitConfig(steps=1)))
    assert not study.run(study.Fits(weights, count=2, out=tmp_path / "fits.json"))
    written = read_json(tmp_path / "fits.json")
    assert written["weights"]["sha256"] == fingerprint(weights) and written["weights"]["step"] == 5
    assert written["sets"]["in-domain"]["faces"] == 2
    said = capsys.readouterr().out
    assert all(f"in-domain, 2 faces: {method}" in said for method in (ALONE, EACH, PERSON_2D, PERSON))
