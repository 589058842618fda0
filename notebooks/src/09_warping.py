# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 9 · Warping
#
# Two photographs of one face, how it turned between them, and the depth of one:
# then we know where each of its pixels is in the other. Read the colour there,
# and the first photograph can be put together from pixels of the second. If it
# comes out wrong, the depth was wrong. This is Eq. 2 of the paper, and it makes
# a second photograph a teacher of depth.
#
# You need chapters 4 (project, unproject, poses) and 8 (the covisible map).

# %% tags=["parameters"]
import os

FAST = os.environ.get("MGCBOOK_FAST") == "1"
steps = 3 if FAST else 60  # of a descent
frames = 3 if FAST else 6  # pictures kept for readers without a kernel

# %%
import numpy as np

from mgcbook.book import figures
from mgcbook.book.exercises import check, solution
from mgcbook.book.scene import Scene
from mgcbook.book.sketches import ink
from mgcbook.book.sketches import warping as sketches
from mgcbook.book.widgets import slider, strip
from mgcbook.data import builtin
from mgcbook.face import sampling, warp as library
from mgcbook.face.camera import (
    PAPER_CAMERA, Camera, camera_from_model, compose, invert, main_pose,
    pixel_grid, project, relative_pose, transform, unproject,
)
from mgcbook.face.covisible import covisible_map, seen_vertices
from mgcbook.face.light import shade
from mgcbook.face.raster import depth_map, rasterize
from mgcbook.face.render import composite, render
from mgcbook.learning.losses import pixel_loss
from mgcbook.learning.optim import adam, init_adam
from mgcbook.tape import bare, value_and_grad

# %% [markdown]
# ## Where does a line go?
#
# A person who does not exist, photographed twice. Left, the target; its blue
# line is a straight column of pixels. Right, the source, and where these same
# places of the face are. Red ones are there too, but something hides them.

# %% tags=["hide-input"]
model, camera = builtin.load("light"), PAPER_CAMERA
triangles = model.triangles
drawn = model.sample(np.random.default_rng(9), 1)
face = model.shape(drawn["identity"], drawn["expression"]).astype(np.float64)
light = np.zeros((1, 3, 9))
light[..., :4] = -0.05, -0.12, 0.30, -0.06
skin = model.albedo(drawn["albedo"])
colors = shade(skin, model.vertex_normals(face), light)
main = main_pose(model.mean, model.landmark_vertices, camera)
middle = model.landmarks(model.mean[None]).mean(axis=1)[0]


def view(yaw, main=main):
    """The face turned about its middle, in degrees; -> (R, t)."""
    turn = np.radians([[0.0, yaw, 0.0]])
    return camera_from_model(turn, np.zeros((1, 3)), main, middle)

# %% tags=["hide-input"]
def photograph(pose, lens=camera):
    """The person in this pose; -> (1, H, W, 3)."""
    seen = render(transform(*pose, face), triangles, colors, lens)
    ground = figures.paper(lens.height, lens.width)[None]
    return composite(seen.image, seen.mask, ground.astype(np.float64))


def both_see(points, target_pose, source_pose):
    """The covisible map of chapter 8; (1, V, 3) -> (1, 224, 224)."""
    views = [transform(*pose, points) for pose in (target_pose, source_pose)]
    seen = [seen_vertices(p, triangles, camera) for p in views]
    return covisible_map(*seen, views[0], triangles, camera)


target_pose, source_pose = view(-8), view(38)
I_t, I_s = photograph(target_pose), photograph(source_pose)
D_t = rasterize(transform(*target_pose, face), triangles, camera).depth
source_from_target = relative_pose(source_pose, target_pose)
C = both_see(face, target_pose, source_pose)

# %%
places = library.correspond(D_t, source_from_target, camera).uv[0]  # p_s


def follow(column):
    """A column of the target and its places in the source; -> (H, W, 3)."""
    column = round(column)
    rows = np.flatnonzero(D_t[0, :, column])
    here = pixel_grid(224, 224)[rows, column]
    there, shared = places[rows, column], C[0, rows, column] > 0
    left = ink.line(I_t[0], here, figures.BLUE, width=2.4)
    right = ink.dots(I_s[0], there[shared], figures.BLUE, radius=1.3)
    right = ink.dots(right, there[~shared], figures.RED, radius=1.3)
    return np.concatenate([left, right], axis=1)[14:210, 30:418]


