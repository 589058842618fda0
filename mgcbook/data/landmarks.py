"""Landmark files: iBUG .pts, plain text, .npy, JSON and MATLAB's .mat, each turned into continuous image coordinates and checked.

68 points in the order of iBUG 300-W, counted from 0: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, mouth 48-67; "right"
names of that order are the subject's right, which is left in the image. Or 5 points: eye left in the image, eye right in the
image, nose tip, mouth corner left, mouth corner right.

Formats differ in what they call the centre of the first pixel: .pts counts from 1, most programs count from 0, and here it
is 0.5 (see face/camera.py). The difference is added on reading.
"""

import json
import tokenize
from pathlib import Path

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.errors import DataError
from mgcbook.files import atomic_write

COUNTS = (5, 68)

FIRST_PIXEL = {".pts": 1.0, ".txt": 0.0, ".npy": 0.0, ".json": 0.5, ".mat": 1.0}
"""Coordinate of the centre of the first pixel by the ending of the file name. A .json of ours says it itself."""

WRITTEN = (".pts", ".txt", ".npy", ".json")
"""Endings of the files that `write_landmarks` writes."""

MAT_NAMES = ("pt3d_68", "pts_3d", "pts", "points", "landmarks", "pts_2d", "pt2d")
"""Variables of a .mat that may hold the points, the first one counts; (n, 2 or 3) or (2 or 3, n)."""

MARGIN = 0.25
"""Landmarks of a face cut off by the picture's edge may lie outside by this part of the picture's larger side."""

MAX_BYTES = 1_000_000

FLIP_68 = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
     54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
)  # fmt: skip
"""The landmark that each one becomes when the picture is mirrored."""

FLIP_5 = np.array([1, 0, 2, 4, 3])


