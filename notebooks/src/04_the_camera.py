# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 4 · The camera
#
# One formula sends a point in space to a point in a picture. Read backwards,
# it sends a pixel and its depth back into space. Do one after the other, with
# a turn in between, and you can say where something seen in one photograph
# must appear in another. That is all the geometry there is in the paper: the
# warp of Eq. 2 and the losses of Eq. 3 to 5 are built from it.
#
# You need NumPy. Everything is in millimetres, radians and pixels.

# %% tags=["parameters"]
import os

FAST = os.environ.get("MGCBOOK_FAST") == "1"
frames = 3 if FAST else 13  # pictures kept for readers without a kernel

# %%
import numpy as np

from mgcbook.book import figures
from mgcbook.book.exercises import check, solution
from mgcbook.book.scene import Scene
from mgcbook.book.sketches import camera as sketches
from mgcbook.book.widgets import slider, strip
from mgcbook.data import builtin
from mgcbook.face import camera as library
from mgcbook.face.camera import PAPER_CAMERA, Camera, main_pose
from mgcbook.face.light import shade
from mgcbook.face.render import composite, render

# %% [markdown]
# ## One face, three distances
#
# Here is the face of this book, photographed from three distances. Each time
# we changed the lens so that the face is as tall in the picture as before.
# Nothing else changed.

# %% tags=["hide-input"]
model = builtin.load("light")
face = model.mean[None].astype(np.float64)  # (1, V, 3): one face, V points
light = np.zeros((1, 3, 9))
light[..., :4] = -0.18, -0.10, 0.34, -0.10  # from above, a little from a side
colors = shade(model.albedo_mean[None], model.vertex_normals(face), light)
top, chin = model.mean[:, 1].argmax(), model.landmark_vertices[8]
height = model.mean[top, 1] - model.mean[chin, 1]  # in mm


def photograph(pose, lens):
    """The mean face in this pose; a pose and a camera -> (H, W, 3)."""
    points = library.transform(*pose, face)
    fine = lens.resized(2 * lens.width, 2 * lens.height)  # for smooth edges
    seen = render(points, model.triangles, colors, fine)
    ground = figures.paper(fine.height, fine.width)[None]
    image = composite(seen.image, seen.mask, ground)[0]
    return image.reshape(lens.height, 2, lens.width, 2, 3).mean(axis=(1, 3))


def upright(lens):
    """The pose in which the face fills the picture; a camera -> (R, t)."""
    main = main_pose(model.mean, model.landmark_vertices, lens)
    return library.camera_from_model(np.zeros((1, 3)), np.zeros((1, 3)), main)

# %%
def from_distance(distance):
    """The face seen from so many metres, through a lens that keeps it tall."""
    lens = Camera(focal=0.75 * 224 * 1000 * distance / height)
    return photograph(upright(lens), lens)


strip(from_distance, distance=(0.35, 1.0, 5.0), unit=" m")

# %% [markdown]
# Move the slider. What becomes of the nose, the cheeks, the jaw? You will be
# able to say why, and how much, in a few minutes.

# %%
slider(
    from_distance,
    distance=(0.3, 5.0),
    unit=" m",
    logarithmic=True,
    frames=frames,
    alt="a face of constant height, photographed from the chosen distance",
)

# %% [markdown]
# ## From space to the picture
#
# A pinhole camera is a point, the pinhole, and a plane in front of it, the
# image. We see a point of the face where the straight line from it to the
# pinhole crosses the image. From the side:

# %% tags=["hide-input"]
near, far = upright(Camera(focal=300.0)), upright(PAPER_CAMERA)
outline = sketches.profile(
    library.transform(*far, face), model.triangles, PAPER_CAMERA
)
marked = library.transform(*near, face)[0, model.landmark_vertices[[27, 30, 8]]]
sketches.pinhole(outline + (near[1] - far[1])[:, [2, 1]], marked[:, [2, 1]])

# %% [markdown]
# The two triangles with their corner in the pinhole have the same shape, so
# the point appears at the height $f\,y/z$, and likewise at $f\,x/z$ to the
# side. The **depth** $z$ is the only thing we divide by: what is twice as far
# away looks half as large. Last, pixels are counted from the upper left
# corner of the picture and not from its middle, so we add the middle:
#
# $$u = f\,\frac{x}{z} + c_x \qquad\qquad v = f\,\frac{y}{z} + c_y$$
#
# The axes of the camera are $x$ to the right, $y$ **down** and $z$ forward, as
# in OpenCV. So $y$ grows like the rows of an array, and nothing is flipped.
#
# Let us do it for one point, the tip of the nose, with the camera of the
# paper: $f = 4700$ pixels, a picture of 224 x 224, the middle at (112, 112).

