# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 0 · A face in 257 numbers
#
# One photograph of a face in, the face in three dimensions out: shape,
# expression, colours, light and pose, 257 numbers in all. And a network that
# learns to do so from photographs alone, without ever being told what any face
# looks like in space. This book builds it, after the paper *Self-Supervised
# Monocular 3D Face Reconstruction by Occlusion-Aware Multi-view Geometry
# Consistency* (MGCNet, Shang et al., 2020), with nothing hidden.
#
# This chapter is the tour. Nothing is explained yet; everything runs.

# %% tags=["parameters"]
import os

FAST = os.environ.get("MGCBOOK_FAST") == "1"
steps = 12 if FAST else 150  # of the fit
frames = 3 if FAST else 7  # pictures kept for readers without a kernel

# %%
import numpy as np

from mgcbook.book import figures
from mgcbook.book.sketches import tour as sketches
from mgcbook.book.widgets import slider, strip
from mgcbook.data import builtin, sample_photo
from mgcbook.data.align import align, alignment_template
from mgcbook.face.camera import (
    PAPER_CAMERA, camera_from_model, project, relative_pose, transform,
)
from mgcbook.face.covisible import covisible_map, seen_vertices
from mgcbook.face.light import shade
from mgcbook.face.render import composite, render
from mgcbook.face.sampling import bilinear_sample
from mgcbook.face.warp import warp
from mgcbook.learning.decoder import Decoder
from mgcbook.learning.losses import pixel_loss
from mgcbook.programs.fit import FitConfig, fit_landmarks, fit_steps

# %% [markdown]
# ## From a photograph to numbers, and back
#
# The photograph is of Eileen Collins, astronaut (NASA, public domain), with 68
# landmarks. The face of this book comes from a program; no scan of anybody is
# in it. We begin with the mean face, put in place by the landmarks, and change
# all 257 numbers, a little at a time, so that the picture drawn from them
# becomes more like the photograph. (That is a *fit*, chapter 7. The network of
# chapters 11 to 13 does it at a glance.)

# %%
sample = sample_photo.load()
model, camera = builtin.load("light"), PAPER_CAMERA
aligned = align(sample.image, sample.landmarks, alignment_template(model))
photo, landmarks = aligned.image[None], aligned.landmarks[None]
decoder = Decoder(model, camera)

config = FitConfig(landmark_steps=0, steps=steps)
start = fit_landmarks(landmarks, decoder, FitConfig(landmark_steps=100))
path = [start]
for progress in fit_steps(photo, landmarks, decoder, config, start=start):
    path.append(progress.coefficients)
coefficients = path[-1]
print(f"{coefficients.size} numbers; after {progress.step} steps:",
      {name: round(loss, 3) for name, loss in progress.losses.items()})
assert coefficients.shape == (1, 257)

# %%
def over_photo(step):
    """The face after so many steps, laid over the photograph; -> (H, W, 3)."""
    view = decoder(path[round(step)])
    return composite(view.image, view.mask, photo)[0]


