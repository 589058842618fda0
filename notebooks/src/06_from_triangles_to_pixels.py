# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 6 · From triangles to pixels
#
# A face is 8370 triangles in space; a picture is a grid of numbers. The
# rasterizer goes from one to the other. For each pixel it answers one question:
# which triangle is seen here, and where on it? Everything else is read off the
# answer: colours, depth, masks, and the gradients by which a photograph tells
# the vertices where to go. We build one, in some forty lines of NumPy.
#
# You need chapter 4 (`project`) and, for the gradients, a glance at chapter 2.

# %% tags=["parameters"]
import os

FAST = os.environ.get("MGCBOOK_FAST") == "1"
frames = 3 if FAST else 10  # pictures kept for readers without a kernel
steps = 15 if FAST else 40  # of the descent

# %%
import numpy as np

from mgcbook.book import figures
from mgcbook.book.exercises import check, solution
from mgcbook.book.sketches import raster as sketches
from mgcbook.book.widgets import slider, strip
from mgcbook.data import builtin, sample_photo
from mgcbook.data.align import align, alignment_template
from mgcbook.face import raster as library
from mgcbook.face.camera import (
    PAPER_CAMERA, Camera, camera_from_model, main_pose, pixel_grid, project,
    rotation_from_euler, transform,
)
from mgcbook.face.light import shade
from mgcbook.face.raster import Fragments
from mgcbook.face.render import render
from mgcbook.tape import value_and_grad

# %% [markdown]
# ## A face in few pixels
#
# Here is the face of this book in 12 x 12 pixels, in 48 x 48, and in as many as
# the paper uses. Each square shows what one ray through its centre hits.

# %% tags=["hide-input"]
model = builtin.load("light")
triangles = model.triangles
face = model.mean[None].astype(np.float64)  # (1, V, 3)
light = np.zeros((1, 3, 9))
light[..., :4] = -0.18, -0.10, 0.34, -0.10
colors = shade(model.albedo_mean[None], model.vertex_normals(face), light)

camera = PAPER_CAMERA
main = main_pose(model.mean, model.landmark_vertices, camera)
turn = np.array([[0.0, -0.45, 0.0]])
points = transform(*camera_from_model(turn, np.zeros((1, 3)), main), face)


def on_paper(image, mask):
    """A picture of the face on the ground of the figures; -> (H, W, 3)."""
    return np.where(mask[..., None] > 0, image, figures.paper(*mask.shape))

# %%
def in_pixels(across):
    """The face in so many pixels, each drawn as a square."""
    size = round(across)
    seen = render(points, triangles, colors, camera.resized(size, size))
    small = on_paper(seen.image[0], seen.mask[0])
    spots = np.arange(224) * size // 224
    return small[spots[:, None], spots]


strip(in_pixels, across=(12, 48, 224), unit=" pixels")

# %%
slider(
    in_pixels,
    across=(6, 224, 24),
    unit=" pixels",
    logarithmic=True,
    frames=frames,
    alt="the face in so many pixels across, each a square of one colour",
)

# %% [markdown]
# ## Inside or outside?
#
# Take one triangle in the picture, its corners already projected. Which pixel
# centres lie in it? A centre $s$ and the corners make three smaller triangles:

# %%
corners = np.array([[1.6, 8.2], [14.3, 5.1], [5.2, 0.9]])  # (3, 2) in pixels
sketches.three_areas(corners, np.array([7.5, 4.5]))

# %% [markdown]
# Twice the area of $e_0$ is a cross product of two differences,
#
# $$e_0 = (p_1 - s) \times (p_2 - s), \qquad a \times b = a_x b_y - a_y b_x$$
#
# and likewise $e_1$ from $p_2, p_0$ and $e_2$ from $p_0, p_1$. The area has a
# **sign**: it changes when $s$ crosses the edge. So $s$ is inside where all
# three signs are equal; which sign that is depends on the side we see the
# triangle from.

