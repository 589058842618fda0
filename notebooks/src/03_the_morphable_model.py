# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3 · The morphable model
#
# A photograph does not say how deep a face is. To guess it, one must know how
# faces *can* look. The morphable model of Blanz and Vetter is this knowledge in
# its plainest form: a mean face, and directions in which faces leave it. It is
# Eq. 1 of the paper, and 224 of the 257 numbers belong to it.
#
# You need the letters of chapter 1. Lengths are in millimetres.

# %% tags=["parameters"]
import os

FAST = os.environ.get("MGCBOOK_FAST") == "1"
people = 60 if FAST else 200  # of whom we make a model
frames = 3 if FAST else 7  # pictures kept for readers without a kernel

# %%
import numpy as np

from mgcbook.book import figures
from mgcbook.book.exercises import check, solution
from mgcbook.book.sketches import morphable as sketches
from mgcbook.book.viewer import mesh_viewer
from mgcbook.book.widgets import slider, strip
from mgcbook.data import builtin
from mgcbook.data.builtin.identity import named_fields
from mgcbook.data.builtin.surface import mean_surface
from mgcbook.face import camera
from mgcbook.face.camera import Camera, main_pose
from mgcbook.face.light import shade
from mgcbook.face.render import composite, render
from mgcbook.tape import check_gradients

# %% [markdown]
# ## Nobody in this row exists

# %% tags=["hide-input"]
model = builtin.load("light")
lens = Camera(focal=1600.0)
main = main_pose(model.mean, model.landmark_vertices, lens)
light = np.zeros((1, 3, 9))
light[..., :4] = -0.18, -0.10, 0.34, -0.10


def portrait(vertices, albedo=model.albedo_mean, yaw=0.25, colors=None):
    """A picture of a face; (V, 3) mm, (V, 3) in [0, 1] -> (H, W, 3)."""
    vertices, albedo = vertices[None], albedo[None]
    if colors is None:
        colors = shade(albedo, model.vertex_normals(vertices), light)[0]
    pose = camera.camera_from_model(np.array([[0, yaw, 0]]), np.zeros((1, 3)),
                                    main)
    fine = lens.resized(448, 448)
    seen = render(camera.transform(*pose, vertices), model.triangles,
                  colors[None], fine)
    ground = figures.paper(448, 448)[None]
    image = composite(seen.image, seen.mask, ground)[0]
    return image.reshape(224, 2, 224, 2, 3).mean(axis=(1, 3))

# %%
rng = np.random.default_rng(3)
drawn = model.sample(rng, 5, expression=0)
faces = model.shape(drawn["identity"], drawn["expression"])  # (B, V, 3)
skins = model.albedo(drawn["albedo"])

window = 30, 10, 194, 214
figures.image_row([portrait(*one) for one in zip(faces, skins)],
                  window=window, alt="five different faces")

# %% [markdown]
# They are not pictures but surfaces. Take the second one by the nose and turn
# it, look at it from behind, go close to the edge of an eyelid:

# %%
mesh_viewer(faces[1], model.triangles, skins[1], height=300,
            alt="The second of the five faces, as a surface to be turned")

# %% [markdown]
# Each of them is 80 random numbers for the shape and 64 for the colour of the
# skin. And with numbers one can do more than draw at random:

# %% tags=["hide-input"]
fields = named_fields(mean_surface("light"))  # word -> motions in mm
modes = model.identity_basis * model.identity_deviation[:, None, None]


def in_numbers(field):
    """The coefficients that come nearest to a motion; (V, 3) -> (Ki,)."""
    A = modes[:, : len(field)].reshape(len(modes), -1)  # (Ki, 3V)
    return np.linalg.solve(A @ A.T, A @ field.ravel())  # least squares


words = {name: in_numbers(fields[name]) for name in ("nose_length", "fat")}

# %%
def face_with(**wishes):
    """The mean face, changed as wished; name=amount -> (H, W, 3)."""
    alpha, beta = np.zeros((1, 80)), np.zeros((1, 80))
    for name, amount in wishes.items():
        if name in words:
            alpha += amount * words[name]
        else:
            beta += amount * model.units[name]
    return portrait(model.shape(alpha, beta)[0])


