"""Pickles: numbers come out whoever wrote them, everything else is refused before it runs."""

import builtins
import collections
import io
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csc_matrix

from mgcbook.data.formats.safe_npy import read_npy, read_npz
from mgcbook.data.formats.safe_pickle import load_pickle, read_pickle
from mgcbook.errors import DataError
from tests.data.formats.small import dump_with


@pytest.mark.parametrize("protocol", range(6))
def test_what_models_hold_comes_back(rng, protocol):
    array = rng.normal(size=(3, 4)).astype(np.float32)
    stored = {"f": np.asfortranarray(array), "big": array.astype(">f8"), "index": np.arange(5, dtype=np.uint32), "text": "ä",
              "list": [1, 2.5, None, True, (3, b"x")], "empty": np.zeros((0, 3)), "number": np.float64(2.5),
              "objects": np.array([array, None], object), "ordered": collections.OrderedDict(a=1)}  # fmt: skip
    got = load_pickle(pickle.dumps(stored, protocol=protocol))
    for name in ("f", "big", "index", "empty"):
        assert_array_equal(got[name], stored[name])
        assert got[name].dtype == stored[name].dtype
    assert {name: got[name] for name in ("text", "list", "number", "ordered")} == {
        name: stored[name] for name in ("text", "list", "number", "ordered")
    }
    assert_array_equal(got["objects"][0], array)


def test_strings_of_python_2_are_arrays():
    numbers = np.array([1.5, -2.0, 200.0])
    quoted = "".join(f"\\x{byte:02x}" for byte in numbers.tobytes())
    old = (
        "(dp0\nS'u'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\ntp6\nRp7\n"
        "(I1\n(I3\ntp8\ncnumpy\ndtype\np9\n(S'f8'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nbI00\n"
        f"S'{quoted}'\np15\ntp16\nbs."
    )
    assert_array_equal(load_pickle(old.encode())["u"], numbers)


def test_classes_that_are_not_installed_become_what_they_hold(rng):
    array = rng.normal(size=(2, 3))

    def stored(kind):
        thing = kind()
        thing.x, thing.other = array, [1]
        return {"shapedirs": thing}

    for protocol in (0, 2, 4):
        assert_array_equal(load_pickle(dump_with("chumpy.ch", "Ch", stored, protocol))["shapedirs"], array)
    sparse = load_pickle(pickle.dumps(csc_matrix(np.eye(3)), protocol=2))
    assert_array_equal(sparse["data"], [1, 1, 1])


class Runs:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


PAYLOAD = "import builtins; builtins.MGC_PWNED = True"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "call",
    [
        (exec, (PAYLOAD,)),
        (eval, (f"exec({PAYLOAD!r})",)),
        (__import__, ("os",)),
        (getattr, ("text", "format")),
        (np.load, ("x",)),
        (io.open, ("x", "w")),
        (bytearray, (1 << 40,)),
        (np.zeros, (1 << 40,)),
    ],
)
def test_functions_are_refused_and_not_run(protocol, call):
    data = pickle.dumps({"u": np.zeros(2), "v": Runs(*call)}, protocol=protocol)
    with pytest.raises(DataError, match=r"it asks for .* refused and nothing was run"):
        load_pickle(data)
    assert not hasattr(builtins, "MGC_PWNED")


def described(shape, kind, data):
    """An array as a pickle describes it, with any shape."""
    head = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    numbers = b"".join(b"\x8a\x08" + struct.pack("<q", size) for size in shape)
    dtype = b"cnumpy\ndtype\nU" + bytes([len(kind)]) + kind + b"K\x00K\x01\x87R"
    body = b"T" + struct.pack("<i", len(data)) + data
    return head + b"(K\x01(" + numbers + b"t" + dtype + b"\x89" + body + b"tb."


def test_the_description_of_an_array_can_be_written_by_hand():
    assert_array_equal(load_pickle(described((2,), b"f4", struct.pack("<2f", 1, 2))), [1, 2])


