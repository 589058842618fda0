"""Exercises of chapter 02: divide, unbroadcast, steps_before."""

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.tape import Step, engine, rules

# ---------------------------------------------------------------- 2.1

divide = exercise("2.1", rules.divide)

X, Y, G = np.array([6.0, 1.0]), np.array([2.0, 4.0]), np.array([1.0, 10.0])


@divide.question("returns three things: the value, and one function for each argument")
def _(divide):
    value, to_x, to_y = divide(X, Y)
    return (callable(value), callable(to_x), callable(to_y)), (False, True, True)


@divide.question("the value is x / y")
def _(divide):
    return divide(X, Y)[0], (3.0, 0.25)


@divide.question("towards x: g / y")
def _(divide):
    return divide(X, Y)[1](G), (0.5, 2.5)


@divide.question("towards y: -g x / y^2")
def _(divide):
    return divide(X, Y)[2](G), (-1.5, -0.625)


@divide.question("g is not changed on the way")
def _(divide):
    g = G.copy()
    _, to_x, to_y = divide(X, Y)
    to_x(g), to_y(g)
    return g, G


@divide.mistake("More of y makes x / y smaller: the way towards y needs a minus sign.")
def forgets_minus(x, y):
    return x / y, lambda g: g / y, lambda g: g * x / (y * y)


@divide.mistake("Those are the derivatives themselves. A vjp multiplies the gradient g that arrives by them.")
def forgets_g(x, y):
    return x / y, lambda g: 1 / y, lambda g: -x / (y * y)


@divide.mistake("The derivative of x / y by y is -x / y^2: y must be squared.")
def forgets_square(x, y):
    return x / y, lambda g: g / y, lambda g: -g * x / y


@divide.mistake("The two ways are swapped: first the one towards x, then the one towards y.")
def swaps_ways(x, y):
    return x / y, lambda g: -g * x / (y * y), lambda g: g / y


@divide.mistake("The derivative of x / y by x is 1 / y: divide g by y, do not multiply.")
def multiplies(x, y):
    return x / y, lambda g: g * y, lambda g: -g * x / (y * y)


# ---------------------------------------------------------------- 2.2

unbroadcast = exercise("2.2", engine.unbroadcast)

TABLE = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@unbroadcast.question("what was not repeated comes back as it is")
def _(unbroadcast):
    return unbroadcast(TABLE, (2, 3)), TABLE


@unbroadcast.question("(3,) was repeated for two rows: the rows are added")
def _(unbroadcast):
    return unbroadcast(TABLE, (3,)), (5, 7, 9)


@unbroadcast.question("(2, 1) was repeated for three columns: the columns are added, and the axis of length one stays")
def _(unbroadcast):
    return unbroadcast(TABLE, (2, 1)), [[6], [15]]


@unbroadcast.question("a single number, of shape (), was used everywhere: everything is added")
def _(unbroadcast):
    return unbroadcast(TABLE, ()), 21


@unbroadcast.question("(3, 1) became (2, 3, 4): both at once")
def _(unbroadcast):
    g = np.arange(24.0).reshape(2, 3, 4)
    return unbroadcast(g, (3, 1)), g.sum(axis=(0, 2))[:, None]


def _repeated(g, shape):
    extra = g.ndim - len(shape)
    return tuple(i for i in range(g.ndim) if i < extra or shape[i - extra] == 1 < g.shape[i])


@unbroadcast.mistake("A number that was used three times counts three times: add the pieces, do not average them.")
def averages(g, shape):
    return g.mean(axis=_repeated(g, shape)).reshape(shape)


@unbroadcast.mistake("Those are the pieces for one of the copies only. Every copy sends one back: add them all.")
def takes_first(g, shape):
    repeated = _repeated(g, shape)
    return g[tuple(0 if i in repeated else slice(None) for i in range(g.ndim))].reshape(shape)


@unbroadcast.mistake("The axes in front are added, but an axis of length one was repeated too.")
def only_in_front(g, shape):
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


@unbroadcast.mistake("The axis of length one has got lost: reshape the sum to the shape that is asked for.")
def loses_axis(g, shape):
    return g.sum(axis=_repeated(g, shape))


@unbroadcast.mistake("Everything is added, also what was not repeated: only the axes along which the shapes differ.")
def adds_everything(g, shape):
    return np.broadcast_to(g.sum(), shape) if shape != g.shape else g


# ---------------------------------------------------------------- 2.3

steps_before = exercise("2.3", engine.steps_before)


def _tape(*inputs):
    """Steps made one after the other, each from earlier ones given by number; -> list."""
    steps = []
    for numbers in inputs:
        steps.append(Step((), [(steps[i], None) for i in numbers]))
    return steps


def _numbers(found, steps):
    return [steps.index(step) for step in found]


@steps_before.question("a loss that is itself the watched number: one step")
def _(steps_before):
    steps = _tape([])
    return _numbers(steps_before(steps[0]), steps), [0]


@steps_before.question("a chain of three: the newest first")
def _(steps_before):
    steps = _tape([], [0], [1])
    return _numbers(steps_before(steps[2]), steps), [2, 1, 0]


@steps_before.question("what the loss does not depend on is left out")
def _(steps_before):
    steps = _tape([], [0], [0], [1])
    return _numbers(steps_before(steps[3]), steps), [3, 1, 0]


@steps_before.question("a step that is used twice comes once, and after everything that used it")
def _(steps_before):
    steps = _tape([], [0], [1, 0], [1, 2], [3, 1])  # x, a = x^2, b = a x, c = a + b, loss = c a
    return _numbers(steps_before(steps[4]), steps), [4, 3, 2, 1, 0]


@steps_before.question("a long tape, 20,000 steps in a row")
def _(steps_before):
    steps = _tape([], *([i] for i in range(19_999)))
    return [step.time for step in steps_before(steps[-1])], [step.time for step in reversed(steps)]


def _walk(last):
    """All steps, in the order in which a walk from the loss meets them."""
    order, known = [last], {last}
    for step in order:
        for parent, _ in step.parents:
            if parent not in known:
                known.add(parent)
                order.append(parent)
    return order


@steps_before.mistake("That is the order of the walk. A step met early may be used by one met late: sort by time, newest first.")
def as_found(last):
    return _walk(last)


@steps_before.mistake("That is the order of the way forwards: backwards the newest step is the first.")
def oldest_first(last):
    return sorted(_walk(last), key=lambda step: step.time)


@steps_before.mistake("A step that is used twice is listed twice, and would be played twice: remember which you know already.")
def lists_twice(last):
    order = [last]
    for step in order:
        order += [parent for parent, _ in step.parents]
    return sorted(order, key=lambda step: -step.time)


@steps_before.mistake("A function that calls itself for each step stops at about 1000 of them: keep a list of steps to visit.")
def calls_itself(last):
    known = set()

    def visit(step):
        known.add(step)
        for parent, _ in step.parents:
            if parent not in known:
                visit(parent)

    visit(last)
    return sorted(known, key=lambda step: -step.time)


@steps_before.mistake("Those are the steps right before the loss. Go on to what they depend on, until nothing new is found.")
def only_parents(last):
    return [last, *(parent for parent, _ in last.parents)]
