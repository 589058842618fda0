"""Exercises of chapter 06: barycentric_weights, interpolate, composite."""

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.face import raster as library
from mgcbook.face.camera import Camera, unproject
from mgcbook.face.raster import Fragments
from mgcbook.face.render import composite as library_composite
from mgcbook.tape import value_and_grad

CAMERA = Camera(focal=10.0, width=5, height=3)
CORNERS = np.array([[0.5, 0.5], [4.5, 0.5], [0.5, 2.5]])  # the centres of three pixels
TRIANGLES = np.array([[0, 1, 2], [2, 1, 0]], np.int32)
ALL = np.zeros((1, 3, 5), np.int32)  # every pixel asks for triangle 0, also those beside it


def _mesh(*depths):
    return unproject(CORNERS, np.array(depths, dtype=np.float64), CAMERA)[None]


# ---------------------------------------------------------------- 6.1

weights = exercise("6.1", library.barycentric_weights)


@weights.question("returns three weights per pixel")
def _(weights):
    return np.shape(weights(_mesh(2, 2, 2), TRIANGLES, ALL, CAMERA)), (1, 3, 5, 3)


@weights.question("the three weights of a pixel sum to 1")
def _(weights):
    return np.sum(weights(_mesh(2, 2, 2), TRIANGLES, ALL, CAMERA), axis=-1), np.ones((1, 3, 5))


@weights.question("a pixel whose centre is a corner has all the weight on that corner")
def _(weights):
    return weights(_mesh(2, 2, 2), TRIANGLES, ALL, CAMERA)[0, [0, 0, 2], [0, 4, 0]], np.eye(3)


@weights.question("half-way in the picture between depths 1 and 3 the near corner has the weight 3/4")
def _(weights):
    return weights(_mesh(1, 3, 2), TRIANGLES, ALL, CAMERA)[0, 0, 2], (0.75, 0.25, 0.0)


@weights.question("they are zeros where there is no triangle, -1")
def _(weights):
    some = ALL.copy()
    some[0, 1] = -1
    wanted = np.where(some[..., None] < 0, 0.0, library.barycentric_weights(_mesh(1, 3, 2), TRIANGLES, ALL, CAMERA))
    return weights(_mesh(1, 3, 2), TRIANGLES, some, CAMERA), wanted


@weights.question("each mesh of a batch has its own points, each pixel its own triangle")
def _(weights):
    points, asked = np.concatenate([_mesh(1, 3, 2), _mesh(2, 1, 1)]), np.concatenate([ALL, ALL + 1])
    return weights(points, TRIANGLES, asked, CAMERA)[:, 0, 2], [(0.75, 0.25, 0), (0, 2 / 3, 1 / 3)]


@weights.question("the tape can differentiate it")
def _(weights):
    loss = lambda function: lambda points: np.sum(function(points, TRIANGLES, ALL, CAMERA)[..., 1] ** 2)
    points = _mesh(1, 3, 2)
    return value_and_grad(loss(weights))(points)[1], value_and_grad(loss(library.barycentric_weights))(points)[1]


def _weights(points, triangles, triangle, camera, *, half=0.5, linear=False, batched=True, order=((1, 2), (2, 0), (0, 1))):
    batch = np.arange(len(triangle))[:, None, None, None] * batched
    x, y, z = np.moveaxis(points[batch, triangles[triangle]], -1, 0)
    column, row = np.arange(camera.width)[:, None] + half, np.arange(camera.height)[:, None, None] + half
    qx = x - z * (column - camera.center[0]) / camera.focal
    qy = y - z * (row - camera.center[1]) / camera.focal
    if linear:
        qx, qy = qx / z, qy / z
    areas = np.stack([qx[..., j] * qy[..., k] - qy[..., j] * qx[..., k] for j, k in order], axis=-1)
    return areas, np.sum(areas, axis=-1, keepdims=True)


def _shares(areas, total, triangle):
    return np.where(triangle[..., None] >= 0, areas / total, 0.0)


@weights.mistake("Those are the areas themselves. A weight is a part of the whole: divide by the sum of the three.")
def keeps_areas(points_camera, triangles, triangle, camera):
    return _weights(points_camera, triangles, triangle, camera)[0]


