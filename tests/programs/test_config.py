"""Settings: presets, their JSON form, and what may change when a run goes on."""

import ast
import inspect
from dataclasses import replace
from itertools import pairwise

import pytest

from mgcbook.errors import DataError, UsageError
from mgcbook.programs.config import TrainConfig, changes, from_dict, load_config, preset, save_config, to_dict


def test_the_paper_preset_holds_the_numbers_of_the_paper():
    config = preset("paper")
    assert (config.steps, config.batch, config.image_size, config.depth, config.learning_rate) == (400_000, 5, 224, 50, 1e-4)
    assert config.schedule == "constant"
    assert config.clip_norm == 0
    assert config.augmentation == 1 and preset("classroom").augmentation == 0


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(UsageError, match="paper, classroom, portable-start, portable-middle, portable, got 'papr'"):
        preset("papr")


@pytest.mark.parametrize("name", ["paper", "classroom"])
def test_settings_survive_the_run_folder(tmp_path, name):
    save_config(preset(name), tmp_path)
    assert load_config(tmp_path) == preset(name)


def test_every_setting_is_described():
    body = ast.parse(inspect.getsource(TrainConfig)).body[0].body
    for entry, after in pairwise(body):
        if isinstance(entry, ast.AnnAssign):
            assert isinstance(after, ast.Expr), f"{entry.target.id}: no docstring under it"
            assert len(after.value.value) > 10


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"batch": 0}, "batch: expected at least 1, got 0"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"steps": -1}, "steps"),
        ({"supervision": "truth", "data": "photos"}, "supervision: the truth is known of synthetic faces only"),
    ],
)
def test_impossible_settings_are_refused(setting, message):
    with pytest.raises(UsageError, match=message):
        TrainConfig(**setting)


def test_a_setting_that_does_not_exist_is_named(tmp_path):
    values = to_dict(preset("classroom"))
    with pytest.raises(DataError, match=r"weights\.pixle"):
        from_dict({**values, "weights": {**values["weights"], "pixle": 1.0}})
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(DataError, match="not a configuration"):
        load_config(tmp_path)


def test_only_what_is_computed_counts_as_a_change():
    constant, cosine = preset("paper"), preset("classroom")
    assert changes(constant, replace(constant, steps=7, keep=5, checkpoint_every=3)) == []
    assert changes(constant, replace(constant, batch=7)) == ["batch: 5 there, 7 here"]
    # The cosine ends with the last step.
    assert changes(cosine, replace(cosine, steps=7)) == [f"steps: {cosine.steps} there, 7 here"]
