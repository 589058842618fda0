"""Drawing: colours, dots where the landmarks are, sheets."""

import numpy as np
import pytest

from mgcbook.programs.canvas import CONTOURS, FOUND, colormap, draw_landmarks, labelled, scale_bar, sheet, text


def test_colormap_has_viridis_ends_and_rises_in_brightness():
    colors = colormap(np.linspace(0, 1, 50))
    np.testing.assert_allclose(255 * colors[[0, -1]], [[68, 1, 84], [253, 231, 37]], atol=1e-9)
    assert np.all(np.diff(colors @ [0.2126, 0.7152, 0.0722]) > 0)
    np.testing.assert_array_equal(colormap([-3.0, 9.0]), colormap([0.0, 1.0]))
    assert colormap(np.zeros((2, 3))).shape == (2, 3, 3)


def test_a_dot_is_centred_on_its_landmark():
    white = np.full((40, 50, 3), 255, np.uint8)
    drawn = draw_landmarks(white, np.array([[30.5, 12.0]]), radius=3)
    ink = 255.0 - drawn[:, :, 2]
    y, x = np.mgrid[0:40, 0:50] + 0.5
    assert np.sum(x * ink) / ink.sum() == pytest.approx(30.5, abs=0.2)
    assert np.sum(y * ink) / ink.sum() == pytest.approx(12.0, abs=0.2)
    assert tuple(drawn[11, 30]) == FOUND
    assert white.min() == 255  # what was given is unchanged


def test_contours_join_the_68(rng):
    assert sorted(i for run, _ in CONTOURS.values() for i in run) == list(range(68))
    white = np.full((60, 60, 3), 255, np.uint8)
    points = np.stack([np.linspace(5, 55, 68), np.full(68, 30.0)], axis=-1)
    points[:17, 0] = np.linspace(5, 55, 17)
    assert np.all(draw_landmarks(white, points, radius=0.5)[29:31, 6:54].min(axis=(0, 2)) < 250)  # no hole along the jaw
    outside = draw_landmarks(white, points + 1000)
    np.testing.assert_array_equal(outside, white)


def test_text_and_labels():
    assert text("wide enough").shape[1] > text("wide").shape[1]
    assert text("yaw +20°").min() < 100
    picture = np.full((30, 60, 3), 200, np.uint8)
    with_label = labelled(picture, "a title that is longer than its picture")
    assert with_label.shape[1] == 60
    np.testing.assert_array_equal(with_label[-30:], picture)


def test_sheet_places_pictures_of_different_size():
    grey, dark = np.full((10, 20, 3), 100, np.uint8), np.full((30, 5, 3), 10, np.uint8)
    plain = sheet([grey, dark, grey], columns=2, gap=4)
    assert plain.shape == (4 + 30 + 4 + 10 + 4, 4 + 20 + 4 + 5 + 4, 3)
    assert plain[5, 5, 0] == 100 and plain[30, 5, 0] == 255 and plain[30, 29, 0] == 10 and plain[40, 5, 0] == 100
    assert sheet([grey], ["name"]).shape[0] > sheet([grey]).shape[0] == sheet([grey], [""]).shape[0]
    for pictures, titles in [([], None), ([grey], ["a", "b"])]:
        with pytest.raises(ValueError, match="title"):
            sheet(pictures, titles)


def test_scale_bar_fits_its_width():
    bar = scale_bar("0 mm", "100 mm", width=80)
    assert bar.shape[1] == 80 and tuple(bar[0, 0]) == (68, 1, 84) and tuple(bar[0, -1]) == (253, 231, 37)
