"""Exercises of chapter 14: nme, rigid_alignment, cumulative."""

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.data.protocols import tables
from mgcbook.face.camera import rotation_from_euler
from mgcbook.learning import metrics as library

# ---------------------------------------------------------------- 14.1

nme = exercise("14.1", library.nme)

RNG = np.random.default_rng(14)
BOX = np.concatenate([[[20.0, 30.0], [120.0, 94.0]], RNG.uniform([20, 30], [120, 94], (66, 2))])[None]
"""68 landmarks whose box is 100 wide and 64 high: the root of its area is 80."""


@nme.question("returns one number per picture")
def _(nme):
    return np.shape(nme(np.repeat(BOX, 3, axis=0), np.repeat(BOX, 3, axis=0))), (3,)


@nme.question("landmarks where they belong have no error")
def _(nme):
    return nme(BOX, BOX), [0.0]


@nme.question("all off by (12, 16) pixels is 20 pixels, a quarter of a box of 80")
def _(nme):
    return nme(BOX + np.array([12.0, 16.0]), BOX), [0.25]


@nme.question("the mean goes over distances, not over their squares")
def _(nme):
    half = np.where(np.arange(68) % 2, 24.0, 0.0)[:, None] * [0.0, 1.0]
    return nme(BOX + half, BOX), [0.15]


@nme.question("the box is that of the true landmarks")
def _(nme):
    grown = BOX.copy()
    grown[0, 1] += [80.0, 60.0]
    return nme(grown, BOX), [100 / 68 / 80]


@nme.question("each picture has its own box")
def _(nme):
    truth = np.concatenate([BOX, 2 * BOX])
    return nme(truth + np.array([12.0, 16.0]), truth), [0.25, 0.125]


def _box(truth):
    return np.ptp(truth, axis=1).T


def _distances(landmarks, truth):
    return np.linalg.norm(landmarks - truth, axis=-1)


@nme.mistake("You divide by the area of the box, not by its root, or by its length and width one after the other.")
def by_the_area(landmarks, truth):
    width, height = _box(truth)
    return _distances(landmarks, truth).mean(axis=1) / (width * height)


@nme.mistake("You divide by the diagonal of the box; here it is the root of its area, sqrt(w h).")
def by_the_diagonal(landmarks, truth):
    return _distances(landmarks, truth).mean(axis=1) / np.hypot(*_box(truth))


@nme.mistake("You divide by the larger side of the box; here it is the root of its area, sqrt(w h).")
def by_the_larger_side(landmarks, truth):
    return _distances(landmarks, truth).mean(axis=1) / np.max(_box(truth), axis=0)


@nme.mistake("The two coordinates are averaged one by one; the distance of two points is the length of their difference.")
def by_coordinate(landmarks, truth):
    width, height = _box(truth)
    return np.abs(landmarks - truth).mean(axis=(1, 2)) / np.sqrt(width * height)


@nme.mistake("That is a root mean square, which counts large errors more; take the mean of the distances.")
def root_mean_square(landmarks, truth):
    width, height = _box(truth)
    return np.sqrt((_distances(landmarks, truth) ** 2).mean(axis=1)) / np.sqrt(width * height)


@nme.mistake("The box must be that of the true landmarks: else a wild guess is divided by its own wild box.")
def box_of_the_guess(landmarks, truth):
    width, height = _box(landmarks)
    return _distances(landmarks, truth).mean(axis=1) / np.sqrt(width * height)


@nme.mistake("Leave the number as it is; times 100 comes later, when it is printed in %.")
def in_percent(landmarks, truth):
    return 100 * library.nme(landmarks, truth)


@nme.mistake("One box serves all pictures: take the extent along the axis of the landmarks, 1, of each.")
def one_box(landmarks, truth):
    width, height = np.ptp(truth.reshape(-1, 2), axis=0)
    return _distances(landmarks, truth).mean(axis=1) / np.sqrt(width * height)


# ---------------------------------------------------------------- 14.2

rigid_alignment = exercise("14.2", library.rigid_alignment)

