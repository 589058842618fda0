# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1 · Arrays with names
#
# Everything in this book is an array of numbers: a photograph, a face, what
# differs between two faces, a thousand faces at once. The formulas of the
# paper become one line each as soon as every axis of every array has a name.
# This short chapter gives the names, and the four habits that keep them true.
#
# You need to know what a NumPy array is. That is all.

# %% tags=["parameters"]
import os

FAST = os.environ.get("MGCBOOK_FAST") == "1"
frames = 3 if FAST else 11  # pictures kept for readers without a kernel

# %%
import inspect

import numpy as np

from mgcbook import arrays as library
from mgcbook.book import figures
from mgcbook.book.exercises import check, solution
from mgcbook.book.sketches import arrays as sketches
from mgcbook.book.widgets import slider, strip
from mgcbook.data import builtin, sample_photo
from mgcbook.data.align import align, alignment_template
from mgcbook.face import camera
from mgcbook.face.camera import PAPER_CAMERA, camera_from_model, main_pose
from mgcbook.face.light import shade
from mgcbook.face.render import render

# %% [markdown]
# ## A picture is an array
#
# Here is a photograph: the astronaut Eileen Collins, by NASA. It is an array
# of 224 rows, 224 columns and 3 channels, red, green and blue, with numbers
# from 0 (dark) to 1 (bright). How many rows do you need to see a face?

# %% tags=["hide-input"]
sample = sample_photo.load()
model = builtin.load("light")
aligned = align(sample.image, sample.landmarks, alignment_template(model))
photo = aligned.image  # (H, W, C)


def shrunk(picture, rows):
    """The mean colours of rows x rows fields; (H, W, C) -> (rows, rows, C)."""
    edges = np.arange(rows) * len(picture) // rows
    sizes = np.diff(edges, append=len(picture))
    sums = np.add.reduceat(np.add.reduceat(picture, edges, 0), edges, 1)
    return sums / (sizes[:, None, None] * sizes[None, :, None])


def seen_with(rows):
    """The photograph at this many rows, enlarged again; -> (H, W, C)."""
    small = shrunk(photo, round(rows))
    field = np.arange(len(photo)) * len(small) // len(photo)
    return small[field][:, field]

# %%
strip(seen_with, rows=(7, 14, 28, 224), unit=" rows")

# %%
slider(
    seen_with,
    rows=(4, 112),
    logarithmic=True,
    frames=frames,
    alt="a photograph of a face, made of as many rows as chosen",
)

# %% [markdown]
# The first index counts rows, from the top; the second counts columns, from
# the left; the third picks a channel. Parts of a picture are parts of the
# array.

# %%
rows, columns, channels = photo.shape
assert (rows, columns, channels) == (224, 224, 3)
figures.image_row(
    [photo[88:128, 40:180], photo[150:190, 40:180], photo[88:128, 40:180, 0]],
    ["rows 88 to 127", "rows 150 to 189", "the first again, red only"],
    notes=[str(part.shape) for part in (photo[88:128, 40:180],
           photo[150:190, 40:180], photo[88:128, 40:180, 0])],
)

# %% [markdown]
# Besides the index of a pixel we need *where* it is, for points that lie
# between pixels. In this book a picture spans $[0, W] \times [0, H]$, and the
# pixel in row $r$ and column $c$ is a square with its centre at
# $(u, v) = (c + 0.5,\; r + 0.5)$. Note the order: $u$ goes right, with the
# columns. Why the halves? Shrink a picture to one half:

# %%
sketches.two_grids()

# %% [markdown]
# Every large pixel is two small ones, and its centre is the middle of theirs,
# so halving a picture halves all coordinates. If the pixels were counted
# without the halves, it would also shift the picture, by a quarter of a pixel:

# %%
small, large = np.arange(4), np.arange(8)
middle = large.reshape(4, 2).mean(axis=1)  # of each two small pixels

assert np.array_equal((small + 0.5) * 2, middle + 0.5)  # with the halves
shift = (middle - small * 2) / 2
print(f"without the halves: off by {shift} pixels of the half")
assert np.all(shift == 0.25)

# %% [markdown]
# **Exercise 1.1** (5 minutes). Where are all the pixels? The result has one
# pair $(u, v)$ for each row and column. `solution("1.1")` shows the book's
# version.

# %% tags=["exercise"]
def pixel_grid(height, width):
    """The centres (u, v) of all pixels; -> (H, W, 2)."""
    ...

# %%
check("1.1", pixel_grid)

# %% [markdown]
# From here on the book's own version is used, so you can read on either way.
# The landmarks of the photograph are such coordinates. Cut a piece out of the
# picture, and they move with it, by whole pixels; shrink it, and they shrink.

# %%
from mgcbook.face.camera import pixel_grid

