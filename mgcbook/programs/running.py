"""One training run: its state, the steps, and what is written while it goes on."""

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from mgcbook.errors import NumericalError
from mgcbook.learning import optim
from mgcbook.learning.objective import shared_counts
from mgcbook.programs import checkpoint, guard, parallel
from mgcbook.programs.bank import Shelf
from mgcbook.programs.batches import examples
from mgcbook.programs.checkpoint import TrainingState
from mgcbook.programs.config import to_dict
from mgcbook.programs.easel import Drawn
from mgcbook.tape import value_and_grad

CHECKPOINTS = "checkpoints"
SNAPSHOTS = "snapshots"


class Report(NamedTuple):
    """What a step of training has to say."""

    step: int
    """Steps done."""
    losses: dict
    """Name -> unweighted mean over the batch of this step; "total" is the weighted sum that was minimised (Eq. 6)."""
    seconds: float
    """Time of one step, the mean since the last report."""
    learning_rate: float
    """Of this step."""


class Run:
    """The state of a run, and what it writes while it goes on."""

    def __init__(self, config, data, folder, learner, state, log, comm):
        self.config, self.data, self.folder, self.learner, self.state, self.log = config, data, folder, learner, state, log
        self.comm = comm
        self._saved = state.step if state.step else None
        self._example, self._torn = None, False
        self._losses = []  # of the steps since the last checkpoint: their mean is its score
        self._device = None
        if config.device == "cuda":
            from mgcbook.programs.step_graph import DeviceStep

            shelf, drawn = (data if isinstance(data, kind) else None for kind in (Shelf, Drawn))
            self._device = DeviceStep(learner, state, config, comm, shelf, drawn and drawn.endless)

    def steps(self, batches, stop):
        """Do the steps that are left; a generator of Report."""
        config = self.config
        play = value_and_grad(self.learner.loss, has_aux=True)
        since, last = time.perf_counter(), self.state.step
        while self.state.step < config.steps and not parallel.any_of(self.comm, stop()):
            batch = batches.next()
            if self.comm.size > 1:
                batch["counts"] = shared_counts(batch["flags"], self.comm)
            rate = learning_rate(config, self.state.step)
            losses = self._advance_on_device(batch, rate) if self._device else self._advance(play, batch, rate)
            step = self.state.step
            report = None
            if step % config.report_every == 0 or step == config.steps:
                now = time.perf_counter()
                report = Report(step, losses, (now - since) / (step - last), rate)
                since, last = now, step
                self.log.append(report._asdict())
            if config.snapshot_every and (step % config.snapshot_every == 0 or step == config.steps):
                self.snapshot()
            if step % config.checkpoint_every == 0:
                self.save()
            if report:
                yield report

    def _advance(self, play, batch, rate):
        """One step: replaces the state, returns the losses."""
        state, config = self.state, self.config
        (loss, (terms, coefficients, batch_norm)), own = play(state.params, state.batch_norm, batch)
        result = {"coefficients": coefficients, "loss": terms, "total_loss": loss}
        grads, terms, batch_norm = parallel.mean_over_processes(self.comm, own, terms, batch_norm)
        grads, norm = optim.clip_by_norm(grads, config.clip_norm or np.inf)
        if not (np.isfinite(terms["total"]) and np.isfinite(norm)):
            backwards = dict(reversed(own.items()))  # the last layer's gradient is computed first
            self._explain(state.step + 1, state, batch, {**result, "gradient": backwards})
        self._torn = True  # the arrays of the state are being written over
        params, adam = optim.adam(state.params, grads, state.adam, rate, donate=True)
        self.state = TrainingState(state.step + 1, params, adam, batch_norm, state.rng)
        self._torn = False
        losses = {name: float(value) for name, value in terms.items()}
        self._losses.append(losses["total"])
        return losses

    def _advance_on_device(self, batch, rate):
        """One step begun on a GPU; waits for it and returns its losses only if they are to be reported."""
        config, step = self.config, self.state.step + 1
        self._device.advance(batch, rate)
        self.state = replace(self.state, step=step)
        if step % config.report_every and step % config.checkpoint_every and step != config.steps:
            return {}
        losses = self._read_losses()
        self._losses.append(losses["total"])
        return losses

    def _read_losses(self):
        losses, bad = self._device.losses()
        if bad is not None:
            step, batch = bad
            self.state = self._device.state()  # as the bad step found it: nothing has changed since
            self._explain(step, self.state, batch, self._device.examine(batch))
            raise NumericalError(f"step {step}: a loss or gradient was not finite, but is when computed again; start again")
        return losses

    def _explain(self, *step):
        """Keep the batch of a step that is not finite, and raise; (number, state, batch, result)."""
        if self.comm.size > 1:
            guard.check_together(self.comm, self.folder, self.config, *step)
        guard.check(self.folder, self.config, *step)

    def save(self):
        """Write a checkpoint, unless the last one is of this very step, or the step was interrupted at the wrong moment."""
        step = self.state.step
        if step == self._saved or self._torn or self.comm.rank:
            return
        self._saved = step  # also if writing fails: the end of the run must not try again
        if self._device:
            self.state = self._device.state()
        self.log.sync()
        score = float(np.mean(self._losses)) if self._losses else None
        self._losses = []
        config, folder = self.config, self.folder / CHECKPOINTS
        state = replace(self.state, adam=self.state.adam._asdict())
        checkpoint.save(folder, state, config=to_dict(config), model=self.learner.model, score=score, keep=config.keep)

    def snapshot(self):
        """Write a picture of what the network makes of a batch that it is never trained on."""
        if self.comm.rank:
            return
        from mgcbook.data.images import write_image

        if self._example is None:
            self._example = examples(self.data, 3)
        if self._device:
            picture = self._device.picture(self.learner, self._example)
        else:
            picture = self.learner.picture(self.state.params, self.state.batch_norm, self._example)
        write_image(self.folder / SNAPSHOTS / f"step-{self.state.step:08d}.png", picture)


def learning_rate(config, done):
    """The learning rate of the step after `done` steps."""
    if config.schedule == "cosine":
        return optim.cosine_schedule(done, rate=config.learning_rate, steps=config.steps)
    if config.schedule == "step":
        return optim.step_schedule(done, rate=config.learning_rate, drops=[config.steps * 2 // 3])
    return config.learning_rate
