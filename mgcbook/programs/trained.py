"""A trained network as one function: images of aligned faces -> coefficients."""

from pathlib import Path

import numpy as np

from mgcbook.arrays import check_shapes, to_device, to_host
from mgcbook.errors import DataError, UsageError
from mgcbook.learning.resnet import prepare_inference
from mgcbook.programs import checkpoint
from mgcbook.programs.config import from_dict
from mgcbook.programs.learner import open_decoder

SHIPPED = Path(__file__).parents[1] / "weights" / "network.safetensors"
"""Where the weights are that come with the package."""


class Trained:
    """Network and decoder of a training run, with the weights of one of its checkpoints.

    Args:
        state: a TrainingState.
        config: the run's TrainConfig.
        device: where the network is computed, "cpu" or "cuda"; images, coefficients and decoder are on the host in any case.
    """

    def __init__(self, state, config, device="cpu"):
        self.step, self.config, self.device = state.step, config, device
        params = {name: np.asarray(array, np.float32) for name, array in state.params.items()}  # a packed file holds 16 bits
        self._params, batch_norm = to_device((params, state.batch_norm), device)
        self._predict = prepare_inference(self._params, batch_norm)
        self._decoder = open_decoder(config)

    @property
    def decoder(self):
        """The Decoder that its coefficients belong to; its camera sets the size of the images."""
        return self._decoder

    @check_shapes(images="number B H W 3")
    def __call__(self, images):
        """Coefficients of aligned faces; (B, H, W, 3) in [0, 1] -> (B, K)."""
        return to_host(self._predict(to_device(np.ascontiguousarray(images, dtype=np.float32), self.device)))


def shipped_weights():
    """The checkpoint that comes with the package; -> Path, or None if this installation has none."""
    return SHIPPED if SHIPPED.is_file() else None


def open_trained(path=None, device="cpu"):
    """The weights of a run folder (its newest checkpoint) or of one checkpoint file; -> Trained.

    Args:
        path: folder or file; None: the weights that come with the package.
        device: where the network is computed, "cpu" or "cuda".
    Raises:
        UsageError: if no path is given and no weights come with this installation.
        DataError: if there are none, or if they are damaged.
        ResourceError: for "cuda" where no GPU can be used.
    """
    path = shipped_weights() if path is None else Path(path)
    if path is None:
        raise UsageError("weights: this installation brings none; train a network and give its folder with --weights")
    state, config = open_weights(path)
    return Trained(state, from_dict(config, path), device)


def open_weights(path):
    """State and configuration of a run folder's newest checkpoint, or of one checkpoint file: (TrainingState, dict).

    Raises:
        DataError: if there is no checkpoint, or if it is damaged.
    """
    path = Path(path)
    if not path.is_dir():
        return checkpoint.load(path)
    from mgcbook.programs.running import CHECKPOINTS  # a run brings all that makes faces and batches

    found = checkpoint.latest(path / CHECKPOINTS)
    if found is None:
        raise DataError(f"{path}: no checkpoint there; is this the folder of a training run?")
    return found[1:]
