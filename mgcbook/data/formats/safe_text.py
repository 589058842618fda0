"""Text files of numbers, with limits: columns of numbers, the landmark maps of eos, and the meshes of .obj files."""

import tomllib

import numpy as np

from mgcbook.data.formats.safe_file import read_bytes
from mgcbook.errors import DataError

_MOST_TEXT = 1 << 20
_MOST_MESH = 256 << 20


def read_numbers(path):
    """All numbers of a text file, apart by spaces; -> (N,) float64.

    Raises:
        DataError: for anything else in it.
    """
    try:
        numbers = np.array(read_bytes(path, most=_MOST_TEXT).split(), np.float64)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected numbers apart by spaces ({str(error)[:60]})") from None
    if not np.isfinite(numbers).all():
        raise DataError(f"{path}: expected finite numbers, found NaN or infinity")
    return numbers


def read_landmark_map(path, vertex_count):
    """A landmark map of eos (ibug_to_*.txt, TOML: 1-based landmark = 0-based vertex); -> {landmark from 0: vertex}.

    Raises:
        DataError: if it is broken or names vertices that the mesh does not have.
    """
    try:
        found = tomllib.loads(read_bytes(path, most=_MOST_TEXT).decode("utf-8-sig"))["landmark_mappings"]
        pairs = {int(name) - 1: vertex for name, vertex in found.items()}
    except (ValueError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: expected a landmark map of eos with a table [landmark_mappings] ({str(error)[:80]})") from None
    for landmark, vertex in pairs.items():
        if not (0 <= landmark < 68 and type(vertex) is int and 0 <= vertex < vertex_count):
            raise DataError(f"{path}: landmark {landmark + 1} = {vertex!r}: expected 1 to 68 and a vertex below {vertex_count}")
    return pairs


def read_obj_points(path):
    """The vertices of a Wavefront .obj file; -> (V, 3) float64.

    Raises:
        DataError: if a line is broken or a number not finite.
    """
    return _points(path, read_bytes(path, most=_MOST_MESH).split(b"\n"))


def read_obj(path):
    """Vertices and polygons of a Wavefront .obj file; -> (V, 3) float64, list of lists of vertices from 0.

    Raises:
        DataError: if a line is broken, a number not finite, or a corner outside.
    """
    lines = read_bytes(path, most=_MOST_MESH).split(b"\n")
    found = _points(path, lines)
    try:
        polygons = [[int(word.split(b"/", 1)[0]) - 1 for word in line[2:].split()] for line in lines if line.startswith(b"f ")]
    except ValueError as error:
        raise DataError(f"{path}: expected polygons as lines 'f 1 2 3' ({str(error)[:60]})") from None
    if not polygons or any(len(polygon) < 3 or min(polygon) < 0 or max(polygon) >= len(found) for polygon in polygons):
        raise DataError(f"{path}: expected polygons of at least 3 corners from 1 to {len(found)}")
    return found, polygons


def _points(path, lines):
    rows = [line[2:] for line in lines if line.startswith(b"v ")]
    try:
        found = np.array(b" ".join(rows).split(), np.float64).reshape(len(rows), -1)
    except ValueError as error:
        raise DataError(f"{path}: expected vertices as lines 'v x y z' ({str(error)[:60]})") from None
    if found.shape[0] == 0 or found.shape[1] not in (3, 4, 6) or not np.isfinite(found).all():
        raise DataError(f"{path}: expected vertices as lines 'v x y z' with finite numbers, found {found.shape}")
    return found[:, :3]
