"""Exercises of chapter 10: pixel_loss, depth_loss; epipolar_loss is in epipolar.py."""

from importlib import import_module

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.learning import losses as library
from mgcbook.tape import bare, value_and_grad

LEFT = np.zeros((1, 2, 4))
LEFT[..., :2] = 1.0
"""A map of 2 x 4 pixels, of which the left half is covisible."""
ALL, NONE = np.ones((1, 2, 4)), np.zeros((1, 2, 4))


def _slope(loss, array):
    """Derivative of the summed losses by one array."""
    return value_and_grad(lambda p: np.sum(loss(p["x"])))({"x": array})[1]["x"]


def _shown(losses):
    """Losses, -1 for NaN: nothing equals NaN, not even the same mistake."""
    return np.nan_to_num(np.asarray(losses, np.float64), nan=-1.0)


# ---------------------------------------------------------------- 10.1

pixel_loss = exercise("10.1", library.pixel_loss)

GREY = np.full((1, 2, 4, 3), 0.5)
OFF = GREY + np.array([0.36, 0.0, -0.48])  # 0.6 away from grey


def _away(left, right):
    """Grey, but so many times `OFF` away in the left and in the right half."""
    share = np.where(LEFT > 0, left, right)[..., None]
    return GREY + share * (OFF - GREY)


@pixel_loss.question("returns one number per item")
def _(loss):
    return np.shape(loss(np.repeat(OFF, 2, axis=0), np.repeat(GREY, 2, axis=0), np.repeat(ALL, 2, axis=0))), (2,)


@pixel_loss.question("equal pictures give 0")
def _(loss):
    return np.round(loss(GREY, GREY, ALL), 5), [0.0]


@pixel_loss.question("a colour that is off by (0.36, 0, -0.48) is off by its length, 0.6")
def _(loss):
    return np.round(loss(OFF, GREY, ALL), 5), [0.6]


@pixel_loss.question("the mean goes over the covisible pixels")
def _(loss):
    return np.round(loss(_away(1, 0), GREY, LEFT), 5), [0.6]


@pixel_loss.question("what is not covisible does not matter")
def _(loss):
    return np.round(loss(_away(1, 2), GREY, LEFT), 5), [0.6]


@pixel_loss.question("each pair of a batch has its own mean")
def _(loss):
    made, maps = np.concatenate([_away(1, 0), _away(2, 2)]), np.concatenate([LEFT, ALL])
    return np.round(loss(made, np.repeat(GREY, 2, axis=0), maps), 5), [0.6, 1.2]


@pixel_loss.question("with nothing covisible it is 0")
def _(loss):
    return _shown(loss(OFF, GREY, NONE)), [0.0]


@pixel_loss.question("where the pictures agree it has a finite slope")
def _(loss):
    return np.isfinite(_slope(lambda made: loss(made, GREY, ALL), GREY)), np.ones_like(GREY)


def _length(vectors, tiny=library.TINY):
    return np.sqrt(np.sum(vectors**2, axis=-1) + tiny)


def _mean(covisible, values):
    return np.sum(covisible * values, axis=(1, 2)) / np.maximum(np.sum(covisible, axis=(1, 2)), 1.0)


@pixel_loss.mistake("You take the mean of the three channels; the |.| of a colour is its length, the root of a sum of squares.")
def mean_of_channels(synthesized, target, covisible):
    return _mean(covisible, np.mean(np.abs(synthesized - target), axis=-1))


@pixel_loss.mistake("You add up the three channels; the |.| of a colour is its length, the root of a sum of squares.")
def sum_of_channels(synthesized, target, covisible):
    return _mean(covisible, np.sum(np.abs(synthesized - target), axis=-1))


@pixel_loss.mistake("The squares are there, the root is missing: Eq. 3 has |.|, not |.|^2.")
def squares(synthesized, target, covisible):
    return _mean(covisible, np.sum((synthesized - target) ** 2, axis=-1))


@pixel_loss.mistake("You divide by all pixels of the picture; Eq. 3 divides by |C|, the number of covisible ones.")
def all_pixels(synthesized, target, covisible):
    return np.mean(covisible * _length(synthesized - target), axis=(1, 2))


@pixel_loss.mistake("The covisible map does not weigh the differences: multiply them by it before you add them up.")
def forgets_the_map(synthesized, target, covisible):
    return np.sum(_length(synthesized - target), axis=(1, 2)) / np.maximum(np.sum(covisible, axis=(1, 2)), 1.0)


@pixel_loss.mistake("That is the mean over the whole batch, the same for every item: keep the first axis out of the sums.")
def one_for_all(synthesized, target, covisible):
    return np.full(len(target), np.sum(covisible * _length(synthesized - target)) / np.maximum(np.sum(covisible), 1.0))


@pixel_loss.mistake("Two views may have nothing in common, and 0 / 0 is NaN: let the number that you divide by be 1 at least.")
def nothing_in_common(synthesized, target, covisible):
    return np.sum(covisible * _length(synthesized - target), axis=(1, 2)) / np.sum(covisible, axis=(1, 2))


@pixel_loss.mistake("A root has an infinite slope at 0, and infinity times 0 is NaN: add something tiny, 1e-12, inside it.")
def bare_root(synthesized, target, covisible):
    return _mean(covisible, _length(synthesized - target, 0.0))


# ---------------------------------------------------------------- 10.2

depth_loss = exercise("10.2", library.depth_loss)

FAR = 1000.0 + np.array([[[0.0, 2.0, 4.0, 6.0], [6.0, 4.0, 2.0, 0.0]]])
"""Depths of a tilted face, in mm."""
BEHIND = np.where(LEFT > 0, FAR, 0.0)
"""The same, but the right half was read from the background."""