strip(face_with, smile=(0, 0.5, 1), width=5.8)

# %%
slider(face_with, smile=(0.0, 1.0), frames=frames,
       alt="the mean face; the further right, the more it smiles")

# %%
slider(face_with, nose_length=(-4.0, 4.0), frames=frames,
       alt="the mean face, its nose from short to long")

# %% [markdown]
# Try other names in the cells above: `fat`, or one of

# %%
both_sides = [name for name in model.units
              if not name.endswith(("_left", "_right"))]
print(", ".join(both_sides))
assert len(model.units) == 64

# %% [markdown]
# ## Points that correspond
#
# How can faces be mixed at all? By giving every point a number that means the
# same place on everybody: in this book point 30 of the landmarks is the tip of
# the nose of every face there will ever be. Then the mean of two faces is a
# face. If the numbers do not correspond, it is nothing:

# %%
one, two = faces[:2]
between = (one + two) / 2
shuffled = (one + np.roll(two, 20, axis=0)) / 2  # off by twenty points

figures.image_row(
    [portrait(one), portrait(between), portrait(two), portrait(shuffled)],
    ["one", "halfway", "another", "numbers off by 20"], window=window,
    width=5.8,
)

# %% [markdown]
# So a face is a long vector, $3V$ numbers, and a space of faces is a space of
# vectors: one may add, subtract, and ask for the directions in which people
# differ.

# %% [markdown]
# ## Directions from people
#
# Here is how the Basel Face Model, which the paper uses, was made from scans of
# 200 people. We have no scans: our 200 people come from a program
# (`builtin.load_generator`) with more ways to differ than the model that we
# make of them. Subtract the mean, and look for the directions in which the
# rest is longest; that is the singular value decomposition.

# %%
generator = builtin.load_generator("light")


def draw_people(count):
    """Neutral faces from the generator; -> (B, V, 3)."""
    who = generator.sample(rng, count, expression=0)
    return generator.shape(who["identity"], who["expression"])


scans = draw_people(people)
mean = scans.mean(axis=0)
rest = (scans - mean).reshape(people, -1).astype(np.float64)  # (B, 3V)

values, vectors = np.linalg.eigh(rest @ rest.T)  # small: people x people
order = np.argsort(values)[::-1][:50]  # the mean took one direction away
directions = vectors[:, order].T @ rest / np.sqrt(values[order])[:, None]
deviation = np.sqrt(values[order] / (people - 1))  # of the coefficients

assert np.allclose(directions @ directions.T, np.eye(50), atol=1e-6)

# %% [markdown]
# Each direction is a face-shaped arrow, with a length of one, at right angles
# to all others, and its **deviation** says how far people go along it. How
# good is the model? Describe people by it and measure what is left: those it
# was made of, and others, whom it has never seen.

# %%
def left_over(faces, modes, start):
    """RMS distance that orthonormal modes cannot describe; -> mm."""
    away = (faces - start).reshape(len(faces), -1)
    away = away - away @ modes.T @ modes
    return np.sqrt(np.mean(away**2) * 3)


others = draw_people(30)
counts = [0, 5, 10, 20, 30, 40, 50]
known = [left_over(scans, directions[:k], mean) for k in counts]
unknown = [left_over(others, directions[:k], mean) for k in counts]
book = model.identity_basis.reshape(80, -1)
book = book / np.linalg.norm(book, axis=1, keepdims=True)
in_book = left_over(others, book, model.mean)
print(f"others: {unknown[0]:.1f} mm from the mean, {unknown[-1]:.2f} mm with "
      f"50 modes, {in_book:.2f} mm with the book's 80")
assert known[-1] < unknown[-1] < unknown[0] / 3 and in_book < unknown[-1]
sketches.errors(counts, known, unknown, (80, in_book))

# %% [markdown]
# Others are described less well than those the modes were made of: that is the
# price of 200 people, and it is what limits every model of this kind. What the
# modes cannot say, the network of chapter 12 can never learn to say.
#
# From here on we use the model that comes with the book. No scan of anybody is
# in it; chapter 14 reads the Basel model, if you have its files.

