"""Triples that stay on a GPU: after the first round over them a step needs nothing of the host but their numbers.

    Shelf (host)    makes each item when it is first wanted, in eight bits a number, and hands it over once
    Bank (device)   images (M, N, H, W, 3), skin (M, N, H, W) uint8, landmarks (M, N, 68, 2); a step gathers its rows
"""

import numpy as np

from mgcbook.programs.batches import Kept, pick

EIGHT_BITS = ("images", "skin")
SHARE = 0.5
"""Of the free memory of a GPU, at the most, for a bank."""


class Shelf:
    """The first items of an endless collection on their way to the device; what `Batches` reads from.

    Batches have to be asked for in the order of their steps: an item is handed over with the first one that needs it.

    Args:
        data: has batch(indices); its images and skin weights are multiples of 1/255.
        count: how many items.
    """

    def __init__(self, data, count):
        self.endless, self._count, self._flags = data, count, {}

    def __len__(self):
        return self._count

    def batch(self, indices):
        """{"index" (B,) int32, "flags" (B,) int64, "new": (numbers, their arrays) that the device does not have, or None}."""
        missing = [index for index in dict.fromkeys(indices) if index not in self._flags]
        made = self.make(missing) if missing else None
        if made:
            self._flags |= dict(zip(missing, made.pop("flags").tolist(), strict=True))
        flags = np.array([self._flags[index] for index in indices], np.int64)
        return {"index": np.array(indices, np.int32), "flags": flags, "new": (missing, made) if made else None}

    def make(self, indices):
        """Items in the form in which they are kept: images and skin uint8, landmarks, flags."""
        made = pick(self.endless.batch(list(indices)))
        return {**made, **{key: np.rint(255 * made[key]).astype(np.uint8) for key in EIGHT_BITS}}


class Bank:
    """What a Shelf has handed over, on the device.

    Args:
        shelf: a Shelf, or anything with its `make` and length.
        queue: the Queue of the steps.
    """

    def __init__(self, shelf, queue):
        self._shelf, self._queue, self._arrays = shelf, queue, None

    def add(self, numbers, arrays):
        """Copy items to their places, behind the steps that are under way; waits until they are there.

        Args:
            numbers: which items.
            arrays: name -> host array, one row for each.
        """
        from mgcbook.kernels.gpu.graph import copy_rows, empty

        if self._arrays is None:
            shapes = {name: ((len(self._shelf), *array.shape[1:]), array.dtype) for name, array in arrays.items()}
            self._arrays = {name: empty(shape, dtype, self._queue) for name, (shape, dtype) in shapes.items()}
        for name, array in arrays.items():
            copy_rows(array, self._arrays[name], numbers, self._queue)

    def read(self, index):
        """The batch of some items, in the form the losses need; (B,) int32 on the device -> dict of device arrays, no flags."""
        rows = {name: np.take(array, index, axis=0) for name, array in self._arrays.items()}
        return {**rows, **{name: rows[name].astype(np.float32) / np.float32(255) for name in EIGHT_BITS}}

    def host_batch(self, index, flags):
        """The same batch as host arrays, made once more."""
        made = self._shelf.make(int(number) for number in index)
        return {**made, **{name: made[name] / np.float32(255) for name in EIGHT_BITS}, "flags": flags}


def shelf_for(data):
    """A Shelf in place of Kept items, if they fit into the memory of the GPU; None if not, or if they are not Kept."""
    from mgcbook.kernels.gpu.graph import free_bytes

    if not isinstance(data, Kept):
        return None
    one = pick(data.batch([0]))
    size = sum(one[name].size * (1 if name in EIGHT_BITS else one[name].itemsize) for name in one)
    return Shelf(data.endless, len(data)) if size * len(data) < SHARE * free_bytes() else None
