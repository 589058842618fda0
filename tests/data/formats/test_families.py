"""Every family of face models, written in its own layout with its own traps, comes back as the model that was written."""

import json
import pickle

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.io import savemat

from mgcbook.data.formats import bfm2009, bfm_h5, convert, deng, eos, flame, mgcnet_h5, tddfa, tddfa_v2
from mgcbook.data.formats.finish import Ranks, outward
from mgcbook.data.formats.safe_file import Source
from mgcbook.errors import DataError
from tests.data.formats import small as write

ALL = Ranks(80, 80, 80)


@pytest.fixture(scope="module")
def small():
    return write.Small()


def test_bfm2009_alone_is_the_whole_mesh(tmp_path, small):
    write.write_bfm2009(tmp_path, small)
    parts = bfm2009.read(Source(tmp_path / "01_MorphableModel.mat"), ALL)
    write.assert_parts(parts, small, expression=False, landmarks=False)
    assert len(parts.expression) == len(parts.landmarks) == 0
    turned, was_turned = outward(parts.mean, parts.triangles)
    assert was_turned
    assert_array_equal(turned, small.triangles)


def test_bfm2009_with_guos_expressions_and_dengs_front(tmp_path, small):
    write.write_bfm2009(tmp_path, small)
    kept = np.flatnonzero(small.mean[:, 2] > -3)  # as trimIndex drops the neck
    front = np.flatnonzero(small.mean[kept, 2] > 5)[::-1]  # in another order
    write.write_expressions(tmp_path, small, kept)
    savemat(tmp_path / "BFM_exp_idx.mat", {"trimIndex": (kept + 1.0)[:, None]})
    parts = bfm2009.read(Source(tmp_path), ALL)
    assert_allclose(parts.mean, small.mean[kept], atol=2e-3)
    assert_allclose(parts.expression, small.expression[:, kept], atol=2e-3)

    vertices = kept[front]
    keypoints = np.arange(68) + 5
    savemat(tmp_path / "BFM_front_idx.mat", {"idx": (front + 1.0).astype(np.float32)[:, None]})
    savemat(tmp_path / "facemodel_info.mat", {"tri": np.array([[1.0, 2, 3], [4, 3, 2]]), "keypoints": keypoints[None] + 1.0})
    parts = bfm2009.read(Source(tmp_path), ALL)
    assert_allclose(parts.mean, small.mean[vertices], atol=2e-3)
    assert_allclose(parts.identity, small.identity[:, vertices], atol=2e-3)
    assert_allclose(parts.expression, small.expression[:, vertices], atol=2e-3)
    assert_allclose(parts.albedo, small.albedo[:, vertices], atol=1e-5)
    assert_array_equal(parts.triangles, [[0, 1, 2], [3, 2, 1]])
    assert parts.landmarks[67] == keypoints[67]


def test_expressions_of_another_mesh_are_refused(tmp_path, small):
    write.write_bfm2009(tmp_path, small)
    write.write_expressions(tmp_path, small, np.arange(100))
    with pytest.raises(DataError, match=r"BFM_exp_idx.mat for Exp_Pca.bin"):
        bfm2009.read(Source(tmp_path), ALL)
    savemat(tmp_path / "BFM_exp_idx.mat", {"trimIndex": np.arange(1.0, 200)[:, None]})
    with pytest.raises(DataError, match="5 modes of 199 vertices take 14332 bytes, found 7204"):
        bfm2009.read(Source(tmp_path), ALL)
    savemat(tmp_path / "BFM_exp_idx.mat", {"trimIndex": np.arange(0.0, 200)[:, None]})
    with pytest.raises(DataError, match=r"trimIndex: expected vertex numbers from 1 to 4312, found 0 to 199"):
        bfm2009.read(Source(tmp_path), ALL)