# %%
camera = PAPER_CAMERA
pose = upright(camera)
seen = library.transform(*pose, face)  # (1, V, 3), in the camera's axes
x, y, z = seen[0, model.landmark_vertices[30]]
print(f"the tip of the nose is at x {x:.1f}, y {y:.1f}, z {z:.1f} mm")

u = camera.focal * x / z + camera.center[0]
v = camera.focal * y / z + camera.center[1]
print(f"and appears at u {u:.1f}, v {v:.1f} pixels")

# %% [markdown]
# **Exercise 4.1** (10 minutes). Do it for all points of all faces at once: the
# last axis of `points_camera` is (x, y, z), and there may be any number of
# axes before it. `solution("4.1")` shows the book's version.

# %% tags=["exercise"]
def project(points_camera, camera):
    """Pinhole projection to pixels; (..., 3) -> (..., 2).

    camera.focal is f and camera.center is (cx, cy).
    """
    ...

# %%
check("4.1", project)

# %% [markdown]
# From here on the book's own version is used, so you can read on either way.

# %%
from mgcbook.face.camera import project

landmarks = project(model.landmarks(seen), camera)[0]  # (68, 2)
assert np.allclose(landmarks[30], (u, v))

view = figures.image_row(
    [photograph(pose, camera)],
    width=3.4,
    window=(32, 16, 192, 208),
    alt="the face with its 68 landmarks, each where it belongs",
)
figures.points(view.axes[0], landmarks)
view

# %% [markdown]
# The picture was made by the rasterizer of chapter 6 and the dots by two lines
# of NumPy, and they agree: eyes, nose, lips and jaw are where they should be.
#
# Now the first pictures explain themselves. A length at depth $z$ appears
# $f/z$ times as large. The nose is nearer to the camera than the jaw corners
# are, and this matters as much as it is a *part of the distance*:

# %%
def nose_over_jaw(distance):
    """How much larger the nose tip is drawn than the corners of the jaw."""
    pose = upright(Camera(focal=0.75 * 224 * 1000 * distance / height))
    depth = model.landmarks(library.transform(*pose, face))[0, :, 2]
    return (1 / depth[30]) / (1 / depth[[0, 16]].mean())


for distance in (0.35, 1.0, 5.0):
    print(f"{distance:.2f} m: {nose_over_jaw(distance):.2f} times as large")
assert nose_over_jaw(0.35) > 1.2 and nose_over_jaw(5.0) < 1.03

# %% [markdown]
# Seen from five metres, as in the paper, depth hardly shows any more. This is
# comfortable, since every crop looks alike, and it is also the trouble that
# the whole paper fights: **a single picture says almost nothing about depth**.
# Push the whole face 50 mm towards the camera and look for a change:

# %%
closer = seen - np.array([0.0, 0.0, 50.0])
moved = project(model.landmarks(closer), camera)[0] - landmarks
print(f"no landmark moves by more than {np.abs(moved).max():.2f} pixels")
assert np.abs(moved).max() < 1.0

# %% [markdown]
# ## Where a pixel is
#
# A picture is an array, but coordinates are continuous: the picture spans
# $[0, W] \times [0, H]$, and the pixel in row $r$ and column $c$ is a square
# whose **centre is at $(c + 0.5,\; r + 0.5)$**.

# %% tags=["hide-input"]
sketches.pixel_centres()

