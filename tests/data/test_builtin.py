"""The built-in face: a sound mesh, symmetric and nested, human in its measures, with actions that do what their names say."""

import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.data import builtin
from mgcbook.data.builtin.bases import FITTED
from mgcbook.data.builtin.build import build
from mgcbook.data.builtin.grid import REFINE, light_vertices, make_grid
from mgcbook.data.builtin.sculpt import mean_grid
from mgcbook.errors import UsageError
from mgcbook.face.model_file import check_model
from mgcbook.face.morphable import FaceModel
from mgcbook.kernels.numpy_blas import one_thread

MIRRORED_LANDMARKS = (
    [(i, 16 - i) for i in range(9)] + [(17 + i, 26 - i) for i in range(5)] + [(i, i) for i in (27, 28, 29, 30, 33, 51)]
    + [(31, 35), (32, 34), (36, 45), (37, 44), (38, 43), (39, 42), (41, 46), (40, 47)]
    + [(57, 57), (62, 62), (66, 66)] + [(48, 54), (49, 53), (50, 52), (59, 55), (58, 56), (60, 64), (61, 63), (67, 65)]
)  # fmt: skip


@pytest.fixture(scope="module")
def light():
    return builtin.load("light")


@pytest.fixture(scope="module")
def full():
    return builtin.load("full")


@pytest.fixture(params=["light", "full", "generator"], scope="module")
def model(request):
    return builtin.load_generator("light") if request.param == "generator" else builtin.load(request.param)


def crossed(vertices, triangles):
    a, b, c = (vertices[triangles[:, i]].astype(float) for i in range(3))
    return np.cross(b - a, c - a)


def face_of(model, action=None, strength=1.0):
    """Landmarks and vertices of the mean with an action."""
    expression = np.zeros(model.ranks["expression"]) if action is None else strength * model.units[action]
    vertices = model.shape(np.zeros((1, model.ranks["identity"])), expression[None])[0]
    return vertices[model.landmark_vertices], vertices


def test_what_it_is(model, light, full):
    check_model(model)
    assert light.ranks == full.ranks == {"identity": 80, "expression": 80, "albedo": 64}
    assert 4000 < len(light.mean) < 4500
    assert 35000 < len(full.mean) < 40000
    assert model.license == "MIT"
    assert "MIT" in builtin.model_card()
    with pytest.raises(UsageError, match="expected one of light, full, got 'medium'"):
        builtin.load("medium")


def test_mesh_is_one_oriented_surface(model):
    edges = np.concatenate([model.triangles[:, [i, j]] for i, j in ((0, 1), (1, 2), (2, 0))])
    _, directed = np.unique(edges, axis=0, return_counts=True)
    assert directed.max() == 1, "two triangles run along an edge in the same direction"
    undirected, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    assert counts.max() == 2
    rim = undirected[counts == 1]
    # the only border is the outline of the face: mouth and eyes are closed
    assert_array_equal(np.unique(rim, return_counts=True)[1], 2)
    assert np.linalg.norm(model.mean[np.unique(rim)] - [0, -65, 95], axis=1).min() > 20
    assert_array_equal(np.unique(model.triangles), np.arange(len(model.mean)))
    assert (np.linalg.norm(crossed(model.mean, model.triangles), axis=1) / 2).min() > 1e-3


def test_normals_point_out_of_the_face(model):
    normals = model.vertex_normals(model.mean[None])[0]
    tip, chin, left_cheek = model.landmark_vertices[[30, 8, 14]]
    assert normals[tip, 2] > 0.9
    assert normals[chin, 1] < 0
    assert normals[left_cheek, 0] > 0.9
    outward = model.mean * [1, 0, 1]
    on_skin = ~model.regions["mouth_inner"]
    assert ((normals * outward).sum(1)[on_skin] > 0).mean() > 0.97


def test_left_and_right_are_mirror_images(model):
    flip = np.array([-1, 1, 1], np.float32)
    assert_array_equal(model.mirror[model.mirror], np.arange(len(model.mean)))
    assert_array_equal(model.mean[model.mirror], model.mean * flip)
    assert_allclose(model.albedo_mean[model.mirror], model.albedo_mean, atol=1e-6)
    mirrored = np.sort(model.mirror[model.triangles], axis=1)
    order = lambda triangles: triangles[np.lexsort(triangles.T)]
    assert_array_equal(order(mirrored), order(np.sort(model.triangles, axis=1)))
    for basis, sign in ((model.identity_basis, flip), (model.expression_basis, flip), (model.albedo_basis, 1)):
        reflected = basis[:, model.mirror] * sign
        even, odd = (np.abs(basis - side * reflected).max((1, 2)) for side in (1, -1))
        assert np.minimum(even, odd).max() < 1e-4
    for mask in model.regions.values():
        assert_array_equal(mask[model.mirror], mask)
    assert_allclose(face_of(model, "smile_left")[1][model.mirror] * flip, face_of(model, "smile_right")[1], atol=2e-2)