def test_deng_front_model(tmp_path, small):
    stored = {"meanshape": small.mean.reshape(1, -1) / 100, "idBase": write.columns(small.identity, 100),
              "exBase": write.columns(small.expression, 100), "meantex": small.color.reshape(1, -1) * 255,
              "texBase": write.columns(small.albedo, 1 / 255), "tri": small.triangles + 1.0,
              "keypoints": small.landmarks[None] + 1.0, "skinmask": np.ones((1, small.count)),
              "frontmask2_idx": np.array([[1.0], [3.0]])}  # fmt: skip
    savemat(tmp_path / "BFM_model_front.mat", stored)
    parts = deng.read(Source(tmp_path), ALL)
    write.assert_parts(parts, small)
    assert_array_equal(np.flatnonzero(parts.regions["deng_front"]), [0, 2])
    assert not outward(parts.mean, parts.triangles)[1]
    assert len(deng.read(Source(tmp_path), Ranks(2, 3, 1)).identity) == 2


def write_bfm_h5(path, small, *, squared=True):
    with h5py.File(path, "w") as file:
        parts = {"shape": (small.mean - small.offset, small.identity), "expression": (small.offset, small.expression),
                 "color": (small.color, small.albedo)}  # fmt: skip
        for name, (mean, modes) in parts.items():
            basis, size = write.unit_columns(modes, 1)
            write.write_hdf5_model(file.create_group(name), mean, basis, size ** (2 if squared else 1))
        file["shape/representer/cells"] = small.triangles.T
        named = [{"id": name, "coordinates": (small.mean - small.offset)[small.landmarks[place]].tolist()}
                 for name, place in bfm_h5.NAMES.items()] + [{"id": "left.ear", "coordinates": [0, 0, 0]}]  # fmt: skip
        file["metadata/landmarks/json"] = json.dumps(named)


def test_bfm2017_and_2019(tmp_path, small):
    write_bfm_h5(tmp_path / "model2017-1_bfm_nomouth.h5", small)
    parts = bfm_h5.read(Source(tmp_path), ALL)
    write.assert_parts(parts, small, landmarks=False)  # the mean of the expressions is part of the mean
    assert parts.landmarks == {place: small.landmarks[place] for place in bfm_h5.NAMES.values()}
    write.write_toml(tmp_path / "ibug_to_bfm2017-1_bfm_nomouth.txt", {33: 7})
    assert bfm_h5.read(Source(tmp_path), ALL).landmarks[33] == 7


def test_deviations_in_the_place_of_variances_are_noticed(tmp_path, small):
    write_bfm_h5(tmp_path / "model2019_bfm.h5", small, squared=False)
    with pytest.raises(DataError, match=r"identity modes: 6, together 0.* expected 1 to 15: are the deviations variances"):
        convert("bfm2019", tmp_path)


def write_3ddfa(folder, small, colors=True):
    shape, size = write.unit_columns(small.identity, 1e-3)
    tex, tex_size = write.unit_columns(small.albedo, 1 / 255)
    moving, moving_size = write.unit_columns(small.expression, 1e-3)
    left = np.arange(3)
    stored = {"mu_shape": (small.mean - small.offset).reshape(-1, 1) * 1e3, "w": shape, "sigma": size[:, None],
              "tri": small.clockwise(1).T.astype(float), "keypoints": small.landmarks[None] + 1.0,
              "symlist": np.stack([left + 1.0, left + 11.0])}  # fmt: skip
    if colors:
        stored |= {"mu_tex": small.color.reshape(-1, 1) * 255, "w_tex": tex, "sigma_tex": tex_size[:, None]}
    savemat(folder / "Model_Shape.mat", stored)
    expression = {"mu_exp": small.offset.reshape(-1, 1) * 1e3, "w_exp": moving, "sigma_exp": moving_size[:, None]}
    savemat(folder / "Model_Exp.mat", expression)


