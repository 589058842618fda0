"""Synthetic triples drawn on the GPU while it trains: the host sends a few thousand numbers a face and no picture.

    Drawn (host)    recipes of the faces of a step, made by other processes ahead of time
    Easel (device)  on a stream of its own: recipe -> Studio -> pictures; they are taken over between two steps

    step k      | forward, losses, backward, Adam          |  the pictures of step k are copied to their place when step k - 1
    step k + 1  |      its pictures are being drawn        |  is done; from then on those of step k + 1 may be drawn
"""

import threading

import numpy as np

from mgcbook.arrays import to_device, to_host
from mgcbook.data.changes import CHANGE, CHANGE_SEED
from mgcbook.errors import UsageError

NOT_DRAWN = ("landmarks", "flags", "counts", CHANGE, CHANGE_SEED)
"""What a batch has besides the numbers for its pictures."""


class Drawn:
    """An endless collection whose batches are recipes; what `Batches` reads from.

    Args:
        faces: the SyntheticFaces whose items they are; `endless` for those who want pictures on the host.
        workers: processes that make recipes.
    """

    def __init__(self, faces, workers=1):
        self.endless, self._workers, self._recipes = faces, workers, None
        self._starting = threading.Lock()  # several threads ask for their first batch at once

    def batch(self, indices):
        """Recipes of some items; see `Recipes.batch`."""
        from mgcbook.data.recipes import Recipes

        with self._starting:
            if self._recipes is None:
                model = self.endless.model if self._workers == 1 else None
                self._recipes = Recipes(self.endless.config, self._workers, model)
        return self._recipes.batch(list(indices))

    def close(self):
        """End the processes."""
        if self._recipes is not None:
            self._recipes.close()
            self._recipes = None


class Easel:
    """Draws the pictures of recipes on the device.

    Args:
        faces: SyntheticFaces.
        queue: the Queue of the steps.
        graph: capture the drawing, too.
    """

    def __init__(self, faces, queue, graph):
        from mgcbook.data.studio import Studio
        from mgcbook.kernels.gpu.graph import Queue, events

        self._steps, self._queue, self._views = queue, Queue(), faces.config.views
        self._feeder, self._drawn, self._place = None, {}, {}
        self._replay = None if graph else self._eager
        self._ready, self._taken = events(2)
        with self._queue:
            self._studio = Studio(faces, "cuda")

    def draw(self, recipes):
        """Draw the pictures of a batch of recipes and put them to their place before the next step; returns at once."""
        from mgcbook.kernels.gpu.graph import Feeder, StepGraph

        if self._feeder is None:
            self._feeder = Feeder(recipes, self._queue)
            self._make_room(len(recipes["seed"]))
        self._feeder.load(recipes)
        self._feeder.feed()
        self._queue.stream.wait_event(self._taken)  # what was drawn before is no longer read
        if self._replay is None:
            self._replay = StepGraph(self._once, self._queue)
        self._replay()
        self._ready.record(self._queue.stream)
        stream = self._steps.stream
        stream.wait_event(self._ready)
        for name, array in self._drawn.items():
            self._place[name].data.copy_from_device_async(array.data, array.nbytes, stream)
        self._taken.record(stream)

    def _eager(self):
        with self._queue:
            self._once()

    def _make_room(self, count):
        from mgcbook.kernels.gpu.graph import empty

        size = self._studio.size
        for name, shape in (("images", (count, size, size, 3)), ("skin", (count, size, size))):
            self._drawn[name], self._place[name] = (empty(shape, np.float32, queue) for queue in (self._queue, self._steps))

    def _once(self):
        for name, array in self._studio(self._feeder.inputs).items():
            self._drawn[name][...] = array

    def read(self):
        """The pictures of the step; {"images": (B, N, H, W, 3), "skin": (B, N, H, W)} on the device."""
        return {name: np.reshape(array, (-1, self._views, *array.shape[1:])) for name, array in self._place.items()}

    def pictures(self, recipes):
        """The same pictures as host arrays, drawn once more; waits."""
        with self._queue:
            made = to_host(self._studio(to_device(recipes, "cuda")))
        return {name: np.reshape(array, (-1, self._views, *array.shape[1:])) for name, array in made.items()}


def parted(batch):
    """(recipes, what the step needs besides pictures) of a batch from `Drawn`."""
    recipes = {name: array for name, array in batch.items() if name not in NOT_DRAWN}
    return recipes, {name: array for name, array in batch.items() if name in NOT_DRAWN}


def drawn_for(config, data, ranks=1):
    """What takes the place of made-up faces where the GPU is to draw them; other data as they are.

    Raises:
        UsageError: for data that cannot be drawn.
    """
    if config.drawn_on == "cpu":
        return data
    from mgcbook.data.builtin import load_generator
    from mgcbook.data.synthetic import SyntheticFaces

    if not isinstance(data, SyntheticFaces):
        raise UsageError("drawn_on: a GPU draws synthetic faces that none has seen before; leave data and triples as they are")
    known = data.model is load_generator("light")  # other processes know the built-in model only
    return Drawn(data, recipe_workers(ranks) if known else 1)


def recipe_workers(ranks=1):
    """Processes that make recipes for one of some ranks: the processors but two, shared by all; 12 are enough for any GPU."""
    from mgcbook.programs.doctor import usable_cores

    return min(max((usable_cores() - 2) // ranks, 1), 12)
