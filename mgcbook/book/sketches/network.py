"""Drawings of chapter 11: a window over a picture, its matrix, residual blocks, sizes of layers and what a pixel sees."""

import numpy as np

from mgcbook.book import figures
from mgcbook.book.figures import BLUE, GREEN, ORANGE, RED
from mgcbook.book.sketches.curves import spread_out


def window(size=6, kernel=3, stride=2, padding=1, place=(1, 2)):
    """A padded picture, one window on it, and the output pixel that the window gives; -> Picture.

    Args:
        place: (row, column) of the output pixel.
    """
    from mgcbook.book.picture import INK, MUTED

    count = (size + 2 * padding - kernel) // stride + 1
    right = size + padding + 3.2
    alt = f"A {kernel} by {kernel} window on a padded picture of {size} by {size} gives one of {count} by {count} pixels."
    figure, axes = figures.canvas((-padding - 0.3, right + count + 0.3), (-padding - 1.0, size + padding + 0.3), width=4.1,
                                  y_down=True, alt=alt)  # fmt: skip
    _grid(axes, -padding, -padding, size + 2 * padding, dashed=True)
    axes.fill([0, size, size, 0], [0, 0, size, size], color="white", linewidth=0, zorder=1)
    _grid(axes, 0, 0, size)
    low = (size - count) / 2
    _grid(axes, right, low, count)
    (row, column), back = place, stride
    u, v = column * back - padding, row * back - padding
    _box(axes, u, v, kernel, ORANGE)
    _box(axes, right + column, low + row, 1, ORANGE)
    for top, end in ((v, low + row), (v + kernel, low + row + 1)):
        axes.plot([u + kernel, right + column], [top, end], color=ORANGE, linewidth=1, linestyle=":", zorder=3)
    if stride > 1 and column:
        _box(axes, u - stride, v, kernel, BLUE, fill=False)
        figures.arrow(axes, (u - stride, v - 0.25), (u, v - 0.25), BLUE, width=1.2)
        axes.text(u - stride / 2, v - 0.45, f"stride {stride}", color=BLUE, ha="center", va="bottom", fontsize=8.5)
    look = dict(va="bottom", color=MUTED, fontsize=8.5)
    axes.text(-padding, -padding - 0.15, "padding: zeros", ha="left", **look)
    axes.text(right + count / 2, low - 0.15, "the output", ha="center", **look)
    axes.text(u + kernel / 2, v + kernel / 2, "w", color=INK, ha="center", va="center", style="italic", fontsize=13, zorder=4)
    return figure


def _grid(axes, left, top, count, dashed=False):
    from mgcbook.book.picture import LINE, MUTED

    look = dict(color=LINE if dashed else MUTED, linewidth=0.7, linestyle="--" if dashed else "-", zorder=2 - dashed)
    for i in range(count + 1):
        axes.plot([left, left + count], [top + i, top + i], **look)
        axes.plot([left + i, left + i], [top, top + count], **look)


def _box(axes, left, top, side, color, fill=True):
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((left, top), side, side, facecolor=color, alpha=0.25, linewidth=0, zorder=3, visible=fill))
    axes.add_patch(Rectangle((left, top), side, side, facecolor="none", edgecolor=color, linewidth=1.8, zorder=4))