# %% [markdown]
# ## Eq. 1
#
# The shape of a face, from the coefficients $\alpha$ of its identity and
# $\beta$ of its expression, and its colours, from $\gamma$:
#
# $$S = S_{mean} + A_{id}\,\alpha + B_{exp}\,\beta \qquad\qquad
# T = T_{mean} + T_{id}\,\gamma$$
#
# The columns of $A_{id}$ are directions *times deviations*, so that a
# coefficient of one is a usual difference, for every mode alike, and a random
# person has coefficients from the normal distribution $N(0, 1)$. Here are the
# first three modes of identity, two deviations to either side:

# %%
def mode(k, amount):
    alpha = np.zeros((1, 80))
    alpha[0, k] = amount
    return portrait(model.shape(alpha, np.zeros((1, 80)))[0])


sides = [(k, amount) for k in range(3) for amount in (-2, 2)]
figures.image_row([mode(*side) for side in sides],
                  [f"mode {k + 1}: {amount:+d}" for k, amount in sides],
                  window=window, width=6.2)

# %%
sketches.spectrum({"identity": model.identity_deviation,
                   "expression": model.expression_deviation})

# %%
share = np.cumsum(model.identity_deviation**2)
share = share / share[-1]
print(f"of all variance: 1 mode {share[0]:.0%}, 10 modes {share[9]:.0%}, "
      f"40 modes {share[39]:.1%}")
assert share[9] > 0.8 and share[39] > 0.95

# %% [markdown]
# Modes have no meaning of their own: the first one mixes size, width and more.
# Words like "a long nose" are mixtures of modes; the slider above used those 80
# numbers that come nearest to the word.
#
# **Exercise 3.1** (10 minutes). The heart of Eq. 1, for B faces at once. It is
# one line of letters (chapter 1), or one matrix product. `solution("3.1")`
# shows the book's version.

# %% tags=["exercise"]
def combine(start, coefficients, basis, deviation):
    """start + sum_k coefficient_k deviation_k direction_k; -> (B, V, 3).

    start is (V, 3) or (B, V, 3), coefficients (B, K), basis (K, V, 3).
    """
    ...

# %%
check("3.1", combine)

# %% [markdown]
# From here on the book's own version is used, so you can read on either way.
# Identity first, then expression, which starts where identity ends:

# %%
from mgcbook.face.morphable import combine

alpha, beta = drawn["identity"], np.stack(5 * [model.units["jaw_open"]])
neutral = combine(model.mean, alpha, model.identity_basis,
                  model.identity_deviation)
speaking = combine(neutral, beta, model.expression_basis,
                   model.expression_deviation)

assert np.allclose(neutral, faces, atol=1e-3)
assert np.allclose(speaking, model.shape(alpha, beta), atol=1e-3)
figures.image_row([portrait(*one) for one in zip(speaking, skins)],
                  window=window, width=6.2,
                  alt="the five faces, now with open mouths")

# %% [markdown]
# The same $\beta$ opens five different mouths: that identity and expression
# simply add is the model's boldest claim, and nobody's face obeys it quite.

# %% [markdown]
# ## Random people, random expressions
#
# Identities drawn from $N(0, 1)$ look like people. Now draw expressions the
# same way, as the authors' program does when it makes faces up. It even
# stretches them by $\sqrt 3$, as we did with the last two of this row:

# %%
nobody = np.zeros((4, 80))
gauss = rng.standard_normal((4, 80)) * np.sqrt([[1], [1], [3], [3]])
figures.image_row([portrait(face) for face in model.shape(nobody, gauss)],
                  ["N(0, 1)", "N(0, 1)", "times √3", "times √3"],
                  width=5.8, window=window)

# %% [markdown]
# The book's way is to draw a few facial actions, by a few muscles:

# %%
actions = model.sample_expression(np.random.default_rng(1), 4, active=0.3)
figures.image_row([portrait(face) for face in model.shape(nobody, actions)],
                  width=5.8, window=window, alt="four plausible expressions")