strip(follow, column=(80, 119, 140))

# %%
slider(
    follow,
    column=(58, 168, 124),
    frames=frames,
    alt="a straight column of the target is a curve in the source, as bent as "
    "the face is deep",
)

# %% [markdown]
# The line bends as the face does: what is nearer goes further aside. In fact
# the curve is the profile of the face along that column. Whoever knows the
# depth can draw the curve. Whoever sees the curve knows the depth.

# %% [markdown]
# ## One pixel
#
# Follow one pixel $p_t$. It is a ray; with its depth it is a point $X$ in
# space; the source camera sees that point at $p_s$.

# %% tags=["hide-input"]
wide = Camera(focal=400.0)  # cameras much closer than ours, to fit on the page
close = main_pose(model.mean, model.landmark_vertices, wide)
scene, plane = Scene(yaw=-0.25, pitch=0.6), 190.0
scene.mesh(face[0], triangles, colors[0])
pair = view(-8, close), view(38, close)
for pose, color, name in zip(
        pair, (figures.BLUE, figures.ORANGE), ("target", "source")):
    photo = photograph(pose, wide)[0]
    scene.camera(pose, wide, plane, color=color, label=name, image=photo)
nose_tip = face[0, model.landmark_vertices[30]]
sketches.ways(scene, *pair, wide, nose_tip, plane)
scene.picture(
    width=4.8,
    alt="a ray from the target camera through its picture to the nose, and "
    "from there to the source camera through its picture",
)

# %%
row, column = 128, 114
p_t = np.array([column + 0.5, row + 0.5])  # the centre of the pixel
X_t = unproject(p_t, D_t[0, row, column], camera)  # D K^-1 p_t
X_s = transform(*source_from_target, X_t[None, None])[0, 0]
p_s = project(X_s, camera)
print(f"pixel {p_t}, depth {X_t[2]:.1f} mm: the point {X_t.round(1)}")
print(f"in the source's axes {X_s.round(1)}, pixel {p_s.round(2)}")
assert np.allclose(p_s, places[row, column])

# %% [markdown]
# Three steps that chapter 4 has built, and in one line they are Eq. 2:
#
# $$p_s \sim \mathbf{K}\,\mathbf{P}_{s \leftarrow t}\,
# \mathbf{D}_t(p_t)\,\mathbf{K}^{-1}\,p_t$$
#
# Here $p = (u, v, 1)$, and $\sim$ means: equal up to a factor. The factor is
# the depth in the source, by which `project` divides.

# %%
R, t = (part[0] for part in source_from_target)
K = camera.matrix
right = K @ (R @ (D_t[0, row, column] * np.linalg.inv(K) @ [*p_t, 1]) + t)
assert np.allclose(right / right[2], [*p_s, 1]) and np.isclose(right[2], X_s[2])

# %% [markdown]
# ## Reading between pixels
#
# $p_s$ is never at the centre of a pixel. Around it are four centres. Mix their
# colours, the nearer the more: each counts as much as the area of the rectangle
# opposite to it. (This is bilinear sampling.)

# %%
sketches.four_centres((0.85, 1.2))

# %% [markdown]
# With array indices $x = u - 0.5$ and $y = v - 0.5$ (a pixel's centre is at the
# halves, chapter 4), and $f$, $g$ what is left of them after rounding down:
#
# $$I(u, v) = (1 - f)(1 - g)\,I_{00} + f\,(1 - g)\,I_{01}
# + (1 - f)\,g\,I_{10} + f\,g\,I_{11}$$
#
# Why not simply take the nearest pixel? For one thing, it looks worse. For
# another, the nearest pixel does not change when $p_s$ moves a little: there
# would be no slope, and all the rest of this chapter lives on slopes.

# %% tags=["hide-input"]
def read_nearest(image, uv):
    spots = np.floor(uv).astype(int)
    return image[:, spots[0, ..., 1], spots[0, ..., 0]]


zoom = np.array([70.0, 88.0]) + pixel_grid(160, 320)[None] * 0.125
figures.image_row(
    [read_nearest(I_t, zoom)[0], sampling.bilinear_sample(I_t, zoom)[0]],
    ["the nearest pixel", "a mixture of four"],
    width=5.6,
    alt="an eye, eight times as large: in squares, and smooth",
)

