"""Drawings of chapter 03: how well modes describe people."""

from mgcbook.book import figures
from mgcbook.book.figures import BLUE, GREEN, ORANGE


def errors(counts, known, others, book=None):
    """Distance that is left when people are described by so many modes, in mm; (N,) x 3 -> Picture.

    Args:
        counts: numbers of modes.
        known: for the people that the modes were made of.
        others: for people that they were not made of.
        book: (number of modes, error) of another model for those others, a single point; None leaves it out.
    """
    from mgcbook.book.picture import Picture

    alt = "The distance left falls with the number of modes, faster for people that the modes were made of than for others."
    figure = Picture(5.8, 3.0, alt=alt)
    axes = figure.add_axes((0.10, 0.17, 0.87, 0.78))
    for values, color, name, place, shift, side in (
        (others, ORANGE, "other people", 2, (10, 6), "left"),
        (known, BLUE, "those the modes were made of", 4, (0, -24), "center"),
    ):
        axes.plot(counts, values, color=color, marker="o", markersize=3.5)
        look = dict(textcoords="offset points", color=color, ha=side, fontweight="bold")
        axes.annotate(name, (counts[place], values[place]), shift, **look)
    if book is not None:
        figures.points(axes, [book], GREEN, size=45)
        axes.annotate("the book's model", book, (-4, -14), textcoords="offset points", color=GREEN, ha="right", fontweight="bold")
    axes.set(xlabel="number of modes", ylabel="distance left (mm)", ylim=(0, None))
    return figure


def spectrum(parts):
    """Standard deviation of every mode, on a logarithmic axis; name -> (K,) mm -> Picture."""
    from mgcbook.book.picture import Picture

    figure = Picture(5.8, 2.6, alt="Standard deviations of the modes: they fall by a hundred from the first to the last.")
    axes = figure.add_axes((0.11, 0.19, 0.86, 0.77))
    for (name, deviation), color, rise in zip(parts.items(), (BLUE, ORANGE, GREEN), (6, -20, 6), strict=False):
        axes.semilogy(range(1, len(deviation) + 1), deviation, color=color)
        look = dict(textcoords="offset points", color=color, fontweight="bold")
        axes.annotate(name, (24, deviation[23]), (0, rise), ha="left" if rise > 0 else "right", **look)
    axes.set(xlabel="mode", ylabel="deviation (mm)")
    return figure
