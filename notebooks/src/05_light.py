# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 5 · Light
#
# A camera does not see skin. It sees light that came from somewhere, fell on
# the skin and was sent on. In this chapter all the light around a face becomes
# nine numbers for each of red, green and blue: 27 of the 257 numbers of the
# paper. You will paint a face with them, see what nine numbers can hold, and
# why nobody can tell from a picture what is light and what is skin.
#
# You need NumPy and chapter 4 for the words camera and pose.

# %% tags=["parameters"]
import os

FAST = os.environ.get("MGCBOOK_FAST") == "1"
frames = 3 if FAST else 13  # pictures kept for readers without a kernel

# %%
import numpy as np

from mgcbook.book import figures
from mgcbook.book.exercises import check, solution
from mgcbook.book.sketches import light as sketches
from mgcbook.book.widgets import slider, strip
from mgcbook.data import builtin
from mgcbook.face import light as library
from mgcbook.face.camera import (
    PAPER_CAMERA, camera_from_model, main_pose, rotation_from_euler, transform,
)
from mgcbook.face.normals import vertex_normals
from mgcbook.face.render import composite, render
from mgcbook.tape import value_and_grad

# %% [markdown]
# ## A face and a ball
#
# A lamp goes around the head, and a white ball hangs beside it in the same
# light.

# %% tags=["hide-input"]
model = builtin.load("light")
face = model.mean[None].astype(np.float64)  # (1, V, 3)
albedo = model.albedo_mean[None].astype(np.float64)  # the colour of the skin
normals = vertex_normals(face, model.triangles)  # (1, V, 3), of length 1

camera = PAPER_CAMERA
main = main_pose(model.mean, model.landmark_vertices, camera)
upright = camera_from_model(np.zeros((1, 3)), np.zeros((1, 3)), main)

# %% tags=["hide-input"]
def photograph(colors, pose=upright):
    """The mean face with these colours; (1, V, 3) -> (204, 180, 3)."""
    fine = camera.resized(2 * camera.width, 2 * camera.height)  # smooth edges
    points = transform(*pose, face)
    seen = render(points, model.triangles, colors, fine)
    ground = figures.paper(fine.height, fine.width)[None]
    image = composite(seen.image, seen.mask, ground)[0]
    return image.reshape(224, 2, 224, 2, 3).mean(axis=(1, 3))[12:216, 22:202]


def beside(image, ball):
    """A picture and a ball of the same height around it."""
    room = figures.paper(len(image), ball.shape[1]).copy()
    top = (len(image) - len(ball)) // 2
    room[top : top + len(ball)] = ball
    return np.concatenate([image, room], axis=1)

# %%
def towards(side, up=20.0):
    """Unit vector to a lamp, both angles in degrees; -> (3,)."""
    side, up = np.radians(side), np.radians(up)
    ahead = np.cos(up)
    return np.array([np.sin(side) * ahead, np.sin(up), np.cos(side) * ahead])


def lamp(normals, side, up=20.0):
    """Brightness under one lamp and some light from all around."""
    return 0.25 + 0.75 * np.maximum(normals @ towards(side, up), 0)


def under_lamp(side):
    """Face and ball, the lamp so many degrees to the right."""
    on_ball = sketches.lit_ball(lambda n: lamp(n, side))
    colors = albedo * lamp(normals, side)[..., None]
    return beside(photograph(colors), on_ball)


strip(under_lamp, side=(-60, 0, 60), unit="°")

# %%
slider(
    under_lamp,
    side=(-150, 150, 40),
    unit="°",
    frames=frames,
    alt="a face and a ball, lit by a lamp from the chosen side",
)

# %% [markdown]
# The ball is more than an ornament. Skin that is dull, without shine, looks
# equally bright from everywhere; all that counts is how it faces the lamps.
# Which way a surface faces is its **normal**, the unit vector that stands on
# it. And every normal that can be seen occurs on the ball, once. So the ball is
# a table: look up a normal, read a brightness. Let us paint the face from the
# *picture* of the ball alone.

# %%
ball, _ = sketches.ball(lambda n: lamp(n, -60.0), size=512)  # (512, 512, 1)
facing = normals[0, :, 2] > 0.2  # what a viewer in front can see
x, y, z = normals[0, facing].T
columns = (256 + 256 * x / 1.03).astype(int)  # the ball leaves a small border
rows = (256 - 256 * y / 1.03).astype(int)
looked_up = ball[rows, columns, 0]

