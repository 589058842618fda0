"""The first run on a machine: every kernel that `mgcbook demo` needs is compiled once and kept on disk.

`announce` of mgcbook.kernels.compiling says so on the screen when it happens. `warm_up` makes it happen at once, by one step
of the training that the demo begins with.
"""

import time
from dataclasses import replace

import numpy as np


def warm_up():
    """Call every kernel that training, reconstruction and a fit need; -> seconds. Nothing is learned and nothing is written."""
    from mgcbook.programs.batches import pick
    from mgcbook.programs.config import preset
    from mgcbook.programs.fit import FitConfig, fit
    from mgcbook.programs.learner import Learner
    from mgcbook.programs.train import open_data

    start = time.perf_counter()
    config = replace(preset("classroom"), triples=0)
    learner, data = Learner(config), open_data(config)
    # As many views as in training, because which kernels run depends on the number of pixels; one face is enough.
    batch = {name: np.repeat(array, config.batch, axis=0) for name, array in pick(data.batch([0])).items()}
    _train(learner, batch)
    _look(learner, batch)
    images, landmarks = batch["images"][0, :1], batch["landmarks"][0, :1]
    fit(images, landmarks, learner.decoder, FitConfig(landmark_steps=1, steps=1), skin=batch["skin"][0, :1])
    return time.perf_counter() - start


def _train(learner, batch):
    from mgcbook.learning.optim import adam, clip_by_norm, init_adam
    from mgcbook.tape import value_and_grad

    params, batch_norm = learner.start()
    _, grads = value_and_grad(learner.loss, has_aux=True)(params, batch_norm, batch)
    adam(params, clip_by_norm(grads, np.inf)[0], init_adam(params), 1e-3, donate=True)


def _look(learner, batch):
    params, batch_norm = learner.start()
    learner.picture(params, batch_norm, batch, rows=1)
