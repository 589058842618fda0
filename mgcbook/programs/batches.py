"""Batches for training: each follows from the seed and its step alone, and the next one is made while the last one is used.

Because batch 1000 does not depend on batches 1 to 999, a run that goes on from step 999 sees what an unbroken one sees.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

KEYS = ("images", "landmarks", "skin", "flags")


def generator(seed, step):
    """The random numbers of one step of one run; step 0 is for what is made before training."""
    return np.random.default_rng([seed, step])


def stack(items):
    """Samples (dicts of arrays) -> one batch: images (B, N, H, W, 3), landmarks (B, N, 68, 2), skin (B, N, H, W), flags (B,)."""
    batch = {key: np.stack([np.asarray(item[key], np.float32) for item in items]) for key in ("images", "landmarks", "skin")}
    return {**batch, "flags": np.array([item["flag"] for item in items], np.int32)}


class Batches:
    """Batches first, first + 1, ...: `next()` gives one, and a thread works on those that follow.

    Args:
        data: has `batch(rng, count)` -> dict with images, landmarks, skin and flags.
        seed, count: of the run, and of the triples in a batch.
        first: the step of the first batch.
        ahead: how many are made before they are asked for; 0 makes each when it is wanted.
    """

    def __init__(self, data, seed, count, first, ahead=2):
        self._data, self._seed, self._count = data, seed, count
        self._step = first
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mgcbook-batches") if ahead else None
        self._waiting = [self._pool.submit(self._make, first + i) for i in range(ahead)]

    def _make(self, step):
        return self._data.batch(generator(self._seed, step), self._count)

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
