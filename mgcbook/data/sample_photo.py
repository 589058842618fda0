"""The photograph that comes along: astronaut Eileen Collins, NASA, public domain, as scikit-image ships it, with 68 landmarks.

The landmarks were set by hand for this package on enlargements of the face, in the "3D" manner: the jaw follows the edge of the
face to the ears, under the hair too (points 0, 15 and 16 are hidden), and the eyes follow the lid margins. Looked at again at
19-fold enlargement they sit within about one pixel; the box around them is 92 x 91 pixels, so that is 1 % of it.
"""

import hashlib
import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mgcbook.data.images import read_image
from mgcbook.data.landmarks import read_landmarks
from mgcbook.errors import DataError

PIXELS_SHA256 = "a8c429c18afa7b0fd5673e598d73a21225d94c864a71bbb3885126fdecb41071"
"""Of the 512 x 512 x 3 bytes: the landmarks belong to exactly these."""


class Photo(NamedTuple):
    """A photograph with its landmarks."""

    image: np.ndarray
    """(H, W, 3) float32 in [0, 1]."""
    landmarks: np.ndarray
    """(68, 2) float64 in continuous pixels, iBUG 300-W order."""
    name: str


def load():
    """The sample photograph: image (512, 512, 3), landmarks (68, 2). It lies in scikit-image's folder; nothing is downloaded.

    Raises:
        DataError: if scikit-image is missing or holds another picture under that name.
    """
    package = importlib.util.find_spec("skimage")  # found, not imported: the picture is all that is needed of it
    if package is None or package.origin is None:
        raise DataError("sample photograph: it comes with scikit-image, which is not installed; pip install scikit-image")
    image = read_image(Path(package.origin).parent / "data" / "astronaut.png")
    if hashlib.sha256(np.round(image * 255).astype(np.uint8).tobytes()).hexdigest() != PIXELS_SHA256:
        raise DataError("sample photograph: scikit-image holds another picture than the one the landmarks were set on; "
                        "expected its astronaut.png of 512 x 512 pixels: pip install --force-reinstall scikit-image")  # fmt: skip
    landmarks = read_landmarks(Path(__file__).with_name("astronaut_68.pts"), image_shape=image.shape)
    return Photo(image, landmarks, "astronaut")
