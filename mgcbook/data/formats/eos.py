"""Models of eos, like the Surrey Face Model (Huber et al. 2016): a binary file of cereal, little-endian, without any names.

    uint32 version; shape: matrices mean (3 V, 1), basis (3 V, K), eigenvalues (K, 1), triangles; colour: the same, perhaps empty
    a matrix: int32 rows, int32 columns, float32 column by column;  a list: uint64 count, entries

Millimetres, orthonormal basis, eigenvalues are variances, vertices from 0. Beside it: ibug_to_*.txt (landmarks) and
expression_blendshapes_*.bin (uint64 count, each with a name and a matrix (3 V, 1) at weight 1).

Sources: PcaModel.hpp, MorphableModel.hpp, Blendshape.hpp, io/eigen_cerealisation.hpp of eos.
"""

import struct

import numpy as np

from mgcbook.data.formats.parts import Parts, blend_modes, modes, points, triangle_list
from mgcbook.data.formats.safe_file import read_bytes
from mgcbook.data.formats.safe_text import read_landmark_map
from mgcbook.errors import DataError

SPREAD = 0.5
"""Standard deviation of a blend shape's weight [own]."""
_MOST_SHAPES, _MOST_NAME = 500, 200


class _Reader:
    """Takes numbers from the front of bytes; a count is believed only if that much is left."""

    def __init__(self, path):
        self.path, self.data, self.at = path, read_bytes(path), 0

    def take(self, count, kind):
        kind = np.dtype(kind)
        if count * kind.itemsize > len(self.data) - self.at:
            raise DataError(f"{self.path}: {count} numbers are promised at byte {self.at}, {len(self.data) - self.at} bytes are "
                            "left; is it cut short, or no file of eos?")  # fmt: skip
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += count * kind.itemsize
        return found

    def count(self):
        return int(self.take(1, "<u8")[0])

    def matrix(self):
        rows, columns = self.take(2, "<i4").tolist()
        if rows < 0 or columns < 0:
            raise DataError(f"{self.path}: a matrix of {rows} x {columns} at byte {self.at - 8}; is it a file of eos?")
        found = self.take(rows * columns, "<f4").reshape(columns, rows).T
        if not np.isfinite(found).all():
            raise DataError(f"{self.path}: expected finite numbers, found NaN or infinity; the file is damaged")
        return found

    def pca(self):
        return self.matrix(), self.matrix(), self.matrix(), self.take(3 * self.count(), "<i4").reshape(-1, 3)


def read(source, ranks):
    """Source, Ranks -> Parts.

    Raises:
        DataError: if a file is broken or not of this kind.
    """
    path = source.main("sfm_shape_3448.bin", "sfm_shape*.bin", "bfm*.bin")
    reader = _Reader(path)
    version = struct.unpack("<I", reader.take(4, "u1").tobytes())[0]
    if not 1 <= version <= 4:
        raise DataError(f"{path}: expected version 1 to 4 of an eos model, found {version}")
    mean, basis, variances, triangles = reader.pca()
    color, color_basis, color_variances, _ = reader.pca()
    mean = points(mean, f"{path}: mean")
    parts = Parts(
        mean,
        _sized(basis, variances, len(mean), f"{path}: shape", ranks.identity),
        np.zeros((0, *mean.shape), np.float32),
        triangle_list(triangles, len(mean), f"{path}: triangles", first=0),
        f"eos model {path.stem}",
        "as its file says; the Surrey Face Model: non-commercial research",
    )
    if color.size:
        parts.albedo_mean = points(color, f"{path}: colour mean")
        parts.albedo = _sized(color_basis, color_variances, len(mean), f"{path}: colour", ranks.albedo)
        if parts.albedo_mean.shape != mean.shape:
            raise DataError(f"{path}: colour mean: expected {len(mean)} colours, found {len(parts.albedo_mean)}")
        if parts.albedo_mean.max() > 2:  # 0 to 255
            parts.albedo_mean, parts.albedo = parts.albedo_mean / 255, parts.albedo / np.float32(255)
    listed = source.find("ibug_to_sfm.txt") if "sfm" in path.stem else source.find("ibug_to_*.txt")
    if listed:
        parts.landmarks = read_landmark_map(listed, len(mean))
    shapes = source.find("expression_blendshapes_*.bin")
    if shapes:
        names, differences = read_blendshapes(shapes, len(mean))
        parts.expression, parts.units = blend_modes(differences, names, spread=SPREAD)
    return parts


def read_blendshapes(path, vertex_count):
    """Names and displacements in mm at weight 1; -> list of str, (K, V, 3) float32.

    Raises:
        DataError: if the file is broken or for another mesh.
    """
    reader = _Reader(path)
    count = reader.count()
    if not 1 <= count <= _MOST_SHAPES:
        raise DataError(f"{path}: expected 1 to {_MOST_SHAPES} blend shapes, found {count}")
    names, shapes = [], []
    for _ in range(count):
        length = reader.count()
        if not 1 <= length <= _MOST_NAME:
            raise DataError(f"{path}: expected a name of at most {_MOST_NAME} letters, found {length}")
        names.append(reader.take(length, "u1").tobytes().decode("utf-8", "replace").lower())
        shape = points(reader.matrix(), f"{path}: {names[-1]}")
        if len(shape) != vertex_count:
            raise DataError(f"{path}: {names[-1]}: expected {vertex_count} vertices, found {len(shape)}")
        shapes.append(shape.astype(np.float32))
    return names, np.stack(shapes)


def _sized(basis, variances, vertex_count, where, count):
    if (variances < 0).any():
        raise DataError(f"{where}: expected variances of at least 0, found {variances.min()}")
    return modes(basis, vertex_count, where, count=count, deviation=np.sqrt(variances))
