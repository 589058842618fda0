"""The command line: what it says, where, and with which exit code."""

import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from mgcbook import __version__, cli
from mgcbook.errors import DataError, NumericalError, ResourceError, UsageError


@dataclass(frozen=True)
class Options:
    """A program for tests."""

    photo: Path = Path("photo.png")
    """A picture."""
    steps: int = 3
    """How many."""


def install(monkeypatch, action):
    """A command `toy` that calls action(options)."""

    def run(options: Options):
        return action(options)

    monkeypatch.setitem(cli.PROGRAMS, "toy", "for tests")
    monkeypatch.setitem(cli.MODULES, "toy", "mgcbook.programs.toy")
    monkeypatch.setitem(sys.modules, "mgcbook.programs.toy", SimpleNamespace(run=run))


def fails_with(error):
    def action(_):
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("preset: expected one of a, b, got 'c'"), 2, "mgcbook toy: preset: expected one of a, b, got 'c'"),
        (DataError("photo.png: no picture"), 3, "mgcbook toy: photo.png: no picture"),
        (NumericalError("step 3: loss pixel is not finite"), 3, "mgcbook toy: step 3: loss pixel is not finite"),
        (ResourceError("disk full"), 4, "mgcbook toy: disk full"),
        (
            FileNotFoundError(2, "No such file or directory", "x.png"),
            3,
            "mgcbook toy: x.png: No such file or directory",
        ),
        (PermissionError(13, "Permission denied", "x.png"), 4, "mgcbook toy: x.png: Permission denied"),
        (MemoryError(), 4, "mgcbook toy: MemoryError"),
        (DataError("two\nlines"), 3, "mgcbook toy: two lines"),
        (KeyboardInterrupt(), 130, "mgcbook toy: stopped"),
    ],
)
def test_an_expected_failure_is_one_line_and_an_exit_code(monkeypatch, capsys, error, code, said):
    install(monkeypatch, fails_with(error))
    assert cli.main(["toy"]) == code
    out, err = capsys.readouterr()
    assert (out, err) == ("", said + "\n")


@pytest.mark.parametrize("how", ["option", "environment"])
def test_debug_shows_where_the_error_came_from(monkeypatch, capsys, how):
    install(monkeypatch, fails_with(DataError("no picture")))
    if how == "environment":
        monkeypatch.setenv("MGCBOOK_DEBUG", "1")
    assert cli.main(["toy", "--debug"] if how == "option" else ["toy"]) == 3
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "in action" in err
    assert err.endswith("mgcbook toy: no picture\n")


def test_a_fault_of_the_program_is_not_hidden(monkeypatch):
    install(monkeypatch, fails_with(IndexError("a bug")))
    with pytest.raises(IndexError):
        cli.main(["toy"])


def test_options_reach_the_program_and_its_exit_code_comes_back(monkeypatch):
    seen = []
    install(monkeypatch, seen.append)
    assert cli.main(["toy", "--steps", "5", "--photo", "a b.png"]) == 0
    assert seen == [Options(Path("a b.png"), 5)]
    install(monkeypatch, lambda options: 143)
    assert cli.main(["toy"]) == 143


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--wat"], "Unrecognized options: --wat"),
        (["--steps", "many"], "Error parsing --steps: invalid literal for int() with base 10: 'many'"),
        (["--steps"], "--steps"),
    ],
)
def test_bad_options_are_one_line(monkeypatch, capsys, args, said):
    install(monkeypatch, lambda options: None)
    assert cli.main(["toy", *args]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("mgcbook toy: ")
    assert said in err
    assert err.endswith("(see mgcbook toy --help)\n")
    assert err.count("\n") == 1
    assert not set("│╭─") & set(err)
    assert "---" not in err


def test_help_of_a_command_holds_the_docstrings(monkeypatch, capsys):
    install(monkeypatch, lambda options: None)
    with pytest.raises(SystemExit) as end:
        cli.main(["toy", "--help"])
    out = capsys.readouterr().out
    assert end.value.code == 0
    assert "A program for tests." in out
    assert "How many. (default: 3)" in out


def test_commands_are_listed_and_unknown_ones_are_refused(capsys):
    assert cli.main(["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in cli.PROGRAMS)
    assert cli.main([]) == 2
    capsys.readouterr()
    assert cli.main(["trian"]) == 2
    assert capsys.readouterr().err.startswith("mgcbook: no command is called 'trian'; there are demo, train")
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"mgcbook {__version__}\n"


def test_warnings_are_one_line(monkeypatch, capsys):
    install(monkeypatch, lambda options: warnings.warn("step 4 is damaged", stacklevel=1))
    assert cli.main(["toy"]) == 0
    assert capsys.readouterr().err == "mgcbook: warning: step 4 is damaged\n"


def test_train_refuses_an_unknown_preset_and_a_broken_run_folder(capsys, tmp_path):
    assert cli.main(["train", "--preset", "papr"]) == 2
    assert "paper, classroom, portable-start, portable-middle, portable, got 'papr'" in capsys.readouterr().err
    (tmp_path / "config.json").write_text("not json")
    assert cli.main(["train", "--run", str(tmp_path)]) == 3
    assert "not a configuration" in capsys.readouterr().err


def test_train_takes_its_defaults_from_the_preset_or_the_run(tmp_path):
    from mgcbook.programs.config import preset, save_config
    from mgcbook.programs.train import parse

    assert parse(["--preset", "paper", "--steps", "7"]).config.batch == preset("paper").batch
    options = parse(["--preset", "paper", "--steps", "7", "--weights.pixel", "0.5"])
    assert (options.run, options.config.steps, options.config.weights.pixel) == (Path("runs/paper"), 7, 0.5)
    save_config(options.config, tmp_path)
    assert parse(["--run", str(tmp_path)]).config == options.config
    assert parse(["--run", str(tmp_path), "--preset", "paper"]).config == preset("paper")


def test_the_module_runs_as_the_command_does():
    done = subprocess.run([sys.executable, "-m", "mgcbook", "plot", "nothing here"], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("mgcbook plot: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe of POSIX")
def test_a_reader_who_goes_away_is_no_error():
    command = f"'{sys.executable}' -m mgcbook --help | true"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
