"""Drawings of chapter 06: a triangle over pixels, and a loss with and without a soft outline."""

import numpy as np

from mgcbook.book import figures
from mgcbook.book.figures import BLUE, GREEN, ORANGE, RED


def triangle_on_pixels(corners, inside):
    """A triangle over a grid of pixels, the centres that it covers in orange; (3, 2), (H, W) bool -> Picture."""
    from mgcbook.book.picture import INK, LINE

    height, width = inside.shape
    alt = f"A triangle over {height} by {width} pixels; {inside.sum()} pixel centres lie in it, and those pixels are filled."
    figure, axes = figures.canvas((-0.5, width + 0.5), (-0.5, height + 0.5), width=4.4, y_down=True, alt=alt)
    for row, column in zip(*np.nonzero(inside), strict=True):
        square = [column, column + 1, column + 1, column], [row, row, row + 1, row + 1]
        axes.fill(*square, color=ORANGE, alpha=0.3, linewidth=0, zorder=0)
    for u in range(width + 1):
        axes.plot([u, u], [0, height], color=LINE, linewidth=0.8, zorder=0)
    for v in range(height + 1):
        axes.plot([0, width], [v, v], color=LINE, linewidth=0.8, zorder=0)
    centres = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1)
    figures.points(axes, centres[~inside], "#b9b6ad", size=10)
    figures.points(axes, centres[inside], ORANGE, size=18)
    axes.plot(*np.append(corners, corners[:1], 0).T, color=BLUE, linewidth=1.6)
    figures.points(axes, corners, BLUE, size=36)
    middle = corners.mean(0)
    for number, corner in enumerate(corners):
        spot = corner + 0.55 * (corner - middle) / np.linalg.norm(corner - middle)
        axes.text(*spot, str(number), color=BLUE, ha="center", va="center", fontweight="bold")
    axes.text(0.1, -0.1, f"{inside.sum()} of {inside.size}", color=INK, va="bottom", fontsize=8.5)
    return figure


def three_areas(corners, spot):
    """The three triangles that a point makes with the edges of a triangle; (3, 2), (2,) -> Picture."""
    from mgcbook.book.picture import INK

    low, high = corners.min(0) - 1.1, corners.max(0) + 1.1
    alt = "A point in a triangle cuts it into three; the part opposite a corner is that corner's weight."
    figure, axes = figures.canvas((low[0], high[0]), (low[1], high[1]), width=4.2, y_down=True, alt=alt)
    for number, color in enumerate((BLUE, ORANGE, GREEN)):
        others = [corners[(number + 1) % 3], corners[(number + 2) % 3]]
        part = np.stack([spot, *others])
        axes.fill(*part.T, color=color, alpha=0.28, linewidth=0)
        axes.text(*part.mean(0), f"$e_{number}$", color=color, ha="center", va="center", fontsize=15)
        corner = corners[number]
        figures.points(axes, corner[None], color, size=50)
        away = corner + 0.6 * (corner - corners.mean(0)) / np.linalg.norm(corner - corners.mean(0))
        axes.text(*away, f"$p_{number}$", color=color, ha="center", va="center", fontsize=14)
    axes.plot(*np.append(corners, corners[:1], 0).T, color=INK, linewidth=1.2)
    figures.points(axes, spot[None], INK, size=40)
    axes.annotate("pixel centre $s$", spot, (6, -13), textcoords="offset points", fontsize=9)
    return figure


def staircase(shifts, hard, soft, target, start=None, end=None):
    """A loss against the place of a face, with hard and with soft outlines, and perhaps a walk downhill; (N,) x 3 -> Picture."""
    from mgcbook.book.picture import MUTED, Picture

    alt = "With hard outlines the loss is a staircase, flat almost everywhere; with soft ones it slopes down to the target."
    figure = Picture(5.6, 2.8, alt=alt)
    axes = figure.add_axes((0.1, 0.18, 0.87, 0.76))
    axes.plot(shifts, hard, color=RED)
    axes.plot(shifts, soft, color=GREEN)
    axes.axvline(target, color=MUTED, linewidth=0.8, linestyle=":")
    axes.set(xlabel="shift of the face (mm)", ylabel="loss", ylim=(0, None))
    bold = dict(transform=axes.transAxes, fontweight="bold")
    axes.text(0.2, 0.88, "hard outline: a staircase", color=RED, **bold)
    axes.text(0.04, 0.08, "soft outline: a slope", color=GREEN, **bold)
    if start is not None:
        figures.points(axes, [start], GREEN, size=45)
        figures.points(axes, [end], GREEN, size=45, hollow=True)
        axes.annotate("start", start, (-6, -14), textcoords="offset points", ha="right", color=GREEN)
        axes.annotate("end", end, (6, 8), textcoords="offset points", color=GREEN)
    return figure
