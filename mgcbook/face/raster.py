"""The rasterizer: which triangle does each pixel see, and where on it (Sec. 3.2)?

    X = z ((c + 0.5 - cx) / f, (r + 0.5 - cy) / f, 1) = b_0 P_0 + b_1 P_1 + b_2 P_2       one ray, one triangle, three weights b

`rasterize` answers with `Fragments`: the triangle, the barycentric weights b, the depth z. `interpolate` then carries anything
that is known at the vertices to the pixels. Gradients flow from the weights to the vertices with the triangle held fixed; where
another triangle begins, at the outline, see `mgcbook.face.antialias`. Built in chapter 06.
"""

from typing import Any, NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes, kernels_for
from mgcbook.tape import bare, primitive


class Fragments(NamedTuple):
    """What each pixel sees."""

    triangle: Any
    """(B, H, W) int32: number of the nearest triangle, -1 for none."""
    barycentric: Any
    """(B, H, W, 3): weights of its corners, perspective-correct, at least 0, sum 1; zeros for none. Watched if the points are."""
    depth: Any
    """(B, H, W): camera z in mm, 0 for none. Never watched: see `depth_map`."""


@check_shapes(points_camera="B V 3", triangles="int F 3", active="bool B F")
def rasterize(points_camera, triangles, camera, *, active=None, near=1.0, cull=False):
    """The nearest triangle at every pixel centre; (B, V, 3), (F, 3) -> Fragments.

    Of several triangles on one ray the one of least depth is seen, and of equal depths (as stored, in the type of the points)
    the lowest number: the result does not depend on the order of the triangles otherwise, nor on the number of threads.
    Triangles may cross the plane z = near, leave the image or face away. Not drawn are triangles with a coordinate that is NaN,
    infinite or beyond 1e15 mm, and those whose image at the pixel is smaller than 5e-9 square pixels.

    Args:
        points_camera: vertices in the camera's axes, in mm; float32 or float64.
        triangles: vertex numbers, the same for the whole batch.
        camera: a `Camera`; its width and height set the image.
        active: bool, the triangles to draw, for each item; None: all of them.
        near: smallest depth that is drawn, in mm; above 0.
        cull: leave out triangles seen from behind (corners that run clockwise on the outer side).
    Raises:
        ValueError: for wrong shapes or types, triangles that name a vertex that does not exist, near <= 0.
    """
    if points_camera.dtype not in (np.float32, np.float64):
        raise ValueError(f"points_camera: expected float32 or float64, got {points_camera.dtype}")
    triangles = _checked_triangles(triangles, points_camera.shape[1])
    if not near > 0:
        raise ValueError(f"rasterize: near: expected a depth above 0 mm, got {near}")
    settings = dict(triangles=triangles, camera=camera, active=active, near=near, cull=cull)
    barycentric, (triangle, depth) = _visible(points_camera, **settings)
    return Fragments(triangle, barycentric, depth)


def _checked_triangles(triangles, vertex_count):
    if triangles.dtype.kind not in "iu":
        raise ValueError(f"triangles: expected whole numbers, got {triangles.dtype}; use .astype(np.int32)")
    if triangles.size and isinstance(triangles, np.ndarray):  # on a GPU, reading a value would wait for it
        lowest, highest = triangles.min(), triangles.max()
        if lowest < 0 or highest >= vertex_count:
            raise ValueError(f"triangles: expected vertex numbers from 0 to {vertex_count - 1}, got {lowest} to {highest}")
    return triangles.astype(np.int32, copy=False)


def plain(x):
    """The bare array of a Tensor, or of a box of HIPS autograd."""
    x = bare(x)
    while hasattr(x, "_value"):
        x = x._value
    return x


def _visible_twin(points_camera, *, triangles, camera, **settings):
    """The nearest triangle is found on bare arrays; its weights are the formula."""
    values = plain(points_camera)
    triangle, _, depth = _rasterize(values, triangles, camera, **settings)
    return barycentric_weights(points_camera, triangles, triangle, camera), (triangle, depth)


@primitive(twin=_visible_twin, extras=True)
def _visible(points_camera, *, triangles, camera, **settings):
    triangle, barycentric, depth = _rasterize(points_camera, triangles, camera, **settings)

    def vjp_points(g):
        kernels = kernels_for(points_camera)
        return kernels.barycentric_gradient(points_camera, triangles, triangle, barycentric, g, camera.focal, camera.center)

    return (barycentric, (triangle, depth)), vjp_points


def _rasterize(points, triangles, camera, **settings):
    kernels = kernels_for(points)
    return kernels.rasterize(points, triangles, camera.focal, camera.center, camera.height, camera.width, **settings)


@check_shapes(points_camera="B V 3", triangles="int F 3", active="bool B F")
def visible_triangles(points_camera, triangles, camera, *, active=None):
    """The triangle of `rasterize` alone, -1 for none, without gradient; (B, V, 3), (F, 3) -> (B, H, W) int32."""
    triangles = _checked_triangles(triangles, points_camera.shape[1])
    return _rasterize(plain(points_camera), triangles, camera, active=active, weights=False)[0]


