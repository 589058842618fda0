"""Exercises of chapter 07: landmark_loss, regularisation, render_loss."""

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.learning import losses as library
from mgcbook.learning.losses import Weights
from mgcbook.tape import value_and_grad

TRUTH = np.random.default_rng(7).uniform(40, 180, (1, 68, 2))
COUNT = 68


def _off(*places, by=(3.0, 4.0)):
    """All landmarks right but for these; -> (1, 68, 2)."""
    moved = TRUTH.copy()
    moved[:, list(places)] += by
    return moved


# ---------------------------------------------------------------- 7.1

landmark_loss = exercise("7.1", library.landmark_loss)


@landmark_loss.question("returns one number per face")
def _(loss):
    return np.shape(loss(np.concatenate([TRUTH] * 3), np.concatenate([TRUTH] * 3))), (3,)


@landmark_loss.question("costs nothing where all landmarks are right")
def _(loss):
    return loss(TRUTH, TRUTH), [0.0]


@landmark_loss.question("one landmark of the eye off by (3, 4): 25 / 68")
def _(loss):
    return loss(_off(36), TRUTH), [25 / COUNT]


@landmark_loss.question("the tip of the nose off by (3, 4): ten times as much")
def _(loss):
    return loss(_off(30), TRUTH), [250 / COUNT]


@landmark_loss.question("so do the ends of nose and inner mouth, 27, 35, 60 and 67, but not their neighbours 26, 36 and 59")
def _(loss):
    return [loss(_off(place), TRUTH)[0] * COUNT / 25 for place in (26, 27, 35, 36, 59, 60, 67)], [1, 10, 10, 1, 1, 10, 10]


@landmark_loss.question("important=1 counts all landmarks alike")
def _(loss):
    return loss(_off(*range(COUNT)), TRUTH, important=1.0), [25.0]


@landmark_loss.question("each face of a batch has its own number")
def _(loss):
    return loss(np.concatenate([TRUTH, _off(0)]), np.concatenate([TRUTH, TRUTH])), [0, 25 / COUNT]


@landmark_loss.question("the tape can differentiate it")
def _(loss):
    return value_and_grad(lambda q: np.sum(loss(q, TRUTH)))(_off(0, 30))[1][0, [0, 30]] * COUNT, [(6, 8), (60, 80)]


def _confidence(important=10.0, nose=slice(27, 36), mouth=slice(60, 68)):
    c = np.ones(COUNT)
    c[nose] = c[mouth] = important
    return c


def _squares(predicted, truth):
    return np.sum((predicted - truth) ** 2, axis=-1)


@landmark_loss.mistake("That is a sum over the landmarks, as the paper prints it: 68 times as much. Take the mean.")
def sums(predicted, truth, important=10.0):
    return np.sum(_confidence(important) * _squares(predicted, truth), axis=-1)


@landmark_loss.mistake("Those are distances; the loss has their squares, so leave the root out.")
def distances(predicted, truth, important=10.0):
    return np.mean(_confidence(important) * np.sqrt(_squares(predicted, truth)), axis=-1)


@landmark_loss.mistake("That divides by 136 numbers; a landmark's square is the sum of those of x and y. Divide by 68.")
def mean_of_coordinates(predicted, truth, important=10.0):
    return np.mean(_confidence(important)[:, None] * (predicted - truth) ** 2, axis=(1, 2))


@landmark_loss.mistake("All landmarks count the same here: nose (27 to 35) and inner mouth (60 to 67) count `important` times.")
def forgets_confidence(predicted, truth, important=10.0):
    return np.mean(_squares(predicted, truth), axis=-1)


@landmark_loss.mistake("The inner mouth, 60 to 67, is as important as the nose.")
def nose_only(predicted, truth, important=10.0):
    return np.mean(_confidence(important, mouth=slice(0, 0)) * _squares(predicted, truth), axis=-1)


@landmark_loss.mistake("A slice ends before its last number: the nose is 27:36 and the inner mouth 60:68.")
def ends_too_early(predicted, truth, important=10.0):
    return np.mean(_confidence(important, slice(27, 35), slice(60, 67)) * _squares(predicted, truth), axis=-1)


@landmark_loss.mistake("Your 10 is fixed, but the argument `important` should say how much nose and inner mouth count.")
def ignores_important(predicted, truth, important=10.0):
    return np.mean(_confidence() * _squares(predicted, truth), axis=-1)


# ---------------------------------------------------------------- 7.2

regularisation = exercise("7.2", library.regularisation)