# %%
def pixel_grid(height, width):
    """The centres of all pixels; -> (H, W, 2)."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([columns, rows], axis=-1) + 0.5


grid = pixel_grid(camera.height, camera.width)
assert np.array_equal(grid[1, 4], (4.5, 1.5))  # row 1, column 4
assert np.allclose(grid.mean(axis=(0, 1)), camera.center)

# %% [markdown]
# The last line is the reason: with the halves, the middle of all pixels is
# the middle of the picture. Forget them and everything is half a pixel off.
# MGCNet's code does so in one place (its rasterizer knows of the halves, its
# warp does not). On the face that is

# %%
half_pixel = 0.5 * 4994.3 / 4700.0  # a length of 0.5 px at the code's depth
print(f"{half_pixel:.2f} mm")
assert round(half_pixel, 2) == 0.53

# %% [markdown]
# and that is not nothing where results are compared in millimetres. So the book
# has one convention, the halves, in rasterizer, warp and landmarks.

# %% [markdown]
# ## From the picture back to space
#
# A pixel alone is a direction: we know $x/z$ and $y/z$. Together with the depth
# it is a point again. In the paper's notation this is
# $\mathbf{D}_t(p_t)\,\mathbf{K}^{-1}p_t$, the right half of Eq. 2. There
# $p$ is $(u, v, 1)$, $\mathbf{D}$ the depth, and $\mathbf{K}$ the camera as a
# matrix, which makes pixels of directions; so $\mathbf{K}^{-1}$ goes back:
#
# $$\begin{bmatrix} u \\ v \\ 1 \end{bmatrix} = \mathbf{K}
# \begin{bmatrix} x/z \\ y/z \\ 1 \end{bmatrix} \qquad
# \mathbf{K} = \begin{bmatrix} f & 0 & c_x \\ 0 & f & c_y \\ 0 & 0 & 1
# \end{bmatrix}$$
#
# **Exercise 4.2** (10 minutes). Undo `project`.

# %% tags=["exercise"]
def unproject(pixels, depth, camera):
    """Pixels and their depths to points; (..., 2), (...) -> (..., 3)."""
    ...

# %%
check("4.2", unproject)

# %% [markdown]
# With it, a picture and its depth map *are* a surface. Left, what the camera
# sees, and how far away; right, every pixel of the face put back into space,
# then looked at from the side. Where the camera saw nothing, there is nothing.

# %%
from mgcbook.face.camera import unproject

R = library.rotation_from_euler(np.array([[np.pi, -0.5, 0.0]]))
half_left = R, pose[1]
shown = render(
    library.transform(*half_left, face), model.triangles, colors, camera
)
depth, on_face = shown.depth[0], shown.mask[0] > 0
cloud = unproject(grid, depth, camera)[on_face]  # (N, 3)

assert np.allclose(project(cloud, camera), grid[on_face])  # there and back

# %% tags=["hide-input"]
back = (cloud - pose[1]) @ R[0]  # in the model's axes
empty = figures.paper(224, 224)
row = figures.image_row(
    [photograph(half_left, camera), figures.depth_picture(depth), empty, empty],
    ["the picture", "its depth", "back in space", "from the side"],
    window=(32, 14, 192, 210),
)
for axes, yaw in zip(row.axes[2:], (-0.5, 0.6), strict=True):
    turned = library.rotation_from_euler(np.array([[np.pi, yaw, 0.0]]))
    points = library.transform(turned, pose[1], back[None])[0]
    order = np.argsort(-points[:, 2])  # the nearest last
    hue = shown.image[0][on_face][order].clip(0, 1)
    axes.scatter(*project(points[order], camera).T, s=1, c=hue, linewidths=0)
row

# %% [markdown]
# ## Turning the face
#
# The camera never moves; the face does. Its points are given in its own axes
# ($x$ to the subject's left, $y$ up, $z$ out of the face), and a **pose** takes
# them to the camera's:
#
# $$X_{camera} = R\,X_{model} + t$$
#
# $t$ says where the model's origin is, and $R = R_x R_y R_z$ is built from
# three turns, each about one axis. One turn mixes two coordinates:

# %%
def turn(axis, angle):
    """A right-handed turn about one axis, 0 for x; -> (3, 3)."""
    matrix = np.eye(3)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[j, i], matrix[i, j] = np.sin(angle), -np.sin(angle)
    return matrix


def rotation(rx, ry, rz):
    """R = Rx Ry Rz, from three angles in radians; -> (3, 3)."""
    return turn(0, rx) @ turn(1, ry) @ turn(2, rz)


angles = np.array([[0.3, -0.8, 0.1]])
assert np.allclose(rotation(*angles[0]), library.rotation_from_euler(angles)[0])
R = rotation(*angles[0])
assert np.allclose(R @ R.T, np.eye(3)) and np.isclose(np.linalg.det(R), 1)

# %% [markdown]
# In an array the points are rows, not columns, so $R X$ is written `X @ R.T`:

# %%
t = pose[1][0]
by_hand = face[0] @ R.T + t
assert np.allclose(by_hand, library.transform(R[None], t[None], face)[0])

# %% [markdown]
# A face that looks into the camera looks *against* the camera's $z$, and its up
# is the camera's minus $y$. So "upright" is half a turn about $x$:

# %%
print(rotation(np.pi, 0, 0).round(12) + 0.0)
assert np.allclose(rotation(np.pi, 0, 0), np.diag([1, -1, -1]))

# %% [markdown]
# From there, each angle does one thing. The arrows are the model's own axes,
# projected like everything else.

# %% tags=["hide-input"]
def with_axes(axes, pose, origin, length=46.0):
    """Draw the model's axes over a picture, starting at a model point."""
    tips = origin + length * np.concatenate([np.zeros((1, 3)), np.eye(3)])
    spots = project(library.transform(*pose, tips[None]), camera)[0]
    for tip, (name, color) in zip(spots[1:], figures.AXIS_COLORS.items()):
        if np.hypot(*(tip - spots[0])) > 4:  # not those that point at us
            below = (0, -8 * (name == "z"))
            figures.arrow(
                axes, spots[0], tip, color, text=name, place=1.2, shift=below
            )


