"""Meshes, range pictures and marked points of 3D scans, every count checked: .obj, .ply, .wrl, .abs; .pp, .bnd, .ljson.

What comes out is always a Scan: vertices and triangles in the unit of the file.
"""

import gzip
import json
import re
import zlib
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.data.formats.safe_file import read_bytes
from mgcbook.data.sources.sample import numbers, read_text
from mgcbook.errors import DataError

LARGEST = 600_000_000
"""Bytes of a scan's file."""
MOST_VERTICES = 5_000_000
INVALID = -999999
"""Value of unknown pixels in .abs files."""


class Scan(NamedTuple):
    """A triangle mesh; points alone have no triangles."""

    vertices: np.ndarray
    """(V, 3) float64."""
    triangles: np.ndarray
    """(F, 3) int64."""


def read_scan(path):
    """Read a mesh by the ending of its name: .obj, .ply, .wrl, .abs or .abs.gz; -> Scan.

    Raises:
        DataError: naming the file and what is wrong with it.
    """
    path = Path(path)
    name = path.name.lower()
    readers = {".obj": _read_obj, ".ply": _read_ply, ".wrl": _read_wrl, ".abs": _read_abs, ".abs.gz": _read_abs}
    for ending, reader in readers.items():
        if name.endswith(ending):
            return _checked(path, reader(path))
    raise DataError(f"{path}: expected a scan ending in .obj, .ply, .wrl, .abs or .abs.gz")


def _checked(path, scan):
    vertices, triangles = scan
    if not 3 <= len(vertices) <= MOST_VERTICES:
        raise DataError(f"{path}: {len(vertices)} vertices; expected 3 to {MOST_VERTICES}")
    if not np.isfinite(vertices).all():
        raise DataError(f"{path}: vertex {int(np.argmin(np.isfinite(vertices).all(1)))} is not finite")
    if len(triangles) and not 0 <= triangles.min() <= triangles.max() < len(vertices):
        raise DataError(f"{path}: a triangle names a vertex that does not exist (there are {len(vertices)})")
    return Scan(vertices.astype(np.float64), triangles.astype(np.int64).reshape(-1, 3))


def _read_obj(path):
    rows, triangles = [], []
    for line in read_text(path, largest=LARGEST).splitlines():  # by words: patterns take forever on hostile lines
        words = line.split()
        if not words or words[0] not in ("v", "f"):
            continue
        if words[0] == "v":
            rows += words[1:4] if len(words) >= 4 else ["?"]
            continue
        try:
            corners = [int(word.split("/")[0]) for word in words[1:]]
        except ValueError:
            raise DataError(f"{path}: expected whole numbers in a face, found {line[:40]!r}") from None
        if len(corners) < 3 or min(corners) < 1 or max(corners) > MOST_VERTICES:
            raise DataError(f"{path}: expected at least three corners counted from 1 in a face, found {line[:40]!r}")
        triangles += [(corners[0] - 1, b - 1, c - 1) for b, c in pairwise(corners[1:])]
    return numbers(path, rows, "v").reshape(-1, 3), np.array(triangles, int).reshape(-1, 3)


def _read_ply(path):
    """Meshes of MeshLab and of this package, through trimesh once the sizes that the head promises fit the file."""
    import trimesh

    data = read_bytes(path, most=LARGEST)
    head = data[:4096].split(b"end_header")[0].decode("ascii", "replace")
    counts = [int(count) for count in re.findall(r"^element \w+ (\d{1,12})\s*$", head, re.M)]
    if not head.startswith("ply") or not counts or sum(counts) > len(data):
        raise DataError(f"{path}: expected a .ply file with at most as many elements as bytes, found {counts}")
    try:
        with path.open("rb") as file:
            mesh = trimesh.load(file, file_type="ply", process=False)
        return np.asarray(mesh.vertices), np.asarray(getattr(mesh, "faces", np.empty((0, 3), int)))
    except Exception as error:  # trimesh has no error of its own
        raise DataError(f"{path}: the .ply file is broken ({str(error)[:100]})") from error


def _read_wrl(path):
    """VRML 2 as 3dMD writes it: the point list with the most points and its faces."""
    text = read_text(path, largest=LARGEST)
    points, faces = (max(_lists(text, name), key=len, default="") for name in ("point", "coordIndex"))
    if not points.strip():
        raise DataError(f"{path}: expected `point [...]` of a VRML file")
    values = numbers(path, points.replace(",", " ").split(), "point")
    if len(values) % 3:
        raise DataError(f"{path}: point: expected three numbers for each, found {len(values)} in all")
    index = numbers(path, faces.replace(",", " ").split(), "coordIndex")
    if len(index) and np.abs(index).max() > MOST_VERTICES:
        raise DataError(f"{path}: coordIndex: expected vertex numbers, found {np.abs(index).max():g}")
    index = index.astype(int)
    ends = np.flatnonzero(index < 0)
    triangles = []
    for face in np.split(index, ends + 1):
        face = face[face >= 0]
        triangles += [(face[0], face[i], face[i + 1]) for i in range(1, len(face) - 1)]
    return values.reshape(-1, 3), np.array(triangles, int).reshape(-1, 3)


