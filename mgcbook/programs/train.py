"""Training: the loop of the book. `train` is a generator of reports; `mgcbook train` draws a progress bar from them.

    batch -> network -> 257 coefficients a view -> Eq. 6 -> gradients -> Adam -> the next batch

A run can be ended at any moment, by Ctrl-C, a signal or a power cut, and started again with the same command: it goes on from
its last checkpoint and writes the same numbers as a run that was never interrupted.
"""

import contextlib
import shlex
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from tyro.conf import arg

from mgcbook.arrays import check_device
from mgcbook.errors import NumericalError, UsageError
from mgcbook.kernels.compiling import announce
from mgcbook.learning import optim
from mgcbook.programs import checkpoint, guard
from mgcbook.programs.batches import Batches, Kept, Order, examples
from mgcbook.programs.checkpoint import TrainingState
from mgcbook.programs.config import CONFIG, TrainConfig, changes, from_dict, load_config, preset, save_config, to_dict
from mgcbook.programs.interrupt import Interrupt
from mgcbook.programs.metrics import MetricsLog, RunLock
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


def train(config, data, run_folder, *, learner=None, stop=None):
    """Train, or go on with training; a generator of Report. Closing it, or breaking out of its loop, writes a checkpoint.

    Args:
        config: TrainConfig.
        data: data.batch(indices) gives images (B, N, H, W, 3), landmarks, skin and flags; endless, or with a length.
        run_folder: gets config.json, metrics.jsonl, snapshots/ and checkpoints/. If it holds checkpoints, training goes on
            from the newest one.
        learner: network and losses; None builds those of the configuration.
        stop: called after each step; True ends the run with a checkpoint.
    Raises:
        UsageError: if the folder holds a run with other settings.
        DataError: if its checkpoints belong to another model or are all damaged.
        ResourceError: if another process writes into the folder, or the disk is full; earlier checkpoints stay.
        NumericalError: if a number stops being finite; the batch is kept for `mgcbook doctor --replay`.
    """
    if learner is None:
        from mgcbook.programs.learner import Learner

        learner = Learner(config, device=config.device)
    run_folder = Path(run_folder)
    with contextlib.ExitStack() as open_things:
        open_things.enter_context(RunLock(run_folder))
        state = _begin(config, learner, run_folder)
        log = open_things.enter_context(contextlib.closing(MetricsLog(run_folder, state.step, config.tensorboard)))
        batches = Batches(data, Order(data, config.seed, config.batch), first=state.step + 1)
        open_things.enter_context(contextlib.closing(batches))
        run = _Run(config, data, run_folder, learner, state, log)
        try:
            yield from run.steps(batches, stop or (lambda: False))
        finally:
            run.save()


def _begin(config, learner, run_folder):
    """The state to start from: that of the newest checkpoint, or fresh weights."""
    found = checkpoint.latest(run_folder / CHECKPOINTS, learner.model)
    if found is None:
        save_config(config, run_folder)
        params, batch_norm = learner.start()
        return TrainingState(0, params, optim.init_adam(params), batch_norm, {"seed": config.seed})
    path, state, old = found
    different = changes(from_dict(old, path), config)
    if different:
        raise UsageError(f"{run_folder} holds a run with other settings ({'; '.join(different)}); choose another run folder")
    save_config(config, run_folder)
    return replace(state, adam=optim.AdamState(**state.adam))


class _Run:
    """The state of a run, and what it writes while it goes on."""

    def __init__(self, config, data, folder, learner, state, log):
        self.config, self.data, self.folder, self.learner, self.state, self.log = config, data, folder, learner, state, log
        self._saved = state.step if state.step else None
        self._example, self._torn = None, False
        self._losses = []  # of the steps since the last checkpoint: their mean is its score
        self._device = None
        if config.device == "cuda":
            from mgcbook.programs.step_graph import DeviceStep

            self._device = DeviceStep(learner, state, config)

    def steps(self, batches, stop):
        """Do the steps that are left; a generator of Report."""
        config = self.config
        play = value_and_grad(self.learner.loss, has_aux=True)
        since, last = time.perf_counter(), self.state.step
        while self.state.step < config.steps and not stop():
            batch = batches.next()
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
        (loss, (terms, coefficients, batch_norm)), grads = play(state.params, state.batch_norm, batch)
        grads, norm = optim.clip_by_norm(grads, config.clip_norm or np.inf)
        if not (np.isfinite(loss) and np.isfinite(norm)):
            backwards = dict(reversed(grads.items()))  # the last layer's gradient is computed first
            result = {"coefficients": coefficients, "loss": terms, "total_loss": loss, "gradient": backwards}
            guard.check(self.folder, config, state.step + 1, state, batch, result)
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
            guard.check(self.folder, self.config, step, self.state, batch, self._device.examine(batch))
            raise NumericalError(f"step {step}: a loss or gradient was not finite, but is when computed again; start again")
        return losses

    def save(self):
        """Write a checkpoint, unless the last one is of this very step, or the step was interrupted at the wrong moment."""
        step = self.state.step
        if step == self._saved or self._torn:
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


