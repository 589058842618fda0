"""Drawings of chapter 10: lines and dots painted into pictures, signed differences, and which loss notices what."""

import numpy as np

from mgcbook.book import figures
from mgcbook.book.figures import BLUE, GREEN, ORANGE, RED


def with_dots(image, spots, colors, *, lines=None, size=3.2, thick=0.8):
    """A picture with discs at `spots`, and lines below them; (H, W, 3), (N, 2) pixels, N colours -> (H, W, 3).

    Args:
        lines: (N, 3) a, b, c of a u + b v + c = 0; None for none.
    """
    from matplotlib.colors import to_rgb

    height, width = image.shape[:2]
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    colors = [np.array(to_rgb(color)) for color in colors]
    image = np.array(image, np.float64)
    for (a, b, c), color in zip([] if lines is None else lines, colors, strict=lines is not None):
        away = np.abs(a * u + b * v + c) / np.hypot(a, b)
        image = _cover(image, color, np.clip(thick + 0.5 - away, 0, 1))
    for (x, y), color in zip(spots, colors, strict=True):
        away = np.hypot(u - x, v - y)
        image = _cover(image, np.ones(3), np.clip(size + 1.5 - away, 0, 1))
        image = _cover(image, color, np.clip(size + 0.5 - away, 0, 1))
    return image


def _cover(image, color, share):
    return image + share[..., None] * (color - image)


def signed(difference, shown, largest):
    """A difference as colours, blue below 0, white at 0, vermilion above; (H, W) x 2 -> (H, W, 3)."""
    from matplotlib.colors import to_rgb

    share = np.clip(np.abs(difference) / largest, 0, 1)[..., None]
    ends = np.where(difference[..., None] < 0, np.array(to_rgb(BLUE)), np.array(to_rgb(RED)))
    return np.where(shown[..., None] > 0, 1 + share * (ends - 1), figures.paper(*difference.shape))


def colour_bar(axes, low, high):
    """The scale of `signed`, below an image: two numbers with their colours."""
    look = dict(transform=axes.transAxes, va="top", fontsize=8.5)
    axes.text(0.0, -0.03, low, color=BLUE, ha="left", **look)
    axes.text(1.0, -0.03, high, color=RED, ha="right", **look)


NOTICES, BLIND, MISLED = "notices", "blind", "misled"
LOOK = {NOTICES: GREEN, BLIND: "#9a978f", MISLED: RED}


def verdict(values, largest):
    """Does a loss along a lie, the truth in the middle, have its least value there? (M,), its usual size -> a word."""
    middle = len(values) // 2
    if np.ptp(values) < 0.07 * largest:
        return BLIND
    slack = len(values) // 12  # the outline moves the least value a little
    return NOTICES if abs(int(np.argmin(values)) - middle) <= slack else MISLED