@weights.mistake("The ray belongs to the middle of the pixel, (c + 0.5, r + 0.5); this one passes through its upper left corner.")
def forgets_halves(points_camera, triangles, triangle, camera):
    return _shares(*_weights(points_camera, triangles, triangle, camera, half=0.0), triangle)


@weights.mistake("The area q_1 x q_2 is the weight of corner 0, which is not in it: it grows towards corner 0.")
def gives_areas_to_neighbours(points_camera, triangles, triangle, camera):
    return _shares(*_weights(points_camera, triangles, triangle, camera, order=((0, 1), (1, 2), (2, 0))), triangle)


@weights.mistake("Those are the weights in the flat picture. On the surface the near corner counts more: do not divide q by z.")
def flat_weights(points_camera, triangles, triangle, camera):
    return _shares(*_weights(points_camera, triangles, triangle, camera, linear=True), triangle)


@weights.mistake("In NumPy the index -1 is the last triangle, so the background got its weights: put zeros there with np.where.")
def background_is_the_last(points_camera, triangles, triangle, camera):
    areas, total = _weights(points_camera, triangles, triangle, camera)
    return areas / total


@weights.mistake("All meshes of the batch got the points of the first: index points_camera[b, ...] with the number of the item.")
def first_mesh_only(points_camera, triangles, triangle, camera):
    return _shares(*_weights(points_camera, triangles, triangle, camera, batched=False), triangle)


# ---------------------------------------------------------------- 6.2

interpolate = exercise("6.2", library.interpolate)

SEEN = Fragments(
    np.array([[[0, 0], [1, -1]]], np.int32),
    np.array([[[[1.0, 0, 0], [0.25, 0.25, 0.5]], [[0.5, 0.1, 0.4], [0, 0, 0]]]]),
    np.array([[[2.0, 2.0], [2.0, 0]]]),
)
FAN = np.array([[1, 2, 3], [1, 3, 0]], np.int32)
VALUES = np.array([[[4.0, 40.0], [8.0, 10.0], [12.0, 60.0], [20.0, 30.0]]])


@interpolate.question("returns the channels of every pixel")
def _(interpolate):
    return np.shape(interpolate(VALUES, FAN, SEEN)), (1, 2, 2, 2)


@interpolate.question("a pixel on a corner has the value of that corner")
def _(interpolate):
    return interpolate(VALUES, FAN, SEEN)[0, 0, 0], (8, 10)


@interpolate.question("between the corners the values are mixed with the weights")
def _(interpolate):
    return interpolate(VALUES, FAN, SEEN)[0, [0, 1], [1, 0]], [(15, 32.5), (7.6, 24)]


@interpolate.question("where no triangle is seen there are zeros")
def _(interpolate):
    return interpolate(VALUES, FAN, SEEN)[0, 1, 1], (0, 0)


@interpolate.question("values (V, C) serve every item of the batch, values (B, V, C) their own")
def _(interpolate):
    twice = Fragments(*(np.concatenate([part, part]) for part in SEEN))
    own = interpolate(np.concatenate([VALUES, -VALUES]), FAN, twice)
    wanted = np.array([[8, 10], [-8, -10], [8, 10]])
    return np.stack([own[0, 0, 0], own[1, 0, 0], interpolate(VALUES[0], FAN, twice)[1, 0, 0]]), wanted


@interpolate.question("the tape takes the slope of a pixel back to its corners")
def _(interpolate):
    _, gradient = value_and_grad(lambda values: np.sum(interpolate(values, FAN, SEEN)[0, 0, 1]))(VALUES)
    return gradient[0, :, 0], (0, 0.25, 0.25, 0.5)


def _three(attributes, triangles, fragments):
    attributes = attributes if attributes.ndim == 3 else np.stack([attributes] * len(fragments.triangle))
    return attributes[np.arange(len(fragments.triangle))[:, None, None, None], triangles[fragments.triangle]]


def _mixed(values, fragments):
    return np.einsum("bhwi,bhwic->bhwc", fragments.barycentric, values)


