"""Every command and what can go wrong with it: one line on stderr, an exit code, and the traceback only with --debug."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from mgcbook import cli
from mgcbook.data.images import write_image
from mgcbook.programs import trained


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with everything that is wrong: its name has a space and letters of other alphabets, too."""
    folder = tmp_path_factory.mktemp("Ü bung 顔")
    (folder / "empty").mkdir()
    (folder / "nothing.png").write_bytes(b"")
    (folder / "text.png").write_text("no picture", encoding="utf-8")
    (folder / "text.json").write_text("no JSON", encoding="utf-8")
    (folder / "weights.safetensors").write_bytes(b"PK" * 500)
    (folder / "notes.txt").write_text("1 2 3", encoding="utf-8")
    write_image(folder / "noise.png", np.random.default_rng(0).random((80, 80, 3)))
    write_image(folder / "tiny.png", np.zeros((4, 4, 3)))
    (folder / "run").mkdir()
    (folder / "run" / "metrics.jsonl").write_text("{}\n" * 3, encoding="utf-8")
    (folder / "run" / "config.json").write_text('{"steps": -1}', encoding="utf-8")
    (folder / "unfinished").mkdir()
    (folder / "unfinished" / "metrics.jsonl").write_text("", encoding="utf-8")
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3)}, folder / "other.safetensors")
    return folder


FAILURES = [
    # command line, exit code, what the line says
    ("train --preset papr", 2, "preset: expected one of paper, classroom"),
    ("train --steps -5", 2, "steps: expected at least 0, got -5"),
    ("train --batch 0", 2, "batch: expected at least 1"),
    ("train --learning-rate -1", 2, "learning_rate: expected a number above 0"),
    ("train --learning-rate nan", 2, "learning_rate: expected a number above 0"),
    ("train --steps many", 2, "many"),
    ("train --face wide", 2, "wide"),
    ("train --depth 19", 2, "19"),
    ("train --run run", 3, "run"),
    ("train --run new --data missing", 3, "missing"),
    ("train --run new --data empty", 3, "empty"),
    ("train --run new --data noise.png", 3, "noise.png"),
    ("train --run new --pretrained missing.pth --steps 1", 3, "missing.pth"),
    ("train --run new --pretrained weights.safetensors --steps 1", 3, "weights.safetensors"),
    ("train --run noise.png/run --steps 1", 4, "noise.png/run"),
    ("reconstruct missing.png", 3, "missing.png"),
    ("reconstruct empty", 3, "empty"),
    ("reconstruct nothing.png", 3, "nothing.png: the file is empty"),
    ("reconstruct text.png", 3, "text.png"),
    ("reconstruct tiny.png", 3, "tiny.png: found 4 x 4 pixels"),
    ("reconstruct noise.png", 3, "--landmarks"),
    ("reconstruct noise.png --landmarks missing.pts", 3, "missing.pts"),
    ("reconstruct noise.png --landmarks notes.txt", 3, "notes.txt"),
    ("reconstruct noise.png --weights missing", 3, "missing"),
    ("reconstruct noise.png --weights empty", 3, "empty"),
    ("reconstruct noise.png --weights weights.safetensors", 3, "weights.safetensors"),
    ("reconstruct noise.png --weights other.safetensors", 3, "other.safetensors"),
    ("reconstruct sample --face wide", 3, "wide: No such file"),
    ("reconstruct", 2, "photo"),
    ("fit", 2, "photos"),
    ("fit missing.png", 3, "missing.png"),
    ("fit text.png", 3, "text.png"),
    ("fit noise.png", 3, "noise.png: no file with its 68 landmarks"),
    ("fit noise.png --landmarks missing.pts", 3, "missing.pts"),
    ("fit noise.png --size -3", 2, "size"),
    ("fit sample --face wide", 3, "wide: No such file"),
    ("fit sample --fit.steps -4", 2, "steps"),
    ("evaluate missing", 3, "missing"),
    ("evaluate empty", 3, "empty: no checkpoint there"),
    ("evaluate weights.safetensors", 3, "weights.safetensors"),
    ("evaluate other.safetensors", 3, "other.safetensors"),
    ("evaluate noise.png", 3, "noise.png"),
    ("evaluate missing --count 0", 2, "count: expected at least 1"),
    ("evaluate missing --protocol magic", 2, "magic"),
    ("prepare folder missing out", 3, "missing"),
    ("prepare folder empty out", 3, "empty"),
    ("prepare folder noise.png out", 3, "noise.png"),
    ("prepare wat empty out", 2, "wat"),
    ("prepare folder empty out --size -1", 2, "size"),
    ("prepare folder empty out --workers -1", 2, "workers"),
    ("prepare folder empty out --limit -1", 2, "limit"),
    ("prepare folder empty out --shard-size 0", 2, "shard"),
    ("convert wat", 2, "wat"),
    ("convert flame missing out.npz", 3, "missing"),
    ("convert flame empty out.npz", 3, "empty"),
    ("convert bfm2009 noise.png out.npz", 3, "noise.png"),
    ("convert ict empty out.npz --identity -2", 2, "identity"),
    ("plot missing", 3, "missing"),
    ("plot empty", 3, "empty"),
    ("plot noise.png", 3, "noise.png"),
    ("plot run", 3, "not a report"),
    ("plot unfinished", 3, "no report yet"),
    ("plot run --smooth -1", 2, "smooth"),
    ("bench --only magic", 2, "magic"),
    ("bench --rounds 0", 2, "rounds"),
    ("bench --threads -1", 2, "threads"),
    ("doctor --replay missing", 3, "missing"),
    ("doctor --replay empty", 3, "empty"),
    ("doctor --replay weights.safetensors", 3, "weights.safetensors"),
    ("doctor --replay other.safetensors", 3, "other.safetensors"),
    ("notebooks noise.png", 4, "noise.png"),
    ("notebooks noise.png/x", 4, "noise.png"),
    ("demo --out noise.png", 4, "noise.png"),
    ("demo --steps -1", 2, "steps"),
    ("lab noise.png", 4, "noise.png"),
    ("progress missing", 3, "missing"),
    ("classroom noise.png", 3, "noise.png"),
    ("pack", 2, "PATH"),
    ("pack missing new.safetensors", 3, "missing"),
    ("pack weights.safetensors new.safetensors", 3, "weights.safetensors"),
    ("study magic", 2, "magic"),
    ("study ablation --scale years", 2, "years"),
    ("grade missing", 3, "missing"),
    ("grade empty", 3, "empty"),
]


