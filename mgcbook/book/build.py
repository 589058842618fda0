"""Build the committed notebooks: notebooks/src/04_the_camera.py (percent script) -> notebooks/04_the_camera.ipynb, executed.

    python -m mgcbook.book.build               # the chapters whose source changed
    python -m mgcbook.book.build --all         # every chapter: after a change of the library
    python -m mgcbook.book.build 04            # those whose names begin so, changed or not
    python -m mgcbook.book.build --check       # only say which are not current; exit code 1 if any
    python -m mgcbook.book.build --study       # after mgcbook study report: what chapters show of its numbers, in a minute

Built twice, a notebook is the same to the last byte, so a diff shows what a change of the source changed: cell ids come from the
text of the cells, no times are kept, and live widgets (dead without their kernel) leave only their still form. No network.
"""

import argparse
import collections
import hashlib
import os
import sys
import time
from pathlib import Path

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
WIDGET = "application/vnd.jupyter.widget-view+json"
STUDY = "study"
"""Tag of cells that show numbers of `mgcbook study`, and what is printed there follows from these alone."""
LARGEST = 400_000
"""Bytes of one notebook, outputs included."""


def notebooks_folder():
    """Where the chapters are: notebooks/ of the checkout, or the copy inside an installed package."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "notebooks"
    return inside if inside.is_dir() else package.parent / "notebooks"


def sources(folder=None):
    """The percent scripts of all chapters, in the order of the book."""
    return sorted((Path(folder or notebooks_folder()) / "src").glob("[0-9][0-9]_*.py"))


def target_of(source):
    """notebooks/src/04_the_camera.py -> notebooks/04_the_camera.ipynb."""
    return source.parent.parent / f"{source.stem}.ipynb"


def read(source):
    """A percent script as a notebook whose cells have lasting ids: a new cell renames no other."""
    import jupytext
    import nbformat

    notebook, seen = jupytext.read(source), collections.Counter()
    for cell in notebook.cells:
        name = f"{source.stem[:2]}-{hashlib.sha256(cell.source.encode()).hexdigest()[:8]}"
        seen[name] += 1
        cell["id"] = name if seen[name] == 1 else f"{name}-{seen[name]}"
    notebook.nbformat_minor = 5  # the version that has ids
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL})
    return notebook


def contents(notebook):
    """What source and notebook have in common: kind, tags and text of every cell."""
    return [(cell.cell_type, cell.metadata.get("tags", []), cell.source) for cell in notebook.cells]


def digest(notebook):
    """Name of the contents; the notebook keeps that of the source it was executed from."""
    return hashlib.sha256(repr(contents(notebook)).encode()).hexdigest()


def build(source, target, *, timeout=900):
    """Execute a percent script and write the notebook.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails; the notebook that was there stays.
        ValueError: if an output cannot be published (see `complaints`), with all reasons.
    """
    notebook = read(source)
    code = digest(notebook)
    _execute(notebook, target, timeout)
    _write(notebook, code, source, target)


def refresh(source, target, *, timeout=900):
    """Write the notebook with new outputs of the cells tagged "study", and those that it had of all others.

    The chapter runs in fast mode for that: what is shown of the study follows from its files, not from how long others ran.

    Raises:
        ValueError: if another code cell changed, or if an output cannot be published; the notebook that was there stays.
        nbclient.exceptions.CellExecutionError: if a cell fails; the notebook that was there stays.
    """
    import nbformat

    notebook, before = read(source), nbformat.read(target, as_version=4)
    code = digest(notebook)
    kept = [cell for cell in before.cells if cell.cell_type == "code" and not _is_study(cell)]
    mine = [cell for cell in notebook.cells if cell.cell_type == "code" and not _is_study(cell)]
    if [cell.source for cell in mine] != [cell.source for cell in kept]:
        raise ValueError(f"{source.name}: cells that are not tagged {STUDY!r} changed; build the chapter as a whole")
    _execute(notebook, target, timeout, MGCBOOK_FAST="1")
    for cell, old in zip(mine, kept, strict=True):
        cell.outputs = old.outputs
    _write(notebook, code, source, target)


def _is_study(cell):
    return STUDY in cell.metadata.get("tags", [])


def _execute(notebook, target, timeout, **environment):
    """Run all cells in a fresh kernel, in the folder of the notebook."""
    from nbclient import NotebookClient

    folder = {"metadata": {"path": str(target.parent)}}
    client = NotebookClient(notebook, timeout=timeout, record_timing=False, store_widget_state=False, resources=folder)
    client.execute(env={**_environment(), **environment})


def _write(notebook, code, source, target):
    import nbformat

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(_without_widget, cell.outputs) if output is not None]
    notebook.metadata.language_info = nbformat.from_dict({"name": "python"})  # the kernel wrote its version there
    notebook.metadata.mgcbook = nbformat.from_dict({"source_sha256": code})
    nbformat.validate(notebook)
    text = nbformat.writes(notebook) + "\n"
    found = complaints(notebook, len(text.encode()))
    if found:
        raise ValueError(f"{source.name}: " + "; ".join(found))
    target.write_text(text, encoding="utf-8")


def _environment():
    """The kernel's environment: it imports this very package, installed or not, and runs in full."""
    package_parent = str(Path(__file__).resolve().parents[2])
    reader = {name for name in os.environ if name.startswith("MGCBOOK_")} - {"MGCBOOK_CACHE"}  # fast, strict: not for the book
    environment = {name: value for name, value in os.environ.items() if name not in reader}
    environment["PYTHONPATH"] = os.pathsep.join([package_parent, *filter(None, [os.environ.get("PYTHONPATH")])])
    return environment


