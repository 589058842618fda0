"""What two views see of one face."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mgcbook.face.camera import Camera
from mgcbook.face.covisible import covisible_map
from mgcbook.face.raster import interpolate, rasterize
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


def seen(yaw, camera=CAMERA):
    points, triangles = turned(yaw)
    return points, triangles, rasterize(points, triangles, camera)


@pytest.mark.parametrize("yaw", [0.0, 0.4, -0.9])
def test_a_view_and_itself(yaw):
    points, triangles, fragments = seen(yaw)
    assert_array_equal(covisible_map(fragments, fragments, points, triangles, CAMERA), mask_of(fragments))


def test_two_views_share_what_both_face():
    """The source, turned by 0.8, sees angles from -pi/2 - 0.8 to pi/2 - 0.8 of the target; the target sees all of its half."""
    camera = CAMERA.resized(288, 240)  # the source loses triangles that are thinner than its pixels: it needs enough of them
    points, triangles, target = seen(0.0, camera)
    _, _, source = seen(0.8, camera)
    covisible = covisible_map(target, source, points, triangles, camera)
    angle = interpolate(np.arcsin(points[..., :1].clip(-1, 1)), triangles, target)[..., 0]
    face = target.triangle >= 0
    truth = face & (angle + 0.8 < np.pi / 2)  # turned further, the surface looks away from the source
    assert covisible.dtype == np.float32 and set(np.unique(covisible)) == {0.0, 1.0}
    assert (covisible[~face] == 0).all()
    assert (covisible == truth)[face].mean() > 0.96
    assert 0.05 < 1 - covisible[face].mean() < 0.3


def test_nothing_shared_is_an_empty_map():
    points, triangles, target = seen(0.0)
    nothing = rasterize(points + np.array([100.0, 0, 0]), triangles, CAMERA)
    assert (covisible_map(target, nothing, points, triangles, CAMERA) == 0).all()
    assert (covisible_map(nothing, target, points, triangles, CAMERA) == 0).all()  # no id stands in for the background


def test_it_is_a_constant_for_the_tape():
    points, triangles, fragments = seen(0.2)
    watched = Tensor(points)
    assert type(covisible_map(rasterize(watched, triangles, CAMERA), fragments, watched, triangles, CAMERA)) is np.ndarray


def test_wrong_batches_are_refused():
    points, triangles, fragments = seen(0.2)
    two = rasterize(np.concatenate([points, points]), triangles, CAMERA)
    with pytest.raises(ValueError, match="source_fragments: expected 1 items as in the target, got 2"):
        covisible_map(fragments, two, points, triangles, CAMERA)
