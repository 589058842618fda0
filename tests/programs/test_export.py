"""Export: meshes and numbers that come back as they were, and onto the photograph."""

import json
import struct

import numpy as np
import pytest
import trimesh

from mgcbook.data import builtin
from mgcbook.data.align import Similarity
from mgcbook.errors import DataError, ResourceError
from mgcbook.face.camera import Camera, project, transform
from mgcbook.learning.decoder import Decoder
from mgcbook.programs import export, pictures

CAMERA = Camera(2350.0, 112, 112)

PYRAMID = np.array([[0.0, 0, 0], [100, 0, 0], [100, 100, 0], [0, 100, 0], [50, 50, 70]])
SIDES = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
COLORS = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.4, 0.6], [1, 1, 1]])


@pytest.fixture(scope="module")
def decoder():
    return Decoder(builtin.load("light"), CAMERA)


@pytest.fixture
def coefficients(decoder, rng):
    parts = decoder.layout.split(decoder.zeros(1))
    scales = {"identity": 1, "expression": 0.3, "albedo": 1, "rotation": 0.2, "translation": 20, "light": 0.1}
    parts = {name: (scales[name] * rng.normal(size=part.shape)).astype(np.float32) for name, part in parts.items()}
    return decoder.layout.join(parts)[0]


@pytest.mark.parametrize("ending, scale", [("obj", 1), ("ply", 1), ("glb", 1000)])
def test_meshes_come_back(tmp_path, ending, scale):
    path = tmp_path / f"a.{ending}"
    export.write_mesh(path, PYRAMID, SIDES, COLORS)
    mesh = trimesh.load(path, process=False, force="mesh")
    np.testing.assert_allclose(scale * mesh.vertices, PYRAMID, atol=1e-3)  # GLB is in metres
    np.testing.assert_array_equal(mesh.faces, SIDES)
    if ending != "glb":
        np.testing.assert_allclose(mesh.visual.vertex_colors[:, :3], 255 * COLORS, atol=1)
    export.write_mesh(path, PYRAMID, SIDES)
    np.testing.assert_array_equal(trimesh.load(path, process=False, force="mesh").faces, SIDES)


def test_obj_by_hand(tmp_path):
    export.write_mesh(tmp_path / "a.obj", PYRAMID, SIDES, COLORS)
    lines = (tmp_path / "a.obj").read_text().splitlines()
    assert "millimetres" in lines[0]
    assert lines[4] == "v 0.0000 100.0000 0.0000 0.2000 0.4000 0.6000" and lines[6] == "f 1 2 5" and len(lines) == 10


def test_glb_is_matte_with_normals_and_linear_colours(tmp_path):
    export.write_mesh(tmp_path / "a.glb", PYRAMID, SIDES, COLORS)
    data = (tmp_path / "a.glb").read_bytes()
    length = struct.unpack("<I", data[12:16])[0]
    tree = json.loads(data[20 : 20 + length])
    primitive = tree["meshes"][0]["primitives"][0]
    assert tree["materials"][primitive["material"]]["pbrMetallicRoughness"]["metallicFactor"] == 0
    assert {"POSITION", "NORMAL", "COLOR_0"} <= set(primitive["attributes"])
    place = tree["bufferViews"][tree["accessors"][primitive["attributes"]["COLOR_0"]]["bufferView"]]
    start = 20 + length + 8 + place.get("byteOffset", 0)
    color = np.frombuffer(data[start : start + 20], np.uint8).reshape(5, 4)[3, :3]
    np.testing.assert_allclose(color / 255, ((COLORS[3] + 0.055) / 1.055) ** 2.4, atol=0.003)


def test_glb_has_unit_normals_even_where_there_is_no_triangle(tmp_path):
    export.write_mesh(tmp_path / "a.glb", PYRAMID, SIDES[:1])
    data = (tmp_path / "a.glb").read_bytes()
    length = struct.unpack("<I", data[12:16])[0]
    tree = json.loads(data[20 : 20 + length])
    place = tree["bufferViews"][tree["meshes"][0]["primitives"][0]["attributes"]["NORMAL"]]
    start = 20 + length + 8 + place["byteOffset"]
    normals = np.frombuffer(data[start : start + place["byteLength"]], "<f4").reshape(5, 3)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("vertices, triangles, colors, name, message", [
    (PYRAMID * np.nan, SIDES, None, "a.obj", "not finite"),
    (PYRAMID, SIDES + 1, None, "a.ply", "there are 5"),
    (PYRAMID, SIDES - 1, None, "a.ply", "vertices -1 to 3"),
    (PYRAMID, SIDES, COLORS[:3], "a.glb", "colors"),
    (PYRAMID[:, :2], SIDES, None, "a.obj", "expected vertices"),
    (PYRAMID, SIDES, None, "a.stl", "ending"),
])  # fmt: skip
def test_meshes_that_cannot_be_written(tmp_path, vertices, triangles, colors, name, message):
    with pytest.raises(DataError, match=message):
        export.write_mesh(tmp_path / name, vertices, triangles, colors)
    assert not list(tmp_path.iterdir())