error = np.abs(looked_up - lamp(normals, -60.0)[0, facing])
print(f"{facing.sum()} vertices, largest error {error.max():.3f}")
assert error.max() < 0.02

# %% [markdown]
# To know the light, then, is to know one number (or three, for the colours) for
# every direction on a ball. That is a function, and we want few numbers.

# %% [markdown]
# ## Nine patterns
#
# Here are nine functions on the ball: orange where they are positive, blue
# where they are negative (of each ball we see the front half). They are the
# first **spherical harmonics**, for the sphere what sine and cosine are for the
# circle.

# %%
sketches.nine_patterns(library.sh_basis)

# %% [markdown]
# One is the same everywhere. Three are bright on one side and dark on the
# other: one for up and down, one for front and back, one for left and right.
# Five change sign more often. Light is a mixture of the nine. How much of each
# is in it are the coefficients $\theta$, and the paper writes (Sec. 3.2)
#
# $$\text{colour} \;=\; \text{albedo} \cdot \sum_{b=1}^{9} \theta_b\, H_b(n)$$
#
# once for red, once for green, once for blue. The **albedo** is the colour of
# the skin in even white light, the $\mathbf{T}$ of Eq. 1.
#
# Each $H_b$ is a polynomial in the coordinates of the normal $n = (x, y, z)$:
#
# - row 1: $\;1\;$ times $\sqrt{\pi}/2 = 0.886$
# - row 2: $\;-y,\; z,\; -x\;$ times $\sqrt{\pi} = 1.772$
# - row 3: $\;xy,\; -yz,\; (3z^2-1)/(2\sqrt{3}),\; -xz,\; (x^2-y^2)/2\;$ times
#   $\frac{3}{2}\sqrt{5\pi/6} = 2.427$
#
# The paper does not print them. Order, signs and factors are those of its
# program; anyone who trades coefficients with it must agree.
#
# **Exercise 5.1** (10 minutes). `solution("5.1")` shows the book's version.

# %% tags=["exercise"]
def sh_basis(normals):
    """The nine spherical harmonics of unit normals; (..., 3) -> (..., 9)."""
    ...

# %%
check("5.1", sh_basis)

# %% [markdown]
# Why these nine? Over the whole ball, no two of them have anything in common:
# the mean of their product is zero. So each coefficient says something of its
# own. We scatter directions evenly over the ball and look:

# %%
from mgcbook.face.light import sh_basis

steps = np.arange(20_000) + 0.5  # a spiral from pole to pole
height = 1 - 2 * steps / len(steps)
turn = steps * np.pi * (3 - np.sqrt(5))
radius = np.sqrt(1 - height**2)
sphere = np.stack([radius * np.cos(turn), radius * np.sin(turn), height], -1)

basis = sh_basis(sphere)  # (20000, 9)
products = basis.T @ basis / len(sphere)
print(products.round(3) + 0.0)
assert np.allclose(products, np.diag(np.diag(products)), atol=1e-3)

# %% [markdown]
# ## How far do nine numbers go?
#
# The lamp of the first pictures has an edge: where the surface turns away from
# it, its light just ends. Polynomials have no edges. How well can they imitate
# it? Least squares finds the best mixture of the first 1, 4 and 9 patterns.

# %%
sharp = np.maximum(sphere @ towards(-60.0), 0)  # one lamp, nothing else


def mixture(count):
    """The best coefficients of the first patterns; -> (count,)."""
    return np.linalg.lstsq(basis[:, :count], sharp, rcond=None)[0]


left = {k: np.sum((sharp - basis[:, :k] @ mixture(k)) ** 2) for k in (1, 4, 9)}
held = {k: 100 - 100 * left[k] / np.sum(sharp**2) for k in left}
for k in held:
    print(f"{k} numbers hold {held[k]:.1f} % of the lamp")
assert np.allclose(list(held.values()), [37.5, 87.5, 99.2], atol=0.05)

# %% tags=["hide-input"]
balls = [sketches.lit_ball(lambda n: np.maximum(n @ towards(-60.0), 0))]
for k in (1, 4, 9):
    paint = lambda n, k=k: sh_basis(n)[:, :k] @ mixture(k)
    balls.append(sketches.lit_ball(paint))
figures.image_row(
    balls,
    ["the lamp", "1 number", "4 numbers", "9 numbers"],
    [" ", *(f"{held[k]:.1f} %" for k in held)],
    alt="a ball under a lamp, and its imitations by 1, 4 and 9 numbers",
)

