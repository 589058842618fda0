"""Exercises of chapter 04: project, unproject, relative_pose."""

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.face import camera as library
from mgcbook.face.camera import Camera, compose, invert
from mgcbook.tape import value_and_grad

CAMERA = Camera(focal=100.0, width=128, height=96)  # the two axes differ, so that mixing them up shows


def _points(*points):
    return np.array([points], dtype=np.float64)


# ---------------------------------------------------------------- 4.1

project = exercise("4.1", library.project)


@project.question("returns one pixel (u, v) per point")
def _(project):
    return np.shape(project(_points((0, 0, 2), (1, 0, 2), (0, 1, 4)), CAMERA)), (1, 3, 2)


@project.question("a point straight ahead, (0, 0, 2), lands on the centre (64, 48)")
def _(project):
    return project(_points((0, 0, 2)), CAMERA)[0, 0], (64, 48)


@project.question("(1, 0, 2) lands to the right of it, on (114, 48)")
def _(project):
    return project(_points((1, 0, 2)), CAMERA)[0, 0], (114, 48)


@project.question("(0, 1, 4) lands below it, on (64, 73)")
def _(project):
    return project(_points((0, 1, 4)), CAMERA)[0, 0], (64, 73)


@project.question("takes any number of faces and points")
def _(project):
    return project(np.tile(_points((1, 2, 4), (2, 1, 4)), (3, 1, 1)), CAMERA), np.tile([(89.0, 98.0), (114.0, 73.0)], (3, 1, 1))


@project.question("the tape can differentiate it")
def _(project):
    points = _points((1, 2, 4), (-2, 1, 5))
    _, gradient = value_and_grad(lambda p: np.sum(project(p, CAMERA)))(points)
    x, y, z = np.moveaxis(points, -1, 0)
    return gradient, np.stack([100 / z, 100 / z, -100 * (x + y) / z**2], axis=-1)


def _divided(p, camera):
    return camera.focal * p[..., 0] / p[..., 2], camera.focal * p[..., 1] / p[..., 2]


@project.mistake("That is measured from the optical axis, but pixels are counted from the upper left corner: add camera.center.")
def forgets_center(p, camera):
    return np.stack(_divided(p, camera), axis=-1)


@project.mistake("Far things must look smaller: divide by the depth z before you add the centre.")
def forgets_depth(p, camera):
    return np.stack([camera.focal * p[..., 0] + camera.center[0], camera.focal * p[..., 1] + camera.center[1]], axis=-1)


@project.mistake("Row and column are swapped: u comes first, goes right and belongs to x; v goes down and belongs to y.")
def swaps_axes(p, camera):
    u, v = _divided(p, camera)
    return np.stack([v + camera.center[1], u + camera.center[0]], axis=-1)


@project.mistake("v runs upwards here. Camera y and image rows both grow downwards, so nothing needs to be flipped.")
def flips_v(p, camera):
    u, v = _divided(p, camera)
    return np.stack([u + camera.center[0], camera.center[1] - v], axis=-1)


@project.mistake("That is an array index, half a pixel off. Coordinates are continuous and span [0, W]: leave the 0.5 out.")
def subtracts_half(p, camera):
    u, v = _divided(p, camera)
    return np.stack([u + camera.center[0] - 0.5, v + camera.center[1] - 0.5], axis=-1)


@project.mistake("Only the first face is projected: index from the right, points_camera[..., 0], and any leading axes will do.")
def first_face_only(p, camera):
    u, v = _divided(p[0], camera)
    return np.stack([u + camera.center[0], v + camera.center[1]], axis=-1)[None]


@project.mistake("Numbers stored into a prepared array lose their history, and no gradient can flow: use np.stack.")
def stores_into_array(p, camera):
    out = np.zeros((*p.shape[:-1], 2))
    u, v = _divided(p, camera)
    out[..., 0], out[..., 1] = u + camera.center[0], v + camera.center[1]
    return out


@project.mistake("points_camera[..., 2] has lost the last axis and lines up wrongly: [..., 2:] keeps it, with a length of one.")
def loses_an_axis(p, camera):
    return camera.focal * p[..., :2] / p[..., 2] + camera.center


@project.mistake("Those are two arrays, all u and all v: put them side by side with np.stack([u, v], axis=-1).")
def two_arrays(p, camera):
    u, v = _divided(p, camera)
    return u + camera.center[0], v + camera.center[1]


@project.mistake("The centre was divided by the depth, too: first divide, then add it.")
def adds_center_first(p, camera):
    return (camera.focal * p[..., :2] + np.array(camera.center)) / p[..., 2:]


# ---------------------------------------------------------------- 4.2

unproject = exercise("4.2", library.unproject)


@unproject.question("returns one point (x, y, z) per pixel")
def _(unproject):
    return np.shape(unproject(np.zeros((2, 5, 2)) + 50.0, np.ones((2, 5)), CAMERA)), (2, 5, 3)


@unproject.question("the centre pixel at depth 3 is the point (0, 0, 3)")
def _(unproject):
    return unproject(np.array([64.0, 48.0]), np.array(3.0), CAMERA), (0, 0, 3)