# %% [markdown]
# **Exercise 9.1** (20 minutes). Read pictures anywhere. Beyond the outermost
# centres, read the nearest place between them. `solution("9.1")` shows the
# book's version.

# %% tags=["exercise"]
def bilinear_sample(image, uv):
    """Read image at places uv; (B, H, W, C), (B, h, w, 2) -> (B, h, w, C)."""
    ...

# %%
check("9.1", bilinear_sample)

# %% [markdown]
# From here on the book's own version is used, so you can read on either way.
#
# ## Where there is nothing to read
#
# The place may lie outside of the source picture. Here is a source that was cut
# too closely. Without a mask, its border is read again and again.

# %%
from mgcbook.face.sampling import bilinear_sample

cut = Camera(focal=4700.0, width=130, height=224, center=(32.0, 112.0))
I_cut = photograph(source_pose, cut)
uv = library.correspond(D_t, source_from_target, camera).uv - [80.0, 0.0]
smeared = bilinear_sample(I_cut, uv)
mask = sampling.in_range(uv, 224, 130) * (D_t > 0)

# %% tags=["hide-input"]
ground = figures.paper(224, 224)
on_face = D_t[0][..., None] > 0
figures.image_row(
    [I_cut[0], np.where(on_face, smeared[0], ground)[:, 44:184],
     np.where(mask[0][..., None] > 0, smeared[0], ground)[:, 44:184]],
    ["source, cut", "without the mask", "in range"],
    window=(0, 14, 130, 212), width=4.4,
)

# %% [markdown]
# Inside is what has four centres around it: from the first centre to the last,
# **ends included**.
#
# **Exercise 9.2** (5 minutes).

# %% tags=["exercise"]
def in_range(uv, height, width):
    """1 between the outermost pixel centres, ends included, else 0; (..., 2).

    Numbers of uv's type, since the mask is multiplied with colours.
    """
    ...

# %%
check("9.2", in_range)

# %% [markdown]
# The paper does not say what happens at the border. The authors' program asks
# whether its four weights sum to 1. At the last row and column its two
# neighbours are one and the same, both weights become 0, and the sum too. So
# even a view warped onto *itself* loses a row and a column:

# %%
from mgcbook.face.sampling import in_range


def sum_of_weights(index, last):
    """Of the two neighbours along one axis, as in the authors' program."""
    low = np.clip(np.floor(index), 0, last)
    high = np.clip(np.floor(index) + 1, 0, last)
    return (high - index) + (index - low)


grid = pixel_grid(224, 224)  # a view warped onto itself
index = grid - 0.5
theirs = np.prod(sum_of_weights(index, 223), axis=-1)
print(f"lost: {int((theirs == 0).sum())} pixels; here: "
      f"{int((in_range(grid, 224, 224) == 0).sum())}")
assert (theirs == 0).sum() == 447 and in_range(grid, 224, 224).all()

# %% [markdown]
# ## All pixels at once
#
# **Exercise 9.3** (15 minutes). Eq. 2 for whole pictures. Valid is where the
# target has depth (0 means no face), the point lies in front of the source
# camera, and $p_s$ is in range. Hint: `transform` wants points (B, V, 3).

# %% tags=["exercise"]
def correspond(target_depth, source_from_target, camera):
    """Where the target's pixels are in the source (Eq. 2); (B, H, W) mm.

    -> p_s (B, H, W, 2), depth in the source (B, H, W), valid (B, H, W)
    """
    ...

# %%
check("9.3", correspond)

# %% [markdown]
# And that is all. A **warp** says where, then reads:

# %%
from mgcbook.face.warp import correspond


def warp(source_image, target_depth, source_from_target, camera):
    """The target made of source pixels; -> (B, H, W, C), (B, H, W)."""
    found = correspond(target_depth, source_from_target, camera)
    return bilinear_sample(source_image, found.uv), found.valid


made, valid = warp(I_s, D_t, source_from_target, camera)

# %% [markdown]
# Why read, and not carry each source pixel to its place in the target? Because
# nobody ensures that every target pixel gets one:

