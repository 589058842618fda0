"""Reading a picture on a coarser or turned grid: smoothed before it shrinks, then bilinear; no gradients.

    step    pixels of the picture from one position to the next
    blur    (step - 1) / 2 pixels: the deviation that removes what a grid this coarse cannot show

A photograph may be ten times finer than the grid. It is then shrunk first, in whole squares of pixels, and the smoothing that
the squares and the bilinear reading do is left out of the blur: the variances of filters add up.
"""

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.face.sampling import bilinear_sample, in_range

REACH = 4
"""Standard deviations after which a Gaussian ends."""

MODES = {"nearest": "edge", "constant": "constant"}
"""What lies beyond the border, nearest pixel or zeros: how NumPy calls it."""


@check_shapes(image="number H W C", positions="number h w 2")
def sample(image, positions, step, border="nearest"):
    """Values of the image at continuous positions; (H, W, C), (h, w, 2) pixels -> (h, w, C) float32.

    Args:
        step: pixels of the image between neighbouring positions.
        border: one of `MODES`.
    """
    blur, square = max(step - 1, 0) / 2, max(int(step // 2), 1)
    margin = int(np.ceil(REACH * blur)) + 2
    limit = np.array(image.shape[1::-1])
    # Only the part of the image that is looked at is smoothed: photographs are large, faces in them small. It begins at a whole
    # square, so that neighbouring crops see the same ones.
    low = np.clip(np.floor(positions.min(axis=(0, 1))).astype(int) - margin, 0, limit - 1) // square * square
    high = np.clip(np.ceil(positions.max(axis=(0, 1))).astype(int) + margin, low + 1, limit)
    part = np.asarray(image[low[1] : high[1], low[0] : high[0]], dtype=np.float32)
    if square > 1:
        part = _in_squares(part, square, border)
        variance = blur**2 - (square**2 - 1) * (1 / 12 + 1 / 6)  # of a square of pixels, and of the bilinear reading
        blur = np.sqrt(variance) / square
    if blur > 0:
        part = gaussian(part, blur, border)
    places = ((positions - low) / square).astype(np.float32)[None]
    values = np.asarray(bilinear_sample(np.ascontiguousarray(part)[None], places)[0])
    return values if border == "nearest" else values * in_range(places[0], *part.shape[:2])[..., None]


def _in_squares(image, side, border):
    """Means of squares of pixels, of which the last ones may reach over the border; (H, W, C) -> (ceil(H / side), ..., C)."""
    beyond = [(0, -count % side) for count in image.shape[:2]]
    image = np.pad(image, (*beyond, (0, 0)), MODES[border])
    rows = sum(image[i::side] for i in range(side))
    return sum(rows[:, i::side] for i in range(side)) * np.float32(1 / side**2)


@check_shapes(image="H W C")
def gaussian(image, deviation, border="nearest"):
    """Smoothed by a Gaussian along both axes; (H, W, C) -> (H, W, C).

    Args:
        deviation: standard deviation in pixels, above 0.
        border: one of `MODES`.
    """
    radius = int(REACH * deviation + 0.5)
    weights = np.exp(-0.5 * (np.arange(radius + 1) / deviation) ** 2)
    weights = (weights / (2 * weights.sum() - weights[0])).astype(image.dtype)
    height, width, channels = image.shape
    down = np.pad(image, ((radius, radius), (0, 0), (0, 0)), MODES[border])
    image = _weighted(lambda shift: down[radius + shift :][:height], weights)
    # The rows as one line of numbers each: slices of it are read several times faster than pixels of three numbers.
    across = np.pad(image, ((0, 0), (radius, radius), (0, 0)), MODES[border]).reshape(height, -1)
    count = width * channels
    lines = _weighted(lambda shift: across[:, (radius + shift) * channels :][:, :count], weights)
    return lines.reshape(height, width, channels)


def _weighted(shifted, weights):
    """Sum of a picture shifted by 0, 1, -1, 2, -2, ... pixels, times weights[0], [1], [1], [2], [2], ..."""
    total = weights[0] * shifted(0)
    for distance, weight in enumerate(weights[1:], 1):
        both = shifted(-distance) + shifted(distance)
        both *= weight
        total += both
    return total
