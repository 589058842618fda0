"""Drawings of chapter 04: the pinhole, pixel centres, the camera to scale, and where the printed relative pose leads."""

import numpy as np

from mgcbook.book import figures
from mgcbook.book.figures import BLUE, GREEN, ORANGE, RED
from mgcbook.face.camera import unproject
from mgcbook.face.raster import rasterize


def profile(points_camera, triangles, camera):
    """Outline of a face in the vertical plane through the optical axis; (1, V, 3), (F, 3) -> (N, 2), z and y in mm."""
    column = rasterize(points_camera, triangles, camera).depth[0, :, camera.width // 2]
    rows = np.flatnonzero(column)
    spots = np.stack([np.full(len(rows), camera.center[0]), rows + 0.5], axis=-1)
    return unproject(spots, column[rows], camera)[:, [2, 1]]


def pinhole(profile, marked, *, plane=120.0):
    """The side view of a pinhole camera: rays from a face through an image plane `plane` mm before the eye; -> Picture.

    Args:
        profile: (N, 2) z and y in the camera's axes, in mm, the outline of a face from the side.
        marked: (M, 2) the points to follow to the eye.
    """
    from mgcbook.book.picture import INK, LINE, MUTED

    deep = profile[:, 0].max()
    tall = np.abs(profile[:, 1]).max()
    alt = "Side view: rays from points of a face pass through the image plane and meet in the pinhole."
    figure, axes = figures.canvas((-62, deep + 50), (-tall - 16, tall + 34), y_down=True, alt=alt)
    axes.plot([0, deep + 40], [0, 0], color=LINE, linewidth=1, zorder=0)
    axes.fill(*profile.T, color=ORANGE, alpha=0.16, linewidth=0)
    axes.plot(*profile.T, color=ORANGE, linewidth=2)
    axes.plot([plane, plane], [-tall * 0.62, tall * 0.62], color=BLUE, linewidth=2.4)
    for z, y in marked:
        axes.plot([0, z], [0, y], color=MUTED, linewidth=0.8, zorder=1)
    seen = np.stack([np.full(len(marked), plane), plane * marked[:, 1] / marked[:, 0]], axis=-1)
    figures.points(axes, marked, ORANGE, size=26)
    figures.points(axes, seen, BLUE, size=26)
    figures.points(axes, [[0, 0]], INK, size=40)
    z, y = marked[-1]
    for depth, height, name in ((plane, seen[-1, 1], "f y / z"), (z, y, "y")):
        axes.plot([depth + 5, depth + 5], [0, height], color=GREEN, linewidth=1.4)
        axes.text(depth + 9, height * 0.5, name, color=GREEN, va="center", style="italic", fontsize=11)
    low = tall + 8
    for far, shift, name in ((plane, 0, "f"), (z, 15, "z")):
        axes.annotate("", (far, low + shift), (0, low + shift), arrowprops=dict(arrowstyle="<|-|>", color=MUTED, linewidth=1))
        axes.text(far / 2, low + shift - 2, name, color=INK, ha="center", va="bottom", style="italic", fontsize=11)
    axes.text(0, -11, "pinhole\n(0, 0, 0)", ha="center", va="bottom", fontsize=9)
    axes.text(plane, -tall * 0.62 - 4, "image", color=BLUE, ha="center", va="bottom", fontweight="bold")
    figures.arrow(axes, (-50, 0), (-28, 0), text="z", place=1.3)
    figures.arrow(axes, (-50, 0), (-50, 22), text="y", place=1.35)
    return figure


def pixel_centres(rows=3, columns=5):
    """A small image with its continuous coordinates along the edges and the centre of every pixel; -> Picture."""
    from mgcbook.book.picture import INK, LINE, MUTED

    alt = f"A picture of {rows} by {columns} pixels: coordinates along its edges, pixel centres at the halves."
    figure, axes = figures.canvas((-0.95, columns + 2.5), (-0.62, rows + 0.12), width=5.4, y_down=True, alt=alt)
    for row in range(rows):
        for column in range(columns):
            shade = 0.06 + 0.10 * ((row + column) % 2)
            square = [column, column + 1, column + 1, column], [row, row, row + 1, row + 1]
            axes.fill(*square, color=BLUE, alpha=shade, linewidth=0, zorder=0)
    for u in range(columns + 1):
        axes.plot([u, u], [0, rows], color=LINE, linewidth=1)
        axes.text(u, -0.12, str(u), ha="center", va="bottom", color=MUTED)
    for v in range(rows + 1):
        axes.plot([0, columns], [v, v], color=LINE, linewidth=1)
        axes.text(-0.12, v, str(v), ha="right", va="center", color=MUTED)
    centres = np.stack(np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5), -1)
    figures.points(axes, centres, BLUE, size=30)
    figures.points(axes, [[0, 0]], INK, size=30)
    axes.annotate("row 1, column 4\ncentre (4.5, 1.5)", (4.5, 1.5), (columns + 0.3, 1.5), color=BLUE, va="center",
                  arrowprops=dict(arrowstyle="-", color=BLUE, linewidth=1, shrinkB=4))  # fmt: skip
    axes.annotate("", (columns, -0.45), (0, -0.45), arrowprops=dict(arrowstyle="<|-|>", color=MUTED, linewidth=1))
    axes.text(columns + 0.15, -0.45, f"u from 0 to W = {columns}", va="center", color=MUTED)
    axes.annotate("", (-0.6, rows), (-0.6, 0), arrowprops=dict(arrowstyle="<|-|>", color=MUTED, linewidth=1))
    axes.text(-0.75, rows / 2, f"v from 0 to H = {rows}", ha="center", va="center", color=MUTED, rotation=90)
    return figure


