"""Exercises of chapter 12: gated_mean, pivot_shift, cosine_schedule."""

import math

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.face import camera
from mgcbook.learning import losses, optim
from mgcbook.tape import value_and_grad

# ---------------------------------------------------------------- 12.1

gated_mean = exercise("12.1", losses.gated_mean)

ERRORS = np.array([1.0, 4.0, 7.0])


@gated_mean.question("if the loss is for all items, it is their mean: of 1, 4 and 7 it is 4")
def _(gated_mean):
    return gated_mean(ERRORS, np.ones(3)), 4.0


@gated_mean.question("if it is for the first two only, it is the mean of those, 2.5")
def _(gated_mean):
    return gated_mean(ERRORS, np.array([1.0, 1, 0])), 2.5


@gated_mean.question("if it is for none, it is 0")
def _(gated_mean):
    return gated_mean(ERRORS, np.zeros(3)), 0.0


@gated_mean.question("an item that it is not for gets no gradient")
def _(gated_mean):
    return value_and_grad(gated_mean)(ERRORS, np.array([1.0, 1, 0]))[1], (0.5, 0.5, 0.0)


@gated_mean.question("and if it is for none, all gradients are 0")
def _(gated_mean):
    return value_and_grad(gated_mean)(ERRORS, np.zeros(3))[1], (0.0, 0.0, 0.0)


@gated_mean.mistake("Divided by all items, the loss gets weaker the more single photographs are in the batch: divide by the "
                    "number of those that count.")  # fmt: skip
def divides_by_all(errors, gate):
    return np.sum(errors * gate) / errors.shape[0]


@gated_mean.mistake("That is a sum, so its weight grows with the batch. Divide by the number of items that count.")
def sums(errors, gate):
    return np.sum(errors * gate)


@gated_mean.mistake("Mean of errors times mean of gates: the items that must not count do count. That is one of the two forms in "
                    "MGCNet's code. Multiply item by item, before the sum.")  # fmt: skip
def mean_times_mean(errors, gate):
    return np.mean(errors) * np.mean(gate)


@gated_mean.mistake("One open gate lets all items in: that is the other form in MGCNet's code. Multiply item by item.")
def any_opens_all(errors, gate):
    return np.mean(errors) if gate.any() else np.sum(errors * gate)


@gated_mean.mistake("Where no item counts, that is 0 / 0: divide by the largest of their number and 1.")
def zero_by_zero(errors, gate):
    return np.sum(errors * gate) / np.sum(gate)


@gated_mean.mistake("A loss that is a plain number has no gradient, and the tape finds nothing that is watched: leave the empty "
                    "case to np.maximum(np.sum(gate), 1).")  # fmt: skip
def plain_zero(errors, gate):
    return np.sum(errors * gate) / np.sum(gate) if gate.any() else 0.0


# ---------------------------------------------------------------- 12.2

pivot_shift = exercise("12.2", camera.pivot_shift)

MAIN = np.array([np.pi, 0.0, 0.0]), np.array([1.0, 2.0, 900.0])
PIVOT = np.array([0.0, 10.0, 80.0])


def _rotations(*angles):
    return camera.rotation_from_euler(np.array(angles) + np.array([np.pi, 0, 0]))


@pivot_shift.question("one shift in mm for each face")
def _(pivot_shift):
    return np.shape(pivot_shift(_rotations((0.1, 0, 0), (0, 0.2, 0)), MAIN, PIVOT)), (2, 3)


@pivot_shift.question("in the main pose nothing is shifted")
def _(pivot_shift):
    return pivot_shift(_rotations((0.0, 0, 0)), MAIN, PIVOT), np.zeros((1, 3))


@pivot_shift.question("half a turn to the side takes a point 80 mm before the origin to 80 mm behind it: move 160 mm nearer")
def _(pivot_shift):
    return pivot_shift(_rotations((0.0, np.pi, 0)), MAIN, PIVOT), [[0.0, 0, -160]]


@pivot_shift.question("whatever the turn, with the shift the pivot is where the main pose has it")
def _(pivot_shift):
    rotation = _rotations((0.3, -0.6, 0.1), (-0.2, 0.5, 0.4))
    moved = rotation @ PIVOT + MAIN[1] + pivot_shift(rotation, MAIN, PIVOT)
    return moved, np.tile(np.diag([1, -1, -1]) @ PIVOT + MAIN[1], (2, 1))


@pivot_shift.question("the tape can differentiate it")
def _(pivot_shift):
    slope = lambda f: value_and_grad(lambda r: np.sum(f(r, MAIN, PIVOT)))(_rotations((0.3, -0.6, 0.1)))[1]
    return slope(pivot_shift), slope(camera.pivot_shift)


def _at_rest(main, pivot):
    return camera.rotation_from_euler(np.asarray(main[0])[None])[0] @ pivot


def _times(rotation, pivot):
    return np.sum(rotation * pivot, axis=-1)


@pivot_shift.mistake("The other way round: the point was carried from R_main p to R p, so it must be brought back by the "
                     "difference, R_main p - R p.")  # fmt: skip
def other_way(rotation, main, pivot):
    return _times(rotation, pivot) - _at_rest(main, pivot)


