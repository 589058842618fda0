"""The refitted colours of skin: a known mixture is found again, the committed numbers tell skin from the rest."""

import json

import numpy as np
import pytest

from mgcbook.data.scenes import SyntheticConfig
from mgcbook.data.skin import MIXTURES, skin_probability, skin_weight, table_of
from mgcbook.data.skin_fit import fit_mixtures, separation, synthetic_colors
from mgcbook.data.synthetic import SyntheticFaces, held_out
from mgcbook.errors import DataError, UsageError

KNOWN = {"skin": [[0.7, 200, 150, 120, 100, 64, 49], [0.3, 90, 60, 50, 225, 100, 81]],
         "other": [[0.6, 150, 140, 130, 900, 900, 900], [0.4, 170, 150, 140, 36, 36, 36]]}  # one inside the other  # fmt: skip


def drawn(rng, rows, count=6000):
    chosen = rng.choice(len(rows), count, p=[row[0] for row in rows])
    mean, variance = np.array(rows)[chosen, 1:4], np.array(rows)[chosen, 4:]
    return rng.normal(mean, np.sqrt(variance)) / 255


def test_a_known_mixture_is_found_again(rng):
    colors = {name: drawn(rng, rows) for name, rows in KNOWN.items()}
    table = fit_mixtures(np.random.default_rng(1), **colors, components=2)
    for name, rows in KNOWN.items():
        found = np.array(table[name])
        np.testing.assert_allclose(found[:, 0], np.array(rows)[:, 0], atol=0.03)
        np.testing.assert_allclose(found[:, 1:4], np.array(rows)[:, 1:4], atol=1.5)
        np.testing.assert_allclose(found[:, 4:], np.array(rows)[:, 4:], rtol=0.15)
    assert table == fit_mixtures(np.random.default_rng(1), **colors, components=2)
    with pytest.raises(DataError, match="at least 800 finite colours of skin"):
        fit_mixtures(rng, colors["skin"][:100], colors["other"])


def test_colors_are_taken_where_skin_is_known():
    faces = SyntheticFaces(SyntheticConfig(seed=3, size=48, views=1), truth=False)
    skin, other = synthetic_colors(np.random.default_rng(0), faces, count=2, pixels=500)
    assert skin.shape == other.shape == (500, 3) and skin.min() >= 0 and skin.max() <= 1
    likely = [skin_probability(colors, prior=0.5).mean() for colors in (skin, other)]
    assert likely[0] > likely[1] + 0.3


def test_the_committed_numbers_find_more_skin_of_new_synthetic_faces():
    for mixture in MIXTURES:
        table = json.loads(table_of(mixture))
        rows = np.array([table["skin"], table["other"]])
        assert rows.shape == (2, 16, 7) and (rows[..., 0] > 0).all() and (rows[..., 4:] > 0).all()
        np.testing.assert_allclose(rows[..., 0].sum(axis=1), 1, atol=2e-3)
    colors = synthetic_colors(np.random.default_rng(0), held_out(size=48, views=1), count=12, pixels=4000)
    found, wrong = separation(*colors, "refitted")
    published, _ = separation(*colors, "jones-rehg")
    assert found > max(0.85, published) and wrong < 0.25


def test_the_mixture_can_be_chosen():
    image = np.random.default_rng(0).uniform(0, 1, (20, 20, 3)).astype(np.float32)
    assert np.abs(skin_probability(image) - skin_probability(image, mixture="refitted")).max() > 0.3
    assert (skin_weight(image) != skin_weight(image, mixture="refitted")).any()
    with pytest.raises(UsageError, match="jones-rehg, refitted, got 'hsv'"):
        skin_probability(image, mixture="hsv")
