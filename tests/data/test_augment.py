"""Augmentation: twice mirrored is the same, landmarks follow their pixels, views of an item change alike."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mgcbook.data.augment import SUPERVISED, Augmentation, augment, covered, enlarged, mirrored, recolored
from mgcbook.errors import UsageError

NOTHING = Augmentation(flip=0, brightness=0, contrast=0, saturation=0, cast=0, gamma=0, noise=0, grey=0)


@pytest.fixture
def views(rng):
    """Pictures that are dark but for a bright pixel at the left eye corner (36) of each view."""
    images, landmarks = np.full((3, 32, 40, 3), 0.1, np.float32), rng.uniform(4, 28, (3, 68, 2)).astype(np.float32)
    for view in range(3):
        x, y = 5 + 3 * view, 9 + view
        images[view, y, x], landmarks[view, 36] = 0.9, (x + 0.5, y + 0.5)
    return images, landmarks, rng.random((3, 32, 40)).astype(np.float32)


def test_mirrored_twice_is_the_same(views):
    for before, after in zip(views, mirrored(*mirrored(*views)), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-5)
        assert after.dtype == before.dtype


def test_landmarks_change_names_and_stay_on_their_pixels(views):
    images, landmarks, _ = mirrored(*views)
    for view in range(3):
        x, y = landmarks[view, 45] - 0.5  # the outer corner of the other eye
        assert images[view, round(y), round(x), 0] == np.float32(0.9)
        assert x == 40 - 1 - (5 + 3 * view)


def test_enlarging_moves_landmarks_with_their_pixels(views):
    images, landmarks, skin = enlarged(1.2, *views)
    assert images.shape == views[0].shape and skin.shape == views[2].shape
    for view in range(3):
        y, x = np.unravel_index(images[view, ..., 0].argmax(), (32, 40))
        assert np.abs(landmarks[view, 36] - [x + 0.5, y + 0.5]).max() <= 1


def test_colors_of_all_views_change_alike(rng):
    images = np.repeat(rng.random((1, 8, 8, 3), np.float32), 3, axis=0)
    changed = recolored(rng, images, Augmentation(noise=0))
    np.testing.assert_array_equal(changed[0], changed[1])
    assert np.abs(changed - images).max() > 0.01 and changed.dtype == np.float32
    assert changed.min() >= 0 and changed.max() <= 1
    grey = recolored(rng, images, Augmentation(grey=1, noise=0))
    assert np.ptp(grey, axis=-1).max() < 1e-5


def test_a_batch_is_changed_as_a_copy_the_same_for_the_same_seed(views):
    batch = {name: array[None].repeat(4, 0) for name, array in zip(("images", "landmarks", "skin"), views, strict=True)}
    batch["flags"] = np.full(4, 2)
    before = {name: array.copy() for name, array in batch.items()}
    first, second = (augment(np.random.default_rng(5), batch, Augmentation(scale=0.1)) for _ in range(2))
    for name, array in batch.items():
        np.testing.assert_array_equal(array, before[name])
        np.testing.assert_array_equal(first[name], second[name])
    assert np.abs(first["images"] - batch["images"]).max() > 0.05
    unchanged = augment(np.random.default_rng(5), batch, NOTHING)
    np.testing.assert_allclose(unchanged["images"], batch["images"], atol=1e-6)


def test_a_generator_for_each_item_changes_each_by_itself(views):
    batch = {name: array[None].repeat(2, 0) for name, array in zip(("images", "landmarks", "skin"), views, strict=True)}
    batch["flags"] = np.full(2, 2)
    both = augment([np.random.default_rng(1), np.random.default_rng(2)], batch)
    second = augment(np.random.default_rng(2), {name: array[1:] for name, array in batch.items()})
    for name in batch:
        np.testing.assert_array_equal(both[name][1], second[name][0])


def test_the_strength_scales_all_but_the_mirror():
    twice = Augmentation().times(2)
    assert (twice.flip, twice.brightness, twice.grey) == (0.5, 0.3, 0.04)
    assert Augmentation(flip=0).times(0) == NOTHING
    with pytest.raises(UsageError, match="strength"):
        Augmentation().times(6)


def test_impossible_settings_and_truth_are_refused(views):
    with pytest.raises(UsageError, match="flip"):
        Augmentation(flip=2)
    with pytest.raises(UsageError, match="truth"):
        augment(np.random.default_rng(0), {"images": views[0][None], "truth": {"depth": 1}})


def test_a_covered_picture_shows_another_place_of_its_item_and_no_skin_there(rng):
    images = rng.random((3, 16, 20, 3)).astype(np.float32)
    skin = np.ones((3, 16, 20), np.float32)
    covered_images, covered_skin = covered(rng, images, skin, 1.0)
    for i in range(3):
        changed = np.any(covered_images[i] != images[i], axis=-1)
        rows, columns = np.nonzero(changed)
        assert 0.15 * 16 <= np.ptp(rows) + 1 <= 8 and 0.15 * 20 <= np.ptp(columns) + 1 <= 10
        assert_array_equal(covered_skin[i][changed], 0)
        assert {tuple(color) for color in covered_images[i][changed]} <= {tuple(color) for color in images.reshape(-1, 3)}
    untouched, same_skin = covered(rng, images, skin, 0.0)
    assert_array_equal(untouched, images)
    assert_array_equal(same_skin, skin)


def test_known_faces_are_never_mirrored(rng):
    batch = {"images": rng.random((1, 1, 8, 8, 3)), "landmarks": np.zeros((1, 1, 68, 2)), "skin": np.ones((1, 1, 8, 8)),
             "flags": np.array([2]), "known": np.ones((1, 1, 5))}  # fmt: skip
    with pytest.raises(UsageError, match="which a mirror would change"):
        augment(rng, batch)
    assert_array_equal(augment(rng, batch, SUPERVISED)["known"], batch["known"])
