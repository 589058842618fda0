"""Drawings of chapter 14: errors as colours on faces, scans, curves of errors, and intervals."""

import numpy as np

from mgcbook.book import figures
from mgcbook.book.figures import BLUE, ORANGE
from mgcbook.data.protocols.tables import heat
from mgcbook.face.camera import PAPER_CAMERA, camera_from_model, main_pose, transform
from mgcbook.face.normals import vertex_normals
from mgcbook.face.render import render

METHODS = "#8a8780", ORANGE, BLUE
"""The mean face, the landmarks, half-way."""


def on_paper(model, vertices, colors, yaw=0.0, triangles=None):
    """A mesh with these colours, shaded a little; (V, 3) mm, (V, 3), degrees -> (196, 156, 3) in [0, 1]."""
    triangles = model.triangles if triangles is None else triangles
    main = main_pose(model.mean, model.landmark_vertices, PAPER_CAMERA)
    pose = camera_from_model(np.radians([[0.0, yaw, 0.0]]), np.zeros((1, 3)), main)
    normals = np.nan_to_num(vertex_normals(np.asarray(vertices, np.float64)[None], triangles))
    towards = np.clip((normals @ pose[0][0].T)[..., 2:] * -1, 0, 1)
    seen = render(transform(*pose, vertices[None]), triangles, colors * (0.62 + 0.38 * towards), PAPER_CAMERA)
    image = np.where(seen.mask[0][..., None] > 0, seen.image[0], figures.paper(224, 224))
    return image[14:210, 34:190] if yaw == 0 else image[14:210, 56:212]  # a turned face reaches further to the right


def heated(model, vertices, errors, largest=8.0, yaw=0.0):
    """A face whose errors are colours, dark at 0 and yellow at `largest` mm, grey where an error is NaN; -> (196, 156, 3)."""
    known = np.isfinite(errors)[:, None]
    return on_paper(model, vertices, np.where(known, heat(np.nan_to_num(errors), largest), 0.72), yaw)


def bar(figure, largest, *, wide=1.5):
    """The scale of `heated` at the foot of a figure."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes([0.5 - wide / 2 / width, 0.07 / height, wide / width, 0.09 / height])
    axes.imshow(heat(np.linspace(0, 1, 64), 1.0)[None], aspect="auto", extent=(0, 1, 0, 1))
    axes.set_axis_off()
    for side, text, place in (("right", "0", -0.04), ("left", f"{largest:g} mm", 1.04)):
        axes.text(place, 0.5, text, ha=side, va="center", fontsize=8.5)
    return figure


def scan_picture(model, vertices, triangles, inside, yaw=35.0):
    """A scan, coloured where it counts; (P, 3) in the model's axes, (F, 3), (P,) bool -> (196, 156, 3)."""
    from matplotlib.colors import to_rgb

    colors = np.where(inside[:, None], np.array(to_rgb(figures.SKY)), 0.8)
    return on_paper(model, vertices, colors, yaw, triangles)


def curves(lines, *, across, up, width=4.6, height=2.6, marker=None, alt=""):
    """Several curves in one axes, each with its name at its end; name -> (x, y, colour) -> Picture."""
    from mgcbook.book.picture import Picture

    figure = Picture(width, height, alt=alt)
    axes = figure.add_axes([0.52 / width, 0.45 / height, 1 - 1.75 / width, 1 - 0.60 / height])
    for x, y, color in lines.values():
        axes.plot(x, y, color=color, marker=marker, markersize=3.5)
    axes.set(xlabel=across, ylabel=up, ylim=(0, None), xlim=(x[0], x[-1]))
    _name_ends(axes, lines)
    return figure


def _name_ends(axes, lines):
    """Names to the right of the curves, moved apart where they would touch."""
    low, high = axes.get_ylim()
    step, last = 0.085 * (high - low), -np.inf
    for name, (x, y, color) in sorted(lines.items(), key=lambda item: item[1][1][-1]):
        last = max(y[-1], last + step)
        axes.text(x[-1] + 0.015 * (x[-1] - x[0]), last, name, color=color, va="center", fontsize=8.5, clip_on=False)


def distributions(lines, limits, *, across, of="people", width=4.6, alt=""):
    """Cumulative error curves; name -> (part (M,), colour), limits (M,) -> Picture."""
    from mgcbook.book.picture import Picture

    figure = Picture(width, 2.7, alt=alt)
    axes = figure.add_axes([0.55 / width, 0.45 / 2.7, 1 - 0.7 / width, 1 - 0.6 / 2.7])
    for place, (name, (part, color)) in enumerate(lines.items()):
        axes.plot(limits, 100 * part, color=color, linewidth=2)
        axes.text(0.98, 0.06 + 0.10 * place, name, color=color, transform=axes.transAxes, ha="right", fontsize=9.5)
    axes.set(xlabel=across, ylabel=f"% of the {of}", xlim=(limits[0], limits[-1]), ylim=(0, 102))
    return figure


def intervals(rows, *, across, width=6.4, alt=""):
    """Means with their intervals, one below the other, and a line at 0; name -> (middle, low, high, colour) -> Picture."""
    from mgcbook.book.picture import LINE, MUTED, Picture

    height = 0.30 * len(rows) + 0.55
    figure = Picture(width, height, alt=alt)
    axes = figure.add_axes([2.55 / width, 0.42 / height, 1 - 2.7 / width, 1 - 0.47 / height])
    axes.axvline(0, color=MUTED, linewidth=1)
    for place, (middle, low, high, color) in enumerate(rows.values()):
        axes.plot([low, high], [-place, -place], color=color, linewidth=3, solid_capstyle="butt")
        axes.plot(middle, -place, "o", color=color, markersize=5.5, markeredgecolor="white")
    axes.set(xlabel=across, ylim=(-len(rows) + 0.5, 0.5), yticks=-np.arange(len(rows)))
    axes.set_yticklabels(rows, fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=LINE, linewidth=0.6)
    axes.spines["left"].set_visible(False)
    return figure
