"""`mgcbook progress [FOLDER]`: which exercises are solved in the notebooks as they were last saved.

Nothing is run and nothing is kept anywhere: what `check` printed stands in the notebook.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from mgcbook.book.exercises import CHAPTERS, exercises_of
from mgcbook.errors import DataError


@dataclass(frozen=True)
class ProgressOptions:
    """Show which exercises are solved in your notebooks."""

    folder: Positional[Path | None] = None
    """Folder of the notebooks; none: mgcbook-notebooks or notebooks, whichever is here."""


def run(options: ProgressOptions):
    """Print a line per chapter and where to go on."""
    folder = options.folder or next((path for path in map(Path, ("mgcbook-notebooks", "notebooks")) if path.is_dir()), Path())
    notebooks = {path.name[:2]: path for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}
    if not notebooks:
        raise DataError(f"{folder}: expected the notebooks of the book, found none; `mgcbook notebooks` copies them")
    solved = total = 0
    goal = None
    for chapter in sorted(CHAPTERS):
        path = notebooks.get(f"{chapter:02d}")
        if path is None:
            continue
        states = states_of(path, chapter)
        solved += sum(state == "solved" for state in states.values())
        total += len(states)
        open_ones = [number for number, state in states.items() if state != "solved"]
        goal = goal or (f"{open_ones[0]} in {path}" if open_ones else None)
        print(f"{path.stem:<34} {'   '.join(f'{number} {state}' for number, state in states.items())}")
    print(f"\n{solved} of {total} solved" + (f"; go on with {goal}" if goal else ": all of them. Well done."))


def states_of(path, chapter):
    """{number: "solved" | "3 of 6" | "open"} from what a saved notebook has printed.

    Raises:
        DataError: if the file is no notebook.
    """
    printed = _printed(path)
    states = {}
    for number, task in exercises_of(chapter).items():
        states[number] = "open"
        for code, text in printed:
            if re.search(rf'check\(\s*["\']{re.escape(number)}["\']', code):
                answered = len(re.findall(r"^  yes  ", text, re.M))
                whole = f"Exercise {number} is solved." in text
                states[number] = "solved" if whole else f"{answered} of {len(task.questions)}" if answered else "open"
    return states


def _printed(path):
    """(source, printed text) of the code cells."""
    import nbformat

    try:
        cells = nbformat.read(path, as_version=4).cells
    except Exception as error:
        raise DataError(f"{path}: expected a notebook, found none ({' '.join(str(error).split())[:120]})") from error
    texts = []
    for cell in cells:
        if cell.cell_type == "code":
            texts.append((cell.source, "".join(output.get("text", "") for output in cell.outputs)))
    return texts
