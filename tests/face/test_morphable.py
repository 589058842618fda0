"""The face model: Eq. 1 by hand, normals of shapes we know, gradients, sampling, and files that lie."""

import io
import json
import warnings
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.errors import DataError, ResourceError
from mgcbook.face.model_file import check_model
from mgcbook.face.morphable import FaceModel
from mgcbook.face.normals import triangle_fans, vertex_normals
from mgcbook.tape import check_gradients
from tests.toy import toy_model

OCTAHEDRON = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
OCTAHEDRON_TRIANGLES = np.array(
    [[4, 0, 2], [4, 2, 1], [4, 1, 3], [4, 3, 0], [5, 2, 0], [5, 1, 2], [5, 3, 1], [5, 0, 3]], np.int32
)


def two_vertices():
    """The smallest model whose numbers can be worked out on paper."""
    ones = np.ones((1, 2, 3), np.float32)
    return replace(
        toy_model(),
        mean=np.array([[1, 2, 3], [4, 5, 6]], np.float32),
        identity_basis=np.concatenate([ones, 2 * ones]),
        identity_deviation=np.array([10, 1], np.float32),
        expression_basis=ones * np.array([1, 0, -1], np.float32),
        expression_deviation=np.array([0.5], np.float32),
        albedo_mean=np.full((2, 3), 0.5, np.float32),
        albedo_basis=ones,
        albedo_deviation=np.array([0.25], np.float32),
    )


def test_shape_is_equation_1():
    shape = two_vertices().shape(np.array([[2.0, 3.0]]), np.array([[4.0]]))
    # 2 * 10 * 1 + 3 * 1 * 2 = 26 everywhere, and 4 * 0.5 * (1, 0, -1) = (2, 0, -2)
    assert_allclose(shape, [[[29, 28, 27], [32, 31, 30]]])


def test_albedo_is_clipped_to_colours():
    albedo = two_vertices().albedo(np.array([[1.0], [9.0], [-9.0]]))
    assert_allclose(albedo[:, 0], [[0.75] * 3, [1] * 3, [0] * 3])


@pytest.mark.parametrize("count", [1, 3])
def test_batches_have_the_shapes_of_the_contract(rng, count):
    model = toy_model()
    drawn = model.sample(rng, count)
    vertices = model.shape(drawn["identity"], drawn["expression"])
    assert (
        vertices.shape
        == model.vertex_normals(vertices).shape
        == model.albedo(drawn["albedo"]).shape
        == (count, len(model.mean), 3)
    )
    assert model.landmarks(vertices).shape == (count, 68, 3)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_precision_in_is_precision_out(rng, kind):
    model = toy_model()
    identity, expression, albedo = (rng.normal(size=(2, rank)).astype(kind) for rank in model.ranks.values())
    vertices = model.shape(identity, expression)
    assert vertices.dtype == model.vertex_normals(vertices).dtype == model.albedo(albedo).dtype == kind


def test_wrong_number_of_coefficients_is_named():
    model = toy_model()
    with pytest.raises(ValueError, match=r"expression: expected 3 coefficients per face, got shape \(1, 5\)"):
        model.shape(np.zeros((1, 4)), np.zeros((1, 5)))
    with pytest.raises(ValueError, match="identity: expected"):
        model.shape(np.zeros(4), np.zeros((1, 3)))


def test_normals_of_an_octahedron_point_outward():
    normals = vertex_normals(OCTAHEDRON[None] * 7.0, OCTAHEDRON_TRIANGLES)
    assert_allclose(normals[0], OCTAHEDRON, atol=1e-12)


def test_normals_turn_with_the_shape(rng):
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    points = OCTAHEDRON + 0.2 * rng.normal(size=OCTAHEDRON.shape)
    normals = vertex_normals(points[None], OCTAHEDRON_TRIANGLES)
    assert_allclose(vertex_normals((points @ turn.T)[None], OCTAHEDRON_TRIANGLES), normals @ turn.T, atol=1e-12)
    assert_allclose(np.linalg.norm(normals, axis=-1), 1)


def test_every_triangle_counts_alike_however_large():
    # a corner of a box: one wall ten times as large as the others weighs no more
    points = np.array([[[0, 0, 0], [10, 0, 0], [0, 1, 0], [0, 0, 1]]], float)
    normals = vertex_normals(points, np.array([[0, 2, 1], [0, 3, 2], [0, 1, 3]]))
    assert_allclose(normals[0, 0], -np.ones(3) / np.sqrt(3))


def test_triangles_without_area_give_numbers():
    points = np.zeros((1, 4, 3))
    points[0, 3] = [1, 2, 3]
    normals = vertex_normals(points, np.array([[0, 1, 2], [0, 1, 3]]))
    assert_array_equal(normals, np.zeros_like(normals))


def test_fans_list_every_triangle_of_every_vertex():
    fans = triangle_fans(OCTAHEDRON_TRIANGLES, 7)
    for vertex in range(7):
        around = np.flatnonzero(np.isin(OCTAHEDRON_TRIANGLES, vertex).any(1))
        assert_array_equal(fans[vertex][fans[vertex] < 8], around)
    assert (fans[6] == 8).all()


def test_gradients_agree_with_both_judges(rng):
    model = toy_model(side=7)
    weights = [rng.normal(size=(2, len(model.mean), 3)) for _ in range(3)]

    def loss(p):
        vertices = model.shape(p["identity"], p["expression"])
        total = np.sum(weights[0] * vertices) + np.sum(weights[1] * model.vertex_normals(vertices))
        return total + np.sum(weights[2] * model.albedo(p["albedo"])) + np.sum(model.landmarks(vertices) ** 2) * 1e-3

    check_gradients(loss, {part: 0.5 * rng.normal(size=(2, rank)) for part, rank in model.ranks.items()}, rng)