@interpolate.mistake("A triangle's number is not a vertex: look up its three vertices in triangles[...] first.")
def takes_triangles_for_vertices(attributes, triangles, fragments):
    attributes = attributes if attributes.ndim == 3 else attributes[None]
    return attributes[np.arange(len(fragments.triangle))[:, None, None] % len(attributes), fragments.triangle]


@interpolate.mistake("That is the value of the nearest corner: the picture falls into patches. Mix all three.")
def nearest_corner(attributes, triangles, fragments):
    heaviest = np.argmax(fragments.barycentric, axis=-1)[..., None, None]
    return np.take_along_axis(_three(attributes, triangles, fragments), heaviest, axis=3)[..., 0, :]


@interpolate.mistake("That is the mean of the three corners, the same all over a triangle. Use the weights.")
def mean_of_corners(attributes, triangles, fragments):
    return _three(attributes, triangles, fragments).mean(axis=3)


@interpolate.mistake("The weights have met other corners: weight i belongs to vertex triangles[..., i].")
def mixes_up_corners(attributes, triangles, fragments):
    return _mixed(_three(attributes, triangles[:, [0, 2, 1]], fragments), fragments)


@interpolate.mistake("The whole batch got the values of its first item: index the item, too.")
def first_item_only(attributes, triangles, fragments):
    values = attributes[0] if attributes.ndim == 3 else attributes
    return _mixed(values[triangles[fragments.triangle]], fragments)


@interpolate.mistake("Numbers stored into a prepared array lose their history, and no gradient can flow: sum the three products.")
def stores_into_array(attributes, triangles, fragments):
    out = np.zeros((*fragments.triangle.shape, attributes.shape[-1]))
    out[...] = _mixed(_three(attributes, triangles, fragments), fragments)
    return out


# ---------------------------------------------------------------- 6.3

composite = exercise("6.3", library_composite)

DRAWN = np.array([[[[0.0, 0.0, 0.0], [0.3, 0.2, 0.1], [0.8, 0.6, 0.4]]]])
COVER = np.array([[[0.0, 0.5, 1.0]]])
PHOTO = np.array([[[[0.2, 0.4, 0.9], [0.2, 0.4, 0.8], [0.1, 0.9, 0.5]]]])


@composite.question("returns a picture of the same size")
def _(composite):
    return np.shape(composite(DRAWN, COVER, PHOTO)), (1, 1, 3, 3)


@composite.question("beside the mesh there is the photograph")
def _(composite):
    return composite(DRAWN, COVER, PHOTO)[0, 0, 0], (0.2, 0.4, 0.9)


@composite.question("on the mesh there is the rendering")
def _(composite):
    return composite(DRAWN, COVER, PHOTO)[0, 0, 2], (0.8, 0.6, 0.4)


@composite.question("a pixel half covered has its part of the rendering already, and takes half of the photograph")
def _(composite):
    return composite(DRAWN, COVER, PHOTO)[0, 0, 1], (0.4, 0.4, 0.5)


@composite.question("the tape takes its slope to the mask")
def _(composite):
    return value_and_grad(lambda mask: np.sum(composite(DRAWN, mask, PHOTO)))(COVER)[1], [[[-1.5, -1.4, -1.5]]]


@composite.mistake("The mask lacks the axis of the colours, and NumPy cannot match the shapes: mask[..., None].")
def forgets_the_axis(image, mask, photo):
    return image + (1 - mask) * photo


@composite.mistake("Both lie on top of each other: under the mesh the photograph must go, (1 - mask) of it stays.")
def adds_both(image, mask, photo):
    return image + photo


@composite.mistake("That keeps the photograph under the face and drops it beside it: its share is 1 - mask.")
def wrong_way_round(image, mask, photo):
    return image + mask[..., None] * photo


@composite.mistake("At the outline the rendering is colour times coverage already: multiplied by the mask again it turns dark.")
def covers_twice(image, mask, photo):
    return mask[..., None] * image + (1 - mask[..., None]) * photo


@composite.mistake("A pixel is not on or off: at the outline the mask is a fraction, and each pixel gets that much of both.")
def switches(image, mask, photo):
    return np.where(mask[..., None] > 0, image, photo)
