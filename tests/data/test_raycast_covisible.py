"""Covisible maps against rays: a surface point is covisible if no triangle lies between it and the source's camera.

The rays are cast through triangles in space (Moeller and Trumbore 1997), without projection, pixels or a depth buffer of the
source: nothing is shared with the rasterizer. The truth of synthetic faces and the covisible map of the losses must both agree
with them on 97 % of the face in every pair.
"""

import numpy as np
import pytest

from mgcbook.data.scenes import SyntheticConfig
from mgcbook.data.synthetic import SyntheticFaces
from mgcbook.face.camera import compose, invert, transform, unproject
from mgcbook.face.covisible import covisible_map, seen_vertices
from mgcbook.face.raster import rasterize
from mgcbook.face.warp import correspond

AGREES = 0.97


def first_hits(origin, directions, corners, chunk=64):
    """Distance along each ray to the nearest triangle, inf for none; (3,), (P, 3), (F, 3, 3) -> (P,)."""
    first, side, other = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = origin - first
    turned = np.cross(across, side)
    height = (other * turned).sum(-1)
    nearest = np.full(len(directions), np.inf)
    for start in range(0, len(directions), chunk):
        rays = directions[start : start + chunk]
        flat = rays @ np.cross(side, other).T  # -determinant
        inverse = np.divide(-1.0, flat, out=np.zeros_like(flat), where=flat != 0)
        u = -(rays @ np.cross(across, other).T) * inverse
        v = (rays @ turned.T) * inverse
        distance = height * inverse
        hit = (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9) & (distance > 0) & (flat != 0)
        nearest[start : start + chunk] = np.where(hit, distance, np.inf).min(axis=1)
    return nearest


def seen_by_rays(vertices, triangles, target_pose, source_pose, target_depth, camera):
    """1 where the surface under a target pixel is the first thing on the source camera's ray to it; (H, W) bool."""
    seen = target_depth > 0
    rows, columns = np.nonzero(seen)
    pixels = np.stack([columns + 0.5, rows + 0.5], axis=-1)
    points = transform(*invert(target_pose), unproject(pixels, target_depth[seen], camera)[None])[0]
    eye = invert(source_pose)[1][0]
    rays = points - eye
    reach = np.linalg.norm(rays, axis=1)
    hits = first_hits(eye, rays / reach[:, None], vertices[triangles].astype(float))
    visible = np.zeros(seen.shape, bool)
    visible[seen] = hits > reach - 0.5  # mm; float32 depths are exact to 0.001
    return visible


def pose_of(truth, view):
    return tuple(part[view : view + 1].astype(float) for part in truth["camera_from_model"])


def in_picture(visible, truth, view, camera):
    """Points outside the source's picture are covisible to no one."""
    relative = compose(pose_of(truth, view), invert(pose_of(truth, 0)))
    return visible & (correspond(truth["depth"][:1].astype(float), relative, camera).valid[0] > 0)


def test_the_ray_caster_itself():
    wall = np.array([[[-1.0, -1, 5], [3, -1, 5], [-1, 3, 5]], [[-1, -1, 9], [3, -1, 9], [-1, 3, 9]]])
    hits = first_hits(np.zeros(3), np.array([[0.0, 0, 1], [0, 0, -1], [1, 1, 0]]), wall)
    np.testing.assert_allclose(hits, [5, np.inf, np.inf])


@pytest.mark.parametrize("index", range(4))
def test_covisible_maps_agree_with_rays(generator, index):
    faces = SyntheticFaces(SyntheticConfig(single_share=0, supersample=1, gap_degrees=(10, 40), seed=5), generator)
    truth, triangles = faces.item(index)["truth"], generator.triangles
    points = transform(*truth["camera_from_model"], np.repeat(truth["vertices"][None], 3, axis=0))
    fragments = rasterize(points, triangles, faces.camera)
    seen = seen_vertices(points, triangles, faces.camera)
    for view in (1, 2):
        by_vertices = covisible_map(seen[:1], seen[view : view + 1], points[:1], triangles, faces.camera)[0] > 0
        poses = pose_of(truth, 0), pose_of(truth, view)
        rays = seen_by_rays(truth["vertices"], triangles, *poses, fragments.depth[0].astype(float), faces.camera)
        rays = in_picture(rays, truth, view, faces.camera)
        face = fragments.depth[0] > 0
        ours, exact = (np.mean((found == rays)[face]) for found in (by_vertices, truth["covisible"][view - 1] > 0))
        print(f"item {index}, view {view}: rays see {rays[face].mean():.1%}; covisible_map {ours:.2%}, truth {exact:.2%} agree")
        assert exact >= AGREES
        assert ours >= AGREES
        assert not rays[face].all()  # else the test asks nothing