def read_landmarks(path, *, image_shape=None, first_pixel=None):
    """Read 5 or 68 landmarks from .pts, .txt, .npy, .json or .mat; -> (5, 2) or (68, 2) float64, in continuous pixels.

    Text: one point per line, two or three numbers (depth is dropped) apart by spaces, tabs or commas; a first line with the
    count alone is skipped. npy: (5, 2), (68, 2) or with three columns; files that hold Python objects are refused.

    Args:
        image_shape: (height, width, ...) of the photograph, to check that the points lie in it.
        first_pixel: coordinate that the file gives to the centre of the first pixel; None: as usual for the format.
    Raises:
        DataError: naming the file, what was found and what to do.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FIRST_PIXEL:
        raise DataError(f"{path}: expected landmarks in a file ending in {', '.join(FIRST_PIXEL)}")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}: {path.stat().st_size} bytes; a file of 68 landmarks has a few thousand")
        readers = {".pts": _read_pts, ".txt": _read_text, ".npy": _read_npy, ".json": _read_json, ".mat": _read_mat}
        reader = readers[suffix]
        points, own_first_pixel = reader(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    if first_pixel is None:
        first_pixel = FIRST_PIXEL[suffix] if own_first_pixel is None else own_first_pixel
    return check_landmarks(points[:, :2] + (0.5 - first_pixel), image_shape=image_shape, source=str(path))


def check_landmarks(landmarks, *, image_shape=None, counts=COUNTS, source="landmarks"):
    """The same landmarks as float64 if they can be used; (5, 2) or (68, 2) -> the same.

    Args:
        image_shape: (height, width, ...) of the photograph; points may lie outside by a quarter of its larger side.
        counts: allowed numbers of points.
        source: how the message calls them.
    Raises:
        DataError: for a wrong count, numbers that are not finite, points outside, or points that all coincide.
    """
    points = np.asarray(landmarks)
    if points.dtype.kind not in "fiu":
        raise DataError(f"{source}: expected points (x, y) in pixels, got {points.dtype}")
    points = points.astype(np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or points.shape[0] not in counts:
        expected = " or ".join(f"({count}, 2)" for count in counts)
        raise DataError(f"{source}: expected {expected} points (x, y), got {points.shape}")
    if not np.isfinite(points).all():
        raise DataError(f"{source}: point {int(np.argmin(np.isfinite(points).all(1)))} (from 0) is not finite: expected pixels")
    if np.ptp(points, axis=0).max() < 1.0:
        raise DataError(f"{source}: all points lie within one pixel of ({points[0, 0]:.1f}, {points[0, 1]:.1f}); "
                        "expected pixels, are these fractions of the picture?")  # fmt: skip
    if image_shape is not None:
        _check_inside(points, image_shape, source)
    return points


def _check_inside(points, image_shape, source):
    height, width = image_shape[:2]
    slack = MARGIN * max(height, width)
    outside = ((points < -slack) | (points > np.array([width, height]) + slack)).any(axis=1)
    if outside.any():
        first = int(np.argmax(outside))
        x, y = points[first]
        raise DataError(f"{source}: {int(outside.sum())} of {len(points)} points lie outside the picture of {width} x {height} "
                        f"pixels (point {first} at {x:.1f}, {y:.1f}); do they belong to another picture?")  # fmt: skip


# ---------------------------------------------------------------- formats


def _read_pts(path):
    lines = _lines(path)
    if "{" not in lines or "}" not in lines:
        raise DataError(f"{path}: expected the points of a .pts file between lines '{{' and '}}'")
    head, body = lines[: lines.index("{")], lines[lines.index("{") + 1 : lines.index("}")]
    claimed = [line.split(":")[1].strip() for line in head if line.startswith("n_points") and ":" in line]
    points = _numbers(path, body)
    if claimed and claimed[0] != str(len(points)):
        raise DataError(f"{path}: n_points says {claimed[0]}, found {len(points)} points; the file is damaged")
    return points, None


def _read_text(path):
    lines = _lines(path)
    return _numbers(path, lines[1:] if lines and lines[0] in map(str, COUNTS) else lines), None


def _lines(path):
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise DataError(f"{path}: expected text, found other bytes") from None


def _numbers(path, lines):
    rows = []
    for line in lines:
        try:
            row = [float(word) for word in line.replace(",", " ").split()]
        except ValueError:
            raise DataError(f"{path}: expected two numbers in a line, found {line[:40]!r}") from None
        if len(row) not in (2, 3) or (rows and len(row) != len(rows[0])):
            raise DataError(f"{path}: expected {len(rows[0]) if rows else 2} numbers in a line, found {line[:40]!r}")
        rows.append(row)
    return np.array(rows, dtype=np.float64) if rows else np.empty((0, 2))


def _read_npy(path):
    try:
        # Mapped, because then a header that promises more than the file holds is refused before memory is taken for it. Without
        # pickle, because objects inside would run code.
        points = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, SyntaxError, OverflowError, MemoryError, tokenize.TokenError) as error:
        raise DataError(f"{path}: expected an .npy file of numbers ({error})") from error
    if not isinstance(points, np.ndarray) or points.dtype.kind not in "fiu" or points.ndim != 2 or points.shape[1] not in (2, 3):
        raise DataError(f"{path}: expected numbers (5, 2) or (68, 2), found {getattr(points, 'dtype', '?')} {np.shape(points)}")
    return points.astype(np.float64), None


def _read_json(path):
    try:
        content = json.loads("\n".join(_lines(path)))
        points = np.array(content["landmarks"] if isinstance(content, dict) else content, dtype=np.float64)
        first_pixel = content.get("first_pixel_center") if isinstance(content, dict) else None
        first_pixel = None if first_pixel is None else float(first_pixel)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f'{path}: expected JSON {{"landmarks": [[x, y], ...], "first_pixel_center": 0.5}} ({error})') from error
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise DataError(f"{path}: expected landmarks (5, 2) or (68, 2), found {points.shape}")
    return points, first_pixel


def _read_mat(path):
    from mgcbook.data.formats.safe_mat import read_mat

    found = read_mat(path, (), optional=MAT_NAMES)
    for name in (name for name in MAT_NAMES if name in found):
        points = found[name].T if found[name].shape[0] in (2, 3) else found[name]
        if points.ndim == 2 and points.shape[1] in (2, 3) and len(points) in COUNTS:
            return points.astype(np.float64), None
    shapes = ", ".join(f"{name} {array.shape}" for name, array in found.items()) or f"none of {', '.join(MAT_NAMES)}"
    raise DataError(f"{path}: expected 5 or 68 points, found {shapes}")


def write_landmarks(path, landmarks):
    """Write (5, 2) or (68, 2) landmarks as .pts, .txt, .npy or .json, in the convention of the format.

    Raises:
        DataError: for landmarks that `read_landmarks` would refuse, or another ending of the name.
        ResourceError: if the file cannot be written; what was there before stays.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in WRITTEN:
        raise DataError(f"{path}: expected a name ending in {', '.join(WRITTEN)}")
    points = check_landmarks(landmarks) + (FIRST_PIXEL[suffix] - 0.5)
    rows = "".join(f"{x:.6f} {y:.6f}\n" for x, y in points)
    with atomic_write(path) as file:
        if suffix == ".npy":
            np.save(file, points, allow_pickle=False)
        elif suffix == ".pts":
            file.write(f"version: 1\nn_points: {len(points)}\n{{\n{rows}}}\n".encode())
        elif suffix == ".txt":
            file.write(rows.encode())
        else:
            content = {"first_pixel_center": 0.5, "landmarks": np.round(points, 6).tolist()}
            file.write((json.dumps(content) + "\n").encode())


# ---------------------------------------------------------------- sets of points


@check_shapes(landmarks="number ... 68 2")
def five_points(landmarks, *, nose=33):
    """Eyes, nose and mouth corners of 68 landmarks; (..., 68, 2) -> (..., 5, 2).

    Args:
        nose: 33, the base of the nose, as MGCNet aligns faces; 30, its tip, which detectors of five points give.
    """
    eyes = [np.mean(landmarks[..., 36:42, :], axis=-2), np.mean(landmarks[..., 42:48, :], axis=-2)]
    return np.stack([*eyes, landmarks[..., nose, :], landmarks[..., 48, :], landmarks[..., 54, :]], axis=-2)


@check_shapes(landmarks="number ... L 2")
def flip_landmarks(landmarks, width):
    """Landmarks of the mirrored picture: x becomes W - x and left and right change names; (..., 68, 2) or (..., 5, 2)."""
    order = {68: FLIP_68, 5: FLIP_5}[landmarks.shape[-2]]
    return np.stack([width - landmarks[..., order, 0], landmarks[..., order, 1]], axis=-1)