LENGTHS = dict(identity=4, expression=3, albedo=5, rotation=3, translation=3, light=27)


def _parts(count=1, **values):
    """Named coefficients of a small model, a constant for each part."""
    parts = {name: np.full((count, length), float(values.get(name, 0))) for name, length in LENGTHS.items()}
    parts["light"] = parts["light"].reshape(count, 3, 9)
    return parts


@regularisation.question("returns one number per face")
def _(loss):
    return np.shape(loss(_parts(5, identity=1))), (5,)


@regularisation.question("four numbers of identity, each 3: the sum of squares is 36")
def _(loss):
    return loss(_parts(identity=3)), [36.0]


@regularisation.question("three numbers of expression, each -2: 0.8 times 12; five of albedo, each 2: 0.003 times 20")
def _(loss):
    return np.concatenate([loss(_parts(expression=-2)), loss(_parts(albedo=2))]), (9.6, 0.06)


@regularisation.question("the mean face costs nothing, however it is turned and lit")
def _(loss):
    return loss(_parts(rotation=1, translation=30, light=0.2)), [0.0]


@regularisation.question("each face of a batch has its own number")
def _(loss):
    parts = _parts(2, identity=1)
    parts["identity"][1] = 3
    return loss(parts), (4, 36)


@regularisation.question("other weights give another sum")
def _(loss):
    return loss(_parts(identity=1, expression=1, albedo=1), Weights(reg_identity=10, reg_expression=1, reg_albedo=0.1)), [43.5]


@regularisation.question("the tape can differentiate it")
def _(loss):
    _, slope = value_and_grad(lambda p: np.sum(loss(p)))(_parts(identity=2, expression=1, albedo=1))
    return slope["identity"][0, 0], 4.0


def _weighted(parts, weights, measure):
    names = dict(identity=weights.reg_identity, expression=weights.reg_expression, albedo=weights.reg_albedo)
    return sum(weight * measure(parts[name]) for name, weight in names.items())


def _sum_of_squares(x):
    return np.sum(x**2, axis=-1)


@regularisation.mistake("That is a mean of squares; the paper takes their sum, so that longer lists weigh more.")
def means(parts, weights=library.PAPER_WEIGHTS):
    return _weighted(parts, weights, lambda x: np.mean(x**2, axis=-1))


@regularisation.mistake("Those are sizes, not squares: with the square, one large number costs more than many small ones.")
def sizes(parts, weights=library.PAPER_WEIGHTS):
    return _weighted(parts, weights, lambda x: np.sum(np.abs(x), axis=-1))


@regularisation.mistake("All three count 1 here: multiply by weights.reg_identity, reg_expression and reg_albedo.")
def unweighted(parts, weights=library.PAPER_WEIGHTS):
    return sum(_sum_of_squares(parts[name]) for name in ("identity", "expression", "albedo"))


@regularisation.mistake("Pose and light are no matter of likely faces: a face may be anywhere, in any light. Leave them out.")
def everything(parts, weights=library.PAPER_WEIGHTS):
    rest = sum(np.sum(np.reshape(parts[n], (len(parts[n]), -1)) ** 2, axis=-1) for n in ("rotation", "translation", "light"))
    return _weighted(parts, weights, _sum_of_squares) + rest


@regularisation.mistake("That adds up the whole batch, as MGCNet's program does: sum over the last axis only, axis=-1.")
def sums_the_batch(parts, weights=library.PAPER_WEIGHTS):
    count = len(parts["identity"])
    return np.ones(count) * _weighted(parts, weights, lambda x: np.sum(x**2))


@regularisation.mistake("The paper's three numbers stand in your formula: take them from `weights`, which may have others.")
def ignores_weights(parts, weights=library.PAPER_WEIGHTS):
    return _weighted(parts, library.PAPER_WEIGHTS, _sum_of_squares)


# ---------------------------------------------------------------- 7.3

render_loss = exercise("7.3", library.render_loss)

SIZE = (1, 4, 6)
PHOTO = np.full((*SIZE, 3), 0.2)
WRONG = PHOTO + np.array([0.3, 0.0, 0.4])  # 0.5 away
ONES = np.ones(SIZE)
LEFT = ONES * (np.arange(6) < 2)  # a mask of the left third


def _rounded(value):
    """Four digits: what small numbers are added to keep roots and fractions finite is everybody's own choice."""
    return np.round(np.asarray(value, np.float64), 4)


@render_loss.question("returns one number per picture")
def _(loss):
    return np.shape(loss(*(np.concatenate([part] * 3) for part in (WRONG, PHOTO, ONES, ONES)))), (3,)