# %%
D_s = rasterize(transform(*source_pose, face), triangles, camera).depth
back = correspond(D_s, invert(source_from_target), camera)
spots = np.floor(back.uv[0]).astype(int)[D_s[0] > 0]
order = np.argsort(-back.depth[0][D_s[0] > 0])  # the nearest last
carried, hit = ground.copy(), np.zeros((224, 224), bool)
across, down = spots[order].T
carried[down, across] = I_s[0][D_s[0] > 0][order]
hit[down, across] = True
holes = ~hit & (C[0] > 0)
print(f"carried: {holes.sum()} of {int(C.sum())} pixels got nothing")
assert holes.sum() > 300

# %% tags=["hide-input"]
figures.image_row(
    [carried, np.where(on_face, made[0], ground)],
    ["source pixels carried", "source pixels read"],
    window=(34, 20, 190, 216), width=3.8,
    alt="carried from the source, full of small holes on one "
    "side; read from the source, whole, with a strip of background",
)

# %% [markdown]
# Reading leaves no hole. But where the source does not see the place, it reads
# something else: the nose that is in front of it, or what lies beyond the face.

# %% [markdown]
# ## Fig. 3
#
# That is what the covisible map is for. Here is Fig. 3 of the paper: a target
# and its two sources, what is made of each without and with the map, and how
# different it is from the target (dark is different).

# %%
poses = source_pose, view(-48)
sources = [photograph(pose) for pose in poses]
steps_to = [relative_pose(pose, target_pose) for pose in poses]
maps = [both_see(face, target_pose, pose) for pose in poses]
imitations = [warp(I, D_t, step, camera) for I, step in zip(sources, steps_to)]
for (image, valid), C_s in zip(imitations, maps):
    everywhere = pixel_loss(image, I_t, valid)[0]
    inside = pixel_loss(image, I_t, valid * C_s)[0]  # Eq. 3, chapter 10
    print(f"mean difference {everywhere:.4f}, covisible {inside:.4f}")
    assert inside < everywhere / 2

# %% tags=["hide-input"]
def fig_3(image, I, C_s):
    """The source, what is made of it, and its differences; twice."""
    row = [I[0]]
    for shown in (D_t[0] > 0, C_s[0] > 0):
        error = np.abs(image[0] - I_t[0]).mean(axis=-1)
        row += [np.where(shown[..., None], image[0], ground),
                np.where(shown, 1 - 4 * error, 0.97)]
    return [np.stack([r] * 3, -1) if r.ndim == 2 else r for r in row]


rows = [fig_3(image, I, C_s)
        for (image, _), I, C_s in zip(imitations, sources, maps)]
both = [np.concatenate([a[20:216], b[20:216]]) for a, b in zip(*rows)]
figures.image_row(
    both, ["source", "made of it", "differences", "covisible", "differences"],
    window=(26, 0, 198, 392), width=6.0,
    alt="two sources; without the map strong differences beside the nose and "
    "on the far cheek, with it hardly any but at the rim",
)

# %% [markdown]
# Inside the map little is left: what reading between pixels blurs, and the rim,
# where the source looks along the surface.

# %% [markdown]
# ## The wrong depth
#
# So the right depth reproduces the target. And a wrong one? Let the face be a
# flat card, or somebody else's, namely the mean face.

# %%
average = model.mean[None].astype(np.float64)
D_mean = rasterize(transform(*target_pose, average), triangles, camera).depth
whole = (D_t > 0) & (D_mean > 0)  # both are there; no other depth is judged
D_card = np.where(D_t > 0, D_t[D_t > 0].mean(), 0.0)
beliefs = {"a flat card": D_card, "the mean face": np.where(whole, D_mean, D_t),
           "the truth": D_t}
made_by = {name: warp(I_s, depth, source_from_target, camera)
           for name, depth in beliefs.items()}
losses = {name: pixel_loss(image, I_t, C * valid)[0]
          for name, (image, valid) in made_by.items()}
print({name: f"{loss:.4f}" for name, loss in losses.items()})
assert losses["the truth"] < losses["the mean face"] < losses["a flat card"]

# %% tags=["hide-input"]
inside = C[0][..., None] > 0
figures.image_row(
    [np.where(inside, image[0], ground) for image, _ in made_by.values()],
    list(made_by), [f"Eq. 3: {loss:.4f}" for loss in losses.values()],
    window=(34, 20, 190, 216), width=4.4,
)

