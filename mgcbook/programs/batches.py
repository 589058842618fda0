"""Batches for training: each follows from the seed and its step alone, and the next ones are made while one is used.

Because batch 1000 does not depend on batches 1 to 999, a run that goes on from step 999 sees what an unbroken one sees.
"""

import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mgcbook.data.augment import SUPERVISED, Augmentation, augment
from mgcbook.data.changes import draw_changes

STREAM = 20_201_103
"""Apart from the random numbers that made the item itself."""
KEYS = ("images", "landmarks", "skin", "flags")
"""What the losses need of a batch; the truth of synthetic faces stays away from training."""
KNOWN = "known"
"""What supervised training needs as well, see `mgcbook.learning.supervised`; only there is it in a batch."""


class Order:
    """Which items make the batch of a step: `order(step)` -> list of numbers; steps begin with 1.

    Items of an endless collection (without a length) come in their order. Those of a data set are shuffled anew in every round,
    and each comes once a round.

    Args:
        data: the collection.
        seed: of the shuffling.
        count: items in a batch.
    """

    def __init__(self, data, seed, count):
        self._length = len(data) if hasattr(data, "__len__") else None
        self._seed, self._count = seed, count

    def __call__(self, step):
        places = range((step - 1) * self._count, step * self._count)
        if self._length is None:
            return list(places)
        return [int(_shuffled(self._seed, place // self._length, self._length)[place % self._length]) for place in places]


@functools.lru_cache(maxsize=4)
def _shuffled(seed, around, length):
    return np.random.default_rng([seed, around]).permutation(length)


class Batches:
    """The batches of steps first, first + 1, ...: `next()` gives one, and a thread works on those that follow.

    Args:
        data: data.batch(indices) gives a dict with images, landmarks, skin and flags.
        order: order(step) gives the indices.
        first: the step of the first batch.
        ahead: how many are made before they are asked for; 0 makes each when it is wanted.
        side_by_side: threads that make them.
        choose: what of a batch is given; None: what the losses need.
        change: change(batch, step, indices) gives what is learned from instead, see `Changing`; None: the batch as it is.
    """

    def __init__(self, data, order, first, ahead=2, choose=None, change=None, side_by_side=1):
        self._choose, self._change = choose or pick, change
        self._data, self._order, self._step = data, order, first
        self._pool = ThreadPoolExecutor(side_by_side, thread_name_prefix="mgcbook-batches") if ahead else None
        self._waiting = [self._pool.submit(self._make, first + i) for i in range(ahead)]

    def _make(self, step):
        indices = self._order(step)
        batch = self._choose(self._data.batch(indices))
        return batch if self._change is None else self._change(batch, step, indices)

    def next(self):
        """The next batch; an error while it was made is raised here."""
        step, self._step = self._step, self._step + 1
        if not self._pool:
            return self._make(step)
        self._waiting.append(self._pool.submit(self._make, step + len(self._waiting)))
        return self._waiting.pop(0).result()

    def close(self):
        """Stop making batches."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)


class Changing:
    """Augmented batches: how an item is changed follows from the seed, the step and its number alone.

    So a run that goes on sees what an unbroken one sees, and several processes see what one sees.

    Args:
        seed: of the training run.
        strength: times the changes of `mgcbook.data.augment.Augmentation`.
        supervised: those of `SUPERVISED` instead, which leave known coefficients right.
        later: only draw what is to be changed, for `mgcbook.data.changes`, where the pictures are not on the host.
    """

    def __init__(self, seed, strength, *, supervised=False, later=False):
        self._later = later
        self._seed, self._config = seed, (SUPERVISED if supervised else Augmentation()).times(strength)

    def __call__(self, batch, step, indices):
        """A changed copy of the batch of a step."""
        generators = [np.random.default_rng([self._seed, STREAM, step, index]) for index in indices]
        if self._later:
            return {**batch, **draw_changes(generators, self._config)}
        return augment(generators, batch, self._config)


class Kept:
    """The first items of an endless collection, each made once and remembered in eight bits a number.

    Making a picture takes longer than learning from it: a few rounds over the same ones teach more in the same time.

    Args:
        data: has batch(indices); its images and skin weights are multiples of 1/255.
        count: how many items.
    """

    def __init__(self, data, count):
        self.endless, self._count, self._items = data, count, {}

    def __len__(self):
        return self._count

    def batch(self, indices):
        """Items stacked along a new first axis: images, landmarks, skin and flags; the same bits every time."""
        missing = [index for index in dict.fromkeys(indices) if index not in self._items]
        if missing:
            made = pick(self.endless.batch(missing))
            small = {**made, **{key: np.rint(255 * made[key]).astype(np.uint8) for key in ("images", "skin")}}
            self._items |= {index: {key: small[key][i] for key in small} for i, index in enumerate(missing)}
        batch = {key: np.stack([self._items[index][key] for index in indices]) for key in self._items[indices[0]]}
        return {**batch, **{key: batch[key] / np.float32(255) for key in ("images", "skin")}}


def pick(batch):
    """Of a batch, what the losses need."""
    return {key: batch[key] for key in (*KEYS, *(batch.keys() & {KNOWN}))}


def examples(data, count):
    """A batch to look at: of an endless collection items that training does not reach, of a data set the first ones."""
    data = getattr(data, "endless", data)
    return pick(data.batch(range(min(count, len(data))) if hasattr(data, "__len__") else range(2**32 - count, 2**32)))