# %%
def cross(a, b):
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def three_areas(corners, spots):
    """Twice the areas e_0, e_1, e_2; (3, 2), (..., 2) -> (..., 3)."""
    p0, p1, p2 = (corner - spots for corner in corners)
    return np.stack([cross(p1, p2), cross(p2, p0), cross(p0, p1)], axis=-1)


spots = pixel_grid(9, 16)  # the centres, (c + 0.5, r + 0.5), as in chapter 4
areas = three_areas(corners, spots)  # (9, 16, 3)
inside = (areas <= 0).all(axis=-1) | (areas >= 0).all(axis=-1)
sketches.triangle_on_pixels(corners, inside)

# %% [markdown]
# The signs do more than divide inside from outside. Two triangles with a common
# edge compute the same area for it, with opposite signs. So a centre near the
# edge is in one of them or in the other, in no case in neither: no ray slips
# through a closed surface.

# %%
next_to = np.array([corners[1], corners[0], [12.0, 8.8]])  # beyond edge 0, 1
common = three_areas(next_to, spots)[..., 2]
assert np.array_equal(common, -areas[..., 2])

# %% [markdown]
# ## Weights
#
# The three areas always sum to the whole triangle, wherever $s$ is. Their parts
# of the whole, $\beta_i = e_i / (e_0 + e_1 + e_2)$, are the **barycentric
# weights** of $s$: mix the corners with them and you get $s$ back.

# %%
whole = areas.sum(axis=-1)
assert np.allclose(whole, whole[0, 0])
beta = areas / whole[..., None]
assert np.allclose(beta @ corners, spots)  # also for spots outside

# %% [markdown]
# So they say where in the triangle a pixel is, and anything known at the
# corners can be mixed in the same way. Give the corners red, green, blue:

# %% tags=["hide-input"]
large = pixel_grid(180, 320) / 20
shares = three_areas(corners, large) / whole[0, 0]
shown = (shares >= 0).all(axis=-1)
rainbow = np.array([[0.0, 0.45, 0.70], [0.90, 0.62, 0.0], [0.0, 0.62, 0.45]])
figures.image_row(
    [on_paper(shares @ rainbow, shown)],
    width=4.2,
    alt="a triangle whose corners are blue, orange, green and mix inside",
)

# %% [markdown]
# ## What the picture hides
#
# But this is mixing in the *picture*. The surface lies in space, and what is
# half-way in the picture is not half-way on the surface. Here is a chessboard
# on a table, made of two triangles. Left, the place on the board is mixed with
# the weights of the picture. Right, as it should be.

# %%
board = np.array([[[-4.0, 3, 6], [4, 3, 6], [4, 3, 22], [-4, 3, 22]]])
halves = np.array([[0, 2, 1], [0, 3, 2]], np.int32)
place = np.array([[0.0, 0], [8, 0], [8, 8], [0, 8]])  # in fields
lens = Camera(focal=230.0, width=320, height=120, center=(160.0, -10.0))

flat = project(board, lens)[0]
fields = np.zeros((2, 120, 320, 2))  # by the picture, by the surface
covered = np.zeros((120, 320), bool)
for half in halves:
    beta = three_areas(flat[half], pixel_grid(120, 320))
    beta = beta / beta.sum(axis=-1, keepdims=True)
    b = beta / board[0, half, 2]  # the nearer, the more: see below
    b = b / b.sum(axis=-1, keepdims=True)
    hit = (beta >= 0).all(axis=-1)
    fields[0][hit] = (beta @ place[half])[hit]
    fields[1][hit] = (b @ place[half])[hit]
    covered |= hit

# %% tags=["hide-input"]
wood = np.array([[0.42, 0.30, 0.22], [0.93, 0.85, 0.72]])
boards = [wood[np.floor(f).astype(int).sum(axis=-1) % 2] for f in fields]
figures.image_row(
    [on_paper(image, covered) for image in boards],
    ["mixed in the picture", "mixed on the surface"],
    alt="left, a chessboard that breaks along its diagonal; right, a straight "
    "one in perspective",
)

