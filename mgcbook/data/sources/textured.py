"""Scans with their colours: .obj files with a picture laid over them, or with a colour at each vertex.

    v x y z [r g b]     vt u v     f 1/1 2/2 3/3     mtllib scan.mtl -> map_Kd scan.png

A vertex at a seam of the picture is there once for each of its places in it.
"""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mgcbook.data.images import read_image
from mgcbook.data.sources.sample import inside, numbers, read_text
from mgcbook.data.sources.scans import LARGEST, MOST_VERTICES, _checked, read_scan
from mgcbook.errors import DataError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif")


class TexturedScan(NamedTuple):
    """A triangle mesh with colours, from a picture or from its vertices, or without."""

    vertices: np.ndarray
    """(V, 3) float64."""
    triangles: np.ndarray
    """(F, 3) int64."""
    colors: np.ndarray | None = None
    """(V, 3) in [0, 1]."""
    places: np.ndarray | None = None
    """(V, 2) in pixels of `picture`: x right, y down."""
    picture: np.ndarray | None = None
    """(H, W, 3) in [0, 1]."""


def read_textured(path):
    """A scan with the colours that its file has; -> TexturedScan. Other formats than .obj come without colours.

    Raises:
        DataError: naming the file and what is wrong with it.
    """
    path = Path(path)
    if path.suffix.lower() != ".obj":
        return TexturedScan(*read_scan(path))
    rows, places, corners, library = _words(path)
    width = len(rows[0]) if rows else 3
    if width not in (3, 6) or any(len(row) != width for row in rows):
        raise DataError(f"{path}: v: expected three numbers in a line, or six with a colour")
    table = numbers(path, [word for row in rows for word in row], "v").reshape(-1, width)
    uv = numbers(path, [word for row in places for word in row], "vt").reshape(-1, 2)
    corners = np.array(corners, np.int64).reshape(-1, 2)
    has_places = len(uv) and len(corners) and corners[:, 1].min() >= 0
    picture = _picture(path, library) if has_places else None
    pairs = corners if picture is not None else np.stack([corners[:, 0], np.zeros(len(corners), np.int64)], axis=1)
    if len(pairs) and not (pairs[:, 0].max() < len(table) and (picture is None or pairs[:, 1].max() < len(uv))):
        raise DataError(f"{path}: a face names a vertex or a place that does not exist ({len(table)} v, {len(uv)} vt)")
    used, triangles = np.unique(pairs, axis=0, return_inverse=True)
    scan = _checked(path, (table[used[:, 0], :3], triangles.reshape(-1, 3)))
    colors = _colors(path, table[used[:, 0], 3:]) if width == 6 else None
    if picture is None:
        return TexturedScan(*scan, colors)
    height, width = picture.shape[:2]
    return TexturedScan(*scan, colors, (uv[used[:, 1]] * [1, -1] + [0, 1]) * [width, height], picture)


def _words(path):
    """Rows of v and vt, pairs (v, vt) of all corners of triangles counted from 0 (vt -1: none), the name after mtllib."""
    rows, places, corners, library = [], [], [], None
    for line in read_text(path, largest=LARGEST).splitlines():
        words = line.split()
        kind = words[0] if words else ""
        if kind == "v":
            rows.append(words[1:])
        elif kind == "vt":
            places.append((words[1:3] + ["?"] * 2)[:2])
        elif kind == "mtllib" and len(words) > 1:
            library = line.split(None, 1)[1].strip()
        elif kind == "f":
            found = [_corner(path, line, word) for word in words[1:]]
            if len(found) < 3:
                raise DataError(f"{path}: expected at least three corners in a face, found {line[:40]!r}")
            for second, third in pairwise(found[1:]):
                corners += [found[0], second, third]
    return rows, places, corners, library


def _corner(path, line, word):
    try:
        parts = [int(part) if part else 0 for part in word.split("/")[:2]]
    except ValueError:
        parts = [0]
    if not 1 <= parts[0] <= MOST_VERTICES or not 0 <= (parts[1] if len(parts) > 1 else 0) <= MOST_VERTICES:
        raise DataError(f"{path}: expected corners as v or v/vt counted from 1 in a face, found {line[:40]!r}")
    return parts[0] - 1, (parts[1] if len(parts) > 1 else 0) - 1


def _picture(path, library):
    """The picture that the material names, or one beside the scan that has its name; None if there is none."""
    named = []
    if library is not None and (path.parent / library).is_file():
        text = read_text(inside(path.parent, path.parent / library), largest=1_000_000)
        named = [line.split(None, 1)[1].strip() for line in text.splitlines() if line.strip().startswith("map_Kd ")]
    for place in [*(path.parent / name for name in named), *(path.with_suffix(end) for end in PICTURES)]:
        if place.is_file():
            return read_image(inside(path.parent, place))
    return None


def _colors(path, colors):
    if (colors < 0).any() or (colors > 255).any():
        raise DataError(f"{path}: v: expected colours from 0 to 1 or from 0 to 255")
    return colors / 255 if colors.max(initial=0) > 1 else colors
