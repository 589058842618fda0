"""A differentiable outline: colours are blended across it, so that a picture tells the vertices where the outline should be.

The rasterizer decides at pixel centres: moving a vertex a little moves no outline, and no gradient comes from there. Here each
pair of adjacent pixels with the outline between their centres is blended by where it crosses. Beyond the paper; in the spirit of
the antialiasing of Laine et al., "Modular primitives for high-performance differentiable rendering", 2020, with one difference:
theirs looks at the edges of the triangle that the pixel sees, ours walks over the mesh to the outline, because the triangles of a
face are smaller than its pixels.

    near o------|---x------o far      crossing x in [0, 1), counted from the near centre; 1/2 is the border of the two pixels
    x > 1/2:  far pixel  += (x - 1/2) (near colour - far colour)       the near surface reaches into the far pixel
    x < 1/2:  near pixel += (1/2 - x) (far colour - near colour)       it ends within its own pixel
"""

import numpy as np

from mgcbook.arrays import check_shapes, is_device, kernels_for, scatter_add, to_host
from mgcbook.face.raster import plain
from mgcbook.tape import once, primitive


@check_shapes(image="B H W C", points_camera="B V 3", triangles="int F 3")
def antialias(image, fragments, points_camera, triangles, camera):
    """Blend an image of a mesh across the outline; (B, H, W, C) and its Fragments -> (B, H, W, C).

    Gradients flow to the image and, through the places of the crossings, to the vertices of the outline. Where the mesh runs
    through itself, or an outline passes a pixel twice, the blend is approximate.

    Args:
        image: what was interpolated from these fragments, any channels; add the mask as a channel to soften it too.
        fragments: what `rasterize` returned for these points.
        points_camera: the vertices in the camera's axes, in mm.
    """
    kernels = kernels_for(fragments.triangle)
    pixels, edges = kernels.outline_crossings(plain(points_camera), triangles, edge_neighbours(triangles), fragments.triangle,
                                              fragments.depth, camera.focal, camera.center)  # fmt: skip
    corners = np.reshape(points_camera, (-1, 3))[edges]  # (N, 2 ends, 3)
    return _blend(image, crossing_place(corners, pixels, camera), pixels=pixels)


@check_shapes(corners="N 2 3", pixels="int N 2")
def crossing_place(corners, pixels, camera):
    """Where an edge crosses the way from one pixel centre to the next, 0 to 1; corners (N, 2, 3), pixels (N, 2) -> (N,)."""
    numbers = pixels % (camera.height * camera.width)
    columns, rows = numbers % camera.width, numbers // camera.width
    right, down = columns[:, 1:] - columns[:, :1], rows[:, 1:] - rows[:, :1]  # one is 0, the other 1 or -1
    u = camera.focal * corners[..., 0] / corners[..., 2] + (camera.center[0] - 0.5 - columns[:, :1]).astype(corners.dtype)
    v = camera.focal * corners[..., 1] / corners[..., 2] + (camera.center[1] - 0.5 - rows[:, :1]).astype(corners.dtype)
    right, down = right.astype(corners.dtype), down.astype(corners.dtype)
    along, across = u * right + v * down, u * down - v * right
    return along[:, 0] - across[:, 0] * (along[:, 1] - along[:, 0]) / (across[:, 1] - across[:, 0])


def _blended(image, place, pixels):
    """Flat image, the pixel that changes, the pixel it takes colour from, and how much of it."""
    flat = np.reshape(image, (-1, image.shape[-1]))
    outward = plain(place) > 0.5
    changed, other = np.where(outward, pixels[:, 1], pixels[:, 0]), np.where(outward, pixels[:, 0], pixels[:, 1])
    sign = np.where(outward, 1, -1).astype(place.dtype)
    return flat, changed, other, sign, (sign * (place - 0.5))[:, None]


def _blend_twin(image, place, *, pixels):
    flat, changed, other, _, weight = _blended(image, place, pixels)
    to_changed = (np.arange(flat.shape[0])[:, None] == changed).astype(float)  # a matrix that adds rows at `changed`
    return np.reshape(flat + np.matmul(to_changed, weight * (flat[other] - flat[changed])), image.shape)


@primitive(twin=_blend_twin)
def _blend(image, place, *, pixels):
    flat, changed, other, sign, weight = _blended(image, place, pixels)
    difference = flat[other] - flat[changed]
    out = flat.copy()
    scatter_add(out, changed, weight * difference)
    rows = once(lambda g: np.reshape(g, flat.shape)[changed])

    def vjp_image(g):
        gradient = np.reshape(g, flat.shape).copy()
        scatter_add(gradient, other, weight * rows(g))
        scatter_add(gradient, changed, -weight * rows(g))
        return np.reshape(gradient, image.shape)

    return np.reshape(out, image.shape), vjp_image, lambda g: sign * np.sum(rows(g) * difference, axis=-1)


_latest = []  # (triangles, neighbours) of the last meshes: a training run asks for the same one in every step


@check_shapes(triangles="int F 3")
def edge_neighbours(triangles):
    """The triangle across the edge opposite each corner; (F, 3) -> (F, 3), -1 at a border or where more than two meet."""
    for known, neighbours in _latest:
        if known is triangles or (not (is_device(known) or is_device(triangles)) and np.array_equal(known, triangles)):
            return neighbours
    neighbours = np.asarray(_find_neighbours(to_host(triangles)), like=triangles)
    # On a GPU comparing values would wait: there the same array is the same mesh.
    _latest[:] = [(triangles if is_device(triangles) else triangles.copy(), neighbours), *_latest[:3]]
    return neighbours


def _find_neighbours(triangles):
    ends = np.sort(np.stack([triangles[:, [1, 2]], triangles[:, [2, 0]], triangles[:, [0, 1]]], axis=1).reshape(-1, 2), axis=1)
    order = np.lexsort((ends[:, 1], ends[:, 0]))  # equal edges come to stand side by side
    equal = np.zeros(len(order) + 1, dtype=bool)
    equal[1:-1] = (ends[order[1:]] == ends[order[:-1]]).all(axis=1)
    # an edge of exactly two triangles: equal to the next, and neither the one before nor the one after these is equal too
    first = np.nonzero(equal[1:] & ~equal[:-1] & ~np.append(equal[2:], False))[0]
    left, right = order[first], order[np.minimum(first + 1, len(order) - 1)]
    neighbours = np.full(len(order), -1, dtype=np.int32)
    neighbours[left], neighbours[right] = right // 3, left // 3
    return neighbours.reshape(-1, 3)
