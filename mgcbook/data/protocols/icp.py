"""Iterative closest point: move points onto a surface, by rotation, translation and, if asked for, scale.

    1. closest point q of the surface and its normal n for every point p
    2. the small motion that makes the sum of (n . (s R p + t - q))^2 least      (point to plane: Chen and Medioni 1992)

Sliding along the surface costs nothing in step 2, so a handful of steps end where nearest points alone would need hundreds.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from mgcbook.arrays import check_shapes
from mgcbook.errors import DataError
from mgcbook.learning.metrics import rigid_alignment

COARSE = 3000
"""Points that are moved first."""


class Motion(NamedTuple):
    """p_a = scale R p_b + translation; named `a_from_b`."""

    rotation: np.ndarray
    """(3, 3)."""
    translation: np.ndarray
    """(3,)."""
    scale: float = 1.0

    def apply(self, points):
        """Points of b in a; (P, 3) -> (P, 3)."""
        return self.scale * points @ self.rotation.T + self.translation

    def inverse(self):
        """b_from_a."""
        rotation = self.rotation.T
        return Motion(rotation, -rotation @ self.translation / self.scale, 1 / self.scale)

    def after(self, other):
        """This motion after another one: a_from_b.after(b_from_c) is a_from_c."""
        return Motion(self.rotation @ other.rotation, self.apply(other.translation[None])[0], self.scale * other.scale)


@check_shapes(points="number L 3", target="number L 3")
def procrustes(points, target, *, with_scale=False):
    """target_from_points with the least squared distances of corresponding points; (L, 3) x 2 -> Motion.

    Raises:
        DataError: if there are fewer than three points or they lie on a line.
    """
    points, target = np.asarray(points, np.float64), np.asarray(target, np.float64)
    if points.shape != target.shape or points.ndim != 2 or points.shape[1] != 3 or len(points) < 3:
        raise DataError(f"procrustes: expected (L, 3) twice with L >= 3, got {points.shape} and {target.shape}")
    if not (np.isfinite(points).all() and np.isfinite(target).all()):
        raise DataError("procrustes: the points are not all finite")
    for array in (points, target):
        spread = np.linalg.svd(array - array.mean(axis=0), compute_uv=False)
        if spread[1] < 1e-6 * max(spread[0], 1e-12):
            raise DataError("procrustes: the points lie on one line; expected eyes, nose and mouth")
    found = rigid_alignment(points[None], target[None], with_scale=with_scale)
    return Motion(found.rotation[0], found.translation[0], float(found.scale[0]))


@check_shapes(points="number P 3")
def icp(points, surface, *, start=None, with_scale=False, steps=60, tolerance=1e-6, reach=None):
    """surface_from_points that lays points on a surface; (P, 3), Surface -> Motion.

    Args:
        start: Motion to begin with; None: the points as they lie.
        with_scale: also find the scale.
        steps: at the most.
        tolerance: stops when a step moves no point by more than this part of their spread, or makes nothing better.
        reach: points further from the surface than this, in its unit, do not count; None: all count.
    Raises:
        DataError: for fewer than seven points, or if none is within reach.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < 7:
        raise DataError(f"icp: expected (P, 3) with at least seven points, got {points.shape}")
    motion = Motion(np.eye(3), np.zeros(3)) if start is None else start
    spread = np.sqrt(points.var(axis=0).sum()) * motion.scale
    every = points
    exact, points = False, every[:: max(len(every) // COARSE, 1)]  # while they still move, some points and nearly the closest do
    last = np.inf
    for _ in range(steps):
        moved = motion.apply(points)
        near = surface.closest(moved, exact=exact)
        counted = np.ones(len(points), bool) if reach is None else near.distance <= reach
        if counted.sum() < 7:
            raise DataError("icp: the points are further from the surface than the reach; are units and start right?")
        normals = surface.normals[near.triangle[counted]]
        error = np.mean(np.sum((moved - near.position)[counted] * normals, axis=1) ** 2)
        if error > (0.9999 if exact else 0.99) * last:  # noise keeps the points trembling; no step is better any more
            if exact:
                break
            exact, points, last = True, every, np.inf
            continue
        last = error
        step = _plane_step(moved[counted], near.position[counted], normals, with_scale, spread)
        motion = step.after(motion)
        moves = np.abs(step.apply(moved) - moved).max() / spread
        if moves < tolerance:
            if exact:
                break
            exact, points, last = True, every, np.inf
    return motion


def _plane_step(points, targets, normals, with_scale, spread):
    """The small motion that brings points nearest to planes; about their middle, so that all unknowns are of one size."""
    middle = points.mean(axis=0)
    arms = (points - middle) / spread
    columns = [np.cross(arms, normals), normals, np.sum(arms * normals, axis=1, keepdims=True)]
    matrix = np.concatenate(columns if with_scale else columns[:2], axis=1)
    away = np.sum((targets - points) * normals, axis=1)
    # A little damping: a sphere may turn and a plane may slide without any change of the sum.
    normal_matrix = matrix.T @ matrix
    damping = 1e-12 * np.trace(normal_matrix) * np.eye(len(normal_matrix))
    found = np.linalg.solve(normal_matrix + damping, matrix.T @ away)
    angle = np.linalg.norm(found[:3]) / spread
    turn = found[:3] / spread * min(1.0, 0.3 / max(angle, 1e-12))  # linear steps are good for small turns only
    rotation = Rotation.from_rotvec(turn).as_matrix()
    scale = float(np.clip(1 + found[6] / spread, 0.8, 1.25)) if with_scale else 1.0
    return Motion(rotation, middle + found[3:6] - scale * rotation @ middle, scale)
