"""What a model lacks comes from the built-in face at the right place, and a wrong model is told what is wrong with it."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.data import builtin
from mgcbook.data.formats import KINDS, convert
from mgcbook.data.formats.check import check_face, examine
from mgcbook.data.formats.correspond import carry, find_landmarks, lay_onto, similarity
from mgcbook.data.formats.finish import mirror_of, normalized, outward
from mgcbook.errors import DataError, UsageError
from tests.data.formats import small as write


@pytest.fixture(scope="module")
def face():
    return builtin.load("light")


@pytest.fixture(scope="module")
def another(face):
    """Another identity, moved and a little larger: points, and the triangles."""
    rng = np.random.default_rng(3)
    points = face.shape(0.8 * rng.normal(size=(1, 80)), np.zeros((1, 80)))[0].astype(float)
    return 1.03 * points + [2, -4, 7]


def test_a_similarity_is_found_exactly(rng):
    points = rng.normal(size=(9, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    scale, rotation, shift = similarity(points, 1.7 * points @ turn.T + [1, 2, 3])
    assert_allclose(scale, 1.7)
    assert_allclose(rotation, turn, atol=1e-12)
    assert_allclose(shift, [1, 2, 3])


@pytest.mark.parametrize("known", [[], range(17, 48), range(68)])
def test_the_built_in_face_is_laid_on_another_identity(face, another, known):
    known = {i: int(face.landmark_vertices[i]) for i in known}
    onto = lay_onto(another, face.triangles, known)
    off = np.linalg.norm(onto.points - another, axis=1)  # the same mesh: every vertex has its truth
    assert np.median(off[face.regions["front"]]) < 2.0
    assert onto.distance < 1.0
    found = find_landmarks(onto, another, face.triangles, known)
    assert all(found[i] == vertex for i, vertex in known.items())
    assert len(set(found.tolist())) == 68
    wrong = np.linalg.norm(another[found] - another[face.landmark_vertices], axis=1)
    assert wrong[17:].mean() < 3
    assert wrong.mean() < 4


def test_colours_go_where_they_belong(face, another):
    onto = lay_onto(another, face.triangles, dict(enumerate(face.landmark_vertices.tolist())))
    near, weights = carry(onto, another, face.triangles)
    assert_allclose(weights.sum(axis=1), 1)
    carried = np.einsum("vk,vkc->vc", weights, face.albedo_mean[near])
    assert np.abs(carried - face.albedo_mean).mean() < 0.02
    for name in ("lips", "brows", "eyes"):
        region = face.regions[name]
        assert (np.einsum("vk,vk->v", weights, region[near].astype(float)) > 0.5)[region].mean() > 0.7, name


def test_modes_become_directions_of_one_millimetre(face):
    sized = face.identity_basis * face.identity_deviation[:, None, None]
    directions, size = normalized(sized)
    assert_allclose(size, face.identity_deviation, rtol=1e-4)
    assert_allclose(directions * size[:, None, None], sized, atol=1e-5)
    assert not normalized(np.zeros((1, 4, 3)))[1].any()


def test_winding_and_mirror_are_measured(face):
    points = face.mean.astype(float)
    turned, was_turned = outward(points, face.triangles[:, [0, 2, 1]])
    assert was_turned
    assert (turned == face.triangles).all()
    mirror = mirror_of(points + np.array([5, 0, 0]), face.triangles, face.landmark_vertices)
    outside = ~face.regions["mouth_inner"]
    assert_allclose(points[mirror][outside][:, 0], points[face.mirror][outside][:, 0], atol=0.1)
    assert (mirror[mirror] == np.arange(len(mirror))).all()


def test_the_built_in_face_passes(face):
    assert all(finding.is_fine for finding in examine(face))
    assert {finding.name for finding in check_face(face, "x")} >= {"unit", "winding", "landmarks", "orientation", "mirrored"}


def shuffled(landmarks):
    changed = landmarks.copy()
    changed[[36, 48]] = changed[[48, 36]]
    return changed


WRONG = {
    "metres": (lambda m: {"mean": m.mean / 1000}, r"unit: .* were the numbers metres\?"),
    "micrometres": (lambda m: {"mean": m.mean * 1000}, r"unit: .* were the numbers micrometres\?"),
    "mirrored": (lambda m: {"mean": m.mean * np.float32([-1, 1, 1])}, "mirrored: left and right are swapped"),
    "y down": (lambda m: {"mean": m.mean * np.float32([1, -1, -1])}, "orientation: turned by 180 degrees"),
    "z up": (lambda m: {"mean": m.mean[:, [0, 2, 1]] * np.float32([1, -1, 1])}, "orientation: turned by 90 degrees"),
    "clockwise": (lambda m: {"triangles": m.triangles[:, [0, 2, 1]]}, "winding: clockwise"),
    "eye and mouth swapped": (lambda m: {"landmark_vertices": shuffled(m.landmark_vertices)}, "landmarks: .* worst"),
    "jaw from left to right": (
        lambda m: {"landmark_vertices": np.concatenate([m.landmark_vertices[16::-1], m.landmark_vertices[17:]])},
        "jaw: not in order",
    ),
    "landmarks twice": (lambda m: {"landmark_vertices": m.landmark_vertices[[*range(67), 66]]}, "landmarks: 67 different"),
    "variances": (lambda m: {"identity_deviation": np.float32(50) * m.identity_deviation**2}, "identity modes: .* variances"),
    "albedo to 255": (lambda m: {"albedo_mean": m.albedo_mean * 255}, "colour: mean"),
    "albedo modes to 255": (lambda m: {"albedo_deviation": m.albedo_deviation * 255}, "albedo modes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_model_is_told_what_is_wrong(face, name):
    change, said = WRONG[name]
    with pytest.raises(DataError, match=f"^here: {said}"):
        check_face(replace(face, **change(face)), "here")


def test_what_a_model_lacks_is_borrowed_and_the_card_says_so(tmp_path, face):
    """An eos model without colours, expressions and most landmarks."""
    small = write.Small()
    write.write_eos(tmp_path / "sfm_shape_3448.bin", small)
    write.write_toml(tmp_path / "ibug_to_sfm.txt", {i: int(small.landmarks[i]) for i in (8, 27, 30, 33, 36, 39, 42, 45, 48, 54)})
    model, card = convert("eos", tmp_path, albedo=7)
    assert model.ranks == {"identity": 6, "expression": 80, "albedo": 7}
    text = "\n".join(card)
    assert "albedo: the model has none" in text
    assert "expression: none in the files" in text
    assert "landmarks: 10 from the model, 58 found" in text
    assert_allclose(model.mean, small.mean, atol=1e-4)
    assert np.abs(model.albedo_mean - small.color).mean() < 0.02
    opened = np.einsum("k,kvc->vc", model.units["jaw_open"] * model.expression_deviation, model.expression_basis)
    assert opened[small.landmarks[8], 1] < -15
    assert model.regions["lips"].sum() > 50
    model.save(tmp_path / "m.npz")
    assert type(model).load(tmp_path / "m.npz").name == model.name


def test_a_rock_is_no_face(tmp_path, rng):
    small = write.Small()
    small.mean = 60 * rng.normal(size=small.mean.shape)
    write.write_eos(tmp_path / "sfm.bin", small)
    with pytest.raises(DataError):
        convert("eos", tmp_path / "sfm.bin")


def test_unknown_kinds_are_listed():
    with pytest.raises(UsageError, match="expected one of ict, bfm2009, "):
        convert("bfm", "x")
    assert all(kind.what for kind in KINDS.values())


def test_the_real_surrey_model(realkit):
    model, card = convert("eos", realkit / "formats" / "sfm_shape_3448.bin")
    assert (len(model.mean), len(model.triangles), model.ranks["identity"]) == (3448, 6736, 63)
    assert sorted(model.units) == ["anger", "disgust", "fear", "happiness", "sadness", "surprise"]
    assert "landmarks: 50 from the model, 18 found" in "\n".join(card)
    assert model.identity_deviation.astype(float) @ model.identity_deviation == pytest.approx(40, rel=0.2)  # (6.3 mm)^2
