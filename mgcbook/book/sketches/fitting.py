"""Drawings of chapter 07: how losses fall, how far two pictures tell faces apart, and fitted depth against the true one."""

import numpy as np

from mgcbook.book import figures
from mgcbook.book.figures import BLUE, GREEN, ORANGE, PINK, RED


def falling(shares):
    """What each loss adds to the total, against the steps of a descent; name -> (N,), -> Picture."""
    from mgcbook.book.picture import Picture

    alt = "Losses against steps: " + ", ".join(f"{name} from {v[0]:.2g} to {v[-1]:.2g}" for name, v in shares.items())
    figure = Picture(5.0, 2.4, alt=alt)
    axes = figure.add_axes((0.11, 0.18, 0.67, 0.78))
    order = sorted(shares, key=lambda name: shares[name][-1])
    heights = np.exp(_apart(np.log([shares[name][-1] for name in order]), 0.32))
    colors = dict(zip(shares, (BLUE, ORANGE, GREEN, PINK), strict=False))
    for name, height in zip(order, heights, strict=True):
        axes.semilogy(np.arange(len(shares[name])), shares[name], color=colors[name])
        look = dict(textcoords="offset points", color=colors[name], va="center", fontweight="bold", annotation_clip=False)
        axes.annotate(name, (len(shares[name]) - 1, height), (5, 0), **look)
    axes.set(xlabel="step", ylabel="weight times loss")
    return figure


def told_apart(depths, here, there, angle):
    """How far landmarks move in the photograph and in one from the side, against the depth of the nose; (N,) x 3 -> Picture."""
    from mgcbook.book.picture import Picture

    alt = (
        f"Landmarks move by at most {max(here):.1f} pixels in the photograph and by {max(there):.1f} seen from {angle} degrees, "
        f"as the nose goes from {min(depths):.0f} to {max(depths):+.0f} mm."
    )
    figure = Picture(4.8, 2.6, alt=alt)
    axes = figure.add_axes((0.12, 0.19, 0.86, 0.76))
    kinds = (here, BLUE, "in the photograph", (0, 9)), (there, ORANGE, f"seen from {angle}° to a side", (-9, 0))
    for values, color, name, shift in kinds:
        axes.plot(depths, values, color=color, marker="o", markersize=4)
        look = dict(textcoords="offset points", color=color, ha="right", va="center", fontweight="bold")
        axes.annotate(name, (depths[-1], values[-1]), shift, **look)
    axes.set(xlabel="depth of the nose, compared with the fit (mm)", ylabel="largest move (pixels)", ylim=(0, None))
    return figure


def guessed(true, fitted, mean):
    """Fitted against true depths, the line where both are equal and the depth of the mean face; (N,) x 2 -> Picture."""
    from mgcbook.book.picture import MUTED, Picture

    alt = f"Fitted against true depths of {len(true)} noses: a cloud that does not follow the diagonal."
    figure = Picture(3.3, 3.1, alt=alt)
    axes = figure.add_axes((0.17, 0.14, 0.8, 0.83))
    everything = np.concatenate([true, fitted, [mean]])
    low, high = everything.min() - 2, everything.max() + 2
    axes.plot([low, high], [low, high], color=GREEN, linewidth=1.2)
    axes.axhline(mean, color=MUTED, linewidth=1, linestyle=":")
    figures.points(axes, np.stack([true, fitted], -1), RED, size=34)
    look = dict(color=GREEN, ha="left", va="bottom", fontweight="bold", rotation=45, rotation_mode="anchor")
    axes.text(high - 8.5, high - 8.1, "as it should be", **look)
    axes.text(low + 0.3, mean - 0.2, "mean face", color=MUTED, ha="left", va="top", fontsize=8.5)
    axes.set(xlim=(low, high), ylim=(low, high), xlabel="true depth of the nose (mm)", ylabel="fitted (mm)")
    return figure


def outline(image, drawn, true):
    """An image with what a drawn face misses of the true one in blue, and what it has too much in red; -> (H, W, 3)."""
    from mgcbook.book.sketches.covisible import tinted

    drawn, true = np.asarray(drawn) > 0.5, np.asarray(true) > 0.5
    pale = 0.55 * np.asarray(image) + 0.45
    return tinted(tinted(pale, true & ~drawn, BLUE, 0.9), drawn & ~true, RED, 0.9)


def _apart(values, least):
    """The values, in rising order, moved so that neighbours are at least `least` apart."""
    placed = []
    for value in values:
        placed.append(max(value, placed[-1] + least) if placed else value)
    return placed
