"""Drawings of chapter 12: how far each output moves a face, what the losses weigh, and two kinds of training, seed by seed."""

import numpy as np

from mgcbook.book import figures
from mgcbook.book.figures import BLUE, GREEN, ORANGE


def triples(pictures, landmarks, titles, alt):
    """The pictures of several items in a row, with their landmarks; (B, N, H, W, 3), (B, N, 68, 2) -> Picture."""
    row = figures.image_row([picture for item in pictures for picture in item], titles, width=5.6, nearest=True, alt=alt)
    for axes, spots in zip(row.axes, np.reshape(landmarks, (-1, 68, 2)), strict=True):
        figures.points(axes, spots, BLUE, size=3, rim=0)
    return row


def units(before, after):
    """How far landmarks move for one unit of an output, with plain units and chosen ones; name -> pixels, twice -> Picture."""
    from mgcbook.book.picture import INK, LINE, Picture

    names = list(before)
    told = lambda name: f"{before[name]:.2g}" + (f", then {after[name]:.2g}" if after[name] != before[name] else "")
    alt = "Pixels that one unit of an output moves the landmarks: " + "; ".join(f"{name} {told(name)}" for name in names)
    figure = Picture(4.8, 0.25 * len(names) + 0.75, alt=alt)
    low = 0.5 / figure.get_size_inches()[1]
    axes = figure.add_axes((0.24, low, 0.72, 0.97 - low))
    for place, name in enumerate(names):
        axes.axhline(place, color=LINE, linewidth=0.8, zorder=0)
        changed = abs(np.log(after[name] / before[name])) > 0.1
        if changed:
            look = dict(arrowstyle="-|>", color=ORANGE, linewidth=1.3, shrinkA=4, shrinkB=4)
            axes.annotate("", (after[name], place), (before[name], place), arrowprops=look)
            axes.scatter(after[name], place, s=30, color=ORANGE, zorder=3)
        axes.scatter(before[name], place, s=30, color=BLUE, zorder=3)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names, color=INK)
    axes.set(ylim=(len(names) - 0.5, -0.5), xlabel="pixels that the landmarks move, of 224, for one unit")
    axes.tick_params(axis="y", length=0)
    return figure


def paired(columns, names=("without", "with")):
    """Seed by seed, a line from the measure without to that with, a panel a measure; title -> (N, 2) -> Picture."""
    from mgcbook.book.picture import MUTED, Picture

    alt = "; ".join(f"{title}: {np.mean(pairs, axis=0)[0]:.3g} {names[0]}, {np.mean(pairs, axis=0)[1]:.3g} {names[1]}"
                    for title, pairs in columns.items())  # fmt: skip
    figure = Picture(6.8, 2.1, alt=f"Means over seeds. {alt}")
    for column, (title, pairs) in enumerate(columns.items()):
        axes = figure.add_axes(((column + 0.33) / len(columns), 0.13, 0.62 / len(columns), 0.71))
        for first, second in np.asarray(pairs):
            axes.plot([0, 1], [first, second], color=GREEN if second < first else figures.RED, linewidth=1.4)
            axes.scatter([0, 1], [first, second], color=[BLUE, ORANGE], s=22, zorder=3)
        axes.set_xticks([0, 1], names)
        axes.set(xlim=(-0.25, 1.25))
        axes.margins(y=0.15)
        axes.ticklabel_format(axis="y", useOffset=False)
        axes.locator_params(axis="y", nbins=5)
        axes.set_title(title, fontsize=9)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="x", length=0, labelcolor=MUTED)
    return figure
