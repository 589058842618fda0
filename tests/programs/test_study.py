"""The study's benchmark: fixed sets, and measures that are 0 for perfect knowledge and notice what is wrong."""


import numpy as np
import pytest

from mgcbook.data import builtin
from mgcbook.data.benchmark import COUNT, SETS, benchmark_faces
from mgcbook.data.protocols.scan import DENG, MICC, scan_error
from mgcbook.data.sources.scans import Scan
from mgcbook.errors import DataError, UsageError
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.decoder import Decoder
from mgcbook.learning.metrics import rigid_alignment
from mgcbook.programs import study
from mgcbook.programs.study_benchmark import benchmark, table
from mgcbook.programs.study_files import read_json, write_json
from mgcbook.programs.study_measure import METRICS, OF_FACES, TestSet, plane_rmse
from tests.programs.perfect import describable, knows_all


@pytest.fixture(scope="module")
def model():
    return builtin.load("light")


@pytest.fixture(scope="module")
def decoder(model):
    return Decoder(model, PAPER_CAMERA.resized(32, 32))


@pytest.fixture(scope="module")
def faces(model):
    return describable(model)


@pytest.fixture(scope="module")
def trial(faces, decoder):
    return TestSet(faces, decoder, 2, icp_views=3, keep=True)


# ---------------------------------------------------------------- measures


def test_perfect_knowledge_has_no_error_and_the_mean_face_has(trial, faces, decoder):
    found, nothing = trial.measure(knows_all(faces, decoder, 2))
    for name in METRICS:
        assert found.summary()[name] < 0.02, name
        assert (nothing.summary()[name] is None) if name in OF_FACES else nothing.summary()[name] > 0.4, name


@pytest.mark.parametrize(("part", "change", "worse", "same"), [
    ("rotation", 0.2, {"rotation_degrees", "nme_percent", "depth_mm"}, {"plane_mm", "vertex_mm", "spread_mm"}),
    ("identity", 1.0, {"plane_mm", "vertex_mm", "vertex_scaled_mm"}, {"rotation_degrees", "spread_mm"}),
])  # fmt: skip
def test_each_measure_notices_its_own_part_only(trial, faces, decoder, part, change, worse, same):
    knowing = knows_all(faces, decoder, 2)

    def wrong(images):
        coefficients = knowing(images).copy()
        coefficients[:, decoder.layout.slices[part]] += change
        return coefficients

    summary = trial.measure(wrong)[0].summary()
    assert all(summary[name] > 0.4 for name in worse) and all(summary[name] < 0.02 for name in same)


def test_one_wrong_view_shows_between_views(trial, faces, decoder):
    knowing = knows_all(faces, decoder, 2)

    def wrong(images):
        coefficients = knowing(images).copy()
        coefficients[1::3, decoder.layout.slices["identity"]] += 1
        coefficients[1::3, decoder.layout.slices["rotation"]] += [0.15, 0, 0.15]
        return coefficients

    summary = trial.measure(wrong)[0].summary()
    assert summary["spread_mm"] > 0.4 and summary["epipolar_px"] > 1


def test_the_mean_face_is_measured_once_and_faces_are_kept(trial, monkeypatch):
    monkeypatch.setattr(trial, "faces", None)  # not asked again
    first, second = (trial.measure(lambda images: trial.decoder.zeros(len(images))) for _ in range(2))
    assert first[1] is second[1]
    assert first[0].pictures == first[1].pictures


def test_faces_of_another_size_are_refused(faces, model):
    with pytest.raises(DataError, match="32 pixels"):
        TestSet(faces, Decoder(model, PAPER_CAMERA.resized(48, 48)), 1)


def test_icp_takes_out_motion_and_if_asked_size(model, rng):
    shape, normals = model.mean.astype(float), model.vertex_normals(model.mean[None])[0]
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    truth = 1.1 * shape @ turn.T + [10, -20, 30]

    def error(with_scale):
        start = rigid_alignment(truth[None], shape[None], with_scale=with_scale)
        return plane_rmse(shape, normals, truth[::7], start, with_scale=with_scale)

    assert error(True) < 1e-6 and error(False) > 0.5


def test_icp_agrees_with_the_protocol_of_the_tables(model, decoder):
    truth = benchmark_faces("in-domain", 32).batch([0])["truth"]["vertices"].astype(float)
    points = decoder.model.mean
    test = TestSet(benchmark_faces("in-domain", 32), decoder, 1)
    found = test.measure(lambda images: decoder.zeros(len(images)))[0]
    for metric, protocol in (("plane_mm", MICC), ("plane_scaled_mm", DENG)):
        exact = scan_error(points, model.triangles, points[model.landmark_vertices], Scan(truth[0], model.triangles),
                           truth[0][model.landmark_vertices], protocol).error  # fmt: skip
        assert found.summary()[metric] == pytest.approx(exact, rel=0.03)


# ---------------------------------------------------------------- sets


def test_the_sets_are_fixed_and_differ():
    sets = {name: benchmark_faces(name, 24) for name in SETS}
    again = benchmark_faces("shifted", 24)
    assert np.array_equal(sets["shifted"].item(7)["images"], again.item(7)["images"])
    shapes = [made.item(0)["truth"]["identity"] for made in sets.values()]
    assert len({shape.tobytes() for shape in shapes}) == 3
    assert all(made.config.held_out and made.config.single_share == 0 for made in sets.values())
    assert COUNT >= 500


def test_extreme_faces_are_profiles_and_hidden():
    yaw, worn = {}, {}
    for name in ("in-domain", "extreme"):
        made = benchmark_faces(name, 24)
        scenes = [made.scenes(index)[2][0] for index in range(12)]
        yaw[name] = np.abs(np.rad2deg([scene.yaw for scene in scenes])).max()
        worn[name] = sum(bool(scene.surroundings.worn) for scene in scenes)
    assert yaw["extreme"] > 80 > 65 > yaw["in-domain"]
    assert worn["extreme"] > worn["in-domain"]


def test_an_unknown_set():
    with pytest.raises(UsageError, match="in-domain, shifted, extreme"):
        benchmark_faces("easy", 24)


def test_the_benchmark_writes_every_number(decoder, tmp_path):
    class Network:
        def __call__(self, images):
            return self.decoder.zeros(len(images))

    network = Network()
    network.decoder = decoder
    result = benchmark(network, count=2, sets=("in-domain", "extreme"))
    write_json(tmp_path / "b.json", result)
    again = read_json(tmp_path / "b.json")
    for name in ("in-domain", "extreme"):
        entry = again["sets"][name]
        assert len(entry["pictures"]["nme_percent"]) == 6 and len(entry["of_faces"]["spread_mm"]) == 2
        assert entry["summary"]["nme_percent"] == entry["mean_face"]["nme_percent"]
        assert "0 %" in table(entry) and "spread_mm" in table(entry)
    assert {"numpy", "python", "mgcbook"} <= set(again["versions"]) and again["date"]


def test_the_command_line():
    assert study.parse(["benchmark", "--count", "3"]) == study.Benchmark(count=3)
    assert study.parse(["ablation", "--scale", "toy", "--only", "2"]) == study.Ablation(scale="toy", only=2)
    assert not study.parse(["report", "--no-figures"]).figures