@check_shapes(points_camera="B V 3", triangles="int F 3", triangle="int B H W")
def barycentric_weights(points_camera, triangles, triangle, camera):
    """Where the ray of each pixel meets a given triangle; (B, V, 3), (F, 3), (B, H, W) -> (B, H, W, 3), zeros for triangle -1.

    The formula of `rasterize` once the triangle is known, in plain NumPy. With the ray subtracted, q_i = (P_i - z_i d)_xy, the
    weights are the areas q_j x q_k over their sum.
    """
    corners = _corners(points_camera, triangles, triangle)  # (B, H, W, 3 corners, 3)
    x, y, z = (corners[..., i] for i in range(3))
    columns = np.arange(camera.width, like=triangle)[:, None] + 0.5
    rows = np.arange(camera.height, like=triangle)[:, None, None] + 0.5
    qx = x - z * ((columns - camera.center[0]) / camera.focal)
    qy = y - z * ((rows - camera.center[1]) / camera.focal)
    areas = [qx[..., j] * qy[..., k] - qy[..., j] * qx[..., k] for j, k in ((1, 2), (2, 0), (0, 1))]
    hit = triangle >= 0
    total = np.where(hit, areas[0] + areas[1] + areas[2], 1.0)
    return np.stack([np.where(hit, area / total, 0.0) for area in areas], axis=-1)


def _corners(values, triangles, triangle):
    """values[b, triangles[triangle]]: what each pixel's three corners carry; (B or 1, V, C) -> (B, H, W, 3, C)."""
    if 0 in values.shape[:2]:
        return np.zeros((*triangle.shape, 3, values.shape[2]), dtype=values.dtype, like=triangle)
    batch = np.arange(triangle.shape[0], like=triangle)[:, None, None, None] % values.shape[0]
    # Triangle 0, or vertex 0 in a mesh without triangles, stands in where there is none: the caller puts zeros there.
    known = triangles if len(triangles) else np.zeros((1, 3), dtype=np.int32, like=triangle)
    return values[batch, known[np.maximum(triangle, 0)]]


def _interpolate_twin(attributes, barycentric, *, triangles, triangle):
    if attributes.ndim == 2:
        attributes = np.reshape(attributes, (1, *attributes.shape))
    return np.einsum("bhwi,bhwic->bhwc", barycentric, _corners(attributes, triangles, triangle))


@primitive(twin=_interpolate_twin)
def _interpolate(attributes, barycentric, *, triangles, triangle):
    kernels = kernels_for(attributes, barycentric)
    batched = attributes if attributes.ndim == 3 else attributes[None]
    arguments = batched, triangles, triangle, barycentric

    def vjp_attributes(g):
        gradient = kernels.interpolate_attribute_gradient(*arguments, g)
        return gradient if attributes.ndim == 3 else gradient.sum(axis=0)

    return kernels.interpolate(*arguments), vjp_attributes, lambda g: kernels.interpolate_barycentric_gradient(*arguments, g)


@check_shapes(attributes="... V C", triangles="int F 3")
def interpolate(attributes, triangles, fragments):
    """Values at pixels from values at vertices, a = b_0 a_0 + b_1 a_1 + b_2 a_2; (B, V, C) or (V, C) -> (B, H, W, C).

    Zeros where no triangle is seen. Gradients flow to the attributes and, through the weights, to the vertex positions.

    Raises:
        ValueError: for attributes of another shape, or with fewer vertices than the triangles name.
    """
    batch = fragments.triangle.shape[0]
    if attributes.ndim not in (2, 3) or (attributes.ndim == 3 and attributes.shape[0] != batch):
        raise ValueError(f"interpolate: attributes: expected ({batch}, V, C) or (V, C), got {tuple(attributes.shape)}")
    triangles = _checked_triangles(triangles, attributes.shape[-2])
    return _interpolate(attributes, fragments.barycentric, triangles=triangles, triangle=fragments.triangle)


def _depth_twin(points_camera, *, triangles, fragments, camera):
    weights = barycentric_weights(points_camera, triangles, fragments.triangle, camera)
    return np.sum(weights * _corners(points_camera, triangles, fragments.triangle)[..., 2], axis=-1)


@primitive(twin=_depth_twin)
def _depth(points_camera, *, triangles, fragments, camera):
    weights = bare(fragments.barycentric)

    def vjp_points(g):
        kernels = kernels_for(points_camera)
        return kernels.depth_gradient(points_camera, triangles, fragments.triangle, weights, g, camera.focal, camera.center)

    return fragments.depth, vjp_points


@check_shapes(points_camera="B V 3", triangles="int F 3")
def depth_map(points_camera, triangles, fragments, camera):
    """Camera z at each pixel, with gradient to the vertices (Sec. 3.4); (B, V, 3) -> (B, H, W) in mm, 0 where nothing is seen."""
    return _depth(points_camera, triangles=triangles, fragments=fragments, camera=camera)
