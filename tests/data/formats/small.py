"""A small known face model, and writers of it in the layouts of other projects: what a reader must get back."""

import pickle
import struct
import sys
import types

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.data import builtin

RANKS = (6, 5, 4)
OFFSET = 3.0
"""Largest displacement in mm of a mean of the expressions that is not zero."""


class Small:
    """The built-in face with a few modes, as plain arrays in mm."""

    def __init__(self):
        model = builtin.load("light")
        sized = lambda basis, size, rank: (basis[:rank] * size[:rank, None, None]).astype(np.float64)
        self.mean = model.mean.astype(np.float64)
        self.identity = sized(model.identity_basis, model.identity_deviation, RANKS[0])
        self.expression = sized(model.expression_basis, model.expression_deviation, RANKS[1])
        self.color = model.albedo_mean.astype(np.float64)
        self.albedo = sized(model.albedo_basis, model.albedo_deviation, RANKS[2])
        self.triangles, self.landmarks = model.triangles, model.landmark_vertices
        self.count = len(self.mean)
        self.offset = OFFSET * np.sin(self.mean / 30)  # of the expressions

    def clockwise(self, first):
        return self.triangles[:, [0, 2, 1]] + first


def unit_columns(modes, unit):
    """(K, V, 3) mm -> basis of unit columns (3 V, K) and deviations in the file's unit."""
    flat = columns(modes, unit)
    size = np.linalg.norm(flat, axis=0)
    return flat / size, size


def columns(modes, unit):
    return modes.reshape(len(modes), -1).T / unit


def assert_parts(parts, small, *, color=True, expression=True, landmarks=True):
    """What was read is the small model, in mm, whatever the layout."""
    assert_allclose(parts.mean, small.mean, atol=2e-3)
    assert_allclose(parts.identity[: RANKS[0]], small.identity, atol=2e-3)
    if expression:
        assert_allclose(parts.expression, small.expression, atol=2e-3)
    if color:
        assert_allclose(parts.albedo_mean, small.color, atol=1e-5)
        assert_allclose(parts.albedo, small.albedo, atol=1e-5)
    if landmarks:
        assert_array_equal([parts.landmarks[i] for i in range(68)], small.landmarks)
    assert_array_equal(np.sort(parts.triangles, axis=1), np.sort(small.triangles, axis=1))


def write_bfm2009(folder, small):
    from scipy.io import savemat

    shape, shape_size = unit_columns(small.identity, 1e-3)
    tex, tex_size = unit_columns(small.albedo, 1 / 255)
    stored = {"shapeMU": small.mean.reshape(-1, 1) * 1e3, "shapePC": shape, "shapeEV": shape_size[:, None],
              "texMU": small.color.reshape(-1, 1) * 255, "texPC": tex, "texEV": tex_size[:, None]}  # fmt: skip
    stored = {name: array.astype(np.float32) for name, array in stored.items()}
    savemat(folder / "01_MorphableModel.mat", stored | {"tl": small.clockwise(1).astype(float)}, do_compression=True)


def write_expressions(folder, small, kept):
    """Exp_Pca.bin for these vertices, std_exp.txt."""
    basis, size = unit_columns(small.expression[:, kept], 1e-3)
    body = np.concatenate([np.full((1, basis.shape[0]), 7.0), basis.T]).astype("<f4")  # the mean is not used
    (folder / "Exp_Pca.bin").write_bytes(struct.pack("<i", len(size)) + body.tobytes())
    (folder / "std_exp.txt").write_text(" ".join(f"{value:.9g}" for value in size))


def write_hdf5_model(group, mean, basis, variance):
    model = group.create_group("model")
    model["mean"], model["pcaVariance"] = mean.astype(np.float32).reshape(-1), variance.astype(np.float32)
    model.create_dataset("pcaBasis", data=basis.astype(np.float32), compression="gzip")


def write_eos(path, small, *, color=False, version=1):
    matrix = lambda array: struct.pack("<ii", *array.shape) + array.astype("<f4").tobytes(order="F")
    listed = lambda array, kind: struct.pack("<Q", len(array)) + array.astype(kind).tobytes()
    nothing = matrix(np.zeros((0, 0))) * 3 + struct.pack("<Q", 0)

    def pca(mean, modes):
        basis, size = unit_columns(modes, 1)
        return matrix(mean.reshape(-1, 1)) + matrix(basis) + matrix(size[:, None] ** 2) + listed(small.triangles, "<i4")

    body = pca(small.mean, small.identity) + (pca(small.color, small.albedo) if color else nothing)
    path.write_bytes(struct.pack("<I", version) + body + struct.pack("<Q", 0))


def write_blendshapes(path, shapes):
    body = struct.pack("<Q", len(shapes))
    for name, shape in shapes.items():
        body += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<ii", shape.size, 1) + shape.astype("<f4").tobytes()
    path.write_bytes(body)


def write_toml(path, landmarks):
    lines = [f"{i + 1} = {vertex}  # a comment" for i, vertex in landmarks.items()]
    path.write_text("[landmark_mappings]\n" + "\n".join(lines) + "\n[contour_landmarks]\nright = [1, 2]\n")


def dump_with(module, name, thing_of, protocol):
    """The pickle of thing_of(C), where C is a class of a module that exists only while this is written."""
    found = type(name, (), {})
    found.__module__, found.__qualname__ = module, name
    modules = {module.partition(".")[0]: types.ModuleType("parent"), module: types.ModuleType(module)}
    setattr(modules[module], name, found)
    sys.modules.update(modules)
    try:
        return pickle.dumps(thing_of(found), protocol=protocol)
    finally:
        for key in modules:
            del sys.modules[key]


def write_flame(path, small, *, protocol=2):
    """As Python 2 and chumpy wrote it: modes inside an object of a class that need not be installed."""
    from scipy.sparse import csc_matrix

    directions = np.zeros((small.count, 3, 303))
    directions[:, :, :6] = small.identity.transpose(1, 2, 0) / 1000
    directions[:, :, 300:] = small.expression[:3].transpose(1, 2, 0) / 1000
    jaw = np.zeros((5, small.count))
    jaw[2, small.landmarks[[0, 16]]] = 0.5  # between the ears
    weights = np.zeros((small.count, 5))
    weights[:, 2] = 1 / (1 + np.exp((small.mean[:, 1] + 66) / 4))
    weights[:, 1] = 1 - weights[:, 2]

    def stored(kind):
        wrapped = kind()
        wrapped.x, wrapped._itr = directions, None
        return {"v_template": small.mean / 1000, "f": small.triangles.astype(np.uint32), "shapedirs": wrapped, "weights": weights,
                "J_regressor": csc_matrix(jaw), "posedirs": np.zeros((small.count, 3, 36)), "bs_type": "lrotmin"}  # fmt: skip

    path.write_bytes(dump_with("chumpy.ch", "Ch", stored, protocol))
    return weights
