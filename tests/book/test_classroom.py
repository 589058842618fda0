"""What teachers and readers run: student copies, the grader and its score sheet, a reader's progress, the lab."""

import csv
import inspect
import json

import nbformat
import pytest

from mgcbook.book import build, classroom, grade, progress, runner
from mgcbook.book.exercises import CHAPTERS, check, exercises_of, find
from mgcbook.cli import main
from mgcbook.errors import DataError

SOURCES = {int(path.stem[:2]): path for path in build.sources()}
each_chapter = pytest.mark.parametrize("chapter", sorted(set(CHAPTERS) & set(SOURCES)))
GIVEN = "def {name}(*args, **kwargs):\n    from {module} import {name} as theirs\n    return theirs(*args, **kwargs)\n"


@pytest.fixture(autouse=True)
def not_strict(monkeypatch):
    monkeypatch.delenv("MGCBOOK_STRICT", raising=False)


def submission(chapter, solved=()):
    """A student's notebook, of exercises alone; the answers to those in `solved` are functions of the student's own."""
    numbers = exercises_of(chapter)
    cells = []
    for number, task in numbers.items():
        name, module = task.solution.__name__, task.solution.__module__
        answer = GIVEN.format(name=name, module=module) if number in solved else f"def {name}(*args):\n    ...\n"
        cells += [answer, f'from mgcbook.book.exercises import check\ncheck("{number}", {name})']
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


def save(notebook, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def test_solved_unsolved_and_half_solved(tmp_path, capsys, monkeypatch):
    a, b = exercises_of(5)
    for student, solved in {"ada": (a, b), "bob": (), "cem": (b,)}.items():
        save(submission(5, solved), tmp_path / student / "05_light.ipynb")
    monkeypatch.setenv("MGCBOOK_STRICT", "1")
    assert main(["grade", str(tmp_path)]) == 1
    sheets = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))["notebooks"]
    assert {sheet["student"]: sheet["score"] for sheet in sheets} == {"ada": 1.0, "bob": 0.0, "cem": 0.5}
    ada, bob, cem = (sheet["exercises"] for sheet in sheets)
    assert not any(sheet["errors"] for sheet in sheets)
    assert ada[a]["questions"] == ada[a]["of"] == len(find(a).questions) and not ada[a]["hint"]
    assert bob[a]["questions"] == 0 and "still empty" in bob[a]["hint"]
    assert cem[b]["solved"] and not cem[a]["solved"]
    assert "cem" in capsys.readouterr().out
    assert main(["grade", str(tmp_path / "ada")]) == 0
    monkeypatch.delenv("MGCBOOK_STRICT")
    assert main(["grade", str(tmp_path / "bob")]) == 0, "an exit code is for strict mode"


def test_the_librarys_own_function_is_no_answer(tmp_path):
    task = find("5.1")
    imports = f"from {task.solution.__module__} import {task.solution.__name__} as mine"
    cells = [imports, 'from mgcbook.book.exercises import check\ncheck("5.1", mine)']
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    sheet = grade.grade(save(notebook, tmp_path / "05_light.ipynb"))
    assert sheet["marks"] == 0 and sheet["exercises"]["5.1"]["copied"] and sheet["exercises"]["5.2"]["hint"] == "not answered"


def grade_within(seconds, path):
    """(score sheet, its time limit); a busy machine, which cannot even start in time, gets four times as long."""
    sheet = grade.grade(path, seconds=seconds)
    if sheet["marks"]:
        return sheet, seconds
    return grade.grade(path, seconds=4 * seconds), 4 * seconds


def test_a_broken_cell_and_endless_ones_cost_only_themselves(tmp_path):
    notebook = submission(5, exercises_of(5))
    name = find("5.1").solution.__name__
    notebook.cells[0].source = f"def {name}(*args):\n    while True:\n        pass\n"
    notebook.cells[:0] = [nbformat.v4.new_code_cell("1 / 0"), nbformat.v4.new_code_cell("while True: pass")]
    sheet, limit = grade_within(24, save(notebook, tmp_path / "05_light.ipynb"))
    assert f"TimeoutError: it ran for more than {limit // 4} s" in sheet["exercises"]["5.1"]["hint"]
    assert sheet["exercises"]["5.2"]["solved"] and sheet["marks"] == 1
    assert [error.split(":")[:2] for error in sheet["errors"]] == [["cell 0", " ZeroDivisionError"], ["cell 1", " TimeoutError"]]


def test_who_must_be_stopped_keeps_what_came_before(tmp_path):
    notebook = submission(5, exercises_of(5))
    stubborn = "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except BaseException:\n        pass"
    notebook.cells[2:2] = [nbformat.v4.new_code_cell(stubborn)]
    sheet, limit = grade_within(8, save(notebook, tmp_path / "05_light.ipynb"))
    assert sheet["marks"] == 1 and sheet["errors"] == [f"stopped after {limit} s"]
    assert sheet["exercises"]["5.2"]["hint"] == "not reached"


def test_the_table_has_a_line_for_each_notebook_and_names_who_handed_in_none(tmp_path, capsys):
    save(submission(5, ("5.1",)), tmp_path / "Zoë, A." / "05_light.ipynb")
    (tmp_path / "gus").mkdir()
    (tmp_path / "gus" / "answer.docx").write_text("here")
    assert main(["grade", str(tmp_path)]) == 0
    assert "gus                  handed in no notebook" in capsys.readouterr().out
    head, line, *more = csv.reader((tmp_path / "scores.csv").read_text(encoding="utf-8-sig").splitlines())
    assert head[:4] == ["student", "notebook", "marks", "of"] and not more
    assert line == ["Zoë, A.", "05_light.ipynb", "1", "2", "5.1", "5.2", ""]


