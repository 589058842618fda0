"""The ablation: every row of the paper is there, rows differ in their losses only, it goes on where it stopped, and says so."""

from dataclasses import replace

import numpy as np
import pytest

from mgcbook.data.images import read_image
from mgcbook.data.protocols.tables import published
from mgcbook.errors import DataError, UsageError
from mgcbook.learning.losses import PAPER_WEIGHTS
from mgcbook.programs import checkpoint, study, study_ablation
from mgcbook.programs.config import to_dict
from mgcbook.programs.learner import Learner
from mgcbook.programs.metrics import read_metrics
from mgcbook.programs.study_ablation import START, Study
from mgcbook.programs.study_figures import write_figures
from mgcbook.programs.study_files import read_json, write_json
from mgcbook.programs.study_report import report
from mgcbook.programs.study_settings import BASELINE, FULL, MULTI_VIEW, NO_MAP, REPROJECTED, folder_of, load_scale
from mgcbook.programs.study_statistics import Ablation
from mgcbook.programs.train import CHECKPOINTS

SCALES = ("toy", "minutes", "shipped", "full")


@pytest.fixture(scope="module")
def small():
    """Two rows, one seed, three faces."""
    scale = load_scale("toy")
    rows = tuple(row for row in scale.rows if row.name in (BASELINE, FULL))
    return replace(scale, seeds=(0,), sets={"in-domain": 3}, rows=rows, base={**scale.base, "image_size": 20})


@pytest.fixture(scope="module")
def finished(small, tmp_path_factory):
    folder, said = tmp_path_factory.mktemp("study"), []
    work = Study(small, folder, say=said.append)
    for job in work.jobs():
        assert not work.is_done(*job)
        assert work.do(*job)
    return work, said


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize("name", SCALES)
def test_every_row_of_the_paper_is_there(name):
    scale = load_scale(name)
    assert [row.paper for row in scale.rows if row.paper] == list(published()["ablation"]["rows"])
    assert {BASELINE, FULL, NO_MAP} <= {row.name for row in scale.rows}
    assert len({folder_of(row.name) for row in scale.rows}) == len(scale.rows)
    assert name == "toy" or len(scale.seeds) >= 3


@pytest.mark.parametrize("name", SCALES)
def test_rows_of_a_seed_differ_in_their_losses_only(name):
    scale = load_scale(name)
    made = {row.name: to_dict(scale.branch(row, 1, "start")) for row in scale.rows}
    for row in scale.rows:
        config = made[row.name]
        on = {loss for loss in MULTI_VIEW if config["weights"]["multi_view"] * config["weights"][loss] > 0}
        assert on == set(row.losses)
        free = {"weights", *row.config}
        assert all(config[key] == value for key, value in made[BASELINE].items() if key not in free)
        two_d = [key for key in config["weights"] if key not in (*MULTI_VIEW, "multi_view")]
        assert all(config["weights"][key] == made[BASELINE]["weights"][key] for key in two_d)
    assert not made[NO_MAP]["covisible"] and made[FULL]["covisible"]
    assert made[FULL]["seed"] == 1 and made[FULL]["pretrained"] == "start" and made[FULL]["steps"] == scale.branch_steps


def test_the_full_scale_has_the_papers_weights():
    scale = load_scale("full")
    config = scale.branch(next(row for row in scale.rows if row.name == FULL), 0, "start")
    assert config.weights == PAPER_WEIGHTS
    assert scale.warmup(0).weights == replace(PAPER_WEIGHTS, multi_view=0.0)


def test_an_unknown_scale():
    with pytest.raises(UsageError, match="toy, minutes, shipped, full"):
        load_scale("days")


# ---------------------------------------------------------------- trainings


