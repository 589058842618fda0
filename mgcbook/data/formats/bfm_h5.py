"""Basel Face Models 2017 and 2019 (Gerig et al. 2018), HDF5 of statismo: shape, color and expression, each a mean and modes.

    <part>/model/mean (3 V,)   pcaBasis (3 V, K), orthonormal   pcaVariance (K,), variances
    shape/representer/cells (3, F), from 0      metadata/landmarks/json: names and places of landmarks

Millimetres, colours in [0, 1]. The mean of the expressions is not zero: the mean face is shape mean + expression mean.

Source: src/bfm_manager.cpp of Bemfool/BFM-tools; the names of the landmarks are the file's own.
"""

import json

import numpy as np

from mgcbook.data.formats.bfm2009 import LICENSE
from mgcbook.data.formats.parts import Parts, modes, points, triangle_list
from mgcbook.data.formats.safe_hdf5 import open_hdf5
from mgcbook.data.formats.safe_text import read_landmark_map
from mgcbook.errors import DataError

NAMES = {
    "center.chin.tip": 8, "center.nose.tip": 30, "right.eye.corner_outer": 36, "right.eye.corner_inner": 39,
    "left.eye.corner_inner": 42, "left.eye.corner_outer": 45, "right.lips.corner": 48, "center.lips.upper.outer": 51,
    "left.lips.corner": 54, "center.lips.lower.outer": 57, "center.lips.upper.inner": 62, "center.lips.lower.inner": 66,
}  # fmt: skip
"""Landmarks in the file -> their places among the 68."""


def read(source, ranks):
    """Source, Ranks -> Parts.

    Raises:
        DataError: if the file is broken or not of this kind.
    """
    path = source.main("model2017-1_bfm_nomouth.h5", "model2019_bfm.h5", "model2017*.h5", "model2019*.h5", "*.h5")
    with open_hdf5(path) as file:
        mean, identity = _part(file, "shape", ranks.identity)
        color, albedo = _part(file, "color", ranks.albedo, len(mean)) if "color/model" in file else (None, None)
        nothing = np.zeros((0, *mean.shape), np.float32)
        offset, expression = (
            _part(file, "expression", ranks.expression, len(mean)) if "expression/model" in file else (0, nothing)
        )
        triangles = triangle_list(file.array("shape/representer/cells"), len(mean), f"{path}: cells", first=0)
        named = file.text("metadata/landmarks/json") if "metadata/landmarks/json" in file else "[]"
    parts = Parts(mean + offset, identity, expression, triangles, f"Basel Face Model ({path.stem})", LICENSE, color, albedo)
    parts.landmarks = _landmarks(named, mean, path)
    listed = source.find(f"ibug_to_bfm{path.stem.removeprefix('model')}.txt")
    if listed:
        parts.landmarks |= read_landmark_map(listed, len(mean))
    return parts


def _part(file, name, count, vertex_count=None):
    """Mean (V, 3) and modes (K, V, 3) of shape, color or expression."""
    mean = points(file.array(f"{name}/model/mean"), f"{file.path}: {name}/model/mean")
    if vertex_count not in (None, len(mean)):
        raise DataError(f"{file.path}: {name}/model/mean: expected {vertex_count} vertices, found {len(mean)}")
    variance = file.array(f"{name}/model/pcaVariance").reshape(-1)
    basis = file.array(f"{name}/model/pcaBasis", columns=count)
    if (variance < 0).any():
        raise DataError(f"{file.path}: {name}/model/pcaVariance: expected variances of at least 0, found {variance.min()}")
    return mean, modes(basis, len(mean), f"{file.path}: {name}/model/pcaBasis", deviation=np.sqrt(variance))


def _landmarks(text, mean, path):
    """Named places -> {landmark: the closest vertex of the neutral mean}."""
    try:
        places = {str(entry["id"]): np.array(entry["coordinates"], float).reshape(3) for entry in json.loads(text)}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: metadata/landmarks/json: expected names and coordinates ({str(error)[:60]})") from None
    found = {}
    for name, place in places.items():
        if name in NAMES and np.isfinite(place).all():
            near = ((mean - place) ** 2).sum(axis=1)
            near[list(found.values())] = np.inf  # the inner lips may touch: each has a vertex of its own
            found[NAMES[name]] = int(near.argmin())
    return found
