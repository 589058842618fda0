"""Drawings of chapter 13: what fills the memory, and what is in a checkpoint."""

import numpy as np

from mgcbook.book.figures import BLUE, GREEN, ORANGE, PINK, SKY


def memory(parts, width=6.2):
    """Gigabytes as stacked bars; {bar: {part: bytes}} -> Picture."""
    from mgcbook.book.picture import INK, Picture

    names = list(dict.fromkeys(name for bar in parts.values() for name in bar))
    colors = dict(zip(names, (BLUE, ORANGE, GREEN, PINK, SKY), strict=False))
    alt = "; ".join(f"{title}: " + ", ".join(f"{name} {size / 1e9:.2f} GB" for name, size in bar.items())
                    for title, bar in parts.items())  # fmt: skip
    height = 0.42 * len(parts) + 1.05
    figure = Picture(width, height, alt=alt)
    axes = figure.add_axes((0.2, 0.47 / height, 0.77, 1 - 0.95 / height))
    for place, bar in enumerate(parts.values()):
        left = 0.0
        for name, size in bar.items():
            axes.barh(place, size / 1e9, left=left, height=0.62, color=colors[name], linewidth=0)
            left += size / 1e9
        axes.text(left, place, f"  {left:.1f}", va="center", fontsize=8.5)
    axes.set_yticks(range(len(parts)), list(parts), color=INK)
    most = max(sum(bar.values()) for bar in parts.values()) / 1e9
    axes.set(ylim=(len(parts) - 0.45, -0.55), xlim=(0, 1.12 * most), xlabel="gigabytes")
    axes.tick_params(axis="y", length=0)
    x = 0.2
    for name in names:
        text = figure.text(x, 1 - 0.22 / height, name, color=colors[name], fontweight="bold", fontsize=9, va="center")
        x += (text.get_window_extent().width / figure.dpi + 0.2) / width
    return figure


def broken_off(whole, first, second, alt):
    """A loss without interruption, and that of a run that was broken off and went on; (steps, losses) x 3 -> Picture."""
    from mgcbook.book.picture import LINE, MUTED, Picture

    figure = Picture(5.6, 2.7, alt=alt)
    axes = figure.add_axes((0.12, 0.19, 0.85, 0.76))
    axes.plot(*whole, color=LINE, linewidth=6, solid_capstyle="round", label="without a break")
    for (steps, losses), color, label in ((first, BLUE, "until it was broken off"), (second, ORANGE, "after it went on")):
        axes.plot(steps, losses, color=color, marker="o", markersize=3, linewidth=1.2, label=label)
    axes.axvline(np.mean([first[0][-1], second[0][0]]), color=MUTED, linewidth=0.9, linestyle=":")
    axes.set(xlabel="step", ylabel="total loss (Eq. 6)")
    axes.legend(fontsize=8.5, frameon=False)
    return figure