@pivot_shift.mistake("In the main pose the face is turned already, by half a turn about x: the pivot is at R_main p, not at p.")
def forgets_main(rotation, main, pivot):
    return pivot - _times(rotation, pivot)


@pivot_shift.mistake("That is the turn backwards: R p in rows is np.einsum('bij,j->bi', R, p).")
def transposed(rotation, main, pivot):
    return _at_rest(main, pivot) - _times(np.swapaxes(rotation, -1, -2), pivot)


@pivot_shift.mistake("The translation of the main pose is in there too. The caller adds it: only the difference is asked for.")
def adds_translation(rotation, main, pivot):
    return _at_rest(main, pivot) - _times(rotation, pivot) + main[1]


@pivot_shift.mistake("Only R p is taken off; the place where the pivot should be, R_main p, is missing.")
def forgets_rest(rotation, main, pivot):
    return -_times(rotation, pivot)


@pivot_shift.mistake("All faces got the shift of the first one: keep the axis of the batch.")
def first_face_only(rotation, main, pivot):
    shift = _at_rest(main, pivot) - _times(rotation, pivot)[:1]
    return shift + np.zeros((rotation.shape[0], 1))


# ---------------------------------------------------------------- 12.3

cosine_schedule = exercise("12.3", optim.cosine_schedule)


def _rates(schedule, steps, **settings):
    return [schedule(step, rate=0.2, steps=100, **settings) for step in steps]


@cosine_schedule.question("it begins with the full rate")
def _(schedule):
    return _rates(schedule, [0]), [0.2]


@cosine_schedule.question("half-way it is half of it")
def _(schedule):
    return _rates(schedule, [50]), [0.1]


@cosine_schedule.question("at a quarter it has fallen little: (1 + cos 45 degrees) / 2")
def _(schedule):
    return _rates(schedule, [25]), [0.2 * (1 + math.sqrt(0.5)) / 2]


@cosine_schedule.question("at the end it is 0, and stays so")
def _(schedule):
    return _rates(schedule, [100, 150, 200]), [0.0, 0, 0]


@cosine_schedule.question("or `last`, if that is given")
def _(schedule):
    return _rates(schedule, [0, 50, 100, 300], last=0.1), [0.2, 0.15, 0.1, 0.1]


@cosine_schedule.question("with warmup=4 it rises first: a quarter, a half, three quarters, all of the rate")
def _(schedule):
    return _rates(schedule, [0, 1, 2, 3], warmup=4), [0.05, 0.1, 0.15, 0.2]


@cosine_schedule.question("and falls in the steps that are left: half-way between step 20 and step 100 it is half")
def _(schedule):
    return _rates(schedule, [20, 60, 100], warmup=20), [0.2, 0.1, 0.0]


def _cosine(step, rate, steps, last, warmup, *, wave=lambda done: 0.5 * (1 + math.cos(math.pi * done)), stops=True, first=1,
            begins=True, floor=True):  # fmt: skip
    """The schedule with one thing done another way."""
    if step < warmup:
        return rate * (step + first) / warmup
    done = (step - warmup) / max(1, steps - warmup) if begins else step / steps
    low = last if floor else 0.0
    return low + (rate - low) * wave(min(1.0, done) if stops else done)


@cosine_schedule.mistake("A straight line: half of a cosine is flat at both ends, (1 + cos(pi done)) / 2.")
def straight(step, *, rate, steps, last=0.0, warmup=0):
    return _cosine(step, rate, steps, last, warmup, wave=lambda done: 1 - done)


@cosine_schedule.mistake("cos(done) with done from 0 to 1 falls to 0.54 only: half a turn is pi.")
def forgets_pi(step, *, rate, steps, last=0.0, warmup=0):
    return _cosine(step, rate, steps, last, warmup, wave=lambda done: 0.5 * (1 + math.cos(done)))


@cosine_schedule.mistake("A quarter of a turn, cos(pi done / 2), is still steep at the end: take half a turn, raised by 1 and "
                         "halved.")  # fmt: skip
def quarter(step, *, rate, steps, last=0.0, warmup=0):
    return _cosine(step, rate, steps, last, warmup, wave=lambda done: math.cos(math.pi / 2 * done))


@cosine_schedule.mistake("After the last step the cosine rises again: let `done` stop at 1.")
def rises_again(step, *, rate, steps, last=0.0, warmup=0):
    return _cosine(step, rate, steps, last, warmup, stops=False)


@cosine_schedule.mistake("The rate should end at `last`, not at 0: last + (rate - last) ...")
def ignores_last(step, *, rate, steps, last=0.0, warmup=0):
    return _cosine(step, rate, steps, last, warmup, floor=False)


@cosine_schedule.mistake("The first step is made with rate 0 and wasted: (step + 1) / warmup.")
def wastes_a_step(step, *, rate, steps, last=0.0, warmup=0):
    return _cosine(step, rate, steps, last, warmup, first=0)


@cosine_schedule.mistake("The cosine should begin when the rise has ended: (step - warmup) / (steps - warmup).")
def begins_too_early(step, *, rate, steps, last=0.0, warmup=0):
    return _cosine(step, rate, steps, last, warmup, begins=False)
