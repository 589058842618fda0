"""Every chapter runs as given and solved, in this process and in seconds, and keeps to the form of the book."""

import inspect
import re

import nbformat
import pytest

from mgcbook.book import build, runner
from mgcbook.book.exercises import exercises_of

SOURCES = build.sources()
CELL_LINES, COLUMNS = 25, 80

pytestmark = pytest.mark.filterwarnings("error")
each_chapter = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


@pytest.fixture
def fast(monkeypatch, tmp_path):
    """As a kernel would: in a folder of its own, in fast mode, not strict."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MGCBOOK_FAST", "1")
    monkeypatch.delenv("MGCBOOK_STRICT", raising=False)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def test_there_are_chapters():
    assert SOURCES


@each_chapter
def test_runs_as_given(source, fast, capsys):
    notebook = build.read(source)
    runner.run_cells(notebook, source.stem)
    assert capsys.readouterr().out.count("still empty") == len(tagged(notebook, "exercise"))


@each_chapter
def test_runs_solved(source, fast, monkeypatch, capsys):
    monkeypatch.setenv("MGCBOOK_STRICT", "1")
    notebook = build.read(source)
    runner.run_cells(runner.solved(notebook), source.stem)
    assert capsys.readouterr().out.count("is solved") == len(tagged(notebook, "exercise"))


@each_chapter
def test_form(source):
    notebook = build.read(source)
    long = [cell.source.splitlines()[0] for cell in code_cells(notebook) if len(cell.source.splitlines()) > CELL_LINES]
    assert not long, f"more than {CELL_LINES} lines: {long}"
    wide = [i for i, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1) if len(line) > COLUMNS]
    assert not wide, f"more than {COLUMNS} columns: lines {wide}"
    first = code_cells(notebook)[0]
    assert first.metadata.tags == ["parameters"] and 'FAST = os.environ.get("MGCBOOK_FAST") == "1"' in first.source
    title = notebook.cells[0].source.splitlines()[0]
    assert re.match(rf"# {int(source.stem[:2])} · \w", title), title
    assert re.search(r"^## Summary\n\n(- .*\n(  .*\n)*){3}", notebook.cells[-1].source + "\n", re.M), "three points of summary"


@each_chapter
def test_a_picture_comes_before_the_first_formula(source):
    cells = build.read(source).cells
    formula = next((i for i, cell in enumerate(cells) if cell.cell_type == "markdown" and "$$" in cell.source), len(cells))
    code = "\n".join(cell.source for cell in cells[:formula] if cell.cell_type == "code")
    assert re.search(r"^(strip|figures\.image_row|sketches\.\w+)\(", code, re.M)


@each_chapter
def test_a_slider_stands_beside_a_strip_of_the_same_pictures(source):
    text = "\n".join(cell.source for cell in code_cells(build.read(source)))
    moved, printed = (set(re.findall(rf"\b{name}\(\s*(\w+)", text)) for name in ("slider", "strip"))
    assert moved and moved <= printed


@each_chapter
def test_exercises_rewrite_library_functions(source):
    notebook = build.read(source)
    posed = [runner.task_of(notebook, cell) for cell in tagged(notebook, "exercise")]
    assert [task.number for task in posed] == list(exercises_of(int(source.stem[:2])))
    for task, cell in zip(posed, tagged(notebook, "exercise"), strict=True):
        stub = {}
        exec(cell.source, stub)
        name = task.solution.__name__
        code, theirs = stub[name].__code__, inspect.unwrap(task.solution).__code__
        assert code.co_varnames[: code.co_argcount] == theirs.co_varnames[: theirs.co_argcount], "the same arguments"
        later = "".join(other.source for other in notebook.cells[notebook.cells.index(cell) :])
        assert f"from {task.solution.__module__} import {name}" in later, "the book's own version is used afterwards"
        assert f'solution("{task.number}")' in "".join(other.source for other in notebook.cells) or task.number[-2:] != ".1"


@each_chapter
def test_the_paper_is_cited_as_it_is_numbered(source):
    text = "\n".join(cell.source for cell in build.read(source).cells)
    numbers = [int(n) for n in re.findall(r"Eq\. (\d+)", text)]
    assert numbers and set(numbers) <= set(range(1, 7))
    assert "mgcbook." in text and "assert" in text


# ---------------------------------------------------------------- the runner itself


def notebook_of(*sources, tags=()):
    cells = [nbformat.v4.new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)]
    cells[0].metadata["tags"] = list(tags)
    return nbformat.v4.new_notebook(cells=cells)


def test_variables_come_back_and_parameters_go_in():
    notebook = notebook_of("steps = 400", "done = sum(1 for _ in range(steps))", tags=["parameters"])
    assert runner.run_cells(notebook)["done"] == 400
    assert runner.run_cells(notebook, steps=20)["done"] == 20


def test_an_error_names_chapter_cell_and_line():
    wrong = "%time\ndef f(a):\n    return a @ np.ones(3)\nf(np.ones((2, 4)))"
    notebook = notebook_of("%matplotlib inline\nimport numpy as np", wrong)
    with pytest.raises(ValueError, match="mismatch") as error:
        runner.run_cells(notebook, "07_toy")
    places = [(str(entry.path).rsplit("/", 1)[-1], entry.lineno + 1) for entry in error.traceback]
    assert ("07_toy#cell1", 3) in places


def test_the_last_value_is_really_drawn():
    drawn = []
    text = "class Shown:\n    def _repr_png_(self):\n        drawn.append(1)\nShown()"
    runner.run_cells(notebook_of("drawn = None", text, tags=["parameters"]), drawn=drawn)
    assert drawn == [1]
    runner.run_cells(notebook_of("drawn = None", text + ";", tags=["parameters"]), drawn=drawn)
    assert drawn == [1]


@pytest.mark.parametrize("source", ["%%bash\nls", "!ls", "files = !ls", "if True:\n    !ls", "%matplotlib widget"])
def test_what_would_be_lost_is_refused(source):
    with pytest.raises(ValueError, match="chapter#cell0"):
        runner.run_cells(notebook_of(source))


def test_an_exercise_without_a_check_is_found():
    notebook = notebook_of("def project(points):\n    ...", tags=["exercise"])
    with pytest.raises(KeyError, match="no check"):
        runner.solved(notebook)
