"""mgcbook prepare: the data set is valid, bad pictures are listed, and a killed preparation ends with the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mgcbook.data.dataset import FaceDataset, validate
from mgcbook.data.images import write_image
from mgcbook.data.landmarks import write_landmarks
from mgcbook.data.preparation import Preparation, prepare
from mgcbook.data.sources import open_source
from mgcbook.errors import DataError, UsageError
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.programs.prepare import PrepareOptions, run

CAMERA = PAPER_CAMERA.resized(64, 64)


@pytest.fixture(scope="module")
def template():
    from mgcbook.data import builtin
    from mgcbook.data.align import alignment_template

    return alignment_template(builtin.load("light"), CAMERA)


@pytest.fixture
def photos(tmp_path, rng, template):
    """Seven photographs with landmarks; one is cut short, one has the wrong number of points."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(7):
        write_image(folder / f"{number}.png", rng.uniform(0.4, 0.9, (90, 80, 3)) * [1, 0.75, 0.6])
        write_landmarks(folder / f"{number}.pts", template + 8 + rng.normal(size=(68, 2)))
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:3000])
    write_landmarks(folder / "5.pts", template[[36, 42, 30, 48, 54]] + 8)
    return folder


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def preparation(photos, template, views=1):
    return Preparation(open_source("folder", photos), template, CAMERA, views=views)


def test_good_pictures_are_prepared_and_bad_ones_listed(tmp_path, photos, template):
    made = []
    summary = prepare(tmp_path / "a", preparation(photos, template), {"kind": "folder"}, shard_size=2,
                      progress=lambda done, total: made.append((done, total)))  # fmt: skip
    assert made[-1] == (7, 7)
    assert [one["views"] for one in summary.skipped] == [["2"], ["5"]]
    assert "2.png" in summary.skipped[0]["reason"] and "68 landmarks" in summary.skipped[1]["reason"]
    assert validate(tmp_path / "a") == []
    data = FaceDataset(tmp_path / "a")
    assert len(data) == 5 and data.describe()["about"] == {"kind": "folder"}
    found = data.batch(range(5))["landmarks"][:, 0]
    assert np.abs(found - template).mean() < 2, "landmarks of an aligned face lie on the template"
    assert [json.loads(line)["views"][0]["key"] for line in (tmp_path / "a" / "items.jsonl").open()] == ["0", "1", "3", "4", "6"]
    assert json.loads((tmp_path / "a" / "skipped.jsonl").read_text().splitlines()[0])["item"] == 2
    again = prepare(tmp_path / "a", preparation(photos, template), {"kind": "folder"}, shard_size=2)
    assert again == summary, "a finished one is kept"
    with pytest.raises(DataError, match="another data set"):
        prepare(tmp_path / "a", preparation(photos, template), {"kind": "folder"}, shard_size=3)
    (photos / "6.png").rename(photos / "7.png")
    with pytest.raises(DataError, match="another data set"):
        prepare(tmp_path / "a", preparation(photos, template), {"kind": "folder"}, shard_size=2)


def test_skin_weighs_nothing_beyond_the_photograph(tmp_path, template, rng):
    write_image(tmp_path / "a.png", np.full((90, 80, 3), 0.8) * [1, 0.75, 0.6])
    write_landmarks(tmp_path / "a.pts", template + np.array([-12, 20]))
    image, landmarks, skin = preparation(tmp_path, template).view(open_source("folder", tmp_path).sample("a"))
    assert np.abs(landmarks - template).max() < 0.1 and image.shape == (64, 64, 3)
    assert (skin[:, :11] == 0).all() and (skin[20:40, 14:] == 1).all()


def test_landmarks_can_be_found_instead_of_read(tmp_path, photos, template, monkeypatch, capsys):
    from mgcbook.data import finders

    for path in photos.glob("*.pts"):
        path.unlink()
    asked = []
    monkeypatch.setitem(finders.FINDERS, "mine", lambda device: lambda photo: asked.append(photo.shape) or template + 8)
    options = dict(size=64, face="light", views=1, landmarks=Path("mine"))
    run(PrepareOptions("folder", photos, tmp_path / "out", **options))
    data = FaceDataset(tmp_path / "out")
    assert len(data) == 6 and asked == [(90, 80, 3)] * 6, "one picture is cut short"
    assert np.abs(data.batch(range(6))["landmarks"][:, 0] - template).max() < 0.1
    assert data.describe()["about"]["landmarks"] == "mine"
    with pytest.raises(DataError, match="another data set"):
        run(PrepareOptions("folder", photos, tmp_path / "out", size=64, face="light", views=1))
    with pytest.raises(UsageError, match="--landmarks network"):
        run(PrepareOptions("folder", photos, tmp_path / "out", weights=Path("runs")))
    monkeypatch.setattr("mgcbook.programs.trained.SHIPPED", tmp_path / "none")
    with pytest.raises(UsageError, match="this installation brings none"):
        run(PrepareOptions("folder", photos, tmp_path / "o", landmarks=Path("network")))


