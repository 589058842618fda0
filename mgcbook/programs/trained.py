"""A trained network as one function: images of aligned faces -> coefficients."""

from pathlib import Path

import numpy as np

from mgcbook.arrays import to_device, to_host
from mgcbook.errors import DataError
from mgcbook.learning.resnet import prepare_inference
from mgcbook.programs import checkpoint
from mgcbook.programs.config import from_dict
from mgcbook.programs.learner import Learner
from mgcbook.programs.train import CHECKPOINTS


class Trained:
    """Network and decoder of a training run, with the weights of one of its checkpoints.

    Args:
        state: a TrainingState.
        config: the run's TrainConfig.
        device: where the network is computed, "cpu" or "cuda"; images, coefficients and decoder are on the host in any case.
    """

    def __init__(self, state, config, device="cpu"):
        self.step, self.config, self.device = state.step, config, device
        self._params, batch_norm = to_device((state.params, state.batch_norm), device)
        self._predict = prepare_inference(self._params, batch_norm)
        self._learner = Learner(config)

    @property
    def decoder(self):
        """The Decoder that its coefficients belong to; its camera sets the size of the images."""
        return self._learner.decoder

    def __call__(self, images):
        """Coefficients of aligned faces; (B, H, W, 3) in [0, 1] -> (B, K)."""
        return to_host(self._predict(to_device(np.ascontiguousarray(images, dtype=np.float32), self.device)))


def open_trained(path, device="cpu"):
    """The weights of a run folder (its newest checkpoint) or of one checkpoint file; -> Trained.

    Raises:
        DataError: if there are none, or if they are damaged.
        ResourceError: for "cuda" where no GPU can be used.
    """
    path = Path(path)
    if path.is_dir():
        found = checkpoint.latest(path / CHECKPOINTS)
        if found is None:
            raise DataError(f"{path}: no checkpoint there; is this the folder of a training run?")
        _, state, config = found
    else:
        state, config = checkpoint.load(path)
    return Trained(state, from_dict(config, path), device)