eye = aligned.landmarks[36:42].mean(axis=0)  # (u, v)
grid = pixel_grid(224, 224)
distance = np.linalg.norm(grid - eye, axis=-1)  # (H, W): of each pixel
r, c = np.unravel_index(distance.argmin(), distance.shape)
print(f"the eye at {eye.round(2)} is in row {r}, column {c}")
assert (c, r) == tuple(np.floor(eye))

row = figures.image_row(
    [photo, photo[60:160, 40:190], shrunk(photo, 28)],
    ["the picture", "photo[60:160, 40:190]", "28 rows"],
    nearest=True,
    alt="the same eye is marked in the picture, in a part and in a small one",
)
for axes, place in zip(row.axes, (eye, eye - [40, 60], eye / 8), strict=True):
    figures.points(axes, place, figures.ORANGE, size=60, hollow=True)
row

# %% [markdown]
# ## One letter for each axis
#
# Pictures are not the only arrays. The face of this book is a mesh: points in
# space, and triangles that say which three points belong together.

# %%
sketches.blocks(photo)

# %% [markdown]
# These are the letters, in docstrings and in code, from here to the last page:
#
# | letter | counts | letter | counts |
# |---|---|---|---|
# | **B** | items of a batch | **H W** | rows and columns of a picture |
# | **N** | views of one face | **C** | channels |
# | **V** | points of a mesh (vertices) | **L** | landmarks: 68 |
# | **F** | triangles (faces) | **K** | coefficients |
#
# A shape is then a word: points of a batch of faces are `B V 3`. What shapes
# do the arrays have that we know already?

# %%
known = {
    "H W C": photo,
    "L 2": aligned.landmarks,
    "V 3": model.mean,
    "F 3": model.triangles,
    "K V 3": model.identity_basis,
}
for letters, array in known.items():
    print(f"{letters:6} {str(array.shape):15} {array.dtype}")

# %% [markdown]
# (The paper has fewer letters than things. Its $N$ is the number of views in
# Sec. 3.1, the number of landmarks in Sec. 3.3, and with an index a normal or
# a length; $t$ is a translation and the target view, so that $t_t$ is the
# translation of the target. It never says in which order the axes of a picture
# come, nor where a pixel is: chapter 4 shows what that did to its program.)

# %% [markdown]
# ## Pick, and add back
#
# An array of numbers can be an *index*. `model.triangles` holds, for each
# triangle, the numbers of three points. To pick these points is one line, and
# the shape is put together from both: `V 3` picked by `F 3` is `F 3 3`.

# %%
corners = model.mean[model.triangles]  # (F, 3 corners, 3 coordinates)
first, second, third = np.moveaxis(corners, 1, 0)
area = np.linalg.norm(np.cross(second - first, third - first), axis=-1) / 2
print(f"{corners.shape}; the face has {area.sum() / 100:.0f} square cm")
assert corners.shape == (*model.triangles.shape, 3)

# %% [markdown]
# The way back, from triangles to points, *adds*. It has a trap. How many
# triangles are there around each point? Count one at each corner:

# %%
wrong, right = np.zeros((2, len(model.mean)))
wrong[model.triangles] += 1  # stores the same 0 + 1 again and again
library.scatter_add(right, model.triangles, 1)  # np.add.at, on any device

print(f"wrong: at most {wrong.max():.0f}; right: at most {right.max():.0f}")
assert wrong.max() == 1
assert right.sum() == model.triangles.size  # every corner was counted

# %% [markdown]
# To pick and to add back belong together: when gradients run backwards, in
# chapter 2, each pick becomes an addition.

# %% [markdown]
# ## Axes of length one stretch
#
# Arrays of different shapes meet by one rule: lay the shapes over each other
# **from the right**; two lengths must be equal, or one of them 1 or missing,
# and it stretches. So a colour `3` meets a picture `H W 3`, but a mask `H W`
# does not: its W would meet C.
#
# Let us lay three faces over the photograph. The rasterizer of chapter 6 gives
# `image`, which is 0 where there is no face, and `mask`, how much of each
# pixel a face covers.

# %% tags=["hide-input"]
rng = np.random.default_rng(1)
main = main_pose(model.mean, model.landmark_vertices, PAPER_CAMERA)
upright = camera_from_model(np.zeros((1, 3)), np.zeros((1, 3)), main)
drawn = model.sample(rng, 3, expression=0.7)
light = np.zeros((3, 3, 9), np.float32)
light[..., :4] = -0.18, -0.10, 0.34, -0.10

# %%
points_model = model.shape(drawn["identity"], drawn["expression"])  # (B, V, 3)
colors = shade(model.albedo(drawn["albedo"]),
               model.vertex_normals(points_model), light)
points_camera = points_model @ upright[0][0].T + upright[1][0]
faces = render(points_camera, model.triangles, colors, PAPER_CAMERA,
               antialiased=True)
