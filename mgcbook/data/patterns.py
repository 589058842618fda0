"""Backgrounds with sharp edges that no training picture has: stripes, checks and dots, to test what a network took along."""

import numpy as np

from mgcbook.data.backgrounds import colour


def patterned(rng, height, width):
    """A random pattern in two colours, turned by any angle; -> (height, width, 3) float32 in [0, 1]."""
    row, column = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / height, indexing="ij")
    angle, pitch = rng.uniform(0, np.pi), rng.uniform(0.06, 0.3)
    across = (np.cos(angle) * column + np.sin(angle) * row) / pitch + rng.uniform()
    along = (np.cos(angle) * row - np.sin(angle) * column) / pitch + rng.uniform()
    stripes = across % 1 < 0.5
    kinds = {
        "stripes": stripes,
        "checks": stripes ^ (along % 1 < 0.5),
        "dots": (across % 1 - 0.5) ** 2 + (along % 1 - 0.5) ** 2 < 0.09,
    }
    inside = kinds[rng.choice(list(kinds))][..., None]
    return np.where(inside, colour(rng), colour(rng)).astype(np.float32)
