"""What chapters 12 and 14 show of the study: Markdown and figures where there are numbers, one line where there are none."""

import numpy as np
import pytest

from mgcbook.book.picture import Picture
from mgcbook.book.sketches import study
from mgcbook.programs.study_settings import BASELINE, FULL


def test_what_is_missing_is_said_in_one_line():
    for part in ("benchmark", "ablation", "photographs", "fits"):
        text = study.shown({}, part, lambda numbers: pytest.fail("drawn")).data
        assert text == f"*Not measured yet; `mgcbook study {part}` does it.*"


def test_text_lists_and_pictures():
    results = {"fits": {"x": 3}}
    assert study.shown(results, "fits", lambda numbers: f"| {numbers['x']} |").data == "| 3 |"
    assert study.shown(results, "fits", lambda numbers: ["a", "b"]).data == "- a\n- b"
    picture = Picture(1, 1)
    assert study.shown(results, "fits", lambda numbers: picture) is picture


def test_the_curves_are_means_over_seeds():
    """Two bins of yaw, two seeds: 1 and 3 mm are 2 mm."""
    yaw = [0.0] * 3 + [20.0] * 3
    run = lambda row, seed, low, high: {
        "row": row, "seed": seed, "sets": {"in-domain": {"pictures": {"plane_mm": [low] * 3 + [high] * 3}}}}  # fmt: skip
    content = {
        "mean_face": {"in-domain": {"pictures": {"plane_mm": [5.0] * 6, "yaw_degrees": yaw}}},
        "runs": [run(BASELINE, 0, 1.0, 2.0), run(BASELINE, 1, 3.0, 4.0), run(FULL, 0, 0.5, 0.6)],
    }
    axes = study.by_yaw(content).axes[0]
    known = [line.get_ydata()[np.isfinite(line.get_ydata())].tolist() for line in axes.get_lines()]
    assert all(expected in known for expected in ([2.0, 3.0], [0.5, 0.6], [5.0, 5.0]))


def test_faces_are_means_over_their_views():
    entry = {"faces": 2, "pictures": {"a": [1, 2, 3, 4, None, 6]}, "pictures_of_mean_face": {"a": [2, 2, 2, 3, 3, 3]}}
    ours, nothing = study.by_person(entry, "a")
    assert ours.tolist() == [2.0, 5.0] and nothing.tolist() == [2.0, 3.0]


def test_no_examples_no_picture():
    content = {"examples": {}, "runs": []}
    assert "No examples" in study.shown({"ablation": content}, "ablation", study.looks).data
