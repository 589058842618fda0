"""AFLW2000-3D: the landmark error by hand, the ends of the bins, and the numbers that the real labels must give."""

import json

import numpy as np
import pytest

from mgcbook.data.protocols.landmarks import bin_of, landmark_error
from mgcbook.errors import DataError


def box(width, height):
    """68 points whose box is width x height."""
    points = np.tile([[width / 2, height / 2]], (68, 1))
    points[0], points[1] = (0, 0), (width, height)
    return points


def test_error_is_that_computed_by_hand():
    truth = np.stack([box(100, 100), box(200, 50), box(100, 100), box(90, 40)])
    predicted = truth + np.array([[3.0, 4.0]])  # 5 pixels everywhere
    found = landmark_error(predicted, truth, [0, -31, 45, 80])
    np.testing.assert_allclose(found.each, [5, 5, 5, 100 * 5 / 60])
    np.testing.assert_allclose(found.bins, [5, 5, 100 * 5 / 60])
    np.testing.assert_array_equal(found.counts, [1, 2, 1])
    assert found.mean == pytest.approx((5 + 5 + 100 * 5 / 60) / 3)
    assert found.deviation == pytest.approx(np.std([5, 5, 100 * 5 / 60]))


def test_ends_belong_to_the_bin_below_and_angles_are_not_wrapped():
    np.testing.assert_array_equal(bin_of([0, 30, -30, 30.001, 60, 60.001, -103, 351]), [0, 0, 0, 1, 1, 2, 2, 2])


def test_a_bin_without_pictures_does_not_count():
    found = landmark_error(box(100, 100)[None] + 1, box(100, 100)[None], [10])
    assert np.isnan(found.bins[1:]).all() and found.mean == pytest.approx(np.sqrt(2)) and found.deviation == 0


def test_shapes_and_numbers_are_checked():
    with pytest.raises(DataError, match="expected"):
        landmark_error(np.zeros((2, 68, 2)), np.zeros((1, 68, 2)), [0])
    with pytest.raises(DataError, match="predicted: item 1"):
        landmark_error(np.stack([box(9, 9), box(9, 9) * np.nan]), np.stack([box(9, 9)] * 2), [0, 0])


@pytest.mark.parametrize(("name", "yaw"), [("pose", "yaw_pose_deg"), ("newpose", "yaw_abs_new_deg")])
def test_labels_of_two_annotators_differ_as_published(realkit, name, yaw):
    expected = json.loads((realkit / "aflw2000_gt" / "expected_nme.json").read_text())["expected"]
    labels = np.load(realkit / "aflw2000_gt" / "aflw2000_gt.npz", allow_pickle=False)
    again, truth = labels["pts68_reannotated"].swapaxes(1, 2), labels["pts68"][:, :2].swapaxes(1, 2)
    found = landmark_error(again, truth, labels[yaw])
    np.testing.assert_array_equal(found.counts, expected[name]["counts"])
    np.testing.assert_allclose(found.bins, expected[name]["nme"], atol=1e-3)
    assert found.mean == pytest.approx(expected[name]["mean_of_bins"], abs=1e-3)
    assert found.deviation == pytest.approx(expected[name]["std_of_bins"], abs=1e-3)
    assert found.each.mean() == pytest.approx(expected["mean_all"], abs=1e-3)
