"""Face boxes: searched, given as numbers, in a file, by a function, and pictures that are cut out already."""

import numpy as np
import pytest

from mgcbook.data import builtin, sample_photo
from mgcbook.data.align import alignment_template
from mgcbook.data.boxes import open_box, whole_picture
from mgcbook.data.detect import FaceBox, crop_from_box, find_face
from mgcbook.errors import DataError, UsageError

PHOTO = np.zeros((100, 200, 3), np.float32)


@pytest.mark.parametrize(
    "name, text",
    [("a.txt", "10 20 70 60"), ("a.csv", "10, 20, 70, 60"), ("a.json", "[10, 20, 70, 60]"), ("b.json", '{"box": [10,20,70,60]}')],
)
def test_four_numbers_are_edges(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    for what in (tmp_path / name, str(tmp_path / name), [10, 20, 70, 60], lambda photo: (10, 20, 70, 60)):
        box = open_box(what)(PHOTO)
        np.testing.assert_array_equal(box.center, [40, 40])
        assert box.size == pytest.approx(np.sqrt(60 * 40)) and box.angle == 0


def test_the_cascade_is_the_default():
    photo = sample_photo.load()
    found, expected = open_box()(photo.image), find_face(photo.image)
    assert found.size == expected.size and (found.center == expected.center).all()


def test_a_picture_that_is_cut_out_already_stays_as_it_is():
    """An aligned picture of any size is laid on itself, but for its middle, which is not the face's."""
    template = alignment_template(builtin.load("light"))
    crop_from_photo = crop_from_box(whole_picture((448, 448, 3)), template)
    assert crop_from_photo.scale == pytest.approx(0.5, rel=0.03) and abs(crop_from_photo.angle) < 1e-9
    assert np.abs(crop_from_photo.apply(np.array([224.0, 224.0])) - 112).max() < 12
    assert open_box("whole")(PHOTO).center.tolist() == [100, 50]


@pytest.mark.parametrize("box, message", [
    ([70, 20, 10, 60], "left < right"), ([10, 20, 70], "left < right"), ([10, 20, np.inf, 60], "left < right"),
    ([900, 20, 990, 60], "mostly outside"), (FaceBox(np.array([-50.0, 0]), 60.0, 0.0), "mostly outside"),
    (lambda photo: None, "no face"),
])  # fmt: skip
def test_what_is_no_box_in_the_picture_is_refused(box, message):
    with pytest.raises(DataError, match=message):
        open_box(box)(PHOTO)


def test_files_that_hold_no_box(tmp_path):
    for name, content in (("a.txt", b"1 2 three 4"), ("b.txt", b"1 2 3"), ("a.json", b'{"size": 3}'), ("c.txt", b"\xff\xfe\x00")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="four numbers"):
            open_box(tmp_path / name)
    with pytest.raises(DataError, match="no such file"):
        open_box(tmp_path / "none.txt")
    with pytest.raises(UsageError, match="cascade, whole"):
        open_box("retina")
