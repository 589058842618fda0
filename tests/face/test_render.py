"""Pictures of meshes, laying them over photographs, and the outline that can be pulled."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.face.antialias import antialias, edge_neighbours
from mgcbook.face.camera import Camera
from mgcbook.face.raster import rasterize
from mgcbook.face.render import composite, mask_of, render
from mgcbook.tape import check_gradients, value_and_grad

CAMERA = Camera(50.0, 32, 28)


def square(n=6, turn=0.0, half=1.0, x=0.02, y=-0.03):
    """A flat square of side 2 `half`, five units away: 20 pixels a side for half = 1."""
    u, v = np.meshgrid(np.linspace(-half, half, n), np.linspace(-half, half, n))
    c, s = np.cos(turn), np.sin(turn)
    points = np.stack([c * u - s * v + x, s * u + c * v + y, np.full_like(u, 5.0)], axis=-1)
    i = np.arange(n * n).reshape(n, n)
    quads = [i[:-1, :-1], i[1:, :-1], i[1:, 1:], i[:-1, :-1], i[1:, 1:], i[:-1, 1:]]
    return points.reshape(1, n * n, 3), np.stack(quads, axis=-1).reshape(-1, 3).astype(np.int32)


def ball(n=24, radius=0.8):
    """A closed sphere five units away: its outline is a fold, not a border."""
    up, around = np.meshgrid(np.linspace(0.02, np.pi - 0.02, n), np.arange(2 * n) * np.pi / n, indexing="ij")
    outward = np.stack([np.sin(up) * np.cos(around), np.cos(up), np.sin(up) * np.sin(around)], axis=-1)
    points = radius * outward + np.array([0.013, 0.021, 5])
    i = np.arange(2 * n * n).reshape(n, 2 * n)
    right = np.roll(i, -1, axis=1)
    quads = [i[:-1], i[1:], right[1:], i[:-1], right[1:], right[:-1]]
    return points.reshape(1, -1, 3), np.stack(quads, axis=-1).reshape(-1, 3).astype(np.int32)


def test_a_rendering_by_hand():
    points, triangles = square()
    colors = np.broadcast_to([0.2, 0.4, 0.6], points.shape).copy()
    image, mask, depth, fragments = render(points, triangles, colors, CAMERA)
    assert mask.sum() == 400  # 20 x 20 pixel centres
    assert_array_equal(mask, fragments.triangle >= 0)
    assert_allclose(image, mask[..., None] * [0.2, 0.4, 0.6])
    assert_allclose(depth, 5 * mask)


@pytest.mark.parametrize("antialiased", [False, True])
def test_shapes_and_types(antialiased):
    for dtype in (np.float32, np.float64):
        points, triangles = square()
        points = np.concatenate([points] * 3).astype(dtype)
        rendering = render(points, triangles, points[..., :2], CAMERA, antialiased=antialiased)
        assert rendering.image.shape == (3, 28, 32, 2) and rendering.mask.shape == rendering.depth.shape == (3, 28, 32)
        assert rendering.image.dtype == rendering.mask.dtype == rendering.depth.dtype == dtype
    with pytest.raises(ValueError, match=r"colors: expected \(B, V, C\)"):
        render(points, triangles, points[0], CAMERA)


def test_gradients_of_a_rendering(rng):
    points, triangles = square(n=3, turn=0.3)
    points = points + 0.1 * rng.normal(size=points.shape)
    weight = rng.normal(size=(1, 28, 32, 3))

    def loss(params):
        image, _, depth, _ = render(params["points"], triangles, params["colors"], CAMERA)
        return np.sum(weight * image**2) + np.sum(weight[..., 0] * depth)

    check_gradients(loss, {"points": points, "colors": rng.random(points.shape)}, rng, step=1e-7, differences=1e-5)


def test_composite_shows_the_photograph_beside_the_face(rng):
    image, photo = rng.random((2, 4, 5, 3)), rng.random((2, 4, 5, 3))
    mask = (rng.random((2, 4, 5)) < 0.5).astype(float)
    image *= mask[..., None]
    assert_allclose(composite(image, mask, photo), np.where(mask[..., None] == 1, image, photo))
    soft = np.full((2, 4, 5), 0.25)
    assert_allclose(composite(0.25 * image, soft, photo), 0.25 * image + 0.75 * photo)


# ---------------------------------------------------------------- the outline


def coverage(points, triangles, camera=CAMERA):
    """A differentiable area in pixels."""
    fragments = rasterize(points, triangles, camera)
    return np.sum(antialias(mask_of(fragments)[..., None], fragments, points, triangles, camera))


def test_without_antialiasing_the_outline_has_no_gradient():
    points, triangles = square()
    colors = np.ones_like(points)
    _, gradient = value_and_grad(lambda p: np.sum(render(p, triangles, colors, CAMERA).image))(points)
    assert np.abs(gradient).max() < 1e-10
    _, gradient = value_and_grad(lambda p: np.sum(render(p, triangles, colors, CAMERA, antialiased=True).image))(points)
    assert np.abs(gradient).max() > 1


@pytest.mark.parametrize("n", [2, 6, 60])
@pytest.mark.parametrize("turn", [0.0, 0.2, 0.6, 1.2])
def test_the_area_of_a_square_and_its_growth(n, turn):
    """(2 half f / z)^2 = 400 pixels, growing by 800 per unit of scale, for triangles larger and smaller than the pixels."""
    points, triangles = square(n, turn)
    area, gradient = value_and_grad(lambda p: coverage(p, triangles))(points)
    assert abs(area - 400) < 1
    assert abs(np.sum(gradient[..., :2] * points[..., :2]) - 800) < 50  # what is missing are the four corners
    assert abs(gradient[..., 0].sum()) < 30  # a shift gains on one side what it loses on the other: 200, give or take two corners


def test_a_moving_outline_has_the_slope_of_its_loss():
    """Coverage flips at pixel centres; the loss stays continuous, and its slope is that of differences over half a pixel."""
    target = np.linspace(0, 1, 32)[None, None, :, None] ** 2  # brighter to the right
    _, triangles = square()

    def loss(points):
        fragments = rasterize(points, triangles, CAMERA)
        image = antialias(mask_of(fragments)[..., None], fragments, points, triangles, CAMERA)
        return np.sum((image - target) ** 2)

    losses, slopes = [], []
    shifts = np.arange(-0.1, 0.1, 0.01) + 0.0007  # a tenth of a pixel each
    for x in shifts:
        value, gradient = value_and_grad(loss)(square(turn=0.15, x=x)[0])
        losses.append(value)
        slopes.append(gradient[..., 0].sum())
    assert len({int((rasterize(square(turn=0.15, x=x)[0], triangles, CAMERA).triangle >= 0)[0, 14].argmax()) for x in shifts}) > 1
    differences = (np.array(losses[6:]) - np.array(losses[:-6])) / 0.06
    assert_allclose(np.array(slopes[3:-3]), differences, rtol=0.1, atol=0.05 * np.abs(differences).max())
    assert np.abs(np.diff(losses)).max() < 0.03 * max(losses)


def test_the_outline_of_a_ball_is_a_fold():
    points, triangles = ball()
    area, gradient = value_and_grad(lambda p: coverage(p, triangles))(points)
    scaled = lambda s: coverage(points * [s, s, 1], triangles, CAMERA.resized(320, 280)) / 100  # ten times finer
    assert abs(area - scaled(1.0)) < 1
    growth = (scaled(1.01) - scaled(0.99)) / 0.02
    assert abs(np.sum(gradient[..., :2] * points[..., :2]) - growth) < 0.03 * growth
    moved = np.abs(gradient).sum(axis=-1)[0]
    away = np.abs(points[0, :, 2] - 5)
    assert away[moved > 0].max() < 0.3  # only vertices near the outline are pulled


def test_gradients_of_the_blend(rng):
    points, triangles = square(n=4, turn=0.3)
    weight, image = rng.normal(size=(1, 28, 32, 2)), rng.random((1, 28, 32, 2))
    fragments = rasterize(points, triangles, CAMERA)

    def loss(params):
        return np.sum(weight * antialias(params["image"], fragments, params["points"], triangles, CAMERA) ** 2)

    check_gradients(loss, {"points": points, "image": image}, rng, step=1e-7, differences=1e-5)


def test_inside_the_mesh_nothing_is_blended(rng):
    points, triangles = square(n=20)
    colors = rng.random(points.shape)
    plain, soft = (render(points, triangles, colors, CAMERA, antialiased=a) for a in (False, True))
    inside = np.zeros((1, 28, 32), dtype=bool)
    inside[:, 6:22, 8:24] = True
    assert_array_equal(soft.image[inside], plain.image[inside])
    assert (soft.image != plain.image).any()
    assert (soft.mask >= 0).all() and (soft.mask <= 1).all() and ((soft.mask > 0) & (soft.mask < 1)).any()


def test_meshes_without_an_outline():
    points, triangles = square()
    wide = points * np.array([9, 9, 1])
    for vertices, faces in ((points, triangles[:0]), (points[:0], triangles), (points * np.nan, triangles), (wide, triangles)):
        rendering = render(vertices, faces, np.ones_like(vertices), CAMERA, antialiased=True)
        assert_array_equal(rendering.mask, rendering.fragments.triangle >= 0)


def test_neighbours_by_hand():
    """Two triangles share the edge 1-2; an edge of three triangles counts as a border."""
    assert_array_equal(edge_neighbours(np.array([[0, 1, 2], [2, 1, 3]])), [[1, -1, -1], [-1, -1, 0]])
    assert_array_equal(edge_neighbours(np.array([[0, 1, 2], [2, 1, 3], [1, 2, 4]])), -np.ones((3, 3)))
    assert edge_neighbours(np.zeros((0, 3), dtype=np.int32)).shape == (0, 3)