def matrix_product(image, rows, kernels, result, shown=5):
    """A picture, its windows as the rows of a matrix, times the kernels as columns, is the result; -> Picture.

    Args:
        image: (H, W); rows: (N, K); kernels: (K, O); result: (N, O).
        shown: the row that is marked, and the window it comes from (3 x 3, stride 1, no padding).
    """
    from mgcbook.book.picture import INK, Picture

    across = (image.shape[1] - 2, image.shape[0] - 2)
    alt = "The windows of a small picture as rows of a matrix, times two kernels as columns, give two maps."
    figure = Picture(6.0, 2.36, alt=alt)
    top, tall = 0.80, 0.66
    unit = 1.75 * tall / len(rows) * 2.36 / 6.0  # width of a cell
    parts = (image, 0.26), (rows, unit * rows.shape[1]), (kernels, unit * kernels.shape[1]), (result, unit * result.shape[1])
    titles = "picture", f"{len(rows)} windows,\none a row", "kernels", "result"
    x, signs = 0.03, ("", "\u00d7", "=")
    for place, ((array, width), title) in enumerate(zip(parts, titles, strict=True)):
        height = width * 6.0 / 2.36 if place == 0 else tall * len(array) / len(rows)
        axes = figure.add_axes((x, top - height, width, height))
        signed = place >= 2
        peak = np.abs(array).max() if signed else 1
        axes.imshow(array, cmap="PuOr_r" if signed else "gray", vmin=-peak if signed else 0, vmax=peak, aspect="auto")
        axes.set_axis_off()
        figure.text(x + width / 2, top + 0.03, title, ha="center", va="bottom", fontsize=9, color=INK)
        if place in (0, 1, 3):
            row, column = divmod(shown, across[0])
            box = ((column - 0.5, row - 0.5), 3, 3) if place == 0 else ((-0.5, shown - 0.5), array.shape[1], 1)
            _mark(axes, *box)
        x += width + (0.085 if place == 0 else 0.075)
        if 0 < place < 3:
            figure.text(x - 0.0375, top - tall / 2, signs[place], ha="center", va="center", fontsize=16)
    return figure


def _mark(axes, corner, width, height):
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle(corner, width, height, facecolor="none", edgecolor=ORANGE, linewidth=2, clip_on=False))


def blocks():
    """The two kinds of residual block, as boxes and arrows; -> Picture."""
    from mgcbook.book.picture import INK, MUTED

    alt = "A basic block: two 3x3 convolutions, and the input added. A bottleneck: 1x1, 3x3, 1x1, and the input added."
    figure, axes = figures.canvas((0, 14.9), (0, 4.25), width=6.4, y_down=True, alt=alt)
    kinds = (
        ("basic block (ResNet-18)", 0.3, ["3 x 3", "3 x 3"]),
        ("bottleneck (ResNet-50)", 5.6, ["1 x 1\nfew channels", "3 x 3", "1 x 1\nall channels"]),
    )
    for title, left, names in kinds:
        width = 1.45 if len(names) == 2 else 2.05
        axes.text(left, 0.25, title, color=INK, fontweight="bold", va="center")
        x, y = left + 0.3, 3.0
        figures.arrow(axes, (x - 0.55, y), (x, y), MUTED, width=1.2)
        start = x - 0.3
        for number, name in enumerate(names):
            _part(axes, x, y, width, f"{name}\nnorm" + ("\nmax(0, \u00b7)" if number < len(names) - 1 else ""), BLUE)
            figures.arrow(axes, (x + width, y), (x + width + 0.35, y), MUTED, width=1.2)
            x += width + 0.35
        _sum(axes, x + 0.18, y)
        axes.plot([start, start, x + 0.18], [y, 1.05, 1.05], color=ORANGE, linewidth=1.8)
        figures.arrow(axes, (x + 0.18, 1.05), (x + 0.18, y - 0.2), ORANGE, width=1.8)
        axes.text((start + x) / 2, 0.92, "x as it is", color=ORANGE, ha="center", va="bottom", fontsize=9)
        figures.arrow(axes, (x + 0.36, y), (x + 0.9, y), MUTED, width=1.2)
    return figure


def _part(axes, left, y, width, text, color):
    from matplotlib.patches import FancyBboxPatch

    look = dict(boxstyle="round,pad=0.02,rounding_size=0.12", linewidth=1.3, facecolor="white", edgecolor=color)
    axes.add_patch(FancyBboxPatch((left, y - 0.75), width, 1.5, **look))
    axes.text(left + width / 2, y, text, ha="center", va="center", fontsize=8)


def _sum(axes, x, y):
    from matplotlib.patches import Circle

    axes.add_patch(Circle((x, y), 0.18, facecolor="white", edgecolor=GREEN, linewidth=1.4, zorder=4))
    axes.text(x, y, "+", color=GREEN, ha="center", va="center", fontweight="bold", zorder=5)


