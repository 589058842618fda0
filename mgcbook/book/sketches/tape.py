"""Drawings of chapter 02: a small tape along the axis of time, and how far finite differences can be trusted."""

import numpy as np

from mgcbook.book import figures
from mgcbook.book.figures import BLUE, ORANGE, RED


def small_tape(values, gradients=None, *, edges=((0, 1), (1, 2), (0, 2), (1, 3), (2, 3), (3, 4), (1, 4)), order=None):
    """Five steps along the axis of time, with their values and perhaps their gradients; -> Picture.

    Args:
        values: name -> number, in the order of time.
        gradients: name -> number, or None.
        edges: (from, to) by place.
        order: the places in the order in which they are played backwards; None leaves it out.
    """
    from matplotlib.patches import Circle, FancyArrowPatch

    from mgcbook.book.picture import INK, LINE, MUTED, PAPER

    names = list(values)
    alt = "; ".join(f"{name} = {values[name]:g}" + (f", gradient {gradients[name]:g}" if gradients else "") for name in names)
    figure, axes = figures.canvas((-0.95, len(names) - 0.35), (-0.72, 0.98), width=6.8, y_down=True, alt=f"A tape: {alt}")
    axes.plot([-0.45, len(names) - 0.5], [0.62, 0.62], color=LINE, linewidth=1)
    axes.text(-0.5, 0.62, "time", ha="right", va="center", color=MUTED)
    for start, end in edges:
        bend = {1: 0.0, 2: -0.28}.get(end - start, -0.38)
        look = dict(connectionstyle=f"arc3,rad={bend}", arrowstyle="-|>", mutation_scale=11, shrinkA=15, shrinkB=15)
        backwards = gradients is not None
        ends = ((end, 0), (start, 0)) if backwards else ((start, 0), (end, 0))
        if backwards:
            look["connectionstyle"] = f"arc3,rad={-bend}"
        axes.add_patch(FancyArrowPatch(*ends, color=ORANGE if backwards else BLUE, linewidth=1.3, **look))
    for place, (name, value) in enumerate(values.items()):
        axes.add_patch(Circle((place, 0), 0.145, facecolor=PAPER, edgecolor=INK, linewidth=1.3, zorder=3))
        size = 8 if len(name) > 2 else 12
        axes.text(place, 0, name, ha="center", va="center", fontsize=size, style="italic", zorder=4)
        axes.text(place, 0.62, str(place), ha="center", va="center", color=MUTED, backgroundcolor=PAPER, fontsize=9)
        spot = (place - 0.14, 0.3) if gradients else (place, 0.3)
        axes.text(*spot, f"{value:g}", ha="center", va="center", color=BLUE, fontweight="bold", fontsize=11)
        if gradients:
            axes.text(place + 0.16, 0.3, f"{gradients[name]:g}", ha="center", va="center", color=ORANGE, fontweight="bold",
                      fontsize=11)  # fmt: skip
    for turn, place in enumerate(order or ()):
        axes.text(place, 0.86, f"{turn + 1}.", ha="center", va="center", color=RED, fontweight="bold", fontsize=10)
    if order:
        axes.text(-0.5, 0.86, "played", ha="right", va="center", color=RED)
    return figure


def differences(steps, one_sided, central):
    """Relative error of two kinds of finite differences against their step length, on logarithmic axes; -> Picture."""
    from mgcbook.book.picture import Picture

    alt = "Errors of finite differences: both fall with the step, the central ones faster, and rise again for tiny steps."
    figure = Picture(5.6, 3.1, alt=alt)
    axes = figure.add_axes((0.13, 0.17, 0.84, 0.78))
    axes.loglog(steps, one_sided, color=ORANGE, marker="o", markersize=3.5)
    axes.loglog(steps, central, color=BLUE, marker="o", markersize=3.5)
    axes.set(xlabel="step length h", ylabel="relative error of the slope")
    place = int(np.argmin(np.abs(np.log10(steps) + 3.5)))
    axes.annotate("one-sided", (steps[place], one_sided[place]), (0, 9), textcoords="offset points", color=ORANGE,
                  ha="right", fontweight="bold")  # fmt: skip
    axes.annotate("central", (steps[place], central[place]), (10, -6), textcoords="offset points", color=BLUE, ha="left",
                  va="top", fontweight="bold")  # fmt: skip
    return figure
