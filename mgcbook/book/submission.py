"""One run of a student's notebook: python -m mgcbook.book.submission NOTEBOOK REPORT CELL_SECONDS.

What its checks found goes to REPORT, a line of JSON each, written at once: whatever ends the run, what came before counts. A cell
may take CELL_SECONDS, so that an endless loop costs only itself.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

from mgcbook.book import exercises, runner


def main(notebook, report, cell_seconds):
    """Run the cells, also after one that fails."""
    import nbformat

    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    with open(report, "a", encoding="utf-8") as file:

        def write(entry):
            file.write(json.dumps(entry) + "\n")
            file.flush()

        with exercises.overheard(write_down(write)):
            runner.run_cells(
                nbformat.read(notebook, as_version=4),
                Path(notebook).stem,
                cell_seconds=float(cell_seconds),
                on_error=lambda place, error: write({"error": f"cell {place}: {type(error).__name__}: {error}"[:300]}),
            )


def end_with(parent):
    """End this process soon after the grader has ended, whatever the student's code is doing."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def write_down(write):
    """A listener for `overheard` that writes each answer as a dict."""

    def hear(result, attempt):
        entry = {"number": result.number, "solved": result.is_solved, "questions": result.passed, "of": result.total}
        write({**entry, "hint": result.hint, "copied": is_copied(result.number, attempt)})

    return hear


def is_copied(number, attempt):
    """True if the attempt is the library's function itself, imported and not written."""
    theirs = exercises.find(number).solution
    return getattr(attempt, "__wrapped__", attempt) is getattr(theirs, "__wrapped__", theirs)


if __name__ == "__main__":
    main(*sys.argv[1:])
