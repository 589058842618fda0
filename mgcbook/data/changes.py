"""`mgcbook.data.augment` where the pictures are: the changes are drawn on the host and made by formulas on a whole batch.

    batch |= draw_changes(generators, Augmentation())       a few numbers for each item
    batch = Changes(224, "cuda")(batch)                     images, landmarks and skin, in a form that a CUDA graph can hold

The changes are those of `augment` from the same random numbers; the noise comes from a hash (see `mgcbook.data.exposure`).
"""

import numpy as np

from mgcbook.arrays import to_device
from mgcbook.data.augment import sample_recoloring
from mgcbook.data.exposure import normal_noise
from mgcbook.data.landmarks import FLIP_68
from mgcbook.errors import UsageError

CHANGE, CHANGE_SEED = "change", "change_seed"
"""What `draw_changes` puts into a batch."""
FLIPPED, BRIGHTNESS, CONTRAST, SATURATION, GAMMA, NOISE, CAST = range(7)
"""Columns of the changes; red, green and blue of the cast are the last three."""
LUMA = (0.299, 0.587, 0.114)


def draw_changes(generators, config):
    """Changes of the items of a batch, one generator for each; -> {"change": (B, 9) float32, "change_seed": (B,) uint32}.

    Raises:
        UsageError: for changes that need more than formulas: scale and cover.
    """
    if config.scale or config.cover:
        raise UsageError("augmentation: enlarged and covered pictures are made on the host: set scale and cover to 0")
    rows = []
    for rng in generators:
        flipped = rng.random() < config.flip
        brightness, contrast, saturation, cast, gamma, noise = sample_recoloring(rng, config)
        rows.append([flipped, brightness, contrast, saturation, gamma, noise, *cast])
    seeds = [rng.integers(2**32, dtype=np.uint32) for rng in generators]
    return {CHANGE: np.array(rows, np.float32), CHANGE_SEED: np.array(seeds)}


class Changes:
    """Makes the changes of a batch.

    Args:
        size: rows and columns of the pictures.
        device: "cpu" or "cuda".
    """

    def __init__(self, size, device="cpu"):
        self._size = size
        self._order, self._luma, self._mirror = to_device(
            (FLIP_68, np.array(LUMA, np.float32), np.arange(size)[::-1].copy()), device
        )

    def __call__(self, batch):
        """The batch with changed images (B, N, H, W, 3), landmarks (B, N, 68, 2) and skin (B, N, H, W), without the changes."""
        change, seeds = batch[CHANGE], batch[CHANGE_SEED]
        flipped = change[:, FLIPPED, None, None, None] > 0
        mirrored = np.take(batch["images"], self._mirror, axis=3)
        images = self._recolored(np.where(flipped[..., None], mirrored, batch["images"]), change, seeds)
        skin = np.where(flipped, np.take(batch["skin"], self._mirror, axis=3), batch["skin"])
        x, y = batch["landmarks"][..., 0], batch["landmarks"][..., 1]
        other = np.take(np.stack([np.float32(self._size) - x, y], axis=-1), self._order, axis=2)
        landmarks = np.where(flipped, other, batch["landmarks"])
        rest = {name: array for name, array in batch.items() if name not in (CHANGE, CHANGE_SEED)}
        return {**rest, "images": images, "skin": skin, "landmarks": landmarks}

    def _recolored(self, images, change, seeds):
        number = lambda column: change[:, column, None, None, None, None]
        colors = np.clip(images, 0, 1) ** number(GAMMA)
        mean = np.mean(colors, axis=(2, 3, 4), keepdims=True)
        cast = change[:, None, None, None, CAST:] * number(BRIGHTNESS)
        colors = (mean + (colors - mean) * number(CONTRAST)) * cast
        grey = np.sum(colors * self._luma, axis=-1, keepdims=True)
        colors = grey + (colors - grey) * number(SATURATION)
        places = np.arange(colors.size // len(colors), dtype=np.uint32, like=seeds)
        noise = np.reshape(normal_noise(seeds[:, None], places), colors.shape)
        return np.clip(colors + number(NOISE) * noise, 0, 1)
