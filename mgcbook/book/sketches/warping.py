"""Drawings of chapter 09: four pixels around a place, a pixel's way through space, and errors of depth."""

import numpy as np

from mgcbook.book import figures
from mgcbook.book.figures import BLUE, GREEN, ORANGE, PINK, RED


def four_centres(place):
    """A place between four pixel centres and the rectangles that are their weights; (u, v), both 0.5 to 1.5 -> Picture."""
    from mgcbook.book.picture import INK, LINE

    u, v = place
    centres = np.array([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5], [1.5, 1.5]])
    shares = [(1 - abs(x - u)) * (1 - abs(y - v)) for x, y in centres]
    weights = ", ".join(f"{share:.2f}" for share in shares)
    alt = f"A place between four pixel centres; their weights are the opposite rectangles: {weights}."
    figure, axes = figures.canvas((-0.1, 3.75), (-0.1, 2.1), width=4.4, y_down=True, alt=alt)
    for line in range(3):
        axes.plot([0, 2], [line, line], color=LINE, linewidth=1, zorder=0)
        axes.plot([line, line], [0, 2], color=LINE, linewidth=1, zorder=0)
    for (x, y), share, color, name in zip(centres, shares, (BLUE, ORANGE, GREEN, PINK), ("00", "01", "10", "11"), strict=True):
        far_x, far_y = 2 - x, 2 - y  # the opposite centre
        axes.fill([u, far_x, far_x, u], [v, v, far_y, far_y], color=color, alpha=0.45, linewidth=0)
        axes.text((u + far_x) / 2, (v + far_y) / 2, f"{share:.2f}", ha="center", va="center", fontsize=9, color=INK)
        figures.points(axes, [[x, y]], color, size=55)
        side, place_x = ("left", x + 0.17) if x > 1 else ("right", x - 0.17)
        axes.text(place_x, y - 0.12, f"$I_{{{name}}}$", color=color, ha=side, va="bottom", fontsize=12)
    figures.points(axes, [[u, v]], INK, size=45)
    axes.annotate("$p_s$", (u, v), (7, 4), textcoords="offset points", fontsize=12, color=INK)
    axes.text(2.15, 1.0, "each colour's area is\nthe weight of the\ncentre of that colour", color=INK, va="center", fontsize=8.5)
    return figure


def valleys(offsets, curves):
    """Differences of colour against an error of depth; name -> (N,), the first is the whole face, -> Picture."""
    from mgcbook.book.picture import MUTED, Picture

    names = ", ".join(curves)
    alt = f"Difference of colour against an error of depth, for {names}: only that of the face is one valley."
    figure = Picture(5.2, 2.4, alt=alt)
    axes = figure.add_axes((0.1, 0.19, 0.64, 0.77))
    axes.axvline(0, color=MUTED, linewidth=0.8, linestyle=":")
    gap = 0.07 * max(map(max, curves.values()))
    height = -gap
    colors = dict(zip(curves, (BLUE, ORANGE, PINK), strict=False))
    for name, values in sorted(curves.items(), key=lambda curve: curve[1][-1]):
        axes.plot(offsets, values, color=colors[name], linewidth=2.2 if colors[name] == BLUE else 1.3)
        height = max(values[-1], height + gap)
        look = dict(textcoords="offset points", color=colors[name], va="center", fontweight="bold", annotation_clip=False)
        axes.annotate(name, (offsets[-1], height), (6, 0), **look)
    axes.set(xlabel="depth is wrong by (mm)", ylabel="difference of colour", ylim=(0, None))
    return figure


def depth_error(depth, truth, where, full=10.0):
    """Errors of depth as colours: white right, blue too near, red too far, all of it at `full` mm; (H, W) x 3 -> (H, W, 3)."""
    from matplotlib.colors import to_rgb

    share = np.clip((np.asarray(depth) - truth) / full, -1, 1)[..., None]
    colors = np.where(share > 0, np.array(to_rgb(RED)), np.array(to_rgb(BLUE)))
    picture = 1 - np.abs(share) * (1 - colors)
    return np.where(where[..., None] > 0, picture, figures.paper(*truth.shape) * 0.93)


def ways(scene, pose_target, pose_source, camera, point, plane):
    """Draw into a Scene how a pixel of the target reaches the source: both rays to a point, and where they cross the images.

    Args:
        pose_target, pose_source: camera_from_model.
        point: (3,) in the model's axes; plane: depth of the drawn images, in mm.
    """
    from mgcbook.book.picture import INK
    from mgcbook.face.camera import invert, project, transform, unproject

    for pose, color, name, shift in ((pose_target, BLUE, "$p_t$", (50, 2)), (pose_source, ORANGE, "$p_s$", (20, 30))):
        pixel = project(transform(*pose, point[None, None]), camera)[0]
        eye = transform(*invert(pose), np.zeros((1, 1, 3)))[0, 0]
        crossing = transform(*invert(pose), unproject(pixel, np.full(1, plane), camera)[None])[0, 0]
        scene.line(np.stack([eye, point]), color, 2.0)
        scene.text(crossing, name, color, shift=shift)
    scene.text(point, "$X$", INK, shift=(14, 2))