def test_the_colors_of_skin_can_be_chosen(tmp_path, photos):
    for skin in ("jones-rehg", "refitted"):
        run(PrepareOptions("folder", photos, tmp_path / skin, size=48, face="light", views=1, skin=skin, limit=2))
    published, refitted = (FaceDataset(tmp_path / skin) for skin in ("jones-rehg", "refitted"))
    assert (published.batch([0])["skin"] != refitted.batch([0])["skin"]).any()
    assert "skin" not in published.describe()["about"] and refitted.describe()["about"]["skin"] == "refitted"


def test_workers_do_not_change_a_byte(tmp_path, photos, template):
    for workers in (1, 3):
        prepare(tmp_path / str(workers), preparation(photos, template, 3), {}, shard_size=1, workers=workers)
    assert content(tmp_path / "1") == content(tmp_path / "3")
    with pytest.raises(UsageError, match="workers"):
        prepare(tmp_path / "4", preparation(photos, template), {}, workers=0)


def test_a_failure_anywhere_leaves_what_a_restart_completes(tmp_path, photos, template, monkeypatch):
    """Every write fails once, in turn; the next start goes on, and the bytes are those of a run without failures."""
    from mgcbook.data import preparation as module

    prepare(tmp_path / "whole", preparation(photos, template), {}, shard_size=2)
    real, calls = module._write, [0]
    for fails_at in range(1, 13):
        calls[0] = 0

        def breaks(path, data, fails_at=fails_at):
            calls[0] += 1
            if calls[0] == fails_at:
                raise KeyboardInterrupt
            real(path, data)

        monkeypatch.setattr(module, "_write", breaks)
        target = tmp_path / f"broken{fails_at}"
        try:
            prepare(target, preparation(photos, template), {}, shard_size=2)
        except KeyboardInterrupt:
            (target / ".shard.tmp").write_bytes(b"half")  # what a killed process leaves
        monkeypatch.setattr(module, "_write", real)
        prepare(target, preparation(photos, template), {}, shard_size=2)
        assert content(target) == content(tmp_path / "whole"), fails_at
    assert calls[0] == 12, "the last round met the last write"


def test_all_bad_is_an_error(tmp_path, template, rng):
    write_image(tmp_path / "a.png", rng.random((40, 40, 3)))
    with pytest.raises(DataError, match=r"none of 1 items.*--landmarks"):
        prepare(tmp_path / "out", preparation(tmp_path, template), {})
    write_image(tmp_path / "a.png", np.full((90, 80, 3), 0.8) * [1, 0.75, 0.6])
    write_landmarks(tmp_path / "a.pts", template)
    summary = prepare(tmp_path / "out", preparation(tmp_path, template), {})
    assert summary.description.count == 1, "what was missing is there now: nothing of the first time is in the way"
    with pytest.raises(DataError, match="no item of 3 views"):
        Preparation(open_source("folder", tmp_path, together="person"), template, CAMERA, views=3)


def test_the_command_says_what_was_left_out(tmp_path, photos, capsys):
    settings = ("together=nothing",)
    run(PrepareOptions("folder", photos, tmp_path / "out", size=48, face="light", views=1, limit=4, settings=settings))
    said = capsys.readouterr().out
    assert "3 items of 1 views" in said and "1 left out" in said and "2.png" in said and "finished before" not in said
    run(PrepareOptions("folder", photos, tmp_path / "out", size=48, face="light", views=1, limit=4, settings=settings))
    assert "finished before; to prepare it again" in capsys.readouterr().out
    with pytest.raises(UsageError, match="no such setting"):
        run(PrepareOptions("folder", photos, tmp_path / "out2", settings=("lights=3",)))
    with pytest.raises(UsageError, match="NAME=VALUE"):
        run(PrepareOptions("folder", photos, tmp_path / "out2", settings=("together",)))


COMMAND = "from mgcbook.cli import main; import sys; sys.exit(main(sys.argv[1:]))"


def test_killed_and_started_again_it_ends_with_the_same_bytes(tmp_path, realkit):
    """The real photographs, killed twice with SIGKILL."""

    def start(folder):
        args = ["prepare", "aflw2000", realkit / "aflw2000", folder, "--face", "light", "--shard-size", "2", "--workers", "2"]
        return subprocess.Popen([sys.executable, "-c", COMMAND, *map(str, args)], cwd=Path(__file__).parents[2],
                                stdout=subprocess.DEVNULL)  # fmt: skip

    assert start(tmp_path / "whole").wait() == 0
    for parts in (2, 7):
        process, target = start(tmp_path / "killed"), tmp_path / "killed" / "parts"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(list(target.glob("0*.json")) if target.exists() else ()) < parts:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert target.is_dir(), "killed before it was done"
    assert start(tmp_path / "killed").wait() == 0
    assert content(tmp_path / "killed") == content(tmp_path / "whole")
    assert validate(tmp_path / "killed") == [] and len(FaceDataset(tmp_path / "killed")) == 33
