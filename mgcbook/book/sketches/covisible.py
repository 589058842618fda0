"""Drawings of chapter 08: a face cut open between two cameras, and maps with what is wrong in them."""

import numpy as np

from mgcbook.book import figures
from mgcbook.book.figures import BLUE, GREEN, ORANGE, RED


def cut(vertices, triangles, height):
    """Where a mesh meets the plane y = height; (V, 3), (F, 3) -> triangles (N,), ends of the pieces (N, 2, 2) as x, z in mm."""
    above = vertices[triangles][..., 1] > height  # (F, 3)
    crossed = np.nonzero(above.any(1) & ~above.all(1))[0]
    pieces = []
    for number in crossed:
        corners, up = vertices[triangles[number]], above[number]
        alone = np.nonzero(up == (up.sum() == 1))[0][0]  # the corner on a side of its own
        ends = []
        for other in ((alone + 1) % 3, (alone + 2) % 3):
            share = (height - corners[alone, 1]) / (corners[other, 1] - corners[alone, 1])
            ends.append((corners[alone] + share * (corners[other] - corners[alone]))[[0, 2]])
        pieces.append(ends)
    return crossed, np.array(pieces)


def hidden_place(pieces, hidden, direction):
    """The hidden piece furthest behind what hides it, and where its ray is stopped; (N, 2, 2), (N,), (2,) -> (2,), (2,)."""
    best, answer = 0.0, None
    for spot in pieces[hidden].mean(axis=1):
        side = (pieces - spot) @ (direction[::-1] * [1, -1])  # (N, 2): on which side of the ray the ends are
        share = side[:, 0] / np.where(side[:, 0] == side[:, 1], 1, side[:, 0] - side[:, 1])
        meets = pieces[:, 0] + share[:, None] * (pieces[:, 1] - pieces[:, 0])
        far = (meets - spot) @ direction
        far[(side[:, 0] * side[:, 1] > 0) | (far < 2)] = np.inf
        if best < far.min() < np.inf:
            best, answer = far.min(), (spot, meets[np.argmin(far)])
    return answer


def from_above(pieces, by_target, by_source, directions, spot, hit):
    """A face cut at the height of the nose, with what the target sees, the source, both; -> Picture.

    Args:
        pieces: (N, 2, 2) x and z in mm.
        by_target, by_source: (N,) bool.
        directions: (2, 2) unit vectors x, z towards the target and the source.
        spot: (2,) a place that the target sees; hit: (2,) where the way from it to the source meets the face.
    """
    from mgcbook.book.picture import INK, LINE

    low, high = pieces.min((0, 1)), pieces.max((0, 1))
    reach = 78.0
    box = (low[0] - 45, high[0] + 45), (low[1] + 40, high[1] + reach)
    alt = "A face cut open, seen from above: a place on the cheek is seen by the target, but the nose hides it from the source."
    figure, axes = figures.canvas(*box, width=6.4, alt=alt)
    kinds = (~by_target & ~by_source, LINE), (by_target & ~by_source, BLUE), (~by_target & by_source, ORANGE)
    for chosen, color in (*kinds, (by_target & by_source, GREEN)):
        for piece in pieces[chosen]:
            axes.plot(*piece.T, color=color, linewidth=3.2)
    middle = np.array([(low[0] + high[0]) / 2, high[1] - 30])
    for direction, color, name in zip(directions, (BLUE, ORANGE), ("target", "source"), strict=True):
        start = middle + 78 * direction
        figures.arrow(axes, start + 26 * direction, start, color, width=2.0)
        axes.text(*(start + 34 * direction), name, color=color, ha="center", va="center", fontweight="bold")
    axes.plot(*np.stack([spot, spot + 62 * directions[0]]).T, color=BLUE, linewidth=1.2)
    axes.plot(*np.stack([spot, hit]).T, color=ORANGE, linewidth=1.2)
    axes.plot(*np.stack([hit, hit + 55 * directions[1]]).T, color=ORANGE, linewidth=1, linestyle=":")
    figures.points(axes, spot[None], INK, size=34)
    axes.scatter(*hit, marker="x", s=45, color=RED, zorder=6, linewidths=2)
    x, y = box[0][0] + 3, box[1][0] + 4
    for place, (name, color) in enumerate((("both see it", GREEN), ("the target only", BLUE), ("the source only", ORANGE))):
        axes.text(x, y + 9 * (2 - place), name, color=color, va="center", fontsize=9, fontweight="bold")
    return figure


def tinted(image, chosen, color, strength=0.6):
    """An image with some pixels tinted; (H, W, 3), (H, W) bool -> (H, W, 3)."""
    from matplotlib.colors import to_rgb

    return np.where(chosen[..., None], (1 - strength) * image + strength * np.array(to_rgb(color)), image)


def judged(covisible, truth, on_face):
    """A map with its mistakes: white where right, blue where something is missed, red where too much is taken; -> (H, W, 3)."""
    picture = np.where(on_face[..., None], np.where(truth[..., None] > 0, 1.0, 0.72), figures.paper(*truth.shape))
    missed, extra = on_face & (covisible < truth), on_face & (covisible > truth)
    return tinted(tinted(picture, missed, BLUE, 1.0), extra, RED, 1.0)
