"""`mgcbook notebooks FOLDER`: a copy of the book to work in."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from mgcbook.errors import ResourceError, UsageError


@dataclass(frozen=True)
class NotebooksOptions:
    """Copy the notebooks into a folder of your own; files that are there already stay as they are."""

    folder: Positional[Path] = Path("mgcbook-notebooks")
    """Where to; made if it is missing."""


def run(options: NotebooksOptions):
    """Copy what is not there yet and say how to open it."""
    source = find_notebooks()
    copied, kept = 0, 0
    try:
        for path in sorted(source.rglob("*")):
            inside = path.relative_to(source)
            if not path.is_file() or any(part.startswith((".", "__")) for part in inside.parts):
                continue
            target = options.folder / inside
            if target.exists():
                kept += 1
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            copied += 1
    except OSError as error:
        raise ResourceError(f"{options.folder}: cannot be written ({error.strerror})") from error
    print(f"{options.folder}: {copied} files copied, {kept} kept as they were; open them with: jupyter lab {options.folder}")


def find_notebooks():
    """The folder with the book: inside the installed package, or beside it in a checkout.

    Raises:
        UsageError: if there is none.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if any(folder.glob("*.ipynb")):
            return folder
    raise UsageError("this installation has no notebooks: install a wheel of mgcbook, or work in a checkout")
