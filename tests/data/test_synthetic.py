"""Synthetic faces: the same for the same seed, and a truth that fits itself and the pictures."""

from dataclasses import replace

import numpy as np
import pytest

from mgcbook.data.scenes import SyntheticConfig
from mgcbook.data.synthetic import SyntheticFaces, held_out
from mgcbook.errors import UsageError
from mgcbook.face.camera import camera_from_model, compose, invert, project, transform
from mgcbook.face.raster import interpolate, rasterize
from mgcbook.face.warp import warp

SMALL = SyntheticConfig(size=48, supersample=1)
TRIPLES = replace(SMALL, single_share=0.0)


@pytest.fixture(scope="module")
def faces(generator):
    return SyntheticFaces(TRIPLES, generator)


@pytest.fixture(scope="module")
def batch(faces):
    return faces.batch(range(4))


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for name in a:
            assert_same(a[name], b[name])
    elif isinstance(a, tuple):
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    else:
        np.testing.assert_array_equal(a, b)


def points_of(faces, truth):
    return transform(*truth["camera_from_model"], np.repeat(truth["vertices"][None], 3, axis=0))


# ---------------------------------------------------------------- the same numbers


def test_an_item_depends_on_seed_and_number_alone(generator, faces, batch):
    again = SyntheticFaces(TRIPLES, generator, workers=3).batch([3, 0, 2])
    for name in ("images", "landmarks", "skin", "flags"):
        np.testing.assert_array_equal(again[name], batch[name][[3, 0, 2]])
    np.testing.assert_array_equal(again["truth"]["vertices"][1], batch["truth"]["vertices"][0])
    item = SyntheticFaces(TRIPLES, generator).item(2)
    np.testing.assert_array_equal(item["images"], batch["images"][2])
    np.testing.assert_array_equal(item["truth"]["covisible"], batch["truth"]["covisible"][2])


def test_the_number_of_kernel_threads_does_not_matter(faces, batch):
    threads = pytest.importorskip("mgcbook.kernels.cpu.threads")
    before = threads.set_threads(1)
    try:
        assert_same(faces.batch(range(2)), {name: _rows(values, 2) for name, values in batch.items()})
    finally:
        threads.set_threads(before)


def _rows(values, count):
    if isinstance(values, dict):
        return {name: _rows(value, count) for name, value in values.items()}
    return tuple(_rows(value, count) for value in values) if isinstance(values, tuple) else values[:count]


def test_other_seeds_and_the_test_set_are_other_faces(generator, batch):
    first = batch["truth"]["identity"][0]
    other = SyntheticFaces(replace(TRIPLES, seed=1), generator).item(0)
    tested = held_out(generator, size=48, supersample=1)
    same_numbers = SyntheticFaces(replace(tested.config, held_out=False), generator).item(0)
    for item in (other, tested.item(0), same_numbers):
        assert not np.array_equal(item["truth"]["identity"], first)
    assert not np.array_equal(tested.item(0)["truth"]["identity"], same_numbers["truth"]["identity"])
    assert_same(tested.item(1), held_out(generator, size=48, supersample=1).item(1))


# ---------------------------------------------------------------- the truth fits itself


def test_shapes_and_types(generator, batch):
    count, vertices = 4, len(generator.mean)
    shapes = {"images": (3, 48, 48, 3), "landmarks": (3, 68, 2), "skin": (3, 48, 48), "flags": ()}
    truth = {"depth": (3, 48, 48), "covisible": (2, 48, 48), "vertices": (vertices, 3), "light": (3, 9), "rotation": (3, 3),
             "translation": (3, 3), "identity": (generator.ranks["identity"],)}  # fmt: skip
    for values, expected in ((batch, shapes), (batch["truth"], truth)):
        for name, shape in expected.items():
            assert values[name].shape == (count, *shape), name
            assert values[name].dtype == (np.int64 if name == "flags" else np.float32), name
    assert "truth" not in SyntheticFaces(SMALL, generator, truth=False).item(0)


def test_eight_bits_hold_pictures_and_skin(batch):
    for name in ("images", "skin"):
        values = batch[name]
        assert 0 <= values.min() < values.max() <= 1
        np.testing.assert_array_equal(np.round(values * 255).astype(np.uint8).astype(np.float32) / np.float32(255), values)


def test_true_vertices_through_true_poses_land_on_the_landmarks(faces, batch):
    for i in range(4):
        truth = _rows_at(batch["truth"], i)
        pixels = project(points_of(faces, truth)[:, faces.model.landmark_vertices], faces.camera)
        np.testing.assert_allclose(pixels, batch["landmarks"][i], atol=1e-3)
        rotation, translation = camera_from_model(truth["rotation"], truth["translation"], faces.main)
        np.testing.assert_allclose(rotation, truth["camera_from_model"][0], atol=1e-6)
        np.testing.assert_allclose(translation, truth["camera_from_model"][1], atol=1e-3)


def _rows_at(values, i):
    if isinstance(values, dict):
        return {name: _rows_at(value, i) for name, value in values.items()}
    return tuple(_rows_at(value, i) for value in values) if isinstance(values, tuple) else values[i]


def test_true_depth_is_the_depth_of_the_true_mesh(faces, batch):
    truth = _rows_at(batch["truth"], 1)
    fragments = rasterize(points_of(faces, truth).astype(np.float64), faces.model.triangles, faces.camera)
    np.testing.assert_allclose(truth["depth"], fragments.depth, atol=2e-3)
    assert ((truth["depth"] > 0).mean((1, 2)) > 0.15).all()


