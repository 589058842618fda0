"""The committed notebooks say what their sources say, were executed from them, and carry slim outputs that anyone can see."""

import json

import nbformat
import pytest

from mgcbook.book import build
from mgcbook.book.sketches import study
from mgcbook.programs.study_files import results_folder
from mgcbook.programs.study_fits import fits_table
from mgcbook.programs.study_report import ablation_table, benchmark_table, load_results, photographs_table
from mgcbook.programs.study_statistics import Ablation

SOURCES = build.sources()
TOY = "# %% [markdown]\n# # Toy\n\n# %% tags=['parameters']\nsteps = 4\n\n# %%\nsteps + 1\n\n# %%\nsteps + 1\n"
each_chapter = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


@pytest.fixture
def toy(tmp_path):
    (tmp_path / "src").mkdir()
    source = tmp_path / "src" / "07_toy.py"
    source.write_text(TOY)
    return source


@each_chapter
def test_committed_notebook_is_current(source):
    assert build.is_current(source, build.target_of(source)), "run python -m mgcbook.book.build"


@each_chapter
def test_committed_outputs_can_be_published(source):
    target = build.target_of(source)
    notebook = nbformat.read(target, as_version=4)
    assert build.complaints(notebook, target.stat().st_size) == []
    assert sum("image/jpeg" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])) >= 3
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/jpeg" in output.get("data", {}):
                assert output.metadata["image/jpeg"]["alt"], f"{cell.id}: a figure without an alternative text"


def test_built_twice_is_the_same_and_current(toy):
    target = build.target_of(toy)
    assert not build.is_current(toy, target)
    build.build(toy, target)
    first = target.read_bytes()
    assert build.is_current(toy, target)
    build.build(toy, target)
    assert target.read_bytes() == first
    notebook = nbformat.read(target, as_version=4)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == 4 and ids[3] == ids[2] + "-2"
    assert notebook.cells[2].outputs[0].data["text/plain"] == "5"
    assert json.loads(first)["metadata"]["mgcbook"]["source_sha256"] == build.digest(build.read(toy))


def test_a_changed_source_is_noticed(toy):
    target = build.target_of(toy)
    notebook = build.read(toy)
    notebook.metadata["mgcbook"] = {"source_sha256": build.digest(notebook)}
    nbformat.write(notebook, target)
    assert build.is_current(toy, target)
    toy.write_text(TOY.replace("steps = 4", "steps = 5"))
    assert not build.is_current(toy, target)
    stale = build.read(toy)  # synchronised by hand but not executed again: the hash is the old one
    stale.metadata["mgcbook"] = notebook.metadata["mgcbook"]
    nbformat.write(stale, target)
    assert not build.is_current(toy, target)


def test_a_failing_cell_leaves_the_old_notebook(toy):
    from nbclient.exceptions import CellExecutionError

    target = build.target_of(toy)
    target.write_text("the old one")
    toy.write_text(TOY + "\n# %%\n1 / 0\n")
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        build.build(toy, target)
    assert target.read_text() == "the old one"


def test_numbers_of_the_study_are_shown_anew_and_all_else_is_kept(toy):
    number = toy.with_name("number.txt")
    shows = f"\n# %% tags=['study']\nfrom pathlib import Path\nPath({str(number)!r}).read_text()\n"
    toy.write_text(TOY.replace("steps = 4", "import os\nsteps = 3 if os.environ.get('MGCBOOK_FAST') == '1' else 4"))
    target = build.target_of(toy)
    build.build(toy, target)
    toy.write_text(toy.read_text() + shows)
    for text in ("one", "two"):
        number.write_text(text)
        build.refresh(toy, target)
        *others, last = nbformat.read(target, as_version=4).cells
        assert build.is_current(toy, target) and last.outputs[0].data["text/plain"] == repr(text)
        assert others[2].outputs[0].data["text/plain"] == "5"  # of the whole run, not of the fast one
    refreshed = target.read_bytes()
    build.build(toy, target)
    assert target.read_bytes() == refreshed
    toy.write_text(toy.read_text().replace("steps + 1", "steps + 2"))
    with pytest.raises(ValueError, match="build the chapter as a whole"):
        build.refresh(toy, target)
    assert target.read_bytes() == refreshed


