"""Named arrays one behind the other in one buffer: what is done to all of them is then one operation, and one message."""

import math

import numpy as np

from ..arrays import kernels_for

ALIGNED = 64
"""Every array begins at a multiple of so many numbers; the gaps hold zeros."""


class Flat:
    """A dict of float32 arrays as views of one buffer.

    Args:
        tree: name -> array; copied, all in one place, in the order of the names: processes that add up their buffers may have
            dicts of another order (one has read its weights from a file, the others have not).
    """

    def __init__(self, tree):
        self.shapes = {name: tuple(array.shape) for name, array in tree.items()}
        self.places, end = {}, 0
        for name in sorted(self.shapes):
            self.places[name] = end
            end += -(-math.prod(self.shapes[name]) // ALIGNED) * ALIGNED
        first = next(iter(tree.values()))
        self.buffer = np.zeros(end, dtype=np.float32, like=first)
        """(n,) float32."""
        self.arrays = {name: self._view(name) for name in tree}
        """Name -> view of the buffer, of the array's shape."""
        self.fill(tree)

    def _view(self, name):
        start, shape = self.places[name], self.shapes[name]
        return np.reshape(self.buffer[start : start + math.prod(shape)], shape)

    def fill(self, tree, numbers=None):
        """Copy arrays of the same names into the buffer; with the numbers of a step, only if that step is OK.

        Raises:
            ValueError: for other names or shapes.
        """
        wrong = [name for name in {**tree, **self.shapes} if name not in tree or tree[name].shape != self.shapes.get(name)]
        if wrong:
            raise ValueError(f"{wrong[0]}: expected {self.shapes.get(wrong[0], 'no such array')}, "
                             f"got {tree[wrong[0]].shape if wrong[0] in tree else 'none'}")  # fmt: skip
        kernels_for(self.buffer).gather([tree[name] for name in self.places], list(self.places.values()), self.buffer, numbers)

    def empty_like(self):
        """A Flat of zeros for arrays of the same names and shapes."""
        return Flat({name: np.zeros_like(array) for name, array in self.arrays.items()})
