"""Which surface points does another view see? Answered point by point, as the truth that covisible maps are judged by."""

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.face.camera import project, transform
from mgcbook.face.raster import rasterize

FINE = 4
"""The other view's depth is rendered with this many rays across a pixel."""
TOLERANCE = 1.0
"""A point this many mm behind the surface that the other view sees is still on it; parts of a face are further apart."""


@check_shapes(points_camera="N V 3", triangles="int F 3", source_from_target="pose S")
def covisible_truth(points_camera, triangles, target_fragments, source_from_target, camera):
    """1 where a target pixel's surface point is seen by each source; N poses of one mesh -> (N - 1, H, W) float32.

    A point is seen if its triangle faces the source, it lies in the source's picture, and nothing is in front of it there (the
    depth test of a shadow map). `mgcbook.face.covisible` answers the same question by triangles, as the paper does.

    Args:
        points_camera: (N, V, 3) the mesh in each camera, target first, in mm.
        target_fragments: what the target sees, one item.
        source_from_target: relative poses (rotation (N - 1, 3, 3), translation (N - 1, 3)).
    """
    sources = len(points_camera) - 1
    if not sources:
        return np.zeros((0, camera.height, camera.width), np.float32)
    seen = target_fragments.triangle[0] >= 0
    corners = triangles[target_fragments.triangle[0][seen]]
    weights = target_fragments.barycentric[0][seen].astype(float)
    target = points_camera[0].astype(float)
    points = (weights[..., None] * target[corners]).sum(1)
    normals = np.cross(target[corners[:, 1]] - target[corners[:, 0]], target[corners[:, 2]] - target[corners[:, 0]])
    fine = camera.resized(camera.width * FINE, camera.height * FINE)
    depth = rasterize(points_camera[1:], triangles, fine).depth
    maps = np.zeros((sources, *seen.shape), np.float32)
    for source in range(sources):
        rotation, translation = source_from_target[0][source], source_from_target[1][source]
        points_source = transform(rotation[None], translation[None], points[None])[0]
        faces = ((normals @ rotation.T) * points_source).sum(-1) < 0
        uv = project(points_source, fine)
        maps[source][seen] = faces & (points_source[:, 2] <= _deepest(depth[source], uv) + TOLERANCE)
    return maps


def _deepest(depth, uv):
    """The largest of the four depths around each position, for depth changes within a pixel; (H, W), (P, 2) -> (P,)."""
    height, width = depth.shape
    corner = np.floor(uv - 0.5).astype(int)
    inside = ((corner >= 0) & (corner < [width - 1, height - 1])).all(-1)
    x, y = np.clip(corner, 0, [width - 2, height - 2]).T
    deepest = np.max([depth[y, x], depth[y, x + 1], depth[y + 1, x], depth[y + 1, x + 1]], axis=0)
    return np.where(inside & (deepest > 0), deepest, -np.inf)