# %%
wrong = np.linalg.norm(fields[0] - fields[1], axis=-1)
print(f"the left one is wrong by up to {wrong.max():.1f} fields")
assert wrong.max() > 2

# %% [markdown]
# Why? Let $b$ be the right weights: the ray meets the surface at
# $X = b_0 P_0 + b_1 P_1 + b_2 P_2$. Project $X$. Numerator and denominator are
# mixed separately, so that the corners appear in the picture with the weights
#
# $$\beta_i = \frac{b_i z_i}{b_0 z_0 + b_1 z_1 + b_2 z_2}
# \qquad\text{and back}\qquad b_i \propto \frac{\beta_i}{z_i}$$
#
# The right weights divide by the depth: near corners count more than the
# picture says. There is a way to write this without any division by a depth.
# Do not move the corners into the picture, but the ray out of it: the ray of a
# pixel is $z\,d$ with
#
# $$d = \Big(\frac{c + 0.5 - c_x}{f},\; \frac{r + 0.5 - c_y}{f},\; 1\Big)$$
#
# and $q_i = (P_i - z_i d)_{xy}$ is how far corner $i$ is beside the ray. Then
#
# $$b_0 =
# \frac{q_1 \times q_2}{q_1 \times q_2 + q_2 \times q_0 + q_0 \times q_1}$$
#
# and so on around. Corners may even lie behind the camera.
#
# **Exercise 6.1** (20 minutes). Compute these weights for whole pictures, when
# it is known which triangle each pixel sees. `solution("6.1")` shows the book's
# version. Hint: `points_camera[b, triangles[triangle]]` looks up all corners,
# if `b` is `np.arange(B)` with three more axes.

# %% tags=["exercise"]
def barycentric_weights(points_camera, triangles, triangle, camera):
    """Where each pixel's ray meets its triangle; -> (B, H, W, 3).

    points_camera (B, V, 3); triangles (F, 3); triangle (B, H, W) is the number
    of the triangle, -1 for none: zeros there. Pixel centres at the halves.
    """
    ...

# %%
check("6.1", barycentric_weights)

# %% [markdown]
# How much does it matter on a face? Its triangles are small and far away. We
# compare where the two kinds of weights put the surface, for the camera of the
# paper and for one a hand's breadth away:

# %%
from mgcbook.face.raster import barycentric_weights


def flat_error(points, lens):
    """Largest error of the surface by flat weights, in mm."""
    seen = library.rasterize(points, triangles, lens)
    P = points[0, triangles[seen.triangle[0]]]  # (H, W, 3 corners, 3)
    beta = seen.barycentric[0] * P[..., 2]
    beta = beta / np.maximum(beta.sum(axis=-1, keepdims=True), 1e-9)
    error = np.einsum("hwi,hwij->hwj", beta - seen.barycentric[0], P)
    return np.linalg.norm(error, axis=-1).max()


close = Camera(focal=300.0)
near_points = points + [0.0, 0.0, 320.0 - points[..., 2].mean()]
for name, p, lens in (("5 m", points, camera), ("32 cm", near_points, close)):
    print(f"{name}: {flat_error(p, lens):.4f} mm")
assert flat_error(points, camera) < 0.05

# %% [markdown]
# Nearly nothing; but it costs nothing either, and the table showed what happens
# to those who forget.

# %% [markdown]
# ## Who is in front?
#
# Where several triangles cover a pixel, the nearest is seen. Two sheets of
# paper that pass through each other show why one cannot simply paint the far
# one first and the near one over it:

# %% tags=["hide-input"]
sheets = np.array([[[-3.0, -1.6, 8], [3, -1.6, 14], [3, 1.8, 14], [-3, 1.8, 8],
                    [-3, -2.2, 14], [3, -2.2, 8], [3, 1.2, 8], [-3, 1.2, 14]]])