def walks(degrees, rows):
    """One number of a network while a face turns; name -> list of (title, (N,) values) -> Picture, a panel each."""
    from mgcbook.book.picture import Picture

    alt = "One output while a face turns: plain networks become noise with depth, those with wires do not."
    figure = Picture(4.4, 2.5, alt=alt)
    for row, (name, panels) in enumerate(rows.items()):
        color = (RED, GREEN)[row]
        for column, (title, values) in enumerate(panels):
            axes = figure.add_axes((0.04 + 0.49 * column, 0.62 - 0.42 * row, 0.44, 0.27))
            axes.plot(degrees, values, color=color, linewidth=1.3)
            axes.set(yticks=[], xticks=[-40, 0, 40] if row else [])
            axes.set_title(f"{name}, {title}")
            if row:
                axes.set_xlabel("yaw of the face (degrees)")
    return figure


def budget(stages, parameters, work):
    """Shares of the parameters and of the multiplications, stage by stage; names, (N,), (N,) -> Picture."""
    from mgcbook.book.picture import Picture

    figure = Picture(5.0, 2.4, alt="Shares of parameters and multiplications by stage: all stages compute, the last ones store.")
    axes = figure.add_axes((0.12, 0.14, 0.86, 0.82))
    at = np.arange(len(stages))
    for shift, values, color, name in ((-0.2, work, ORANGE, "multiplications"), (0.2, parameters, BLUE, "parameters")):
        share = 100 * np.asarray(values) / np.sum(values)
        axes.bar(at + shift, share, width=0.38, color=color)
        axes.text(0.02, 0.9 - 0.13 * (name == "parameters"), name, color=color, fontweight="bold", transform=axes.transAxes)
    axes.set_xticks(at, stages)
    axes.set_ylabel("% of all")
    return figure


def fields(photo, sizes):
    """Squares over a photograph: what one pixel in the middle of each stage sees; (H, W, 3), name -> side -> Picture."""
    from matplotlib.patches import Rectangle

    from mgcbook.book.picture import MUTED

    side = photo.shape[0]
    reach = max(max(sizes.values()), side) / 2
    low, high = side / 2 - reach - 6, side / 2 + reach + 6
    alt = "What one pixel of each stage sees: " + ", ".join(f"{name} {size} pixels" for name, size in sizes.items())
    right = high + 0.75 * reach
    figure, axes = figures.canvas((low, right), (low, high), width=3.5, y_down=True, alt=alt)
    figures.show(axes, photo)
    axes.set(xlim=(low, right), ylim=(high, low))
    tops = [side / 2 - size / 2 for size in sizes.values()]
    places = spread_out([max(top, low + 8) for top in tops], 30)
    colors = GREEN, BLUE, figures.PINK, ORANGE, RED
    for (name, size), top, place, color in zip(sizes.items(), tops, places, colors, strict=False):
        axes.add_patch(Rectangle((top, top), size, size, facecolor="none", edgecolor=color, linewidth=2, zorder=3))
        axes.plot([top + size, high - 2, high + 6], [top, top, place], color=color, linewidth=0.8, linestyle=":")
        axes.text(high + 9, place, f"{name}: {size}", color=color, va="center", fontweight="bold", fontsize=9)
    axes.text(high + 9, high - 12, f"photo: {side}", color=MUTED, va="center", fontsize=9)
    return figure


def found_and_true(true, found):
    """Found against true yaw of pictures never seen; (N,) x 2 in degrees -> Picture."""
    from mgcbook.book.picture import LINE, Picture

    figure = Picture(3.0, 2.9, alt="Found against true yaw of faces never seen: the points lie along the diagonal.")
    reach = 1.1 * np.abs(true).max()
    axes = figure.add_axes((0.21, 0.17, 0.76, 0.79))
    axes.plot([-reach, reach], [-reach, reach], color=LINE, linewidth=1.2)
    figures.points(axes, np.stack([true, found], -1), GREEN, size=14)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="true yaw (degrees)", ylabel="found")
    return figure