offsets = 0.4 * np.concatenate([np.zeros((1, 3)), np.eye(3)])
poses = [(rotation(np.pi + a, b, c)[None], pose[1]) for a, b, c in offsets]
row = figures.image_row(
    [photograph(p, camera) for p in poses],
    ["upright", "rx + 0.4", "ry + 0.4", "rz + 0.4"],
    window=(28, 12, 196, 218),
    alt="the face upright and turned about each of the three axes",
)
for axes, p in zip(row.axes, poses):
    with_axes(axes, p, model.mean[model.landmark_vertices[30]])
row

# %% [markdown]
# Signs are where programs go wrong, so here they are as claims that run. The
# direction of the nose is the model's $z$, that is the third column of $R$:

# %%
nose_x, nose_y, nose_z = rotation(np.pi, 0.4, 0)[:, 2]
assert nose_z < 0  # towards the camera
assert nose_x > 0  # ry > 0: to the right in the picture, the subject's left
assert rotation(np.pi + 0.4, 0, 0)[1, 2] > 0  # rx > pi: nods, nose down
assert rotation(np.pi, 0, 0.4)[1, 0] < 0  # rz > 0: the subject's left goes up

# %% [markdown]
# ## The main pose
#
# How far away is the face? MGCNet fixes it once: from the chin to its top it
# fills 75 % of the height of the picture. A face of height $h$ appears
# $f h / z$ pixels tall, so
#
# $$z = \frac{f\,h}{0.75\,H}$$
#
# (Solved for $f$, this is how the first pictures kept their height.) The origin
# of the Basel model, whose $z$ the program gives, is 95.3 mm behind that. The
# network then only says how a face differs from this **main pose**.

# %%
distance = camera.focal * height / (0.75 * camera.height)
print(f"our face, {height:.0f} mm: {distance / 1000:.2f} m away")

tall = np.ptp(project(seen[0, [top, chin]], camera)[:, 1])
assert abs(tall / camera.height - 0.75) < 0.01

h, z_middle = 175.1, 95.3  # Basel mean face: height, origin to middle; mm
paper_z = camera.focal * h / (0.75 * camera.height) + z_middle
print(f"the paper's face, {h} mm: z = {paper_z:.0f} mm, its code says 4994.3")
assert abs(paper_z - 4994.3) < 1.0

# %% [markdown]
# About five metres and a focal length of 4700 pixels: a strong telephoto lens.
# Its field of view is

# %%
half_angle = np.arctan(camera.width / 2 / camera.focal)
print(f"{np.degrees(2 * half_angle):.2f} degrees")
assert round(np.degrees(2 * half_angle), 2) == 2.73
sketches.to_scale(outline, half_angle)

# %% [markdown]
# That drawing is to scale, which is why the face is so small. Rays in so narrow
# a wedge are almost parallel: the camera is nearly *orthographic*, and now you
# know why 50 mm of depth could hide in less than a pixel.

# %% [markdown]
# ## Two views of one face
#
# Now the idea that the paper lives on. Two photographs of the same face are two
# poses, target and source. Given a point *as the target camera sees it*, where
# does the source camera see it?