@depth_loss.question("returns one number per item")
def _(loss):
    return np.shape(loss(*(np.repeat(a, 2, axis=0) for a in (FAR, FAR, ALL)))), (2,)


@depth_loss.question("a source that is half as far away all over gives 0, by the ratio s of Eq. 4")
def _(loss):
    return np.round(loss(FAR / 2, FAR, ALL), 6), [0.0]


@depth_loss.question("s is a ratio of covisible depths only")
def _(loss):
    return np.round(loss(BEHIND, FAR, LEFT), 6), [0.0]


@depth_loss.question("the mean of |s D~ - D| goes over the covisible pixels")
def _(loss):
    wavy = FAR + np.array([1.0, -1.0, 50.0, 50.0])  # s is 1 for the left half
    return np.round(loss(wavy, FAR, LEFT), 6), [1.0]


@depth_loss.question("with reprojected=True there is no s: a source 3 mm too far gives 3")
def _(loss):
    return np.round(loss(FAR + 3, FAR, ALL, reprojected=True), 6), [3.0]


@depth_loss.question("each pair of a batch has its own s")
def _(loss):
    made = np.concatenate([FAR / 2, FAR / 4])
    return np.round(loss(made, np.repeat(FAR, 2, axis=0), np.repeat(ALL, 2, axis=0)), 6), [0.0, 0.0]


@depth_loss.question("with nothing covisible it is 0")
def _(loss):
    return _shown(loss(FAR, FAR, NONE)), [0.0]


@depth_loss.question("a larger source changes nothing, so the slope along it is 0")
def _(loss):
    wavy = FAR + np.array([1.0, -1.0, 2.0, 1.5])
    return np.round(np.sum(wavy * _slope(lambda made: loss(made, FAR, ALL), wavy)), 6), 0.0


def _ratio(above, below, covisible):
    total = lambda depth: np.sum(depth * covisible, axis=(1, 2))
    return (total(above) / np.maximum(total(below), 1.0))[:, None, None]


@depth_loss.mistake("The ratio is upside down: s brings the source's depths to the target's, sum of D over sum of D~.")
def upside_down(synthesized, expected, covisible, *, reprojected=False):
    scale = 1.0 if reprojected else _ratio(synthesized, expected, covisible)
    return _mean(covisible, np.abs(scale * synthesized - expected))


@depth_loss.mistake("The ratio s is missing: multiply the source's depths by it before you compare.")
def no_ratio(synthesized, expected, covisible, *, reprojected=False):
    return _mean(covisible, np.abs(synthesized - expected))


@depth_loss.mistake("Your s adds up all pixels; those that are not covisible may show the background, whose depth is 0.")
def ratio_of_all(synthesized, expected, covisible, *, reprojected=False):
    scale = 1.0 if reprojected else _ratio(expected, synthesized, np.ones_like(covisible))
    return _mean(covisible, np.abs(scale * synthesized - expected))


@depth_loss.mistake("Your differences keep their signs, and s makes them cancel: take the absolute value of each before you add.")
def signed(synthesized, expected, covisible, *, reprojected=False):
    scale = 1.0 if reprojected else _ratio(expected, synthesized, covisible)
    return _mean(covisible, scale * synthesized - expected)


@depth_loss.mistake("You divide by all pixels of the picture; Eq. 4 divides by |C|, the number of covisible ones.")
def depth_over_all_pixels(synthesized, expected, covisible, *, reprojected=False):
    scale = 1.0 if reprojected else _ratio(expected, synthesized, covisible)
    return np.mean(covisible * np.abs(scale * synthesized - expected), axis=(1, 2))


@depth_loss.mistake("With reprojected=True both depths belong to one camera: leave out s then.")
def always_a_ratio(synthesized, expected, covisible, *, reprojected=False):
    return _mean(covisible, np.abs(_ratio(expected, synthesized, covisible) * synthesized - expected))


@depth_loss.mistake("One s serves the whole batch; every pair needs its own, (B,) numbers as [:, None, None].")
def one_ratio(synthesized, expected, covisible, *, reprojected=False):
    scale = 1.0 if reprojected else np.sum(expected * covisible) / np.maximum(np.sum(synthesized * covisible), 1.0)
    return _mean(covisible, np.abs(scale * synthesized - expected))


@depth_loss.mistake("s has one number for each pair, (B,), and would line up with the columns: s[:, None, None].")
def ratio_without_axes(synthesized, expected, covisible, *, reprojected=False):
    scale = 1.0 if reprojected else _ratio(expected, synthesized, covisible)[:, 0, 0]
    return _mean(covisible, np.abs(scale * synthesized - expected))


@depth_loss.mistake("With nothing covisible s is 0 / 0, which is NaN: let both numbers that you divide by be 1 at least.")
def nothing_to_scale(synthesized, expected, covisible, *, reprojected=False):
    scale = np.sum(expected * covisible, axis=(1, 2)) / np.sum(synthesized * covisible, axis=(1, 2))
    synthesized = synthesized if reprojected else scale[:, None, None] * synthesized
    return _mean(covisible, np.abs(synthesized - expected))


@depth_loss.mistake("s depends on the depths, too: compute it with the watched array, or its part of the slope is lost.")
def constant_ratio(synthesized, expected, covisible, *, reprojected=False):
    scale = 1.0 if reprojected else _ratio(bare(expected), bare(synthesized), covisible)
    return _mean(covisible, np.abs(scale * synthesized - expected))


import_module("mgcbook.book.checks.epipolar")  # 10.3 comes after 10.2