def test_landmarks_are_68_places_in_mirrored_pairs(model):
    assert len(set(model.landmark_vertices)) == 68
    right, left = (model.landmark_vertices[list(side)] for side in zip(*MIRRORED_LANDMARKS, strict=True))
    assert_array_equal(model.mirror[right], left)
    points = model.mean[model.landmark_vertices]
    assert (points[[0, 17, 36, 48], 0] < 0).all(), "the first of each group is on the subject's right"
    assert not model.regions["mouth_inner"][model.landmark_vertices].any()


def test_measures_are_human(light):
    points = light.mean[light.landmark_vertices]
    distance = lambda i, j: np.linalg.norm(points[i] - points[j])
    # ranges: mean +- 2 standard deviations of adults of both sexes, Farkas 1994
    assert 28 < distance(39, 42) < 37  # between the inner corners of the eyes
    assert 80 < distance(36, 45) < 97  # between the outer corners
    assert 45 < distance(48, 54) < 60  # mouth
    assert 30 < distance(31, 35) + 8 < 41  # wings of the nose, which reach 4 mm beyond the landmarks
    assert 102 < distance(27, 8) < 132  # root of the nose to chin
    assert 15 < distance(30, 33) < 24  # protrusion of the nose
    assert 126 < np.ptp(light.mean[np.abs(light.mean[:, 1] + 18) < 3, 0]) < 150  # cheekbones


def test_the_light_mesh_is_part_of_the_full_one(light, full, rng):
    nested = light_vertices(make_grid(REFINE))
    assert_array_equal(light.mean, full.mean[nested])
    assert_array_equal(full.landmark_vertices, nested[light.landmark_vertices])
    for name in ("identity", "expression"):
        assert_array_equal(getattr(light, f"{name}_basis"), getattr(full, f"{name}_basis")[:, nested])
        assert_array_equal(getattr(light, f"{name}_deviation"), getattr(full, f"{name}_deviation"))
    drawn = light.sample(rng, 2)
    fine = full.albedo(drawn["albedo"])[:, nested]
    smooth = light.regions["skin"] & light.regions["cheeks"]
    assert np.abs(fine - light.albedo(drawn["albedo"]))[:, smooth].mean() < 0.01
    for name, mask in light.regions.items():
        assert_array_equal(mask, full.regions[name][nested])


def test_modes_are_orthonormal_and_fall(light):
    for part in ("identity", "expression", "albedo"):
        basis = getattr(light, f"{part}_basis").reshape(light.ranks[part], -1).astype(float)
        assert_allclose(basis @ basis.T / len(light.mean), np.eye(len(basis)), atol=1e-5)
        deviation = getattr(light, f"{part}_deviation")
        assert (np.diff(deviation) <= 0).all()
        assert deviation[-1] > 0


def test_random_people_differ_as_people_do(light, rng):
    drawn = light.sample(rng, 300, expression=0)
    vertices = light.shape(drawn["identity"], drawn["expression"])
    spread = np.sqrt(vertices.var(0).sum(-1).mean())
    assert 4.0 < spread < 6.0, "mm, size and position included"
    colors = light.albedo(drawn["albedo"])
    assert 0.05 < colors[:, light.regions["skin"]].std(0).mean() < 0.15
    cheek = colors[:, light.landmark_vertices[[2, 14]]].mean((0, 1))
    assert cheek[0] > cheek[1] > cheek[2], "skin is red before green before blue"


def test_triangles_do_not_turn_over(light, rng):
    drawn = light.sample(rng, 40)
    on_skin = ~light.regions["mouth_inner"][light.triangles].any(1)
    triangles = light.triangles[on_skin]
    before = crossed(light.mean, triangles)

    def turned(identity, expression):
        return np.mean([(before * crossed(v, triangles)).sum(1) < 0 for v in light.shape(identity, expression)])

    assert turned(drawn["identity"], 0 * drawn["expression"]) < 1e-4
    assert turned(0 * drawn["identity"], drawn["expression"]) < 5e-3


def gap(points, upper, lower):
    return points[upper, 1] - points[lower, 1]


def test_actions_do_what_their_names_say(model):
    rest, _ = face_of(model)
    moved = lambda action: face_of(model, action)[0] - rest
    assert gap(rest, 62, 66) == pytest.approx(0, abs=0.01)
    assert gap(face_of(model, "jaw_open")[0], 62, 66) > 15
    assert np.abs(moved("jaw_open")[36:48]).max() < 0.5, "eyes do not move with the jaw"
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        assert gap(rest, upper, lower) > 8
        assert gap(face_of(model, "blink")[0], upper, lower) < 2
    assert gap(face_of(model, "blink_left")[0], 43, 47) < 2 < gap(face_of(model, "blink_left")[0], 38, 40)
    smile = moved("smile")
    assert smile[54, 0] > 2 > -2 > smile[48, 0]
    assert smile[[48, 54], 1].min() > 3
    assert moved("frown")[[48, 54], 1].max() < -3
    assert moved("brow_raise")[17:27, 1].min() > 2
    assert moved("brow_lower")[20:24, 1].max() < -2
    pucker = moved("pucker")
    assert pucker[54, 0] < -4 < 4 < pucker[48, 0]
    assert pucker[[51, 57], 2].min() > 3
    assert moved("jaw_leftward")[8, 0] > 3 > -3 > moved("jaw_rightward")[8, 0]
    assert moved("cheek_puff")[:, :].max() < 8