def who_notices(lies, losses, table):
    """A grid of curves, one row for each loss and one column for each lie; every row has one scale -> Picture.

    Args:
        lies: name -> (M,) how large the lie is, the truth in the middle.
        losses: name -> unit.
        table: (losses, lies, M).
    """
    from mgcbook.book.picture import INK, MUTED, Picture

    largest = table.max(axis=(1, 2))
    verdicts = [[verdict(curve, top) for curve in row] for row, top in zip(table, largest, strict=True)]
    alt = "; ".join(f"{name}: {', '.join(words)}" for name, words in zip(losses, verdicts, strict=True))
    rows, columns = table.shape[:2]
    width, left, above, tall, below = 5.7, 0.94, 0.46, 0.58, 0.26
    height = above + rows * tall + below
    figure = Picture(width, height, alt=f"Curves of losses along lies ({', '.join(lies)}). {alt}".replace("\n", " "))
    wide = (width - left - figures.MARGIN) / columns
    for i, (loss, unit) in enumerate(losses.items()):
        bottom = height - above - (i + 1) * tall
        figure.text(0.08 / width, (bottom + 0.37) / height, loss, va="center", fontsize=8.5, color=INK)
        figure.text(0.08 / width, (bottom + 0.06) / height, f"0 to {largest[i]:.2g}{unit}", fontsize=7.5, color=MUTED)
        for j, (lie, sizes) in enumerate(lies.items()):
            axes = figure.add_axes([(left + j * wide + 0.05) / width, (bottom + 0.06) / height,
                                    (wide - 0.10) / width, (tall - 0.12) / height])  # fmt: skip
            color = LOOK[verdicts[i][j]]
            axes.axvline(sizes[len(sizes) // 2], color="#d9d6cd", linewidth=1, zorder=0)
            axes.plot(sizes, table[i, j], color=color, linewidth=2.2)
            axes.spines["left"].set_visible(False)
            axes.set(ylim=(-0.08 * largest[i], 1.12 * largest[i]), xticks=[], yticks=[])
            axes.set_xlim(sizes[0], sizes[-1])
            if verdicts[i][j] != BLIND:  # a flat line says so itself
                level = 0.94 if verdicts[i][j] == NOTICES else 0.30  # where the curve leaves room
                axes.text(0.5, level, verdicts[i][j], transform=axes.transAxes, ha="center", va="top", color=color, fontsize=8)
            if i == 0:
                axes.set_title(lie, fontsize=8.5, color=INK, pad=4)
            if i == rows - 1:
                axes.set_xticks([sizes[0], sizes[len(sizes) // 2], sizes[-1]])
                for label, side in zip(axes.get_xticklabels(), ("left", "center", "right"), strict=True):
                    label.set_ha(side)
    return figure


def landscapes(turns, floors, titles, *, marks):
    """Two losses over two turns as maps with contour lines, one scale for both; (M,), (2, M, M) -> Picture.

    Args:
        floors: [panel, turn of the pose, turn that the shape was made for].
        marks: the truth on both axes.
    """
    from mgcbook.book.picture import INK, Picture

    width, side, left, gap, below = 5.6, 2.05, 0.60, 0.66, 0.48
    height = side + below + 0.32
    figure = Picture(width, height, alt="Two maps of a loss: " + "; ".join(titles).replace("\n", " "))
    low, high = float(np.min(floors)), float(np.max(floors))
    levels = np.geomspace(low * 1.02, high, 9)
    for number, (floor, title) in enumerate(zip(floors, titles, strict=True)):
        axes = figure.add_axes([(left + number * (side + gap)) / width, below / height, side / width, side / height])
        axes.contourf(turns, turns, floor, levels=np.r_[low * 0.98, levels], cmap="cividis_r")
        axes.plot(*marks, marker="+", markersize=12, markeredgewidth=2, color=INK)
        axes.set_title(title, fontsize=9.5, color=INK)
        axes.set_xlabel("turn the shape was made for, degrees")
        axes.set_ylabel("turn of the source, degrees")
    return figure


def cut_open(pieces, *, names=("the face", "the lie"), width=2.9):
    """Outlines of faces cut open at the height of the nose, seen from above; a list of (N, 2, 2) x and z in mm -> Picture."""
    ends = np.concatenate([part.reshape(-1, 2) for part in pieces])
    low, high = ends.min(0), ends.max(0)
    alt = "Faces cut open, seen from above: " + " and ".join(names)
    figure, axes = figures.canvas((low[0] - 6, high[0] + 6), (low[1] - 8, high[1] + 22), width=width, alt=alt)
    for part, color, name, side in zip(pieces, (GREEN, RED), names, (0.06, 0.94), strict=True):
        for piece in part:
            axes.plot(*piece.T, color=color, linewidth=2.6)
        axes.text(side, 0.98, name, color=color, transform=axes.transAxes, ha="left" if side < 0.5 else "right", va="top",
                  fontweight="bold")  # fmt: skip
    return figure


FIG4 = RED, GREEN, BLUE
"""Ear, jaw and nose in Fig. 4 of the paper."""
TARGET, SOURCE = BLUE, ORANGE
