"""`mgcbook lab [FOLDER]`: a copy of the book, open in JupyterLab."""

import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from mgcbook.errors import ResourceError
from mgcbook.programs import notebooks


@dataclass(frozen=True)
class LabOptions:
    """Open the book in JupyterLab; the notebooks are copied first where they are missing, and yours stay as they are."""

    folder: Positional[Path] = Path("mgcbook-notebooks")
    """Your copy of the notebooks; made if it is missing."""
    port: int | None = None
    """Of the server on this machine; none: JupyterLab chooses."""
    browser: bool = True
    """Open a window; without, the address is printed."""
    allow_root: bool = False
    """Start although you are root, as in a container: JupyterLab refuses that unless it is told to."""


def run(options: LabOptions):
    """Copy, start the server, stay until it ends; returns its exit code."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise ResourceError("JupyterLab is not installed: pip install 'mgcbook[notebooks]'")
    notebooks.run(notebooks.NotebooksOptions(options.folder))
    command = [sys.executable, "-m", "jupyterlab", str(options.folder)]
    command += [] if options.port is None else [f"--ServerApp.port={options.port}"]
    command += [] if options.browser else ["--no-browser"]
    command += ["--allow-root"] if options.allow_root else []
    return subprocess.call(command)