def to_scale(profile, half_angle):
    """The camera, what it sees and the face, all in their true proportions; (N, 2) z and y in mm, radians -> Picture."""
    from mgcbook.book.picture import INK, MUTED

    far = profile[:, 0].max()
    side = far * np.tan(half_angle)
    alt = f"To scale: a camera, {far / 1000:.1f} m away from a face, sees a wedge of {np.degrees(2 * half_angle):.1f} degrees."
    figure, axes = figures.canvas((-150, far + 130), (-side - 130, side + 170), y_down=True, alt=alt)
    axes.fill([0, far, far], [0, -side, side], color=BLUE, alpha=0.10, linewidth=0)
    axes.plot([far, 0, far], [-side, 0, side], color=BLUE, linewidth=1)
    axes.fill(*profile.T, color=ORANGE)
    figures.points(axes, [[0, 0]], INK, size=30)
    axes.text(-110, -side * 0.3 - 40, "camera", ha="left", va="bottom", color=INK)
    axes.text(far, -side - 15, "face", ha="right", va="bottom", color=ORANGE, fontweight="bold")
    near = profile[:, 0].min()
    axes.annotate("", (near, side + 70), (0, side + 70), arrowprops=dict(arrowstyle="<|-|>", color=MUTED, linewidth=1))
    axes.text(far / 2, side + 85, f"{near / 1000:.2f} m to the nose", ha="center", va="top", color=MUTED)
    angle = f"{np.degrees(2 * half_angle):.2f}°"
    axes.text(far * 0.2, -side * 0.25 - 20, angle, color=BLUE, ha="center", va="bottom", fontweight="bold")
    return figure


def off_the_picture(image, right, wrong):
    """A picture and, to the same scale in pixels, where two formulas put its landmarks; (H, W, 3), (L, 2) x 2 -> Picture."""
    from mgcbook.book.picture import MUTED

    height, width = image.shape[:2]
    both = np.concatenate([right, wrong, [[0, 0], [width, height]]])
    (low_u, low_v), (high_u, high_v) = both.min(0), both.max(0)
    room = 0.03 * (high_u - low_u)
    alt = "The source picture, small; the right landmarks lie on its face, those of the printed formula far outside."
    figure, axes = figures.canvas((low_u - room, high_u + room), (low_v - 2.4 * room, high_v + room), y_down=True, alt=alt)
    axes.imshow(np.clip(image, 0, 1), extent=(0, width, height, 0))
    axes.plot([0, width, width, 0, 0], [0, 0, height, height, 0], color=MUTED, linewidth=1)
    figures.points(axes, right, GREEN, size=2.5, rim=0)
    figures.points(axes, wrong, RED, size=2.5, rim=0)
    axes.set(xlim=(low_u - room, high_u + room), ylim=(high_v + room, low_v - 2.4 * room))
    start, end = right.mean(0), wrong.mean(0)
    figures.arrow(axes, start + 0.06 * (end - start), end - 0.03 * (end - start), MUTED, width=0.9)
    beside = dict(textcoords="offset points", ha="center")
    way = f"{np.linalg.norm(end - start):,.0f} pixels"
    axes.annotate(way, (start + end) / 2, (0, -9), color=MUTED, va="top", **beside)
    for spots, name, color in ((np.array([[0, 0], [width, 0]]), "$P_s\\,P_t^{-1}$", GREEN), (wrong, "$P_t^{-1}P_s$", RED)):
        above = spots[:, 0].mean(), spots[:, 1].min()
        axes.annotate(name, above, (0, 5), color=color, va="bottom", fontsize=12, **beside)
    return figure
