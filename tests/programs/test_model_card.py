"""The model card: what the file with the weights says, what was measured of these weights and no others, and whose skin."""

import datetime
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage.color import lab2rgb

from mgcbook.programs import study, study_report
from mgcbook.programs.config import PRESETS
from mgcbook.programs.model_card import EARLIER, NAME, STAGES, model_card
from mgcbook.programs.study_files import RESULTS, fingerprint
from mgcbook.programs.study_report import load_results, run_report
from mgcbook.programs.study_skin import TONES, skin_tones, typology_angle
from mgcbook.programs.trained import shipped_weights
from tests.programs.test_study_report import benchmark_numbers
from tests.programs.toy import packed

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A packed network of the recipe's last stage, but small."""
    config = replace(PRESETS[STAGES[-1]], image_size=32, depth=10, width=4, seed=7)
    return packed(tmp_path_factory.mktemp("weights") / "network.safetensors", config)


def numbers_of(weights):
    content = benchmark_numbers(3.0)
    content["weights"]["sha256"] = fingerprint(weights)
    return content


def photographs_of(weights):
    numbers = [1.0, 2.0, 9.0, 4.0]
    return {"date": "2026-01-02", "protocol": "From a box.", "count": 3, "skipped": [{"item": "d"}], "yaw_degrees": [3, -80, 61],
            "methods": {"alone": {"numbers": numbers, "each": [1.0, 12.0, 11.0]}, "fit": {"numbers": numbers, "each": [1, 2, 3]}},
            "weights": {"file": "w", "sha256": fingerprint(weights), "step": 1}}  # fmt: skip


def test_the_card_of_the_shipped_weights_is_current():
    if shipped_weights() is None:
        pytest.skip("no weights come with this checkout")
    card = shipped_weights().with_name(NAME).read_text(encoding="utf-8")
    assert card == model_card(shipped_weights(), load_results(ROOT / RESULTS)), "mgcbook study report"


def test_it_says_what_the_file_says(weights):
    card = model_card(weights, {})
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    assert hashlib.sha256(weights.read_bytes()).hexdigest() in card and f"| date | {today} |" in card
    assert "ResNet-10 of 4 channels" in card and "32 x 32 pixels" in card and "257 numbers" in card
    assert "MIT" in card and "Not for recognising" in card and "`make weights`" in card
    assert "not measured yet" in card


def test_it_gives_all_stages_and_what_differs_from_the_preset(weights):
    card = model_card(weights, {})
    first, middle, last = (PRESETS[name] for name in STAGES)
    assert "| setting | `portable-start` | `portable-middle` | `portable` |" in card
    assert f"| steps | {first.steps} | {middle.steps} | 5 of {last.steps} |" in card
    assert f"| seed | {first.seed} | {middle.seed} | 7 |" in card
    assert f"| augmentation | {first.augmentation} | {middle.augmentation} | {last.augmentation} |" in card
    assert "depth 10 instead of 18" in card and "batch" not in card.split("Other than")[1].split("\n")[0]
    assert len({stage.seed for stage in (first, middle, last)}) == 3  # other faces in each, as the sum of `triples` tells


def test_it_gives_as_many_stages_as_the_file_says(tmp_path):
    """What is told is told of the file, not of the presets of today."""
    small = replace(PRESETS["portable"], image_size=32, depth=10, width=4)
    for pretrained, columns, told in (
        ("runs/portable-start", "| `portable-start` | `portable` |", "a training has the same bits."),
        ("", "| `portable` |", "a training has the same bits."),
        ("runs/portable", "| `portable` |", "pretrained 'runs/portable' instead of 'runs/portable-middle'"),
    ):
        card = model_card(packed(tmp_path / "network.safetensors", replace(small, pretrained=pretrained)), {})
        assert f"| setting {columns}\n" in card and told in card


def test_it_tells_of_known_weights_what_would_not_repeat(weights, monkeypatch):
    monkeypatch.setitem(EARLIER, fingerprint(weights), "its first stage was another")
    assert "a training has the same bits; its first stage was another." in model_card(weights, {})


def test_make_weights_trains_the_stages_one_after_the_other():
    target = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nweights:")[1].split("\nlint:")[0]
    lines = [line.split("-m mgcbook ")[1] for line in target.splitlines() if "-m mgcbook" in line]
    trained = [f"train --preset {name} --run runs/{name} $(ARGS)" for name in STAGES]
    assert lines == [*trained, f"pack runs/{STAGES[-1]} mgcbook/weights/network.safetensors", "study report --no-figures"]
    begin = ["", *(f"runs/{name}" for name in STAGES[:-1])]  # nobody else's weights, as the card says
    assert [PRESETS[name].pretrained for name in STAGES] == begin


def test_numbers_of_other_weights_are_left_out(weights):
    results = {"benchmark": numbers_of(weights), "photographs": photographs_of(weights)}
    card = model_card(weights, results)
    assert "| in-domain, 9 faces | 3.00 / 4.00 (-25 %)" in card and "| **alone**, here | 1.00 | 2.00 | 9.00 | 4.00 |" in card
    for part in results:
        results[part]["weights"]["sha256"] = "another"
    card = model_card(weights, results)
    assert "3.00 / 4.00" not in card and "here |" not in card and "not measured yet" in card


def test_limits_follow_from_the_numbers(weights):
    content = numbers_of(weights)
    content["sets"]["in-domain"]["summary"]["vertex_scaled_mm"] = 2.4
    content["skin"] = {"faces": 50, "shares": {"light": 0.9, "tan": 0.08, "dark": 0.02}}
    card = model_card(weights, {"benchmark": content, "photographs": photographs_of(weights)})
    assert "in-domain (3.00 mm), 20 % go when the size is given" in card
    assert "Skin of 50 made-up faces" in card and "light 90 %, tan 8 %, dark 2 %. Rare: dark;" in card
    assert "alone: 2 of 3 photographs have an error above 10 %, at yaws of 61, 80 degrees." in card
    assert "fit: 0 of 3 photographs have an error above 10 %." in card
    assert "1 photographs could not be measured" in card


def test_the_report_writes_it_beside_the_weights(weights, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(study_report, "shipped_weights", lambda: weights)
    place = tmp_path / NAME
    run_report(study.Report(tmp_path / "none", None, figures=False, card=place))
    assert place.read_text(encoding="utf-8") == model_card(weights, {})
    assert "the model card" in capsys.readouterr().out


# ---------------------------------------------------------------- skin


def test_the_angle_is_that_of_the_definition():
    lab = np.array([[70.0, 12.0, 20.0], [50.0, 10.0, 15.0], [40.0, 10.0, 10.0]])
    assert typology_angle(lab2rgb(lab)) == pytest.approx([45.0, 0.0, -45.0], abs=0.3)


def test_the_generators_skin_is_counted(monkeypatch):
    found = skin_tones(200)
    assert list(found["shares"]) == list(TONES) and sum(found["shares"].values()) == pytest.approx(1)
    assert found["faces"] == 200 and all(found["shares"][name] > 0.05 for name in ("light", "intermediate", "tan", "brown"))
    for angle, expected in ((70, "very light"), (45, "light"), (30, "intermediate"), (11, "tan"), (0, "brown"), (-50, "dark")):
        monkeypatch.setattr("mgcbook.programs.study_skin.typology_angle", lambda colors, angle=angle: np.full(len(colors), angle))
        assert skin_tones(20)["shares"][expected] == 1, expected
