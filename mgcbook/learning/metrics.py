"""How good is a reconstructed face? Errors of landmarks, shape, depth and pose, each for every item of a batch.

Means over pictures are left to the caller, so that every single number can be written down. Built in chapter 14.
"""

from typing import NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes


class Alignment(NamedTuple):
    """target ~ scale R points + t."""

    rotation: np.ndarray
    """(B, 3, 3)."""
    translation: np.ndarray
    """(B, 3)."""
    scale: np.ndarray
    """(B,)."""

    def apply(self, points):
        """(B, V, 3) -> (B, V, 3)."""
        return self.scale[:, None, None] * (points @ self.rotation.swapaxes(-1, -2)) + self.translation[:, None]


@check_shapes(landmarks="B L 2", truth="B L 2")
def nme(landmarks, truth):
    """Normalised mean error: mean distance over the root of the area of the true landmarks' box; (B, L, 2) x 2 -> (B,).

    A number of 0.03 is 3 % of the size of the face. The box has no border (the protocol of AFLW2000-3D).
    """
    width, height = np.ptp(truth, axis=1).T
    return np.linalg.norm(landmarks - truth, axis=-1).mean(axis=1) / np.sqrt(width * height)


@check_shapes(points="B V 3", target="B V 3")
def rigid_alignment(points, target, *, with_scale=False):
    """Turn, shift and, if asked for, scale with the least sum of squared distances (Umeyama 1991); (B, V, 3) x 2 -> Alignment.

    Never a mirror image, also where that would fit better.
    """
    points, target = np.asarray(points, np.float64), np.asarray(target, np.float64)
    middle, target_middle = points.mean(axis=1), target.mean(axis=1)
    centered, target_centered = points - middle[:, None], target - target_middle[:, None]
    u, strength, vt = np.linalg.svd(target_centered.swapaxes(1, 2) @ centered)
    sign = np.ones_like(strength)
    sign[:, 2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = (u * sign[:, None, :]) @ vt
    spread = (centered**2).sum(axis=(1, 2))
    scale = (strength * sign).sum(axis=1) / np.maximum(spread, 1e-12) if with_scale else np.ones(len(points))
    return Alignment(rotation, target_middle - scale[:, None] * (rotation @ middle[..., None])[..., 0], scale)


@check_shapes(vertices="B V 3", truth="B V 3")
def vertex_error(vertices, truth, *, with_scale=False):
    """Mean distance of corresponding vertices after rigid alignment; (B, V, 3) x 2 mm -> (B,) mm."""
    aligned = rigid_alignment(vertices, truth, with_scale=with_scale).apply(np.asarray(vertices, np.float64))
    return np.linalg.norm(aligned - truth, axis=-1).mean(axis=1)


@check_shapes(depth="B H W", truth="B H W")
def depth_error(depth, truth):
    """Mean |D - D_true| where both see the face, less the mean difference there; (B, H, W) x 2 mm -> (B,) mm.

    The mean difference is how far away the face is, which a crop does not tell. NaN where the two do not overlap.
    """
    both = (depth > 0) & (truth > 0)
    count = both.sum(axis=(1, 2))
    safe = np.where(count > 0, count, np.nan)
    difference = np.where(both, depth.astype(np.float64) - truth, 0)
    offset = difference.sum(axis=(1, 2)) / safe
    return np.where(both, np.abs(difference - offset[:, None, None]), 0).sum(axis=(1, 2)) / safe


@check_shapes(rotation="B 3 3", truth="B 3 3")
def rotation_error_degrees(rotation, truth):
    """The angle of the turn between two rotations; (B, 3, 3) x 2 -> (B,) degrees."""
    between = np.asarray(rotation, np.float64) @ np.asarray(truth, np.float64).swapaxes(-1, -2)
    # From sine and cosine: the arc cosine alone is blind to small angles.
    skew = between - between.swapaxes(-1, -2)
    sine = np.sqrt(skew[:, 2, 1] ** 2 + skew[:, 0, 2] ** 2 + skew[:, 1, 0] ** 2)
    return np.rad2deg(np.arctan2(sine, np.trace(between, axis1=1, axis2=2) - 1))


@check_shapes(vertices="N V 3")
def shape_spread(vertices):
    """How much the shapes found in N pictures of one face differ: mean distance to their mean shape; (N, V, 3) mm -> mm.

    The shapes are aligned rigidly to the first one before.
    """
    first = np.repeat(vertices[:1], len(vertices), axis=0)
    aligned = rigid_alignment(vertices, first).apply(np.asarray(vertices, np.float64))
    return float(np.linalg.norm(aligned - aligned.mean(axis=0), axis=-1).mean())