sheet = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], np.int32)
paint = np.array([[0.0, 0.45, 0.70], [0.90, 0.62, 0.0]]).repeat(2, axis=0)
lens = Camera(focal=240.0, width=220, height=130)
pair = [
    library.rasterize(sheets, sheet, lens, active=np.array([kept])).triangle[0]
    for kept in ([1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1])
    for kept in [np.array(kept, bool)]
]
painted = np.where(pair[1] >= 0, pair[1], pair[0])  # orange painted last
figures.image_row(
    [on_paper(paint[t], t >= 0) for t in (painted, pair[2])],
    ["painted one after the other", "compared at every pixel"],
    width=5.6,
    alt="left, an orange sheet covers a blue one; right, they cross",
)

# %% [markdown]
# So we keep, for every pixel, the depth of the nearest triangle so far: the
# **depth buffer**. Here is the whole rasterizer. It takes the triangles one by
# one, looks at the pixels of a box around each, and keeps what is nearer.

# %%
def weights_in(corners, rays):
    """Weights of the rays in one triangle; (3, 3), (..., 2) -> (..., 3)."""
    q = [corner[:2] - corner[2] * rays for corner in corners]
    areas = np.stack([cross(q[1], q[2]), cross(q[2], q[0]), cross(q[0], q[1])])
    whole = areas.sum(axis=0)
    areas = areas / np.where(whole == 0, np.nan, whole)  # seen edge-on: nowhere
    return np.moveaxis(areas, 0, -1)


def rasterize(points, triangles, camera):
    """What each pixel sees; (V, 3), (F, 3) -> (H, W), (H, W, 3), (H, W)."""
    size = camera.height, camera.width
    triangle, weights = np.full(size, -1), np.zeros((*size, 3))
    depth = np.full(size, np.inf)
    rays = (pixel_grid(*size) - camera.center) / camera.focal
    for number, box in enumerate(boxes(points, triangles, camera)):
        P = points[triangles[number]]
        b = weights_in(P, rays[box])
        z = b @ P[:, 2]
        wins = (b >= 0).all(axis=-1) & (z < depth[box])
        triangle[box][wins] = number
        weights[box][wins], depth[box][wins] = b[wins], z[wins]
    return triangle, weights, np.where(triangle >= 0, depth, 0.0)

# %% [markdown]
# The box is what keeps the work small: rows and columns of the pixel centres
# between the lowest and the highest corner. The half is the one of the centres.

# %%
def boxes(points, triangles, camera):
    """For each triangle the pixels around it, as two slices."""
    spots = project(points, camera)[triangles] - 0.5  # centres: whole numbers
    size = np.array([camera.width, camera.height])
    first = np.clip(np.ceil(spots.min(axis=1)), 0, size).astype(int)
    end = np.clip(np.floor(spots.max(axis=1)) + 1, 0, size).astype(int)
    for (left, top), (right, bottom) in zip(first, end):
        yield slice(top, bottom), slice(left, right)


small = camera.resized(96, 96)
triangle, weights, depth = rasterize(points[0], triangles, small)
hits = (triangle >= 0).sum()
print(f"{hits} of {triangle.size} pixels see the face, in "
      f"{len(np.unique(triangle)) - 1} of its {len(triangles)} triangles")
assert hits > 1000

# %% [markdown]
# So small are the triangles that a picture of them would be noise. Here is
# what a lens sixteen times as strong sees, around an eye:

# %% tags=["hide-input"]
fine = camera.resized(1536, 1536)
owner, where, far = rasterize(points[0], triangles, fine)
tints = np.random.default_rng(6).uniform(0.25, 1.0, (len(triangles), 3))
limits = np.quantile(far[626:746, 316:466], (0.0, 1.0))
figures.image_row(
    [tints[owner], where @ rainbow, figures.depth_picture(far, *limits)],
    ["which triangle", "where on it", "how far away"],
    window=(316, 626, 466, 746),
    alt="around an eye: the triangles, each in its own colour; the weights, "
    "blue, orange and green at the corners; the depth, near is bright",
)