# %% [markdown]
# Nine numbers hold 99.2 % (of the squares) of what any far lamp does to a dull
# surface. A sum of lamps is a sum of coefficients, so this is true of all lamps
# together as well; it was found by Basri and Jacobs and by Ramamoorthi and
# Hanrahan in 2001. The rest shows on the dark side, where the imitation glows a
# little, and goes below zero in between:

# %%
imitation = basis @ mixture(9)
opposite = sphere @ towards(-60.0) < -0.99
print(f"opposite the lamp {imitation[opposite].mean():.3f}, "
      f"least {imitation.min():.3f}, both should be 0")
assert 0 < imitation[opposite].mean() < 0.07 and -0.07 < imitation.min() < 0

# %% [markdown]
# What nine numbers cannot do is cast a shadow (that of the nose on the cheek)
# or shine (the spot on its tip): both need more than the normal.

# %% [markdown]
# ## Painting the face
#
# A network begins to learn with all its outputs near zero. If $\theta = 0$
# meant darkness, it would begin with a black face: colour is albedo *times*
# light, and where the light is 0, neither skin nor shape makes a difference, so
# they get no slope. Therefore the paper's program (not its text) adds 0.8 to
# the first coefficient of each colour, and $\theta = 0$ is an even light of

# %%
even = 0.8 * np.sqrt(np.pi) / 2
print(f"0.8 x 0.886 = {even:.3f}")
assert round(even, 3) == 0.709

# %% [markdown]
# **Exercise 5.2** (10 minutes). Albedo times light, for a batch of faces, with
# the 0.8. `light[b, c]` holds the nine numbers of face `b` and colour `c`.

# %% tags=["exercise"]
def shade(albedo, normals, light):
    """Shaded colours; (B, V, 3), (B, V, 3), (B, 3, 9) -> (B, V, 3)."""
    ...

# %%
check("5.2", shade)

# %%
from mgcbook.face.light import shade

theta = np.zeros((1, 3, 9))
assert np.allclose(shade(albedo, normals, theta), even * albedo)

warm = theta.copy()  # red from one side, blue from the other
warm[0, :, 3] = -0.25, 0.0, 0.25  # the fourth pattern is -x
above = theta.copy()
above[..., 1] = -0.25  # the second is -y
torch = theta + mixture(9)  # the lamp of the last figure
torch[..., 0] -= 0.5

# %% tags=["hide-input"]
def white_ball(light):
    """A white ball in this light; (1, 3, 9) -> an image."""
    white = lambda n: shade(np.ones((1, len(n), 3)), n[None], light)[0]
    return sketches.lit_ball(white)


four = theta, above, warm, torch
faces = [photograph(shade(albedo, normals, light)) for light in four]
figures.image_row(
    [beside(*pair) for pair in zip(faces, map(white_ball, four))],
    ["all zero", "from above", "red and blue", "the lamp, nine numbers"],
    alt="four lights: even; from above; blue left, red right; a lamp",
)

# %% [markdown]
# The other way round is no harder. If shape and skin are known, the light
# appears in the formula without any power or product: 27 unknowns, one linear
# equation for each colour of each vertex. `lstsq` reads the light off the face.

# %%
colors = shade(albedo, normals, warm)[0]  # what was seen
patterns = sh_basis(normals[0])
found = np.stack([
    np.linalg.lstsq(albedo[0, :, [c]].T * patterns, colors[:, c], rcond=None)[0]
    for c in range(3)
])
found[:, 0] -= 0.8
print(f"largest error {np.abs(found - warm[0]).max():.0e}")
assert np.allclose(found, warm[0])

# %% [markdown]
# ## Skin or lamp?
#
# But who knows the skin? Here are two people, each in a light of their own.

# %%
skin_a, lamp_a = albedo, above
tint = albedo.mean(axis=(0, 1)) / albedo.mean()  # the colour of skin

total = lamp_a.copy()  # the first coefficient with its 0.8
total[..., 0] += 0.8
skin_b, lamp_b = skin_a / tint, total * tint[:, None]
lamp_b[..., 0] -= 0.8

a, b = shade(skin_a, normals, lamp_a), shade(skin_b, normals, lamp_b)
print(f"the pictures differ by at most {np.abs(a - b).max():.0e}")
assert np.allclose(a, b) and np.abs(skin_a - skin_b).max() > 0.1

# %% tags=["hide-input"]
images = []
for skin, light in ((skin_a, lamp_a), (skin_b, lamp_b)):
    images.append(beside(photograph(skin), white_ball(light)))
    images.append(photograph(shade(skin, normals, light)))