# %%
target = rotation(np.pi, -0.35, 0.0)[None], pose[1]
source = rotation(np.pi + 0.1, 0.40, 0.05)[None], pose[1] + [[8.0, -4.0, 0.0]]
points_target = library.transform(*target, face)
points_source = library.transform(*source, face)

# %% tags=["hide-input"]
wide = Camera(focal=400.0)
scene = Scene(yaw=0.0, pitch=0.6)
scene.mesh(model.mean, model.triangles, colors[0])
for (R, _), color, name in (
    (target, figures.BLUE, "target"),
    (source, figures.ORANGE, "source"),
):
    view = R, upright(wide)[1]
    photo = photograph(view, wide)
    scene.camera(view, wide, 190.0, color=color, label=name, image=photo)
scene.picture(
    width=6.0,
    alt="two cameras before one face: a blue one, the target, and an orange "
    "one, the source; each shows the picture it takes",
)

# %% [markdown]
# (The cameras are drawn much closer than they are, to fit on the page.)
#
# Go by way of the model. Undo the target's pose, then apply the source's. With
# poses written as matrices $P = \begin{bmatrix} R & t \\ 0 & 1 \end{bmatrix}$,
# and a 1 as the fourth coordinate of each point,
#
# $$P_{source \leftarrow target} = P_s\,P_t^{-1}$$
#
# Names help to get it right: call a pose `a_from_b`, and neighbours cancel:
#
# `source_from_target = source_from_model · model_from_target`
#
# Both pieces take one line. To undo $RX + t$, subtract $t$ and turn back:

# %%
def invert(a_from_b):
    """The way back: X = R^T (Y - t); (R, t) -> (R, t)."""
    R, t = a_from_b
    return R.swapaxes(-1, -2), -np.einsum("bji,bj->bi", R, t)


def compose(a_from_b, b_from_c):
    """First the right one, then the left one: R (R' X + t') + t."""
    (R, t), (R2, t2) = a_from_b, b_from_c
    return R @ R2, np.einsum("bij,bj->bi", R, t2) + t


there_and_back = compose(target, invert(target))
assert np.allclose(there_and_back[0], np.eye(3))
assert np.allclose(there_and_back[1], 0)

# %% [markdown]
# **Exercise 4.3** (5 minutes). Put the two together. This is one line, and
# there are five popular ways to get it wrong.

# %% tags=["exercise"]
def relative_pose(source_from_model, target_from_model):
    """The pose source_from_target, from two poses of one face."""
    ...

# %%
check("4.3", relative_pose)

# %% [markdown]
# Does it work? Take what the target saw, apply the relative pose, project:

# %%
from mgcbook.face.camera import relative_pose

source_from_target = relative_pose(source, target)
arrived = library.transform(*source_from_target, points_target)
assert np.allclose(arrived, points_source)

wanted = project(model.landmarks(points_source), camera)[0]
found = project(model.landmarks(arrived), camera)[0]
print(f"largest error: {np.abs(found - wanted).max():.1e} pixels")
assert np.abs(found - wanted).max() < 1e-6

# %% tags=["hide-input"]
row = figures.image_row(
    [photograph(target, camera), photograph(source, camera)],
    ["the target and its landmarks", "carried to the source"],
    width=5.6,
    window=(32, 14, 200, 210),
)
start = project(model.landmarks(points_target), camera)[0]
figures.points(row.axes[0], start, figures.BLUE)
figures.points(row.axes[1], wanted, figures.ORANGE, size=30, hollow=True)
figures.points(row.axes[1], found, figures.BLUE)
row

# %% [markdown]
# ## Where the paper errs
#
# Section 3.2 of the paper prints the relative pose from target to source as
#
# $$\begin{bmatrix} R_t^{-1}R_s & R_t^{-1}(t_s - t_t) \\ 0 & 1 \end{bmatrix}
# = P_t^{-1} P_s$$
#
# Read it by names: `model_from_target · source_from_model`. The neighbours are
# two cameras, nothing cancels, and points of the target camera are treated as
# if they were points of the model. We try it all the same:

