"""Drawings of chapter 01: arrays as blocks with their letters, the pixels of a picture and of its half."""

import numpy as np

from mgcbook.book import figures
from mgcbook.book.figures import BLUE, GREEN, ORANGE, RED

RGB = (RED, GREEN, BLUE)


def blocks(picture):
    """Four kinds of arrays as blocks with a letter along each axis; (H, W, 3) in [0, 1] -> Picture."""
    alt = "An image is H rows, W columns, C channels; views are N images; a mesh is V rows of three; a basis K meshes."
    figure, axes = figures.canvas((0, 15.2), (0.1, 5.6), y_down=True, alt=alt)
    _title(axes, 1.9, "a picture", "(H, W, C)")
    for c in (2, 1, 0):
        _layer(axes, (0.8 + 0.28 * c, 1.6 - 0.28 * c), (2.0, 2.0), picture[..., c], RGB[c])
    _letters(axes, (0.8, 1.6), (2.0, 2.0), "H", "W", "C", depth=0.56)
    _title(axes, 5.9, "views of a face", "(N, H, W, C)")
    for n in (2, 1, 0):
        _layer(axes, (4.8 + 0.28 * n, 1.6 - 0.28 * n), (2.0, 2.0), picture[:, ::-1] if n == 1 else picture)
    _letters(axes, (4.8, 1.6), (2.0, 2.0), "H", "W", "N", depth=0.56)
    _title(axes, 9.3, "a mesh", "(V, 3)")
    _table(axes, (8.8, 1.6), ORANGE, ("x", "y", "z"))
    _letters(axes, (8.8, 1.6), (1.05, 2.8), "V", "3")
    _title(axes, 12.9, "a basis", "(K, V, 3)")
    for k in (3, 2, 1, 0):
        _table(axes, (12.0 + 0.28 * k, 1.6 - 0.28 * k), ORANGE, ("x", "y", "z") if k == 3 else None)
    _letters(axes, (12.0, 1.6), (1.05, 2.8), "V", "3", "K", depth=0.84)
    return figure


def _title(axes, x, name, letters):
    from mgcbook.book.picture import INK

    axes.text(x, 5.5, f"{name} {letters}", ha="center", va="bottom", color=INK, fontsize=10)


def _layer(axes, corner, size, values, color=None):
    from mgcbook.book.picture import INK

    (x, y), (width, height) = corner, size
    if color is not None:
        from matplotlib.colors import to_rgb

        values = values[..., None] * (0.35 + 0.65 * np.array(to_rgb(color)))
    axes.imshow(np.clip(values, 0, 1), extent=(x, x + width, y, y + height), origin="lower", zorder=2)
    axes.plot([x, x + width, x + width, x, x], [y, y, y + height, y + height, y], color=INK, linewidth=0.8, zorder=2)


def _table(axes, corner, color, names, rows=8, width=0.35):
    from mgcbook.book.picture import MUTED, PAPER

    x, y = corner
    for row in range(rows):
        for column in range(3):
            left, top = x + width * column, y + width * row
            square = [left, left + width, left + width, left], [top, top, top + width, top + width]
            axes.fill(*square, color=PAPER, zorder=2)
            axes.fill(*square, facecolor=color, alpha=0.25 + 0.25 * (column % 2), edgecolor="white", linewidth=1, zorder=2)
    for column, name in enumerate(names or ()):
        axes.text(x + width * (column + 0.5), y - 0.08, name, ha="center", va="bottom", color=MUTED, fontsize=8)


def _letters(axes, corner, size, down, across, deep="", depth=0.0):
    look = dict(color=BLUE, fontsize=12, fontweight="bold", style="italic", ha="center", va="center", zorder=3)
    (x, y), (width, height) = corner, size
    axes.text(x - 0.3, y + height / 2, down, **look)
    axes.text(x + width / 2, y + height + 0.3, across, **look)
    if deep:
        axes.text(x - 0.05 + depth / 2 - 0.22, y - depth / 2 - 0.18, deep, **look)


def two_grids(columns=8):
    """A row of pixels, the same row at half the resolution, and the centres of both at their coordinates; -> Picture."""
    from mgcbook.book.picture import INK, LINE, MUTED

    alt = "Eight pixels above four pixels of twice the width: each large centre lies midway between two small centres."
    figure, axes = figures.canvas((-1.6, columns + 0.3), (-0.9, 4.1), width=6.4, y_down=True, alt=alt)
    for top, step, color, name in ((0, 1, BLUE, "8 pixels"), (2.2, 2, ORANGE, "4 pixels")):
        for place, left in enumerate(range(0, columns, step)):
            square = [left, left + step, left + step, left], [top, top, top + 1, top + 1]
            axes.fill(*square, color=color, alpha=0.10 + 0.12 * (place % 2), linewidth=0)
            axes.text(left + 0.2, top + 0.24, str(place), ha="center", va="center", color=MUTED, fontsize=8)
            for middle in (left + 0.5, left + 1.5) if step == 2 else ():
                axes.plot([middle, left + 1], [0.6, top + 0.6], color=MUTED, linewidth=0.8, zorder=1)
        spots = np.stack([np.arange(0, columns, step) + step / 2, np.full(columns // step, top + 0.6)], axis=-1)
        figures.points(axes, spots, color, size=34)
        axes.text(-0.25, top + 0.5, name, ha="right", va="center", color=color, fontweight="bold")
    for u in range(columns + 1):
        axes.plot([u, u], [0, 1], color=LINE, linewidth=0.8, zorder=0)
        axes.text(u, -0.12, str(u), ha="center", va="bottom", color=MUTED)
        if u % 2 == 0:
            axes.text(u, 3.32, str(u // 2), ha="center", va="top", color=MUTED)
    axes.text(columns / 2, -0.52, "u in the picture", ha="center", va="bottom", color=INK)
    axes.text(columns / 2, 3.66, "u in its half", ha="center", va="top", color=INK)
    return figure
