"""Landmark error on AFLW2000-3D (Tab. 1a): normalised mean error in three bins of yaw, and the mean and spread of the three.

Bins, not pictures, are averaged: 1312, 383 and 305 pictures count alike, so profiles weigh as much as frontal faces.
"""

from typing import NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.errors import DataError
from mgcbook.learning.metrics import nme

BINS = ((0, 30), (30, 60), (60, np.inf))
"""Degrees of |yaw|; the lower end belongs to the bin below, as in 3DDFA's benchmark."""
NAMES = ("0-30", "30-60", "60-90")


class LandmarkError(NamedTuple):
    """Errors in percent of the root of the area of the true landmarks' box."""

    each: np.ndarray
    """(n,) of every picture."""
    bins: np.ndarray
    """(3,) mean of each bin; NaN for one without pictures."""
    counts: np.ndarray
    """(3,) pictures of each bin."""
    mean: float
    """Of the bins that have pictures: the number of the tables."""
    deviation: float
    """Of the bins."""


@check_shapes(predicted="number A L 2", truth="number B M 2", yaw_degrees="number C")
def landmark_error(predicted, truth, yaw_degrees):
    """NME of AFLW2000-3D; (n, 68, 2) x 2 in continuous pixels, (n,) degrees -> LandmarkError.

    Raises:
        DataError: if shapes differ or a number is not finite.

    Source: J. Guo, 3DDFA, benchmark_aflw2000.py.
    """
    predicted, truth, yaw = (np.asarray(array, np.float64) for array in (predicted, truth, yaw_degrees))
    if predicted.shape != truth.shape or truth.ndim != 3 or truth.shape[2] != 2 or yaw.shape != truth.shape[:1] or not len(yaw):
        raise DataError("landmark_error: expected predicted and truth (n, 68, 2) and yaw_degrees (n,), "
                        f"got {predicted.shape}, {truth.shape}, {yaw.shape}")
    for name, array in (("predicted", predicted), ("truth", truth), ("yaw", yaw)):
        if not np.isfinite(array).all():
            raise DataError(f"landmark_error: {name}: item {int(np.argmin(np.isfinite(array).reshape(len(yaw), -1).all(1)))} "
                            "is not finite")  # fmt: skip
    each = 100 * nme(predicted, truth)
    places = bin_of(yaw)
    counts = np.bincount(places, minlength=3)
    bins = np.bincount(places, each, minlength=3) / np.where(counts, counts, np.nan)
    known = bins[counts > 0]
    return LandmarkError(each, bins, counts, float(known.mean()), float(known.std()))


@check_shapes(yaw_degrees="number n")
def bin_of(yaw_degrees):
    """Number of the bin of each yaw; (n,) degrees -> (n,) 0, 1 or 2."""
    size = np.abs(np.asarray(yaw_degrees, np.float64))
    return (size > BINS[0][1]).astype(int) + (size > BINS[1][1])
