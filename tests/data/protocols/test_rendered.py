"""Scans as photographs: colours from pictures and vertices, poses with the right signs, landmarks where they are seen."""

import numpy as np
import pytest

from mgcbook.data import builtin
from mgcbook.data.images import write_image
from mgcbook.data.protocols.rendered import BACKGROUND, PITCHES, YAWS, Pose, photograph_scan, poses
from mgcbook.data.protocols.scan import FIVE
from mgcbook.data.sources.textured import TexturedScan, read_textured
from mgcbook.errors import DataError

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nf 1/1 2/2 3/3 4/4\n"


@pytest.fixture(scope="module")
def model():
    return builtin.load("light")


@pytest.fixture(scope="module")
def scan(model):
    """The mean face, white, with a red spot of 4 mm on the tip of the nose, lying somewhere else in space."""
    vertices = model.mean.astype(float)
    spot = np.linalg.norm(vertices - vertices[model.landmark_vertices[30]], axis=1) < 4
    colors = np.where(spot[:, None], [1.0, 0, 0], 1.0)
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    move = lambda points: points @ turn.T + [70.0, -30, 500]
    return TexturedScan(move(vertices), model.triangles.astype(int), colors), move(vertices[model.landmark_vertices])


def test_there_are_twenty_poses(rng):
    found = poses(rng)
    assert len(found) == 20 and {(pose.pitch, pose.yaw) for pose in found[:15]} == {(a, b) for a in PITCHES for b in YAWS}
    assert [pose.kind for pose in found].count("yaw 60") == 6 and all(abs(pose.yaw) <= 80 for pose in found[15:])
    assert poses(np.random.default_rng(4)) == poses(np.random.default_rng(4)) != poses(np.random.default_rng(5))


def middle_of_red(picture):
    rows, columns = np.nonzero((picture[..., 0] > 0.9) & (picture[..., 1] < 0.2))
    return np.array([columns.mean(), rows.mean()]) + 0.5


TURNS = [(0, 0, (0, 0)), (0, 40, (-1, 0)), (0, -40, (1, 0)), (25, 0, (0, -1)), (-15, 0, (0, 1))]


@pytest.mark.parametrize("pitch, yaw, moves", TURNS)
def test_the_nose_goes_where_the_pose_says_and_landmarks_go_along(model, scan, pitch, yaw, moves):
    """Yaw above 0 turns it to the picture's left, pitch above 0 up; the red spot is where landmark 30 is said to be."""
    picture, landmarks = photograph_scan(*scan, model, Pose(pitch, yaw, ""))
    assert picture.shape == (320, 320, 3) and picture.dtype == np.float32 and (picture[0] == BACKGROUND).all()
    assert np.linalg.norm(middle_of_red(picture) - landmarks[30]) < 3
    from_front = photograph_scan(*scan, model, Pose(0, 0, ""))[1][30]
    moved = landmarks[30] - from_front
    for axis in range(2):
        assert (abs(moved[axis]) < 3) if moves[axis] == 0 else moved[axis] * moves[axis] > 8
    assert ((landmarks > 20) & (landmarks < 300)).all(), "the head is in the picture"


def test_five_landmarks_are_enough(model, scan):
    textured, points = scan
    _, exact = photograph_scan(textured, points, model, Pose(0, 60, ""))
    _, found = photograph_scan(textured, points[list(FIVE)], model, Pose(0, 60, ""))
    np.testing.assert_allclose(found, exact, atol=1e-3)
    with pytest.raises(DataError, match="68 or 5 landmarks"):
        photograph_scan(textured, points[:7], model, Pose(0, 0, ""))
    with pytest.raises(DataError, match="unit mm"):
        photograph_scan(textured._replace(vertices=textured.vertices / 1000), points / 1000, model, Pose(0, 0, ""))


def test_a_picture_lies_on_the_scan_as_it_says(tmp_path, model, scan):
    """Upper left of the picture is red: v counts up, rows count down."""
    picture = np.zeros((16, 32, 3))
    picture[:8, :16] = [1, 0, 0]
    (tmp_path / "a.obj").write_text("mtllib my scan.mtl\n" + SQUARE)
    (tmp_path / "my scan.mtl").write_text("newmtl m\nmap_Kd the picture.png\n")
    write_image(tmp_path / "the picture.png", picture)
    found = read_textured(tmp_path / "a.obj")
    assert found.picture.shape == (16, 32, 3) and found.colors is None and len(found.triangles) == 2
    corner = np.flatnonzero((found.vertices == [0, 1, 0]).all(axis=1))[0]
    np.testing.assert_array_equal(found.places[corner], [0, 0])
    textured, points = scan
    places = np.tile(found.places[corner] + [2, 2], (len(textured.vertices), 1))
    image, _ = photograph_scan(textured._replace(places=places, picture=found.picture), points, model, Pose(0, 0, ""))
    assert (image[160, 160] == [1, 0, 0]).all(), "the picture comes before the colours of the vertices"


def test_a_seam_has_two_places_for_one_vertex(tmp_path):
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nf 1/1 2/2 3/3\nf 1/2 3/1 4/3\n")
    write_image(tmp_path / "a.png", np.zeros((16, 16, 3)))
    found = read_textured(tmp_path / "a.obj")
    assert len(found.vertices) == 6 and len(np.unique(found.vertices, axis=0)) == 4


def test_colors_of_vertices_and_none(tmp_path):
    (tmp_path / "a.obj").write_text("v 0 0 0 255 0 51\nv 1 0 0 0 0 0\nv 1 1 0 255 255 255\nf 1 2 3\n")
    np.testing.assert_allclose(read_textured(tmp_path / "a.obj").colors[0], [1, 0, 0.2])
    (tmp_path / "b.obj").write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1//1 2//1 3//1\n")
    found = read_textured(tmp_path / "b.obj")
    assert found.colors is None and found.picture is None and found.triangles.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("text, message", [
    ("v 0 0 0 9\n" * 3 + "f 1 2 3\n", "three numbers in a line"),
    ("v 0 0 0 -1 0 0\nv 1 0 0 0 0 0\nv 0 1 0 0 0 0\nf 1 2 3\n", "colours"),
    ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "does not exist"), ("v 0 0 0\nf 0 1 1\n", "counted from 1"),
    ("v 0 0 0\nf 1/x 1 1\n", "counted from 1"), ("v 0 0 0\nf 1 1\n", "three corners"), ("# nothing", "0 vertices"),
    (SQUARE.replace("1/1 ", "1/9 "), "does not exist"), ("mtllib ../secret.mtl\n" + SQUARE, "leads out of"),
])  # fmt: skip
def test_broken_scans_are_refused(tmp_path, text, message):
    folder = tmp_path / "set"
    folder.mkdir()
    (tmp_path / "secret.mtl").write_text("map_Kd a.png\n")
    (folder / "a.obj").write_text(text)
    write_image(folder / "a.png", np.zeros((16, 16, 3)))
    with pytest.raises(DataError, match=message):
        read_textured(folder / "a.obj")
