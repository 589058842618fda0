# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 2 · A tape for gradients
#
# To learn is to change numbers so that one number, the loss, becomes smaller.
# Which way must each of them be changed? In this chapter we build a program
# that answers for any formula, in the time of a few evaluations: about sixty
# lines, and they are the whole engine of this book.
#
# You need NumPy and the chain rule.

# %% tags=["parameters"]
import os

FAST = os.environ.get("MGCBOOK_FAST") == "1"
steps = 20 if FAST else 400  # of the descent
frames = 3 if FAST else 13  # pictures kept for readers without a kernel

# %%
import itertools
import time
import weakref

import autograd  # HIPS autograd, an independent engine: our judge
import numpy as np

from mgcbook import tape as library
from mgcbook.book import figures
from mgcbook.book.exercises import check, solution
from mgcbook.book.sketches import tape as sketches
from mgcbook.book.widgets import slider, strip
from mgcbook.data import builtin, sample_photo
from mgcbook.data.align import align, alignment_template
from mgcbook.face.camera import pixel_grid
from mgcbook.learning.optim import adam, init_adam
from mgcbook.tape import oracle  # lets HIPS autograd look into np.

# %% [markdown]
# ## A hundred spots learn a face
#
# A hundred spots of colour on a canvas: each has a place $u, v$, a size and a
# colour, six numbers. They start anywhere, in grey. All they are told is how
# different the canvas is from a photograph.

# %% tags=["hide-input"]
sample = sample_photo.load()
template = alignment_template(builtin.load("light"))
aligned = align(sample.image, sample.landmarks, template).image
photo = aligned.reshape(32, 7, 32, 7, 3).mean(axis=(1, 3)).astype(np.float64)
grid = pixel_grid(32, 32)

rng = np.random.default_rng(2)
start = {  # S spots; the ones are there to meet the rows and columns
    "u": rng.uniform(2, 30, (100, 1, 1)),
    "v": rng.uniform(2, 30, (100, 1, 1)),
    "size": rng.uniform(2, 3, (100, 1, 1)),
    "color": np.full((100, 3), 0.2),
}

# %%
def canvas(spots, grid=grid):
    """The sum of all spots, each a bell; -> (H, W, 3)."""
    right = (grid[..., 0] - spots["u"]) / spots["size"]
    down = (grid[..., 1] - spots["v"]) / spots["size"]
    weight = np.exp(-(right * right + down * down))  # (S, H, W)
    return np.einsum("shw,sc->hwc", weight, spots["color"])


def difference(spots):
    """Mean square difference from the photograph: the loss."""
    error = canvas(spots) - photo
    return np.mean(error * error)

# %%
def descend(value_and_grad, count):
    """Walk downhill; -> the spots before each step, and the losses."""
    spots, state = start, init_adam(start)
    path, losses = [spots], []
    for _ in range(count):
        loss, gradient = value_and_grad(difference)(spots)
        spots, state = adam(spots, gradient, state, rate=0.1)
        path.append(spots)
        losses.append(loss)
    return path, losses


path, losses = descend(library.value_and_grad, steps)
fine = (pixel_grid(224, 224)) / 7  # the formula has no pixels: draw it finely


def after(step):
    """The canvas after this many steps; -> (H, W, 3)."""
    return canvas(path[round(step)], fine)


