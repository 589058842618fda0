"""Run the code cells of a chapter inside this process, without a kernel: in seconds, and an error names chapter, cell and line.

Tests use it at every commit; that a chapter stands alone in a fresh kernel is what building it proves.
"""

import ast
import contextlib
import copy
import linecache
import re
import signal
import types

from mgcbook.book import exercises

REFUSED = (  # what these would do is lost without a kernel, so a chapter may not have them
    "get_ipython().run_cell_magic(",
    "get_ipython().system(",
    "get_ipython().getoutput(",
    "get_ipython().run_line_magic('matplotlib', 'widget')",  # it would switch the backend of every later callback
)


def plain_python(source, where):
    """The cell without its line magics; raises ValueError for what cannot be left out."""
    from IPython.core.inputtransformer2 import TransformerManager

    lines = TransformerManager().transform_cell(source).splitlines()
    for i, line in enumerate(lines):
        bare = line.lstrip()
        if any(call in bare for call in REFUSED):
            raise ValueError(f"{where}: `%%magic`, `!command` and `%matplotlib widget` have no place in a chapter: {bare}")
        if bare.startswith("get_ipython()."):
            lines[i] = line[: len(line) - len(bare)] + "pass"  # keeps the line numbers, and a block its body
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def at_most(seconds):
    """Raise TimeoutError in what runs inside for longer; None or a system without alarms (Windows): never."""
    if seconds is None or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_):
        raise TimeoutError(f"it ran for more than {seconds:g} s: a loop without an end?")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run_cells(notebook, name="chapter", *, on_error=None, cell_seconds=None, **parameters):
    """Run a notebook's cells and return its variables; `parameters` replace what the cell tagged `parameters` has set.

    What a cell ends with is asked for its notebook form, as a kernel would, so that figures are really drawn. A cell that fails
    ends the run, unless `on_error(index, error)` takes note of it: then the next cell has its turn. So does one that takes longer
    than `cell_seconds` (in the main thread only).
    """
    from IPython.display import display

    variables = {"__name__": "__main__", "display": display}
    shell = _quiet_shell()
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        try:
            with at_most(cell_seconds):
                value = _run(cell.source, f"{name}#cell{i}", variables)
                if value is not None:
                    shell.display_formatter.format(value)
        except Exception as error:
            if on_error is None:
                raise
            on_error(i, error)
        if "parameters" in cell.metadata.get("tags", []):
            variables.update(parameters)
    return variables


def _run(source, where, variables):
    """Execute a cell; the value of its last expression, None if it ends with something else or with a semicolon."""
    source = plain_python(source, where)
    linecache.cache[where] = (len(source), None, source.splitlines(True), where)  # tracebacks and getsource read it here
    tree = ast.parse(source, where)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, where, "exec"), variables)
    if last is None:
        return None
    value = eval(compile(ast.Expression(last.value), where, "eval"), variables)
    return None if source.rstrip().endswith(";") else value


def _quiet_shell():
    """The one IPython shell of this process: without it `display(..., display_id=...)` returns None instead of a handle."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    quiet = Config({"HistoryManager": {"enabled": False}})
    return InteractiveShell.instance(config=quiet, user_module=types.ModuleType("cells"))  # else it replaces __main__


def solved(notebook):
    """A copy of the notebook in which every cell tagged `exercise` imports the library's function instead.

    Raises:
        KeyError: for an exercise cell whose function has no exercise.
    """
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if "exercise" in cell.metadata.get("tags", []):
            function = task_of(notebook, cell).solution
            cell.source = f"from {function.__module__} import {function.__name__}"
    return notebook


def task_of(notebook, cell):
    """The exercise that a cell tagged `exercise` poses: that of the first check("n.m", name) after it, name its function."""
    name = re.search(r"^def (\w+)", cell.source, re.M)[1]
    later = notebook.cells[notebook.cells.index(cell) + 1 :]
    found = next((match for other in later if (match := re.search(rf'check\("([\d.]+)", {name}\)', other.source))), None)
    if found is None:
        raise KeyError(f"no check(..., {name}) follows the exercise cell that defines {name}")
    return exercises.find(found[1])