figures.image_row(
    images,
    ["a skin, a light", "together", "another skin, light", "together"],
    alt="a brown skin in white light and a grey skin in brown light: the same "
    "picture",
)

# %% [markdown]
# The same picture, but for rounding. Multiply the skin by anything, divide the
# light by it, and nothing can be seen of it. Even "what colour is this skin"
# has no answer in one photograph, unless one knows what skins there are. That
# is the work of the model's albedo (chapter 3: a few likely directions), of the
# bounds 0 and 1, and of a small pull to the mean in the loss (Sec. 3.3).
#
# How much can the model's albedo imitate light, then? We ask it for what three
# lights change on the face, and at what price: how far, in standard deviations,
# it must leave the mean. A random skin has the length $\sqrt{64} = 8$.

# %%
spread = model.albedo_basis * model.albedo_deviation[:, None, None]
modes = spread.reshape(len(spread), -1).astype(np.float64)  # (64, 3 V)


def imitate(light):
    """The albedo that imitates a light best; -> % of it, and its length."""
    effect = (shade(albedo, normals, light) / even - albedo).ravel()
    best = np.linalg.solve(modes @ modes.T, modes @ effect)
    rest = effect - best @ modes
    return 100 - 100 * (rest @ rest) / (effect @ effect), np.linalg.norm(best)


brighter, side = theta.copy(), theta.copy()
brighter[..., 0], side[..., 3] = 0.1, 0.1
lights = {"brighter": brighter, "from above": above, "from a side": side}
price = {name: imitate(light) for name, light in lights.items()}
for name, (part, length) in price.items():
    print(f"{name}: {part:.0f} % imitated, by a skin of length {length:.0f}")
assert price["brighter"][0] > 95 and price["brighter"][1] < 8
assert all(price[name][1] > 24 for name in ("from above", "from a side"))

# %% [markdown]
# So it is the *amount* of light that is mistaken for skin, at no price at all.
# Its direction is safe as long as unlikely skins cost something: this is what
# the regularisation of the albedo is for, weak as it is (3e-7 in the paper).

# %% [markdown]
# ## Whose light is it?
#
# One question the paper leaves open. The normals in the formula have
# coordinates: along the axes of the *head*, or along those of the *camera*?
# While the head looks straight ahead it makes no difference. When it turns, the
# light either turns with it, or stays where it was:

# %%
def turned(yaw):
    """Light that turns with the head, and light that stays; degrees."""
    R = rotation_from_euler(np.array([[np.pi, np.radians(yaw), 0.0]]))
    pose = R, upright[1]
    in_camera = normals @ R[0].T * [1, -1, -1]  # camera axes, y up, z to us
    with_head = photograph(shade(albedo, normals, torch), pose)
    stays = photograph(shade(albedo, in_camera, torch), pose)
    return np.concatenate([with_head, stays], axis=1)


strip(
    turned,
    yaw=(-45, 0, 45),
    unit="°",
    notes=["left: turns with the head; right: stays"] * 3,
)

# %% [markdown]
# For one picture the two can say the same: if all normals are turned, the nine
# patterns of the turned normals are mixtures of the nine old ones, each row
# within itself, so another $\theta$ makes up for the turn, exactly.

# %%
R = rotation_from_euler(np.array([[0.2, -0.7, 0.3]]))[0]
mix, *_ = np.linalg.lstsq(basis, sh_basis(sphere @ R.T), rcond=None)  # (9, 9)
print(f"largest error {np.abs(basis @ mix - sh_basis(sphere @ R.T)).max():.0e}")
assert np.allclose(basis @ mix, sh_basis(sphere @ R.T))
rows = [slice(0, 1), slice(1, 4), slice(4, 9)]
alone = mix.copy()
for row in rows:
    alone[row, row] = 0
assert np.allclose(alone, 0)  # no row enters another

# %% [markdown]
# The difference is in learning. With the light on the camera, a wrong light can
# be mended by turning the head, since the pose gets a slope from the shading;
# with the light on the head it cannot. MGCNet's program takes the head's axes
# and so does this book; Deng et al. (2019) take the camera's. Three cameras
# around one still head (the multi-view pictures of the paper) see one light in
# the head's axes, and three different ones in their own.