def test_samples_are_standard_normal_and_repeat_by_seed(rng):
    model = toy_model(ranks=(40, 3, 30))
    drawn = model.sample(rng, 500)
    assert drawn["identity"].std() == pytest.approx(1, abs=0.03)
    assert drawn["albedo"].mean() == pytest.approx(0, abs=0.03)
    again = model.sample(np.random.default_rng(0), 500)
    assert all((drawn[part] == again[part]).all() for part in drawn)
    calm = model.sample(rng, 2, identity=0, expression=0, albedo=0)
    assert not any(part.any() for part in calm.values())


def test_sampled_expressions_are_mixtures_of_actions(rng):
    units = {"smile_left": [1, 0, 0], "smile_right": [0, 1, 0], "smile": [1, 1, 0], "jaw_open": [0, 0, 1]}
    model = replace(toy_model(), units={name: np.array(unit, np.float32) for name, unit in units.items()})
    left, right, jaw = model.sample_expression(rng, 2000).T
    assert min(left.min(), right.min(), jaw.min()) >= 0
    assert np.corrcoef(left, right)[0, 1] > 0.9
    assert abs(np.corrcoef(left, jaw)[0, 1]) < 0.1
    assert 0.05 < (jaw > 0).mean() < 0.3


def test_a_model_survives_its_file(tmp_path):
    model = replace(toy_model(), units={"wink/é": np.array([1, 2, 3], np.float32)}, name="Jürgen", license="MIT")
    model.save(tmp_path / "face.npz")
    again = FaceModel.load(tmp_path / "face.npz")
    for name in ("mean", "identity_basis", "albedo_deviation", "triangles", "landmark_vertices", "mirror"):
        assert_array_equal(getattr(again, name), getattr(model, name))
    assert_array_equal(again.units["wink/é"], [1, 2, 3])
    assert_array_equal(again.regions["nose"], model.regions["nose"])
    assert (again.name, again.license) == ("Jürgen", "MIT")


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "face.npz"
    toy_model().save(path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(ResourceError, match="No space left"):
        toy_model(side=9).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["face.npz"]


def stored(path, **changes):
    """Write a toy model's file with some arrays replaced (None: left out)."""
    model = toy_model()
    model.save(path)
    with np.load(path) as arrays:
        arrays = dict(arrays) | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


BROKEN = {
    "missing": ({"mirror": None}, "'mirror' is missing"),
    "no about": ({"about": None}, "'about' is missing or broken"),
    "about": ({"about": np.zeros(3, np.uint8)}, "'about' is missing or broken"),
    "newer": (
        {"about": np.frombuffer(json.dumps({"format": 9, "name": "", "license": ""}).encode(), np.uint8)},
        "expected format 1, got 9",
    ),
    "shape": (
        {"identity_deviation": np.ones(3, np.float32)},
        r"identity_deviation: expected shape \(Ki\) with .*Ki = 4.*got \(3,\)",
    ),
    "type": ({"mean": np.zeros((289, 3))}, "mean: expected float32, got float64"),
    "nan": ({"mean": np.full((289, 3), np.nan, np.float32)}, "mean: expected finite numbers"),
    "index": ({"triangles": np.full((512, 3), 289, np.int32)}, "triangles: expected vertex indices from 0 to 288"),
    "negative": ({"mirror": np.full(289, -1, np.int32)}, "mirror: expected vertex indices"),
    "unpaired": ({"mirror": np.roll(np.arange(289, dtype=np.int32), 1)}, "mirror: expected partners"),
    "deviation": ({"albedo_deviation": -np.ones(3, np.float32)}, "expected deviations of at least 0"),
    "region": ({"regions/nose": np.zeros(5, bool)}, r"regions/nose: expected \(289,\) finite bool"),
    "unit": ({"units/x": np.zeros(9, np.float32)}, r"units/x: expected \(3,\) finite float32"),
    "unknown": ({"surprise": np.zeros(3)}, "unknown array 'surprise'"),
    "scalar": ({"mean": np.float32(3)}, r"mean: expected shape \(V, 3\)"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_with_its_fault(tmp_path, name):
    changes, message = BROKEN[name]
    with pytest.raises(DataError, match=message):
        FaceModel.load(stored(tmp_path / "face.npz", **changes))


def test_files_that_are_no_models(tmp_path):
    good = stored(tmp_path / "good.npz").read_bytes()
    for name, content in {"empty": b"", "text": b"hello", "cut": good[: len(good) // 2], "zeros": bytes(1000)}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="not a face model"):
            FaceModel.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        FaceModel.load(tmp_path / "nothing.npz")
    with pytest.raises(DataError):
        FaceModel.load(tmp_path)


def test_bits_that_flipped_are_noticed_or_harmless(tmp_path, rng):
    path = stored(tmp_path / "face.npz")
    good = path.read_bytes()
    for place in rng.integers(0, len(good), 60):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x55]) + good[place + 1 :])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                check_model(FaceModel.load(path))
        except DataError:
            pass


def test_hostile_files_never_run_code_and_never_ask_for_the_memory(tmp_path):
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}], object), allow_pickle=True)
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(huge, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 3)})
    for content, message in ((pickled, "never loaded"), (huge, "expected .*1099511627776")):
        with zipfile.ZipFile(tmp_path / "hostile.npz", "w") as archive:
            archive.writestr("mean.npy", content.getvalue())
        with pytest.raises(DataError, match=message):
            FaceModel.load(tmp_path / "hostile.npz")
