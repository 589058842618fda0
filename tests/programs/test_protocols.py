"""mgcbook evaluate --protocol: rows beside the published ones, every number written, bad items listed."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from mgcbook.data import builtin
from mgcbook.data.align import alignment_template
from mgcbook.data.images import write_image
from mgcbook.data.landmarks import write_landmarks
from mgcbook.data.protocols.rendered import poses
from mgcbook.errors import DataError, UsageError
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.decoder import Decoder
from mgcbook.programs import protocols_real, protocols_synthetic
from mgcbook.programs.evaluate import TABLE_PROTOCOLS
from mgcbook.programs.protocols import Report, _numbers, measure, spread
from tests.toy import toy_model


class MeanFace:
    """A network that always says the mean face in the main pose."""

    def __init__(self, size=64):
        self.decoder = Decoder(builtin.load("light"), PAPER_CAMERA.resized(size, size))

    def __call__(self, images):
        return self.decoder.zeros(len(images))


@pytest.fixture(scope="module")
def network():
    return MeanFace()


def write_aflw(folder, name, points, yaw, rng):
    pose = np.float32([[0, np.deg2rad(yaw), 0, 0, 0, 0, 1]])
    points = np.concatenate([points.T + 0.5, np.zeros((1, 68))])
    scipy.io.savemat(folder / f"{name}.mat", {"Pose_Para": pose, "pt3d_68": points, "pt2d": np.ones((2, 21))})
    write_image(folder / f"{name}.jpg", rng.random((120, 120, 3)))


def test_aflw2000_measures_in_pixels_of_the_photograph(tmp_path, network, rng):
    """The mean face itself, turned and scaled in the photograph, is found without error; a stretched one is not."""
    template = alignment_template(network.decoder.model, network.decoder.camera)
    turn = 1.2 * np.array([[0.9, -0.1], [0.1, 0.9]])
    write_aflw(tmp_path, "a", template @ turn.T + 15, 10, rng)
    write_aflw(tmp_path, "b", (template * [1.3, 1.0]) @ turn.T + 10, -75, rng)
    (tmp_path / "c.mat").write_bytes(b"nothing")
    report = measure("aflw2000", network, data=tmp_path)
    errors = {row["item"]: row["error"] for row in report.rows}
    assert errors["a"] < 1e-2 < 1 < errors["b"]
    np.testing.assert_allclose(report.numbers[0], errors["a"])
    assert report.numbers[1] is None
    np.testing.assert_allclose(report.numbers[3], (errors["a"] + errors["b"]) / 2)
    assert [one["item"] for one in report.skipped] == ["c"]
    report.save(tmp_path / "out.json")
    content = json.loads((tmp_path / "out.json").read_text())
    assert [row["item"] for row in content["items"]] == ["a", "b"] and content["skipped"][0]["item"] == "c"
    assert (tmp_path / "out-curve.png").stat().st_size > 1000
    assert "this run" in report.table() and "1 items left out" in report.table()


def test_the_report_says_which_landmarks_aligned(tmp_path, network, rng):
    template = alignment_template(network.decoder.model, network.decoder.camera)
    write_aflw(tmp_path, "a", template + 15, 10, rng)
    write_aflw(tmp_path, "b", template + 10, 40, rng)
    (tmp_path / "other").mkdir()
    for name in "ab":
        write_landmarks(tmp_path / "other" / f"{name}.pts", template + 12)

    def detector(photo):
        return template + 11

    for landmarks, by in ((None, "the true landmarks"), (tmp_path / "other", f"landmark files in {tmp_path / 'other'}"),
                          (detector, "detector")):  # fmt: skip
        report = measure("aflw2000", network, data=tmp_path, landmarks=landmarks)
        assert report.aligned_by() == {by: 2} and f"aligned by {by} (2 items)" in report.table()
        report.save(tmp_path / "out.json")
        content = json.loads((tmp_path / "out.json").read_text())
        assert content["aligned_by"] == {by: 2} and content["items"][0]["aligned_by"] == by
    errors = [row["error"] for row in report.rows]
    assert errors[0] > 3 * errors[1] > 0.1, "the mean face lies where the detector said, four pixels and one off"
    with pytest.raises(DataError, match=r"no item could be measured.*no face"):
        measure("aflw2000", network, data=tmp_path, landmarks="network")  # noise has no face
    with pytest.raises(DataError, match="no such folder"):
        measure("aflw2000", network, data=tmp_path, landmarks=tmp_path / "none")


@pytest.mark.parametrize("protocol", [name for name in TABLE_PROTOCOLS if name.startswith("synthetic-")])
def test_synthetic_protocols_run_without_any_data(tmp_path, network, protocol, monkeypatch):
    monkeypatch.setattr(protocols_synthetic, "poses", lambda rng: poses(rng)[2:4])  # of 20
    report = measure(protocol, network, count=1)
    errors = [row["error"] for row in report.rows]
    assert 0.2 < np.mean(errors) < 30
    assert "not to be compared" in report.table()
    report.save(tmp_path / "out.json")
    has_heat = protocol != "synthetic-aflw2000"
    assert (tmp_path / "out-heat.png").exists() == has_heat


def test_numbers_are_laid_out_as_published():
    rows = [{"error": 1.0, "setting": "indoor"}, {"error": 3.0, "setting": "indoor"}, {"error": 5.0, "setting": "outdoor"}]
    assert _numbers("micc", rows)[0] == [None, None, 2.0, 1.0, 5.0, 0.0]
    assert _numbers("frgc", rows)[0] == [3.0, None]
    assert _numbers("frgc", [{**row, "ms": time} for row, time in zip(rows, (9.0, 1.0, 2.0), strict=True)])[0] == [3.0, 2.0]
    rows = [{"error": 1.0, "kind": "yaw 60"}, {"error": 3.0, "kind": "yaw 60"}, {"error": 5.0, "kind": "random"}]
    assert _numbers("micc-rendered", rows)[0] == [None, 2.0, None, 5.0, 3.0, pytest.approx(np.sqrt(8 / 3))]
    now = [{"error": 1, "each": np.array([1.0, 2, 9])}, {"error": 1, "each": np.array([4.0])}]
    assert _numbers("now", now)[0] == [3.0, 4.0, pytest.approx(np.std([1, 2, 9, 4]))]
    assert Report("aflw2000-reannotated", "%", [], [1, 2, 3, 2]).name == "aflw2000"


def test_errors_go_to_the_vertices_near_by():
    vertices = toy_model().mean
    given = spread(vertices, vertices[:4] + 0.1, np.arange(4.0))
    np.testing.assert_array_equal(given[:4], np.arange(4.0))
    assert np.isnan(given[-1])


def test_scans_of_micc_are_photographed_and_compared(tmp_path, network, monkeypatch):
    """The mean face itself as a scan: found without error; another size costs, unless a scale for each shape is asked for."""
    model = network.decoder.model
    place = tmp_path / "subject_01" / "Model" / "frontal1" / "obj"
    place.mkdir(parents=True)
    monkeypatch.setattr(protocols_real, "poses", lambda rng: poses(rng)[2:4])
    errors = {}
    for size, scale in ((1.0, "none"), (1.05, "none"), (1.05, "per-mesh")):
        vertices = size * model.mean.astype(float)
        rows = "".join(f"v {x:.5f} {y:.5f} {z:.5f}\n" for x, y, z in vertices)
        faces = "".join(f"f {a} {b} {c}\n" for a, b, c in model.triangles + 1)
        (place / "scan.obj").write_text(rows + faces)
        np.save(place / "scan.npy", vertices[model.landmark_vertices])
        report = measure("micc-rendered", network, data=tmp_path, scale=scale)
        errors[size, scale] = report.numbers[4]
        assert [(row["item"], row["kind"]) for row in report.rows] == [("subject_01/0", "yaw 0"), ("subject_01/1", "yaw 60")]
        assert report.aligned_by() == {"the landmarks marked on the scan": 2} and report.heat is not None
    assert errors[1.0, "none"] < 1e-3 and errors[1.05, "per-mesh"] < 1e-2 < 0.3 < errors[1.05, "none"]


def test_what_is_missing_is_said(tmp_path, network):
    with pytest.raises(UsageError, match="protocol: expected one of"):
        measure("widerface", network)
    with pytest.raises(UsageError, match="--data"):
        measure("micc", network)
    with pytest.raises(DataError, match="nothing found"):
        measure("micc", network, data=Path(tmp_path))