# %%
def brightness(angles, on_camera):
    """Mean brightness of the face under a lamp, over what faces us."""
    R = rotation_from_euler(angles)
    upright_axes = np.array([1.0, -1.0, -1.0])
    seen = np.einsum("bij,bvj->bvi", R, normals) * upright_axes
    colors = shade(albedo, seen if on_camera else normals, torch)
    return np.sum(colors[:, facing]) / facing.sum() / 3


here, there = np.array([[np.pi, 0.1, 0.0]]), np.array([[np.pi, 0.5, 0.0]])
_, slope = value_and_grad(brightness)(here, True)
print(f"on the camera: {slope[0, 1]:.3f} brighter per radian of yaw")
assert abs(slope[0, 1]) > 0.1
assert brightness(here, False) == brightness(there, False)  # on the head: 0

# %% [markdown]
# ## Light shows shape
#
# Normals come from the shape, so the shading has something to say about it:
# make this cheek darker, by turning it away from the lamp. The tape carries the
# message from the colours to the vertices:

# %%
def darkness(vertices):
    """Minus the brightness of the cheek on the right; (1, V, 3) -> number."""
    colors = shade(albedo, vertex_normals(vertices, model.triangles), side)
    return -np.sum(colors[:, cheek])


cheek = model.regions["cheeks"] & (model.mean[:, 0] > 0)
_, slope = value_and_grad(darkness)(face)
rng = np.random.default_rng(5)
way = rng.normal(size=face.shape)
h = 1e-4
tried = (darkness(face + h * way) - darkness(face - h * way)) / (2 * h)
print(f"the tape {np.sum(slope * way):.6f}, by trying {tried:.6f}")
assert np.isclose(np.sum(slope * way), tried, rtol=1e-5)

# %% [markdown]
# MGCNet's own program cannot do this. It adds the normals of the triangles into
# a variable of TensorFlow through which no gradient passes, and which is never
# emptied: the normals of face after face pile up in it, and all faces come to
# be lit like their average. Here normals are exact and have their slope.

# %% [markdown]
# ## All of it, on one page

# %%
def sh_basis_(normals):
    x, y, z = np.moveaxis(normals, -1, 0)
    a, b, c = np.sqrt(np.pi) / 2, np.sqrt(np.pi), 1.5 * np.sqrt(5 * np.pi / 6)
    third = c * x * y, -c * y * z, c * (3 * z * z - 1) / np.sqrt(12)
    last = -c * x * z, c * (x * x - y * y) / 2
    return np.stack([a + 0 * x, -b * y, b * z, -b * x, *third, *last], axis=-1)


def shade_(albedo, normals, light):
    shading = np.einsum("bvk,bck->bvc", sh_basis_(normals), light)
    return albedo * (shading + 0.8 * np.sqrt(np.pi) / 2)

# %% [markdown]
# This is `mgcbook.face.light.sh_basis` and `shade`. Do they agree?

# %%
random_light = rng.normal(size=(1, 3, 9))
assert np.allclose(sh_basis_(sphere), library.sh_basis(sphere))
assert np.allclose(shade_(albedo, normals, random_light),
                   library.shade(albedo, normals, random_light))
print("both agree")

# %% [markdown]
# A last detail for those who compare with textbooks. A dull surface blurs the
# light that falls on it, and the blur weighs the three rows by $\pi$,
# $2\pi/3$ and $\pi/4$. The factors in MGCNet's program are others in the second
# and third row. This is no error in the picture, since one number per row can
# be moved into $\theta$, but it does change what $\theta$ means:

# %%
harmonics = np.array([1 / 2, np.sqrt(3) / 2, np.sqrt(15) / 2]) / np.sqrt(np.pi)
textbook = harmonics * np.pi * [1, 2 / 3, 1 / 4]
ours = np.array([0.5, 1, 1.5 * np.sqrt(5 / 6)]) * np.sqrt(np.pi)
print("ours over the textbook's, row by row:", (ours / textbook).round(3))
assert np.allclose(ours / textbook, [1, np.sqrt(3), np.sqrt(8)])

# %% [markdown]
# ## Summary
#
# - On dull skin only the normal counts; nine patterns of it hold 99.2 % of any
#   lamp. Colour is albedo (Eq. 1) times their mixture; zero means 0.709.
# - Skin and lamp cannot be told apart in a picture; the model's albedo and the
#   regularisation of Sec. 3.3 decide.
# - The paper is silent about factors, the 0.8 and the axes. Here they are those
#   of its program: light in the head's axes, but with exact normals.
#
# Next: from triangles to pixels, in chapter 6. Light enters the loss when the
# picture is compared with the photograph (Sec. 3.3, and Eq. 6).
