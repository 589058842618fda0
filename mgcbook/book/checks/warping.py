"""Exercises of chapter 09: bilinear_sample and in_range (in `mgcbook.book.checks.sampling`), correspond."""

import numpy as np

from mgcbook.book.checks import sampling as _first_part  # noqa: F401  (registers 9.1 and 9.2)
from mgcbook.book.exercises import exercise
from mgcbook.face import warp as library
from mgcbook.face.camera import Camera, invert, pixel_grid, project, rotation_from_euler, transform, unproject
from mgcbook.face.sampling import in_range
from mgcbook.tape import value_and_grad

correspond = exercise("9.3", library.correspond)

CAMERA = Camera(focal=50.0, width=6, height=4)
DEPTH = np.random.default_rng(9).uniform(480, 520, (1, 4, 6))
EVEN = np.full((1, 4, 6), 500.0)  # with it, no rounding puts an outermost centre outside
SAME = np.eye(3)[None], np.zeros((1, 3))
AWAY = np.eye(3)[None], np.array([[0.0, 0.0, 40.0]])
TURN = rotation_from_euler(np.array([[0.0, 0.002, 0.004]])), np.array([[3.0, -2.0, 40.0]])


def _aside(x):
    return np.eye(3)[None], np.array([[x, 0.0, 0.0]])


@correspond.question("returns places (B, H, W, 2), depths (B, H, W) and what is valid (B, H, W)")
def _(correspond):
    uv, depth, valid = correspond(DEPTH, SAME, CAMERA)
    return (*np.shape(uv), *np.shape(depth), *np.shape(valid)), (1, 4, 6, 2, 1, 4, 6, 1, 4, 6)


@correspond.question("the same view: every pixel stays at its centre, and those within are valid")
def _(correspond):
    uv, _, valid = correspond(DEPTH, SAME, CAMERA)
    return (uv, valid[:, 1:-1, 1:-1]), (pixel_grid(4, 6), np.ones((2, 4)))


@correspond.question("the source sees the face 10 mm further right: by 10 f / z pixels, the nearer the further")
def _(correspond):
    uv, _, _ = correspond(DEPTH, _aside(10.0), CAMERA)
    return uv[..., 0] - (np.arange(6) + 0.5), 10 * 50 / DEPTH


@correspond.question("the depth is that of the point in the source camera, 40 mm further away")
def _(correspond):
    return correspond(DEPTH, AWAY, CAMERA)[1], DEPTH + 40


@correspond.question("a turn and a shift together")
def _(correspond):
    points = unproject(pixel_grid(4, 6)[None], DEPTH, CAMERA).reshape(1, 24, 3)
    moved = transform(*TURN, points).reshape(1, 4, 6, 3)
    uv, depth, _ = correspond(DEPTH, TURN, CAMERA)
    return (uv, depth), (project(moved, CAMERA), moved[..., 2])


@correspond.question("a pixel without depth (0: no face) is not valid")
def _(correspond):
    holes = EVEN * (np.arange(6) != 2)
    return correspond(holes, AWAY, CAMERA)[2], np.ones((1, 4, 6)) * (np.arange(6) != 2)


@correspond.question("nor is one that leaves the source picture")
def _(correspond):
    return correspond(EVEN, _aside(22.0), CAMERA)[2], np.ones((1, 4, 6)) * (np.arange(6) < 3)


@correspond.question("nor one that lies behind the source camera")
def _(correspond):
    behind = np.eye(3)[None], np.array([[0.0, 0.0, -1000.0]])
    return correspond(EVEN, behind, CAMERA)[2], np.zeros((1, 4, 6))


@correspond.question("each pair of a batch has its own pose")
def _(correspond):
    poses = tuple(np.concatenate(parts) for parts in zip(SAME, TURN, strict=True))
    uv, _, _ = correspond(np.concatenate([DEPTH, DEPTH]), poses, CAMERA)
    return uv[1], library.correspond(DEPTH, TURN, CAMERA).uv[0]


