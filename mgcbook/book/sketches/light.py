"""Drawings of chapter 05: balls, which show what a light does to every normal, and the nine patterns on them."""

import numpy as np

from mgcbook.book import figures
from mgcbook.face.camera import pixel_grid

FINE = 3
"""Rays across a pixel of a ball, for a smooth edge."""


def ball(values_of, size=112):
    """A ball seen from the front, painted by a function of the normal; ((N, 3) -> (N, C)) -> (H, W, C), 0 outside, and (H, W).

    Args:
        values_of: from unit normals (x right, y up, z to the viewer) to what is painted there.
        size: pixels across.
    Returns:
        (picture, cover): cover is the part of each pixel that the ball fills.
    """
    spots = pixel_grid(size * FINE, size * FINE) * 2 / (size * FINE) - 1
    x, y = 1.03 * spots[..., 0], -1.03 * spots[..., 1]
    inside = x * x + y * y < 1
    normals = np.stack([x, y, np.sqrt(np.maximum(1 - x * x - y * y, 0))], axis=-1)[inside]
    values = np.reshape(values_of(normals), (len(normals), -1))
    fine = np.zeros((*inside.shape, values.shape[-1]))
    fine[inside] = values
    smaller = lambda image: image.reshape(size, FINE, size, FINE, -1).mean(axis=(1, 3))
    return smaller(fine), smaller(inside.astype(float))[..., 0]


def lit_ball(values_of, size=112):
    """A ball painted by a function of the normal on the ground of the figures; ((N, 3) -> (N,) or (N, 3)) -> (H, W, 3)."""
    picture, cover = ball(lambda normals: np.clip(values_of(normals), 0, 1), size)
    return picture + (1 - cover[..., None]) * figures.paper(size, size)


def signed_ball(values_of, most, size=112):
    """As `lit_ball`, for numbers of both signs: orange above zero, blue below, full at `most`."""
    from matplotlib.colors import to_rgb

    bright, dark, white = (np.array(to_rgb(color)) for color in (figures.ORANGE, figures.BLUE, "#ffffff"))

    def colors(normals):
        share = np.clip(np.ravel(values_of(normals)) / most, -1, 1)[:, None]
        return np.where(share > 0, white + share * (bright - white), white - share * (dark - white))

    return lit_ball(colors, size)


NAMES = "1", "-y", "z", "-x", "xy", "-yz", "3z² - 1", "-xz", "x² - y²"


def nine_patterns(basis, size=112):
    """The nine patterns on balls, one row for each degree; (N, 3) -> (N, 9) -> Picture."""
    from mgcbook.book.picture import MUTED, Picture

    side, gap, low = 0.98, 0.1, 0.24
    width, height = 0.9 + 5 * (side + gap), 3 * (side + low) + 0.08
    alt = "Nine balls in three rows: one even; three bright on one side and dark on the other; five with more changes of sign."
    figure = Picture(width, height, alt=alt)
    for number in range(9):
        row = int(np.sqrt(number))
        place = number - row * row - row  # 0 in the middle
        x = 0.8 + (2 + place) * (side + gap)
        y = height - 0.04 - (row + 1) * side - row * low
        axes = figure.add_axes((x / width, y / height, side / width, side / height))
        figures.show(axes, signed_ball(lambda normals, b=number: basis(normals)[..., b], 1.8, size))
        figure.text((x + side / 2) / width, (y - 0.02) / height, NAMES[number], ha="center", va="top", fontsize=10)
    for row, text in enumerate(("even", "one side", "two sides")):
        y = height - 0.04 - (row + 0.5) * side - row * low
        figure.text(0.1 / width, y / height, text, ha="left", va="center", fontsize=9, color=MUTED)
    return figure