def test_sources_warped_by_the_truth_are_the_target(faces, batch):
    """Colours fixed to the skin, seen from a source and carried over by true depth and pose, are what the target sees."""
    for i in range(4):
        truth = _rows_at(batch["truth"], i)
        points = points_of(faces, truth)
        colors = 0.5 + 0.5 * np.sin(faces.model.mean / 20).astype(np.float32)
        views = interpolate(colors, faces.model.triangles, rasterize(points, faces.model.triangles, faces.camera))
        pose = truth["camera_from_model"]
        for view in (1, 2):
            relative = compose(tuple(part[view : view + 1] for part in pose), invert(tuple(part[:1] for part in pose)))
            warped, valid = warp(views[view : view + 1], truth["depth"][:1], relative, faces.camera)
            seen = (truth["covisible"][view - 1] > 0) & (valid[0] > 0)
            error = np.abs(warped[0] - views[0]).mean(-1)[seen]
            assert seen.sum() > 200 and np.median(error) < 0.01 and np.quantile(error, 0.75) < 0.03
            backwards, _ = warp(views[view : view + 1], truth["depth"][:1], invert(relative), faces.camera)
            assert np.median(np.abs(backwards[0] - views[0]).mean(-1)[seen]) > 0.05  # the test would notice a wrong pose


def test_photographs_agree_better_after_the_true_warp(faces, batch):
    better = []
    for i in range(4):
        truth, images = _rows_at(batch["truth"], i), batch["images"][i]
        pose = truth["camera_from_model"]
        relative = compose(tuple(part[1:2] for part in pose), invert(tuple(part[:1] for part in pose)))
        warped, valid = warp(images[1:2], truth["depth"][:1], relative, faces.camera)
        seen = (truth["covisible"][0] > 0) & (valid[0] > 0) & (batch["skin"][i, 0] > 0.9)
        better.append(np.abs(warped[0] - images[0])[seen].mean() / np.abs(images[1] - images[0])[seen].mean())
    assert np.median(better) < 0.75


def test_landmarks_lie_in_the_picture_and_the_face_is_upright(batch):
    landmarks = batch["landmarks"]
    assert (landmarks > -6).all() and (landmarks < 54).all()
    assert (landmarks[..., 8, 1] > landmarks[..., 27, 1] + 12).all()  # chin below the root of the nose


def test_skin_weight_is_on_the_face_only(batch):
    skin, depth = batch["skin"], batch["truth"]["depth"]
    assert skin[depth > 0].mean() > 0.6
    assert (skin[..., :4, :4] == 0).mean() > 0.9  # the corners are background or hair


def test_views_are_a_target_and_neighbours_on_both_sides(generator):
    yaw = np.rad2deg(SyntheticFaces(TRIPLES, generator).batch(range(6))["truth"]["rotation"][..., 1])
    gaps = yaw[:, 1:] - yaw[:, :1]
    assert (gaps[:, 0] * gaps[:, 1] < 0).all() and (np.abs(gaps) > 5).all() and (np.abs(gaps) < 45).all()


# ---------------------------------------------------------------- single photographs, settings


def test_single_photographs_share_the_person_and_nothing_else(generator):
    faces = SyntheticFaces(replace(SMALL, single_share=1.0), generator)
    item = faces.item(0)
    assert item["flag"] == 0 and not item["truth"]["covisible"].any()
    mixed = [SyntheticFaces(replace(SMALL, single_share=0.5), generator, truth=False).item(i)["flag"] for i in range(8)]
    assert set(mixed) == {0, 2}


def test_one_view(generator):
    item = SyntheticFaces(replace(SMALL, views=1), generator).item(0)
    assert item["images"].shape == (1, 48, 48, 3) and item["truth"]["covisible"].shape == (0, 48, 48) and item["flag"] == 0


def test_the_generator_holds_more_than_the_model(generator, faces, batch):
    """The best fit of the built-in model to a true shape leaves an error: its modes do not span the truth."""
    from mgcbook.data import builtin

    model = builtin.load("light")
    assert model.mean.shape == generator.mean.shape and np.array_equal(model.triangles, generator.triangles)
    modes = np.concatenate([model.identity_basis, model.expression_basis]).reshape(-1, model.mean.size)
    offset = (batch["truth"]["vertices"] - model.mean).reshape(4, -1)
    left = offset - (np.linalg.lstsq(modes.T, offset.T, rcond=None)[0].T @ modes)
    assert 0.2 < np.sqrt((left.reshape(4, -1, 3) ** 2).sum(-1)).mean() < 3  # mm


def test_a_source_says_what_it_is(generator, faces):
    from mgcbook.data import builtin

    other = SyntheticFaces(TRIPLES, builtin.load("light")).describe()
    assert faces.describe() == SyntheticFaces(TRIPLES, generator).describe()
    assert other["fingerprint"] != faces.describe()["fingerprint"]
    assert other["config"]["seed"] == TRIPLES.seed


@pytest.mark.parametrize("setting", [{"size": 8}, {"seed": -1}, {"views": 0}, {"gap_degrees": (30, 10)}, {"max_yaw_degrees": 95}])
def test_impossible_settings(setting):
    with pytest.raises(UsageError, match=next(iter(setting))):
        SyntheticConfig(**setting)


@pytest.mark.parametrize("index", [-1, 2**32, 0.5])
def test_impossible_numbers(faces, index):
    with pytest.raises(IndexError, match="index"):
        faces.item(index)
