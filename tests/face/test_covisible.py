"""What two views see of one face."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mgcbook.face.camera import Camera
from mgcbook.face.covisible import covisible_map, seen_vertices
from mgcbook.face.raster import interpolate, rasterize, visible_triangles
from mgcbook.face.render import mask_of
from mgcbook.tape import Tensor

CAMERA = Camera(100.0, 48, 40)


def turned(yaw, n=40, distance=8.0):
    """A half cylinder, its axis upright and its bulge to the camera, turned by `yaw`."""
    around, up = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, n), np.linspace(-1, 1, n))
    points = np.stack([np.sin(around + yaw), up, distance - np.cos(around + yaw)], axis=-1).reshape(1, n * n, 3)
    i = np.arange(n * n).reshape(n, n)
    quads = [i[:-1, :-1], i[1:, :-1], i[1:, 1:], i[:-1, :-1], i[1:, 1:], i[:-1, 1:]]
    return points, np.stack(quads, axis=-1).reshape(-1, 3).astype(np.int32)


def seen(yaw, camera=CAMERA, rays=4):
    points, triangles = turned(yaw)
    return points, triangles, seen_vertices(points, triangles, camera, rays=rays)


@pytest.mark.parametrize("yaw", [0.0, 0.4, -0.9])
@pytest.mark.parametrize("rays", [1, 3, 4])
def test_a_view_and_itself(yaw, rays):
    points, triangles, vertices = seen(yaw, rays=rays)
    mask = mask_of(rasterize(points, triangles, CAMERA))
    assert_array_equal(covisible_map(vertices, vertices, points, triangles, CAMERA), mask)
    assert_array_equal(covisible_map(vertices, vertices, points, triangles, CAMERA, ring=True), mask)


@pytest.mark.parametrize("rays, ring, right", [(4, False, 0.93), (1, True, 0.96)])
def test_two_views_share_what_both_face(rays, ring, right):
    """The source, turned by 0.8, sees angles from -pi/2 - 0.8 to pi/2 - 0.8 of the target; the target sees all of its half."""
    camera = CAMERA.resized(288, 240)  # a column of this coarse mesh is 3 % of it: one or two are lost, or won by the ring
    points, triangles, target = seen(0.0, camera, rays=rays)
    _, _, source = seen(0.8, camera, rays=rays)
    covisible = covisible_map(target, source, points, triangles, camera, ring=ring)
    fragments = rasterize(points, triangles, camera)
    angle = interpolate(np.arcsin(points[..., :1].clip(-1, 1)), triangles, fragments)[..., 0]
    face = fragments.triangle >= 0
    truth = face & (angle + 0.8 < np.pi / 2)  # turned further, the surface looks away from the source
    assert covisible.dtype == np.float32
    assert set(np.unique(covisible)) == {0.0, 1.0}
    assert (covisible[~face] == 0).all()
    assert (covisible == truth)[face].mean() > right
    assert 0.05 < 1 - covisible[face].mean() < 0.3


def test_more_rays_see_more():
    points, triangles, one = seen(0.3, rays=1)
    few = seen_vertices(points, triangles, CAMERA.resized(24, 20), rays=1)
    many = seen_vertices(points, triangles, CAMERA.resized(24, 20), rays=4)
    assert few.sum() < one.sum()
    assert few.sum() < many.sum()
    assert (many | ~few).all()


def test_nothing_shared_is_an_empty_map():
    points, triangles, target = seen(0.0)
    nothing = seen_vertices(points + np.array([100.0, 0, 0]), triangles, CAMERA)
    assert not nothing.any()
    assert (covisible_map(target, nothing, points, triangles, CAMERA) == 0).all()
    assert (covisible_map(nothing, target, points, triangles, CAMERA) == 0).all()  # no id stands in for the background


def test_it_is_a_constant_for_the_tape():
    points, triangles, vertices = seen(0.2)
    watched = Tensor(points)
    assert_array_equal(seen_vertices(watched, triangles, CAMERA), vertices)
    assert type(covisible_map(vertices, vertices, watched, triangles, CAMERA)) is np.ndarray


def test_wrong_batches_are_refused():
    points, triangles, vertices = seen(0.2)
    with pytest.raises(ValueError, match="source_seen: expected"):
        covisible_map(vertices, np.concatenate([vertices, vertices]), points, triangles, CAMERA)


@pytest.mark.parametrize("size", [(24, 24), (24, 1), (1, 24), (1, 1)])
def test_the_triangles_alone_are_those_of_the_rasterizer(size):
    rng = np.random.default_rng(5)
    camera = Camera(focal=60.0, width=size[0], height=size[1])
    points = rng.uniform([-40, -40, 80], [40, 40, 160], size=(3, 60, 3)).astype(np.float32)
    triangles = rng.integers(0, 60, size=(120, 3)).astype(np.int32)
    drawn = rasterize(points, triangles, camera).triangle
    assert_array_equal(visible_triangles(points, triangles, camera), drawn)
    for rays in (1, 4):
        found = seen_vertices(points, triangles, camera, rays=rays)
        assert_array_equal(seen_vertices(points, triangles, camera, rays=rays, drawn=drawn), found)
        one_by_one = [seen_vertices(points[b : b + 1], triangles, camera, rays=rays)[0] for b in range(3)]
        assert_array_equal(found, one_by_one)
