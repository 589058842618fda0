"""ICT-FaceKit: a clone made of .obj files, and real numbers where the kit has them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.data.formats import convert, ict
from mgcbook.data.formats.finish import Ranks
from mgcbook.data.formats.safe_file import Source
from mgcbook.errors import DataError

RANKS = Ranks(80, 80, 64)


def write_obj(path, points, polygons=()):
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in points]
    path.write_text("\n".join([*lines, "vt 0 0", *("f " + " ".join(f"{i + 1}/1/1" for i in polygon) for polygon in polygons)]))


@pytest.fixture
def packed(realkit):
    with np.load(realkit / "ict_face.npz") as stored:
        return {name: stored[name] for name in ("mean", "id_basis", "exp_basis", "exp_names", "quads", "triangles", "lm68")}


def clone(folder, packed, identities, actions):
    """Some files of a clone: a head whose first vertices are the face, in cm."""
    (folder / "FaceXModel").mkdir()
    behind = np.array([[0.0, 0, -10], [1, 0, -10], [0, 1, -10]])  # the head goes on behind the face
    head = lambda points: np.concatenate([points / 10, behind])
    polygons = [*packed["quads"].tolist(), [9409, 9410, 9411], [0, 1, 9409]]
    write_obj(folder / "FaceXModel" / "generic_neutral_mesh.obj", head(packed["mean"]), polygons)
    for i in identities:
        write_obj(folder / "FaceXModel" / f"identity{i:03d}.obj", head(packed["mean"] + packed["id_basis"][i]))
    for i in actions:
        name = packed["exp_names"][i]
        write_obj(folder / "FaceXModel" / f"{name}.obj", head(packed["mean"] + packed["exp_basis"][i]))
    write_obj(folder / "FaceXModel" / "PupilDilate_L.obj", behind)  # is not one of the 53


def test_a_clone_gives_the_same_model_within_a_fiftieth_of_a_millimetre(tmp_path, packed):
    identities, names = [0, 1, 7], packed["exp_names"].tolist()
    actions = [names.index(name) for name in ("jawOpen", "eyeBlink_L", "eyeBlink_R", "mouthSmile_L")]
    clone(tmp_path, packed, identities, actions)
    parts = ict.read(Source(tmp_path), RANKS)
    assert_allclose(parts.mean, packed["mean"], atol=0.02)
    assert_array_equal(parts.triangles, packed["triangles"])
    assert_array_equal([parts.landmarks[i] for i in range(68)], packed["lm68"])
    # the same distribution: the sum of squares of the modes is that of the file's, and orthogonal modes span its modes
    modes = packed["id_basis"][identities].astype(float).reshape(3, -1)
    found = parts.identity.reshape(3, -1).astype(float)
    assert_allclose(found.T[:300] @ found[:, :300], modes.T[:300] @ modes[:, :300], atol=0.05)
    for name, i in (("jaw_open", actions[0]), ("blink_left", actions[1]), ("smile_left", actions[3])):
        assert_allclose(np.tensordot(parts.units[name], parts.expression, 1), packed["exp_basis"][i], atol=0.02)
    both = packed["exp_basis"][actions[1]].astype(float) + packed["exp_basis"][actions[2]]
    assert_allclose(np.tensordot(parts.units["blink"], parts.expression, 1), both, atol=0.03)
    assert "smile" not in parts.units  # there is only one side of it


def test_the_packed_model_becomes_a_face(realkit, packed):
    model, card = convert("ict", realkit / "ict_face.npz")
    assert model.ranks == {"identity": 80, "expression": 53, "albedo": 64}
    assert_allclose(model.mean, packed["mean"], atol=1e-4)
    assert_array_equal(model.landmark_vertices, packed["lm68"])
    assert any("built-in face was laid on it" in line for line in card)
    assert "albedo" in model.name
    opened = model.shape(np.zeros((1, 80)), model.units["jaw_open"][None])[0]
    assert_allclose(opened - model.mean, packed["exp_basis"][packed["exp_names"].tolist().index("jawOpen")], atol=0.02)
    assert model.identity_deviation[0] == pytest.approx(3.9, abs=0.3)  # rms per vertex of the largest mode
    lips, skin = (np.median(model.albedo_mean[model.regions[name]], axis=0) for name in ("lips", "skin"))
    assert lips[0] / lips[1] > 1.15 * skin[0] / skin[1], "lips are redder than skin"
    brows = np.median(model.albedo_mean[model.landmark_vertices[18:21]], axis=0)
    assert brows.mean() < 0.8 * skin.mean(), "brows are dark, and lie at the landmarks of the brows"


def test_an_incomplete_clone_is_named(tmp_path, packed):
    with pytest.raises(DataError, match="git clone"):
        ict.read(Source(tmp_path), RANKS)
    clone(tmp_path, packed, [], [3])
    with pytest.raises(DataError, match="found 0 and 1 of them"):
        ict.read(Source(tmp_path), RANKS)
    write_obj(tmp_path / "FaceXModel" / "identity000.obj", packed["mean"])
    with pytest.raises(DataError, match=r"identity000\.obj: expected the 9412 vertices of the neutral mesh, found 9409"):
        ict.read(Source(tmp_path), RANKS)


def test_names_of_actions_are_those_of_the_built_in_face():
    from mgcbook.data import builtin

    assert ict.action_name("eyeBlink_L") == "blink_left"
    assert ict.action_name("tongueOut") == "tongue_out"
    ours = set(builtin.load("light").units)
    shared = {name for name in ict.ACTIONS.values() if name in ours}
    assert len(shared) >= 25
