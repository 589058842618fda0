"""The rasterizer: values by hand, invariances, gradients, and geometry that nobody should send but somebody will."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.face.camera import Camera, project
from mgcbook.face.raster import Fragments, barycentric_weights, depth_map, interpolate, rasterize
from mgcbook.tape import Tensor, bare, check_gradients, value_and_grad

CAMERA = Camera(10.0, 8, 6)


def triangle_at(*corners):
    return np.array([corners], dtype=np.float64), np.array([[0, 1, 2]], dtype=np.int32)


def sheet(n=12, yaw=0.5, batch=1, dtype=np.float64):
    """A turned, bent sheet of 2 (n - 1)^2 triangles, five units away."""
    x, y = np.meshgrid(np.linspace(-1.3, 1.3, n), np.linspace(-1.1, 1.1, n))
    z = 0.3 * np.cos(2 * x + 1) + 0.2 * y
    points = np.stack([np.cos(yaw) * x + np.sin(yaw) * z, y, 5 - np.sin(yaw) * x + np.cos(yaw) * z], axis=-1).reshape(1, n * n, 3)
    points = np.concatenate([points + 0.05 * i for i in range(batch)]).astype(dtype)
    i = np.arange(n * n).reshape(n, n)
    quads = [i[:-1, :-1], i[1:, :-1], i[1:, 1:], i[:-1, :-1], i[1:, 1:], i[:-1, 1:]]
    return points, np.stack(quads, axis=-1).reshape(-1, 3).astype(np.int32)


# ---------------------------------------------------------------- by hand


def test_a_triangle_by_hand():
    """Corners project to pixels (0, 0), (4, 0), (0, 4) of a camera centred on (0, 0): a right triangle in the upper left."""
    camera = Camera(10.0, 8, 6, center=(0.0, 0.0))
    fragments = rasterize(*triangle_at([0, 0, 5], [2, 0, 5], [0, 2, 5]), camera)
    assert_array_equal(fragments.triangle[0, :4, :4] == 0, [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]])
    assert (fragments.triangle[0, 4:] == -1).all() and (fragments.triangle[0, :, 4:] == -1).all()
    assert_allclose(fragments.barycentric[0, 1, 2], [1 - 2.5 / 4 - 1.5 / 4, 2.5 / 4, 1.5 / 4], atol=1e-15)  # column 2, row 1
    assert_allclose(fragments.depth[0, :2, :2], 5)
    assert fragments.depth[0, 5, 7] == 0 and (fragments.barycentric[0, 5, 7] == 0).all()


def test_weights_are_perspective_correct():
    """Halfway in the image between depths 2 and 6 the surface is at depth 3: 1/z is linear, 1/3 = (1/2 + 1/6) / 2."""
    camera = Camera(10.0, 9, 9, center=(4.5, 4.5))
    points = np.array([[[-0.8, -0.8, 2], [2.4, -2.4, 6], [-0.8, 0.8, 2], [2.4, 2.4, 6]]])
    triangles = np.array([[0, 1, 2], [2, 1, 3]])
    fragments = rasterize(points, triangles, camera)
    assert_allclose(fragments.depth[0, 4, 4], 3)
    attribute = interpolate(np.array([[0.0], [1.0], [0.0], [1.0]]), triangles, fragments)
    assert_allclose(attribute[0, 4, 4, 0], 0.25)  # a quarter of the way from depth 2 to depth 6


def test_weights_give_the_pixel_centre_back(rng):
    points, triangles = sheet()
    fragments = rasterize(points, triangles, CAMERA)
    surface = interpolate(points, triangles, fragments)
    rows, columns = np.nonzero(fragments.triangle[0] >= 0)
    assert len(rows) > 10
    assert_allclose(project(surface[0, rows, columns], CAMERA), np.stack([columns + 0.5, rows + 0.5], axis=-1), atol=1e-12)
    assert_allclose(surface[..., 2], fragments.depth, atol=1e-12)
    assert_allclose(fragments.barycentric[0, rows, columns].sum(axis=-1), 1, atol=1e-14)


def test_the_nearest_is_seen_and_the_lowest_of_equals():
    points = np.array([[[-9, -9, 5], [9, -9, 5], [0, 20, 5], [-9, -9, 4], [9, -9, 4], [0, 20, 4]]], dtype=float)
    assert (rasterize(points, np.array([[0, 1, 2], [3, 4, 5]]), CAMERA).triangle == 1).all()
    assert (rasterize(points, np.array([[0, 1, 2], [3, 4, 5], [3, 4, 5]]), CAMERA).triangle == 1).all()


def test_culling_leaves_out_triangles_seen_from_behind():
    """Counter-clockwise from outside: in an image whose y points down, the front runs counter-clockwise to the eye."""
    points, front = triangle_at([-9, 9, 5], [9, 9, 5], [0, -20, 5])  # left low, right low, top
    assert (rasterize(points, front, CAMERA, cull=True).triangle == 0).all()
    assert (rasterize(points, front[:, ::-1], CAMERA, cull=True).triangle == -1).all()
    assert (rasterize(points, front[:, ::-1], CAMERA).triangle == 0).all()


def test_shared_edges_through_pixel_centres_leave_no_crack():
    """A fan whose edges run exactly along rows, columns and diagonals of pixel centres covers every pixel."""
    camera = Camera(1.0, 9, 9, center=(4.5, 4.5))
    angle = np.arange(8) * np.pi / 4
    rim = np.stack([9 * np.round(np.cos(angle), 9), 9 * np.round(np.sin(angle), 9), np.ones(8)], axis=-1)
    points = np.concatenate([[[0.0, 0.0, 1.0]], rim])[None] * 0.7
    triangles = np.array([[0, 1 + i, 1 + (i + 1) % 8] for i in range(8)])
    assert (rasterize(points, triangles, camera, near=0.1).triangle >= 0).all()


# ---------------------------------------------------------------- invariances


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_shapes_and_types(batch):
    for dtype in (np.float32, np.float64):
        points, triangles = sheet(batch=batch, dtype=dtype)
        fragments = rasterize(points, triangles, CAMERA)
        assert isinstance(fragments, Fragments)
        assert fragments.triangle.shape == fragments.depth.shape == (batch, 6, 8)
        assert fragments.barycentric.shape == (batch, 6, 8, 3)
        assert fragments.triangle.dtype == np.int32 and fragments.barycentric.dtype == fragments.depth.dtype == dtype
        for colors in (points, points[0]):
            image = interpolate(colors, triangles, fragments)
            assert image.shape == (batch, 6, 8, 3) and image.dtype == dtype


def test_items_do_not_see_each_other():
    points, triangles = sheet(batch=3)
    together = rasterize(points, triangles, CAMERA)
    for b in range(3):
        for whole, alone in zip(together, rasterize(points[b : b + 1], triangles, CAMERA), strict=True):
            assert_array_equal(whole[b], alone[0])


def test_the_order_of_triangles_does_not_matter(rng):
    points, triangles = sheet()
    order = rng.permutation(len(triangles))
    plain, shuffled = rasterize(points, triangles, CAMERA), rasterize(points, triangles[order], CAMERA)
    assert_array_equal(np.where(shuffled.triangle >= 0, order[shuffled.triangle], -1), plain.triangle)
    assert_array_equal(shuffled.depth, plain.depth)
    assert_array_equal(shuffled.barycentric, plain.barycentric)


def test_a_shift_by_whole_pixels_shifts_the_picture():
    points, triangles = sheet()
    points[..., 2] = 5.0  # one depth: a shift in millimetres is a shift in pixels
    moved = points + np.array([2 * 5.0 / 10, -1 * 5.0 / 10, 0])
    before, after = rasterize(points, triangles, CAMERA), rasterize(moved, triangles, CAMERA)
    assert_array_equal(after.triangle[0, :-1, 2:], before.triangle[0, 1:, :-2])
    assert_allclose(after.barycentric[0, :-1, 2:], before.barycentric[0, 1:, :-2], atol=1e-12)


def test_only_active_triangles_are_drawn():
    points, triangles = sheet(batch=2)
    active = np.zeros((2, len(triangles)), dtype=bool)
    active[1, ::2] = True
    fragments = rasterize(points, triangles, CAMERA, active=active)
    assert (fragments.triangle[0] == -1).all() and (fragments.triangle[1] >= 0).any()
    assert (fragments.triangle[1][fragments.triangle[1] >= 0] % 2 == 0).all()


# ---------------------------------------------------------------- gradients


def test_gradients_reach_the_vertices(rng):
    """Through the weights, the interpolated values and the depth; away from edges, where another triangle would begin."""
    points = np.array([[[-3, -2, 5], [4, -3, 6], [0.5, 4, 4.5], [-1, -6, 7], [9, 1, 8], [-8, 9, 9]]])
    points = points + 0.1 * rng.normal(size=(1, 6, 3))
    triangles, camera = np.array([[0, 1, 2], [3, 4, 5]], dtype=np.int32), Camera(5.0, 7, 5)
    weight, colors = rng.normal(size=(1, 5, 7, 3)), rng.random((1, 6, 3))
    seen = rasterize(points, triangles, camera).triangle
    assert (seen == 0).any() and (seen == 1).any()

    def loss(params):
        fragments = rasterize(params["points"], triangles, camera)
        image = interpolate(params["colors"], triangles, fragments)
        depth = depth_map(params["points"], triangles, fragments, camera)
        return np.sum(weight * image**2) + np.sum(weight * fragments.barycentric) + np.sum(weight[..., 0] * depth**2)

    report = check_gradients(loss, {"points": points, "colors": colors}, rng)
    assert any(judge == "HIPS" for _, judge, _ in report) and any(judge == "differences" for _, judge, _ in report)


def test_gradients_agree_with_hips_on_many_triangles(rng):
    points, triangles = sheet(batch=2)
    weight, shared = rng.normal(size=(2, 6, 8, 3)), rng.random((points.shape[1], 3))

    def loss(params):
        fragments = rasterize(params["points"], triangles, CAMERA)
        image = interpolate(params["shared"], triangles, fragments)
        depth = depth_map(params["points"], triangles, fragments, CAMERA)
        return np.sum(weight * np.sin(image)) + np.sum(weight[..., 0] * np.sin(depth))

    check_gradients(loss, {"points": points, "shared": shared}, rng, differences=None)


def test_only_the_watched_side_is_watched():
    points, triangles = sheet()
    fragments = rasterize(points, triangles, CAMERA)
    assert type(fragments.barycentric) is np.ndarray
    watched = rasterize(Tensor(points), triangles, CAMERA)
    assert type(watched.barycentric) is Tensor and type(watched.depth) is np.ndarray
    assert_array_equal(bare(watched.barycentric), fragments.barycentric)
    _, gradient = value_and_grad(lambda colors: np.sum(interpolate(colors, triangles, fragments)))(points)
    assert_allclose(gradient[..., 0].sum(), (fragments.triangle >= 0).sum())  # the weights of each pixel sum to 1


def test_the_formula_gives_the_weights():
    points, triangles = sheet()
    fragments = rasterize(points, triangles, CAMERA)
    assert_allclose(barycentric_weights(points, triangles, fragments.triangle, CAMERA), fragments.barycentric, atol=1e-12)


# ---------------------------------------------------------------- at the door


def test_wrong_input_is_refused():
    points, triangles = sheet()
    with pytest.raises(ValueError, match=r"points_camera: expected \(B, V, 3\), got \(144, 3\)"):
        rasterize(points[0], triangles, CAMERA)
    for dtype in (np.int64, np.float16):
        with pytest.raises(ValueError, match="points_camera: expected float32 or float64, got"):
            rasterize(points.astype(dtype), triangles, CAMERA)
    with pytest.raises(ValueError, match="triangles: expected whole numbers, got float64"):
        rasterize(points, triangles.astype(float), CAMERA)
    for wrong in (-1, 144):
        with pytest.raises(ValueError, match="expected vertex numbers from 0 to 143"):
            rasterize(points, np.array([[0, 1, wrong]]), CAMERA)
    with pytest.raises(ValueError, match="near: expected a depth above 0 mm"):
        rasterize(points, triangles, CAMERA, near=0.0)
    with pytest.raises(ValueError, match="active"):
        rasterize(points, triangles, CAMERA, active=np.ones((1, 3), dtype=bool))
    with pytest.raises(ValueError, match=r"attributes: expected \(1, V, C\) or \(V, C\), got \(2, 144, 3\)"):
        interpolate(np.zeros((2, 144, 3)), triangles, rasterize(points, triangles, CAMERA))
    with pytest.raises(ValueError, match="expected vertex numbers from 0 to 4"):
        interpolate(np.zeros((5, 3)), triangles, rasterize(points, triangles, CAMERA))


# ---------------------------------------------------------------- degenerate geometry


def everything_about(points, triangles, camera):
    """All that a renderer computes, forward and backward."""
    fragments = rasterize(points, triangles, camera)

    def loss(points):
        watched = rasterize(points, triangles, camera)
        image = interpolate(np.nan_to_num(bare(points), posinf=0, neginf=0).clip(-1e4, 1e4), triangles, watched)
        return np.sum(image) + np.sum(depth_map(points, triangles, watched, camera))

    value, gradient = value_and_grad(loss)(points)
    return fragments, value, gradient


def assert_sane(points, triangles, camera):
    fragments, value, gradient = everything_about(points, triangles, camera)
    hit = fragments.triangle >= 0
    assert fragments.triangle.min(initial=-1) >= -1 and fragments.triangle.max(initial=-1) < len(triangles)
    assert np.isfinite(fragments.barycentric).all() and np.isfinite(fragments.depth).all() and np.isfinite(value)
    assert (fragments.barycentric >= 0).all()
    assert_allclose(fragments.barycentric.sum(axis=-1), hit, atol=1e-6)
    assert_array_equal(fragments.depth >= 1, hit)  # near is 1
    assert_array_equal(fragments.depth == 0, ~hit)
    assert np.isfinite(gradient).all()
    return fragments


coordinates = st.one_of(
    st.floats(-20, 20, width=32), st.sampled_from([0.0, 1.0, -1.0, 5.0, 5.0000005, 1e-30, 1e8, -1e15, 1e30, np.inf, np.nan])
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(arrays(np.float32, (1, 6, 3), elements=coordinates), arrays(np.int32, (5, 3), elements=st.integers(0, 5)),
       st.sampled_from([(8, 6), (1, 1), (40, 1), (1, 40)]))  # fmt: skip
def test_nothing_that_can_be_sent_breaks_it(points, triangles, size):
    assert_sane(points, triangles, Camera(10.0, *size))


def test_empty_meshes_and_meshes_out_of_sight():
    points, triangles = sheet()
    none = np.zeros((0, 3), dtype=np.int32)
    behind, beside, flat = points - np.array([0, 0, 20]), points + np.array([900, 0, 0]), points * np.array([0, 0, 1])
    for vertices, faces in ((points, none), (points[:, :0], none), (points[:0], triangles), (behind, triangles),
                            (beside, triangles), (flat, triangles), (points * np.nan, triangles)):  # fmt: skip
        fragments = assert_sane(vertices, faces, CAMERA)
        assert (fragments.triangle == -1).all() and fragments.triangle.shape == (len(vertices), 6, 8)


def test_thin_and_double_triangles():
    sliver = [-3, 0, 5], [3, 1e-12, 5], [0, 5e-13, 5]
    points, triangles = triangle_at(*sliver)
    assert (assert_sane(points, triangles, CAMERA).triangle == -1).all()
    assert (assert_sane(points, np.array([[0, 0, 1], [2, 2, 2]]), CAMERA).triangle == -1).all()
    points, triangles = triangle_at([-3, -2, 5], [3, -2, 5], [0, 3, 5])
    twice = assert_sane(points, np.concatenate([triangles, triangles]), CAMERA)
    assert (twice.triangle <= 0).all() and (twice.triangle == 0).any()
    assert_sane(points, np.concatenate([triangles, triangles[:, ::-1]]), CAMERA)  # depths may differ by rounding: either may win


def test_a_triangle_through_the_near_plane_is_cut_there():
    """A floor one unit under the camera reaches from far behind it to far ahead: seen below the horizon, up to depth near."""
    camera = Camera(10.0, 8, 6)
    points, triangles = triangle_at([-1e4, 1, -1e4], [1e4, 1, -1e4], [0, 1, 1e6])
    fragments = assert_sane(points, triangles, camera)
    rows = np.arange(6) + 0.5 - 3
    assert_array_equal(fragments.triangle[0, :, 3] >= 0, rows > 0)
    assert_allclose(fragments.depth[0, 3:, 3], 10 / rows[3:])  # z = f y / v with y = 1
    cut = rasterize(points, triangles, camera, near=6.0)
    assert_array_equal(cut.triangle[0, :, 3] >= 0, (rows > 0) & (10 / np.where(rows > 0, rows, 1) >= 6.0))


def test_triangles_through_the_near_plane_but_beside_the_picture():
    for offset in ([-1e4, 0, 0], [1e4, 0, 0], [0, -1e4, 0], [0, 1e4, 0]):
        points, triangles = triangle_at([0, 0, 5], [1, 0, -5], [0, 1, 5])
        assert (assert_sane(points + np.array(offset), triangles, CAMERA).triangle == -1).all()


def test_huge_triangles_and_strips_of_pixels():
    points, triangles = triangle_at([-1e14, -1e14, 1e14], [1e14, -1e14, 1e14], [0, 1e14, 1e14])
    assert (assert_sane(points.astype(np.float32), triangles, Camera(10.0, 4, 4)).triangle == 0).all()
    for width, height in ((1, 1), (4096, 1), (1, 4096)):
        wall = triangle_at([-1e5, -1e5, 5], [1e5, -1e5, 5], [0, 1e5, 5])
        assert (assert_sane(*wall, Camera(10.0, width, height)).triangle == 0).all()
