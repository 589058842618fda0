"""`mgcbook classroom FOLDER`: copies of the chapters for students, and notes for those who teach.

Student copies have no outputs and do not say how to print a solution. A teacher's own cells may hold solutions between the lines
`### BEGIN SOLUTION` and `### END SOLUTION` (nbgrader's marks): they are cut out as well.
"""

import inspect
import re
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from mgcbook.book.build import sources
from mgcbook.book.exercises import exercises_of
from mgcbook.errors import DataError, UsageError
from mgcbook.files import atomic_write

MARKED = re.compile(r"^([ \t]*)### BEGIN SOLUTION[ \t]*\n.*?^[ \t]*### END SOLUTION[ \t]*$", re.S | re.M)
TOLD = re.compile(r'\s*`solution\("[\d.]+"\)`\s[^.]*\.')


@dataclass(frozen=True)
class ClassroomOptions:
    """Write student copies of the chapters and notes for instructors; files that are there already stay as they are."""

    folder: Positional[Path] = Path("mgcbook-class")
    """Gets student/ and instructor/."""
    chapters: tuple[int, ...] = ()
    """Numbers of the chapters; none: all."""
    notebooks: Path | None = None
    """Folder of chapters that you have changed; none: those of the book."""


def run(options: ClassroomOptions):
    """Write both and say how to grade."""
    import nbformat

    pairs = chapters_in(options.notebooks)
    unknown = set(options.chapters) - set(pairs)
    if unknown:
        raise UsageError(f"chapters: expected some of {', '.join(map(str, pairs))}, got {', '.join(map(str, sorted(unknown)))}")
    written = kept = 0
    for chapter in options.chapters or pairs:
        name, notebook = pairs[chapter]
        files = {
            options.folder / "student" / f"{name}.ipynb": nbformat.writes(student_copy(notebook)) + "\n",
            options.folder / "instructor" / f"{name}.md": instructor_notes(notebook, chapter),
        }
        for path, text in files.items():
            if path.exists():
                kept += 1
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as file:
                file.write(text.encode())
            written += 1
    print(f"{options.folder}: {written} files written, {kept} kept as they were")
    print("give student/ to the class; put what comes back into a folder each: mgcbook grade THAT_FOLDER")


def chapters_in(folder=None):
    """{number: (name, notebook)} of the book, or of the .ipynb files in a folder."""
    import nbformat

    from mgcbook.book.build import read

    if folder is None:
        return {int(path.stem[:2]): (path.stem, read(path)) for path in sources()}
    found = {int(path.stem[:2]): (path.stem, nbformat.read(path, as_version=4)) for path in folder.glob("[0-9][0-9]_*.ipynb")}
    if not found:
        raise DataError(f"{folder}: expected notebooks named like 04_the_camera.ipynb, found none")
    return dict(sorted(found.items()))


def student_copy(notebook):
    """A copy without outputs and without solutions; the exercise cells stay as they are in the book: stubs."""
    import copy

    notebook = copy.deepcopy(notebook)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.source = without_marked(cell.source)
            cell.source = re.sub(r"(import check), solution$", r"\1", cell.source, flags=re.M)
        else:
            cell.source = TOLD.sub("", cell.source)
    return notebook


def without_marked(source):
    """The cell with `raise NotImplementedError` in place of each marked solution; DataError for a mark without its partner."""
    stripped = MARKED.sub(r"\1# YOUR CODE HERE\n\1raise NotImplementedError", source)
    if re.search(r"^[ \t]*### (BEGIN|END) SOLUTION", stripped, re.M):
        raise DataError(f"a SOLUTION mark without its partner in the cell that starts with {source[:60]!r}")
    return stripped


def instructor_notes(notebook, chapter):
    """Markdown: what each exercise asks, in which order it is examined, the mistakes that it knows, and its solution."""
    lines = [notebook.cells[0].source.splitlines()[0], ""]
    tasks = exercises_of(chapter)
    if not tasks:
        lines += ["No exercises in this chapter.", ""]
    for number, task in tasks.items():
        name = f"{task.solution.__module__}.{task.solution.__name__}"
        lines += [f"## Exercise {number}: `{name}`", "", *_minutes(notebook, number)]
        lines += ["Asked, in this order; the first no comes with a hint:", ""]
        lines += [f"{place}. {question.sentence}" for place, question in enumerate(task.questions, 1)]
        lines += ["", "Mistakes that are recognised, and what their author reads:", ""]
        lines += [f"- `{mistake.function.__name__}`: {mistake.hint}" for mistake in task.mistakes]
        lines += ["", "Solution:", "", "```python", inspect.getsource(task.solution).rstrip(), "```", ""]
    return "\n".join(lines)


def _minutes(notebook, number):
    """The time that the chapter gives for an exercise."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    found = re.search(rf"Exercise {re.escape(number)}\*\* \((\d+ minutes)\)", text)
    return [f"Time: {found[1]}.", ""] if found else []