@pytest.mark.parametrize("text", ["", "{}", "not json"])
def test_what_is_no_notebook_scores_nothing(tmp_path, text):
    (tmp_path / "05_light.ipynb").write_text(text)
    sheet = grade.grade(tmp_path / "05_light.ipynb")
    assert sheet["score"] == 0.0 and sheet["errors"]


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no \.ipynb"):
        grade.find_notebooks(tmp_path)


def test_a_notebook_of_another_name_is_known_by_its_checks(tmp_path):
    sheet = grade.grade(save(submission(5, exercises_of(5)), tmp_path / "homework of Ada.ipynb"))
    assert sheet["score"] == 1.0 and list(sheet["exercises"]) == list(exercises_of(5))


# ---------------------------------------------------------------- student copies and notes


@each_chapter
def test_a_student_copy_tells_no_solution(chapter):
    given = build.read(SOURCES[chapter])
    copy = classroom.student_copy(given)
    text = "\n".join(cell.source for cell in copy.cells)
    assert "solution(" not in text and not re_import(text)
    assert not any(cell.get("outputs") for cell in copy.cells)
    stubs = [cell.source for cell in copy.cells if "exercise" in cell.metadata.get("tags", [])]
    assert stubs == [cell.source for cell in given.cells if "exercise" in cell.metadata.get("tags", [])] != []
    assert len(text) > 0.98 * len("\n".join(cell.source for cell in given.cells)), "nothing else is lost"


def re_import(text):
    return any("solution" in line for line in text.splitlines() if line.startswith("from mgcbook.book.exercises"))


def test_a_student_copy_runs_as_given(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MGCBOOK_FAST", "1")
    runner.run_cells(classroom.student_copy(build.read(SOURCES[4])))
    assert capsys.readouterr().out.count("still empty") == len(exercises_of(4))


@each_chapter
def test_instructor_notes_tell_all(chapter):
    notes = classroom.instructor_notes(build.read(SOURCES[chapter]), chapter)
    for task in exercises_of(chapter).values():
        assert inspect.getsource(task.solution).strip() in notes
        assert all(mistake.hint in notes for mistake in task.mistakes)
        assert all(question.sentence in notes for question in task.questions)
        assert "Time: " in notes


def test_classroom_writes_both_and_keeps_what_is_there(tmp_path, capsys):
    assert main(["classroom", str(tmp_path), "--chapters", "4", "5"]) == 0
    mine = tmp_path / "student" / "04_the_camera.ipynb"
    assert sorted(path.name for path in mine.parent.iterdir()) == ["04_the_camera.ipynb", "05_light.ipynb"]
    nbformat.validate(nbformat.read(mine, as_version=4))
    mine.write_text("mine")
    assert main(["classroom", str(tmp_path)]) == 0
    assert mine.read_text() == "mine" and "3 kept" not in capsys.readouterr().err
    assert main(["classroom", str(tmp_path), "--chapters", "99"]) == 2


def test_marked_solutions_are_cut():
    given = "def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION\n1"
    assert classroom.without_marked(given) == "def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError\n1"
    for broken in ("### BEGIN SOLUTION\nx", "x\n### END SOLUTION"):
        with pytest.raises(DataError, match="partner"):
            classroom.without_marked(broken)


# ---------------------------------------------------------------- a reader's progress


def with_outputs(notebook, capsys, **answers):
    """The notebook as saved after its checks were run with these answers: {name of a stub: function}."""
    capsys.readouterr()
    for cell in notebook.cells:
        if "check(" in cell.source:
            number = cell.source.split('"')[1]
            check(number, answers.get(find(number).solution.__name__, lambda *args: ...))
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=capsys.readouterr().out)]
    return notebook


def test_progress_reads_what_was_saved(tmp_path, capsys):
    project, flipped = find("4.1"), find("4.2").mistakes[0].function
    notebook = with_outputs(submission(4), capsys, project=project.solution, unproject=flipped)
    states = progress.states_of(save(notebook, tmp_path / "04_the_camera.ipynb"), 4)
    assert states == {"4.1": "solved", "4.2": "1 of 4", "4.3": "open"}
    assert main(["progress", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "1 of 3 solved; go on with 4.2 in" in printed


def test_progress_without_notebooks_says_how_to_get_them(tmp_path, capsys):
    assert main(["progress", str(tmp_path)]) == 3
    assert "mgcbook notebooks" in capsys.readouterr().err


def test_lab_copies_and_opens(tmp_path, monkeypatch):
    from mgcbook.programs import lab

    called = []
    monkeypatch.setattr(lab.subprocess, "call", lambda command: called.append(command) or 0)
    assert main(["lab", str(tmp_path / "book"), "--port", "8899", "--no-browser"]) == 0
    assert called[0][1:] == ["-m", "jupyterlab", str(tmp_path / "book"), "--ServerApp.port=8899", "--no-browser"]
    assert (tmp_path / "book" / "04_the_camera.ipynb").exists()
    assert main(["lab", str(tmp_path / "book"), "--allow-root"]) == 0
    assert called[1][-1] == "--allow-root", "the flag that JupyterLab asks for"
