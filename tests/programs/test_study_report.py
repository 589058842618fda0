"""The study's report: nothing in the README is typed by hand; and photographs, from a face box alone."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from mgcbook.data import builtin
from mgcbook.data.align import alignment_template
from mgcbook.data.benchmark import benchmark_faces
from mgcbook.data.detect import crop_from_box
from mgcbook.errors import DataError
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.decoder import Decoder
from mgcbook.programs import study, study_files, study_report
from mgcbook.programs.study_cells import against, mean_and_deviation, number
from mgcbook.programs.study_figures import CAPTIONS
from mgcbook.programs.study_files import RESULTS, fingerprint, read_json, results_folder, write_json
from mgcbook.programs.study_photographs import ALONE, box_around, photographs
from mgcbook.programs.study_report import (
    BEGIN,
    END,
    IN_README,
    drawn,
    load_results,
    photographs_table,
    readme_block,
    report,
    run_report,
    with_block,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def template():
    return alignment_template(builtin.load("light"), PAPER_CAMERA.resized(64, 64))


# ---------------------------------------------------------------- the README


def test_the_readme_says_what_the_numbers_say():
    text, folder = (ROOT / "README.md").read_text(encoding="utf-8"), ROOT / RESULTS
    results = load_results(folder)
    assert with_block(text, readme_block(results, drawn(folder, ROOT, IN_README))) == text, "mgcbook study report"
    if results:
        assert (folder / "study.md").read_text(encoding="utf-8") == report(results, drawn(folder, folder)), "mgcbook study report"
    if "ablation" in results:
        assert {path.stem for path in folder.glob("figure-*.png")} == set(CAPTIONS), "mgcbook study report"


def test_cells_tell_what_is_missing():
    assert (number(1.234), number(None), number(np.nan)) == ("1.23", "-", "-")
    assert (against(3.0, 4.0), against(None, 4.0), against(3.0, None)) == ("3.00 / 4.00 (-25 %)", "- / 4.00", "3.00 / -")
    assert mean_and_deviation(np.array([1.0, 3.0])) == "2.000 ± 1.414" and mean_and_deviation(np.array([2.0])) == "2.000"
    assert mean_and_deviation(np.array([1.0, np.nan])) == "-"


def test_readers_find_the_results_in_a_checkout_and_in_an_installed_package(tmp_path, monkeypatch):
    assert results_folder() == (ROOT / RESULTS).resolve()
    package = tmp_path / "mgcbook"
    monkeypatch.setattr(study_files, "__file__", str(package / "programs" / "study_files.py"))
    assert results_folder() == tmp_path / "benchmarks" / "study"
    (package / "benchmarks").mkdir(parents=True)
    assert results_folder() == package / "benchmarks" / "study"
    assert load_results(results_folder()) == {}


def test_wheels_carry_the_results(tmp_path, monkeypatch):
    """The build hook takes numbers and figures along, as a folder of the package."""
    interface = types.SimpleNamespace(BuildHookInterface=object)  # of hatchling, which only a build installs
    monkeypatch.setitem(sys.modules, "hatchling.builders.hooks.plugin.interface", interface)
    names, hook, data = ("benchmark.json", "figure-6.png", "study.md"), {}, {"force_include": {}}
    for name in names:
        path = tmp_path / RESULTS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    exec((ROOT / "hatch_build.py").read_text(encoding="utf-8"), hook)
    made = hook["NotebooksInWheel"]()
    made.root = tmp_path
    made.initialize("standard", data)
    inside = {str(tmp_path / RESULTS / name): f"mgcbook/{RESULTS.as_posix()}/{name}" for name in names}
    assert data["force_include"] == inside


def test_only_the_block_is_replaced():
    text = f"before\n{BEGIN}\nold \\1 numbers\n{END}\nafter\n"
    assert with_block(text, r"new \1") == f"before\n{BEGIN}\nnew \\1\n{END}\nafter\n"
    for broken in ("no marks", f"{END} {BEGIN}", f"{text}{BEGIN}"):
        with pytest.raises(DataError, match="readme"):
            with_block(broken, "new")


def benchmark_numbers(value):
    summary = dict.fromkeys(("nme_percent", "plane_mm", "vertex_mm", "vertex_scaled_mm", "depth_mm", "rotation_degrees"), value)
    nothing = dict.fromkeys(summary, 4.0)
    return {"date": "2026-01-01", "versions": {"numpy": "2"}, "weights": {"file": "w", "sha256": "0", "step": 1},
            "sets": {"in-domain": {"faces": 9, "summary": {**summary, "spread_mm": 0.5}, "mean_face": nothing}}}  # fmt: skip


def test_the_report_follows_the_numbers(tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}\n{END}\n")
    for value, percent in ((3.0, "-25 %"), (5.0, "+25 %")):
        write_json(tmp_path / "benchmark.json", benchmark_numbers(value))
        run_report(study.Report(tmp_path, readme, figures=False, card=None))
        for text in (readme.read_text(), (tmp_path / "study.md").read_text()):
            assert f"{value:.2f} / 4.00 ({percent})" in text and "| 0.50 |" in text
    assert "README.md" in capsys.readouterr().out


def test_figures_that_are_there_are_shown(tmp_path):
    (tmp_path / "results").mkdir()
    for name in ("figure-3", "figure-6"):
        (tmp_path / "results" / f"{name}.png").write_bytes(b"")
    lines = drawn(tmp_path / "results", tmp_path)
    assert [line.split("](")[0] for line in lines] == [f"![{CAPTIONS[name]}" for name in ("figure-3", "figure-6")]
    (line,) = drawn(tmp_path / "results", tmp_path, IN_README)
    assert line.startswith(f"![{CAPTIONS['figure-6']}](results/figure-6.png)")


def test_the_readme_says_whose_numbers_they_are(tmp_path, monkeypatch):
    content, weights = benchmark_numbers(3.0), tmp_path / "w"
    weights.write_bytes(b"weights")
    for path, expected in ((None, "Another network (w)"), (weights, "Another network (w)")):
        monkeypatch.setattr(study_report, "shipped_weights", lambda path=path: path)
        assert readme_block({"benchmark": content}).startswith(expected)
    content["weights"]["sha256"] = fingerprint(weights)
    assert readme_block({"benchmark": content}).startswith("The network that comes with the package on made-up faces")


def test_no_results(tmp_path, monkeypatch):
    monkeypatch.setattr(study_report, "shipped_weights", lambda: None)
    with pytest.raises(DataError, match="no results there"):
        run_report(study.Report(tmp_path, None, card=None))


def test_numbers_survive_the_file(tmp_path):
    content = {"a": [1.5, None, 3], "b": [{"c": [1, 2]}, {"c": []}], "d": {}, "e": "text \" and ü"}
    write_json(tmp_path / "n.json", content)
    assert read_json(tmp_path / "n.json") == content
    (tmp_path / "n.json").write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        read_json(tmp_path / "n.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_json(tmp_path / "other.json")


# ---------------------------------------------------------------- photographs


def test_the_box_of_an_aligned_face_leaves_it_where_it_is(template):
    crop = crop_from_box(box_around(template, template), template)
    assert np.allclose(crop.apply(template), template, atol=1e-9)


def test_the_box_follows_the_face(template):
    crop = crop_from_box(box_around(3 * template + [100, 50], template), template)
    assert np.allclose(crop.apply(3 * template + [100, 50]), template, atol=1e-9)


class Picture:
    """A synthetic photograph as a sample of AFLW2000-3D."""

    def __init__(self, key, item):
        self.key, self.landmarks, self._image = key, item["landmarks"][0].astype(float), item["images"][0]
        self.yaw_degrees = float(np.rad2deg(item["truth"]["rotation"][0, 1]))

    def read_image(self):
        if self.key == "broken":
            raise DataError("broken: no picture")
        return self._image


class Pictures:
    def __init__(self):
        faces = benchmark_faces("in-domain", 64)
        self.samples = {key: Picture(key, faces.item(i)) for i, key in enumerate(("a", "broken", "c"))}

    def keys(self):
        return list(self.samples)

    def sample(self, key):
        return self.samples[key]


class MeanFace:
    """A network that always sees the mean face, straight ahead."""

    decoder = Decoder(builtin.load("light"), PAPER_CAMERA.resized(64, 64))

    def __call__(self, images):
        return self.decoder.zeros(len(images))


def test_photographs_are_measured_from_the_box_alone():
    source = Pictures()
    result = photographs(MeanFace(), source, fit=False)
    entry = result["methods"][ALONE]
    assert result["items"] == ["a", "c"] and result["skipped"] == [{"item": "broken", "reason": "broken: no picture"}]
    assert result["count"] == sum(result["bins"].values()) == 2
    assert all(1 < error < 25 for error in entry["each"])
    known = [number for number in entry["numbers"][:3] if number is not None]
    assert entry["numbers"][3] == pytest.approx(np.mean(known))
    text = photographs_table(result)
    assert f"| **{ALONE}**, here |" in text and "| MGCNet (published, all 2000) | 2.72 |" in text
    assert f"{entry['numbers'][3]:.2f}" in text


def test_no_photograph():
    source = Pictures()
    source.samples = {"broken": source.samples["broken"]}
    with pytest.raises(DataError, match="none could be measured"):
        photographs(MeanFace(), source, fit=False)