image, mask = faces.image, faces.mask
photos = np.broadcast_to(photo, image.shape)  # (B, H, W, C), but not copied

print("image", image.shape, "mask", mask.shape)
try:
    image * mask
except ValueError as error:
    print(error)

# %% [markdown]
# **Exercise 1.2** (5 minutes). The picture that chapter 7 compares with the
# photograph is $I_{render} + (1 - mask)\,I$. Give the mask the axis it lacks.

# %% tags=["exercise"]
def composite(image, mask, photo):
    """Lay drawings over photographs; (B, H, W, C), (B, H, W) -> (B, H, W, C).

    image is 0 where nothing is drawn; photo has the shape of image.
    """
    ...

# %%
check("1.2", composite)

# %%
from mgcbook.face.render import composite

pictures = composite(image, mask, photos)
figures.image_row(list(pictures), width=5.6, window=(20, 0, 204, 224),
                  alt="three masks of faces laid over one photograph")

# %% [markdown]
# The same rule writes Eq. 3 of the paper: the mean difference of two pictures
# over the pixels that count, here those that the face covers.

# %%
difference = np.abs(pictures - photos).mean(axis=-1)  # (B, H, W)
loss = np.sum(mask * difference, axis=(1, 2)) / np.sum(mask, axis=(1, 2))
print(f"differences over the face: {loss.round(3)}")

inside = mask[0] == 1
slow = [np.abs(pictures[0, r, c] - photo[r, c]).mean()
        for r, c in np.argwhere(inside)]
assert np.isclose(np.mean(slow), difference[0][inside].mean())

# %% [markdown]
# The rule also does things that nobody wanted, and says nothing. A translation
# `B 3` added to points `B V 3` lines B up with V:

# %%
def move(points, translation):
    return points + translation  # looks right, is wrong


one, two = np.zeros((1, 68, 3)), np.zeros((68, 68, 3))
shifts = np.arange(68.0)[:, None] * np.ones(3)  # face b moves by b mm
assert move(one, shifts[:1]).shape == (1, 68, 3)  # one face: right, by luck
print("68 faces of 68 points: face 5 moved by",
      np.unique(move(two, shifts)[5])[[0, -1]], "mm")
assert np.all((two + shifts[:, None])[5] == 5)  # what was meant

# %% [markdown]
# With one face it is right, with two it stops with an error, and with as many
# faces as points it is silently wrong: each *point* was moved by the
# translation of a *face*. The axis that is meant must be written:
# `translation[:, None]`, which reads `B 1 3`.

# %% [markdown]
# ## The letters become code
#
# To turn a point is to multiply by a matrix. For many faces with many points,
# written with the letters $b$ and $v$ and the coordinates $i$, $j$:
#
# $$Y_{bvi} = \sum_j R_{bij}\,X_{bvj}$$
#
# `np.einsum` takes the letters as they stand. A letter that the result does
# not have is summed over; nothing is lined up by position, so nothing can be
# lined up wrongly.

# %%
R = camera.rotation_from_euler(0.3 * rng.standard_normal((3, 3)))  # (B, 3, 3)
X = points_model  # (B, V, 3)
Y = np.einsum("bij,bvj->bvi", R, X)

b, v, i = 2, 1000, 1
by_hand = sum(R[b, i, j] * X[b, v, j] for j in range(3))
assert np.isclose(Y[b, v, i], by_hand)
assert np.allclose(Y, X @ R.swapaxes(-1, -2))  # the same, as matrices

# %% [markdown]
# Many things that have names of their own are one line of letters:

# %%
assert np.allclose(np.einsum("bvi,bvi->bv", X, X), np.sum(X * X, axis=-1))
assert np.allclose(np.einsum("bii->b", R), np.trace(R, axis1=1, axis2=2))
assert np.allclose(np.einsum("hwc->chw", photo), np.moveaxis(photo, -1, 0))

grey = np.einsum("hwc,c->hw", photo, [0.30, 0.59, 0.11])
# (B, K): how much of each direction; chapter 3 says where it comes from
alpha = drawn["identity"] * model.identity_deviation
changed = np.einsum("bk,kvc->bvc", alpha, model.identity_basis)
print(f"grey {grey.shape}, A alpha of Eq. 1 {changed.shape}")

# %% [markdown]
# The last line is the heart of the face model, the $A_{id}\,\alpha$ of Eq. 1.
# Chapter 3 is about it. Here we only note how it reads: mix K directions, for
# each face of the batch.
#
# **Exercise 1.3** (5 minutes). Turn and move faces, each by its own pose:
# $Y = R X + t$.

# %% tags=["exercise"]
def transform(rotation, translation, points):
    """R X + t for every point; (B, 3, 3), (B, 3), (B, V, 3) -> (B, V, 3)."""
    ...

