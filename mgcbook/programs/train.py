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
from typing import Annotated

from tyro.conf import arg

from mgcbook.arrays import check_device
from mgcbook.errors import UsageError
from mgcbook.kernels.compiling import announce
from mgcbook.learning import optim
from mgcbook.programs import checkpoint, parallel
from mgcbook.programs.bank import shelf_for
from mgcbook.programs.batches import Batches, Changing, Kept, Order
from mgcbook.programs.checkpoint import TrainingState
from mgcbook.programs.config import CONFIG, TrainConfig, changes, from_dict, load_config, preset, save_config
from mgcbook.programs.easel import Drawn, drawn_for
from mgcbook.programs.interrupt import Interrupt
from mgcbook.programs.metrics import MetricsLog, RunLock
from mgcbook.programs.running import CHECKPOINTS, Run


def train(config, data, run_folder, *, learner=None, stop=None, comm=None):
    """Train, or go on with training; a generator of Report. Closing it, or breaking out of its loop, writes a checkpoint.

    Args:
        config: TrainConfig.
        data: data.batch(indices) gives images (B, N, H, W, 3), landmarks, skin and flags; endless, or with a length.
        run_folder: gets config.json, metrics.jsonl, snapshots/ and checkpoints/. If it holds checkpoints, training goes on
            from the newest one.
        learner: network and losses; None builds those of the configuration.
        stop: called after each step; True ends the run with a checkpoint.
        comm: the processes that train together; None finds out whether mpirun has started several.
    Raises:
        UsageError: if the folder holds a run with other settings, or the batch cannot be shared among the processes.
        DataError: if its checkpoints belong to another model or are all damaged.
        ResourceError: if another process writes into the folder, or the disk is full; earlier checkpoints stay.
        NumericalError: if a number stops being finite; the batch is kept for `mgcbook doctor --replay`.
    """
    stop = stop or (lambda: False)
    comm = parallel.communicator(stop) if comm is None else comm
    parallel.check_share(config.batch, comm)
    if learner is None:
        from mgcbook.programs.learner import Learner

        parallel.use_own_gpu(comm, config.device)
        learner = Learner(config, device=config.device, comm=comm if comm.size > 1 else None)
    run_folder = Path(run_folder)
    with contextlib.ExitStack() as open_things:
        if comm.rank == 0:
            open_things.enter_context(RunLock(run_folder))
        state = parallel.same_state(comm, _begin(config, learner, run_folder, is_first=comm.rank == 0))
        log = MetricsLog(run_folder, state.step, config.tensorboard) if comm.rank == 0 else parallel.Silence()
        open_things.enter_context(contextlib.closing(log))
        shelf = shelf_for(data) if config.device == "cuda" else None
        data = shelf or drawn_for(config, data, comm.size)
        if isinstance(data, Drawn):
            open_things.enter_context(contextlib.closing(data))
        order = Order(data, config.seed, config.batch)
        elsewhere = shelf is not None or isinstance(data, Drawn)  # the pictures are on the GPU
        choose, many = dict if elsewhere else None, dict(ahead=8, side_by_side=4) if isinstance(data, Drawn) else {}
        known = config.supervision == "truth"
        change = Changing(config.seed, config.augmentation, supervised=known, later=elsewhere) if config.augmentation else None
        mine = lambda step: parallel.share(order(step), comm)
        batches = Batches(data, mine, first=state.step + 1, choose=choose, change=change, **many)
        open_things.enter_context(contextlib.closing(batches))
        run = Run(config, data, run_folder, learner, state, log, comm)
        comm.alarm = run.save
        try:
            yield from run.steps(batches, stop)
        finally:
            run.save()


def _begin(config, learner, run_folder, *, is_first=True):
    """The state to start from: that of the newest checkpoint, or fresh weights. Only the first process looks into the folder."""
    found = checkpoint.latest(run_folder / CHECKPOINTS, learner.model) if is_first else None
    if found is None:
        if is_first:
            save_config(config, run_folder)
        params, batch_norm = learner.start()
        return TrainingState(0, params, optim.init_adam(params), batch_norm, {"seed": config.seed})
    path, state, old = found
    different = changes(from_dict(old, path), config)
    if different:
        raise UsageError(f"{run_folder} holds a run with other settings ({'; '.join(different)}); choose another run folder")
    save_config(config, run_folder)
    return replace(state, adam=optim.AdamState(**state.adam))


# ---------------------------------------------------------------- the command


@dataclass(frozen=True)
class TrainOptions:
    """Train the network, or go on with a run that was interrupted: the same command, or just its --run, does that."""

    run: Path = Path("runs/classroom")
    """Folder of the run: settings, metrics, snapshots and checkpoints."""
    preset: str = "classroom"
    """Where the settings below start from: "classroom" (minutes on a CPU), "paper" (days on a GPU), or one of the stages of the
    network that comes along, "portable-start", "portable-middle" and "portable" (an hour or two each on a CPU)."""
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
    with Interrupt() as interrupt:
        comm = parallel.communicator(lambda: interrupt.name)
        with parallel.all_end_together(comm):
            reports = train(config, open_data(config), folder, stop=lambda: interrupt.name, comm=comm)
            if comm.rank:
                for _ in reports:
                    pass
                return 0
            images = f"{config.batch} triples of {config.image_size} x {config.image_size} pixels"
            shared = f", shared by {comm.size} processes" if comm.size > 1 else ""
            print(f"{folder}: ResNet-{config.depth}, {images} a step{shared}, {config.steps} steps")
            if config.device == "cuda" and config.data == "synthetic" and not config.triples and config.drawn_on == "cpu":
                print("faces are drawn on the host while training, and the GPU waits: --drawn-on cuda lets it draw them itself, "
                      "--triples 3000 keeps that many there")  # fmt: skip
            announce()
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
    if config.supervision == "truth":
        return _known_faces(config)
    from mgcbook.data.scenes import SyntheticConfig
    from mgcbook.data.synthetic import SyntheticFaces

    faces = SyntheticFaces(SyntheticConfig(seed=config.seed, size=config.image_size), truth=False)
    return Kept(faces, config.triples) if config.triples else faces


def _known_faces(config):
    """Synthetic faces with the coefficients that the network is told."""
    from mgcbook.data.known import KnownFaces
    from mgcbook.programs.learner import Learner

    faces = KnownFaces(Learner(config).decoder, seed=config.seed)
    return Kept(faces, config.triples) if config.triples else faces
