"""The demo from its first line to its page, with as little work as possible."""

import json
import re

import pytest

from mgcbook.cli import main


@pytest.mark.slow
def test_the_quick_demo_leaves_a_page_with_every_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--quick", "--steps", "3", "--out", "runs/my demo"]) == 0
    folder = tmp_path / "runs" / "my demo"
    page = (folder / "index.html").read_text(encoding="utf-8")
    pictures = re.findall(r'src="([^"]+)"', page)
    assert len(pictures) > 12
    assert all((folder / picture).is_file() for picture in pictures)
    numbers = json.loads((folder / "numbers.json").read_text())
    assert numbers["photograph"]["fit_nme_percent"] < 3
    assert {"nme_percent", "vertex_mm"} <= set(numbers["evaluation"])
    assert "mean face" in capsys.readouterr().out
    assert main(["demo", "--quick", "--steps", "3", "--out", "runs/my demo"]) == 0  # once more: nothing left to train
    assert "done already" in capsys.readouterr().out
