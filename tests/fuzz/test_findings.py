"""What damaged files have found, each as small as it can be, and the fuzzing itself for a moment."""

import json
import os
import random
from pathlib import Path

import numpy as np
import pytest

from mgcbook.data.images import read_image
from mgcbook.data.landmarks import read_landmarks
from mgcbook.data.sources.scans import read_points
from mgcbook.errors import DataError
from tests.fuzz import __main__ as fuzz
from tests.fuzz import seeds
from tests.fuzz.mutations import ACCIDENTS, damage


def test_points_that_are_a_dict(tmp_path):
    np.save(tmp_path / "a.npy", np.array({"points": np.zeros((3, 3))}, dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="array of numbers"):
        read_points(tmp_path / "a.npy")


def test_a_small_file_that_promises_a_huge_array(tmp_path):
    """1.5 TiB of landmarks ended in a MemoryError."""
    np.save(tmp_path / "a.npy", np.zeros((68, 2)))
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data.replace(b"(68, 2), }" + 9 * b" ", b"(99999999999, 2), }", 1))
    with pytest.raises(DataError, match=r"expected an \.npy file of numbers \(mmap length is greater than file size\)"):
        read_landmarks(tmp_path / "a.npy")


def test_a_small_file_that_promises_a_huge_picture(tmp_path):
    """65,500 x 1,500 pixels in some kilobytes took a gigabyte and twenty seconds."""
    from PIL import Image

    Image.new("RGB", (65_500, 16)).save(tmp_path / "a.jpg")
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    height = data.index(b"\xff\xc0") + 5
    data[height : height + 2] = (1500).to_bytes(2, "big")
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(DataError, match="65500 x 1500 pixels, 98 megapixels"):
        read_image(tmp_path / "a.jpg")


# ---------------------------------------------------------------- the fuzzing itself


@pytest.mark.parametrize("accident", set(ACCIDENTS), ids=lambda accident: accident.__name__)
def test_accidents_take_any_bytes(accident):
    for content in (b"", b"1", b"12 34 5.5 nan\n" * 9):
        for number in range(20):
            assert isinstance(accident(content, random.Random(number), b"other"), bytes)
    assert any(accident(b"12 34" * 99, random.Random(n), b"another file") != b"12 34" * 99 for n in range(5))


def test_a_case_is_always_the_same_file():
    assert damage(b"12 34" * 99, random.Random("0-7")) == damage(b"12 34" * 99, random.Random("0-7"))


def test_all_seeds_of_our_own_are_read_by_some_reader(tmp_path):
    seeds.write(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        results = []
        for read in seeds.READERS[path.suffix]:
            try:
                read(path)
                results.append("read")
            except DataError as error:
                results.append(str(error))
        assert "read" in results or path.suffix == ".h5", (path.name, results)  # no .h5 of ours has all five arrays


@pytest.mark.parametrize(
    "code, says",
    [("raise TypeError('of a reader')", "TypeError: of a reader"), ("import os; os._exit(3)", "ended the process with code 3"),
     ("import os; os.system('true')", "did os.system")],
)  # fmt: skip
def test_a_bad_reader_is_found(tmp_path, monkeypatch, code, says):
    (tmp_path / "sitecustomize.py").write_text(
        "from tests.fuzz import seeds\n"
        f"def bad(path):\n    if path.name.startswith('case'):\n        {code}\n"
        "seeds.READERS = {suffix: [bad] for suffix in seeds.READERS}\n"
    )
    here = Path(__file__).parents[2]  # this package and these tests, not others that may be installed
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(here)]))
    monkeypatch.setenv("MGCBOOK_REALKIT", str(tmp_path / "none"))
    assert fuzz.main(["--minutes", "0.05", "--out", str(tmp_path / "out")]) == 1
    found = json.loads((tmp_path / "out" / "findings.json").read_text())["findings"]
    assert says in " ".join(found.values())
