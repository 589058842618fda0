"""Error of shapes whose vertices correspond, as on BU-3DFE (Tab. 2b): one similarity transform, then distances of vertices."""

from typing import NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.data.protocols.icp import Motion, procrustes
from mgcbook.errors import DataError


class RegisteredError(NamedTuple):
    """The comparison of two meshes vertex by vertex."""

    rmse: float
    """Root of the mean squared distance, in the unit of the truth (mm)."""
    each: np.ndarray
    """(n,) distance of every vertex that counts."""
    truth_from_shape: Motion


@check_shapes(shape="number V 3", truth="number V 3", vertices="int n")
def registered_error(shape, truth, *, vertices=None, with_scale=True):
    """Root mean square distance of corresponding vertices after one similarity transform; (V, 3) x 2 -> RegisteredError.

    Args:
        vertices: (n,) which of them count; None: all.
        with_scale: False: only rotation and translation are removed.
    Raises:
        DataError: if the two have different vertices.
    """
    shape, truth = np.asarray(shape, np.float64), np.asarray(truth, np.float64)
    if shape.shape != truth.shape:
        raise DataError(f"registered_error: expected corresponding vertices, got {shape.shape} and {truth.shape}")
    chosen = slice(None) if vertices is None else vertices
    motion = procrustes(shape[chosen], truth[chosen], with_scale=with_scale)
    each = np.linalg.norm(motion.apply(shape[chosen]) - truth[chosen], axis=1)
    return RegisteredError(float(np.sqrt(np.mean(each**2))), each, motion)
