"""A training step on a GPU: everything that changes stays on the device, and the host only says "again".

    batch -> forward, losses, backward -> gradients in one buffer -> Adam, in place -> losses in one small array

Every `losses()` waits for the device; in between, steps follow each other without a pause. The first step whose loss or gradient
is not finite changes nothing, nor does any step after it: when the host looks, the weights are still those that the bad step
began with.
"""

from collections import deque

import numpy as np

from mgcbook.arrays import is_device, kernels_for, to_device, to_host
from mgcbook.data.changes import CHANGE, Changes
from mgcbook.kernels.precision import precise
from mgcbook.kernels.twins.flat import BAD, DONE
from mgcbook.learning import optim
from mgcbook.learning.flat import Flat
from mgcbook.programs.bank import Bank
from mgcbook.programs.checkpoint import TrainingState
from mgcbook.programs.easel import Easel, parted
from mgcbook.tape import value_and_grad

ROOM = 64
"""Numbers in the report: those of the optimiser and then the losses."""
LOSSES = 16
"""Where the losses begin in it."""


class DeviceStep:
    """Training steps on the device.

    Args:
        learner: has loss(params, batch_norm, batch), see `Learner`; its arrays are on the device.
        state: the TrainingState to begin with, host arrays.
        config: TrainConfig.
        comm: the other processes (`mgcbook.programs.parallel`), or None.
        shelf: where the batches come from if they are to stay on the device (`mgcbook.programs.bank`), or None.
        faces: the SyntheticFaces that the device draws itself, from recipes (`mgcbook.programs.easel`), or None.
    """

    def __init__(self, learner, state, config, comm=None, shelf=None, faces=None):
        from mgcbook.kernels.gpu.graph import Queue

        self.config, self._rng = config, state.rng
        self._queue, self._graph, self._feeder, self._names = Queue(), None, None, None
        self._play = value_and_grad(learner.loss, has_aux=True)
        self._comm = comm if comm is not None and comm.size > 1 else None
        self._batches = deque()  # of the steps since the last look
        self._step = state.step
        with self._queue:
            trees = state.params, state.adam.m, state.adam.v, state.batch_norm
            self._params, self._m, self._v, self._norms = (Flat(to_device(tree, "cuda")) for tree in trees)
            self._grads = self._params.empty_like()
            report = np.zeros(ROOM, np.float32)
            report[DONE] = state.step
            self._report = to_device(report, "cuda")
            self._changes = Changes(config.image_size, "cuda")
        self._numbers = self._report[:LOSSES]
        self._bank = None if shelf is None else Bank(shelf, self._queue)
        self._easel = None if faces is None else Easel(faces, self._queue, config.graph)

    def advance(self, batch, rate):
        """Begin one step; returns before it is done.

        Args:
            batch: host arrays, of the same shapes in every step; what a Shelf gives, or recipes, if the device draws.
            rate: learning rate.
        """
        self._step += 1
        if self._bank:
            new, batch = batch["new"], {name: value for name, value in batch.items() if name != "new"}
            if new:
                self._bank.add(*new)
        self._batches.append((self._step, batch))
        if self._easel:
            recipes, batch = parted(batch)
            self._easel.draw(recipes)
        self._load({**batch, "rate": np.full(1, rate, np.float32)})
        if not self.config.graph:
            with self._queue:
                self._once()
            return
        if self._graph is None:
            from mgcbook.kernels.gpu.graph import StepGraph

            keep = [flat.buffer for flat in (self._params, self._m, self._v, self._norms)]
            self._graph = StepGraph(self._once, self._queue, keep=[*keep, self._report])
        self._graph()

    def _load(self, batch):
        from mgcbook.kernels.gpu.graph import Feeder

        if self._feeder is None:
            self._feeder = Feeder({name: np.asarray(array) for name, array in batch.items()}, self._queue)
        self._feeder.load(batch)
        self._feeder.feed()

    def _once(self):
        """One step on the arrays that stay where they are; what a graph holds."""
        inputs = self._feeder.inputs
        batch = {name: array for name, array in inputs.items() if name not in ("rate", "index")}
        if self._bank:
            batch |= self._bank.read(inputs["index"])
        if self._easel:
            batch |= self._easel.read()
        if CHANGE in batch:
            batch = self._changes(batch)
        kernels = kernels_for(self._report)
        with precise(self.config.precision == "float32"):
            (loss, (terms, _, norms)), grads = self._play(self._params.arrays, self._norms.arrays, batch)
        self._names = list(terms)
        kernels.gather(list(terms.values()), [LOSSES + place for place in range(len(terms))], self._report)
        self._grads.fill(grads)
        flat = self._grads.buffer
        if self._comm:
            flat = self._comm.sum(flat) * (1 / self._comm.size)
            self._report[LOSSES:] = self._comm.sum(self._report[LOSSES:]) * (1 / self._comm.size)
            loss = self._report[LOSSES + self._names.index("total")]
        kernels.prepare_step(loss, kernels.square_sum(flat), inputs["rate"], self._numbers, limit=self.config.clip_norm)
        kernels.adam_flat(self._params.buffer, flat, self._m.buffer, self._v.buffer, self._numbers)
        self._norms.fill(norms, self._numbers)

    def losses(self):
        """Wait, and read the losses of the last step: (name -> number, None), or (what they were, (step, batch) of a bad one)."""
        with self._queue.stream:
            report = to_host(self._report)
        bad = int(report[BAD])
        found = next(((step, self._whole(batch)) for step, batch in self._batches if step == bad), None) if bad else None
        if not bad:
            self._batches.clear()
        names = self._names or ()
        return {name: float(report[LOSSES + place]) for place, name in enumerate(names)}, found

    def _whole(self, batch):
        """A host batch with its pictures, changed as they were, also where they are on the device only."""
        if self._easel:
            recipes, rest = parted(batch)
            batch = {**self._easel.pictures(recipes), **rest}
        elif self._bank:
            rest = {name: array for name, array in batch.items() if name not in ("index", "flags")}
            batch = {**self._bank.host_batch(batch["index"], batch["flags"]), **rest}
        return Changes(batch["images"].shape[2])(batch) if CHANGE in batch else batch

    def state(self):
        """Wait, and read the state after the last step that was not bad; a TrainingState with host arrays."""
        with self._queue.stream:
            trees = (self._params.arrays, self._m.arrays, self._v.arrays, self._norms.arrays)
            params, m, v, norms = (to_host(tree) for tree in trees)
            step = int(to_host(self._report)[DONE])
        return TrainingState(step, params, optim.AdamState(step, m, v), norms, self._rng)

    def examine(self, batch):
        """Compute a step again without changing anything, and read all that it gives, in order; for `guard.check`."""
        with self._queue.stream, precise(self.config.precision == "float32"):
            moved = to_device(batch, "cuda")
            (loss, (terms, coefficients, _)), grads = self._play(self._params.arrays, self._norms.arrays, moved)
            backwards = dict(reversed(grads.items()))  # the last layer's gradient is computed first
            return to_host({"coefficients": coefficients, "loss": terms, "total_loss": loss, "gradient": backwards})

    def picture(self, learner, batch):
        """What the network makes of a host batch now, see `Learner.picture`."""
        with self._queue.stream:
            found = learner.picture(self._params.arrays, self._norms.arrays, to_device(batch, "cuda"))
            return to_host(found) if is_device(found) else found