def test_3ddfa(tmp_path, small):
    write_3ddfa(tmp_path, small)
    parts = tddfa.read(Source(tmp_path / "Model_Shape.mat"), ALL)
    write.assert_parts(parts, small)
    assert outward(parts.mean, parts.triangles)[1]
    assert_array_equal(parts.mirror[[0, 1, 2, 10, 11, 12, 13]], [10, 11, 12, 0, 1, 2, 13])
    write_3ddfa(tmp_path, small, colors=False)
    assert tddfa.read(Source(tmp_path), ALL).albedo is None
    (tmp_path / "Model_Exp.mat").unlink()
    with pytest.raises(DataError, match=r"expected Model_Exp.mat for the expressions"):
        tddfa.read(Source(tmp_path), ALL)


@pytest.mark.parametrize("first", [0, 1])
def test_3ddfa_v2(tmp_path, small, rng, first):
    wide = lambda modes, rank: np.concatenate(
        [write.columns(modes, 1e-3), np.zeros((3 * small.count, rank - len(modes)))], axis=1
    )
    deviation, middle = rng.uniform(0.5, 2, 62), np.zeros(62)
    middle[12:14] = 0.5, -0.5  # the mean of the parameters is not zero
    shape, moving = wide(small.identity, 40), wide(small.expression, 10)
    base = small.mean.reshape(-1, 1) * 1e3 - (shape @ middle[12:52])[:, None]
    keypoints = (3 * small.landmarks[:, None] + np.arange(3)).reshape(-1)
    stored = {"u": base.astype(np.float32), "w_shp": shape, "w_exp": moving, "keypoints": keypoints}
    (tmp_path / "bfm_noneck_v3.pkl").write_bytes(pickle.dumps(stored))
    (tmp_path / "tri.pkl").write_bytes(pickle.dumps(small.clockwise(first).T.astype(np.int64)))
    whitening = {"mean": middle.astype(np.float32), "std": deviation.astype(np.float32)}
    (tmp_path / "param_mean_std_62d_120x120.pkl").write_bytes(pickle.dumps(whitening))
    parts = tddfa_v2.read(Source(tmp_path), ALL)
    assert_allclose(parts.mean, small.mean, atol=2e-3)
    assert_allclose(parts.identity[:6], small.identity * deviation[12:18, None, None], rtol=1e-4, atol=1e-3)
    assert_allclose(parts.expression[:5], small.expression * deviation[52:57, None, None], rtol=1e-4, atol=1e-3)
    assert_array_equal(np.sort(parts.triangles, axis=1), np.sort(small.triangles, axis=1))
    assert_array_equal([parts.landmarks[i] for i in range(68)], small.landmarks)


@pytest.mark.parametrize("size", ["", "_fore"])
def test_mgcnet(tmp_path, small, size):
    with h5py.File(tmp_path / "bfm09_trim.h5", "w") as file:
        parts = {"shape": (small.mean, small.identity, 1e-3), "color": (small.color, small.albedo, 1 / 255),
                 "expression": (small.offset, small.expression, 1e-3)}  # fmt: skip
        for name, (mean, modes, unit) in parts.items():
            basis, deviation = write.unit_columns(modes, unit)
            write.write_hdf5_model(file.create_group(name + size), mean / unit, basis, deviation)  # called variance
        file[f"shape{size}/representer/tri"] = small.clockwise(1)
        file[f"shape{size}/representer/idx_lm68"] = small.landmarks
    parts = mgcnet_h5.read(Source(tmp_path), ALL)
    write.assert_parts(parts, small)  # the mean of the expressions is left out, as in its code


def test_eos(tmp_path, small):
    write.write_eos(tmp_path / "sfm_shape_3448.bin", small)
    known = {i: int(small.landmarks[i]) for i in range(17, 60)}
    write.write_toml(tmp_path / "ibug_to_sfm.txt", known)
    parts = eos.read(Source(tmp_path / "sfm_shape_3448.bin"), ALL)
    write.assert_parts(parts, small, color=False, expression=False, landmarks=False)
    assert parts.landmarks == known
    write.write_eos(tmp_path / "sfm_shape_3448.bin", small, color=True)
    write.assert_parts(eos.read(Source(tmp_path), ALL), small, expression=False, landmarks=False)


