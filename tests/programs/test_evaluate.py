"""Evaluation: perfect knowledge has no error, knowing nothing is the baseline, and every number is written down."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mgcbook.data import builtin
from mgcbook.data.dataset import FaceDataset
from mgcbook.data.dataset_writer import write_dataset
from mgcbook.data.synthetic import SyntheticFaces
from mgcbook.errors import DataError, UsageError
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.decoder import Decoder
from mgcbook.programs.evaluate import METRICS, EvaluateOptions, evaluate, run
from tests.programs.perfect import describable, knows_all

COUNT = 3


@pytest.fixture(scope="module")
def model():
    return builtin.load("light")


@pytest.fixture(scope="module")
def decoder(model):
    return Decoder(model, PAPER_CAMERA.resized(32, 32))


@pytest.fixture(scope="module")
def faces(model):
    return describable(model)


def test_perfect_knowledge_has_no_error(faces, decoder):
    result = evaluate(knows_all(faces, decoder, COUNT), decoder=decoder, faces=faces, count=COUNT, batch=2)
    assert len(result.rows) == 3 * COUNT and len(result.faces) == COUNT
    limits = {"nme_percent": 1e-2, "vertex_mm": 1e-3, "depth_mm": 1e-2, "rotation_degrees": 1e-2, "spread_mm": 1e-3}
    for name, largest in limits.items():
        assert result.summary()[name]["mean"] < largest, name
    for row in result.rows:
        assert row["baseline"]["nme_percent"] > 1 and row["baseline"]["vertex_mm"] > 0.5 and row["baseline"]["depth_mm"] > 0.5
        assert abs(row["baseline"]["rotation_degrees"]) >= abs(row["yaw_degrees"]) - 1e-3


def test_the_mean_face_is_its_own_baseline(faces, decoder):
    result = evaluate(lambda images: decoder.zeros(len(images)), decoder=decoder, faces=faces, count=COUNT)
    for name in METRICS:
        entry = result.summary()[name]
        assert entry["mean"] == entry["baseline"]
        assert entry["better_percent"] == (None if name == "spread_mm" else 0)


def test_worse_is_worse(faces, decoder):
    """Each part of the truth that is forgotten shows in its own metric."""
    knowing, layout = knows_all(faces, decoder, COUNT), decoder.layout

    def forgetful(name):
        def predict(images):
            coefficients = knowing(images).copy()
            coefficients[:, layout.slices[name]] = 0
            return coefficients

        summary = evaluate(predict, decoder=decoder, faces=faces, count=COUNT).summary()
        return {metric: summary[metric]["mean"] for metric in METRICS}

    shape, pose, light = forgetful("identity"), forgetful("rotation"), forgetful("light")
    assert shape["vertex_mm"] > 0.5 and shape["rotation_degrees"] < 0.01
    assert pose["rotation_degrees"] > 3 and pose["nme_percent"] > 1 and pose["vertex_mm"] < 1e-3
    assert max(light.values()) < 0.02


def test_every_number_is_written(faces, decoder, tmp_path):
    result = evaluate(lambda images: decoder.zeros(len(images)), decoder=decoder, faces=faces, count=COUNT)
    result.save(tmp_path / "numbers.json")
    content = json.loads((tmp_path / "numbers.json").read_text())
    assert content["summary"] == result.summary() and content["pictures"] == result.rows and len(content["faces"]) == COUNT
    mean = np.mean([row["nme_percent"] for row in content["pictures"]])
    np.testing.assert_allclose(content["summary"]["nme_percent"]["mean"], mean)
    table = result.table()
    assert "mean face" in table and f"{mean:.2f}" in table and all(name in table for name in METRICS)


def test_a_face_out_of_the_picture_has_no_depth_error(faces, decoder):
    def away(images):
        coefficients = decoder.zeros(len(images))
        coefficients[:, decoder.layout.slices["translation"]] = 3000, 0, 0
        return coefficients

    result = evaluate(away, decoder=decoder, faces=faces, count=1)
    assert all(row["depth_mm"] is None for row in result.rows) and result.summary()["depth_mm"]["mean"] is None
    assert " - " in result.table()
    json.dumps(result.summary(), allow_nan=False)


def test_single_photographs_count_where_their_truth_is_known(faces, decoder):
    singles = SyntheticFaces(replace(faces.config, single_share=1.0), faces.model)
    result = evaluate(lambda images: decoder.zeros(len(images)), decoder=decoder, faces=singles, count=1)
    assert [row["vertex_mm"] is None for row in result.rows] == [False, True, True]
    assert result.faces[0]["spread_mm"] is None and all(row["nme_percent"] > 0 for row in result.rows)


def test_the_standard_faces_are_held_out(decoder):
    result = evaluate(lambda images: decoder.zeros(len(images)), decoder=decoder, count=1)
    again = evaluate(lambda images: decoder.zeros(len(images)), decoder=decoder, count=1)
    assert result.rows == again.rows and 1 < result.summary()["nme_percent"]["mean"] < 40


def test_what_cannot_be_evaluated(faces, decoder, model):
    zeros = lambda images: decoder.zeros(len(images))
    with pytest.raises(UsageError, match="protocol"):
        evaluate(zeros, "aflw", decoder=decoder)
    with pytest.raises(DataError, match="32 x 32"):
        evaluate(zeros, decoder=Decoder(model, PAPER_CAMERA.resized(48, 48)), faces=faces, count=1)
    with pytest.raises(DataError, match="no truth"):
        evaluate(zeros, decoder=decoder, faces=SyntheticFaces(faces.config, model, truth=False), count=1)
    with pytest.raises(DataError, match="not finite"):
        evaluate(lambda images: np.nan * zeros(images), decoder=decoder, faces=faces, count=1)
    with pytest.raises(UsageError, match="count"):
        evaluate(zeros, decoder=decoder, faces=faces, count=0)
    with pytest.raises(ValueError, match="coefficients"):
        evaluate(lambda images: zeros(images)[:, :-1], decoder=decoder, faces=faces, count=1)


def test_a_data_set_can_be_evaluated(faces, decoder, tmp_path):
    write_dataset(tmp_path, faces, 2)
    stored = evaluate(lambda images: decoder.zeros(len(images)), decoder=decoder, faces=FaceDataset(tmp_path))
    direct = evaluate(lambda images: decoder.zeros(len(images)), decoder=decoder, faces=faces, count=2)
    assert stored.rows == direct.rows and stored.faces == direct.faces
    with pytest.raises(UsageError, match="1 to 2"):
        evaluate(lambda images: decoder.zeros(len(images)), decoder=decoder, faces=FaceDataset(tmp_path), count=3)


@pytest.mark.parametrize("name, says", [("nowhere", "not found"), (".", "no checkpoint there")])
def test_weights_that_are_not_there(tmp_path, name, says):
    with pytest.raises(DataError, match=says):
        run(EvaluateOptions(tmp_path / name))