def test_numbers_come_back(tmp_path, decoder, coefficients):
    crop = Similarity(np.array([[1.25, -0.1], [0.1, 1.25]]), np.array([-30.25, 12.5]))
    view = decoder(coefficients[None])
    export.write_face(
        tmp_path / "a.json", coefficients, decoder, crop_from_photo=crop, landmarks=view.landmarks[0], photo="me.jpg"
    )
    face = export.read_face(tmp_path / "a.json")
    np.testing.assert_array_equal(face["layout"].join(face["parts"]).astype(np.float32), coefficients)
    assert face["parts"]["light"].shape == (3, 9) and face["camera"] == CAMERA
    assert face["photo"] == "me.jpg" and face["model"] == decoder.model.name
    np.testing.assert_allclose(face["crop_from_photo"].apply(np.ones(2)), crop.apply(np.ones(2)))
    # The stored pose and camera alone give the stored landmarks.
    rotation, translation = (part[None] for part in face["camera_from_model"])
    points = transform(rotation, translation, view.vertices[:, decoder.model.landmark_vertices].astype(np.float64))
    np.testing.assert_allclose(project(points, face["camera"])[0], face["landmarks"], atol=0.01)
    text = json.loads((tmp_path / "a.json").read_text())
    assert set(text["units"]) == set(text["coefficients"]) and "millimetres" in text["units"]["translation"]


def test_damaged_numbers(tmp_path, decoder, coefficients):
    path = tmp_path / "a.json"
    with pytest.raises(DataError, match="finite"):
        export.write_face(path, coefficients * np.nan, decoder)
    with pytest.raises(DataError, match="cannot be read"):
        export.read_face(path)
    export.write_face(path, coefficients, decoder)
    assert export.read_face(path)["crop_from_photo"] is None
    good = json.loads(path.read_text())

    def with_rotation(*numbers):
        return json.dumps({**good, "coefficients": {**good["coefficients"], "rotation": numbers}})

    damages = [("[]", "not a face"), ("{", "not a face"), (json.dumps({**good, "format": "other"}), "expected the format"),
               (with_rotation(0, 0), "rotation"), (with_rotation(0, 0, float("nan")), "finite")]  # fmt: skip
    for content, message in damages:
        path.write_text(content)
        with pytest.raises(DataError, match=message):
            export.read_face(path)


def test_a_full_disk_keeps_the_old_mesh(tmp_path, monkeypatch):
    path = tmp_path / "a.obj"
    export.write_mesh(path, PYRAMID, SIDES)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ResourceError, match="No space left"):
        export.write_mesh(path, 2 * PYRAMID, SIDES)
    assert path.read_bytes() == before


def test_onto_the_photograph_where_it_came_from(decoder):
    face = pictures.subject(decoder(decoder.zeros(1)), decoder)
    crop_from_photo = Similarity(0.5 * np.eye(2), np.array([-50.0, -20.0]))  # crop (56, 56) is photo (212, 152)
    photo = np.zeros((400, 500, 3), np.float32)
    green = np.tile(np.array([0.0, 1, 0]), (len(face.vertices), 1))
    result = export.on_photograph(face, photo, crop_from_photo, colors=green)
    painted = result[:, :, 1] > 0.5
    corners = crop_from_photo.inverse().apply(face.landmarks)
    rows, columns = np.nonzero(painted)
    assert columns.min() < corners[:, 0].min() + 8 and columns.max() > corners[:, 0].max() - 8
    assert rows.max() == pytest.approx(corners[8, 1], abs=8)  # the chin
    np.testing.assert_array_equal(result[:, :90], 0)
    assert np.all(result[:, :, [0, 2]] == 0)
    ramp = result[:, :, 1]
    assert ramp.max() == pytest.approx(1, abs=1e-5)
