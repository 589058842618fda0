"""The door between devices, and the check of shapes at public doors."""

import numpy as np
import pytest

from mgcbook import arrays
from mgcbook.arrays import check_shapes, scatter_add, to_device, to_host
from mgcbook.errors import ResourceError


@check_shapes(points="B V 3", focal="B", weights="... C")
def public(points, focal=None, *, weights=None):
    return "called"


def test_shapes_that_fit_pass():
    assert public(np.ones((2, 40, 3)), np.ones(2), weights=np.ones((5, 6, 7))) == "called"
    assert public(points=np.ones((1, 4, 3))) == "called"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((np.ones((2, 40, 4)),), r"public: points: expected \(B, V, 3\), got \(2, 40, 4\)"),
        ((np.ones((2, 3)),), r"points: expected \(B, V, 3\), got \(2, 3\)"),
        ((np.ones((2, 40, 3)), np.ones(3)), r"focal: expected \(B,\), got \(3,\) where B = 2"),
        (([1, 2, 3],), "points: expected an array .* got list"),
    ],
)
def test_a_wrong_shape_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        public(*arguments)


def test_a_misspelt_argument_is_found_when_the_function_is_defined():
    with pytest.raises(TypeError, match="no argument point"):
        check_shapes(point="B")(lambda points: None)


def test_indices_are_whole_numbers_in_range():
    arrays.check_indices("triangles", np.array([[0, 1, 2]]), 3)
    with pytest.raises(ValueError, match="triangles: expected numbers from 0 to 1, got 0 to 2"):
        arrays.check_indices("triangles", np.array([[0, 1, 2]]), 2)
    with pytest.raises(ValueError, match="whole numbers"):
        arrays.check_indices("triangles", np.array([[0.0, 1, 2]]), 3)


def test_scatter_add_adds_repeated_indices():
    out = np.zeros((3, 2))
    scatter_add(out, (np.array([0, 0, 2]), np.array([1, 1, 0])), np.array([1.0, 2.0, 5.0]))
    assert out.tolist() == [[0, 3], [0, 0], [5, 0]]


def test_host_arrays_stay_where_they_are():
    tree = {"a": np.ones(2), "b": [np.zeros(1), "text"]}
    moved = to_host(tree)
    assert moved["a"] is tree["a"] and moved["b"][1] == "text"
    assert to_device(tree, "cpu")["a"] is tree["a"]


def test_unknown_and_missing_devices_are_told_what_to_do(monkeypatch):
    with pytest.raises(ValueError, match="'cpu' or 'cuda'"):
        to_device(np.ones(1), "gpu")
    about = lambda: (False, "an old card, without CuPy: pip install 'mgcbook[cuda12]'")
    monkeypatch.setattr("mgcbook.kernels.about.describe_gpu", about)
    arrays._missing_for_cuda.cache_clear()
    try:
        with pytest.raises(ResourceError, match=r"device='cuda': an old card.*pip install 'mgcbook\[cuda12\]'"):
            to_device(np.ones(1), "cuda")
    finally:
        arrays._missing_for_cuda.cache_clear()


def test_kernels_fall_back_to_their_twins_without_numba(monkeypatch):
    assert arrays.kernels_for(np.ones(1)).__name__ == "mgcbook.kernels.cpu"
    arrays._kernels.cache_clear()
    monkeypatch.setattr(arrays, "_has_numba", lambda: False)
    try:
        assert arrays.kernels_for(np.ones(1)).__name__ == "mgcbook.kernels.twins"
    finally:
        arrays._kernels.cache_clear()
