"""Batches: which items, in which order, and the same bits whenever they are asked for."""

import numpy as np
from numpy.testing import assert_array_equal

from mgcbook.programs.batches import Batches, Changing, Kept, Order, examples


class Counting:
    """An endless collection that counts what it makes."""

    def __init__(self):
        self.made = []

    def batch(self, indices):
        self.made += list(indices)
        level = np.array([index % 256 for index in indices], np.float32) / np.float32(255)
        images = np.broadcast_to(level[:, None, None, None, None], (len(indices), 2, 4, 4, 3)).astype(np.float32)
        landmarks = np.broadcast_to(level[:, None, None, None], (len(indices), 2, 68, 2)).astype(np.float32)
        return {"images": images, "landmarks": landmarks, "skin": images[..., 0], "flags": np.array(indices) % 3, "truth": None}


def test_kept_items_are_made_once_and_come_back_with_the_same_bits():
    data = Counting()
    kept = Kept(data, 10)
    first = kept.batch([3, 9, 3])
    again = kept.batch([9, 3])
    assert data.made == [3, 9]
    assert len(kept) == 10
    for key in ("images", "landmarks", "skin", "flags"):
        assert_array_equal(first[key], Counting().batch([3, 9, 3])[key])
        assert_array_equal(again[key], first[key][1:])
        assert again[key].dtype == Counting().batch([3])[key].dtype


def test_every_round_shows_every_kept_item_once_in_another_order():
    order = Order(Kept(Counting(), 12), seed=1, count=4)
    rounds = [[index for step in range(3 * i + 1, 3 * i + 4) for index in order(step)] for i in range(3)]
    assert all(sorted(indices) == list(range(12)) for indices in rounds)
    assert rounds[0] != rounds[1]


def test_batches_made_ahead_are_those_of_their_steps():
    data = Counting()
    order = Order(data, seed=0, count=2)
    batches = Batches(data, order, first=5)
    try:
        for step in (5, 6, 7):
            assert_array_equal(batches.next()["images"], Counting().batch(order(step))["images"])
    finally:
        batches.close()


def test_pictures_to_look_at_are_not_those_of_training():
    data = Counting()
    examples(Kept(data, 10), 2)
    assert min(data.made) >= 10


def batch_of(indices):
    return {name: value for name, value in Counting().batch(indices).items() if name != "truth"}


def test_augmented_items_depend_on_seed_step_and_number_alone():
    change = Changing(7, 1.0)
    together = change(batch_of([4, 9, 4]), 3, [4, 9, 4])
    alone = change(batch_of([9]), 3, [9])
    for key in ("images", "landmarks", "skin", "flags"):
        assert_array_equal(together[key][1], alone[key][0])
    for other in (change(batch_of([9]), 4, [9]), Changing(8, 1.0)(batch_of([9]), 3, [9])):
        assert np.abs(other["images"] - alone["images"]).max() > 1e-3
    assert np.abs(alone["images"] - batch_of([9])["images"]).max() > 1e-3


def test_twice_the_strength_changes_colors_more():
    weak, strong = (
        np.abs(Changing(1, strength)(batch_of([100] * 40), step, [100] * 40)["images"] - 100 / 255).mean()
        for step, strength in ((1, 0.5), (1, 2.0))
    )
    assert 2.5 < strong / weak < 6


def test_batches_are_changed_after_they_are_read():
    order, change = Order(Counting(), seed=0, count=2), Changing(5, 1.0)
    batches = Batches(Counting(), order, first=5, change=change)
    try:
        for step in (5, 6):
            assert_array_equal(batches.next()["images"], change(batch_of(order(step)), step, order(step))["images"])
    finally:
        batches.close()
