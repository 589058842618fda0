"""Exercise 10.3: epipolar_loss."""

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.face.camera import Camera, essential, fundamental, project, rotation_from_euler, transform
from mgcbook.learning import losses as library
from mgcbook.tape import value_and_grad

epipolar_loss = exercise("10.3", library.epipolar_loss)

CAMERA = Camera(focal=300.0, width=128, height=96)
SIDEWAYS = np.eye(3)[None], np.array([[1e5, 0.0, 0.0]])
"""The source looks the same way from a place beside: lines are level."""
FORWARD = np.eye(3)[None], np.array([[0.0, 0.0, -1e4]])
"""The source is nearer: lines meet in the middle, (64, 48)."""
TURNED = rotation_from_euler(np.array([[0.1, 0.5, -0.2]])), np.array([[-300.0, 40.0, 80.0]])
SPOTS = np.random.default_rng(10).normal(0, 50, (1, 12, 3)) + np.array([0, 0, 700])
"""Twelve points of a face, in the axes of the target."""


def _found(pose, points=SPOTS):
    """What both cameras see of the points."""
    return project(points, CAMERA), project(transform(*pose, points), CAMERA)


@epipolar_loss.question("returns one number per pair")
def _(loss):
    twice = lambda array: np.repeat(array, 2, axis=0)
    return np.shape(loss(*map(twice, _found(TURNED)), tuple(map(twice, TURNED)), CAMERA)), (2,)


@epipolar_loss.question("landmarks of one face in the right pose lie on their lines: 0")
def _(loss):
    return np.round(loss(*_found(TURNED), TURNED, CAMERA), 6), [0.0]


@epipolar_loss.question("if the lines are level, all landmarks 3 px too low count 3")
def _(loss):
    target = _found(SIDEWAYS)[0]
    return np.round(loss(target, target + np.array([20.0, 3.0]), SIDEWAYS, CAMERA), 4), [3.0]


@epipolar_loss.question("half of them too low and half of them too high count 3 as well")
def _(loss):
    target = _found(SIDEWAYS)[0]
    side = np.where(np.arange(12) % 2, 3.0, -3.0)[:, None] * [0.0, 1.0]
    return np.round(loss(target, target + side, SIDEWAYS, CAMERA), 4), [3.0]


@epipolar_loss.question("distances are the source's, not the target's: here it shows the face twice as large")
def _(loss):
    target = np.array([[[74.0, 48.0], [64.0, 58.0]]])  # 10 px beside the middle, whose lines are level and upright
    return np.round(loss(target, np.array([[[84.0, 52.0], [68.0, 68.0]]]), FORWARD, CAMERA), 4), [4.0]


@epipolar_loss.question("with symmetric=True it is the mean of that and of the target's distances")
def _(loss):
    target, source = np.array([[[74.0, 48.0]]]), np.array([[[80.0, 60.0]]])
    other = np.abs(10.0 * 12.0 / np.hypot(16.0, 12.0))  # from (10, 0) to the line through (16, 12)
    return np.round(loss(target, source, FORWARD, CAMERA, symmetric=True), 4), [(12.0 + other) / 2]


@epipolar_loss.question("landmarks of one face in the right pose lie on the lines of both directions: 0")
def _(loss):
    return np.round(loss(*_found(TURNED), TURNED, CAMERA, symmetric=True), 6), [0.0]


@epipolar_loss.question("two views from one place have no lines: a finite slope all the same")
def _(loss):
    target = _found(SIDEWAYS)[0]
    by_shift = lambda t: loss(target, target + 1.0, (np.eye(3)[None], t), CAMERA)
    return np.isfinite(_slope(by_shift)), np.ones((1, 3))


def _slope(loss):
    return value_and_grad(lambda p: np.sum(loss(p["x"])))({"x": np.zeros((1, 3))})[1]["x"]


def _offsets(matrix, start, end, floor=library.BASELINE / CAMERA.focal, parts=2):
    """Signed distances of the points `end` to the lines of `start`."""
    x, y = start[..., 0:1], start[..., 1:2]
    columns = np.swapaxes(matrix, -1, -2)
    lines = x * columns[:, 0:1] + y * columns[:, 1:2] + columns[:, 2:3]
    a, b, c = (lines[..., i] for i in range(3))
    square = a * a + b * b + (c * c if parts == 3 else 0.0)
    return (end[..., 0] * a + end[..., 1] * b + c) / np.sqrt(square + floor**2)


def _both_ways(offsets, matrix, target, source, symmetric):
    there = np.abs(offsets(matrix, target, source))
    return (there + np.abs(offsets(np.swapaxes(matrix, -1, -2), source, target))) / 2 if symmetric else there


def _lengths(matrix, points):
    lines = points[..., 0:1] * matrix[:, None, :, 0] + points[..., 1:2] * matrix[:, None, :, 1] + matrix[:, None, :, 2]
    return np.sqrt(lines[..., 0] ** 2 + lines[..., 1] ** 2)


@epipolar_loss.mistake("Distances with opposite signs cancel, as they do in Eq. 5 as printed: take absolute values.")
def with_signs(target_landmarks, source_landmarks, source_from_target, camera, *, symmetric=False):
    matrix = fundamental(source_from_target, camera)
    return np.mean(_offsets(matrix, target_landmarks, source_landmarks), axis=1)