HOSTILE = {
    "array larger than its bytes": described((1 << 40,), b"f8", b"12345678"),
    "array of negative size": described((-1, -8), b"u1", b"12345678"),
    "array of objects as bytes": described((1,), b"O8", b"12345678"),
    "dtype of another world": described((1,), b"f8,O", b"12345678"),
    "get without put": b"\x80\x02h\x05.",
    "bytes that are not there": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"x.",
    "bytearray of a terabyte": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".",
    "text that is not there": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"x.",
    "deep lists": b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".",
    "list in itself": b"\x80\x02]q\x00h\x00a.",
    "tuple bomb": b"\x80\x02N" + b"".join(b"q%c(" % i + b"h%c" % i * 100 + b"t" for i in range(60)) + b".",
    "extension registry": b"\x80\x02\x82\x01.",
    "persistent id": b"\x80\x02U\x01xQ.",
    "state of a function": b"\x80\x02cnumpy\ndtype\n}U\x01aK\x01sb.",
    "call of a list": b"\x80\x02])R.",
    "instance of a class": b"(i__builtin__\nexec\n.",
    "a function itself": b"\x80\x02cnumpy\ndtype\n.",
    "no end": b"\x80\x02}q\x00",
    "nothing but end": b".",
    "text": b"hello world\n",
    "endless number": b"I" + b"9" * 100_000 + b"\n.",
    "protocol of the future": b"\x80\x7f}.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_end_in_one_error_and_take_no_memory(name):
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"^model\.pkl: "):
            load_pickle(HOSTILE[name], "model.pkl")
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("data", [b"\x80\x02]r\xff\xff\xff\xff.", b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b"]."])
def test_a_memo_number_and_a_frame_without_end_take_no_memory(data):
    tracemalloc.start()
    assert load_pickle(data) == []
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


def test_any_cut_of_a_pickle_is_an_error_or_a_value(rng):
    data = pickle.dumps({"u": rng.normal(size=20), "w": [1, {"a": (2,)}]}, protocol=2)
    for end in range(0, len(data), 3):
        with pytest.raises(DataError):
            load_pickle(data[:end])


def test_real_files_load(realkit):
    whitening = read_pickle(realkit / "formats" / "param_whitening.pkl")
    assert whitening["param_mean"].shape == whitening["param_std"].shape == (62,)
    fixed = read_pickle(realkit / "formats" / "flame_static_embedding.pkl")
    assert fixed["lmk_b_coords"].shape == (51, 3)
    assert np.abs(fixed["lmk_b_coords"].sum(axis=1) - 1).max() < 1e-5
    moving = read_npy(realkit / "formats" / "flame_dynamic_embedding.npy")
    assert len(moving["lmk_face_idx"]) == 79


def test_npy_of_numbers_of_objects_and_of_lies(tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    assert_array_equal(read_npy(tmp_path / "a.npy"), [[0, 1, 2], [3, 4, 5]])
    np.save(tmp_path / "b.npy", np.array({"x": np.arange(3)}, object), allow_pickle=True)
    assert_array_equal(read_npy(tmp_path / "b.npy")["x"], [0, 1, 2])
    np.save(tmp_path / "c.npy", np.array(Runs(exec, (PAYLOAD,)), object), allow_pickle=True)
    with pytest.raises(DataError, match="nothing was run"):
        read_npy(tmp_path / "c.npy")
    whole = (tmp_path / "a.npy").read_bytes()
    for broken in (whole[:40], whole[:-8], whole.replace(b"(2, 3)", b"(2, 9)"), b"", b"\x93NUMPY\x01\x00\xff\xff{",
                   whole.replace(b"'descr'", b"'descr\n'"), whole.replace(b"(2, 3)", b"((2, 3")):  # fmt: skip
        (tmp_path / "d.npy").write_bytes(broken)
        with pytest.raises(DataError):
            read_npy(tmp_path / "d.npy")


def test_npz_gives_what_was_asked_for_and_no_objects(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3), names=np.array(["a", "bc"]), thing=np.array([None], object))
    assert read_npz(tmp_path / "a.npz", ("x", "names"))["names"].tolist() == ["a", "bc"]
    with pytest.raises(DataError, match=r"expected an array 'y', found names\.npy"):
        read_npz(tmp_path / "a.npz", ("y",))
    with pytest.raises(DataError, match="thing: expected numbers, found Python objects"):
        read_npz(tmp_path / "a.npz", ("thing",))
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:100])
    with pytest.raises(DataError, match=r"expected a whole \.npz file"):
        read_npz(tmp_path / "b.npz", ("x",))


@pytest.mark.parametrize("change", [(b"(2, 3)", b"((2, 3"), (b"'descr'", b"'de\nr''"), (b"{", b"(")])
def test_a_broken_header_of_npy_is_one_error_for_every_reader(tmp_path, change):
    """Found by mutation: NumPy raises an error of its tokenizer for some of these."""
    from mgcbook.data.landmarks import read_landmarks
    from mgcbook.face.morphable import FaceModel

    np.save(tmp_path / "a.npy", np.zeros((2, 3)))
    broken = (tmp_path / "a.npy").read_bytes().replace(*change)
    (tmp_path / "a.npy").write_bytes(broken)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("mean.npy", broken)
    readers = (
        (read_npy, "a.npy"),
        (read_landmarks, "a.npy"),
        (FaceModel.load, "a.npz"),
        (lambda p: read_npz(p, ["mean"]), "a.npz"),
    )
    for reader, name in readers:
        with pytest.raises(DataError):
            reader(tmp_path / name)
