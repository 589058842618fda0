"""The cache of computed files: where it is, what names its files, and what happens when it cannot be used."""

import pytest

from mgcbook.data import cache
from mgcbook.errors import ResourceError
from mgcbook.files import atomic_write


def text_cached(name, build, **options):
    def save(value, path):
        with atomic_write(path) as file:
            file.write(value.encode())

    return cache.cached(name, build, lambda path: path.read_text(), save, **options)


def test_what_was_built_is_read_the_next_time(tmp_path, monkeypatch):
    monkeypatch.setenv("MGCBOOK_CACHE", str(tmp_path / "new" / "folder"))
    assert text_cached("a.txt", lambda: "built") == "built"
    assert text_cached("a.txt", lambda: pytest.fail("built twice")) == "built"
    assert cache.cache_dir() == tmp_path / "new" / "folder"


def test_a_cache_that_cannot_be_written_only_warns(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MGCBOOK_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.warns(UserWarning, match="is used instead; set MGCBOOK_CACHE"):
        assert text_cached("a.txt", lambda: "built") == "built"
    assert text_cached("a.txt", lambda: pytest.fail("built twice")) == "built"


def test_outdated_files_make_room(tmp_path, monkeypatch):
    monkeypatch.setenv("MGCBOOK_CACHE", str(tmp_path))
    for name in ("face-1.txt", "other-1.txt", "face-2.txt"):
        text_cached(name, lambda: "built", outdated=name.split("-")[0] + "-*.txt")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["face-2.txt", "other-1.txt"]


def test_the_hash_follows_names_and_contents(tmp_path):
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("x = 1")
    two.write_text("x = 1")
    assert cache.source_hash(one, two) == cache.source_hash(two, one)
    assert cache.source_hash(one) != cache.source_hash(two)
    before = cache.source_hash(one)
    one.write_text("x = 2")
    assert cache.source_hash(one) != before


def test_an_interrupted_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def interrupted():
        with atomic_write(path) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ResourceError, match="cannot be written"), atomic_write(path / "below"):
        pass
