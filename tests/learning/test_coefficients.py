"""The layout of the coefficient vector."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.learning.coefficients import Layout
from mgcbook.tape import check_gradients

RANKS = [(80, 80, 64), (80, 64, 80), (5, 4, 3)]


@pytest.mark.parametrize("ranks", RANKS)
def test_the_parts_follow_each_other_without_gap(ranks):
    layout = Layout(*ranks)
    assert list(layout.slices) == ["identity", "expression", "albedo", "rotation", "translation", "light"]
    ends = [0, *(part.stop for part in layout.slices.values())]
    assert [part.start for part in layout.slices.values()] == ends[:-1]
    assert ends[-1] == layout.size == sum(ranks) + 33


def test_both_orders_of_ranks_make_257():
    assert Layout().size == Layout(80, 64, 80).size == 257


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("shape", [(2,), (2, 3)])
def test_join_undoes_split(rng, ranks, shape):
    layout = Layout(*ranks, rotation_scale=0.5, translation_scale=(2.0, 3.0, 50.0))
    vector = rng.normal(size=(*shape, layout.size))
    parts = layout.split(vector)
    assert parts["light"].shape == (*shape, 3, 9)
    assert_allclose(layout.join(parts), vector, rtol=1e-15)


def test_the_parts_come_in_radians_and_millimetres(rng):
    vector = rng.normal(size=(2, 257)).astype(np.float32)
    parts = Layout(rotation_scale=0.5, translation_scale=(2.0, 3.0, 50.0)).split(vector)
    assert_allclose(parts["rotation"], vector[:, 224:227] * 0.5)
    assert_allclose(parts["translation"], vector[:, 227:230] * np.float32([2, 3, 50]))
    assert_array_equal(parts["light"][:, 1], vector[:, 239:248])  # the nine of green
    assert {part.dtype for part in parts.values()} == {np.dtype(np.float32)}


def test_a_layout_takes_its_ranks_from_the_model():
    model = SimpleNamespace(ranks={"identity": 7, "expression": 6, "albedo": 5})
    assert Layout.of(model, rotation_scale=0.1) == Layout(7, 6, 5, rotation_scale=0.1)


def test_the_released_network_s_output_can_be_read():
    """MGCNet's code: shape, texture, expression, then rz, ry, rx, tx, ty, tz and light."""
    layout = Layout(identity=80, expression=64, albedo=80)
    theirs = [f"{name}{i}" for name, length in [("alpha", 80), ("gamma", 80), ("beta", 64)] for i in range(length)]
    theirs = np.array([*theirs, "rz", "ry", "rx", "tx", "ty", "tz", *(f"theta{i}" for i in range(27))])
    ours = theirs[layout.released_order()]
    assert all(name.startswith("beta") for name in ours[layout.slices["expression"]])
    assert all(name.startswith("gamma") for name in ours[layout.slices["albedo"]])
    assert list(ours[layout.slices["rotation"]]) == ["rx", "ry", "rz"]
    assert list(ours[layout.slices["translation"]]) == ["tx", "ty", "tz"]
    assert list(ours[layout.slices["light"]]) == [f"theta{i}" for i in range(27)]


def test_wrong_vectors_and_parts_are_named():
    layout = Layout(5, 4, 3)
    with pytest.raises(ValueError, match=r"expected \(..., 45\) for identity 5 \+ expression 4 \+ albedo 3 .* got \(1, 257\)"):
        layout.split(np.zeros((1, 257)))
    parts = layout.split(np.zeros((1, 45)))
    with pytest.raises(ValueError, match=r"parts: expected identity, expression, .* got light"):
        layout.join({"light": parts["light"]})
    with pytest.raises(ValueError, match=r"parts\['albedo'\]: expected \(..., 3\), got \(1, 4\)"):
        layout.join({**parts, "albedo": np.zeros((1, 4))})


def test_gradients(rng):
    layout = Layout(5, 4, 3, rotation_scale=0.5, translation_scale=(2.0, 3.0, 50.0))
    weights = {name: rng.normal(size=part.shape) for name, part in layout.split(np.zeros((2, layout.size))).items()}
    there_and_back = lambda v: layout.split(layout.join({name: part**2 for name, part in layout.split(v).items()}))
    check_gradients(lambda v: sum(np.sum(weights[name] * part) for name, part in there_and_back(v).items()),
                    rng.normal(size=(2, layout.size)), rng)  # fmt: skip