# ---------------------------------------------------------------- the command


@dataclass(frozen=True)
class TrainOptions:
    """Train the network, or go on with a run that was interrupted: the same command, or just its --run, does that."""

    run: Path = Path("runs/classroom")
    """Folder of the run: settings, metrics, snapshots and checkpoints."""
    preset: str = "classroom"
    """"classroom" (minutes on a CPU) or "paper" (days on a GPU): where the settings below start from."""
    config: Annotated[TrainConfig, arg(name="")] = TrainConfig()  # noqa: RUF009 (frozen)


def parse(args):
    """Command line -> TrainOptions. The defaults shown and used are those of the preset, or of the run in the folder given."""
    import argparse

    import tyro

    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--run", type=Path)
    first.add_argument("--preset")
    chosen, _ = first.parse_known_args(args)
    name = chosen.preset or "classroom"
    folder = chosen.run or Path("runs") / name
    going_on = chosen.preset is None and (folder / CONFIG).is_file()
    default = TrainOptions(folder, name, load_config(folder) if going_on else preset(name))
    return tyro.cli(TrainOptions, args=args, default=default, prog="mgcbook train", config=(tyro.conf.FlagCreatePairsOff,))


def run(options):
    """Train with a progress bar until the last step, Ctrl-C or a signal; returns the exit code."""
    check_device(options.config.device)
    config, folder = options.config, options.run
    images = f"{config.batch} triples of {config.image_size} x {config.image_size} pixels"
    print(f"{folder}: ResNet-{config.depth}, {images} a step, {config.steps} steps")
    announce()
    with Interrupt() as interrupt:
        reports = train(config, open_data(config), folder, stop=lambda: interrupt.name)
        last = _show(reports, config.steps)
    if interrupt.name:
        print(f"stopped by {interrupt.name} with a checkpoint; to go on: mgcbook train --run {shlex.quote(str(folder))}")
        return 128 + interrupt.number
    if last is None:
        print(f"all {config.steps} steps were done already")
    print(f"curves: mgcbook plot {shlex.quote(str(folder))}")
    return 0


def _show(reports, steps, every=10.0):
    """Draw reports as a bar with losses and time left, or as a line every ten seconds where there is no terminal."""
    from tqdm import tqdm

    bar, report, shown = None, None, -every
    for report in reports:
        text = "  ".join(f"{name} {value:.3g}" for name, value in report.losses.items())
        if sys.stderr.isatty():
            # Made now, so that compiling does not count for the speed.
            bar = bar or tqdm(total=steps, initial=report.step, unit="step", dynamic_ncols=True)
            bar.set_postfix_str(text, refresh=False)
            bar.update(report.step - bar.n)
        elif time.monotonic() - shown >= every or report.step == steps:
            shown = time.monotonic()
            left = (steps - report.step) * report.seconds
            print(f"step {report.step}/{steps}  {text}  {report.seconds:.2f} s a step, {left / 60:.0f} min left", flush=True)
    if bar:
        bar.close()
    return report


def open_data(config):
    """What gives the batches of a configuration: faces made on the fly, or a data set in a folder."""
    if config.data != "synthetic":
        from mgcbook.data.dataset import FaceDataset

        faces = FaceDataset(config.data, truth=False)
        if faces.camera.width != config.image_size:
            size = faces.camera.width
            raise UsageError(f"image_size: {config.data} has {size} pixels, got {config.image_size}; use --image-size {size}")
        return faces
    from mgcbook.data.scenes import SyntheticConfig
    from mgcbook.data.synthetic import SyntheticFaces

    faces = SyntheticFaces(SyntheticConfig(seed=config.seed, size=config.image_size), truth=False)
    return Kept(faces, config.triples) if config.triples else faces