@epipolar_loss.mistake("You add the distances up, as Eq. 5 does; the weight of 1e-3 belongs to their mean.")
def adds_up(target_landmarks, source_landmarks, source_from_target, camera, *, symmetric=False):
    matrix = fundamental(source_from_target, camera)
    return np.sum(_both_ways(_offsets, matrix, target_landmarks, source_landmarks, symmetric), axis=1)


@epipolar_loss.mistake("E = [t]x R, first the turn and then the cross product; R [t]x is what MGCNet's program has.")
def the_other_order(target_landmarks, source_landmarks, source_from_target, camera, *, symmetric=False):
    rotation, shift = source_from_target
    # R [t]x = [R t]x R
    matrix = fundamental((rotation, np.einsum("bij,bj->bi", rotation, shift)), camera)
    return np.mean(_both_ways(_offsets, matrix, target_landmarks, source_landmarks, symmetric), axis=1)


@epipolar_loss.mistake("E relates directions; pixels need F = K^-T E K^-1, which `fundamental` gives.")
def essential_for_pixels(target_landmarks, source_landmarks, source_from_target, camera, *, symmetric=False):
    matrix = essential(source_from_target)
    return np.mean(_both_ways(_offsets, matrix, target_landmarks, source_landmarks, symmetric), axis=1)


@epipolar_loss.mistake("These are the target's distances. Eq. 5 measures the source's, to lines that come from the target.")
def in_the_target(target_landmarks, source_landmarks, source_from_target, camera, *, symmetric=False):
    matrix = np.swapaxes(fundamental(source_from_target, camera), -1, -2)
    return np.mean(_both_ways(_offsets, matrix, source_landmarks, target_landmarks, symmetric), axis=1)


@epipolar_loss.mistake("F belongs to (target, source): F p, with p of the target, is a line in the source, and p' lies on it.")
def the_wrong_way(target_landmarks, source_landmarks, source_from_target, camera, *, symmetric=False):
    matrix = fundamental(source_from_target, camera)
    return np.mean(_both_ways(_offsets, matrix, source_landmarks, target_landmarks, symmetric), axis=1)


@epipolar_loss.mistake("From one place a and b are 0, and a root has an infinite slope at 0: add (BASELINE / focal)^2 inside it.")
def no_baseline(target_landmarks, source_landmarks, source_from_target, camera, *, symmetric=False):
    matrix = fundamental(source_from_target, camera)
    offsets = lambda m, p, q: _offsets(m, p, q, floor=0.0)
    return np.mean(_both_ways(offsets, matrix, target_landmarks, source_landmarks, symmetric), axis=1)


@epipolar_loss.mistake("p'^T F p alone is no distance: divide by the length of the line's first two numbers.")
def not_a_distance(target_landmarks, source_landmarks, source_from_target, camera, *, symmetric=False):
    matrix = fundamental(source_from_target, camera)
    algebraic = lambda m, p, q: _offsets(m, p, q, floor=0.0) * _lengths(m, p)
    return np.mean(_both_ways(algebraic, matrix, target_landmarks, source_landmarks, symmetric), axis=1)


@epipolar_loss.mistake("A line a u + b v + c = 0 is steered by a and b; divide by the root of a^2 + b^2, without c.")
def divides_by_three(target_landmarks, source_landmarks, source_from_target, camera, *, symmetric=False):
    matrix = fundamental(source_from_target, camera)
    offsets = lambda m, p, q: _offsets(m, p, q, parts=3)
    return np.mean(_both_ways(offsets, matrix, target_landmarks, source_landmarks, symmetric), axis=1)


@epipolar_loss.mistake("symmetric=True asks for both directions: F^T turns places of the source into lines in the target.")
def one_way(target_landmarks, source_landmarks, source_from_target, camera, *, symmetric=False):
    matrix = fundamental(source_from_target, camera)
    return np.mean(_both_ways(_offsets, matrix, target_landmarks, source_landmarks, False), axis=1)


@epipolar_loss.mistake("symmetric=True asks for the mean of both directions, not for their sum.")
def both_added(target_landmarks, source_landmarks, source_from_target, camera, *, symmetric=False):
    matrix = fundamental(source_from_target, camera)
    both = np.mean(_both_ways(_offsets, matrix, target_landmarks, source_landmarks, symmetric), axis=1)
    return 2 * both if symmetric else both


@epipolar_loss.mistake("Back from the source to the target it is the transpose, F^T p': you took F in both directions.")
def same_matrix_back(target_landmarks, source_landmarks, source_from_target, camera, *, symmetric=False):
    matrix = fundamental(source_from_target, camera)
    there, back = (np.abs(_offsets(matrix, *pair)) for pair in (
        (target_landmarks, source_landmarks), (source_landmarks, target_landmarks)))
    return np.mean((there + back) / 2 if symmetric else there, axis=1)


@epipolar_loss.mistake("That is the first pair only: keep the letter b, 'bij,blj->bli', and take the mean over axis 1.")
def first_pair_only(target_landmarks, source_landmarks, source_from_target, camera, *, symmetric=False):
    matrix = fundamental(source_from_target, camera)
    return np.mean(_both_ways(_offsets, matrix, target_landmarks, source_landmarks, symmetric), axis=1)[0]
