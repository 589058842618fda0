"""`mgcbook grade FOLDER`: run the notebooks of a class and write down how far each exercise came.

Every notebook runs in a process of its own, with a time limit, in fast mode; a cell that fails, or takes a quarter of the limit,
does not end it. What its calls
of `check` found is the score sheet. An answer that is the library's own function, imported instead of written, scores nothing.
"""

import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from mgcbook.book import exercises
from mgcbook.errors import DataError
from mgcbook.files import atomic_write


@dataclass(frozen=True)
class GradeOptions:
    """Grade notebooks. This runs the code in them: do it where you would run it by hand.

    Each exercise is worth one mark. With MGCBOOK_STRICT=1 in the environment the exit code is 1 unless all marks were reached.
    """

    where: Positional[Path]
    """A notebook, or a folder with those of a class: one per student, or one folder per student."""
    out: Path | None = None
    """Score sheet (JSON), and beside it a table for a spreadsheet (.csv); by default scores.json in the folder, and none for a
    single notebook."""
    seconds: float = 300.0
    """Time limit for one notebook; a single cell may take a quarter of it."""


def run(options: GradeOptions):
    """Grade, print a line per notebook, write the score sheet; returns the exit code."""
    notebooks = find_notebooks(options.where)
    sheets = []
    for path in notebooks:
        sheet = {"student": student_of(path, options.where), **grade(path, seconds=options.seconds)}
        sheets.append(sheet)
        print(_line(sheet), flush=True)
    for student in without_notebook(options.where):
        print(f"{student:<20} handed in no notebook")
    out = options.out or (options.where / "scores.json" if options.where.is_dir() else None)
    if out is not None:
        with atomic_write(out) as file:
            file.write(json.dumps({"notebooks": sheets}, indent=1, ensure_ascii=False).encode() + b"\n")
        with atomic_write(out.with_suffix(".csv")) as file:
            file.write(table(sheets).encode("utf-8-sig"))  # the mark by which spreadsheets know UTF-8
        print(f"score sheet: {out}, as a table: {out.with_suffix('.csv')}")
    missed = any(sheet["marks"] < sheet["of"] or not sheet["of"] for sheet in sheets)
    return int(missed and os.environ.get("MGCBOOK_STRICT") == "1")


def find_notebooks(where):
    """All notebooks in a folder, or the one; raises DataError if there is none."""
    if where.is_file():
        return [where]
    found = sorted(path for path in where.rglob("*.ipynb") if not any(part.startswith(".") for part in path.parts))
    if not found:
        raise DataError(f"{where}: expected a notebook or a folder that holds some, found no .ipynb file")
    return found


def without_notebook(where):
    """Names of the folders in a class folder that hold no notebook; of students who handed in something else, or nothing."""
    folders = sorted(path for path in where.iterdir() if path.is_dir() and path.name[0] != ".") if where.is_dir() else []
    return [path.name for path in folders if not any(path.rglob("*.ipynb"))]


def table(sheets):
    """The score sheet as CSV, a line for each notebook: who, marks, and what is solved, tried, and went wrong."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["student", "notebook", "marks", "of", "solved", "not solved", "errors"])
    for sheet in sheets:
        answers = sheet["exercises"].items()
        those = {state: " ".join(number for number, answer in answers if answer["solved"] == state) for state in (True, False)}
        row = [sheet[name] for name in ("student", "notebook", "marks", "of")]
        writer.writerow([*row, those[True], those[False], "; ".join(sheet["errors"])])
    return text.getvalue()


def student_of(path, where):
    """The folder of the notebook inside the class folder; of a flat class folder, the name of the file."""
    inside = path.relative_to(where) if where.is_dir() else Path(path.name)
    return inside.parts[0] if len(inside.parts) > 1 else path.stem


def grade(path, *, seconds=300.0):
    """Run one notebook and collect its marks.

    Args:
        path: an .ipynb file. Its exercises are those of the chapter that its name begins with ("04_..."), or else those of
            the chapters whose `check` it calls.
        seconds: time limit.

    Returns:
        dict: notebook, score in [0, 1], marks, of, exercises {number: solved, questions, of, hint, copied}, errors, seconds.
    """
    start = time.monotonic()
    expected, trouble = _expected(path)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.jsonl"
        command = [sys.executable, "-m", "mgcbook.book.submission", str(path.resolve()), str(report), str(seconds / 4)]
        environment = {**os.environ, "MGCBOOK_FAST": "1", "MPLBACKEND": "Agg"}
        environment.pop("MGCBOOK_STRICT", None)  # every exercise has its turn, also after one that is not solved
        environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        if expected:
            try:
                quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
                done = subprocess.run(command, cwd=folder, env=environment, timeout=seconds, **quiet)
                if done.returncode:
                    trouble.append(f"the run ended with exit code {done.returncode}: {_last_line(done.stderr)}")
            except subprocess.TimeoutExpired:
                trouble.append(f"stopped after {seconds:g} s")
        lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    heard = [json.loads(line) for line in lines]
    missing = "not reached" if any("stopped after" in line for line in trouble) else "not answered"
    answers = {number: _best(number, heard, missing) for number in expected}
    marks = sum(answer["solved"] for answer in answers.values())
    return {
        "notebook": path.name,
        "score": marks / len(answers) if answers else 0.0,
        "marks": marks,
        "of": len(answers),
        "exercises": answers,
        "errors": trouble + [entry["error"] for entry in heard if "error" in entry],
        "seconds": round(time.monotonic() - start, 1),
    }


def _expected(path):
    """Numbers of the exercises that this notebook should answer, and complaints."""
    import nbformat

    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:
        return [], [f"not a notebook: {' '.join(str(error).split())[:200]}"]
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    named = re.match(r"(\d\d)_", path.name)
    chapters = [int(named[1])] if named else sorted({int(n) for n in re.findall(r'check\(\s*["\'](\d+)\.', code)})
    expected = [number for chapter in chapters for number in exercises.exercises_of(chapter)]
    return expected, [] if expected else ["no exercise in it"]


def _best(number, heard, missing):
    """The best of the answers to one exercise."""
    answers = [entry for entry in heard if entry.get("number") == number]
    best = max(answers, key=lambda entry: (entry["solved"] and not entry["copied"], entry["questions"]), default=None)
    if best is None:
        total = len(exercises.find(number).questions)
        return {"solved": False, "questions": 0, "of": total, "hint": missing, "copied": False}
    kept = {name: best[name] for name in ("solved", "questions", "of", "hint", "copied")}
    return {**kept, "solved": best["solved"] and not best["copied"]}


def _last_line(text):
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "no message"


def _line(sheet):
    marks = "  ".join(f"{number} {'yes' if answer['solved'] else 'no'}" for number, answer in sheet["exercises"].items())
    trouble = f"  ({len(sheet['errors'])} errors, the first: {sheet['errors'][0]})" if sheet["errors"] else ""
    return f"{sheet['student']:<20} {sheet['notebook']:<36} {sheet['marks']}/{sheet['of']}  {marks}{trouble}"