@pytest.mark.parametrize(
    "chapter, part, draw",
    [("12", "ablation", ablation_table), ("12", "ablation", lambda numbers: Ablation(numbers).sentences()),
     ("12", "fits", fits_table), ("14", "benchmark", benchmark_table), ("14", "photographs", photographs_table)],
)  # fmt: skip
def test_chapters_say_what_the_numbers_of_the_study_say(chapter, part, draw):
    (source,) = (path for path in SOURCES if path.stem.startswith(chapter))
    notebook = nbformat.read(build.target_of(source), as_version=4)
    said = [output.get("data", {}).get("text/markdown") for cell in notebook.cells for output in cell.get("outputs", [])]
    assert study.shown(load_results(results_folder()), part, draw).data in said, "python -m mgcbook.book.build --study"


def executed(*outputs):
    cell = nbformat.v4.new_code_cell("x", id="c0", execution_count=1, outputs=list(outputs))
    return nbformat.v4.new_notebook(cells=[cell])


def shown(**data):
    return nbformat.v4.new_output("display_data", data={kind.replace("_", "/"): value for kind, value in data.items()})


@pytest.mark.parametrize(
    "output, says",
    [(nbformat.v4.new_output("stream", name="stderr", text="a warning"), "stderr"),
     (nbformat.v4.new_output("error", ename="E", evalue="e"), "error"),
     (nbformat.v4.new_output("stream", text=f"read {build.notebooks_folder()}/x"), "path"),
     (nbformat.v4.new_output("display_data", data={build.WIDGET: {}}), "widget"),
     (shown(text_plain="<object at 0x7f00>"), "address")],
)  # fmt: skip
def test_complaints_name_what_cannot_be_published(output, says):
    assert build.complaints(executed(), 100) == []
    (complaint,) = build.complaints(executed(output), 100)
    assert says in complaint and complaint.startswith("c0")


def test_complaints_about_size_and_order():
    assert "400,001 bytes" in build.complaints(executed(), 400_001)[0]
    skipped = executed()
    skipped.cells[0].execution_count = 2
    assert "from the top" in build.complaints(skipped, 100)[0]


def test_a_live_widget_leaves_its_still_form():
    both = nbformat.v4.new_output("display_data", data={build.WIDGET: {}, "text/html": "<figure>", "text/plain": "a slider"})
    assert set(build._without_widget(both).data) == {"text/html", "text/plain"}
    assert build._without_widget(nbformat.v4.new_output("display_data", data={build.WIDGET: {}, "text/plain": "VBox()"})) is None


def test_the_command_line(monkeypatch, capsys):
    assert build.main(["--check"]) == 0
    assert "current" in capsys.readouterr().out
    assert build.main(["99"]) == 2
    built = []
    monkeypatch.setattr(build, "build", lambda source, target: built.append(source.stem))
    assert build.main([]) == 0 and built == []
    assert build.main([SOURCES[0].stem[:2]]) == 0 and built == [SOURCES[0].stem]
    monkeypatch.setattr(build, "refresh", lambda source, target: built.append(f"{source.stem[:2]} anew"))
    assert build.main(["--study"]) == 0 and built[1:] == ["12 anew", "14 anew"]
    assert build.main(["--study", "14"]) == 0 and built[3:] == ["14 anew"]


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES[:1], ids=lambda path: path.stem)
def test_a_chapter_stands_alone_in_a_fresh_kernel(source, tmp_path):
    target = tmp_path / f"{source.stem}.ipynb"
    build.build(source, target)
    assert build.is_current(source, target)
