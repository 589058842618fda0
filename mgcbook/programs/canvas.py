"""Drawing on pictures: colours that everybody can tell apart, landmarks, labels, and sheets of several pictures.

Pictures here are uint8 (H, W, 3). Text is set in Pillow's built-in font, so it looks the same on every machine.
"""

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.data.images import to_uint8

INK, PAPER, SOFT = (29, 35, 41), (255, 255, 255), (91, 102, 112)

FOUND, TRUE = (213, 94, 0), (0, 158, 230)
"""Vermilion for what was found, blue for the truth: apart for every kind of colour blindness (after Okabe and Ito 2008)."""

CONTOURS = {
    "jaw": (range(17), False), "right brow": (range(17, 22), False), "left brow": (range(22, 27), False),
    "bridge": (range(27, 31), False), "nose": (range(31, 36), False), "right eye": (range(36, 42), True),
    "left eye": (range(42, 48), True), "outer lips": (range(48, 60), True), "inner lips": (range(60, 68), True),
}  # fmt: skip
"""Runs of the 68 landmarks that a line joins; True: back to its start."""

_VIRIDIS = np.array([
    (68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142),
    (31, 158, 137), (53, 183, 121), (109, 205, 89), (180, 222, 44), (253, 231, 37),
]) / 255  # fmt: skip
"""Ten steps of matplotlib's viridis (Smith and van der Walt, CC0): brightness rises evenly, also for the colour-blind."""


@check_shapes(values="number ...")
def colormap(values):
    """From dark violet at 0 to bright yellow at 1; (...) -> (..., 3) float in [0, 1]. Values outside take the nearest end."""
    place = np.clip(np.asarray(values, dtype=np.float64), 0, 1) * (len(_VIRIDIS) - 1)
    steps = np.arange(len(_VIRIDIS))
    return np.stack([np.interp(place, steps, _VIRIDIS[:, i]) for i in range(3)], axis=-1)


@check_shapes(picture="number H W 3", landmarks="number L 2")
def draw_landmarks(picture, landmarks, *, color=FOUND, radius=2.0, lines=True):
    """Dots at landmarks, with lines along jaw, brows, nose, eyes and lips; (H, W, 3), (L, 2) -> uint8 (H, W, 3).

    Args:
        landmarks: (5, 2), (68, 2) or any number of points, continuous pixels of the picture.
        color: red, green, blue, 0 to 255.
        radius: of a dot in pixels.
        lines: join the landmarks where there are 68.
    """
    from PIL import Image, ImageDraw

    fine = 3  # drawn larger and shrunk: Pillow's lines have stairs
    base = Image.fromarray(to_uint8(picture))
    # The layer has the colour everywhere and differs in alpha only: a clear black would darken the edges when shrunk.
    layer = Image.new("RGBA", (base.width * fine, base.height * fine), (*color, 0))
    pen = ImageDraw.Draw(layer)
    points = [(float(x) * fine, float(y) * fine) for x, y in landmarks]
    if lines and len(points) == 68:
        for run, closed in CONTOURS.values():
            run = [*run, run[0]] if closed else run
            pen.line([points[i] for i in run], fill=(*color, 150), width=max(round(radius * fine / 2), 1), joint="curve")
    for x, y in points:
        pen.ellipse([x - radius * fine, y - radius * fine, x + radius * fine, y + radius * fine], fill=(*color, 255))
    layer = layer.resize(base.size, Image.Resampling.BOX)
    return np.asarray(Image.alpha_composite(base.convert("RGBA"), layer).convert("RGB"))


def text(string, *, size=14, color=INK, background=PAPER, padding=4):
    """A line of text as a picture just large enough; -> uint8 (H, W, 3)."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size)
    left, _, right, _ = font.getbbox(string or " ")
    ascent, descent = font.getmetrics()
    canvas = Image.new("RGB", (int(right - left) + 2 * padding, ascent + descent + 2 * padding), background)
    ImageDraw.Draw(canvas).text((padding - left, padding), string, fill=color, font=font)
    return np.asarray(canvas)


def labelled(picture, string, *, size=14):
    """The picture with a line of text above; -> uint8 (H + some, W, 3). Text wider than the picture is set smaller, then cut."""
    picture = to_uint8(picture)
    line = text(string, size=size)
    while line.shape[1] > picture.shape[1] and size > 9:
        size -= 1
        line = text(string, size=size)
    head = np.full((line.shape[0], picture.shape[1], 3), PAPER, dtype=np.uint8)
    width = min(line.shape[1], picture.shape[1])
    head[:, :width] = line[:, :width]
    return np.concatenate([head, picture], axis=0)


def sheet(pictures, titles=None, *, columns=None, gap=8):
    """Pictures in rows, each under its title, on white; -> uint8 (H, W, 3).

    Args:
        pictures: (H, W, 3) each, uint8 or in [0, 1]; sizes may differ, each stands at the top left of its cell.
        titles: one string for each picture, or None; an empty string takes no room.
        columns: pictures in a row; None: all in one row.
        gap: white pixels between and around them.
    Raises:
        ValueError: if there is no picture, or their number differs from that of the titles.
    """
    pictures = [to_uint8(picture) for picture in pictures]
    if not pictures or (titles is not None and len(titles) != len(pictures)):
        raise ValueError(f"sheet: expected one title for each of some pictures, got {len(pictures)} pictures and {titles} titles")
    if titles is not None:
        pictures = [labelled(picture, title) if title else picture for picture, title in zip(pictures, titles, strict=True)]
    columns = len(pictures) if columns is None else columns
    rows = [pictures[i : i + columns] for i in range(0, len(pictures), columns)]
    widths = [max(row[i].shape[1] for row in rows if i < len(row)) for i in range(min(columns, len(pictures)))]
    heights = [max(picture.shape[0] for picture in row) for row in rows]
    canvas = np.full((sum(heights) + gap * (len(heights) + 1), sum(widths) + gap * (len(widths) + 1), 3), PAPER, dtype=np.uint8)
    top = gap
    for row, height in zip(rows, heights, strict=True):
        left = gap
        for picture, width in zip(row, widths, strict=False):
            canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            left += width + gap
        top += height + gap
    return canvas


def scale_bar(low, high, *, width=448, height=14):
    """The colour map from left to right, below it what its ends mean; -> uint8 (H, width, 3)."""
    bar = to_uint8(np.repeat(colormap(np.linspace(0, 1, width))[None], height, axis=0))
    first, last = text(low, size=12, color=SOFT), text(high, size=12, color=SOFT)
    line = np.full((first.shape[0], width, 3), PAPER, dtype=np.uint8)
    line[:, : first.shape[1]] = first[:, :width]
    line[:, max(width - last.shape[1], 0) :] = last[:, :width]
    return np.concatenate([bar, line], axis=0)
