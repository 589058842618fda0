"""Basel Face Model 2009 (Paysan et al. 2009), with the expressions of Guo et al. and Deng's front model, from the original files.

    01_MorphableModel.mat   shapeMU, shapePC, shapeEV, texMU, texPC, texEV, tl: micrometres, colours 0 to 255, vertices from 1
    Exp_Pca.bin             79 expression modes on 53,215 of its 53,490 vertices (Guo et al., CoarseData)
    std_exp.txt             their standard deviations
    BFM_exp_idx.mat         trimIndex: which vertices those are
    BFM_front_idx.mat, facemodel_info.mat   idx, tri, keypoints: the 35,709 vertices of the front of the face (Deng et al. 2019)

With the first file alone the whole mesh comes without expressions of its own. The field EV holds standard deviations,
whatever its name says, and the triangles are clockwise.

Sources: util/load_mats.py of Deng3DFaceRecon_pytorch; share/scripts/convert-bfm2009-to-eos.py of eos.
"""

import struct

import numpy as np

from mgcbook.data.formats.parts import (
    MOST_MODES,
    MOST_VERTICES,
    Parts,
    landmark_dict,
    modes,
    points,
    triangle_list,
    vertex_numbers,
)
from mgcbook.data.formats.safe_file import read_bytes
from mgcbook.data.formats.safe_mat import read_mat
from mgcbook.data.formats.safe_text import read_landmark_map, read_numbers
from mgcbook.errors import DataError

MM = 1e-3
LEVELS = 255.0
LICENSE = "Basel Face Model: non-commercial research, not to be passed on"
_FIELDS = ("shapeMU", "shapePC", "shapeEV", "texMU", "texPC", "texEV", "tl")


def read(source, ranks):
    """The whole model, the vertices with expressions, or the front, as far as the files go; Source, Ranks -> Parts.

    Raises:
        DataError: if files are missing, broken, or do not belong together.
    """
    parts = _whole(source.main("01_MorphableModel.mat"), ranks)
    names = source.find("ibug_to_bfm2009.txt")
    if names:
        parts.landmarks = read_landmark_map(names, len(parts.mean))
    expressions = source.find("Exp_Pca.bin")
    if expressions is None:
        parts.notes.append("the whole mesh; with Exp_Pca.bin, std_exp.txt, BFM_exp_idx.mat beside it also expressions")
        return parts
    kept = _index(source.need("BFM_exp_idx.mat", why="Exp_Pca.bin"), "trimIndex", len(parts.mean))
    parts = parts.keep(kept)
    deviations = read_numbers(source.need("std_exp.txt", why="Exp_Pca.bin"))
    parts.expression = read_expressions(expressions, deviations, len(kept), ranks.expression)
    front, about = source.find("BFM_front_idx.mat"), source.find("facemodel_info.mat")
    if front is None or about is None:
        parts.notes.append(f"the {len(kept)} vertices with expressions; BFM_front_idx.mat and facemodel_info.mat give the front")
        return parts
    parts = parts.keep(_index(front, "idx", len(kept)))
    stored = read_mat(about, ("tri", "keypoints"))
    parts.triangles = triangle_list(stored["tri"], len(parts.mean), f"{about}: tri", first=1)
    parts.landmarks = landmark_dict(stored["keypoints"], len(parts.mean), f"{about}: keypoints", first=1)
    parts.name = "Basel Face Model 2009, front, expressions of Guo et al."
    return parts


def read_expressions(path, deviations, vertex_count, count):
    """Exp_Pca.bin: int32 number of modes, a mean that is not used, then the modes; -> (K, V, 3) float32 mm per sigma.

    Raises:
        DataError: if the size of the file is not that of the modes it promises, for this number of vertices.
    """
    data = read_bytes(path)
    promised = struct.unpack_from("<i", data)[0] if len(data) >= 4 else 0
    if not 1 <= promised <= MOST_MODES or len(data) != 4 + 12 * vertex_count * (1 + promised):
        raise DataError(f"{path}: {promised} modes of {vertex_count} vertices take {4 + 12 * vertex_count * (1 + promised)} "
                        f"bytes, found {len(data)}; is it cut short, or for other vertices?")  # fmt: skip
    basis = np.frombuffer(data, "<f4", offset=4 + 12 * vertex_count).reshape(promised, -1)
    count = min(count, promised)
    if not np.isfinite(basis[:count]).all():
        raise DataError(f"{path}: expected finite numbers, found NaN or infinity; the file is damaged")
    return modes(basis[:count].T, vertex_count, str(path), deviation=deviations, unit=MM)


def _whole(path, ranks):
    stored = read_mat(path, _FIELDS)
    mean = points(stored["shapeMU"], f"{path}: shapeMU", unit=MM)
    if len(mean) > MOST_VERTICES:
        raise DataError(f"{path}: {len(mean)} vertices are too many")
    identity = modes(stored["shapePC"], len(mean), f"{path}: shapePC", count=ranks.identity, deviation=stored["shapeEV"], unit=MM)
    albedo = modes(stored["texPC"], len(mean), f"{path}: texPC", count=ranks.albedo, deviation=stored["texEV"], unit=1 / LEVELS)
    color = points(stored["texMU"], f"{path}: texMU", unit=1 / LEVELS)
    if len(color) != len(mean):
        raise DataError(f"{path}: texMU: expected {len(mean)} colours, found {len(color)}")
    triangles = triangle_list(stored["tl"], len(mean), f"{path}: tl", first=1)
    nothing = np.zeros((0, *mean.shape), np.float32)
    return Parts(mean, identity, nothing, triangles, "Basel Face Model 2009", LICENSE, color, albedo)


def _index(path, name, vertex_count):
    """A list of vertices from 1, each at most once; -> (n,) from 0."""
    found = vertex_numbers(read_mat(path, (name,))[name].reshape(-1), vertex_count, f"{path}: {name}", first=1)
    if len(set(found.tolist())) != len(found) or len(found) < 4:
        raise DataError(f"{path}: {name}: expected different vertices, found some twice")
    return found