CLOUD = RNG.normal(0, [40.0, 60.0, 30.0], (1, 30, 3)) + np.array([5.0, -7.0, 11.0])
NOISE = RNG.normal(0, 20.0, CLOUD.shape)
TURN = rotation_from_euler(np.array([[0.4, -0.7, 0.2]]))
SHIFT = np.array([[[100.0, -20.0, 900.0]]])
MOVED = CLOUD @ TURN.swapaxes(1, 2) + SHIFT


@rigid_alignment.question("returns rotation (B, 3, 3), translation (B, 3) and scale (B,)")
def _(align):
    rotation, translation, scale = align(np.repeat(CLOUD, 2, axis=0), np.repeat(MOVED, 2, axis=0))
    return (np.shape(rotation), np.shape(translation), np.shape(scale)), ((2, 3, 3), (2, 3), (2,))


@rigid_alignment.question("points that lie right stay where they are")
def _(align):
    return tuple(align(CLOUD, CLOUD)), (np.eye(3), np.zeros(3), 1.0)


@rigid_alignment.question("it finds the turn: target = R points + t, points as columns")
def _(align):
    return align(CLOUD, MOVED)[0], TURN


@rigid_alignment.question("and the shift, after the turn")
def _(align):
    return align(CLOUD, MOVED)[1], SHIFT[0]


@rigid_alignment.question("without with_scale a target of twice the size is matched by the unscaled points")
def _(align):
    rotation, translation, scale = align(CLOUD, 2 * MOVED)
    middle = np.mean(np.asarray(scale)[:, None, None] * (CLOUD @ np.swapaxes(rotation, 1, 2)) + translation[:, None], axis=1)
    return (rotation, scale, middle), (TURN, [1.0], 2 * MOVED.mean(axis=1))


@rigid_alignment.question("with it, the scale is found as well")
def _(align):
    rotation, translation, scale = align(CLOUD, 2 * MOVED, with_scale=True)
    return (rotation, translation, scale), (TURN, 2 * SHIFT[0], [2.0])


@rigid_alignment.question("the scale is the one of least squares, also where nothing fits exactly")
def _(align):
    found = align(CLOUD, CLOUD + NOISE, with_scale=True)
    return tuple(found), tuple(library.rigid_alignment(CLOUD, CLOUD + NOISE, with_scale=True))


@rigid_alignment.question("it never answers with a mirror image")
def _(align):
    return np.linalg.det(align(CLOUD, CLOUD * [-1.0, 1.0, 1.0])[0]), [1.0]


@rigid_alignment.question("each pair of a batch has its own")
def _(align):
    found = align(np.concatenate([CLOUD, CLOUD]), np.concatenate([MOVED, CLOUD]))[0]
    return found, np.concatenate([TURN, np.eye(3)[None]])


def _align(points, target, with_scale, *, mirror=False, back=False, ratio=False, centre=True, shared=False):
    """The right answer, or one that goes wrong in the way that is asked for."""
    middle, target_middle = (np.mean(a, axis=1, keepdims=True) * centre for a in (points, target))
    p, q = points - middle, target - target_middle
    product = np.swapaxes(q, 1, 2) @ p
    u, strength, vt = np.linalg.svd(np.repeat(product[:1], len(product), axis=0) if shared else product)
    sign = np.ones_like(strength)
    sign[:, 2] = 1.0 if mirror else np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    spread = np.sum(p**2, axis=(1, 2))
    scale = np.sqrt(np.sum(q**2, axis=(1, 2)) / spread) if ratio else np.sum(strength * sign, axis=1) / spread
    scale = scale if with_scale else np.ones(len(points))
    rotation = np.swapaxes(rotation, 1, 2) if back else rotation
    turned = (rotation @ np.swapaxes(middle, 1, 2))[..., 0]
    return library.Alignment(rotation, target_middle[:, 0] - scale[:, None] * turned, scale)


@rigid_alignment.mistake("That is the way back, the transposed rotation: mind which side of the product the target is on.")
def the_way_back(points, target, *, with_scale=False):
    return _align(points, target, with_scale, back=True)


@rigid_alignment.mistake("Take the middles away before you look for the turn; a far-away middle drowns the shape.")
def not_centred(points, target, *, with_scale=False):
    found = _align(points, target, with_scale, centre=False)
    right = library.rigid_alignment(points, target, with_scale=with_scale)
    return found._replace(scale=right.scale)