@pytest.mark.parametrize(("line", "code", "said"), FAILURES, ids=[line for line, *_ in FAILURES])
def test_a_failure_is_one_line_and_an_exit_code(place, monkeypatch, capsys, line, code, said):
    monkeypatch.chdir(place)
    monkeypatch.setattr(trained, "SHIPPED", place / "no such weights")  # with them `fit` looks for a face itself
    name = line.split()[0]
    found = cli.main(line.split())
    err = [text for text in capsys.readouterr().err.splitlines() if not text.startswith("mgcbook: warning")]
    assert (found, len(err)) == (code, 1), err
    assert err[0].startswith(f"mgcbook {name}: "), err
    assert said in err[0]
    assert "Traceback" not in err[0] and "Errno" not in err[0] and not re.search("[╭╰│─]|---", err[0])


def test_every_command_is_in_the_table():
    assert {line.split()[0] for line, *_ in FAILURES} == set(cli.PROGRAMS)


@pytest.mark.parametrize("line", ["reconstruct missing.png", "train --preset papr", "demo --out noise.png"])
def test_debug_shows_the_traceback_of_any_failure(place, monkeypatch, capsys, line):
    monkeypatch.chdir(place)
    assert cli.main([*line.split(), "--debug"]) in (2, 3, 4)
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert err.splitlines()[-1].startswith("mgcbook ")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file systems with names of any bytes")
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_names_that_are_no_text_are_told_as_well_as_can_be(tmp_path, encoding):
    photo = os.fsencode(tmp_path) + b"/caf\xe9 \xff.png"
    command = [sys.executable, "-m", "mgcbook", "reconstruct", photo]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for content in (None, b"no picture"):
        if content:
            with open(photo, "wb") as file:
                file.write(content)
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        assert done.returncode == 3, done.stderr
        assert done.stderr.startswith(b"mgcbook reconstruct: ") and done.stderr.count(b"\n") == 1
        assert b"caf" in done.stderr
