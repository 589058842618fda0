""".mat, HDF5 and text: the numbers are those of SciPy and h5py, promises are checked, and no file leads to another one."""

import os
import struct
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.io import loadmat, savemat, whosmat

from mgcbook.data.formats import hdf5_child
from mgcbook.data.formats.safe_file import Source, check_file
from mgcbook.data.formats.safe_hdf5 import open_hdf5
from mgcbook.data.formats.safe_mat import read_mat
from mgcbook.data.formats.safe_text import read_landmark_map, read_numbers, read_obj
from mgcbook.errors import DataError

# ---------------------------------------------------------------- .mat


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_mat_files_have_the_numbers_that_scipy_reads(tmp_path, rng, packed, kind):
    stored = {"a": (100 * rng.random((5, 3))).astype(kind), "cube": np.arange(24).reshape(2, 3, 4).astype(kind),
              "b": np.array([[1]], kind), "empty": np.zeros((0, 3), kind), "skipped": {"x": 1}, "text": "abc"}  # fmt: skip
    savemat(tmp_path / "a.mat", stored, do_compression=packed)
    got = read_mat(tmp_path / "a.mat", ("a", "b", "cube"), optional=("empty", "none"))
    assert set(got) == {"a", "b", "cube", "empty"}
    for name, array in got.items():
        assert_array_equal(array, loadmat(tmp_path / "a.mat")[name])
        assert array.dtype == kind


def test_real_mat_files_have_the_numbers_that_scipy_reads(realkit):
    paths = [path for folder in ("formats", "aflw2000", "aflw2000_edge", "300wlp") for path in (realkit / folder).glob("*.mat")]
    assert len(paths) > 40
    for path in paths:
        names = [name for name, _, _ in whosmat(path)]
        got, expected = read_mat(path, names), loadmat(path)
        assert all(np.array_equal(got[name], expected[name]) for name in names), path


def test_what_is_no_plain_array_is_refused(tmp_path):
    savemat(tmp_path / "a.mat", {"s": {"x": 1}, "c": np.array([["a", 1]], object), "z": np.array([[1j]]), "t": "text", "ok": 1.0})
    for name in "sczt":
        with pytest.raises(DataError, match=f"{name}: expected a plain array of numbers"):
            read_mat(tmp_path / "a.mat", (name,))
    with pytest.raises(DataError, match="expected a variable 'missing', found ok"):
        read_mat(tmp_path / "a.mat", ("ok", "missing"))
    savemat(tmp_path / "n.mat", {"a": np.array([[1, np.nan]])})
    with pytest.raises(DataError, match="a: expected finite numbers"):
        read_mat(tmp_path / "n.mat", ("a",))
    assert np.isnan(read_mat(tmp_path / "n.mat", ("a",), finite=False)["a"]).any()


def matrix(shape, data, *, count=None, stored=9):
    head = struct.pack("<IIII", 6, 8, 6, 0) + struct.pack("<IIii", 5, 8, *shape) + struct.pack("<II4s4x", 1, 4, b"name")
    body = head + struct.pack("<II", stored, len(data) if count is None else count) + data
    return struct.pack("<II", 14, len(body)) + body


def mat_file(path, variable, *, packed=True):
    if packed:
        squeezed = zlib.compress(variable, 9)
        variable = struct.pack("<II", 15, len(squeezed)) + squeezed
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM" + variable)


def test_a_mat_file_written_by_hand_is_read(tmp_path):
    mat_file(tmp_path / "a.mat", matrix((1, 2), struct.pack("<dd", 3, 4)))
    assert_array_equal(read_mat(tmp_path / "a.mat", ("name",))["name"], [[3, 4]])


