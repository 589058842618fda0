"""Curves with their names written beside them, for the chapters that train: losses, spreads, walks."""

import numpy as np

from mgcbook.book.figures import BLUE, GREEN, ORANGE, PINK, RED, SKY

COLORS = BLUE, ORANGE, GREEN, RED, PINK, SKY


def smooth(values, width):
    """Running mean over `width` values, shorter at the beginning; (N,) -> (N,)."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    last = np.arange(1, len(values) + 1)
    first = np.maximum(last - width, 0)
    return (total[last] - total[first]) / (last - first)


def curves(lines, xlabel, ylabel, *, alt, logarithmic=False, width=5.8, height=2.9, colors=COLORS, ylim=None, room=0.24):
    """Lines in one panel, each with its name at its right end, apart from the others; name -> (x, y) -> Picture.

    Args:
        room: part of the width that the names need.
    """
    from mgcbook.book.picture import Picture

    figure = Picture(width, height, alt=alt)
    left, low = 0.72 / width, 0.5 / height
    axes = figure.add_axes((left, low, 1 - left - room, 1 - low - 0.12 / height))
    for (_, (x, y)), color in zip(lines.items(), colors, strict=False):
        axes.plot(x, y, color=color)
    if logarithmic:
        axes.set_yscale("log")
    axes.set(xlabel=xlabel, ylabel=ylabel, **({} if ylim is None else {"ylim": ylim}))
    ends = axes.transData.transform([(x[-1], np.clip(y[-1], *axes.get_ylim())) for x, y in lines.values()])
    inch = 72.0 / figure.dpi  # points of type for one pixel
    for (name, _), spot, y, color in zip(lines.items(), ends, spread_out(ends[:, 1], 13 / inch), colors, strict=False):
        at = axes.transData.inverted().transform(spot)
        look = dict(textcoords="offset points", color=color, fontweight="bold", va="center", annotation_clip=False)
        axes.annotate(name, at, (7, (y - spot[1]) * inch), **look)
    return figure


def panels(lines, xlabel, *, alt, columns=3, width=7.2, tall=1.75, faint=None, colors=None):
    """Small panels, a curve in each under its name; name -> (x, y) -> Picture.

    Args:
        faint: name -> (x, y), drawn thin and pale behind, for example what the curve is the running mean of.
        colors: name -> colour; None: blue for all.
    """
    from mgcbook.book.picture import LINE, Picture

    rows = -(-len(lines) // columns)
    height = rows * tall + 0.25
    figure = Picture(width, height, alt=alt)
    for place, (name, (x, y)) in enumerate(lines.items()):
        row, column = divmod(place, columns)
        across, room = width / columns, 0.4  # inches of a panel, and of the numbers at its axis
        corner = (column * across + room) / width, (0.25 + (rows - 1 - row) * tall + 0.28) / height
        axes = figure.add_axes((*corner, (across - room - 0.06) / width, (tall - 0.62) / height))
        if faint is not None:
            axes.plot(*faint[name], color=LINE, linewidth=0.8)
        axes.plot(x, y, color=(colors or {}).get(name, BLUE))
        axes.set_title(name)
        axes.margins(x=0.02)
        if row == rows - 1 or place + columns >= len(lines):
            axes.set_xlabel(xlabel)
    return figure


def spread_out(places, gap):
    """Places moved as little as needed so that neighbours are `gap` apart; (N,) -> (N,)."""
    places = np.asarray(places, float)
    order = np.argsort(places)
    moved = places[order].copy()
    for _ in range(100):
        short = gap - np.diff(moved)
        if (short <= 1e-6).all():
            break
        push = np.maximum(short, 0) / 2
        moved[1:] += push
        moved[:-1] -= push
    out = np.empty_like(moved)
    out[order] = moved
    return out