# %% [markdown]
# One photograph cannot tell such depths apart (chapter 7). A second one can,
# and nobody had to find a landmark in it.

# %% [markdown]
# ## The slope
#
# A loss is good, a slope is better: which way should the depth of a pixel
# change? Change it, and $p_s$ slides along a straight line. Here are such
# lines, for depths 12 mm to either side of the true one (the dots):

# %%
nearer, farther = (correspond(D_t + shift, source_from_target, camera).uv[0]
                   for shift in (-12.0, 12.0))
some = np.zeros((224, 224), bool)
some[6::20, 6::20] = C[0, 6::20, 6::20] > 0
image = ink.lines(I_s[0], nearer[some], farther[some], figures.BLUE)
image = ink.dots(image, places[some], figures.BLUE, radius=1.6)
speed = np.linalg.norm(farther - nearer, axis=-1)[C[0] > 0] / 24
print(f"{speed.mean():.2f} pixels for a millimetre")
assert np.ptp(speed) < 0.02
figures.image_row([image], window=(30, 14, 200, 212), width=2.9,
                  alt="the source with short parallel lines, all level")

# %% [markdown]
# (They are the lines of Eq. 5, in chapter 10.) Along its line the place moves
# by $\partial p_s / \partial D$, and the colour that is read there changes with
# the slope of the picture. The chain rule puts the two together:
#
# $$\frac{\partial \tilde I}{\partial D}
# = \nabla I_s(p_s) \cdot \frac{\partial p_s}{\partial D}$$
#
# The tape knows all of it. Each pixel of $\tilde I$ depends on its own depth
# only, so the gradient of their sum holds all slopes at once.

# %%
grey = I_s.mean(axis=-1, keepdims=True)
read = lambda depth: warp(grey, depth, source_from_target, camera)[0]
_, slopes = value_and_grad(lambda depth: np.sum(read(depth)))(D_t)

h = 1e-4
tried = (read(D_t + h) - read(D_t - h))[..., 0] / (2 * h)
step = (correspond(D_t + h, source_from_target, camera).uv
        - correspond(D_t - h, source_from_target, camera).uv) / (2 * h)
_, across = value_and_grad(lambda uv: np.sum(bilinear_sample(grey, uv)))(
    places[None])
by_rule = np.sum(across * step, axis=-1)
close_to = lambda other: np.isclose(slopes, other, atol=1e-6)[C > 0].mean()
print(f"equal in {100 * close_to(by_rule):.2f} % of the pixels by the rule, "
      f"{100 * close_to(tried):.2f} % by trying")
assert close_to(by_rule) == 1 and close_to(tried) > 0.99

# %% [markdown]
# (By trying, a place that crosses from one square of four centres into the next
# meets a kink.) But a slope sees only its neighbourhood. Move all depths by the
# same amount, and look at the difference of colour, of all covisible pixels and
# of two single ones:

# %%
offsets = np.linspace(-40, 40, 9 if FAST else 81)
differences = [np.abs(warp(I_s, D_t + o, source_from_target, camera)[0] - I_t)
               .mean(axis=-1)[0] for o in offsets]
curves = {
    "the face": [d[C[0] > 0].mean() for d in differences],
    "beside an eye": [d[98, 70] for d in differences],
    "on the forehead": [d[60, 112] for d in differences],
}
lowest = offsets[np.argmin(curves["the face"])]
print(f"the face is lowest at {lowest:+.0f} mm")
assert abs(lowest) <= 1
sketches.valleys(offsets, curves)

# %% [markdown]
# Beside the eye there are several valleys, and a walk may end in a wrong one.
# On the forehead there is hardly any slope: smooth skin looks alike everywhere.
# Sec. 3.6 calls this *gradient locality*. Only many pixels together know.

# %% [markdown]
# ## Every pixel for itself
#
# Still, let us be bold. No face model: every pixel of the target has a depth of
# its own. All start at the mean face, and walk down the differences to both
# sources.

# %%
rng = np.random.default_rng(9)
noisy = lambda image: image + rng.normal(0, 0.01, image.shape)
everybody = (maps[0] * maps[1] * whole)[0] > 0


def off(depth):
    """Median error of depth where all three views see the face; -> mm."""
    return np.median(np.abs(depth - D_t)[0][everybody])