# %% [markdown]
# The order of the triangles makes no difference, as it should be:

# %%
order = np.random.default_rng(6).permutation(len(triangles))
_, _, again = rasterize(points[0], triangles[order], small)
assert np.array_equal(again, depth)
mask = triangle >= 0

# %% [markdown]
# ## From corners to pixels
#
# These three arrays, the **fragments**, are all that later chapters need. With
# them, anything known at the vertices is known at the pixels:
#
# $$a(\text{pixel}) = b_0\, a_0 + b_1\, a_1 + b_2\, a_2$$
#
# **Exercise 6.2** (15 minutes). `fragments.triangle` is (B, H, W),
# `fragments.barycentric` (B, H, W, 3).

# %% tags=["exercise"]
def interpolate(attributes, triangles, fragments):
    """Values at pixels; (B, V, C) or (V, C) -> (B, H, W, C).

    Zeros where no triangle is seen (fragments.triangle is -1).
    """
    ...

# %%
check("6.2", interpolate)

# %%
from mgcbook.face.raster import interpolate

fragments = Fragments(triangle[None], weights[None], depth[None])
normals = model.vertex_normals(points) * [1, -1, -1]  # y up, z to us
drawn = {
    "colours": interpolate(colors, triangles, fragments),
    "albedo": interpolate(model.albedo_mean, triangles, fragments),
    "normals": interpolate(normals, triangles, fragments) * 0.5 + 0.5,
    "camera x, y, z": interpolate(points, triangles, fragments),
}
z = drawn.pop("camera x, y, z")[0, ..., 2]
assert np.allclose(z, depth)  # depth is an attribute like any other

# %% tags=["hide-input"]
figures.image_row(
    [on_paper(image[0], mask) for image in drawn.values()],
    list(drawn),
    window=(12, 4, 88, 94),
    nearest=True,
    width=5.8,
)

# %% [markdown]
# That depth is $\mathbf{D}$ in Eq. 2 and Eq. 4. One thing is missing for a
# picture like those of the paper: the photograph behind the face.
#
# **Exercise 6.3** (5 minutes). Lay a rendering over a photograph. The mask is 1
# on the face, 0 beside it, and at a soft outline something between; there the
# rendering is already colour times coverage.

# %% tags=["exercise"]
def composite(image, mask, photo):
    """Rendering over photograph; (B, H, W, C), (B, H, W), (B, H, W, C)."""
    ...

# %%
check("6.3", composite)

# %%
from mgcbook.face.render import composite

sample = sample_photo.load()
photo = align(sample.image, sample.landmarks, alignment_template(model)).image
straight = camera_from_model(np.zeros((1, 3)), np.zeros((1, 3)), main)
upright = transform(*straight, face)
seen = render(upright, triangles, colors, camera)
overlay = composite(seen.image, seen.mask, photo[None])[0]
figures.image_row(
    [photo, overlay],
    ["a photograph", "with the mean face over it"],
    width=4.6,
)

# %% [markdown]
# Nobody has fitted anything yet: that is chapter 7. But to fit, the picture
# must tell the vertices how to move.

# %% [markdown]
# ## Which way should a corner move?
#
# A pixel's colour is $b_0 a_0 + b_1 a_1 + b_2 a_2$. It depends on the positions
# of the corners only through the weights. As long as the pixel sees the same
# triangle, they are smooth. Pull corner $i$ by a little $\delta$, and the
# surface under the pixel slides by $b_i \delta$, so
#
# $$\frac{\partial b_k}{\partial p_i} = -\,b_i\,\nabla b_k$$
#
# where $\nabla b_k$ is the slope of $b_k$ across the picture. The tape agrees:

# %%
def beta_of(corners, spot, k):
    areas = three_areas(corners, spot)
    return (areas / areas.sum(axis=-1))[k]


