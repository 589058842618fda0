"""Backgrounds: in range, the same for the same seed, varied, and shifted for cameras at other angles."""

import numpy as np
import pytest

from mgcbook.data import backgrounds

KINDS = ["gradient", "cloud", "soft_shapes", "room", "outdoors", "lights"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_fills_the_picture(rng, kind):
    picture = getattr(backgrounds, kind)(rng, backgrounds.Pixels(40, 90))
    assert picture.shape == (40, 90, 3) and np.isfinite(picture).all()
    assert picture.std() > 0


def test_panoramas_are_pictures_and_vary():
    made = [backgrounds.panorama(np.random.default_rng(i), 32, 72) for i in range(30)]
    again = backgrounds.panorama(np.random.default_rng(7), 32, 72)
    np.testing.assert_array_equal(made[7], again)
    assert all(p.shape == (32, 72, 3) and p.dtype == np.float32 and p.min() >= 0 and p.max() <= 1 for p in made)
    assert np.std([p.mean() for p in made]) > 0.1


def test_windows_are_parts_of_the_panorama(rng):
    scenery = np.tile(np.arange(90.0)[None, :, None], (40, 1, 3))
    left, middle, right = backgrounds.view_windows(rng, scenery, np.array([-0.8, 0, 0.8]), 40, 40)[:, 0, 0, 0]
    assert 0 <= left < middle < right <= 50


def test_noise_is_smooth_and_bounded(rng):
    noise = backgrounds.value_noise(rng, 64, 64, cells=4)
    assert 0 <= noise.min() < 0.35 < 0.65 < noise.max() <= 1
    assert np.abs(np.diff(noise, axis=0)).max() < 0.2
