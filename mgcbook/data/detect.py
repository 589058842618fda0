"""Where is the face? A box from scikit-image's cascade, and the rough similarity that lets a network look at it.

A cascade of local binary patterns (Viola and Jones 2001; Liao et al. 2007) finds faces that look at the camera, upright or tilted
up to some 25 degrees. It needs no download and under a second; it finds no profiles, and now and then a face where there is
none. Whoever has landmarks should give them instead.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.data.align import Similarity, fit_similarity, warp_image
from mgcbook.data.images import resize
from mgcbook.data.landmarks import five_points
from mgcbook.data.skin import skin_weight
from mgcbook.errors import DataError

SIDE = 480
"""Pictures are shrunk to this many pixels before the search: faces fill a good part of a portrait, and time grows with area."""

SMALLEST = 40
"""Pixels of the shrunk picture; boxes smaller than this are mostly no faces."""

TILTS = (0.0, -0.4, 0.4)
"""Angles of faces that are looked for, in radians."""

UPRIGHT_BONUS = 1.2
"""An upright box wins against a tilted one that is larger by less than this."""

BOX_SIZE, BOX_UP = 2.5, 0.26
"""A box is this many eye distances wide; its middle lies this many above the middle of eyes, nose and mouth corners.
Medians over 30 photographs with known landmarks."""


class FaceBox(NamedTuple):
    """A square around a face."""

    center: np.ndarray
    """(2,) in continuous pixels of the photograph."""
    size: float
    """Side in pixels."""
    angle: float
    """Turn of the face in radians, clockwise on the screen."""

    @property
    def corners(self):
        """(4, 2): top left, top right, bottom right, bottom left as the face sees itself upright."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        square = self.size / 2 * np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
        return square @ np.array([[c, s], [-s, c]]) + self.center


@check_shapes(image="H W 3")
def find_faces(image):
    """All faces that the cascade finds, the likeliest first: large, and with the colour of skin; (H, W, 3) -> list of FaceBox."""
    found = [pair for tilt in TILTS for pair in _faces_tilted(image, tilt)]
    return [box for _, box in sorted(found, key=lambda pair: pair[0], reverse=True)]


@check_shapes(image="H W 3")
def find_face(image, *, source="picture"):
    """The face that is most likely meant; (H, W, 3) in [0, 1] -> FaceBox.

    Args:
        source: how the message calls the picture.
    Raises:
        DataError: if no face is found; the message says what helps.
    """
    boxes = find_faces(image)
    if not boxes:
        height, width = image.shape[:2]
        raise DataError(
            f"{source}: no face found in {width} x {height} pixels; expected one that looks at the camera and fills at least "
            "a tenth of the picture; cut it out or turn it upright, or give 5 or 68 landmarks in a file (--landmarks)"
        )
    return boxes[0]


@check_shapes(template="number 68 2")
def crop_from_box(box, template):
    """crop_from_photo that puts a box where boxes lie around the mean face; FaceBox, template (68, 2) -> Similarity.

    Good to some 10 % of the face: enough for a network to look, whose own landmarks then align it properly.
    """
    five = five_points(template)
    eyes = np.linalg.norm(five[1] - five[0])
    middle = five.mean(axis=0) - np.array([0.0, BOX_UP * eyes])
    return fit_similarity(box.corners, FaceBox(middle, BOX_SIZE * eyes, 0.0).corners)


def _faces_tilted(image, tilt):
    """Faces at one angle, as pairs (likelihood, FaceBox): the picture is shrunk and turned back by it, then searched."""
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    small = resize(image, max(round(height * scale), 1), max(round(width * scale), 1)) if scale < 1 else image
    c, s = np.cos(-tilt), np.sin(-tilt)
    turn, middle = np.array([[c, -s], [s, c]]), np.array(small.shape[1::-1]) / 2
    turned_from_small = Similarity(turn, middle - turn @ middle)
    small = warp_image(small, turned_from_small, *small.shape[:2])[0] if tilt else small
    found = _cascade().detect_multi_scale(
        np.ascontiguousarray(small, dtype=np.float64), scale_factor=1.1, step_ratio=1, min_neighbor_number=4,
        min_size=(SMALLEST, SMALLEST), max_size=small.shape[:2],
    )  # fmt: skip
    pairs = []
    for square in found:
        row, column, size = square["r"], square["c"], square["width"]
        center = turned_from_small.inverse().apply(np.array([column + size / 2, row + size / 2]))
        # Curtains and flags are large, too, but hold no skin; 0.2: a colour cast hides skin, and must not make all equal.
        step = max(size // 32, 1)
        inner = slice(row + size // 4, row + 3 * size // 4, step), slice(column + size // 4, column + 3 * size // 4, step)
        share = skin_weight(small[inner]).mean()
        likelihood = size * (0.2 + share) * (UPRIGHT_BONUS if tilt == 0 else 1)
        pairs.append((likelihood, FaceBox(center / scale, size / scale, tilt)))
    return pairs


@functools.cache
def _cascade():
    import skimage
    from skimage.feature import Cascade

    path = Path(skimage.__file__).with_name("data") / "lbpcascade_frontalface_opencv.xml"
    if not path.is_file():  # the function that knows better first imports all that a download needs
        import skimage.data

        path = skimage.data.lbp_frontal_face_cascade_filename()
    return Cascade(str(path))
