""".mat files of MATLAB 4: SciPy's numbers, both byte orders, and what promises too much."""

import struct
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal
from scipy.io import loadmat, savemat

from mgcbook.data.formats.safe_mat import read_mat
from mgcbook.data.landmarks import read_landmarks
from mgcbook.errors import DataError


def matrix(name, array, *, order="<", rows=None):
    """A matrix of version 4 as bytes, written by hand from MATLAB's description of the format."""
    kind = {"f8": 0, "f4": 10, "i4": 20, "i2": 30, "u2": 40, "u1": 50}[array.dtype.str[1:]] + (1000 if order == ">" else 0)
    head = struct.pack(f"{order}5i", kind, array.shape[0] if rows is None else rows, array.shape[1], 0, len(name) + 1)
    return head + name.encode() + b"\0" + array.astype(array.dtype.newbyteorder(order)).tobytes(order="F")


@pytest.mark.parametrize("kind", ["f8", "i4", "i2", "u2", "u1"])
def test_the_numbers_are_those_that_scipy_reads(tmp_path, rng, kind):
    stored = {"a": (100 * rng.random((5, 3))).astype(kind), "b": np.array([[7]], kind), "text": "abc"}
    savemat(tmp_path / "a.mat", stored, format="4")
    found = read_mat(tmp_path / "a.mat", ("a", "b"), optional=("none",))
    assert set(found) == {"a", "b"}
    for name, array in found.items():
        assert_array_equal(array, loadmat(tmp_path / "a.mat")[name])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["f8", "f4", "i4", "i2", "u2", "u1"])
def test_both_byte_orders(tmp_path, order, kind):
    array = np.arange(6).reshape(2, 3).astype(kind)
    (tmp_path / "a.mat").write_bytes(matrix("skipped", array[:1], order=order) + matrix("a", array, order=order))
    found = read_mat(tmp_path / "a.mat", ("a",))["a"]
    assert_array_equal(found, array)
    assert found.dtype == kind and found.dtype.isnative


def test_landmarks_saved_by_an_old_matlab(tmp_path, rng):
    points = rng.uniform(10, 90, (68, 2))
    savemat(tmp_path / "a.mat", {"pt2d": points.T + 0.5}, format="4")
    np.testing.assert_allclose(read_landmarks(tmp_path / "a.mat"), points)


def test_what_is_no_plain_matrix_is_refused(tmp_path):
    stored = {"t": "text", "z": np.array([[1 + 2j]]), "s": scipy.sparse.eye(3).tocsc(), "ok": 1.0}
    savemat(tmp_path / "a.mat", stored, format="4")
    for name, what in (("t", "text or a sparse"), ("z", "complex"), ("s", "text or a sparse")):
        with pytest.raises(DataError, match=f"{name}: expected plain numbers.*{what}"):
            read_mat(tmp_path / "a.mat", (name,))
    assert read_mat(tmp_path / "a.mat", ("ok",))["ok"] == 1
    savemat(tmp_path / "n.mat", {"a": np.array([[1, np.nan]])}, format="4")
    with pytest.raises(DataError, match="a: expected finite numbers"):
        read_mat(tmp_path / "n.mat", ("a",))


def test_promises_are_checked_before_memory_is_taken(tmp_path):
    whole = matrix("a", np.ones((4, 4)))
    huge = matrix("a", np.ones((4, 4)), rows=2**30)
    for number, content in enumerate((whole[:-1], whole + whole[:10], huge, whole + b"x" * 40)):
        path = tmp_path / f"{number}.mat"
        path.write_bytes(content)
        tracemalloc.start()
        with pytest.raises(DataError, match=r"cut short|damaged"):
            read_mat(path, ("a",))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
        tracemalloc.stop()


def test_structs_and_cells_are_named_with_what_helps(tmp_path):
    savemat(tmp_path / "a.mat", {"model": {"shapeMU": np.ones((3, 1))}, "c": np.array([["a", 1]], object)})
    with pytest.raises(DataError, match=r"model: expected a plain array of numbers, found a struct.*'-struct', 's', 'model'"):
        read_mat(tmp_path / "a.mat", ("model",))
    with pytest.raises(DataError, match="c: expected a plain array of numbers, found a cell array"):
        read_mat(tmp_path / "a.mat", ("c",))