@unproject.question("50 pixels further right at depth 2 is the point (1, 0, 2)")
def _(unproject):
    return unproject(np.array([114.0, 48.0]), np.array(2.0), CAMERA), (1, 0, 2)


@unproject.question("it undoes project")
def _(unproject):
    points = _points((1, 2, 4), (-2, 1, 5), (0.5, -1, 3))
    return unproject(library.project(points, CAMERA), points[..., 2], CAMERA), points


def _ray(pixels, camera):
    return (pixels[..., 0] - camera.center[0]) / camera.focal, (pixels[..., 1] - camera.center[1]) / camera.focal


@unproject.mistake("Project added the centre, so the way back begins by subtracting it.")
def keeps_center(pixels, depth, camera):
    return np.stack([pixels[..., 0] / camera.focal * depth, pixels[..., 1] / camera.focal * depth, depth], axis=-1)


@unproject.mistake("The rays spread with the depth: x and y must be multiplied by it too, not z alone.")
def scales_only_z(pixels, depth, camera):
    x, y = _ray(pixels, camera)
    return np.stack([x, y, depth], axis=-1)


@unproject.mistake("That is the direction of the ray, at z = 1. Go as far along it as the depth says: multiply all three by it.")
def stops_at_one(pixels, depth, camera):
    x, y = _ray(pixels, camera)
    return np.stack([x, y, np.ones_like(x)], axis=-1)


@unproject.mistake("Project multiplied by the focal length, so the way back divides by it.")
def multiplies_by_focal(pixels, depth, camera):
    x, y = _ray(pixels, camera)
    return np.stack([x * camera.focal**2 * depth, y * camera.focal**2 * depth, depth], axis=-1)


@unproject.mistake("Depth is camera z, not the length of the ray: do not normalise the direction.")
def depth_as_distance(pixels, depth, camera):
    x, y = _ray(pixels, camera)
    ray = np.stack([x, y, np.ones_like(x)], axis=-1)
    return depth[..., None] * ray / np.sqrt(np.sum(ray**2, axis=-1, keepdims=True))


# ---------------------------------------------------------------- 4.3

relative_pose = exercise("4.3", library.relative_pose)


def _pose(angles, translation):
    return library.rotation_from_euler(np.array([angles])), np.array([translation], dtype=np.float64)


def _by_matrices(source, target):
    """P_s P_t^-1 with 4 x 4 matrices and a general inverse: the same thing by another way."""
    matrix = lambda pose: np.block([[pose[0][0], pose[1][0][:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])
    product = matrix(source) @ np.linalg.inv(matrix(target))
    return product[None, :3, :3], product[None, :3, 3]


@relative_pose.question("two equal views: nothing moves")
def _(relative_pose):
    view = _pose([3.0, 0.4, 0.1], [5, -8, 900])
    return relative_pose(view, view), (np.eye(3)[None], np.zeros((1, 3)))


@relative_pose.question("the source saw the face 30 mm further right: target points move 30 mm to the right")
def _(relative_pose):
    turn = [3.0, 0.4, 0.1]
    return relative_pose(_pose(turn, [30, 0, 900]), _pose(turn, [0, 0, 900])), (np.eye(3)[None], np.array([[30.0, 0, 0]]))


@relative_pose.question("the face turned between the views: the turn goes about the face, not about the camera")
def _(relative_pose):
    source, target = _pose([3.1, 0.5, 0.0], [0, 0, 900]), _pose([3.1, -0.2, 0.1], [0, 0, 900])
    return relative_pose(source, target), _by_matrices(source, target)


@relative_pose.question("it takes what the target saw of a face to what the source saw of it")
def _(relative_pose):
    source, target = _pose([3.3, 0.5, -0.2], [20, -5, 950]), _pose([2.9, -0.2, 0.1], [-7, 3, 900])
    face = _points((10, 20, 80), (-30, 0, 60), (0, -70, 75))
    moved = library.transform(*relative_pose(source, target), library.transform(*target, face))
    return moved, library.transform(*source, face)


@relative_pose.mistake(
    "That is P_t^-1 P_s, as the paper prints it: its neighbours are camera and camera, so nothing cancels. First undo the "
    "target's pose (to the model), then apply the source's."
)
def as_printed(source_from_model, target_from_model):
    return compose(invert(target_from_model), source_from_model)


@relative_pose.mistake("That leads from the source to the target: the other way round.")
def wrong_direction(source_from_model, target_from_model):
    return compose(target_from_model, invert(source_from_model))


@relative_pose.mistake("Two poses one after the other, but neither is undone: one of them needs invert().")
def forgets_invert(source_from_model, target_from_model):
    return compose(source_from_model, target_from_model)


@relative_pose.mistake("The rotation is right, but translations of turned frames do not simply subtract: compose whole poses.")
def subtracts_translations(source_from_model, target_from_model):
    rotation, _ = compose(source_from_model, invert(target_from_model))
    return rotation, source_from_model[1] - target_from_model[1]


@relative_pose.mistake("The wrong one of the two is undone: source_from_model stays as it is, the target's pose is inverted.")
def undoes_the_source(source_from_model, target_from_model):
    return compose(invert(source_from_model), target_from_model)
