"""Where the face is, for a network that has no landmarks to begin with: searched, given, or taken to fill the picture.

    box_of = open_box("whole")               # or "cascade", a file, four numbers, or a detector of your own
    box = box_of(photo)                      # (H, W, 3) -> FaceBox

A box is weaker than landmarks: it says where to look, not how the face is turned.
"""

import json
from pathlib import Path

import numpy as np

from mgcbook.data.detect import BOX_SIZE, FaceBox, find_face
from mgcbook.data.formats.safe_file import read_bytes
from mgcbook.errors import DataError, UsageError

CASCADE, WHOLE = "cascade", "whole"
EYES = 54 / 224
"""Distance of the eyes in an aligned picture, part of its width."""
LEFT_OVER = 0.5
"""At least this part of a box has to lie in the picture."""


def open_box(what=CASCADE):
    """Whatever stands for a face box as one function; -> function (photo (H, W, 3), source="picture") -> FaceBox.

    Args:
        what: "cascade" searches a face (`find_face`); "whole": the picture is cut out around the face already; a file with
            the four numbers left, top, right and bottom in pixels (text, or JSON [..] or {"box": [..]}); these numbers
            themselves; a FaceBox; or a function of the photograph that gives one of the last two.
    Raises:
        UsageError: for anything else.
        DataError: for a file that holds no box; the function raises it for a box outside the picture.
    """
    if callable(what):
        return lambda photo, source="picture": _checked(what(photo), photo, source)
    if isinstance(what, FaceBox) or not isinstance(what, str | Path):
        return lambda photo, source="picture": _checked(what, photo, source)
    if str(what) == CASCADE:
        return lambda photo, source="picture": find_face(photo, source=source)
    if str(what) == WHOLE:
        return lambda photo, source="picture": whole_picture(photo.shape)
    if not Path(what).suffix:
        raise UsageError(f"box: expected {CASCADE}, {WHOLE}, or a file with left, top, right and bottom, got {str(what)!r}")
    numbers = read_box(what)
    return lambda photo, source="picture": _checked(numbers, photo, str(what))


def whole_picture(shape):
    """The box of a face that lies in its picture as aligned faces do; (H, W, ...) -> FaceBox."""
    height, width = shape[:2]
    return FaceBox(np.array([width / 2, height / 2]), BOX_SIZE * EYES * min(height, width), 0.0)


def read_box(path):
    """The four numbers of a file, left, top, right, bottom in pixels; -> (4,) float64.

    Raises:
        DataError: naming the file and what was expected.
    """
    content = read_bytes(path, most=10_000)
    try:
        text = content.decode("utf-8-sig")
        if Path(path).suffix.lower() == ".json":
            numbers = json.loads(text)
            numbers = numbers["box"] if isinstance(numbers, dict) else numbers
        else:
            numbers = [float(word) for word in text.replace(",", " ").split()]
        numbers = np.array(numbers, np.float64)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: expected four numbers, left, top, right and bottom in pixels ({str(error)[:80]})") from error
    if numbers.shape != (4,):
        raise DataError(f"{path}: expected four numbers, left, top, right and bottom in pixels, found {numbers.shape}")
    return numbers


def _checked(box, photo, source):
    """A FaceBox from a FaceBox or (4,) edges, if it is a box in the picture."""
    height, width = photo.shape[:2]
    if box is None:
        raise DataError(f"{source}: no face found")
    if not isinstance(box, FaceBox):
        edges = np.asarray(box, np.float64)
        if edges.shape != (4,) or not np.isfinite(edges).all() or not (edges[2:] > edges[:2]).all():
            raise DataError(f"{source}: box: expected left < right and top < bottom in pixels, got {box!r}")
        box = FaceBox((edges[:2] + edges[2:]) / 2, float(np.sqrt(np.prod(edges[2:] - edges[:2]))), 0.0)
    low, high = box.center - box.size / 2, box.center + box.size / 2
    inside = np.clip(np.minimum(high, [width, height]) - np.maximum(low, 0), 0, None)
    if np.prod(inside) < LEFT_OVER * box.size**2:
        raise DataError(f"{source}: box: lies mostly outside the picture of {width} x {height} pixels; pixels are expected")
    return box