@rigid_alignment.mistake("The shift is not the difference of the middles: the turn has moved the points' middle before.")
def shift_of_the_middles(points, target, *, with_scale=False):
    found = _align(points, target, with_scale)
    return found._replace(translation=target.mean(axis=1) - points.mean(axis=1))


@rigid_alignment.mistake("You scale always; a rigid alignment has the scale 1 unless with_scale=True asks for more.")
def always_scales(points, target, *, with_scale=False):
    return _align(points, target, True)


@rigid_alignment.mistake("The scale is missing: with_scale=True asks for it.")
def never_scales(points, target, *, with_scale=False):
    return _align(points, target, False)


@rigid_alignment.mistake("The shift forgets the scale: t = target's middle - scale * R * points' middle.")
def shift_without_scale(points, target, *, with_scale=False):
    found = _align(points, target, with_scale)
    turned = (found.rotation @ points.mean(axis=1)[..., None])[..., 0]
    return found._replace(translation=target.mean(axis=1) - turned)


@rigid_alignment.mistake("A ratio of sizes is too large where shapes differ: least squares give sum(singular values) / sum p^2.")
def ratio_of_sizes(points, target, *, with_scale=False):
    return _align(points, target, with_scale, ratio=True)


@rigid_alignment.mistake("A mirror image fits better, but faces cannot be mirrored: flip the last axis where det(U V^T) is -1.")
def mirrors(points, target, *, with_scale=False):
    return _align(points, target, with_scale, mirror=True)


@rigid_alignment.mistake("All items got the turn of the first one: keep the batch axis in the product and the SVD.")
def turn_of_the_first(points, target, *, with_scale=False):
    return _align(points, target, with_scale, shared=True)


# ---------------------------------------------------------------- 14.3

cumulative = exercise("14.3", tables.cumulative)

ERRORS = np.array([3.0, 1.0, 4.0, 1.0, 5.0])


@cumulative.question("returns one number per limit")
def _(cumulative):
    return np.shape(cumulative(ERRORS, np.linspace(0, 6, 7))), (7,)


@cumulative.question("no error is below 0.5, and all are below 6")
def _(cumulative):
    return cumulative(ERRORS, np.array([0.5, 6.0])), [0.0, 1.0]


@cumulative.question("two of five are below 2, three below 3.5")
def _(cumulative):
    return cumulative(ERRORS, np.array([2.0, 3.5])), [0.4, 0.6]


@cumulative.question("an error equal to the limit counts")
def _(cumulative):
    return cumulative(ERRORS, np.array([1.0, 3.0])), [0.4, 0.6]


@cumulative.question("limits may come in any order")
def _(cumulative):
    return cumulative(ERRORS, np.array([4.5, 0.0, 2.0])), [0.8, 0.0, 0.4]


@cumulative.mistake("You count; divide by how many errors there are.")
def counts(errors, limits):
    return np.sum(np.asarray(errors)[:, None] <= limits, axis=0)


@cumulative.mistake("That is the part above each limit; the curve rises from 0 to 1.")
def above(errors, limits):
    return np.mean(np.asarray(errors)[:, None] > limits, axis=0)


@cumulative.mistake("Leave the number as it is, from 0 to 1; times 100 comes later, when it is drawn in %.")
def percent(errors, limits):
    return 100 * np.mean(np.asarray(errors)[:, None] <= limits, axis=0)


@cumulative.mistake("`np.searchsorted` needs errors in rising order: sort them first.")
def unsorted(errors, limits):
    return np.searchsorted(np.asarray(errors), limits, side="right") / len(errors)


@cumulative.mistake("An error equal to the limit is not above it: compare with <=, or search with side='right'.")
def strictly_below(errors, limits):
    return np.mean(np.asarray(errors)[:, None] < limits, axis=0)


@cumulative.mistake("The answers belong to the limits in the order in which they came; you have sorted them.")
def sorts_limits(errors, limits):
    return np.mean(np.asarray(errors)[:, None] <= np.sort(limits), axis=0)
