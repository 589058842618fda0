"""The covisible map: the part of the target image whose surface the source view sees too (Sec. 3.5)."""

import numpy as np

from mgcbook.arrays import check_shapes, kernels_for
from mgcbook.face.raster import rasterize
from mgcbook.tape import bare


@check_shapes(target_points_camera="B V 3", triangles="F 3")
def covisible_map(target_fragments, source_fragments, target_points_camera, triangles, camera):
    """1 where the target sees surface that the source sees too, else 0; two Fragments, (B, V, 3), (F, 3) -> (B, H, W) float32.

    The vertices of all triangles seen in the target and those of all triangles seen in the source are intersected; every triangle
    that touches such a vertex is drawn, alone, from the target. The triangles around a vertex widen the map by one ring, which
    fills what falls between the pixels of the source.

    Args:
        target_fragments, source_fragments: what the two views see of the same mesh.
        target_points_camera: the vertices in the target camera's axes, in mm.
    """
    # Paper: "differentiable"; here: a hard mask without gradient, as in MGCNet's code, because a set of triangles has no slope.
    # MGCNet's code: the background counts as triangle 0, padding adds the triangles around vertex 0; here: neither.
    points = bare(target_points_camera)
    target, source = target_fragments.triangle, source_fragments.triangle
    if target.shape[0] != source.shape[0]:
        raise ValueError(f"covisible_map: source_fragments: expected {len(target)} items as in the target, got {len(source)}")
    active = kernels_for(points).covisible_triangles(target, source, triangles, points.shape[1])
    return (rasterize(points, triangles, camera, active=active).triangle >= 0).astype(np.float32)