# %%
(R_s, t_s), (R_t, t_t) = source, target
back_t = R_t.swapaxes(-1, -2)
printed = back_t @ R_s, np.einsum("bij,bj->bi", back_t, t_s - t_t)
astray = library.transform(*printed, points_target)
lost = project(model.landmarks(astray), camera)[0]
miss = np.linalg.norm(lost - wanted, axis=-1)
print(f"misses by {miss.min():,.0f} to {miss.max():,.0f} pixels; "
      f"the picture has {camera.width}")
assert miss.min() > 1000

# %% tags=["hide-input"]
sketches.off_the_picture(photograph(source, camera), found, lost)

# %% [markdown]
# The turn now goes about the camera, five metres from the face, and so the face
# swings out of the picture. Why did nobody notice? For one thing, two *equal*
# views give the identity either way, so the simplest test passes. For another,
# the authors' program computes $P_s P_t^{-1}$: only the print is wrong. With
# points as rows, $XP$ instead of $PX$, the printed order would even be right,
# but Eq. 2 multiplies from the left. This book uses $P_s P_t^{-1}$ throughout.

# %%
def matrix(pose):
    """P as a 4 x 4 matrix; (R, t) -> (4, 4)."""
    (R,), (t,) = pose
    return np.block([[R, t[:, None]], [np.zeros(3), 1.0]])


P_s, P_t = matrix(source), matrix(target)
assert np.allclose(P_s @ np.linalg.inv(P_t), matrix(source_from_target))
assert np.allclose(np.linalg.inv(P_t) @ P_s, matrix(printed))
assert np.allclose(np.linalg.inv(P_t) @ P_t, np.eye(4))  # equal views: unseen
rows = np.linalg.inv(P_t.T) @ P_s.T  # the printed order, for rows
assert np.allclose(rows.T, matrix(source_from_target))

# %% [markdown]
# ## All of it, on one page
#
# Here is the camera once more. Together with `pixel_grid`, `rotation`, `invert`
# and `compose` from above, nothing is left out.

# %%
def project_(points, camera):
    return camera.focal * points[..., :2] / points[..., 2:] + camera.center


def unproject_(pixels, depth, camera):
    rays = (pixels - np.array(camera.center)) / camera.focal
    return np.append(rays, np.ones_like(rays[..., :1]), -1) * depth[..., None]


def transform_(R, t, points):
    return points @ R.swapaxes(-1, -2) + t[:, None]


def relative_pose_(source_from_model, target_from_model):
    return compose(source_from_model, invert(target_from_model))

# %% [markdown]
# This is `mgcbook.face.camera.project`, `unproject`, `pixel_grid`,
# `rotation_from_euler`, `transform`, `invert`, `compose` and `relative_pose`.
# The library's versions work on batches and check shapes, and the tape can
# differentiate them. Do they agree?

# %%
rng = np.random.default_rng(4)
some = rng.normal(size=(2, 7, 3)) * 50 + [0, 0, 900]
pixels = library.project(some, camera)
angles, shifts = rng.normal(size=(2, 2, 2, 3))
a = library.rotation_from_euler(angles[0]), shifts[0]
b = library.rotation_from_euler(angles[1]), shifts[1]
same = lambda ours, theirs: all(map(np.allclose, ours, theirs))

assert np.allclose(project_(some, camera), pixels)
assert np.allclose(unproject_(pixels, some[..., 2], camera), some)
assert np.array_equal(pixel_grid(3, 5), library.pixel_grid(3, 5))
assert np.allclose(rotation(0.1, 0.2, 0.3),
                   library.rotation_from_euler(np.array([[0.1, 0.2, 0.3]]))[0])
assert np.allclose(transform_(*a, some), library.transform(*a, some))
assert same(invert(a), library.invert(a))
assert same(compose(a, b), library.compose(a, b))
assert same(relative_pose_(a, b), library.relative_pose(a, b))
print("all agree")

# %% [markdown]
# ## Summary
#
# - A camera divides by depth, $u = f x/z + c_x$; depth also gives the point
#   back, $\mathbf{D}\,\mathbf{K}^{-1}p$ (Eq. 2). Pixel centres: the halves.
# - A pose takes model to camera, $RX + t$. From five metres, 2.73 degrees wide,
#   one picture hardly fixes depth.
# - Two poses lead from view to view, $P_s P_t^{-1}$, not as printed in
#   Sec. 3.2. The warp (Eq. 2) and the losses (Eq. 3 to 5) stand on this.
#
# Next: light, in chapter 5. The rasterizer is chapter 6, the warp chapter 9.
