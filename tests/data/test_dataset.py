"""Data sets on disk: what is written is read back, broken ones are refused, interrupted writes end as if nothing had happened."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mgcbook.data import dataset_writer
from mgcbook.data.dataset import FaceDataset, open_dataset, validate
from mgcbook.data.dataset_format import DESCRIPTION, PLAN, read_description, shard_name
from mgcbook.data.dataset_writer import write_dataset
from mgcbook.data.synthetic import stack_items
from mgcbook.errors import DataError, ResourceError, UsageError
from mgcbook.face.camera import PAPER_CAMERA


class Noise:
    """A source of items that are made at once: noise with landmarks."""

    camera = PAPER_CAMERA.resized(12, 12)

    def __init__(self, seed=0):
        self.seed, self.made = seed, []

    def describe(self):
        return {"kind": "noise", "seed": self.seed}

    def item(self, index):
        rng = np.random.default_rng([self.seed, index])
        self.made.append(index)
        bits = lambda *shape: rng.integers(0, 256, shape).astype(np.float32) / np.float32(255)
        real = lambda *shape: rng.normal(size=shape).astype(np.float32)
        truth = {"vertices": real(7, 3), "camera_from_model": (real(3, 3, 3), real(3, 3)),
                 "covisible": rng.integers(0, 2, (2, 12, 12)).astype(np.float32), "depth": np.abs(real(3, 12, 12))}  # fmt: skip
        return {"images": bits(3, 12, 12, 3), "landmarks": 6 + real(3, 68, 2), "skin": bits(3, 12, 12),
                "flag": int(rng.integers(0, 3)), "truth": truth}  # fmt: skip

    def batch(self, indices):
        return stack_items([self.item(index) for index in indices])


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for name in a:
            assert_same(a[name], b[name])
    elif isinstance(a, tuple):
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    else:
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_array_equal(a, b)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def folder(tmp_path):
    write_dataset(tmp_path / "faces", Noise(), 7, shard_size=3)
    return tmp_path / "faces"


# ---------------------------------------------------------------- round trips


def test_what_is_written_is_read_back(folder):
    data, source = FaceDataset(folder), Noise()
    assert len(data) == 7 and data.camera == source.camera and data.describe() == {"kind": "noise", "seed": 0}
    assert_same(data.batch([6, 0, 0, 4]), source.batch([6, 0, 0, 4]))
    assert_same(data.item(3), source.item(3))
    assert validate(folder) == []
    assert sorted(contents(folder)) == [DESCRIPTION, *map(shard_name, range(3))]


def test_synthetic_faces_survive(tmp_path, generator):
    from mgcbook.data.scenes import SyntheticConfig
    from mgcbook.data.synthetic import SyntheticFaces

    faces = SyntheticFaces(SyntheticConfig(size=32, supersample=1), generator)
    write_dataset(tmp_path, faces, 2)
    assert_same(FaceDataset(tmp_path).batch([1, 0]), faces.batch([1, 0]))
    assert validate(tmp_path) == []


def test_training_reads_no_truth(folder):
    batch = open_dataset(folder, 12).batch([1])
    assert sorted(batch) == ["flags", "images", "landmarks", "skin"]
    with pytest.raises(DataError, match="expected 64 x 64"):
        open_dataset(folder, 64)


def test_a_copy_is_the_same_data_set(folder, tmp_path):
    write_dataset(tmp_path / "copy", FaceDataset(folder), 7, shard_size=3)
    assert contents(tmp_path / "copy") == contents(folder)


def test_workers_do_not_matter(folder, tmp_path):
    write_dataset(tmp_path / "other", Noise(), 7, shard_size=3, workers=3)
    assert contents(tmp_path / "other") == contents(folder)


# ---------------------------------------------------------------- interrupted writes


class Interrupted(Noise):
    """Stops when a certain item is asked for."""

    def item(self, index):
        if index == 4:
            raise KeyboardInterrupt
        return super().item(index)


def test_an_interrupted_write_goes_on(folder, tmp_path):
    other = tmp_path / "other"
    with pytest.raises(KeyboardInterrupt):
        write_dataset(other, Interrupted(), 7, shard_size=3)
    assert (other / shard_name(0)).exists() and (other / PLAN).exists()
    with pytest.raises(DataError, match="interrupted"):
        FaceDataset(other)
    source, seen = Noise(), []
    write_dataset(other, source, 7, shard_size=3, progress=lambda *done: seen.append(done))
    assert contents(other) == contents(folder)
    assert not {1, 2} & set(source.made)  # the first shard is not made again (item 0 tells the fields)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_damaged_shard_is_made_again(folder, tmp_path):
    other = tmp_path / "other"
    with pytest.raises(KeyboardInterrupt):
        write_dataset(other, Interrupted(), 7, shard_size=3)
    (other / shard_name(0)).write_bytes((other / shard_name(0)).read_bytes()[:-10])
    write_dataset(other, Noise(), 7, shard_size=3)
    assert contents(other) == contents(folder)


def test_a_full_disk_keeps_what_is_complete(folder, tmp_path, monkeypatch):
    other, write = tmp_path / "other", dataset_writer.atomic_write

    def full(path):
        if path.name == shard_name(1):
            raise ResourceError(f"{path}: cannot be written (no space left)")
        return write(path)

    monkeypatch.setattr(dataset_writer, "atomic_write", full)
    with pytest.raises(ResourceError, match="no space"):
        write_dataset(other, Noise(), 7, shard_size=3)
    monkeypatch.undo()
    write_dataset(other, Noise(), 7, shard_size=3)
    assert contents(other) == contents(folder)


def test_another_data_set_is_not_touched(folder):
    before = contents(folder)
    write_dataset(folder, Noise(), 7, shard_size=3)  # the same: nothing to do
    with pytest.raises(DataError, match="another data set"):
        write_dataset(folder, Noise(seed=1), 7, shard_size=3)
    with pytest.raises(DataError, match="another data set"):
        write_dataset(folder, Noise(), 8, shard_size=3)
    assert contents(folder) == before
    with pytest.raises(UsageError, match="at least 1"):
        write_dataset(folder, Noise(), 0)


def test_a_part_of_another_data_set_is_not_touched(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path, Interrupted(), 7, shard_size=3)
    with pytest.raises(DataError, match="part of another"):
        write_dataset(tmp_path, Noise(seed=1), 7, shard_size=3)


# ---------------------------------------------------------------- broken and hostile ones


def changed(folder, change):
    content = json.loads((folder / DESCRIPTION).read_text())
    change(content)
    (folder / DESCRIPTION).write_text(json.dumps(content))


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda d: d.update(version=2), "version '2'"),
        (lambda d: d.update(format="other"), "expected the format"),
        (lambda d: d.update(count=10), "count is 10"),
        (lambda d: d.update(count=-1), "whole number"),
        (lambda d: d.update(count=2**40), "whole number"),
        (lambda d: d.pop("camera"), "'camera' is missing"),
        (lambda d: d["camera"].update(focal=float("nan")), "finite"),
        (lambda d: d["camera"].update(focal=-1.0), "positive"),
        (lambda d: d["shards"][0].update(file="../../secret"), "expected 'shard-00000"),
        (lambda d: d["shards"][0].update(file=7), "expected 'shard-00000"),
        (lambda d: d["shards"][0].update(sha256="x"), "sha256"),
        (lambda d: d["shards"][0].update(bytes=5), "expected 5 bytes"),
        (lambda d: d["shards"].pop(), "count is 7"),
        (lambda d: d["fields"].pop("skin"), "skin missing"),
        (lambda d: d["fields"]["images"].update(shape=[3, 13, 12, 3]), "images"),
        (lambda d: d["fields"]["images"].update(dtype="object"), "expected uint8"),
        (lambda d: d["fields"].update({"truth/../x": {"dtype": "float32", "shape": []}}), "unknown"),
        (lambda d: d.update(fields=[]), "expected an object"),
        (lambda d: d.update(shards=3), "dataset.json"),
    ],
)
def test_impossible_descriptions(folder, change, says):
    changed(folder, change)
    with pytest.raises(DataError, match=r"dataset\.json|shard-00000") as caught:
        FaceDataset(folder)
    assert says in str(caught.value)
    assert says in validate(folder)[0]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"format": "mgcbook-dataset", "version": 1}'])
def test_descriptions_that_are_none(folder, text):
    (folder / DESCRIPTION).write_text(text)
    with pytest.raises(DataError, match=r"dataset\.json"):
        read_description(folder)


def test_no_data_set(tmp_path):
    with pytest.raises(DataError, match="not found"):
        FaceDataset(tmp_path / "nowhere")
    assert "not found" in validate(tmp_path)[0]


def damaged(folder, change, number=1):
    """Change the arrays of a shard, with a description that fits the new file: only its content is wrong."""
    path = folder / shard_name(number)
    arrays = load_file(path)
    change(arrays)
    save_file(arrays, path)
    from mgcbook.data.dataset_format import digest_of

    changed(folder, lambda d: d["shards"][number].update(bytes=path.stat().st_size, sha256=digest_of(path)))
    return path


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda a: a["landmarks"].__setitem__((1, 0, 5), np.nan), "landmarks: 2 values are not finite, item 1"),
        (lambda a: a["landmarks"].__setitem__((0, 0), 1e6), "landmarks: "),
        (lambda a: a["flags"].__setitem__(2, 9), "flags: expected 0, 1 or 2, found 9, item 2"),
        (lambda a: a["images"].__setitem__((0, 2), 80), "images: a picture of one flat value, item 0"),
        (lambda a: a["skin"].__setitem__(1, 0), "skin: 0 everywhere, so no pixel would count, item 1"),
        (lambda a: a["truth/depth"].__setitem__((0, 0, 0, 0), -1), "truth/depth: negative, item 0"),
        (lambda a: a["truth/covisible"].__setitem__((0, 0, 0, 0), 3), "truth/covisible: expected 0 or 1, item 0"),
        (lambda a: a.update(images=a["images"][:2]), "images: expected U8 [3, 3, 12, 12, 3], found U8 [2, 3, 12, 12, 3]"),
        (lambda a: a.update(landmarks=a["landmarks"].astype(np.float64)), "landmarks: expected F32"),
        (lambda a: a.pop("skin"), "skin: missing"),
    ],
)
def test_the_validator_names_file_and_field(folder, change, says):
    path = damaged(folder, change)
    problems = validate(folder)
    assert len(problems) >= 1 and all(problem.startswith(str(path)) for problem in problems)
    assert any(says in problem for problem in problems)


@pytest.mark.parametrize("change", [lambda a: a["landmarks"].__setitem__(0, np.inf), lambda a: a["flags"].__setitem__(0, 7),
                                    lambda a: a.pop("landmarks")])  # fmt: skip
def test_the_reader_refuses_what_would_poison_a_training_run(folder, change):
    damaged(folder, change)
    FaceDataset(folder).batch([0])  # other shards are still fine
    with pytest.raises(DataError, match="shard-00001"):
        FaceDataset(folder).batch([0, 3])


def test_one_flipped_bit_is_found(folder):
    path = folder / shard_name(2)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    assert [problem for problem in validate(folder) if "sha256 differs" in problem and shard_name(2) in problem]


@pytest.mark.parametrize("content", [b"", b"\0" * 40, b"\xff" * 200, b"\x80\x04K*." * 30])
def test_files_that_are_no_shards(folder, content):
    path = folder / shard_name(0)
    path.write_bytes(content)
    with pytest.raises(DataError, match="shard-00000"):
        FaceDataset(folder)
    changed(folder, lambda d: d["shards"][0].update(bytes=max(len(content), 1)))
    with pytest.raises(DataError, match="shard-00000"):
        FaceDataset(folder).batch([0])
    assert validate(folder)


def test_missing_and_foreign_shards(folder):
    (folder / shard_name(2)).rename(folder / shard_name(8))
    problems = validate(folder)
    for says in ("cannot be read", "belongs to no data set"):
        assert any(says in problem for problem in problems)
    with pytest.raises(DataError, match="not complete"):
        FaceDataset(folder)
    (folder / shard_name(2)).mkdir()
    with pytest.raises(DataError, match="damaged"):
        FaceDataset(folder)


@pytest.mark.parametrize("index", [-1, 7, 10**12])
def test_items_that_do_not_exist(folder, index):
    with pytest.raises(IndexError, match="0 to 6"):
        FaceDataset(folder).item(index)


def test_reading_one_item_reads_one_item(folder, monkeypatch):
    """A shard is not loaded whole: the other shards may even be gone."""
    data = FaceDataset(folder)
    shutil.copytree(folder, folder.parent / "kept")
    (folder / shard_name(0)).unlink()
    assert_same(data.item(6), Noise().item(6))