spot = np.array([7.5, 4.5])
beta = np.array([beta_of(corners, spot, k) for k in range(3)])
for k in range(3):
    _, by_corners = value_and_grad(lambda p: beta_of(p, spot, k))(corners)
    _, across = value_and_grad(lambda s: beta_of(corners, s, k))(spot)
    assert np.allclose(by_corners, -beta[:, None] * across)

# %% [markdown]
# Now a whole face. We push it to the right by a tenth of a pixel and see what
# changes: really, and as the slope of the weights predicts, with each pixel
# held to the triangle it sees.

# %%
push = np.array([0.1 * main[1][2] / camera.focal, 0.0, 0.0])  # 0.1 pixel
before = render(points, triangles, colors, camera)
after = render(points + push, triangles, colors, camera)
really = (after.image - before.image)[0].mean(axis=-1)


def held(amount):
    """The picture, moved by a part of the push, the triangles held."""
    b = barycentric_weights(points + amount * push, triangles,
                            before.fragments.triangle, camera)
    kept = before.fragments._replace(barycentric=b)
    return interpolate(colors, triangles, kept)[0].mean(axis=-1)


h = 1e-3
predicted = (held(h) - held(-h)) / (2 * h)
missed = really - predicted
outline = (after.mask != before.mask)[0]

# %% tags=["hide-input"]
grey = lambda change: np.where(before.mask[0] + after.mask[0] > 0,
                               0.5 + 12 * change, 0.98)
figures.image_row(
    [grey(really), grey(predicted), grey(missed)],
    ["what changes", "what the slopes say", "what they miss"],
    ["brighter or darker", "", ""],
    window=(36, 66, 116, 156),
    nearest=True,
    alt="around the nose: what changes when the face moves; the slopes of the "
    "weights say all but a rim at the outline",
)

# %%
share = np.sum(missed[outline] ** 2) / np.sum(missed**2)
left = np.sum(missed[~outline] ** 2) / np.sum(really[~outline] ** 2)
print(f"{outline.sum()} pixels appear or vanish: {100 * share:.0f} % of what "
      f"is missed; elsewhere {100 * left:.0f} % is missed")
assert share > 0.95 and left < 0.15

# %% [markdown]
# Within the face the slopes are right. At the outline they know nothing: there
# a pixel does not slide along its triangle, it *changes* it, from the cheek to
# the background. The question which triangle is seen has a whole number for an
# answer, and whole numbers have no slope.
#
# This is the gradient of the paper (Sec. 1 names the "differentiable rendering
# module" of Genova et al. and leaves it there), and of MGCNet's program:
# triangles held, none for depth order, none for the outline. Colours and
# landmarks must do that work.

# %% [markdown]
# ## A soft outline
#
# How bad is it? The simplest face is a white one. Let it stand 30 mm too far
# to the left in a picture of 16 x 16 pixels, each 15 mm wide, with the mean
# square difference as the loss:

# %%
tiny = camera.resized(16, 16)
white = np.ones_like(colors)
axis = np.array([1.0, 0.0, 0.0])
target = render(upright, triangles, white, tiny, antialiased=True)


def loss(shift, soft):
    """Difference from the target; shift (1,) in mm -> a number."""
    moved = upright + shift * axis
    seen = render(moved, triangles, white, tiny, antialiased=soft)
    return np.mean((seen.image - target.image) ** 2)


_, slope = value_and_grad(loss)(np.array([-30.0]), soft=False)
print(f"hard outline: slope {abs(slope[0]):.6f}")
assert abs(slope[0]) < 1e-12

# %% [markdown]
# The slope is zero everywhere, and the loss is a staircase. The way out is to
# let a pixel at the outline be a little of both: if the outline passes between
# two pixel centres, mix their colours by *where* it passes.

# %% tags=["hide-input"]
zoom = camera.resized(112, 112)
edges = []
for soft in (False, True):
    seen = render(points, triangles, colors, zoom, antialiased=soft)
    ground = figures.paper(112, 112)[None]
    edges.append(composite(seen.image, seen.mask, ground)[0])