def _without_widget(output):
    """An output without its live view; None if nothing a reader could see is left."""
    data = output.get("data", {})
    if data.pop(WIDGET, None) is None:
        return output
    return output if set(data) - {"text/plain"} else None


def is_current(source, target):
    """Whether the notebook exists, says what its source says and was executed from it."""
    import nbformat

    if not target.exists():
        return False
    wanted, committed = read(source), nbformat.read(target, as_version=4)
    hashed = committed.metadata.get("mgcbook", {}).get("source_sha256")
    return contents(committed) == contents(wanted) and hashed == digest(wanted)


def complaints(notebook, size):
    """What is wrong with the outputs of an executed notebook of `size` bytes; a list of sentences, empty if nothing is."""
    found = [f"{size:,} bytes, at most {LARGEST:,}"] if size > LARGEST else []
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in code]
    if counts != list(range(1, len(code) + 1)):
        found.append(f"cells were not executed once each from the top: {counts}")
    homes = {str(Path.home()), str(Path(__file__).resolve().parents[2]), sys.prefix}
    for cell in code:
        for output in cell.outputs:
            data = output.get("data", {})
            words = "".join(output.get("text", "")) + "".join(str(value) for kind, value in data.items() if kind != "image/jpeg")
            if output.output_type == "error" or output.get("name") == "stderr":
                found.append(f"{cell.id}: an error or a message on stderr: {words[:80] or output.get('evalue')}")
            if WIDGET in data:
                found.append(f"{cell.id}: a live widget")
            if any(home in words for home in homes if len(home) > 4):
                found.append(f"{cell.id}: a path of this machine")
            if " at 0x" in words:
                found.append(f"{cell.id}: a value printed with its address, which differs in every run")
    return found


def _shows_study(source):
    return any(map(_is_study, read(source).cells))


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m mgcbook.book.build", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="beginnings of chapter names, for example 04")
    parser.add_argument("--all", action="store_true", help="execute every chapter, changed or not")
    parser.add_argument("--check", action="store_true", help="only say which notebooks are not current")
    parser.add_argument("--study", action="store_true", help="only show the numbers of mgcbook study anew, in chapters that do")
    options = parser.parse_args(arguments)
    chosen = [path for path in sources() if not options.names or path.stem.startswith(tuple(options.names))]
    if not chosen:
        print(f"no chapter begins with {' or '.join(options.names) or 'anything'} in {notebooks_folder()}/src", file=sys.stderr)
        return 2
    stale = [path for path in chosen if not is_current(path, target_of(path))]
    if options.check:
        print("\n".join(f"{path.stem}: not current" for path in stale) or "all notebooks are current")
        return 1 if stale else 0
    make, chosen = (refresh, [*filter(_shows_study, chosen)]) if options.study else (build, chosen)
    for path in chosen if options.all or options.names or options.study else stale:
        start, target = time.perf_counter(), target_of(path)
        make(path, target)
        print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB in {time.perf_counter() - start:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
