"""Drawings of a scene in space: meshes, cameras and axes, seen from far away. Arrays in, a matplotlib figure out.

    scene = Scene(yaw=-0.5, pitch=0.4)
    scene.mesh(model.mean, model.triangles, colors)
    scene.camera(camera_from_model, camera, 130.0, color=figures.BLUE, label="target", image=photo)
    scene.picture()

Meshes go through the book's own rasterizer; lines are drawn over them, faint where a mesh hides them.
"""

import itertools

import numpy as np

from mgcbook.book import figures
from mgcbook.face.camera import Camera, invert, project, transform, unproject
from mgcbook.face.render import render

FAR = 1e5
"""Distance of the eye, in mm: so far that parallel lines stay parallel."""
OVERSAMPLING = 2


class Scene:
    """What is to be drawn, in the axes of the model (x right, y up, z to the viewer), and from where."""

    def __init__(self, yaw=0.0, pitch=0.0):
        """The scene turned by `yaw` about its y, then tipped towards the viewer by `pitch`; radians."""
        cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
        upright = np.diag([1.0, -1.0, -1.0])
        turn = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]) @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        self._pose = (upright @ turn)[None], np.array([[0.0, 0.0, FAR]])
        self._meshes, self._lines, self._arrows, self._texts = [], [], [], []

    def mesh(self, vertices, triangles, colors):
        """A coloured mesh; (V, 3), (F, 3), (V, 3) in [0, 1]."""
        self._meshes.append((self._seen(vertices), np.asarray(triangles), np.asarray(colors, np.float64)))

    def line(self, points, color=figures.BLUE, width=1.2):
        """A line through points (N, 3)."""
        self._lines.append((self._seen(points), color, width))

    def text(self, point, text, color=figures.BLUE, *, shift=(0, 0)):
        """A word at a point (3,), moved on the page by `shift` points of type."""
        self._texts.append((self._seen(point), text, color, shift))

    def axes(self, origin, rotation=None, length=60.0, names=("x", "y", "z")):
        """Three arrows, the columns of `rotation` (3, 3): the axes of a frame, in the colours of `figures.AXIS_COLORS`."""
        rotation = np.eye(3) if rotation is None else rotation
        for name, direction, color in zip(names, np.transpose(rotation), figures.AXIS_COLORS.values(), strict=True):
            ends = np.asarray(origin) + np.array([[0.0], [length]]) * direction
            self._arrows.append((self._seen(ends), name, color))

    def camera(self, camera_from_model, camera, depth, *, color=figures.BLUE, label="", image=None):
        """The pyramid that a camera sees, down to `depth` mm, and a picture (H, W, 3) on its base.

        Args:
            camera_from_model: pose (rotation (1, 3, 3), translation (1, 3)).
        """
        w, h = camera.width, camera.height
        place = lambda pixels, z: transform(*invert(camera_from_model), unproject(pixels, z, camera)[None])[0]
        base = place(np.array([[0, 0], [w, 0], [w, h], [0, h], [0, 0]], np.float64), np.full(5, depth))
        eye = place(np.zeros((1, 2)), np.zeros(1))
        self.line(base, color, 1.8)
        for corner in base[:4]:
            self.line(np.stack([eye[0], corner]), color)
        if image is not None:
            edges = np.stack(np.meshgrid(np.linspace(0, w, image.shape[1]), np.linspace(0, h, image.shape[0])), -1)
            pixels = np.reshape(edges, (-1, 2))
            self.mesh(place(pixels, np.full(len(pixels), depth)), _grid_triangles(*image.shape[:2]), np.reshape(image, (-1, 3)))
        if label:
            self.text(eye[0], label, color, shift=(0, -12))

    def _seen(self, points):
        return transform(*self._pose, np.reshape(np.asarray(points, np.float64), (1, -1, 3)))[0]

    def picture(self, *, width=figures.WIDTH, alt=""):
        """The drawing; -> Picture."""
        everything = [points for points, *_ in self._meshes + self._lines + self._arrows + self._texts]
        corners = np.concatenate(everything)[:, :2]
        room = 0.05 * np.ptp(corners, axis=0).max()
        low, high = corners.min(0) - room, corners.max(0) + room
        dots = 100 * OVERSAMPLING * width / (high[0] - low[0])  # per mm
        lens = Camera(dots * FAR, *np.ceil(dots * (high - low)).astype(int).tolist(), center=tuple(-dots * low))
        image, depth = self._paint(lens)
        figure, axes = figures.canvas((0, lens.width), (0, lens.height), width=width, y_down=True, alt=alt)
        axes.imshow(image, extent=(0, lens.width, lens.height, 0), interpolation="antialiased")
        axes.set(xlim=(0, lens.width), ylim=(lens.height, 0))
        for points, color, thick in self._lines:
            _draw_line(axes, points, depth, lens, color, thick)
        for ends, name, color in self._arrows:
            figures.arrow(axes, *project(ends, lens), color, text=name, place=1.22)
        for (point,), text, color, shift in self._texts:
            look = dict(textcoords="offset points", ha="center", va="center", color=color, fontweight="bold", fontsize=10)
            axes.annotate(text, project(point, lens), shift, **look)
        return figure

    def _paint(self, lens):
        """All meshes in one picture; -> (H, W, 3), (H, W) depth, infinite where there is nothing."""
        ground = figures.paper(lens.height, lens.width)
        if not self._meshes:
            return ground, np.full((lens.height, lens.width), np.inf)
        counts = np.cumsum([0] + [len(points) for points, *_ in self._meshes])
        points, triangles, colors = zip(*self._meshes, strict=True)
        triangles = np.concatenate([part + first for part, first in zip(triangles, counts[:-1], strict=True)]).astype(np.int32)
        drawn = render(np.concatenate(points)[None], triangles, np.concatenate(colors)[None], lens)
        seen = drawn.mask[0] > 0
        return np.where(seen[..., None], np.clip(drawn.image[0], 0, 1), ground), np.where(seen, drawn.depth[0], np.inf)


def _draw_line(axes, points, depth, lens, color, width):
    """A line, faint where `depth` says that something is in front of it."""
    steps = np.linspace(0, 1, 200)[:, None]
    for start, end in itertools.pairwise(points):
        along = start + steps * (end - start)
        spots = project(along, lens)
        columns, rows = np.clip(spots.astype(int), 0, [lens.width - 1, lens.height - 1]).T
        hidden = depth[rows, columns] < along[:, 2] - 1.0  # 1 mm: a line on a surface is not hidden by it
        for part, alpha in ((hidden, 0.22), (~hidden, 1.0)):
            axes.plot(*np.where(part[:, None], spots, np.nan).T, color=color, linewidth=width, alpha=alpha)


def _grid_triangles(height, width):
    """Two triangles for every square of a grid of points; -> (F, 3)."""
    first = (np.arange(height - 1)[:, None] * width + np.arange(width - 1)).ravel()
    upper = np.stack([first, first + width, first + 1], axis=-1)
    lower = np.stack([first + 1, first + width, first + width + 1], axis=-1)
    return np.concatenate([upper, lower])
