"""The figures of the book in one style: arrays in, a matplotlib figure out.

Axes that show an image span [0, W] x [0, H] with row 0 on top, so whatever `project` returns can be drawn over it as it is.
Colours are those of Okabe and Ito, which people with any form of colour blindness can tell apart; they keep their meaning:
blue for the target view, orange for a source view, red for what is wrong, green for what is right.
"""

import numpy as np

from mgcbook.arrays import to_host

BLUE, ORANGE, GREEN, RED, PINK, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
AXIS_COLORS = {"x": RED, "y": GREEN, "z": BLUE}

WIDTH = 7.2
"""Usual width of a figure, in inches; 720 pixels on the page."""
MARGIN, GAP = 0.08, 0.10


def canvas(xlim, ylim, *, width=WIDTH, y_down=False, frame=False, alt=""):
    """A figure with one axes of equal scale on both sides, for drawings; -> (Picture, Axes).

    Args:
        xlim, ylim: what the axes show, in the units of the drawing; they give the height of the figure.
        y_down: True if y grows downwards, as in an image.
        frame: keep the frame and the ticks.
        alt: what the figure shows, in a sentence, for those who cannot see it.
    """
    from mgcbook.book.picture import Picture

    border = 0.45 if frame else MARGIN
    height = (width - 2 * border) * (ylim[1] - ylim[0]) / (xlim[1] - xlim[0]) + 2 * border
    figure = Picture(width, height, alt=alt)
    sides = border / width, border / height, 1 - 2 * border / width, 1 - 2 * border / height
    axes = figure.add_axes(sides)
    axes.set(xlim=xlim, ylim=ylim[::-1] if y_down else ylim)
    if not frame:
        axes.set_axis_off()
    return figure, axes


def image_row(images, titles=None, notes=None, *, width=WIDTH, window=None, nearest=False, alt=None):
    """Images side by side, with a title above and a note below each; -> Picture, whose `.axes` can be drawn on.

    Args:
        images: (H, W, 3) in [0, 1] (values outside are clipped) or (H, W), shown in grey from 0 to 1.
        titles, notes: a text for each image; None for none.
        window: (left, top, right, bottom), the part of each image to show, in pixels; None: all of it.
        nearest: show the pixels as squares.
        alt: what the figure shows, for those who cannot see it; None: the titles.
    """
    from mgcbook.book.picture import INK, MUTED, Picture

    images = [np.asarray(to_host(image)) for image in images]
    windows = [window or (0, 0, image.shape[1], image.shape[0]) for image in images]
    ratios = [(right - left) / (bottom - top) for left, top, right, bottom in windows]
    tall = (width - 2 * MARGIN - GAP * (len(images) - 1)) / sum(ratios)
    above, below = (_room(texts) for texts in (titles, notes))
    height = tall + above + below
    figure = Picture(width, height, alt=_describe(titles, len(images)) if alt is None else alt)
    x = MARGIN
    for place, (image, (left, top, right, bottom), ratio) in enumerate(zip(images, windows, ratios, strict=True)):
        axes = figure.add_axes((x / width, below / height, tall * ratio / width, tall / height))
        show(axes, image, nearest=nearest)
        axes.set(xlim=(left, right), ylim=(bottom, top))
        middle = (x + tall * ratio / 2) / width
        if titles is not None:
            figure.text(middle, 1 - 0.06 / height, titles[place], ha="center", va="top", fontsize=10, color=INK)
        if notes is not None:
            figure.text(middle, (below - 0.06) / height, notes[place], ha="center", va="top", fontsize=8.5, color=MUTED)
        x += tall * ratio + GAP
    return figure


def show(axes, image, *, nearest=False):
    """Draw an image into axes so that they span [0, W] x [0, H], row 0 on top."""
    height, width = image.shape[:2]
    how = dict(cmap="gray", vmin=0, vmax=1) if image.ndim == 2 else {}
    smooth = "nearest" if nearest else "antialiased"
    axes.imshow(np.clip(image, 0, 1), extent=(0, width, height, 0), interpolation=smooth, **how)
    axes.set_axis_off()


def points(axes, pixels, color=BLUE, *, size=9, label=None, hollow=False, rim=0.5):
    """Dots at image coordinates with a thin white rim, or rings; (..., 2)."""
    pixels = np.reshape(np.asarray(to_host(pixels)), (-1, 2))
    disc = dict(color=color, edgecolors="white", linewidths=rim)
    look = dict(facecolors="none", edgecolors=color, linewidths=1.1) if hollow else disc
    axes.scatter(pixels[:, 0], pixels[:, 1], s=size, label=label, zorder=4, **look)


def arrow(axes, start, end, color=None, *, text="", width=1.4, place=1.12, shift=(0, 0)):
    """An arrow between two points; its text stands at `place` times its length, moved by `shift` points of type."""
    from mgcbook.book.picture import INK, PAPER

    color = color or INK
    look = dict(arrowstyle="-|>", color=color, linewidth=width, shrinkA=0, shrinkB=0, mutation_scale=9)
    axes.annotate("", end, start, arrowprops=look, zorder=5)
    if text:
        from matplotlib.patheffects import withStroke

        spot = np.asarray(start) + place * (np.asarray(end) - np.asarray(start))
        look = dict(textcoords="offset points", color=color, ha="center", va="center", fontweight="bold", zorder=6)
        axes.annotate(text, spot, shift, path_effects=[withStroke(linewidth=2, foreground=PAPER)], **look)


def depth_picture(depth, near=None, far=None):
    """A depth map as colours, near is bright; (H, W) mm, 0 where there is nothing -> (H, W, 3) in [0, 1]."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    from mgcbook.book.picture import PAPER

    depth = np.asarray(to_host(depth))
    seen = depth > 0
    near = depth[seen].min() if near is None else near
    far = depth[seen].max() if far is None else far
    colors = colormaps["cividis"](np.clip((far - depth) / max(far - near, 1e-9), 0, 1))[..., :3]
    return np.where(seen[..., None], colors, to_rgb(PAPER))


def paper(height, width):
    """The background of the figures as an image; -> (H, W, 3)."""
    from matplotlib.colors import to_rgb

    from mgcbook.book.picture import PAPER

    return np.broadcast_to(np.array(to_rgb(PAPER), np.float32), (height, width, 3))


def _room(texts):
    """Inches that the texts above or below a row need."""
    return MARGIN if texts is None else 0.12 + 0.17 * max(1 + text.count("\n") for text in texts)


def _describe(titles, count):
    return f"{count} images" if titles is None else "; ".join(title.replace("\n", " ") for title in titles)