@correspond.question("the tape takes the slope of a place to the depth")
def _(correspond):
    gradient = lambda function: value_and_grad(lambda depth: np.sum(function(depth, TURN, CAMERA)[0] ** 2))(DEPTH)[1]
    return gradient(correspond), gradient(library.correspond)


def _moved(target_depth, pose, camera, half=0.5, depth_first=True):
    batch, height, width = target_depth.shape
    grid = pixel_grid(height, width) - 0.5 + half
    lengths = target_depth if depth_first else target_depth * 0 + 1.0
    points = np.reshape(unproject(grid[None] + np.zeros((batch, 1, 1, 1)), lengths, camera), (batch, -1, 3))
    return np.reshape(transform(*pose, points), (batch, height, width, 3))


def _found(points, valid=None, depth=None):
    uv = project(points, CAMERA)
    return library.Correspondence(uv, points[..., 2] if depth is None else depth, 1.0 if valid is None else valid)


def _valid(points, target_depth, *, has_depth=True, in_front=True, inside=True):
    mask = np.ones(target_depth.shape)
    mask = mask * (target_depth > 0) if has_depth else mask
    mask = mask * (points[..., 2] > 0) if in_front else mask
    return mask * in_range(project(points, CAMERA), *target_depth.shape[1:]) if inside else mask


def _answer(target_depth, pose, camera, depth=None, valid=None, **how):
    points = _moved(target_depth, pose, camera, **how)
    return _found(points, _valid(points, target_depth, **(valid or {})), depth)


@correspond.mistake("The pixel (r, c) has its centre at (c + 0.5, r + 0.5): pixel_grid gives the centres.")
def corners_of_pixels(target_depth, source_from_target, camera):
    return _answer(target_depth, source_from_target, camera, half=0.0)


@correspond.mistake("All points lie at the depth 1 here: unproject with the depth of each pixel.")
def rays_only(target_depth, source_from_target, camera):
    return _answer(target_depth, source_from_target, camera, depth_first=False)


@correspond.mistake("Those are the depths in the target. Wanted is camera z after the turn, in the source.")
def target_depths(target_depth, source_from_target, camera):
    return _answer(target_depth, source_from_target, camera, depth=target_depth)


@correspond.mistake("A depth of 0 stands for no face, and there is nothing to find there: not valid.")
def face_everywhere(target_depth, source_from_target, camera):
    return _answer(target_depth, source_from_target, camera, valid=dict(has_depth=False))


@correspond.mistake("Places outside the source picture pass for valid: multiply by in_range.")
def ignores_the_border(target_depth, source_from_target, camera):
    return _answer(target_depth, source_from_target, camera, valid=dict(inside=False))


@correspond.mistake("What is behind the source camera is projected, too, upside down: valid needs a source depth above 0.")
def sees_behind(target_depth, source_from_target, camera):
    return _answer(target_depth, source_from_target, camera, valid=dict(in_front=False))


@correspond.mistake("The whole batch was moved by its first pose: transform takes points (B, N, 3) and poses of all items.")
def first_pose_only(target_depth, source_from_target, camera):
    first = tuple(np.repeat(part[:1], len(target_depth), axis=0) for part in source_from_target)
    return _answer(target_depth, first, camera)


@correspond.mistake("That leads from the source to the target: apply the pose as it is given, source_from_target.")
def other_direction(target_depth, source_from_target, camera):
    return _answer(target_depth, invert(source_from_target), camera)


@correspond.mistake("`transform` wants the points of a face in one row, (B, V, 3): reshape(B, -1, 3) first, and back afterwards.")
def pixels_in_rows(target_depth, source_from_target, camera):
    points = unproject(pixel_grid(*target_depth.shape[1:]), target_depth, camera)
    return _found(transform(*source_from_target, points))


@correspond.mistake("The pixels are still in one row: give the moved points the shape (B, H, W, 3) again.")
def stays_in_a_row(target_depth, source_from_target, camera):
    points = _moved(target_depth, source_from_target, camera)
    return _found(points.reshape(len(points), -1, 3), np.ones((len(points), points.shape[1] * points.shape[2])))