def test_rows_begin_with_the_weights_of_the_warm_up(finished, small):
    work, _ = finished
    _, warm, _ = checkpoint.latest(work.place(None, 0) / CHECKPOINTS)
    assert warm.step == small.warmup_steps
    for row in small.rows:
        params, batch_norm = Learner(small.branch(row, 0, work.place(None, 0) / START)).start()
        assert all(np.array_equal(params[name], array) for name, array in warm.params.items())
        assert all(np.array_equal(batch_norm[name], array) for name, array in warm.batch_norm.items())
        _, ended, _ = checkpoint.latest(work.place(row, 0) / CHECKPOINTS)
        assert ended.step == small.branch_steps and not np.array_equal(ended.params["fc.bias"], warm.params["fc.bias"])


def test_finished_trainings_are_not_repeated(finished, small, tmp_path, monkeypatch, capsys):
    work, _ = finished
    monkeypatch.setattr(study_ablation, "load_scale", lambda name: small)
    monkeypatch.setattr(study_ablation, "train", lambda *args, **kwargs: pytest.fail("trained again"))
    runs = work.place(None, 0).parents[2]
    assert study_ablation.run_ablation(study.Ablation("toy", runs, tmp_path / "a.json")) == 0
    assert "0 of 3 trainings left" in capsys.readouterr().out
    content = read_json(tmp_path / "a.json")
    assert [(run["row"], run["seed"]) for run in content["runs"]] == [("warm-up", 0), (BASELINE, 0), (FULL, 0)]


def test_seeds_can_be_trained_by_several_commands(small, tmp_path, monkeypatch):
    monkeypatch.setattr(study_ablation, "load_scale", lambda name: replace(small, seeds=(0, 1), rows=small.rows[:1]))
    done = []
    monkeypatch.setattr(Study, "do", lambda self, row, seed: done.append((row and row.name, seed)) or True)
    monkeypatch.setattr(Study, "gather", lambda self: {})
    for seed in (1, 0):
        study_ablation.run_ablation(study.Ablation("toy", tmp_path / "runs", tmp_path / "a.json", seed=seed))
    assert done == [(row, seed) for seed in (1, 0) for row in (None, small.rows[0].name)]
    with pytest.raises(UsageError, match="seed: the scale toy has 0, 1, got 7"):
        study_ablation.run_ablation(study.Ablation("toy", tmp_path / "runs", tmp_path / "a.json", seed=7))


def test_a_stopped_training_goes_on(small, tmp_path):
    stops = iter([False, True])
    work = Study(small, tmp_path, stop=lambda: next(stops, True), say=lambda line: None)
    assert not work.do(None, 0) and not work.is_done(None, 0)
    with pytest.raises(DataError, match="no training is finished"):
        work.gather()
    work = Study(small, tmp_path, say=lambda line: None)
    assert work.do(None, 0) and work.is_done(None, 0)
    steps = [entry["step"] for entry in read_metrics(work.place(None, 0))]
    assert steps == sorted(set(steps))


def test_rows_can_begin_with_the_shipped_weights(finished, small, tmp_path, monkeypatch):
    work, _ = finished
    shipped, known, _ = checkpoint.latest(work.place(None, 0) / CHECKPOINTS)
    monkeypatch.setattr(study_ablation, "shipped_weights", lambda: shipped)
    scale = load_scale("shipped")
    base = {**scale.base, "batch": 2, "triples": 4}
    short = replace(scale, base=base, seeds=(0,), sets={"in-domain": 1}, branch_steps=1, rows=small.rows[1:])
    again = Study(short, tmp_path, say=lambda line: None)
    for job in again.jobs():
        assert again.do(*job)
    config = again.scale.branch(small.rows[1], 0, again.place(None, 0) / START)
    assert (config.width, config.image_size, config.batch) == (4, 20, 2)
    params, _ = Learner(config).start()
    assert all(np.array_equal(params[name], array) for name, array in known.params.items())
    content = again.gather()
    assert [run["row"] for run in content["runs"]] == ["warm-up", FULL] and content["runs"][0]["losses"] == {}
    assert "| what all rows begin with | 1 |" in report({"ablation": content})


def test_the_shipped_scale_needs_shipped_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(study_ablation, "shipped_weights", lambda: None)
    with pytest.raises(UsageError, match="brings none"):
        Study(load_scale("shipped"), tmp_path)