def test_eos_blend_shapes_are_reached_exactly(tmp_path, small):
    write.write_eos(tmp_path / "sfm_shape_3448.bin", small)
    shapes = {"smile": 3 * small.expression[0] + small.expression[1], "fear": small.expression[1]}  # they overlap
    write.write_blendshapes(tmp_path / "expression_blendshapes_3448.bin", shapes)
    parts = eos.read(Source(tmp_path), ALL)
    for name, shape in shapes.items():
        assert_allclose(np.tensordot(parts.units[name], parts.expression, 1), shape, atol=1e-3)
    flat = parts.expression.reshape(2, -1).astype(float)
    assert abs(flat[0] @ flat[1]) < 1e-3 * np.linalg.norm(flat[0]) * np.linalg.norm(flat[1])


@pytest.mark.parametrize("cut", [3, 10, 5000, 100_000])
def test_a_cut_eos_file_is_refused(tmp_path, small, cut):
    write.write_eos(tmp_path / "sfm.bin", small)
    (tmp_path / "sfm.bin").write_bytes((tmp_path / "sfm.bin").read_bytes()[:cut])
    with pytest.raises(DataError, match="bytes are left"):
        eos.read(Source(tmp_path / "sfm.bin"), ALL)


@pytest.mark.parametrize("protocol", [2, 4])
def test_flame(tmp_path, small, protocol):
    weights = write.write_flame(tmp_path / "generic_model.pkl", small, protocol=protocol)
    parts = flame.read(Source(tmp_path), ALL)
    write.assert_parts(parts, small, color=False, expression=False, landmarks=False)
    assert_allclose(parts.expression[2:], small.expression[:3], atol=2e-3)
    opened = np.tensordot(parts.units["jaw_open"], parts.expression, 1)
    joint = small.mean[small.landmarks[[0, 16]]].mean(axis=0)
    chin = small.landmarks[8]
    y, z = (small.mean[chin] - joint)[1:]
    expected = y * np.cos(flame.OPEN) - z * np.sin(flame.OPEN) - y  # a turn about the line between the ears
    assert_allclose(opened[chin, 1], expected * weights[chin, 2], atol=1e-2)
    assert opened[chin, 1] < -15
    assert np.tensordot(parts.units["jaw_leftward"], parts.expression, 1)[chin, 0] > 3


def test_flame_landmarks_inside_triangles(tmp_path, small):
    write.write_flame(tmp_path / "generic_model.pkl", small)
    corner = {vertex: np.argwhere(small.triangles == vertex)[0] for vertex in small.landmarks}
    faces = np.array([corner[vertex][0] for vertex in small.landmarks])
    weights = np.full((68, 3), 0.2)
    weights[range(68), [corner[vertex][1] for vertex in small.landmarks]] = 0.6
    rows = {"lmk_face_idx": [faces[:17].astype(np.uint32)] * 3, "lmk_b_coords": [weights[:17]] * 3}
    np.save(tmp_path / "flame_dynamic_embedding.npy", np.array(rows, object), allow_pickle=True)
    fixed = {"lmk_face_idx": faces[17:].astype(np.uint32), "lmk_b_coords": weights[17:]}
    (tmp_path / "flame_static_embedding.pkl").write_bytes(pickle.dumps(fixed, protocol=2))
    found = flame.read(Source(tmp_path), ALL).landmarks
    assert_array_equal([found[i] for i in range(68)], small.landmarks)
    whole = {"full_lmk_faces_idx": faces[None], "full_lmk_bary_coords": weights[None]}
    np.save(tmp_path / "landmark_embedding.npy", np.array(whole, object), allow_pickle=True)
    assert flame.read(Source(tmp_path), ALL).landmarks == found
