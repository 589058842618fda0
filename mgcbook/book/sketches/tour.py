"""Drawings of chapter 00: the 257 numbers, the whole system on one page, and what one view and two views say about depth."""

import numpy as np

from mgcbook.book import figures
from mgcbook.book.figures import BLUE, GREEN, ORANGE, PINK, RED, SKY

PARTS = dict(identity=BLUE, expression=ORANGE, albedo=PINK, rotation=GREEN, translation=RED, light=SKY)


def numbers(parts):
    """All coefficients of a face as bars, a colour for each part; name -> (B, ...), of which the first is drawn, -> Picture."""
    from mgcbook.book.picture import MUTED, Picture

    values = {name: np.ravel(np.asarray(part)[0]) for name, part in parts.items()}
    count = sum(map(len, values.values()))
    figure = Picture(7.2, 2.0, alt=f"{count} bars: " + ", ".join(f"{len(value)} {name}" for name, value in values.items()))
    axes = figure.add_axes((0.02, 0.24, 0.96, 0.72))
    start = 0
    for name, value in values.items():
        longest = np.abs(value).max() or 1.0  # each part has a unit of its own
        axes.bar(start + np.arange(len(value)), value / longest, width=0.8, color=PARTS[name])
        middle = start + len(value) / 2
        shift = {"albedo": -10, "rotation": -7}.get(name, 0)
        low = -1.52 if name == "translation" else -1.25
        axes.text(middle + shift, low, f"{name} {len(value)}", ha="center", va="top", color=PARTS[name], fontsize=8.5)
        start += len(value)
    axes.axhline(0, color=MUTED, linewidth=0.6)
    axes.set(xlim=(-2, count + 1), ylim=(-1.2, 1.1))
    axes.set_axis_off()
    return figure


def system():
    """The whole system on one page: from a photograph to a picture, and the losses that three views add; -> Picture."""
    from matplotlib.patches import FancyBboxPatch

    from mgcbook.book.picture import INK, MUTED

    alt = (
        "Photograph, alignment, network, 257 numbers, face model, light, camera, rasterizer, picture; below, three views: "
        "covisible map, warp, three consistencies, and the gradient back to the network."
    )
    figure, axes = figures.canvas((0, 14.4), (0, 5.3), y_down=True, alt=alt)

    def box(x, y, text, color, chapter, width=1.85):
        look = dict(boxstyle="round,pad=0.02,rounding_size=0.12", linewidth=1.3)
        axes.add_patch(FancyBboxPatch((x, y), width, 0.95, facecolor="white", edgecolor=color, **look))
        axes.text(x + width / 2, y + 0.47, text, ha="center", va="center", color=INK, fontsize=8.5)
        axes.text(x + width / 2, y + 1.05, chapter, ha="center", va="top", color=MUTED, fontsize=7.5)

    def arrow(start, end, color=MUTED):
        figures.arrow(axes, start, end, color, width=1.2)

    row = [("photograph", INK, ""), ("align", INK, "chapter 7"), ("network", GREEN, "chapters 11 to 13"),
           ("257 numbers", ORANGE, ""), ("face model\nEq. 1", BLUE, "chapter 3"), ("light", BLUE, "chapter 5")]  # fmt: skip
    for place, (text, color, chapter) in enumerate(row):
        box(0.1 + 2.4 * place, 0.15, text, color, chapter)
        if place:
            arrow((0.1 + 2.4 * place - 0.5, 0.62), (0.1 + 2.4 * place - 0.04, 0.62))
    low = [("picture", INK, ""), ("rasterizer", BLUE, "chapter 6"), ("camera", BLUE, "chapter 4")]
    for place, (text, color, chapter) in enumerate(low):
        box(0.1 + 2.4 * (place + 3), 2.0, text, color, chapter)
    arrow((13.0, 1.42), (13.0, 1.96))
    for place in (5, 4):
        arrow((0.1 + 2.4 * place - 0.04, 2.47), (0.1 + 2.4 * place - 0.5, 2.47))
    box(2.5, 2.0, "compare: Eq. 6", RED, "chapters 7, 10", 3.2)
    arrow((7.26, 2.47), (5.78, 2.47))
    arrow((1.02, 1.14), (2.46, 2.3))
    arrow((5.2, 1.96), (5.7, 1.48), RED)
    axes.text(5.1, 1.8, "gradients, chapter 2", color=RED, fontsize=8, ha="right", va="center")
    views = [
        ("covisible map", "chapter 8"),
        ("warp, Eq. 2", "chapter 9"),
        ("pixels, Eq. 3\ndepth, Eq. 4", "chapter 10"),
        ("epipolar\nlines, Eq. 5", "chapter 10"),
    ]
    for place, (text, chapter) in enumerate(views):
        box(12.1 - 2.4 * place, 3.95, text, ORANGE, chapter)
    for place in (0, 1):
        arrow((12.1 - 2.4 * place - 0.04, 4.42), (12.1 - 2.4 * place - 0.5, 4.42))
    axes.text(13.0, 3.8, "three views of one face:", color=ORANGE, ha="right", va="bottom", fontsize=8.5)
    arrow((4.9, 4.0), (4.3, 3.3))
    arrow((7.3, 4.0), (5.2, 3.3))
    return figure


def one_and_two(stretches, one, two):
    """How much a stretched face is noticed in one view and in two; (N,), (N,) x 2 -> Picture."""
    from mgcbook.book.picture import Picture

    alt = "Against the stretch in depth: one view hardly notices; two views have a sharp minimum at the true depth."
    figure = Picture(5.8, 3.0, alt=alt)
    axes = figure.add_axes((0.12, 0.17, 0.85, 0.78))
    for values, color, name in ((one, BLUE, "one picture"), (two, ORANGE, "two pictures, Eq. 3")):
        axes.plot(stretches, values, color=color, marker="o", markersize=3.5)
        look = dict(textcoords="offset points", color=color, fontweight="bold", ha="right")
        axes.annotate(name, (stretches[-1], values[-1]), (-8, 7), **look)
    axes.set(xlabel="depth of the face, times the true one", ylabel="mean difference of colours", ylim=(0, None))
    return figure
