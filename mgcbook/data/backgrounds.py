"""Procedural scenery behind synthetic faces: gradients, noise, soft shapes, rooms, outdoors, points of light out of focus.

A background is a panorama wider than one picture; the views of one face look at different parts of it, as cameras beside
each other would. Nothing here is a photograph: the only aim is that a network cannot learn "the face is what is not flat".

What is painted is a formula of the place: on `Pixels` it is computed at once, on a `Sheet` (see `mgcbook.data.sheet`) it is
written down, to be computed on a GPU.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

BLURS = (0.0, 0.008, 0.02, 0.04)
"""How far panoramas are out of focus: standard deviations as parts of the height."""
TRUNCATE = 2.5
"""Standard deviations at which a blur ends."""


class Pixels:
    """A canvas whose pixels are computed at once."""

    def __init__(self, height, width):
        self.height, self.width = height, width

    def plane(self):
        """Row and column of every pixel as parts of height and width; -> (H, W), (H, W)."""
        places = (np.arange(self.height) + 0.5) / self.height, (np.arange(self.width) + 0.5) / self.width
        return tuple(np.meshgrid(*places, indexing="ij"))

    def noise(self, rng, cells=8, octaves=2):
        """See `value_noise`."""
        return value_noise(rng, self.height, self.width, cells, octaves)


def panorama(rng, height, width):
    """A random background, (height, width, 3) float32 in [0, 1]; what kind it is and all its colours come from `rng`."""
    picture, blur = scenery(rng, Pixels(height, width))
    if blur:
        picture = gaussian_filter(picture, (blur, blur, 0), mode="nearest", truncate=TRUNCATE)
    return np.clip(picture, 0, 1).astype(np.float32)


def scenery(rng, canvas):
    """What a panorama shows before it is blurred, and how far it is to be blurred, in pixels; -> (H, W, 3), number."""
    kinds = (gradient, cloud, soft_shapes, room, outdoors, lights)
    kind = kinds[rng.choice(len(kinds), p=(0.12, 0.16, 0.2, 0.26, 0.16, 0.1))]
    picture = kind(rng, canvas)
    picture = picture + rng.uniform(0, 0.06) * (canvas.noise(rng, cells=rng.integers(6, 24)) - 0.5)[..., None]
    return picture, rng.choice(BLURS) * canvas.height


def view_windows(rng, scenery, yaw, height, width):
    """The windows of a panorama that cameras at these yaw angles see; (H, P, 3), (N,) radians -> (N, height, width, 3).

    A camera further to one side sees scenery further to the other. Whole pixels only: nothing is resampled.
    """
    columns = window_columns(rng, scenery.shape[1], yaw, width)
    return np.stack([scenery[:height, column : column + width] for column in columns])


def window_columns(rng, whole, yaw, width):
    """The first columns of those windows in a panorama `whole` pixels wide; (N,) radians -> (N,)."""
    room_left = whole - width
    start = room_left / 2 + np.asarray(yaw) * room_left * 0.4 + rng.uniform(-0.15, 0.15) * room_left
    return np.clip(np.round(start), 0, room_left).astype(int)


def colour(rng, low=0.05, high=0.95):
    """A random colour, (3,): brightness and saturation are drawn separately, so that greys are as common as in houses."""
    value = rng.uniform(low, high)
    saturation = rng.beta(1.2, 3.0)
    return value * (1 - saturation * rng.uniform(0, 1, 3))


def value_noise(rng, height, width, cells=8, octaves=2):
    """Smooth noise in [0, 1], random values on a grid, interpolated; octaves halve in strength; -> (height, width) float32."""
    total, weight = np.zeros((height, width), np.float32), 0.0
    for grid, strength in noise_grids(rng, height, width, cells, octaves):
        total += np.float32(strength) * _stretch(_stretch(grid, height).T, width).T
        weight += strength
    return total / np.float32(weight)


def noise_grids(rng, height, width, cells, octaves):
    """The random values of `value_noise` and how much they count, octave by octave; yields (rows, columns) float32, number."""
    strength = 1.0
    for _ in range(octaves):
        rows, columns = int(cells) + 1, max(2, int(cells) * width // height + 1)
        yield rng.random((rows, columns), dtype=np.float32), strength
        cells, strength = cells * 2.3, strength / 2


def _stretch(grid, size):
    """Linear interpolation along the first axis to another number of rows; (R, C) -> (size, C)."""
    place = np.linspace(0, len(grid) - 1, size, dtype=np.float32)
    lower = np.minimum(place.astype(int), len(grid) - 2)
    part = (place - lower)[:, None]
    return grid[lower] * (1 - part) + grid[lower + 1] * part


def gradient(rng, canvas):
    """A studio backdrop: one colour fading to another in a random direction, often with a bright spot behind the head."""
    row, column = canvas.plane()
    angle = rng.uniform(0, 2 * np.pi)
    along = np.clip(0.5 + np.cos(angle) * (column - 0.5) + np.sin(angle) * (row - 0.5), 0, 1)
    first, second = colour(rng), colour(rng)
    if rng.random() < 0.6:
        second = np.clip(first * rng.uniform(0.4, 1.3), 0, 1)
    spot = np.exp(-((column - rng.uniform(0.3, 0.7)) ** 2 + (row - rng.uniform(0.2, 0.7)) ** 2) / 0.12) * rng.uniform(0, 0.25)
    return _mix(first, second, along) + spot[..., None]


def cloud(rng, canvas):
    """Two or three colours mixed by smooth noise: foliage, plaster, cloth."""
    picture = _mix(colour(rng), colour(rng), canvas.noise(rng, rng.integers(2, 9), 3))
    third = np.clip(4 * canvas.noise(rng, rng.integers(2, 6)) - 2.2, 0, 1)
    return _over(picture, colour(rng), third)


def soft_shapes(rng, canvas):
    """Rectangles, discs and stripes of random colours, each with its own softness."""
    row, column = canvas.plane()
    picture = gradient(rng, canvas)
    for _ in range(rng.integers(3, 10)):
        centre_row, centre_column = rng.uniform(0, 1), rng.uniform(0, 1)
        tall, wide = rng.uniform(0.05, 0.5, 2)
        soft = rng.choice((0.01, 0.03, 0.1))
        y, x = (row - centre_row) / tall, (column - centre_column) * canvas.width / canvas.height / wide
        distance = np.hypot(x, y) if rng.random() < 0.5 else np.maximum(np.abs(x), np.abs(y))
        picture = _over(picture, colour(rng), _edge(1 - distance, soft / min(tall, wide)) * rng.uniform(0.5, 1))
    return picture


def room(rng, canvas):
    """Indoors: wall, floor, skirting board, and a few of window, door, picture, shelf, lamp and curtain."""
    row, column = canvas.plane()
    wall, floor = colour(rng, 0.35, 0.95), colour(rng, 0.1, 0.6)
    shade = 1 - rng.uniform(0, 0.35) * np.abs(column - rng.uniform(0.2, 0.8)) - rng.uniform(-0.1, 0.25) * (1 - row)
    picture = wall * shade[..., None]
    if rng.random() < 0.5:  # a corner of the room
        corner, slope = rng.uniform(0.1, 0.9), rng.uniform(-0.05, 0.05)
        picture = _over(picture, picture.mean((0, 1)) * rng.uniform(0.65, 0.9), _edge(column - corner - slope * row, 0.01))
    line = rng.uniform(0.75, 1.05) + rng.uniform(-0.1, 0.1) * (column - 0.5)
    picture = _over(picture, floor, _edge(row - line, 0.01))
    picture = _over(picture, colour(rng, 0.4, 1.0), _edge(row - line + 0.04, 0.01) * _edge(line - row, 0.01) * rng.choice((0, 1)))
    for _ in range(rng.integers(2, 7)):
        picture = _furniture(rng, canvas, picture, row, column)
    return picture


def _furniture(rng, canvas, picture, row, column):
    left, top = rng.uniform(-0.05, 0.95), rng.uniform(-0.1, 0.6)
    wide, tall = rng.uniform(0.04, 0.22), rng.uniform(0.12, 0.7)
    inside = _box(row, column, top, left, tall, wide)
    kind = rng.integers(5)
    if kind == 0:  # a window: bright, with bars
        picture = _over(picture, colour(rng, 0.1, 0.9), _box(row, column, top - 0.03, left - 0.012, tall + 0.06, wide + 0.024))
        glass = _mix(np.array([0.75, 0.87, 1.0]), np.array([1.0, 0.98, 0.9]), (row - top) / tall) * rng.uniform(0.7, 1.05)
        bars = (np.abs((column - left) / wide - 0.5) < 0.03) | (np.abs((row - top) / tall - 0.5) < 0.025)
        return np.where((inside > 0.5)[..., None] & ~bars[..., None], glass, picture)
    if kind == 1:  # a shelf with books
        books = np.floor((column - left) / wide * rng.integers(6, 16)) + 31 * np.floor((row - top) / tall * rng.integers(2, 5))
        palette = np.stack([colour(rng) for _ in range(7)])
        return _over(picture, _chosen(palette, books.astype(int) % 7), inside)
    if kind == 2:  # a picture in its frame
        picture = _over(picture, colour(rng, 0.05, 0.6), _box(row, column, top - 0.02, left - 0.008, tall + 0.04, wide + 0.016))
        return _over(picture, _mix(colour(rng), colour(rng), canvas.noise(rng, cells=6)), inside)
    if kind == 3:  # a curtain
        folds = 0.8 + 0.2 * np.sin((column - left) / wide * rng.uniform(15, 40))
        return _over(picture, colour(rng) * folds[..., None], inside)
    glow = np.exp(-((column - left) ** 2 * 30 + (row - top) ** 2 * 10))  # a lamp
    return picture + (rng.uniform(0.1, 0.5) * glow)[..., None] * np.array([1.0, 0.9, 0.7])


def outdoors(rng, canvas):
    """Sky over hills or houses over ground, with noise for leaves."""
    (row, _), width = canvas.plane(), canvas.width
    sky = _mix(np.array([0.45, 0.62, 0.9]) * rng.uniform(0.7, 1.1), np.array([0.92, 0.93, 0.95]), np.clip(row * 1.6, 0, 1))
    white = np.clip(3 * canvas.noise(rng, 3, 3) - 1.6, 0, 1)
    sky = _over(sky, np.array([0.97, 0.97, 0.97]), white * rng.uniform(0, 1))
    horizon = rng.uniform(0.3, 0.9)
    skyline = horizon - 0.35 * value_noise(rng, 2, width, rng.integers(1, 6), 3)[0]
    if rng.random() < 0.4:  # houses: the skyline in steps
        skyline = skyline[(np.arange(width) // max(2, width // rng.integers(6, 18)) * max(2, width // 12)) % width]
    green = np.array([0.25, 0.38, 0.16]) if rng.random() < 0.6 else colour(rng, 0.2, 0.8)
    leaves = green * (0.5 + canvas.noise(rng, rng.integers(6, 20), 3))[..., None]
    picture = _over(sky, leaves, _edge(row - skyline, 0.015))
    return _over(picture, colour(rng, 0.2, 0.7), _edge(row - horizon - rng.uniform(0, 0.25), 0.02))


def lights(rng, canvas):
    """A dark place with discs of light out of focus."""
    row, column = canvas.plane()
    picture = _mix(colour(rng, 0.02, 0.2), colour(rng, 0.02, 0.35), row)
    for _ in range(rng.integers(8, 30)):
        radius = rng.uniform(0.015, 0.09)
        distance = np.hypot((row - rng.uniform(0, 1)), (column - rng.uniform(0, 1)) * canvas.width / canvas.height) / radius
        picture = picture + (rng.uniform(0.1, 0.6) * _edge(1 - distance, 0.15))[..., None] * colour(rng, 0.5, 1.0)
    return picture


def _edge(signed, soft):
    """0 below, 1 above zero, with a ramp of width `soft`."""
    return np.clip(signed / soft + 0.5, 0, 1)


def _box(row, column, top, left, tall, wide):
    return ((row > top) & (row < top + tall) & (column > left) & (column < left + wide)).astype(float)


def _chosen(palette, number):
    """palette[number], also on a sheet; (N, 3), (H, W) -> (H, W, 3)."""
    return number.chosen_from(palette) if hasattr(number, "chosen_from") else palette[number]


def _mix(first, second, weight):
    weight = weight[..., None]
    return first * (1 - weight) + second * weight


def _over(picture, paint, cover):
    cover = cover[..., None]
    return picture * (1 - cover) + paint * cover