def test_an_open_mouth_shows_its_inside(light):
    _, open_mouth = face_of(light, "jaw_open")
    inside, lips = light.regions["mouth_inner"], light.regions["lips"]
    assert open_mouth[inside, 2].mean() < open_mouth[lips, 2].mean() - 5
    fallen = light.mean[inside, 1] - open_mouth[inside, 1]
    assert fallen.max() > 15, "the floor of the mouth goes down with the jaw"
    assert fallen[light.albedo_mean[inside].mean(1) > 0.6].max() < 3, "the upper teeth stay with the skull"
    points = open_mouth[light.landmark_vertices]
    # a ray through the middle of the gap meets the inside: some triangle of the pocket covers it seen from the front
    target = 0.5 * (points[62] + points[66])[:2]
    pocket = light.triangles[inside[light.triangles].any(1)]
    a, b, c = (open_mouth[pocket[:, i], :2] - target for i in range(3))
    cross = lambda p, q: p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    signs = np.sign(np.stack([cross(a, b), cross(b, c), cross(c, a)]))
    assert (np.abs(signs.sum(0)) == 3).any()
    assert light.albedo_mean[inside].mean() < 0.45


def test_closed_lips_hide_the_inside(light, rng):
    drawn = light.sample(rng, 20, expression=0)
    for vertices in light.shape(drawn["identity"], drawn["expression"]):
        inside = vertices[light.regions["mouth_inner"]]
        front = vertices[light.regions["lips"] & (np.abs(light.mean[:, 0]) < 15)]
        assert inside[:, 2].max() < front[:, 2].max()


def test_regions_are_where_they_belong(model):
    center = {name: model.mean[mask].mean(0) for name, mask in model.regions.items()}
    assert (
        center["forehead"][1] > center["brows"][1] > center["eyes"][1] > center["nose"][1] > center["lips"][1] > center["chin"][1]
    )
    assert center["nose"][2] > center["eyes"][2] > center["jaw"][2]
    excluded = np.logical_or.reduce([model.regions[name] for name in ("eyes", "lips", "brows", "mouth_inner")])
    assert not (model.regions["skin"] & excluded).any()
    assert 0.6 < model.regions["front"].mean() < 0.95


def test_the_generator_is_richer(light, rng):
    generator = builtin.load_generator("light")
    assert all(generator.ranks[part] > light.ranks[part] for part in light.ranks)
    assert_array_equal(generator.triangles, light.triangles)
    assert_array_equal(generator.landmark_vertices, light.landmark_vertices)
    # a face of the generator is near to, but not among, the faces of the model
    drawn = generator.sample(rng, 5, expression=0)
    offsets = (generator.shape(drawn["identity"], drawn["expression"]) - generator.mean).reshape(5, -1)
    basis = light.identity_basis.reshape(80, -1) / np.sqrt(len(light.mean))
    rest = offsets - offsets @ basis.T @ basis
    error = np.sqrt((rest.reshape(5, -1, 3) ** 2).sum(-1).mean(1))
    assert (error > 0.2).all()
    assert (error < 1.5).all()


def test_two_builds_are_equal_and_come_from_the_cache(tmp_path, monkeypatch, light):
    again = build("light", FITTED)
    assert_array_equal(again.identity_basis, build("light", FITTED).identity_basis)
    assert_allclose(again.identity_basis, light.identity_basis, atol=1e-3)
    monkeypatch.setenv("MGCBOOK_CACHE", str(tmp_path))
    builtin.load.cache_clear()
    built = builtin.load("light")
    (file,) = tmp_path.iterdir()
    builtin.load.cache_clear()
    assert_array_equal(builtin.load("light").mean, built.mean)
    # a damaged file is built again
    file.write_bytes(file.read_bytes()[:1000])
    builtin.load.cache_clear()
    with pytest.warns(UserWarning, match="built again"):
        assert_array_equal(builtin.load("light").mean, built.mean)
    builtin.load.cache_clear()


def test_without_a_cache_it_is_built_in_memory(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MGCBOOK_CACHE", str(tmp_path / "file" / "folder"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # the folder that takes its place
    builtin.load.cache_clear()
    with pytest.warns(UserWarning, match="cannot be written"):
        assert len(builtin.load("light").mean) > 4000
    builtin.load.cache_clear()


def test_a_machine_without_numba_builds_the_same_face_bit_for_bit(tmp_path, light):
    code = "import sys; sys.modules['numba'] = None; from mgcbook.data import builtin; builtin.load('light').save(sys.argv[1])"
    surroundings = {**os.environ, "MGCBOOK_CACHE": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "face.npz")], check=True, env=surroundings)
    assert_array_equal(FaceModel.load(tmp_path / "face.npz").identity_basis, light.identity_basis)


def test_the_mean_has_the_same_bits_whoever_asks_first():
    mean_grid.cache_clear()
    with one_thread():  # as the builder asks
        expected = mean_grid()[0]
    mean_grid.cache_clear()
    assert_array_equal(mean_grid()[0], expected)
