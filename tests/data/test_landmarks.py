"""Landmark files: the half pixel of each format, round trips, and damaged files."""

import json
import pickle

import numpy as np
import pytest

from mgcbook.data.landmarks import FLIP_5, FLIP_68, check_landmarks, five_points, flip_landmarks, read_landmarks, write_landmarks
from mgcbook.errors import DataError


@pytest.fixture
def points(rng):
    return np.round(rng.uniform(10, 90, (68, 2)), 3)


@pytest.mark.parametrize("ending", ["pts", "txt", "npy", "json"])
@pytest.mark.parametrize("count", [5, 68])
def test_round_trip(tmp_path, points, ending, count):
    path = tmp_path / f"a.{ending}"
    write_landmarks(path, points[:count])
    np.testing.assert_allclose(read_landmarks(path, image_shape=(100, 100, 3)), points[:count], atol=1e-9)


def test_the_centre_of_the_first_pixel_is_half_a_pixel_in_every_format(tmp_path):
    rows = "1 1\n3 1\n2 2\n1 3\n3 3\n"
    (tmp_path / "one.pts").write_text(f"version: 1\nn_points:  5\n{{\n{rows}}}\n")
    (tmp_path / "zero.txt").write_text(rows.translate(str.maketrans("123", "012")))
    np.save(tmp_path / "zero.npy", np.array([[0, 0], [2, 0], [1, 1], [0, 2], [2, 2]]))
    (tmp_path / "half.json").write_text("[[0.5, 0.5], [2.5, 0.5], [1.5, 1.5], [0.5, 2.5], [2.5, 2.5]]")
    (tmp_path / "named.json").write_text(
        json.dumps({"landmarks": [[1, 1], [3, 1], [2, 2], [1, 3], [3, 3]], "first_pixel_center": 1})
    )
    for name in ("one.pts", "zero.txt", "zero.npy", "half.json", "named.json"):
        np.testing.assert_array_equal(read_landmarks(tmp_path / name)[[0, 4]], [[0.5, 0.5], [2.5, 2.5]], err_msg=name)
    np.testing.assert_array_equal(read_landmarks(tmp_path / "zero.txt", first_pixel=1)[0], [-0.5, -0.5])


@pytest.mark.parametrize(
    "text",
    ["5\n1,2,9\n3,4,9\n5,6,9\n7,8,9\n9,10,9\n", "1\t2\n3\t4\n5\t6\n7\t8\n9\t10", "1 2\r\n3 4\r\n\r\n5 6\r\n7 8\r\n9 10\r\n"],
)
def test_text_with_count_commas_tabs_depth_and_other_line_ends(tmp_path, text):
    (tmp_path / "a.txt").write_bytes(text.encode())
    np.testing.assert_array_equal(read_landmarks(tmp_path / "a.txt"), np.arange(1, 11).reshape(5, 2) + 0.5)


@pytest.mark.parametrize("name, content, message", [
    ("a.pts", b"version: 1\nn_points: 68\n{\n1.0 2.0\n3.0\n}\n", "expected 2 numbers"),
    ("a.pts", b"version: 1\nn_points: 68\n{\n1 2\n3 4\n}\n", "n_points says 68, found 2"),
    ("a.pts", b"version: 1\n1 2\n", "between lines"),
    ("a.txt", b"1 2\n3 4\n5 6\n", r"expected \(5, 2\) or \(68, 2\) points"),
    ("a.txt", b"1 2\n3 4\nfive 6\n7 8\n9 10\n", "'five 6'"),
    ("a.txt", b"1 2\n3 4\nnan 6\n7 8\n9 10\n", r"point 2 \(from 0\) is not finite"),
    ("a.txt", b".1 .2\n.3 .4\n.5 .6\n.7 .8\n.9 .1\n", "within one pixel"),
    ("a.txt", b"1 2\n3 4\n5 6\n7 8\n9 1000\n", r"1 of 5 points lie outside the picture of 100 x 80"),
    ("a.txt", b"\xff\xfe\x00\x01", "expected text"),
    ("a.txt", b"", "got"),
    ("a.txt", b"1 2\n" * 300_000, "1200000 bytes"),
    ("a.npy", b"not numpy", "expected an .npy file"),
    ("a.json", b'{"points": []}', "expected JSON"),
    ("a.json", b"[" * 5000, "expected JSON"),
    ("a.json", b'{"landmarks": [[1, 2], [3]]}', "expected JSON"),
    ("a.dat", b"1 2\n", "ending in"),
    ("none.txt", None, "no such file"),
])  # fmt: skip
def test_damaged_files(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_landmarks(tmp_path / name, image_shape=(80, 100, 3))
    assert str(tmp_path / name) in str(caught.value) and len(str(caught.value)) < 500


def test_python_objects_in_npy_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("the file ran code",)

    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (1,)})
        pickle.dump(Trap(), file)
    with pytest.raises(DataError, match="npy file of numbers"):
        read_landmarks(tmp_path / "a.npy")


def test_write_refuses_what_read_would(tmp_path, points):
    for bad in (points[:7], points * np.nan):
        with pytest.raises(DataError):
            write_landmarks(tmp_path / "a.pts", bad)
    with pytest.raises(DataError, match="ending"):
        write_landmarks(tmp_path / "a.csv", points)
    assert not list(tmp_path.iterdir())


def test_a_point_a_little_outside_is_kept(points):
    points[0] = -20, 120
    np.testing.assert_array_equal(check_landmarks(points, image_shape=(100, 100)), points)


def test_five_points_by_hand():
    points = np.stack([np.arange(68.0), 2 * np.arange(68.0)], axis=-1)
    np.testing.assert_array_equal(five_points(points)[:, 0], [38.5, 44.5, 33, 48, 54])
    np.testing.assert_array_equal(five_points(points[None], nose=30)[0, 2], [30, 60])


@pytest.mark.parametrize("order, fixed", [(FLIP_68, [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]), (FLIP_5, [2])])
def test_flip_twice_changes_nothing_and_the_midline_stays(order, fixed, rng):
    np.testing.assert_array_equal(order[order], np.arange(len(order)))
    np.testing.assert_array_equal(np.flatnonzero(order == np.arange(len(order))), fixed)
    landmarks = rng.uniform(0, 100, (3, len(order), 2))
    np.testing.assert_allclose(flip_landmarks(flip_landmarks(landmarks, 100), 100), landmarks)
    np.testing.assert_allclose(flip_landmarks(landmarks, 100)[:, 0, 0], 100 - landmarks[:, order[0], 0])


def test_real_files(realkit):
    points = read_landmarks(realkit / "ibug" / "image_0010.pts", image_shape=(1024, 1280))
    np.testing.assert_allclose(points[0], [611.284152 - 0.5, 272.773913 - 0.5])
    five = read_landmarks(realkit / "deng_input" / "000002.txt", image_shape=(594, 423))
    np.testing.assert_allclose(five[0], [143.34, 207.68])
    assert read_landmarks(realkit / "fan" / "aflw-test_lm68x3.npy", image_shape=(450, 450)).shape == (68, 2)
    with pytest.raises(DataError, match="expected 2 numbers"):
        read_landmarks(realkit / "hostile" / "bad_count.pts")
    with pytest.raises(DataError, match="npy file of numbers"):
        read_landmarks(realkit / "hostile" / "evil_object.npy")