def _lists(text, name):
    """What stands between brackets after each field of this name."""
    place = 0
    while (place := text.find(name, place)) >= 0:
        place += len(name)
        if text[place : place + 20].lstrip()[:1] == "[":
            start = text.index("[", place) + 1
            end = text.find("]", start)
            if end < 0:
                return
            yield text[start:end]
            place = end


def _read_abs(path):
    """A range picture: `rows`, `columns`, a line about the order, then flags, X, Y and Z of all pixels."""
    data = read_bytes(path, most=LARGEST)
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(path, data)
    try:
        first, second, third, rest = data.decode("ascii").split("\n", 3)
        height, width = int(first.split()[0]), int(second.split()[0])
    except (ValueError, IndexError):
        raise DataError(f"{path}: expected `480 rows`, `640 columns` and a line about the order of the pixels") from None
    if not (1 <= height <= 10_000 and 1 <= width <= 10_000) or "pixels" not in third:
        raise DataError(f"{path}: expected 1 to 10000 rows and columns, found {height} and {width}")
    count = height * width
    values = numbers(path, rest.split(), "pixels", 4 * count).reshape(4, height, width)
    valid, points = values[0] > 0, np.moveaxis(values[1:], 0, -1)
    valid &= (points > INVALID + 1).all(axis=-1)
    return grid_mesh(points, valid)


@check_shapes(points="number R C 3", valid="bool R C")
def grid_mesh(points, valid, largest_edge=10.0):
    """Triangles between neighbouring pixels of a range picture; (H, W, 3), (H, W) -> (vertices, triangles).

    Args:
        largest_edge: longer ones, in the unit of the points, lie across a jump in depth and are left out.
    """
    number = np.where(valid, np.cumsum(valid).reshape(valid.shape) - 1, -1)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    triangles = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    triangles, vertices = triangles[(triangles >= 0).all(axis=1)], points[valid]
    corners = vertices[triangles]
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1)
    return vertices, triangles[(edges <= largest_edge).all(axis=1)]


def _gunzip(path, data):
    try:
        stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        plain = stream.decompress(data, LARGEST)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the compressed file is damaged ({error})") from error
    if not stream.eof:
        raise DataError(f"{path}: cut short, or more than {LARGEST} bytes when unpacked")
    return plain


def read_points(path, *, most=10_000):
    """Points marked on a scan, by the ending: .pp (MeshLab), .bnd (BU-3DFE), .ljson (Menpo), .txt or .npy; -> (L, 3) float64.

    Raises:
        DataError: naming the file and what is wrong with it.
    """
    path = Path(path)
    readers = {".pp": _read_pp, ".bnd": _read_bnd, ".ljson": _read_ljson, ".txt": _read_rows, ".npy": _read_npy}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path}: expected points in a file ending in .pp, .bnd, .ljson, .txt or .npy")
    points = np.asarray(reader(path), np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not 1 <= len(points) <= most:
        raise DataError(f"{path}: expected points (L, 3), found {points.shape}")
    if not np.isfinite(points).all():
        raise DataError(f"{path}: a point is not finite")
    return points


def _read_pp(path):
    text = read_text(path, largest=1_000_000)  # by pattern: an XML parser would also expand entities
    points = []
    for tag in re.findall(r"<point\b([^<>]*)/?>", text):
        values = dict(re.findall(r"""\b([xyz])\s*=\s*["']([^"']*)["']""", tag))
        if set(values) != set("xyz"):
            raise DataError(f"{path}: expected x, y and z in every point, found {tag[:60]!r}")
        points.append(numbers(path, [values[axis] for axis in "xyz"], "point", 3))
    return np.array(points).reshape(-1, 3)


def _read_bnd(path):
    rows = [line.split() for line in read_text(path, largest=1_000_000).splitlines() if line.strip()]
    return np.array([numbers(path, row[-3:], "point", 3) for row in rows]).reshape(-1, 3)


def _read_rows(path):
    rows = [line.replace(",", " ").split() for line in read_text(path, largest=1_000_000).splitlines() if line.strip()]
    return np.array([numbers(path, row, "point", 3) for row in rows]).reshape(-1, 3)


def _read_npy(path):
    from mgcbook.data.formats.safe_npy import read_npy

    points = read_npy(path)
    if not isinstance(points, np.ndarray) or points.dtype.kind not in "fiu":
        raise DataError(f"{path}: expected an array of numbers, found {getattr(points, 'dtype', type(points).__name__)}")
    return points


def _read_ljson(path):
    try:
        content = json.loads(read_text(path, largest=10_000_000))
        groups = content["groups"].values() if "groups" in content else [content]
        return np.array(next(iter(groups))["landmarks"]["points"], dtype=np.float64)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: expected Menpo's landmarks, groups/<name>/landmarks/points ({str(error)[:80]})") from error