HOSTILE_MAT = {
    "shape without data": matrix((40_000, 40_000), b""),
    "shape that overflows": matrix((2**31 - 1, 2**31 - 1), b"12345678"),
    "negative shape": matrix((-1, -1), b"12345678"),
    "more data promised than there": matrix((1, 1), b"12345678", count=2**31),
    "bomb of zeros": matrix((1, 100_000_000), bytes(800_000_000 // 100)),
    "length promised": struct.pack("<II", 14, 2**32 - 8) + matrix((1, 1), b"12345678")[8:],
    "unknown storage": matrix((1, 1), b"12345678", stored=77),
    "empty": b"",
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", HOSTILE_MAT)
def test_mat_files_that_promise_too_much_are_refused_before_memory_is_taken(tmp_path, name, packed):
    mat_file(tmp_path / "a.mat", HOSTILE_MAT[name], packed=packed)
    tracemalloc.start()
    with pytest.raises(DataError):
        read_mat(tmp_path / "a.mat", ("name",))
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_matlab_7_3_is_hdf5_with_axes_reversed(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["a"] = np.arange(6.0).reshape(3, 2)
    whole = bytearray((tmp_path / "a.mat").read_bytes())
    whole[:19] = b"MATLAB 7.3 MAT-file"
    (tmp_path / "a.mat").write_bytes(whole)
    assert_array_equal(read_mat(tmp_path / "a.mat", ("a",))["a"], np.arange(6.0).reshape(3, 2).T)


# ---------------------------------------------------------------- HDF5


def test_hdf5_numbers_texts_and_what_is_missing(tmp_path, rng):
    array = rng.normal(size=(6, 5)).astype(np.float32)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("g/a", data=array, compression="gzip", shuffle=True, fletcher32=True)
        file["g/text"], file["g/fixed"], file["nan"] = "[1]", np.bytes_("[2]"), [np.nan]
    with open_hdf5(tmp_path / "a.h5") as file:
        assert_array_equal(file.array("g/a"), array)
        assert_array_equal(file.array("g/a", columns=2), array[:, :2])
        assert (file.text("g/text"), file.text("g/fixed")) == ("[1]", "[2]")
        assert "g/a" in file
        assert "g/b" not in file
        assert "g/a/b" not in file
        assert file.array("g/b", optional=True) is None
        for name, said in (("g/b", "found no 'b'"), ("g", "expected an array, found a group"), ("nan", "found NaN"),
                           ("g/text", "expected numbers")):  # fmt: skip
            with pytest.raises(DataError, match=said):
                file.array(name)


def hostile_hdf5(path, secret):
    """A file full of doors: each name leads somewhere else."""
    with h5py.File(path.parent / "other.h5", "w") as other:
        other["mean"] = np.arange(4.0)
    with h5py.File(path, "w") as file:
        file["real"] = np.arange(4.0)
        file["soft"], file["loop"] = h5py.SoftLink("/real"), h5py.SoftLink("/loop")
        file["elsewhere"] = h5py.ExternalLink("other.h5", "mean")
        file.create_dataset("external", (4,), "f4", external=[(str(secret), 0, 16)])
        layout = h5py.VirtualLayout((4,), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "mean", (4,))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("huge", (1 << 20, 1 << 20), "f4", chunks=(1 << 10, 1 << 10))
        file.create_dataset("hollow", (1 << 24,), "f4", chunks=(1 << 10,))
        file.create_dataset("lzf", data=np.zeros(100), compression="lzf")
        file["group/soft"] = h5py.SoftLink("/")
        file["objects"] = np.array(["a", "b"], h5py.string_dtype())


@pytest.mark.parametrize(
    ("name", "said"),
    [("soft", "link"), ("loop", "link"), ("elsewhere", "link"), ("external", "lie in another file"),
     ("virtual", "lie in another file"), ("huge", "at most 512 MB"), ("hollow", "with 0 bytes"), ("lzf", "unusual way"),
     ("group/soft/real", "link"), ("objects", "expected numbers")],
)  # fmt: skip
def test_hdf5_files_lead_nowhere_else(tmp_path, name, said):
    (tmp_path / "secret").write_bytes(b"0123456789abcdef")
    hostile_hdf5(tmp_path / "a.h5", tmp_path / "secret")
    with open_hdf5(tmp_path / "a.h5") as file, pytest.raises(DataError, match=said):
        file.array(name)
    with open_hdf5(tmp_path / "a.h5") as file, pytest.raises(DataError):
        file.text(name)


@pytest.mark.parametrize("body", ["import os; os.abort()", "import time; time.sleep(60)", "print('no JSON')"])
def test_a_library_that_crashes_or_hangs_is_one_error(tmp_path, monkeypatch, body):
    """Mutated files make the HDF5 library do both; here another program stands for it."""
    (tmp_path / "child.py").write_text(body)
    (tmp_path / "a.h5").write_bytes(b"any")
    monkeypatch.setattr(hdf5_child, "__file__", str(tmp_path / "child.py"))
    with (
        open_hdf5(tmp_path / "a.h5", patience=1.0) as file,
        pytest.raises(DataError, match=r"a\.h5: .*crashed, or took more than 1 s"),
    ):
        file.array("mean")


def test_a_cut_or_foreign_hdf5_file_is_one_error(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["shape/model/mean"] = np.arange(30.0)
    whole = (tmp_path / "a.h5").read_bytes()
    for broken in (whole[:100], whole[: len(whole) // 2], b"\x89HDF\r\n\x1a\n" + bytes(500), b"text"):
        (tmp_path / "b.h5").write_bytes(broken)
        with pytest.raises(DataError, match=r"b\.h5"), open_hdf5(tmp_path / "b.h5") as file:
            file.array("shape/model/mean")


# ---------------------------------------------------------------- files and text


def test_only_plain_files_with_data_are_opened(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "lfs.mat").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (tmp_path / "big").write_bytes(bytes(100))
    for name, said in (
        ("none", "no such file"),
        (".", "found a folder"),
        ("empty", "the file is empty"),
        ("lfs.mat", "git lfs pull"),
    ):
        with pytest.raises(DataError, match=said):
            check_file(tmp_path / name)
    with pytest.raises(DataError, match="at most 99 bytes, found 100"):
        check_file(tmp_path / "big", most=99)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe of POSIX")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="found a pipe or device"):
        check_file(tmp_path / "pipe")


def test_a_source_stays_in_its_folder(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "sub").mkdir()
    for name in ("secret.txt", "model/a.txt", "model/sub/b.txt"):
        (tmp_path / name).write_text("1 2")
    source = Source(tmp_path / "model" / "a.txt")
    assert source.main("x") == tmp_path / "model" / "a.txt"
    assert source.find("none.txt", "sub/b.txt").name == "b.txt"
    assert Source(tmp_path / "model").main("z.txt", "a.*").name == "a.txt"
    for outside in ("../secret.txt", str(tmp_path / "secret.txt"), "../*.txt"):
        with pytest.raises(DataError, match="leads out of"):
            source.find(outside)
    with pytest.raises(DataError, match=r"expected x\.txt or y\.txt for the colours, found none"):
        source.need("x.txt", "y.txt", why="the colours")


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights there")
def test_symbolic_links_out_of_the_folder_are_refused(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "secret.txt").write_text("1 2")
    (tmp_path / "model" / "own.txt").write_text("1 2")
    (tmp_path / "model" / "out.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "model" / "in.txt").symlink_to(tmp_path / "model" / "own.txt")
    assert Source(tmp_path / "model").find("in.txt")
    with pytest.raises(DataError, match="leads out of"):
        Source(tmp_path / "model").find("out.txt")


def test_numbers_maps_and_meshes_from_text(tmp_path):
    (tmp_path / "a.txt").write_text("1 2.5\n3e2\t4")
    assert_array_equal(read_numbers(tmp_path / "a.txt"), [1, 2.5, 300, 4])
    (tmp_path / "map.txt").write_text("# eos\n[landmark_mappings]\n18 = 225 # brow\n31 = 114\n")
    assert read_landmark_map(tmp_path / "map.txt", 3448) == {17: 225, 30: 114}
    (tmp_path / "m.obj").write_text("# x\nv 1 2 3\nv 0 0 0\nv 1 1 1\nv 2 2 2\nvt 0 0\nf 1/1 2/1 3/1\nf 1//1 2//2 3//3 4//4\n")
    found, polygons = read_obj(tmp_path / "m.obj")
    assert_array_equal(found[0], [1, 2, 3])
    assert polygons == [[0, 1, 2], [0, 1, 2, 3]]


def test_real_text_files_load(realkit):
    assert len(read_numbers(realkit / "formats" / "std_exp.txt")) == 79
    assert len(read_landmark_map(realkit / "formats" / "ibug_to_sfm.txt", 3448)) == 50
    assert read_landmark_map(realkit / "formats" / "ibug_to_bfm2009.txt", 53490)[30] == 8319
    assert len(read_landmark_map(realkit / "formats" / "ibug_to_bfm2017-1_bfm_nomouth.txt", 53149)) == 26


@pytest.mark.parametrize(
    ("reader", "content"),
    [
        (read_numbers, "1 2 x"),
        (read_numbers, "1 nan"),
        (lambda path: read_landmark_map(path, 10), "[landmark_mappings]\n1 = 10"),
        (lambda path: read_landmark_map(path, 10), "[landmark_mappings]\n69 = 1"),
        (lambda path: read_landmark_map(path, 10), "[landmark_mappings]\n1 = 'a'"),
        (lambda path: read_landmark_map(path, 10), "[other]\n1 = 1"),
        (lambda path: read_landmark_map(path, 10), "[[["),
        (read_obj, "v 1 2 3\nv 1 2\nv 1 1 1\nf 1 2 3"),
        (read_obj, "v 1 2 3\nv 1 2 inf\nv 1 1 1\nf 1 2 3"),
        (read_obj, "v 1 2 3\nv 1 2 3\nv 1 1 1\nf 1 2 4"),
        (read_obj, "v 1 2 3\nv 1 2 3\nv 1 1 1\nf 1 2"),
        (read_obj, "v 1 2 3\nv 1 2 3\nv 1 1 1\nf 1 2 -3"),
        (read_obj, "hello"),
    ],
)
def test_broken_text_is_one_error(tmp_path, reader, content):
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(DataError, match=r"a\.txt"):
        reader(tmp_path / "a.txt")
