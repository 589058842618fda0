"""Camera effects: what each does to a picture, and that eight bits hold the result."""

import numpy as np
import pytest

from mgcbook.data.sensor import compress, photograph, quantise, sample_sensor

CLEAN = {"blur": 0.0, "gain": 1.0, "white": np.ones(3, np.float32), "gamma": 1.0, "lift": 0.0, "vignette": 0.0, "grey": False,
         "shot": 0.0, "read": 0.0, "quality": 100}  # fmt: skip


def smooth(size=37):
    row, column = np.meshgrid(np.linspace(0, 1, size), np.linspace(0, 1, size), indexing="ij")
    return np.stack([0.2 + 0.5 * row, 0.3 + 0.4 * column, 0.7 - 0.4 * row * column], axis=-1).astype(np.float32)


def test_a_clean_camera_changes_next_to_nothing(rng):
    assert np.abs(photograph(smooth(), CLEAN, rng) - smooth()).max() < 0.015


@pytest.mark.parametrize("size", [16, 37])
def test_results_are_eight_bit_numbers(rng, size):
    for _ in range(5):
        picture = photograph(smooth(size), sample_sensor(rng), rng)
        assert picture.shape == (size, size, 3) and picture.dtype == np.float32
        np.testing.assert_array_equal(quantise(picture), picture)
        np.testing.assert_array_equal(np.round(picture * 255).astype(np.uint8) / np.float32(255), picture)


def test_effects(rng):
    changed = lambda **settings: photograph(smooth(), CLEAN | settings, rng)
    assert changed(gain=1.3).mean() > smooth().mean() + 0.05
    assert changed(vignette=0.3)[0, 0].mean() < changed()[0, 0].mean() - 0.05
    assert np.ptp(changed(grey=True), axis=-1).max() < 0.01
    flat = np.full((40, 40, 3), 0.5, np.float32)
    assert 0.015 < photograph(flat, CLEAN | {"read": 0.02}, rng).std() < 0.03
    edge = np.zeros((40, 40, 3), np.float32)
    edge[:, 20:] = 0.7
    assert np.abs(np.diff(photograph(edge, CLEAN | {"blur": 0.05}, rng), axis=1)).max() < 0.25


def test_highlights_bend_and_do_not_clip(rng):
    bright = photograph(np.linspace(0.8, 3, 64, dtype=np.float32)[None, :, None] * np.ones((8, 1, 3), np.float32), CLEAN, rng)
    assert bright.max() < 1 and (np.diff(bright.mean((0, 2))) > -0.004).all()


def test_compression_loses_more_at_lower_quality(rng):
    noisy = np.clip(smooth(40) + 0.1 * rng.normal(size=(40, 40, 3)), 0, 1).astype(np.float32)
    errors = [np.abs(compress(noisy, quality) - noisy).mean() for quality in (100, 80, 40, 10)]
    assert errors == sorted(errors) and errors[0] < 0.004 and errors[-1] > 0.02


def test_compression_spares_brightness_more_than_colour(rng):
    grain = 0.03 * rng.normal(size=(40, 40, 1))
    grey, colour = 0.5 + grain * np.ones(3), 0.5 + grain * np.array([1, -0.509, 0])  # the second has no luma
    kept = [np.std(compress(picture.astype(np.float32), 50)) / np.std(picture) for picture in (grey, colour)]
    assert kept[0] > 1.3 * kept[1]
