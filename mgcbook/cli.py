"""The command `mgcbook`: finds the program, runs it, and turns expected failures into one line and an exit code.

    0 done   1 a fault of mgcbook (with its traceback)   2 usage   3 data   4 resources   130 Ctrl-C

A program is a module with `run(options)`, whose one argument is a frozen dataclass: its fields are the
command's options, their docstrings its help. Nothing is imported before it is needed: `mgcbook --help` takes no time.
"""

import contextlib
import importlib
import io
import os
import re
import sys
import typing
import warnings

PROGRAMS = {
    "demo": "the whole system in minutes: train, evaluate, fit a photograph; pictures in runs/demo",
    "train": "train the network on triples of views, or go on with an interrupted run",
    "fit": "fit the face model to one or several photographs by gradient descent",
    "reconstruct": "turn a photograph into a 3D face with trained weights",
    "evaluate": "measure trained weights against known faces",
    "study": "does it work? A benchmark with truth, the ablation of the paper, photographs",
    "prepare": "align and cut out the pictures of a data set for training",
    "convert": "turn a face model of another project (ICT-FaceKit, BFM, FLAME, ...) into a model file",
    "pack": "write trained weights into one small file, to give away",
    "plot": "draw the loss curves of a training run",
    "bench": "measure how fast network, rasterizer, tape and training steps are",
    "doctor": "check this machine, or look into a batch that went wrong",
    "lab": "open the book in JupyterLab",
    "notebooks": "copy the notebooks into a folder of your own",
    "progress": "show which exercises are solved in your notebooks",
    "classroom": "write student copies of the chapters and notes for instructors",
    "grade": "run the notebooks of a class and write a score sheet",
}
"""Name -> what it does."""

MODULES = {name: f"mgcbook.programs.{name}" for name in PROGRAMS} | {
    "fit": "mgcbook.programs.fit_photos",  # `fit` itself holds the method, not the command
    **{name: f"mgcbook.book.{name}" for name in ("progress", "classroom", "grade")},  # the book's own, found by name only
}
"""Command -> module."""


def main(args=None):
    """Run one command; returns its exit code."""
    args = list(sys.argv[1:] if args is None else args)
    debug = "--debug" in args or bool(os.environ.get("MGCBOOK_DEBUG"))
    args = [arg for arg in args if arg != "--debug"]
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            return _run(args)
        except KeyboardInterrupt:
            return _fail(args, "stopped", 130, debug)
        except BrokenPipeError:  # `mgcbook ... | head`: nobody reads on
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except Exception as error:
            code = exit_code(error)
            if code is None:
                raise
            return _fail(args, _message(error), code, debug)


def exit_code(error):
    """The exit code of an expected failure: 2 usage, 3 data, 4 resources; None for a fault of the program."""
    if hasattr(error, "exit_code"):
        return error.exit_code
    if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return 3
    return 4 if isinstance(error, OSError | MemoryError) else None


def _message(error):
    """What an expected failure says; Python's own errors about files put the file first, as ours do."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fspath(error.filename)}: {error.strerror}"
    return str(error) or type(error).__name__


def _run(args):
    if not args or args[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if args else 2
    if args[0] == "--version":
        from mgcbook import __version__

        print(f"mgcbook {__version__}")
        return 0
    name, rest = args[0], args[1:]
    if name not in PROGRAMS:
        from mgcbook.errors import UsageError

        raise UsageError(f"no command is called {name!r}; there are {', '.join(PROGRAMS)}")
    program = importlib.import_module(MODULES[name])
    return program.run(parse(program, name, rest)) or 0


def parse(program, name, args):
    """Command line -> the options of a program.

    Raises:
        UsageError: for options that do not exist or have impossible values, in one line.
    """
    from mgcbook.errors import UsageError

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            if hasattr(program, "parse"):
                return program.parse(args)
            import tyro

            options = next(iter(typing.get_type_hints(program.run).values()), None) or program.Options
            return tyro.cli(options, args=args, prog=f"mgcbook {name}", config=(tyro.conf.FlagCreatePairsOff,))
    except SystemExit as end:
        if end.code:
            raise UsageError(f"{_first_lines(said.getvalue())} (see mgcbook {name} --help)") from None
        raise
    finally:
        said.close()


def _first_lines(box):
    """What a message of tyro says, without its frame, its title and the advice under a line; the frame may be ASCII."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()
    sections = [[]]
    for line in lines:
        text = line.strip("│ ")
        if text and not text.strip("─-"):
            sections.append([])
        elif text and not text.startswith(("╭", "╰")):
            sections[-1].append(text)
    has_title = "╭" not in box  # as a section of its own
    return " ".join(sections[1] if has_title and len(sections) > 1 else sections[0])


def _help():
    width = max(map(len, PROGRAMS))
    commands = "\n".join(f"  {name:<{width}}  {what}" for name, what in PROGRAMS.items())
    return (
        "usage: mgcbook COMMAND [options]\n\n"
        "Self-supervised 3D face reconstruction, as a book and a library.\n\n"
        f"{commands}\n\n"
        "mgcbook COMMAND --help lists the options of a command; --debug shows where an error came from."
    )


def _fail(args, message, code, debug):
    if debug:
        import traceback

        traceback.print_exc()
    command = f"mgcbook {args[0]}" if args and args[0] in PROGRAMS else "mgcbook"
    print(f"{command}: {' '.join(message.split())}", file=sys.stderr)
    return code


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"mgcbook: warning: {message}", file=sys.stderr)
