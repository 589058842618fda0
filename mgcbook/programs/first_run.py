"""The first run on a machine: every kernel that `mgcbook demo` needs is compiled once and kept on disk.

`announce` of mgcbook.kernels.compiling says so on the screen when it happens. `warm_up` makes it happen at once, by one step
of the training that the demo begins with. Where nothing is compiled yet and there is a second core, a second process compiles
the kernels of the network meanwhile, into the same folder: 0.76 of the time (14.2 s instead of 18.7, measured).
"""

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np

LONGEST = 120.0
"""Seconds that the second process may take; then its kernels are compiled here."""


def warm_up():
    """Call every kernel that training, reconstruction and a fit need; -> seconds. Nothing is learned and nothing is written."""
    from mgcbook.programs.batches import pick
    from mgcbook.programs.config import preset
    from mgcbook.programs.fit import FitConfig, fit
    from mgcbook.programs.learner import Learner
    from mgcbook.programs.train import open_data
    from mgcbook.tape import value_and_grad

    start = time.perf_counter()
    with _partner():
        config = replace(preset("classroom"), triples=0)
        learner, data = Learner(config), open_data(config)
        # As many views as in training, because which kernels run depends on the number of pixels; one face is enough.
        batch = {name: np.repeat(array, config.batch, axis=0) for name, array in pick(data.batch([0])).items()}
        coefficients = learner.decoder.zeros(batch["images"].shape[0] * batch["images"].shape[1])
        coefficients = coefficients.reshape(*batch["images"].shape[:2], -1)
        value_and_grad(learner.objective, has_aux=True)(coefficients, batch)
    _train(learner, batch)
    _look(learner, batch)
    images, landmarks = batch["images"][0, :1], batch["landmarks"][0, :1]
    fit(images, landmarks, learner.decoder, FitConfig(landmark_steps=1, steps=1), skin=batch["skin"][0, :1])
    return time.perf_counter() - start


@contextlib.contextmanager
def _partner():
    """While this is open, another process compiles the network's kernels; at the end it is waited for. Nothing where it fails."""
    from mgcbook.kernels.compiling import folder

    process = None
    if _is_first() and _cores() > 1 and sys.executable:
        code = "from mgcbook.programs.first_run import warm_up_network; warm_up_network()"
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        paths = os.pathsep.join(path or os.curdir for path in sys.path)
        environment = {**os.environ, "PYTHONPATH": paths}
        environment |= {"NUMBA_CACHE_DIR": place} if (place := folder()) else {}
        with contextlib.suppress(OSError):
            process = subprocess.Popen([sys.executable, "-c", code], env=environment, **quiet)
    try:
        yield
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LONGEST)
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()


def _is_first():
    """Whether a small kernel has to be compiled."""
    from mgcbook.arrays import kernels_for
    from mgcbook.kernels.compiling import compiled

    before, ones = compiled()[0], np.ones(8, np.float32)
    kernels_for(ones).sum_of_squares(ones)
    return compiled()[0] > before


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def warm_up_network():
    """Call every kernel of the network's training and of Adam, on noise; what the other process runs."""
    from mgcbook.learning.optim import adam, clip_by_norm, init_adam
    from mgcbook.learning.resnet import init_resnet, resnet
    from mgcbook.programs.config import preset
    from mgcbook.tape import value_and_grad

    config, rng = preset("classroom"), np.random.default_rng(0)
    params, state = init_resnet(rng, depth=config.depth, outputs=64, width=config.width)
    images = rng.random((3 * config.batch, config.image_size, config.image_size, 3), np.float32)
    params["fc.weight"] = rng.random(params["fc.weight"].shape, np.float32)
    grads = value_and_grad(lambda p: np.mean(resnet(p, images, state, train=True)[0]))(params)[1]
    adam(params, clip_by_norm(grads, np.inf)[0], init_adam(params), 1e-3, donate=True)


def _train(learner, batch):
    from mgcbook.learning.optim import adam, clip_by_norm, init_adam
    from mgcbook.tape import value_and_grad

    params, batch_norm = learner.start()
    _, grads = value_and_grad(learner.loss, has_aux=True)(params, batch_norm, batch)
    adam(params, clip_by_norm(grads, np.inf)[0], init_adam(params), 1e-3, donate=True)


def _look(learner, batch):
    params, batch_norm = learner.start()
    learner.picture(params, batch_norm, batch, rows=1)