strip(after, step=(0, steps // 20, steps // 5, steps), unit=" steps")

# %%
slider(
    after,
    step=(0, steps),
    unit=" steps",
    frames=frames,
    alt="a hundred spots of colour, after so many steps more and more a face",
)

# %%
print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} at last")
assert losses[-1] < losses[0] / 3
values = sum(array.size for array in start.values())
print(f"{values} numbers were changed in each of {steps} steps")
assert values == 600

# %% [markdown]
# `adam` (chapter 11) takes a step downhill once it knows the slope along each
# of the 600 numbers. The slopes came from `value_and_grad`. Where does *it*
# get them?

# %% [markdown]
# ## Asking by trying
#
# The slope along one number can be found by trying: change it a little to
# either side and look at the loss.
#
# $$\frac{\partial L}{\partial x} \approx \frac{L(x + h) - L(x - h)}{2h}$$
#
# How little is a little? Too large, and the curve bends; too small, and the
# last digits are lost in the subtraction. The best is in between, and even
# there some ten digits are all one gets:

# %%
loss, gradient = library.value_and_grad(difference)(start)
right = gradient["u"][7, 0, 0]


def changed(h):
    u = start["u"].copy()
    u[7] += h
    return difference({**start, "u": u})


sizes = 10.0 ** np.arange(-12, 0.1, 0.5)
central = [(changed(h) - changed(-h)) / (2 * h) for h in sizes]
one_sided = [(changed(h) - loss) / h for h in sizes]
errors = [np.abs(np.array(s) / right - 1) for s in (one_sided, central)]
print(f"best: one-sided {errors[0].min():.0e}, central {errors[1].min():.0e}")
assert errors[1].min() < 1e-8 < errors[0].min() * 10
sketches.differences(sizes, *errors)

# %% [markdown]
# Good enough to judge by. But it takes two evaluations for each number, and
# the network of chapter 13 has millions of them. The tape takes a few
# evaluations for *all*:

# %%
def seconds(function):
    """The shortest of some calls, for the machine has other things to do."""
    times = []
    for _ in range(7):
        begin = time.perf_counter()
        function(start)
        times.append(time.perf_counter() - begin)
    return min(times)


once = seconds(difference)
everything = seconds(library.value_and_grad(difference))
print(f"by trying: {2 * values} times as long as one evaluation;",
      "by the tape: less than 30 times")
assert everything < 30 * once  # about 5 where this was written

# %% [markdown]
# ## The chain rule, backwards
#
# Look at a small formula, one step at a time: $a = x^2$, $b = a\,x$,
# $c = a + b$, $L = c\,a$, at $x = 2$.

# %%
x = 2.0
a = x * x
b = a * x
c = a + b
L = c * a
numbers = dict(x=x, a=a, b=b, c=c, L=L)
sketches.small_tape(numbers)

# %% [markdown]
# Now ask backwards: by how much does $L$ change if a step's result changes by
# one? For $L$ itself, 1. From there, each step hands the answer on to its
# inputs, times its own derivative. Write $\bar a$ for $\partial L / \partial
# a$; where several arrows arrive, the pieces add up:
#
# $$\bar x = \sum_{\text{steps } y \text{ that used } x}
# \bar y\,\frac{\partial y}{\partial x}$$

# %%
L_ = 1.0
c_ = L_ * a  # from L = c a
b_ = c_  # from c = a + b
a_ = L_ * c + c_ + b_ * x  # from L = c a, c = a + b and b = a x
x_ = b_ * a + a_ * 2 * x  # from b = a x and a = x^2
slopes = dict(x=x_, a=a_, b=b_, c=c_, L=L_)

assert L == x**4 + x**5  # the same on paper,
assert x_ == 4 * x**3 + 5 * x**4 == 112  # and its derivative
sketches.small_tape(numbers, slopes)

# %% [markdown]
# Each line looks at one step only; no formula for the whole ever appeared. And
# the arrows were walked **once**, however many inputs there are. That is all
# there is to it, and a program can do it: write down the steps on the way
# there (the *tape*), and play them backwards.

# %% [markdown]
# ## A rule for each function
#
# What must be written down? For each step and each input, a function that
# turns the gradient of the result into that of the input. It is called a
# **vjp** (vector-Jacobian product). For arrays it does the same for every
# entry. A *rule* computes the value and, on the same line, gives the vjps:

# %%
rules = {}  # NumPy function -> its rule


def derivative_of(function):
    """Decorator: the rule of this NumPy function."""

    def register(rule):
        rules[function] = rule
        return rule

    return register


@derivative_of(np.multiply)
def multiply(x, y):
    return x * y, lambda g: g * y, lambda g: g * x


@derivative_of(np.exp)
def exp(x):
    y = np.exp(x)
    return y, lambda g: g * y  # keeps y, not x

# %%
derivative_of(np.add)(lambda x, y: (x + y, lambda g: g, lambda g: g))
derivative_of(np.subtract)(lambda x, y: (x - y, lambda g: g, lambda g: -g))
derivative_of(np.negative)(lambda x: (-x, lambda g: -g))


@derivative_of(np.mean)
def mean(x):
    size, shape = x.size, x.shape  # not x: it need not be kept
    return np.mean(x), lambda g: np.broadcast_to(g / size, shape)


@derivative_of(np.einsum)
def einsum(letters, x, y):
    of_x, of_y, out = letters.replace("->", ",").split(",")
    return (
        np.einsum(letters, x, y),
        None,  # the letters have no derivative
        lambda g: np.einsum(f"{out},{of_y}->{of_x}", g, y),
        lambda g: np.einsum(f"{out},{of_x}->{of_y}", g, x),
    )

# %% [markdown]
# The last rule is worth a look: to differentiate an `einsum`, exchange letters.
#
# **Exercise 2.1** (5 minutes). Write the rule of $x / y$: the value, the way
# towards $x$ and the way towards $y$. `solution("2.1")` shows the book's.

# %% tags=["exercise"]
def divide(x, y):
    """x / y and its two vjps; arrays -> (value, vjp, vjp)."""
    ...

# %%
check("2.1", divide)

# %% [markdown]
# From here on the book's own version is used, so you can read on either way.

# %%
from mgcbook.tape.rules import divide

derivative_of(np.divide)(divide);

# %% [markdown]
# ## The tape
#
# A `Step` says when it happened and where its inputs came from. A `Tensor` is
# an array that is being watched: the bare array, and the step that made it.

# %%
clock = itertools.count()


class Step:
    """When, of what shape, and (step, vjp) for each watched input."""

    def __init__(self, shape, parents=()):
        self.time, self.shape, self.parents = next(clock), shape, parents


class Tensor(np.lib.mixins.NDArrayOperatorsMixin):  # + - * / call NumPy
    """A watched array."""

    def __init__(self, value, step=None):
        self.value, self.step = value, step or Step(value.shape)

    def __array_ufunc__(self, function, method, *args, **kwargs):
        return record(function, args)

    def __array_function__(self, function, types, args, kwargs):
        return record(function, args)

# %% [markdown]
# The two methods with the underscores are NumPy's own doors: called with
# something that has them, `np.exp` and `np.einsum` do not compute but ask it
# to do so. Thus formulas need not know of us. They say `np.` and nothing else.

# %%
def record(function, args):
    """Compute by the rule, put a step on the tape; -> Tensor."""
    bare = [a.value if isinstance(a, Tensor) else a for a in args]
    value, *vjps = rules[function](*bare)
    parents = [
        (a.step, vjp) for a, vjp in zip(args, vjps) if isinstance(a, Tensor)
    ]
    return Tensor(value, Step(value.shape, parents))


two = Tensor(np.array(2.0))
a = two * two
loss = (a + a * two) * a
print(loss.value, [len(step.parents) for step in (two.step, a.step, loss.step)])
assert loss.value == 48

# %% [markdown]
# ## Where an axis was stretched
#
# One thing does not follow from the chain rule alone. When shapes meet, axes
# of length one stretch (chapter 1): a spot's $u$, of shape (100, 1, 1), met all
# rows and columns. One number was used many times, many arrows lead back to
# it, and what arrives adds up. So the gradient must be summed over the axes
# that were stretched, until it has the shape of the input.
#
# **Exercise 2.2** (10 minutes).

# %% tags=["exercise"]
def unbroadcast(g, shape):
    """Sum g over the axes along which an input of this shape was repeated."""
    ...

# %%
check("2.2", unbroadcast)

# %% [markdown]
# ## Why order matters
#
# Backwards, but in what order? Start at the loss, go to its inputs, then to
# theirs, and so on: that is the order in which a walk meets them. Try it.

# %%
from mgcbook.tape.engine import unbroadcast


def backward(loss, order):
    """Play the tape in this order; -> {step: gradient}."""
    grads = {loss.step: np.ones_like(loss.value)}
    for step in order(loss.step):
        for parent, vjp in step.parents:
            piece = unbroadcast(vjp(grads[step]), parent.shape)
            grads[parent] = grads.get(parent, 0) + piece
    return grads


def as_met(last):
    """All steps before the last, in the order in which a walk meets them."""
    met = [last]
    for step in met:  # grows while we walk
        met += [parent for parent, _ in step.parents if parent not in met]
    return met

# %%
grads = backward(loss, as_met)
print(f"slope {grads[two.step]:g}, but it is 112")
assert grads[two.step] == 80

met = [4, 3, 1, 2, 0]  # L, c, a, b, x
wrong = dict(x=80, a=24, b=4, c=4, L=1)
sketches.small_tape(numbers, wrong, order=met)

# %% [markdown]
# No error, just a wrong number. The walk met $a$ before $b$, and played it when
# only 12 + 4 had arrived; the 8 that $b$ sends to $a$ came too late to be
# handed on, and $8 \cdot 2x = 32$ are missing. A step may be played only after
# **every** step that used it. Those happened later than it did, always. So the
# order is that of time, newest first.
#
# **Exercise 2.3** (10 minutes). The steps that the last one depends on, each
# once, newest first. A step has `.time` and `.parents`, a list of pairs (step,
# vjp). Tapes get long: a function that calls itself will not do.

# %% tags=["exercise"]
def steps_before(last):
    """Every step that `last` depends on and itself, newest first; -> list."""
    ...

# %%
check("2.3", steps_before)

# %%
from mgcbook.tape.engine import steps_before

grads = backward(loss, steps_before)
print(f"slope {grads[two.step]:g}")
assert grads[two.step] == 112

# %% [markdown]
# And that is the tape. Wrapped up, for a dictionary of arrays:

# %%
def value_and_grad(f):
    """f(params) -> number becomes params -> (number, gradients)."""

    def both(params):
        watched = {name: Tensor(array) for name, array in params.items()}
        loss = f(watched)
        grads = backward(loss, steps_before)
        return loss.value, {n: grads[t.step] for n, t in watched.items()}

    return both


loss, gradient = value_and_grad(difference)(start)
print(f"loss {loss:.4f};", {n: g.shape for n, g in gradient.items()})

# %% [markdown]
# ## Two judges
#
# A wrong gradient rarely looks wrong: the loss still falls, only less well.
# So each gradient of this book is compared with two others that know nothing
# of our rules: **HIPS autograd**, another engine, and central differences.

# %%
_, theirs = autograd.value_and_grad(difference)(start)
for name in start:
    off = np.abs(gradient[name] - theirs[name]).max()
    print(f"{name:6} {off / np.abs(theirs[name]).max():.0e}")
    assert off <= 1e-10 * np.abs(theirs[name]).max()

direction = {name: rng.normal(size=p.shape) for name, p in start.items()}
along = lambda h: {n: start[n] + h * direction[n] for n in start}
tried = (difference(along(1e-5)) - difference(along(-1e-5))) / 2e-5
ours = sum(np.sum(gradient[n] * direction[n]) for n in start)
print(f"along one direction: {ours:.9f}, by trying {tried:.9f}")
assert np.isclose(ours, tried, rtol=1e-6)

# %% [markdown]
# The direction is random and mixes all numbers, so that one wrong entry shows
# in a single try. Try single entries only, and a mistake hides among the
# others. `check_gradients` does all of this and says what it found:

# %%
report = library.check_gradients(difference, start, rng)
print(f"{len(report)} comparisons, worst {max(r[-1] for r in report):.0e}")


@library.primitive(twin=lambda x: x * x * x)
def cube(x):
    return x * x * x, lambda g: g * 2 * x * x  # wrong on purpose


for function, point in ((cube, [0.3, -1.2]), (np.abs, [0.7, 3e-6])):
    try:
        f = lambda x: np.sum(function(x))
        library.check_gradients(f, np.array(point), rng)
    except AssertionError as error:
        print(error)
    else:
        raise RuntimeError("the judges slept")

# %% [markdown]
# The second message is about $|x|$ next to its corner, where there is no slope
# to agree on. Losses with corners are everywhere in the paper: $|\tilde I - I|$
# in Eq. 3 is one.
#
# ## What the tape holds, and what it refuses
#
# A step holds no array. What the way back needs lives in the vjps: that of
# `exp` keeps its result, that of a sum keeps nothing, so large arrays are
# freed as soon as the formula has passed them.

# %%
watched = Tensor(np.ones((500, 500)))
kept = np.exp(watched)
sum_ = kept + 1.0
last = np.mean(sum_)
memory = [weakref.ref(tensor.value) for tensor in (kept, sum_)]
del kept, sum_

assert memory[0]() is not None  # exp needs its result
assert memory[1]() is None  # the sum is gone, the tape is not
assert len(steps_before(last.step)) == 4

# %% [markdown]
# Our sixty lines trust their user. The book's tape has the same parts, and
# says what to do where things go wrong silently in others:

# %%
t = library.Tensor(np.array([1.0, 2.0]))
played = np.sum(t * t)
library.backward(played)
store = np.zeros(2)

for misuse in (
    lambda: float(t[0]),
    lambda: t.__setitem__(0, 5.0),
    lambda: np.concatenate((t, t), 0),
    lambda: np.sort(t),
    lambda: library.backward(played),
    lambda: library.value_and_grad(lambda x: 3.0)(store),
    lambda: library.value_and_grad(lambda x: x + x)(store),
    lambda: library.value_and_grad(np.sum)(np.arange(3)),
):
    try:
        misuse()
    except (TypeError, ValueError, RuntimeError) as error:
        print("-", error)
    else:
        raise RuntimeError("this should have been refused")

# %% [markdown]
# ## What the paper leaves to its engine
#
# The paper was written for TensorFlow and does not speak of gradients. Its
# total, Eq. 6, is one number; the rest is left to the engine. Two places need
# more care than that. The square root in Eq. 5 has an infinite slope at zero,
# and two views from one place put it there. Times the slope 0 of what stands
# under the root, this is not a number, and it spreads to all 257:

# %%
def root(x, epsilon=0.0):
    return np.sqrt(np.sum(x * x) + epsilon)


with np.errstate(all="ignore"):
    _, bare = library.value_and_grad(root)(np.zeros(2))
_, safe = library.value_and_grad(lambda x: root(x, 1e-12))(np.zeros(2))
print("as printed:", bare, "with 1e-12 under the root:", safe)
assert np.isnan(bare).all() and np.array_equal(safe, [0, 0])

# %% [markdown]
# And not everything should have a gradient. Which pixels both cameras see, or
# which triangle lies in front, jumps from no to yes; the paper does not say
# how its covisible map is differentiated. Here such things are bare arrays,
# never Tensors, and the formulas treat them as constants.
#
# This is `mgcbook.tape`: `Tensor`, `Step`, `derivative_of`, `value_and_grad`.
# It has some fifty rules where ours has eight, frees the tape while playing it,
# and runs on a GPU's arrays as well. Do both walk the same way?

# %%
from mgcbook.tape import engine

our_path, our_losses = descend(value_and_grad, 10)
for name in start:
    assert np.allclose(our_path[10][name], path[10][name], rtol=1e-9)
assert np.allclose(our_losses, losses[:10], rtol=1e-12)

for x, y in rng.uniform(1, 2, (5, 2, 3)):
    for function, rule in rules.items():
        if function.__name__ in ("multiply", "add", "subtract", "divide"):
            ours, theirs = rule(x, y), engine._rules[function](x, y)
            assert np.allclose(ours[0], theirs[0])
            assert all(np.allclose(ours[i](y), theirs[i](y)) for i in (1, 2))
print(f"agreed; the book has {len(engine._rules)} rules")
assert len(engine._rules) >= 45 and len(rules) == 8

# %% [markdown]
# ## Summary
#
# - Forwards, each step writes down its vjps; backwards, each is played once,
#   newest first, and pieces that meet are added. One pass gives all slopes.
# - A rule is the value and its vjps, side by side. Where an axis was stretched,
#   the gradient is summed. Trust it when two independent judges agree.
# - The paper leaves gradients to its engine: corners (Eq. 3), a root with an
#   infinite slope (Eq. 5) and hard masks are decided here, and written down.
#
# Next: faces, as a mean and directions to leave it, in chapter 3.