def test_what_is_written_makes_report_and_figures(finished, tmp_path):
    write_json(tmp_path / "a.json", finished[0].gather())
    content = read_json(tmp_path / "a.json")
    assert len(content["examples"][FULL]["in-domain"]["0"]) == 3
    text = report({"ablation": content})
    assert f"| {FULL} | 1 |" in text and "of the loss" in text
    paths = write_figures({"ablation": content}, tmp_path)
    assert [path.name for path in paths] == ["figure-3.png", "figure-4.png", "figure-6.png", "figure-7b.png"]
    shapes = [read_image(path).shape for path in paths[:3]]
    assert shapes[0][1] > 900 and shapes[1][1] > 450 and shapes[2][1] > 900
    assert all(np.ptp(read_image(path)) > 0.5 for path in paths)


# ---------------------------------------------------------------- statistics


def made_up(differences, faces=30, seeds=4):
    """An ablation whose rows are better than 2D by what is given, mm for each seed; name -> list."""
    rng = np.random.default_rng(5)
    runs, base = [], rng.uniform(1.5, 2.5, faces)
    for row, apart in {BASELINE: [0.0] * seeds, **differences}.items():
        for seed in range(seeds):
            values = [float(value) for value in np.repeat(base + 0.05 * seed + apart[seed], 3)]
            summary = {"plane_mm": float(np.mean(values)), "spread_mm": 1.0 + apart[seed]}
            entry = {"summary": summary, "pictures": {"plane_mm": values}, "of_faces": {"spread_mm": [1.0 + apart[seed]] * faces}}
            runs.append({"row": row, "seed": seed, "sets": {"in-domain": entry}, "losses": {"total": 1.0}})
    rows = {row: {"paper": row, "losses": []} for row in (BASELINE, *differences)}
    return Ablation({"faces": {"in-domain": faces}, "seeds": list(range(seeds)), "rows": rows, "runs": runs})


def test_verdicts():
    found = made_up({
        "2D+pixel": [-0.10, -0.11, -0.09, -0.10],
        "2D+depth": [0.10, 0.11, 0.09, 0.10],
        "2D+epipolar": [-0.10, 0.12, -0.09, 0.10],
    })  # fmt: skip
    said = {line.split("**")[1]: line for line in found.sentences()}
    assert "the claim held" in said["2D+pixel"] and "paper -0.020 mm" in said["2D+pixel"] and "-0.100 mm" in said["2D+pixel"]
    assert "the opposite" in said["2D+depth"]
    assert "cannot be told" in said["2D+epipolar"]


def test_the_test_over_seeds_is_the_paired_one():
    from scipy import stats

    found = made_up({"2D+pixel": [-0.3, -0.1, 0.1, -0.2]})
    paired = stats.ttest_rel(found.values("2D+pixel"), found.values(BASELINE)).pvalue
    comparison = found.compare("2D+pixel")
    assert comparison.p_seeds == pytest.approx(paired)
    assert comparison.difference == pytest.approx(-0.125) and comparison.p_faces < 1e-3
    assert comparison.deviation == pytest.approx(np.std([-0.3, -0.1, 0.1, -0.2], ddof=1))


def test_two_standard_deviations():
    clear, unclear = ([0.9 - 1 - 0.01 * i for i in range(4)], [-0.01, 0.01, -0.02, 0.0])
    assert "more than two standard deviations lower" in made_up({FULL: clear}).geometry(("spread_mm",))[0]
    assert "not lower by two" in made_up({FULL: unclear}).geometry(("spread_mm",))[0]
    steady = made_up({REPROJECTED: [-0.05, -0.051, -0.049, -0.05]}).geometry(("plane_mm",))  # seeds of 2D: 0.05 apart
    assert "more than two standard deviations of the difference lower" in steady[0] and REPROJECTED in steady[0]


def test_one_seed_proves_nothing():
    assert "not lower by two" in made_up({FULL: [-0.5]}, seeds=1).geometry(("spread_mm",))[0]
    found = made_up({"2D+pixel": [-0.5]}, seeds=1)
    assert found.compare("2D+pixel").p_seeds is None
    assert "cannot be told" in found.sentences()[0]
