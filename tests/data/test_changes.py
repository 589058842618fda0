"""Changed pictures where the pictures are: those of `augment`, on the host and on a device."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.data.augment import SUPERVISED, Augmentation, augment
from mgcbook.data.changes import CHANGE, CHANGE_SEED, Changes, draw_changes
from mgcbook.data.exposure import normal_noise
from mgcbook.errors import UsageError
from tests import fake_gpu
from tests.strict_device import capturable, to_device

STRONG = Augmentation(grey=0.5, noise=0.05)


@pytest.fixture
def batch(rng):
    images = rng.random((6, 2, 11, 11, 3)).astype(np.float32)
    landmarks = rng.uniform(0, 11, (6, 2, 68, 2)).astype(np.float32)
    skin = rng.random((6, 2, 11, 11)).astype(np.float32)
    return {"images": images, "landmarks": landmarks, "skin": skin, "flags": np.arange(6)}


def generators():
    return [np.random.default_rng([5, number]) for number in range(6)]


def test_changes_are_those_of_augment(batch):
    drawn = draw_changes(generators(), STRONG)
    assert set(drawn[CHANGE][:, 0]) == {0, 1} and (drawn[CHANGE][:, 3] == 0).any(), "mirrored and grey ones among them"
    found, seeds = Changes(11)({**batch, **drawn}), iter(drawn[CHANGE_SEED])

    class Noise(np.random.Generator):
        def standard_normal(self, shape, dtype):
            return normal_noise(np.array([next(seeds)]), np.arange(np.prod(shape), dtype=np.uint32)).reshape(shape)

    theirs = augment([Noise(rng.bit_generator) for rng in generators()], batch, STRONG)
    assert found.keys() == theirs.keys()
    for name, array in theirs.items():
        assert_allclose(found[name], array, rtol=0, atol=1e-5, err_msg=name)
        assert found[name].dtype == array.dtype
    assert np.abs(found["images"] - batch["images"]).mean() > 0.05


def test_changes_on_a_device_never_wait(batch, monkeypatch):
    fake_gpu.install_streams(monkeypatch)
    whole = {**batch, **draw_changes(generators(), STRONG)}
    expected, changes, moved = Changes(11)(whole), Changes(11, "cuda"), to_device(whole)
    with capturable():
        found = changes(moved)
    for name, array in expected.items():
        assert_allclose(found[name].get(), array, rtol=0, atol=1e-6, err_msg=name)


def test_changes_that_need_the_host():
    with pytest.raises(UsageError, match="scale and cover"):
        draw_changes(generators(), SUPERVISED)
