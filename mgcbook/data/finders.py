"""Who finds the landmarks of a plain photograph: a function, a file, or the name of a detector.

    find = open_finder("face-alignment")     # or a function of your own, or a file with the points of the one photograph
    landmarks = find(photo)                  # (H, W, 3) RGB in [0, 1] -> (68, 2) or (5, 2) continuous pixels

Names: "face-alignment", a package that you may install, "network", the package's own network (see
mgcbook.programs.finding), and whatever is added to FINDERS.
"""

import inspect
import threading
from pathlib import Path

import numpy as np

from mgcbook.data.images import to_uint8
from mgcbook.data.landmarks import FIRST_PIXEL, check_landmarks, read_landmarks
from mgcbook.errors import DataError, ResourceError, UsageError

NETWORK = "network"


class Finder:
    """A function that finds landmarks, its results checked; one photograph at a time, whatever thread it comes from.

    Args:
        find: (H, W, 3) float32 RGB in [0, 1] -> (68, 2) or (5, 2) points x right, y down in pixels, the picture's upper left
            corner at (0, 0) and the middle of its first pixel at (0.5, 0.5); None where there is no face.
        name: in messages and reports.
        told: `find` takes the name of the photograph as well, for messages of its own.
    """

    def __init__(self, find, name, *, told=False):
        self._find, self.name, self._told, self._lock = find, name, told, threading.Lock()

    def __call__(self, photo, source="photograph"):
        """Landmarks of a photograph; (H, W, 3) -> (68, 2) or (5, 2) float64.

        Raises:
            DataError: if no face is found, or if what was found are no landmarks in this picture.
        """
        with self._lock:
            points = self._find(photo, source) if self._told else self._find(photo)
        if points is None:
            raise DataError(f"{source}: {self.name} finds no face; cut it out or turn it upright, or give landmarks in a file")
        return check_landmarks(points, image_shape=photo.shape, source=f"{source}: landmarks by {self.name}")


def is_name(what):
    """Is this the name of a finder, and no file?"""
    return str(what) == NETWORK or str(what) in FINDERS


def open_finder(what, *, device="cpu", network=None):
    """Whatever stands for landmarks as one function; -> Finder.

    Args:
        what: a function (see Finder), a landmark file, or a name: "network" or one of FINDERS.
        device: where a detector computes, "cpu" or "cuda".
        network: called without arguments, it gives the function behind "network", of a photograph and its name.
    Raises:
        UsageError: for an unknown name, or a detector that is not installed; the message says what to install.
    """
    if isinstance(what, Finder):
        return what
    if callable(what):
        return Finder(what, getattr(what, "__name__", "the given function"))
    if str(what) in FINDERS:
        return Finder(FINDERS[str(what)](device), str(what))
    if str(what) == NETWORK and network is not None:
        return Finder(network(), "the network", told=True)
    path = Path(what)
    if path.suffix.lower() not in FIRST_PIXEL:
        raise UsageError(f"landmarks: expected a function, a file ending in {', '.join(FIRST_PIXEL)}, or one of the names "
                         f"{', '.join((NETWORK, *FINDERS))}, got {str(what)!r}")  # fmt: skip
    return Finder(lambda photo: read_landmarks(path, image_shape=photo.shape), str(path))


def face_alignment(device="cpu"):
    """The detector of A. Bulat's package face-alignment, on which MGCNet relies as well; -> function for a Finder.

    Of several faces the largest is taken. Its landmarks are points of the 3D face, as in AFLW2000-3D: the contour does not slide.

    Source: A. Bulat and G. Tzimiropoulos, How far are we from solving the 2D & 3D face alignment problem?, ICCV 2017.
    """
    try:
        import face_alignment as package
    except ImportError as error:
        raise UsageError("landmarks: the detector face-alignment is not installed: pip install 'face-alignment>=1.4' (it brings "
                         f"PyTorch and fetches its weights when first used); or give landmarks in a file ({error})") from error
    options = {"device": device, "flip_input": False}
    if "compile" in inspect.signature(package.FaceAlignment).parameters:
        options["compile"] = False  # compiling takes longer than looking at hundreds of photographs
    try:
        detector = package.FaceAlignment(package.LandmarksType.TWO_HALF_D, **options)
    except OSError as error:
        raise ResourceError(f"landmarks: face-alignment cannot fetch or read its weights ({error})") from error

    def find(photo):
        faces = detector.get_landmarks_from_image(to_uint8(photo)) or ()
        faces = [np.asarray(face, np.float64)[:, :2] for face in faces]
        # Its pixels are continuous ones with the fraction cut off: half a pixel too small on average.
        return max(faces, key=lambda face: np.prod(np.ptp(face, axis=0))) + 0.5 if faces else None

    return find


FINDERS = {"face-alignment": face_alignment}
"""Name -> function of the device that gives a function for a Finder."""
