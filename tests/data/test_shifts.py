"""Settings of the synthetic faces that training does not use: nearer cameras, harder light, patterns behind the face."""

from dataclasses import replace

import numpy as np
import pytest

from mgcbook.data import builtin
from mgcbook.data.illumination import harder, sample_lighting
from mgcbook.data.patterns import patterned
from mgcbook.data.scenes import SyntheticConfig
from mgcbook.data.synthetic import SyntheticFaces
from mgcbook.errors import UsageError

PLAIN = SyntheticConfig(size=32, supersample=1, single_share=0, occluders=0)


@pytest.fixture(scope="module")
def model():
    return builtin.load("light")


def test_a_near_camera_shows_faces_as_large_and_noses_larger(model):
    far, near = (SyntheticFaces(replace(PLAIN, perspective=p), model).item(3) for p in (1, 4.6))
    distance = [item["truth"]["camera_from_model"][1][0, 2] for item in (far, near)]
    assert 4.3 < distance[0] / distance[1] < 4.9
    spots = [item["landmarks"][0] for item in (far, near)]
    assert np.allclose(*(np.ptp(spot, axis=0) for spot in spots), rtol=0.08)
    nose = [np.ptp(spot[31:36, 0]) / np.ptp(spot[0:17, 0]) for spot in spots]
    assert nose[1] > 1.02 * nose[0]


def test_hard_light_comes_from_lamps(rng):
    light = sample_lighting(rng)
    assert harder(light, 1) is light
    hard = harder(light, 2)
    assert np.all(hard.ambient < light.ambient) and np.all(hard.strengths.mean(1) > light.strengths.mean(1))
    saturation = lambda rgb: (np.ptp(rgb, axis=1) / rgb.mean(axis=1)).max()
    assert saturation(hard.strengths) > saturation(light.strengths)


def test_patterns_have_two_colours(rng):
    for _ in range(6):
        picture = patterned(rng, 24, 40)
        assert picture.shape == (24, 40, 3) and picture.dtype == np.float32
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 2


def test_the_face_stays_the_same_before_another_background(model):
    mixed, patterns = (SyntheticFaces(replace(PLAIN, scenery=s), model).item(1) for s in ("mixed", "patterns"))
    assert np.array_equal(mixed["truth"]["vertices"], patterns["truth"]["vertices"])
    assert np.array_equal(mixed["landmarks"], patterns["landmarks"])
    assert not np.allclose(mixed["images"][0, :4, :4], patterns["images"][0, :4, :4], atol=0.05)


@pytest.mark.parametrize("setting", [{"perspective": 0}, {"harshness": 100}])
def test_impossible_settings(setting):
    with pytest.raises(UsageError, match=next(iter(setting))):
        SyntheticConfig(**setting)
