"""Lines and dots drawn into an image, for the pictures of a slider: image coordinates, smooth edges, arrays in and out."""

import numpy as np

FINER = 3
"""Drawn so many times as large, then shrunk: Pillow's own lines have stairs."""


def line(image, points, color, *, width=1.2):
    """An image with a line through points; (H, W, 3) in [0, 1], (N, 2) pixels -> (H, W, 3)."""
    flat = [tuple(point) for point in FINER * np.asarray(points, np.float64)]
    return _over(image, color, lambda pen: pen.line(flat, fill=255, width=round(FINER * width), joint="curve"))


def lines(image, starts, ends, color, *, width=1.2):
    """An image with a line from each start to its end; (H, W, 3), (N, 2) x 2 -> (H, W, 3)."""
    both = FINER * np.concatenate([starts, ends], axis=-1, dtype=np.float64)
    return _over(image, color, lambda pen: [pen.line(tuple(four), fill=255, width=round(FINER * width)) for four in both])


def dots(image, points, color, *, radius=1.8):
    """An image with a dot at each point; (H, W, 3), (N, 2) -> (H, W, 3)."""
    boxes = FINER * (np.tile(np.asarray(points, np.float64), 2) + radius * np.array([-1, -1, 1, 1]))
    return _over(image, color, lambda pen: [pen.ellipse(tuple(box), fill=255) for box in boxes])


def _over(image, color, draw):
    """The image under what `draw` puts on a mask."""
    from matplotlib.colors import to_rgb
    from PIL import Image, ImageDraw

    height, width = np.shape(image)[:2]
    mask = Image.new("L", (FINER * width, FINER * height))
    draw(ImageDraw.Draw(mask))
    share = np.asarray(mask, np.float32).reshape(height, FINER, width, FINER).mean(axis=(1, 3))[..., None] / 255
    return (1 - share) * np.clip(image, 0, 1) + share * np.array(to_rgb(color), np.float32)