figures.image_row(
    edges,
    ["hard", "soft"],
    window=(14, 64, 50, 88),
    nearest=True,
    width=6.0,
    alt="the chin and cheek in large pixels: a jagged outline, a soft one",
)

# %% [markdown]
# Where it passes depends smoothly on the two vertices of the outline, so there
# is a slope, and we can walk down it. (`antialiased=True` is
# `mgcbook.face.antialias`, after Laine et al., 2020.)

# %%
shift, walk = np.array([-30.0]), []
for _ in range(steps):
    value, slope = value_and_grad(loss)(shift, soft=True)
    walk.append((shift[0], value))
    shift = shift - 600.0 * slope
print(f"arrived {abs(shift[0]):.3f} mm from the target")
assert abs(shift[0]) < (1.0 if FAST else 0.05)

# %% tags=["hide-input"]
shifts = np.linspace(-40, 25, 15 if FAST else 261)
curves = [
    [loss(np.array([s]), soft) for s in shifts] for soft in (False, True)
]
sketches.staircase(shifts, *curves, 0.0, walk[0], walk[-1])

# %% [markdown]
# The paper has no such term, and this book's losses leave it out by default, to
# stay comparable. Chapter 7 switches it on to see what it adds.

# %% [markdown]
# ## Where the paper is silent
#
# The paper says nothing about the rasterizer but its name. Its program has
# three habits that cost others days, and that we do not follow:
#
# - The background has triangle number 0, like the first triangle. Here it is
#   -1: chapter 8 shows what the 0 does to the covisible map.
# - Row 0 is at the bottom, and pictures and masks are flipped afterwards, but
#   not the triangle numbers. Here row 0 is on top, in everything.
# - Depth is compared after a division, from 3 to 7 metres only. Here it is the
#   camera's $z$ in millimetres, everywhere in front of the camera.
#
# In one point all agree: a pixel is its centre, at the halves. What half a
# pixel does is in chapter 4.

# %% [markdown]
# ## All of it, on one page
#
# `three_areas`, `boxes`, `weights_in` and `rasterize` from above, and

# %%
def interpolate_(attributes, triangles, fragments):
    corners = triangles[fragments.triangle]  # (B, H, W, 3)
    batch = np.arange(len(corners))[:, None, None, None]
    values = attributes[batch, corners]  # (B, H, W, 3, C)
    return np.einsum("bhwi,bhwic->bhwc", fragments.barycentric, values)


def composite_(image, mask, photo):
    return image + (1 - mask[..., None]) * photo

# %% [markdown]
# This is `mgcbook.face.raster.rasterize`, `interpolate` and
# `barycentric_weights`, and `mgcbook.face.render.composite`. The library's
# loops are compiled, work on batches, have their gradients, and handle
# triangles that pass the camera. Do they agree?

# %%
theirs = library.rasterize(points, triangles, small)
assert np.array_equal(triangle, theirs.triangle[0])
assert np.allclose(weights, theirs.barycentric[0])
assert np.allclose(depth, theirs.depth[0])
formula = barycentric_weights(points, triangles, theirs.triangle, small)
assert np.allclose(formula, theirs.barycentric)
assert np.allclose(interpolate_(colors, triangles, theirs),
                   library.interpolate(colors, triangles, theirs))
assert np.allclose(composite_(seen.image, seen.mask, ground),
                   composite(seen.image, seen.mask, ground))
print("all agree")

# %% [markdown]
# ## Summary
#
# - Three signed areas say whether a ray meets a triangle and where; a depth
#   buffer says which is nearest. Mix on the surface, not in the picture.
# - Fragments carry colours, depth ($\mathbf{D}$ of Eq. 2 and 4) and masks to
#   the pixels, and slopes back to the vertices, while the triangle is held.
# - The outline has no slope: the paper does without; `antialias` gives it one.
#
# Next: fitting one photograph, in chapter 7.
