"""The closest point of a triangle mesh, exactly, for many points at once.

    distance to a triangle >= distance to its middle - its radius

So among triangles of like size only those near by can win: a k-d tree of the middles finds them.
"""

from typing import NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.errors import DataError

NEAREST = 6
"""Triangles tried first."""


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

    @check_shapes(vertices="number V 3", triangles="index F 3")
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
        self._middles, self._radius = middles, radius
        self._tree = cKDTree(middles)
        octave = np.floor(np.log2(np.maximum(radius / radius.min(), 1))).astype(int)  # sizes within a factor of two
        self._groups = []
        for size in np.unique(octave):
            numbers = np.flatnonzero(octave == size)
            self._groups.append((cKDTree(middles[numbers]), numbers, radius[numbers].max()))

    @check_shapes(points="number P 3")
    def closest(self, points, *, exact=True):
        """The nearest points of the surface; (P, 3) -> Closest.

        Args:
            exact: False tries only the triangles with the nearest middles, enough while an alignment is still moving.
        """
        points = np.asarray(points, np.float64)
        best = Closest(np.full(len(points), np.inf), np.zeros_like(points), np.zeros(len(points), np.int64))
        count = min(NEAREST, len(self._middles))
        near = self._tree.query(points, count)[1].reshape(len(points), count)
        self._try(points, np.repeat(np.arange(len(points)), count), near.ravel(), best)
        for start in range(0, len(points) if exact else 0, 4000):
            self._finish(points, np.arange(start, min(start + 4000, len(points))), best)
        return best

    def _finish(self, points, part, best):
        """Try every triangle that can still win for the points `part`."""
        for tree, numbers, radius in self._groups:
            found = tree.query_ball_point(points[part], best.distance[part] + radius)
            who = np.repeat(part, [len(one) for one in found])
            number = numbers[np.concatenate([np.asarray(one, np.int64) for one in found])]
            away = np.linalg.norm(self._middles[number] - points[who], axis=1)
            can_win = away - self._radius[number] < best.distance[who]
            self._try(points, who[can_win], number[can_win], best)

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
