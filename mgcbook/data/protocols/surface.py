"""The closest point of a triangle mesh, exactly, for many points at once.

    distance to a triangle >= distance to its middle - its radius

So among triangles of like size only those near by can win: a k-d tree of the middles finds them.
"""

from typing import NamedTuple

import numpy as np

from mgcbook.errors import DataError

NEAREST = 8
"""Triangles tried first; most points are then done."""


class Closest(NamedTuple):
    """Where a surface is nearest to points."""

    distance: np.ndarray
    """(P,) in the mesh's unit."""
    position: np.ndarray
    """(P, 3) on the surface."""
    triangle: np.ndarray
    """(P,)."""


class Surface:
    """A triangle mesh that answers where it is nearest.

    Args:
        vertices: (V, 3).
        triangles: (F, 3); those without area are left out.
    Raises:
        DataError: if no triangle remains.
    """

    def __init__(self, vertices, triangles):
        from scipy.spatial import cKDTree

        self.vertices = np.asarray(vertices, np.float64)
        triangles = np.asarray(triangles, np.int64)
        corners = self.vertices[triangles]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(normals, axis=1)
        good = area > 0
        if not good.any():
            raise DataError("surface: expected triangles with an area, found none")
        self.triangles, self.corners = triangles[good], corners[good]
        self.normals = normals[good] / area[good, None]
        middles = self.corners.mean(axis=1)
        radius = np.linalg.norm(self.corners - middles[:, None], axis=-1).max(axis=1)
        octave = np.floor(np.log2(np.maximum(radius / radius.min(), 1)) / 2).astype(int)  # sizes within a factor of four
        self._groups = [(cKDTree(middles[octave == size]), np.flatnonzero(octave == size), radius[octave == size].max())
                        for size in np.unique(octave)]  # fmt: skip

    def closest(self, points, *, exact=True):
        """The nearest points of the surface; (P, 3) -> Closest.

        Args:
            exact: False tries only the nearest triangles, which is enough while an alignment is still moving.
        """
        points = np.asarray(points, np.float64)
        best = Closest(np.full(len(points), np.inf), np.zeros_like(points), np.zeros(len(points), np.int64))
        left = []
        for tree, numbers, _ in self._groups:
            count = min(NEAREST, len(numbers))
            away, near = tree.query(points, count)
            away, near = away.reshape(len(points), count), near.reshape(len(points), count)
            self._try(points, np.repeat(np.arange(len(points)), count), numbers[near.ravel()], best)
            left.append(away[:, -1] if count < len(numbers) else np.full(len(points), np.inf))
        if exact:
            for group, away in zip(self._groups, left, strict=True):
                self._finish(points, group, away, best)
        return best

    def _finish(self, points, group, away, best):
        """All triangles of a group that may still win; away: (P,) distance of the last middle that was tried."""
        tree, numbers, radius = group
        undecided = np.flatnonzero(away - radius < best.distance)
        for start in range(0, len(undecided), 2000):
            part = undecided[start : start + 2000]
            found = tree.query_ball_point(points[part], best.distance[part] + radius)
            who = np.repeat(part, [len(one) for one in found])
            self._try(points, who, numbers[np.concatenate([np.asarray(one, np.int64) for one in found])], best)

    def _try(self, points, who, numbers, best):
        """Let triangles compete for points; who: (C,) rising numbers of points, numbers: (C,) triangles."""
        from trimesh.triangles import closest_point

        if not len(who):
            return
        positions = closest_point(self.corners[numbers], points[who])
        distance = np.linalg.norm(positions - points[who], axis=1)
        order = np.lexsort((distance, who))
        first = order[np.r_[True, np.diff(who[order]) > 0]]
        wins = first[distance[first] < best.distance[who[first]]]
        winner = who[wins]
        best.distance[winner], best.position[winner], best.triangle[winner] = distance[wins], positions[wins], numbers[wins]