@render_loss.question("equal pictures cost nothing")
def _(loss):
    return _rounded(loss(PHOTO, PHOTO, ONES, ONES) * 0.01), [0.0]


@render_loss.question("a colour that is off by (0.3, 0, 0.4) everywhere costs 0.5, its length")
def _(loss):
    return _rounded(loss(WRONG, PHOTO, ONES, ONES)), [0.5]


@render_loss.question("what is beside the drawn face does not count")
def _(loss):
    elsewhere = np.where(LEFT[..., None] > 0, PHOTO, WRONG)
    return _rounded(loss(elsewhere, PHOTO, LEFT, ONES) * 0.01), [0.0]


@render_loss.question("a face that fills a third of the picture and is wrong everywhere costs 0.5, too")
def _(loss):
    return _rounded(loss(WRONG, PHOTO, LEFT, ONES)), [0.5]


@render_loss.question("a third of the face is hair (skin 0.25) and wrong, the rest is skin and right: 0.5 times 2 / 18")
def _(loss):
    hair = np.where(LEFT > 0, 0.25, 1.0)
    return _rounded(loss(np.where(LEFT[..., None] > 0, WRONG, PHOTO), PHOTO, ONES, hair)), [0.0556]


@render_loss.question("if no face is in the picture, it is 0 and not 0 / 0")
def _(loss):
    return loss(WRONG, PHOTO, 0 * ONES, ONES), [0.0]


@render_loss.question("each picture of a batch has its own number")
def _(loss):
    photos, ones = (np.concatenate([part, part]) for part in (PHOTO, ONES))
    return _rounded(loss(np.concatenate([PHOTO + np.array([0.3, 0, 0]), WRONG]), photos, ones, ones)), (0.3, 0.5)


@render_loss.question("its slope is finite where the pictures agree")
def _(loss):
    return np.isfinite(value_and_grad(lambda image: np.sum(loss(image, PHOTO, ONES, ONES)))(PHOTO)[1]).all(), True


@render_loss.question("elsewhere it points away from the photograph")
def _(loss):
    slope = value_and_grad(lambda image: np.sum(loss(image, PHOTO, ONES, ONES)))(WRONG)[1]
    return _rounded(24 * slope[0, 0, 0]), (0.6, 0, 0.8)


def _apart(a, b, tiny=1e-12):
    return np.sqrt(np.sum((a - b) ** 2, axis=-1) + tiny)


def _mean(weight, values, floor=1e-6):
    return np.sum(weight * values, axis=(1, 2)) / (np.sum(weight, axis=(1, 2)) + floor)


@render_loss.mistake("Those are squares of lengths: a root is missing. Squares would let a few bad pixels rule.")
def squares(rendered, photo, mask, skin):
    return _mean(mask * skin, _apart(rendered, photo) ** 2)


@render_loss.mistake("That is the mean of the three channels' differences; |.| is the length of the difference of two colours.")
def channels(rendered, photo, mask, skin):
    return _mean(mask * skin, np.mean(np.abs(rendered - photo), axis=-1))


@render_loss.mistake("The pixels beside the face count, too: the weight of a pixel is mask * skin.")
def forgets_the_mask(rendered, photo, mask, skin):
    return _mean(skin, _apart(rendered, photo))


@render_loss.mistake("Hair counts like skin: the weight of a pixel is mask * skin.")
def forgets_the_skin(rendered, photo, mask, skin):
    return _mean(mask, _apart(rendered, photo))


@render_loss.mistake("That divides by the pixels of the face, as printed: hair makes it small. Divide by the sum of the weights.")
def divides_by_the_face(rendered, photo, mask, skin):
    return np.sum(mask * skin * _apart(rendered, photo), axis=(1, 2)) / (np.sum(mask, axis=(1, 2)) + 1e-6)


@render_loss.mistake("That divides by all pixels, so a small face seems well fitted: divide by the sum of the weights.")
def divides_by_the_picture(rendered, photo, mask, skin):
    return np.mean(mask * skin * _apart(rendered, photo), axis=(1, 2))


@render_loss.mistake("With an empty mask that is 0 / 0, and NaN ends a training: add 1e-6 to the sum below.")
def empty_mask(rendered, photo, mask, skin):
    return _mean(mask * skin, _apart(rendered, photo), floor=0.0)


@render_loss.mistake("The root has an infinite slope at 0, and infinity times 0 is NaN: add 1e-12 inside.")
def bare_root(rendered, photo, mask, skin):
    return _mean(mask * skin, _apart(rendered, photo, tiny=0.0))