# %% [markdown]
# What is wrong with the upper row? A mouth opens, but it does not open the
# other way, through itself; $N(0, 1)$ likes $-\beta$ as much as $\beta$. And of
# all that a face can do, it does few things at a time. Both can be counted:

# %%
def look_at(beta):
    """Share of mouths closed through themselves; of points that moved 1 mm."""
    shapes = model.shape(np.zeros((len(beta), 80)), beta)
    heights = model.landmarks(shapes)[..., 1]
    gap = np.mean(heights[:, [61, 62, 63]] - heights[:, [67, 66, 65]], axis=1)
    moved = np.linalg.norm(shapes - model.mean, axis=-1)
    return np.mean(gap < -0.5), np.mean(moved > 1)


count = 100 if FAST else 400
random = rng.standard_normal((count, 80))
natural = model.sample_expression(rng, count)
for name, beta in (("N(0, 1)", random), ("times sqrt 3", 3**0.5 * random),
                   ("actions", natural)):
    crossed, moved = look_at(beta)
    print(f"{name:13} lips crossed in {crossed:4.0%} of faces, "
          f"{moved:.0%} of the points moved by 1 mm or more")
assert look_at(random)[0] > 0.35 and look_at(natural)[0] == 0

# %% [markdown]
# Nearly half of the random mouths are closed through themselves, of course:
# what opens and closes with equal chance is closed half of the time. This
# matters beyond pictures. The paper keeps its coefficients small by the sum of
# their squares (Sec. 3.3). But for a factor that is minus the logarithm of
# $N(0, 1)$: fair to identities, but blind to which way a mouth can move.

# %%
def penalty(beta):
    """The expression part of the regularisation of Sec. 3.3."""
    return 0.8 * np.sum(beta**2)


opened = model.units["jaw_open"]
assert penalty(opened) == penalty(-opened)  # a jaw through the upper lip
figures.image_row(
    [portrait(model.shape(nobody[:1], sign * opened[None])[0])
     for sign in (0, 1, -1)],
    ["neutral", "jaw_open", "minus jaw_open"], width=5.4, window=window,
    notes=[f"penalty {penalty(sign * opened):.1f}" for sign in (0, 1, -1)],
)

# %% [markdown]
# ## Colours
#
# The colours $T$ are **albedo**: how much of red, green and blue light each
# point sends back, without any shadow. Light comes in chapter 5. A sum of modes
# may leave the range from 0 to 1, and is cut off there.

# %%
gammas = np.zeros((6, 64))
gammas[np.arange(6), np.arange(6) // 2] = [-2, 2] * 3
skin = model.albedo(gammas)
figures.image_row(
    [portrait(model.mean, colors=colors) for colors in skin],
    [f"mode {k // 2 + 1}: {(-2, 2)[k % 2]:+d}" for k in range(6)],
    window=window, width=6.2,
)

# %%
gammas = rng.standard_normal((count, 64))
uncut = combine(model.albedo_mean, gammas, model.albedo_basis,
                model.albedo_deviation)
outside = np.mean((uncut < 0) | (uncut > 1))
print(f"{outside:.2%} of all colours would be outside")
assert 0 < outside < 0.01
assert np.allclose(np.clip(uncut, 0, 1), model.albedo(gammas), atol=1e-5)

# %% [markdown]
# ## Normals
#
# Light needs to know one more thing: which way the surface faces. Each triangle
# $(a, b, c)$ has a **normal**, the direction of $(b - a) \times (c - a)$; it
# points outwards, because the book's triangles run counter-clockwise when seen
# from outside. A point's normal is the sum of those around it, made unit:
#
# $$n_v = \frac{\sum_{f \ni v} n_f}{\left|\sum_{f \ni v} n_f\right|}$$
#
# **Exercise 3.2** (15 minutes). For all points of all faces. Every triangle
# counts the same, small or large.

# %% tags=["exercise"]
def vertex_normals(vertices, triangles):
    """Unit outward normals at the points; (B, V, 3), (F, 3) -> (B, V, 3)."""
    ...

# %%
check("3.2", vertex_normals)

# %%
from mgcbook.face.normals import vertex_normals

normals = vertex_normals(faces, model.triangles)
assert np.allclose(np.linalg.norm(normals, axis=-1), 1, atol=1e-5)
tip = normals[:, model.landmark_vertices[30]]
print("the tip of the nose faces", tip[0].round(2), "- forwards")
assert np.all(tip[:, 2] > 0.8)
figures.image_row(
    [portrait(face, colors=0.5 + 0.5 * n) for face, n in zip(faces, normals)],
    window=window, alt="five faces coloured by where their surface looks",
    width=6.2,
)

# %% [markdown]
# (Red: to the subject's left; green: up; blue: forwards.)
#
# In the authors' program the sum is kept in a variable that is never emptied:
# normals of earlier pictures leak into later ones, and no gradient passes. So
# the light in a photograph could not tell their network anything about shape.
# In this book it can, and the judges of chapter 2 agree:

# %%
small = rng.standard_normal((1, 6, 3))
some = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4], [1, 5, 2]])
weight = rng.standard_normal((1, 6, 3))
report = check_gradients(
    lambda points: np.sum(weight * vertex_normals(points, some)), small, rng
)
print(f"worst disagreement {max(error for *_, error in report):.0e}")