# %%
check("1.3", transform)

# %%
from mgcbook.face.camera import transform

turn = np.array([[np.pi, -0.6, 0.0], [np.pi + 0.3, 0, 0.2], [np.pi, 0.7, 0]])
pose = camera.rotation_from_euler(turn), np.repeat(upright[1], 3, axis=0)
views = render(transform(*pose, points_model), model.triangles, colors,
               PAPER_CAMERA, antialiased=True)
ground = np.broadcast_to(figures.paper(224, 224), views.image.shape)
figures.image_row(
    list(composite(views.image, views.mask, ground)), width=5.6,
    window=(20, 0, 204, 224), alt="three faces, each turned its own way",
)

# %% [markdown]
# ## Frames in names
#
# `points_model` and `points_camera` above were both `B V 3`. No shape tells
# them apart, so their names do: the second half says whose axes the numbers
# belong to. A pose that leads from one to the other is called
# `camera_from_model`, and neighbours cancel when you read a line aloud:
#
# `points_camera = transform(*camera_from_model, points_model)`
#
# Chapter 4 finds an error in the paper by nothing else than this reading.

# %%
camera_from_model, model_from_camera = pose, camera.invert(pose)
points_camera = transform(*camera_from_model, points_model)
back = transform(*model_from_camera, points_camera)
assert np.allclose(back, points_model, atol=1e-3)  # mm

# %% [markdown]
# ## A check at the door
#
# What if an array of a wrong shape comes in all the same? The earlier it is
# said, the better, and in letters. Take the shape `B V 3`: a number must be
# met, a letter can be anything, but the same everywhere in one call.

# %%
def fits(pattern, shape, letters):
    """Does a shape meet "B V 3"? Writes what the letters are to `letters`."""
    axes = pattern.split()
    return len(axes) == len(shape) and all(
        n == int(axis) if axis.isdigit() else letters.setdefault(axis, n) == n
        for axis, n in zip(axes, shape)
    )


letters = {}
assert fits("B V 3", (2, 40, 3), letters) and letters == {"B": 2, "V": 40}
assert not fits("B V 3", (2, 40, 4), letters)
assert not fits("B 3", (5, 3), letters)  # B is 2 by now

# %% [markdown]
# A *decorator* is a function that wraps another one. This one looks at the
# shapes first:

# %%
def check_shapes(**expected):
    """Check shapes at each call: @check_shapes(points="B V 3")."""

    def decorate(function):
        names = list(inspect.signature(function).parameters)

        def checked(*args):
            letters = {}
            for name, value in zip(names, args):
                if not fits(expected[name], value.shape, letters):
                    wanted = ", ".join(expected[name].split())
                    raise ValueError(f"{name}: expected ({wanted}), "
                                     f"got {value.shape}")
            return function(*args)

        return checked

    return decorate

# %%
def move(points, translation):
    return points + translation[:, None]


shapes = dict(points="B V 3", translation="B 3")
ours = check_shapes(**shapes)(move)
try:
    ours(np.zeros((2, 40, 3)), np.zeros((3, 3)))
except ValueError as error:
    print(error)

# %% [markdown]
# It stands at the door of every public function of this book: `transform`,
# `render`, the losses. It looks at shapes only, never at values: to read a
# value, a GPU would have to stop and wait.
#
# This is `mgcbook.arrays.check_shapes`, which also knows leading axes ("... 3")
# and arguments by name. Do both say the same?

# %%
theirs = library.check_shapes(**shapes)(move)


def answer(function, *sizes):
    """What a function says to arrays of these shapes."""
    try:
        return function(*map(np.zeros, sizes)).shape
    except ValueError as error:
        return str(error)


for sizes in ([(2, 40, 3), (2, 3)], [(2, 40, 4), (2, 3)],
              [(2, 40, 3), (3, 3)], [(40, 3), (1, 3)], [(1, 1, 3), (1, 3)]):
    ours_says, theirs_says = answer(ours, *sizes), answer(theirs, *sizes)
    print(theirs_says)
    if isinstance(ours_says, str):  # the library adds who says it, and why
        assert ours_says in theirs_says
    else:
        assert ours_says == theirs_says

# %% [markdown]
# ## Summary
#
# - Each axis has a letter: B N V F L H W C K. A picture is `H W C`, row 0 on
#   top, centres at the halves; `einsum` computes with the letters (Eq. 1).
# - Shapes meet from the right, and axes of length one stretch: write the axis
#   you mean (`mask[..., None]`, Eq. 3). Picked numbers are added back.
# - Frames stand in names, `points_camera`, `a_from_b`, and `check_shapes` at
#   the door. The paper leaves order, pixel centres and some letters open.
#
# Next: a tape that turns any such formula into its gradient, in chapter 2.
