"""Who finds landmarks: functions, files, names, and a stand-in for the package face-alignment with exactly its interface."""

import enum
import subprocess
import sys
import types

import numpy as np
import pytest
import scipy.io

from mgcbook.data import finders
from mgcbook.data.finders import Finder, is_name, open_finder
from mgcbook.data.landmarks import write_landmarks
from mgcbook.errors import DataError, ResourceError, UsageError

PHOTO = np.linspace(0, 1, 60 * 80 * 3, dtype=np.float32).reshape(60, 80, 3)


@pytest.fixture
def points(rng):
    return rng.uniform(5, 55, (68, 2))


class LandmarksType(enum.IntEnum):
    TWO_D = 1
    TWO_HALF_D = 2
    THREE_D = 3


def install(monkeypatch, faces, *, fails=None):
    """A module face_alignment with the constructor and the method of version 1.5; returns what it was called with."""
    seen = {}

    class FaceAlignment:
        def __init__(self, landmarks_type, network_size=4, device="cuda", dtype=None, flip_input=True, face_detector="sfd",
                     face_detector_kwargs=None, verbose=False, compile=True, max_batch_size=1):  # fmt: skip
            if fails:
                raise fails
            seen.update(type=landmarks_type, device=device, flip=flip_input, compile=compile)

        def get_landmarks_from_image(self, image_or_path, detected_faces=None, return_bboxes=False, return_landmark_score=False):
            seen["image"] = image_or_path
            return faces

    module = types.ModuleType("face_alignment")
    module.FaceAlignment, module.LandmarksType = FaceAlignment, LandmarksType
    monkeypatch.setitem(sys.modules, "face_alignment", module)
    return seen


def test_the_detector_sees_bytes_and_its_whole_pixels_get_their_half_back(monkeypatch, points):
    large = np.floor(points).astype(np.float32)
    seen = install(monkeypatch, [large / 2, large, large / 3])
    find = open_finder("face-alignment")
    np.testing.assert_array_equal(find(PHOTO), large + 0.5)
    assert seen["image"].dtype == np.uint8 and seen["image"].shape == (60, 80, 3)
    assert (seen["type"], seen["device"], seen["flip"], seen["compile"]) == (LandmarksType.TWO_HALF_D, "cpu", False, False)
    open_finder("face-alignment", device="cuda")
    assert seen["device"] == "cuda"


def test_versions_that_do_not_compile_are_not_asked_to(monkeypatch, points):
    install(monkeypatch, [points])

    class Older:
        def __init__(self, landmarks_type, device="cuda", flip_input=False):
            self.get_landmarks_from_image = lambda image: [points]

    monkeypatch.setattr(sys.modules["face_alignment"], "FaceAlignment", Older)
    assert open_finder("face-alignment")(PHOTO).shape == (68, 2)


@pytest.mark.parametrize("faces", [None, []])
def test_no_face_is_said_with_the_name_of_the_photograph(monkeypatch, faces):
    install(monkeypatch, faces)
    with pytest.raises(DataError, match=r"me\.jpg: face-alignment finds no face"):
        open_finder("face-alignment")(PHOTO, "me.jpg")


def test_the_network_says_it_in_its_own_words():
    def find(photo, name):
        raise DataError(f"{name}: no face found")

    with pytest.raises(DataError, match=r"^me\.jpg: no face found"):
        open_finder("network", network=lambda: find)(PHOTO, "me.jpg")


def test_a_detector_that_is_not_there_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    with pytest.raises(UsageError, match=r"pip install 'face-alignment>=1\.4'"):
        open_finder("face-alignment")
    install(monkeypatch, [], fails=OSError("no network"))
    with pytest.raises(ResourceError, match="weights"):
        open_finder("face-alignment")


def test_nothing_is_imported_before_a_detector_is_asked_for():
    code = "import sys, mgcbook.data.finders, mgcbook.cli; assert not {'face_alignment', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_functions_are_checked(points):
    find = open_finder(lambda photo: points)
    np.testing.assert_array_equal(find(PHOTO), points)
    assert open_finder(find) is find
    for bad, message in ((points[:50], r"\(68, 2\)"), (points * 9, "outside the picture"), (np.full((68, 2), np.nan), "finite")):
        with pytest.raises(DataError, match=message):
            Finder(lambda photo, bad=bad: bad, "mine")(PHOTO)


def test_files_belong_to_their_photograph(tmp_path, points):
    write_landmarks(tmp_path / "a.pts", points)
    np.testing.assert_allclose(open_finder(tmp_path / "a.pts")(PHOTO), points, atol=1e-5)
    with pytest.raises(DataError, match="do they belong to another picture"):
        open_finder(tmp_path / "a.pts")(PHOTO[:10, :10])
    with pytest.raises(DataError, match="no such file"):
        open_finder(tmp_path / "b.npy")(PHOTO)


@pytest.mark.parametrize("name, array", [("pt3d_68", (3, 68)), ("pts_3d", (68, 2)), ("pt2d", (2, 68))])
def test_mat_files_count_from_one(tmp_path, points, name, array):
    padded = np.concatenate([points + 0.5, np.ones((68, 1))], axis=1)[:, : min(array)]
    scipy.io.savemat(tmp_path / "a.mat", {name: padded.reshape(array) if array[0] == 68 else padded.T})
    np.testing.assert_allclose(open_finder(tmp_path / "a.mat")(PHOTO), points, atol=1e-9)


def test_a_mat_file_without_landmarks_says_what_it_holds(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"pt2d": np.ones((2, 21))})
    with pytest.raises(DataError, match=r"68 points, found pt2d \(2, 21\)"):
        open_finder(tmp_path / "a.mat")(PHOTO)
    with pytest.raises(DataError, match="name ending in"):
        write_landmarks(tmp_path / "b.mat", np.arange(10).reshape(5, 2))


def test_names_are_a_register(monkeypatch, points):
    monkeypatch.setitem(finders.FINDERS, "mine", lambda device: lambda photo: points)
    assert is_name("mine") and is_name("network") and not is_name("face.pts")
    assert open_finder("mine").name == "mine"
    np.testing.assert_array_equal(open_finder("network", network=lambda: lambda photo, name: points)(PHOTO), points)
    with pytest.raises(UsageError, match=r"network, face-alignment, mine, got 'dlib'"):
        open_finder("dlib")
