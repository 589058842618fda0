"""The pixel convention: centres at +0.5, the same in the grid, the camera, the rasterizer, the sampler and the warp."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.face.camera import Camera, compose, invert, pixel_grid, project, rotation_from_euler, unproject
from mgcbook.face.raster import interpolate, rasterize
from mgcbook.face.sampling import bilinear_sample
from mgcbook.face.warp import warp

CAMERA = Camera(focal=30.0, width=7, height=5)


def test_the_grid_lists_centers_inside_the_image():
    grid = pixel_grid(5, 7)
    assert grid.shape == (5, 7, 2)
    assert_allclose(grid[0, 0], (0.5, 0.5))
    assert_allclose(grid[1, 2], (2.5, 1.5))  # row 1, column 2
    assert_allclose(grid.mean(axis=(0, 1)), CAMERA.center)  # their middle is the middle of the image


def test_sampling_at_the_centers_returns_the_pixels(rng):
    image = rng.random((1, 5, 7, 3))
    assert_allclose(bilinear_sample(image, pixel_grid(5, 7)[None]), image, atol=1e-15)


def test_between_two_centers_is_their_mean(rng):
    image = rng.random((1, 5, 7, 3))
    border = np.array([[[[3.0, 2.5]]]])  # between columns 2 and 3, in row 2
    assert_allclose(bilinear_sample(image, border)[0, 0, 0], (image[0, 2, 2] + image[0, 2, 3]) / 2)


def test_a_small_triangle_around_a_center_covers_that_pixel():
    center = unproject(np.array([2.5, 1.5]), np.float64(4.0), CAMERA)  # row 1, column 2
    corners = center + 0.01 * np.array([[1, 0, 0], [-1, 1, 0], [-1, -1, 0]])
    seen = rasterize(corners[None], np.array([[0, 1, 2]], np.int32), CAMERA).triangle[0]
    assert_array_equal(np.argwhere(seen == 0), [[1, 2]])


def test_rendered_positions_project_to_the_pixels_where_they_are_seen(rng):
    """The rasterizer draws each surface point in the pixel whose centre is its projection."""
    points = np.array([[[-3.0, -2, 9], [3, -2, 11], [0, 4, 10]]])
    triangles = np.array([[0, 1, 2]], np.int32)
    fragments = rasterize(points, triangles, CAMERA)
    seen = fragments.triangle >= 0
    assert seen.sum() > 20
    positions = interpolate(points, triangles, fragments)
    assert_allclose(project(positions, CAMERA)[seen], pixel_grid(5, 7)[None][seen], atol=1e-9)


def test_a_view_warped_onto_itself_is_itself(rng):
    image, depth = rng.random((2, 5, 7, 3)), 4 + 0.3 * rng.random((2, 5, 7))
    pose = rotation_from_euler(rng.normal(size=(2, 3))), rng.normal(size=(2, 3)) + np.array([0.1, 0.2, 4.0])
    same, valid = warp(image, depth, compose(pose, invert(pose)), CAMERA)
    assert_allclose(same, image, atol=1e-6)
    assert valid[:, 1:-1, 1:-1].all()