def each_for_itself(target, sources, count):
    """Walk from the mean face to the depth of each pixel; -> (1, H, W)."""
    def loss(params):
        depth = beliefs["the mean face"] + params["change"] * whole
        total = 0.0
        for I, step, C_s in zip(sources, steps_to, maps):
            image, valid = warp(I, depth, step, camera)
            total = total + np.sum(pixel_loss(image, target, valid * C_s))
        return total

    params = {"change": np.zeros_like(D_t)}
    slopes, state = value_and_grad(loss), init_adam(params)
    for _ in range(count):
        params, state = adam(params, slopes(params)[1], state, rate=0.5)
    return beliefs["the mean face"] + params["change"] * whole

# %%
pictures = I_t, sources
noisy_pictures = noisy(I_t), [noisy(I) for I in sources]
alone = each_for_itself(*pictures, steps)
alone_noisy = each_for_itself(*noisy_pictures, steps)
start_off = off(beliefs["the mean face"])
print(f"{whole.sum()} depths; at first {start_off:.2f} mm off, "
      f"now {off(alone):.2f} mm, with noise {off(alone_noisy):.2f} mm")
assert FAST or off(alone) < 0.2 < 1 < off(alone_noisy)

# %% [markdown]
# A median error below a fifth of a millimetre, from colours alone! But our
# pictures are too good. A camera adds noise; with one hundredth of it, smooth
# skin loses its way.
#
# Give the pixels a common cause: let the depth be that of a face, by the 160
# numbers of its shape (Eq. 1). Then each pixel's slope becomes a slope of those
# numbers, and the eye helps the cheek. The map is drawn anew in each step.

# %%
def by_shape(target, sources, count):
    """Walk from the mean face to identity and expression; -> (1, H, W)."""
    def loss(params):
        shape = model.shape(params["identity"], params["expression"])
        points = transform(*target_pose, shape)
        seen = rasterize(points, triangles, camera)
        depth = depth_map(points, triangles, seen, camera)
        size = sum(np.sum(part**2) for part in params.values())
        total = 3e-6 * size  # the regularisation of chapter 7
        for I, step, pose in zip(sources, steps_to, poses):
            image, valid = warp(I, depth, step, camera)
            C_s = both_see(bare(shape), target_pose, pose)
            total = total + np.sum(pixel_loss(image, target, valid * C_s)) / 2
        return total

    params = {name: np.zeros((1, 80)) for name in ("identity", "expression")}
    slopes, state = value_and_grad(loss), init_adam(params)
    for step in range(count):
        rate = 0.1 * (1 - 0.9 * step / count)
        params, state = adam(params, slopes(params)[1], state, rate)
    return model.shape(params["identity"], params["expression"])

