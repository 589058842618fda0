"""A number that is not finite, from the command line: the run names it and keeps the batch, and `mgcbook doctor` finds it."""

import re
import shlex

import numpy as np
import pytest

from mgcbook import cli
from mgcbook.programs import guard
from mgcbook.programs.checkpoint import checkpoints
from mgcbook.programs.metrics import read_metrics

SMALL = "--steps 9 --batch 2 --image-size 32 --triples 8 --depth 10 --width 8 --snapshot-every 0 --checkpoint-every 2"


@pytest.fixture
def exploded(tmp_path, capsys):
    """A run whose weights leave the numbers that there are: (folder, what was said)."""
    folder = tmp_path / "Lauf mit ü"
    with np.errstate(all="ignore"):
        code = cli.main(["train", "--run", str(folder), *SMALL.split(), "--learning-rate", "1e25", "--schedule", "constant"])
    assert code == 3
    return folder, capsys.readouterr().err


def test_the_guard_and_the_doctor_agree(exploded, capsys):
    folder, said = exploded
    line = said.splitlines()[-1]
    found = re.fullmatch(r"mgcbook train: step (\d+): (.+) is not finite; the batch is kept: mgcbook (doctor --replay .*)", line)
    assert found, said
    step, bad, command = int(found[1]), found[2], shlex.split(found[3])
    assert command == ["doctor", "--replay", str(folder / guard.NAME.format(step))]
    assert read_metrics(folder)[-1]["step"] == step - 1
    assert checkpoints(folder / "checkpoints"), "the steps before it are saved"

    with np.errstate(all="ignore"):
        assert cli.main(command) == 0
    listed = capsys.readouterr().out.splitlines()
    assert f"first bad tensor then: {bad}" in listed[0]
    marked = [text for text in listed if text.startswith("BAD ")]
    assert marked and all("not finite" in text for text in marked)
    guarded = ("batch", "coefficients", "loss", "gradient")
    looked_at = [" ".join(text.split()[1:3]) for text in marked if text.split()[1] in guarded]
    assert looked_at[0] == bad, "of what the guard looks at it names the first; the doctor looks inside of the stages, too"
    assert any(text.split()[:2] == ["batch", "images"] for text in listed), "finite parts of the batch are described, too"


def test_going_on_with_it_ends_at_the_same_step_again(exploded, capsys):
    folder, said = exploded
    with np.errstate(all="ignore"):
        assert cli.main(["train", "--run", str(folder)]) == 3
    assert capsys.readouterr().err.splitlines()[-1] == said.splitlines()[-1]