strip(over_photo, step=(0, steps // 10, steps // 3, steps), unit=" steps")

# %% [markdown]
# Only the mask in front is drawn; hair and neck are the photograph's. Since the
# numbers describe a face in space, we know more than the photograph shows:

# %%
view = decoder(coefficients)
flat = composite(view.image, view.mask, figures.paper(224, 224)[None])[0]
grey = shade(0.75 * np.ones_like(view.albedo), view.normals,
             np.array([[[-0.2, -0.1, 0.4] + [0] * 6] * 3], np.float32))
shape = render(view.points_camera, model.triangles, grey, camera)
shape = composite(shape.image, shape.mask, figures.paper(224, 224)[None])[0]
figures.image_row(
    [photo[0], flat, shape, figures.depth_picture(view.depth[0])],
    ["the photograph", "the numbers, drawn", "their shape", "their depth"],
)

# %%
turn_colors = bilinear_sample(photo, project(view.points_camera, camera)[None])


def seen_from(angle, colors=turn_colors[:, 0], points=view.vertices):
    """The face, turned by degrees; colours of the photo; -> (H, W, 3)."""
    yaw = np.array([[0.0, np.radians(angle), 0.0]])
    pose = camera_from_model(yaw, np.zeros((1, 3)), decoder.main)
    seen = render(transform(*pose, points), model.triangles, colors, camera,
                  antialiased=True)
    ground = figures.paper(224, 224)[None]
    return composite(seen.image, seen.mask, ground)[0]


strip(seen_from, angle=(-50, 0, 50), unit="°", width=5.4)

# %%
slider(seen_from, angle=(-60.0, 60.0), unit="°", frames=frames,
       alt="the reconstructed face with the colours of the photograph, turned")

# %% [markdown]
# ## What the numbers say
#
# Here they are. Each part has its own meaning and its own place, in a layout
# with names; nobody in this book counts to 160 to find the albedo.

# %%
parts = decoder.layout.split(coefficients)
lengths = decoder.layout.lengths
print(" + ".join(f"{name} {n}" for name, n in lengths.items()),
      "=", sum(lengths.values()))
assert sum(lengths.values()) == 257
sketches.numbers(parts)

# %% [markdown]
# What does each part do? Set one after the other to zero:

# %%
def without(*names):
    """The picture with these parts set to zero; -> (H, W, 3)."""
    kept = {name: part * (name not in names) for name, part in parts.items()}
    view = decoder(decoder.layout.join(kept))
    ground = figures.paper(224, 224)[None]
    return composite(view.image, view.mask, ground)[0]


rows = [(), ("identity",), ("expression",), ("albedo",), ("light",),
        ("rotation", "translation")]
figures.image_row([without(*names) for names in rows],
                  ["all", "no identity", "no expression", "no albedo",
                   "no light", "no pose"], window=(30, 10, 194, 220))

# %% [markdown]
# From numbers to a picture is a chain of formulas, and here it is, complete.
# Eq. 1 of the paper is the first line; each of the others is a chapter.

# %%
vertices = model.shape(parts["identity"], parts["expression"])  # Eq. 1, ch. 3
normals = model.vertex_normals(vertices)
colors = shade(model.albedo(parts["albedo"]), normals, parts["light"])  # 5
pose = camera_from_model(parts["rotation"], parts["translation"],
                         decoder.main)
points = transform(*pose, vertices)  # chapter 4
drawn = render(points, model.triangles, colors, camera)  # chapter 6

assert np.array_equal(drawn.image, decoder(coefficients).image)
assert np.array_equal(project(model.landmarks(points), camera), view.landmarks)

# %% [markdown]
# This is `mgcbook.learning.decoder.Decoder`. The tape of chapter 2 plays the
# chain backwards and says, for each of the 257 numbers, which way to change it.

# %% [markdown]
# ## The trouble with one photograph
#
# Is the shape right? It looks right, from the front. Make the face deeper or
# flatter, as if it were of rubber, and look at it from both sides:

# %%
middle = model.mean[:, 2].mean()


def stretch(depth):
    """The vertices with their depth multiplied; -> (1, V, 3)."""
    return (view.vertices - [0, 0, middle]) * [1, 1, depth] + [0, 0, middle]


def stretched(depth):
    """Seen from the front and from the side; -> (H, 2 W, 3)."""
    views = [seen_from(angle, points=stretch(depth)) for angle in (0, 65)]
    return np.concatenate(views, axis=1)


strip(stretched, depth=(0.6, 1.0, 1.4), unit=" times")

# %%
slider(stretched, depth=(0.5, 1.5), unit=" times", frames=frames,
       alt="a face from the front and from the side; only the side changes")

# %%
def front_pixels(depth):
    """The landmarks in the front view; -> (68, 2)."""
    pose = camera_from_model(np.zeros((1, 3)), np.zeros((1, 3)), decoder.main)
    return project(model.landmarks(transform(*pose, stretch(depth))), camera)[0]


moved = np.linalg.norm(front_pixels(1.4) - front_pixels(1.0), axis=-1)
print(f"40 % deeper: landmarks move by {moved.max():.2f} pixels at most")
assert moved.max() < 2

# %% [markdown]
# The front view knows nothing of depth. A network that learns from single
# pictures learns the front view, and guesses the rest. This is the problem
# that the paper solves.
#
# ## Three views of one face
#
# Its answer: learn from several photographs of the same face at once. If the
# depth of one view is right, one can compute where each of its pixels must
# appear in another view, read the colour *there*, and get the first view back:
#
# $$p_s \sim \mathbf{K}\,\mathbf{P}_{s \leftarrow t}\,
# \mathbf{D}_t(p_t)\,\mathbf{K}^{-1} p_t$$
#
# This is Eq. 2. Let us take three pictures of our face, a target and two
# sources, and then rebuild the target from the sources. Where a source does not
# see what the target sees, nothing can be compared: the *covisible map*.

# %%
angles = np.radians([[0.0, 0, 0], [0, -30, 0], [0, 30, 0]])
poses = [camera_from_model(angle[None], np.zeros((1, 3)), decoder.main)
         for angle in angles]
views = [seen_from(np.degrees(angle[1]))[None] for angle in angles]


def rebuild(depth, source):
    """The target from a source, by a depth; -> (image, covisible)."""
    points = [transform(*poses[i], stretch(depth)) for i in (0, source)]
    front = render(points[0], model.triangles, view.colors, camera)
    seen = [seen_vertices(p, model.triangles, camera) for p in points]
    both = covisible_map(*seen, points[0], model.triangles, camera)
    image, inside = warp(views[source], front.depth,
                         relative_pose(poses[source], poses[0]), camera)
    return image, both * inside

# %%
def shown(image, covisible):
    return np.where(covisible[..., None] > 0, image, figures.paper(224, 224))[0]


def error_picture(image, covisible):
    error = np.abs(image - views[0]).mean(axis=-1, keepdims=True)
    return shown(1 - 4 * np.repeat(error, 3, axis=-1), covisible)


right, wrong = rebuild(1.0, 1), rebuild(1.4, 1)
window = 30, 10, 194, 220
figures.image_row(
    [views[0][0], views[1][0], shown(*right), error_picture(*right),
     shown(*wrong), error_picture(*wrong)],
    ["target", "source", "rebuilt", "difference", "40 % deeper",
     "difference"], window=window,
)

# %% [markdown]
# The mean difference over the covisible pixels is Eq. 3. How does it depend on
# the depth that we assume, and how does the difference of *one* picture?

# %%
stretches = np.linspace(0.6, 1.4, 5 if FAST else 9)
alone, together = [], []
for depth in stretches:
    front = seen_from(0, points=stretch(depth))
    face = render(transform(*poses[0], stretch(depth)), model.triangles,
                  view.colors, camera).mask
    alone.append(pixel_loss(front[None], views[0], face)[0])
    pairs = [rebuild(depth, source) for source in (1, 2)]
    together.append(np.mean([pixel_loss(image, views[0], both)
                             for image, both in pairs]))

best = stretches[np.argmin(together)]
print(f"two pictures: best at {best:.1f} times the depth; 40 % deeper is "
      f"{together[-1] / alone[-1]:.0f} times as visible as in one")
assert np.isclose(best, 1.0) and together[-1] > 3 * alone[-1]
sketches.one_and_two(stretches, alone, together)

# %% [markdown]
# Two views see depth that one view cannot. Eq. 4 says the same with depth maps,
# Eq. 5 with the lines on which landmarks must lie; together they are Eq. 6,
# the loss that the network falls down. It sees three views while it learns,
# and needs one when it has learned.

# %% [markdown]
# ## The map
#
# This is the whole system, with the chapters that build it. Each chapter takes
# one box, builds it from nothing, and ends where the library has the same
# function: both must agree, in a cell that you can run.

# %%
sketches.system()

# %% [markdown]
# Chapters 1 to 3 are the tools: arrays, gradients, faces. Chapters 4 to 6 draw,
# chapter 7 fits, as above. Chapters 8 to 10 are what is new in the paper.
# Chapters 11 to 13 are the network and its training; chapter 14 measures.
#
# Where the paper errs or is silent, the book says so and decides. There is
# more of this than you would think: the relative pose is printed the wrong way
# round (chapter 4), and the identity loss is printed as a cosine that training
# would make small, when the faces should be alike:

# %%
from mgcbook.learning.losses import identity_loss

alike = np.array([[1.0, 2.0, 3.0]])
printed = np.sum(alike * alike) / np.sum(alike**2)  # as in Sec. 3.3
print(f"equal faces: printed {printed:.0f}, the book's "
      f"{identity_loss(alike, alike)[0]:.0f}")
assert printed == 1 and np.isclose(identity_loss(alike, alike)[0], 0)

# %% [markdown]
# ## Summary
#
# - A face is 257 numbers: identity, expression, albedo, rotation, translation
#   and light. A chain of formulas, beginning with Eq. 1, draws them.
# - One picture hardly fixes depth. Several do: each view can be rebuilt from
#   another by its depth (Eq. 2), and the differences (Eq. 3 to 5) show errors.
# - The network learns from Eq. 6 alone, which needs no 3D truth.
#
# Next: arrays with names, in chapter 1.