# %%
shape = by_shape(*noisy_pictures, 2 * steps // 3)
D_shape = rasterize(transform(*target_pose, shape), triangles, camera).depth
found = {"the mean face": beliefs["the mean face"], "each pixel": alone,
         "each, with noise": alone_noisy, "160 numbers, noise": D_shape}
assert FAST or off(D_shape) < off(alone_noisy) / 2

# %% tags=["hide-input"]
where = ((D_t > 0) & (D_shape > 0) & (D_mean > 0))[0]
figures.image_row(
    [sketches.depth_error(depth[0], D_t[0], where) for depth in found.values()],
    list(found), [f"median {off(depth):.2f} mm" for depth in found.values()],
    window=(34, 20, 190, 216), width=5.8,
    alt="errors of depth: the mean face is wrong, most at the rim; each pixel "
    "for itself mostly right; with noise speckled; the shape smooth and right",
)

# %% [markdown]
# (White is right, blue 10 mm too near, red 10 mm too far.) What one photograph
# left open in chapter 7, two more have closed, without a landmark, without
# known shape. The poses were known; how to do without is the subject of
# chapters 10 and 12.

# %% [markdown]
# ## Where the paper errs
#
# **The printed pose.** Sec. 3.2 prints $P_t^{-1} P_s$ for the relative pose;
# chapter 4 found that it misses by thousands of pixels. Put it into Eq. 2:

# %%
printed = compose(invert(target_pose), source_pose)
lost, nowhere = warp(I_s, D_t, printed, camera)
print(f"in range: {int(nowhere.sum())} of {int((D_t > 0).sum())} pixels")
error = pixel_loss(lost, I_t, nowhere * C)[0]
print(f"loss: printed {error:.4f}, right {losses['the truth']:.4f}")
assert nowhere.sum() == 0 and error == 0

# %% [markdown]
# Not one pixel is found, and the loss is **zero**, better than the truth. What
# is a mean over what was found can always be lowered by finding less. No slope
# leads there, since masks have none. But if a program ever reports a perfect
# Eq. 3, count the pixels.
#
# **Half a pixel.** The program's rasterizer looks through the centres of the
# pixels, its warp through their corners. So each depth is put on the ray of a
# neighbour, half a pixel away:

# %%
corner = unproject(grid - 0.5, D_t, camera).reshape(1, -1, 3)
moved = project(transform(*source_from_target, corner), camera) + 0.5
moved = moved.reshape(224, 224, 2)
apart = np.linalg.norm(moved - places, axis=-1)[C[0] > 0]
print(f"reads up to {apart.max():.2f} pixels beside the place")
same = project(unproject(grid - 0.5, D_t, camera), camera)[0] + 0.5
assert np.allclose(same[C[0] > 0], grid[C[0] > 0]) and apart.max() > 0.05

# %% [markdown]
# A view warped onto itself does not notice. Two views do, the more the further
# they are apart.
#
# **Where the paper is silent**: the border (above); what to read where there is
# no face (here: anything, with `valid` 0); and that the same places also read
# the source's *depth map*, for Eq. 4.

# %% [markdown]
# ## All of it, on one page

# %%
def sample_(image, uv):
    last = np.array(image.shape[2:0:-1]) - 1  # of columns, of rows
    index = np.clip(uv - 0.5, 0, last)
    low = np.minimum(np.floor(index).astype(int), last - 1)
    f, g = np.moveaxis((index - low)[..., None], -2, 0)
    (x, y), b = np.moveaxis(low, -1, 0), np.arange(len(image))[:, None, None]
    above = image[b, y, x] * (1 - f) + image[b, y, x + 1] * f
    below = image[b, y + 1, x] * (1 - f) + image[b, y + 1, x + 1] * f
    return above * (1 - g) + below * g


def correspond_(depth, source_from_target, camera):
    batch, height, width = depth.shape
    points = unproject(pixel_grid(height, width), depth, camera)
    points = transform(*source_from_target, points.reshape(batch, -1, 3))
    points = points.reshape(batch, height, width, 3)
    uv, z = project(points, camera), points[..., 2]
    inside = ((uv >= 0.5) & (uv <= np.array([width, height]) - 0.5)).all(-1)
    return uv, z, inside * (depth > 0) * (z > 0)


def warp_(image, depth, source_from_target, camera):
    uv, _, valid = correspond_(depth, source_from_target, camera)
    return sample_(image, uv), valid

# %% [markdown]
# This is `mgcbook.face.sampling.bilinear_sample` and `in_range`, and
# `mgcbook.face.warp.correspond` and `warp`. The library's sampler is a compiled
# loop with hand-written slopes. Do they agree?

# %%
for step, I in zip(steps_to, sources):
    (ours, a), (theirs, b) = (f(I, D_t, step, camera)
                              for f in (warp_, library.warp))
    assert np.allclose(ours, theirs) and np.array_equal(a, b)

some = {"image": rng.random((2, 7, 9, 3)),
        "uv": rng.uniform([-1, -1], [10, 8], (2, 4, 5, 2))}
(ours, by_tape), (theirs, by_hand) = (
    value_and_grad(lambda p: np.sum(f(p["image"], p["uv"]) ** 2))(some)
    for f in (sample_, bilinear_sample))
assert np.isclose(ours, theirs)
assert all(np.allclose(by_tape[name], by_hand[name]) for name in some)
print("all agree")

# %% [markdown]
# ## Summary
#
# - Eq. 2: a pixel and its depth are a point; the other camera sees it at $p_s$;
#   there the colour is mixed from four pixels. Masks say what counts.
# - With the true depth the target comes back, with a wrong one it does not; the
#   slope of the warp tells each pixel which way to go, if it has texture.
# - The relative pose is $P_s P_t^{-1}$. With the printed one nothing is found,
#   and the loss is 0.
#
# Next: three consistencies, in chapter 10.
