"""Scans of synthetic faces, for every protocol to run without licensed data: the true shape as a scanner would give it.

Finer and other vertices than the model's, noise, holes, a place of its own in space, and marked points a little off.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from mgcbook.arrays import check_shapes
from mgcbook.data.sources.scans import Scan

NOISE_MM = 0.1
MARKED_MM = 0.5
"""Standard deviations of the surface and of marked points."""
HOLES = 0.02
"""Part of the triangles that is missing."""


@check_shapes(vertices="number V 3", triangles="int F 3", landmarks="int L")
def synthetic_scan(rng, vertices, triangles, landmarks, *, noise=NOISE_MM, marked=MARKED_MM, holes=HOLES):
    """A scan of a shape and points marked on it; (V, 3) mm, (F, 3), (L,) vertex numbers -> Scan, (L, 3) mm."""
    fine, finer = subdivided(np.asarray(vertices, np.float64), np.asarray(triangles, np.int64))
    turn = Rotation.from_rotvec(rng.normal(0, 0.3, 3)).as_matrix()
    shift = rng.normal(0, 50, 3)
    points = fine[landmarks] + rng.normal(0, marked, (len(landmarks), 3))
    fine = fine + rng.normal(0, noise, fine.shape)
    kept = finer[rng.random(len(finer)) >= holes]
    return Scan(fine @ turn.T + shift, kept), points @ turn.T + shift


@check_shapes(vertices="number V 3", triangles="int F 3")
def subdivided(vertices, triangles):
    """Every triangle cut into four at the middles of its edges; (V, 3), (F, 3) -> (V + E, 3), (4 F, 3)."""
    edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    unique, place = np.unique(edges, axis=0, return_inverse=True)
    middles = vertices[unique].mean(axis=1)
    (a, b, c), (ab, bc, ca) = triangles.T, len(vertices) + place.reshape(-1, 3).T
    finer = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return np.concatenate([vertices, middles]), np.concatenate([np.stack(corners, axis=1) for corners in finer])