# %% [markdown]
# ## What the paper says, and does not
#
# It gives 80 numbers to identity, 80 to expression and 64 to albedo. The
# authors' program has 80, 64 and 80: expression and albedo are exchanged. Both
# sums are right, so nothing ever complained. Names, not places, keep them apart
# here (`mgcbook.learning.coefficients.Layout`).

# %%
from mgcbook.learning.coefficients import Layout

paper = Layout(identity=80, expression=80, albedo=64)
program = Layout(identity=80, expression=64, albedo=80)
assert paper.size == program.size == 257
assert paper.identity + paper.expression + paper.albedo == 224  # Eq. 1
assert paper.slices["albedo"] != program.slices["albedo"]
print(paper.lengths)

# %% [markdown]
# Eq. 1 does not say that the bases contain the deviations, and without them
# the regularisation of Sec. 3.3 would mean something else for each mode. That
# section prints its third weight once as $w_{tex}$ and once as $w_{shape}$. And
# nothing is said about how expressions are distributed.
#
# This is `mgcbook.face.morphable.FaceModel`: `shape`, `albedo`,
# `vertex_normals`, `landmarks`, `sample`. Once more, all on one page:

# %%
def shape_(alpha, beta):
    a = alpha * model.identity_deviation
    b = beta * model.expression_deviation
    return (model.mean + np.einsum("bk,kvc->bvc", a, model.identity_basis)
            + np.einsum("bk,kvc->bvc", b, model.expression_basis))


def albedo_(gamma):
    c = gamma * model.albedo_deviation
    colors = np.einsum("bk,kvc->bvc", c, model.albedo_basis)
    return np.clip(model.albedo_mean + colors, 0, 1)


def normals_(vertices):
    a, b, c = (vertices[:, model.triangles[:, i]] for i in range(3))
    n = np.cross(b - a, c - a)
    n = n / np.linalg.norm(n, axis=-1, keepdims=True)
    total = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(total, (slice(None), model.triangles[:, corner]), n)
    return total / np.linalg.norm(total, axis=-1, keepdims=True)

# %%
some = model.sample(rng, 2)
alpha, beta, gamma = some["identity"], some["expression"], some["albedo"]
points = model.shape(alpha, beta)
assert np.allclose(shape_(alpha, beta), points, atol=1e-3)  # float32, in mm
assert np.allclose(albedo_(gamma), model.albedo(gamma), atol=1e-5)
off = np.abs(normals_(points) - model.vertex_normals(points)).max()
assert off < 1e-3
print("all agree")

# %% [markdown]
# ## Summary
#
# - A face is a mean plus directions times deviations times coefficients, for
#   identity, expression and albedo (Eq. 1): one matrix product each.
# - Identities are drawn from $N(0, 1)$. Expressions are not: a mouth opens one
#   way only, and the squares of Sec. 3.3 do not know that.
# - Normals are sums of unit triangle normals, with a gradient. The paper and
#   its program exchange 64 and 80; both sum to 257.
#
# Next: the camera, in chapter 4.
