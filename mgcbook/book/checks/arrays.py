"""Exercises of chapter 01: pixel_grid, composite, transform."""

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.face import camera, render

# ---------------------------------------------------------------- 1.1

pixel_grid = exercise("1.1", camera.pixel_grid)


@pixel_grid.question("returns a pair (u, v) for each of H rows and W columns")
def _(pixel_grid):
    return np.shape(pixel_grid(3, 5)), (3, 5, 2)


@pixel_grid.question("the pixel in row 1, column 4 has its centre at (4.5, 1.5)")
def _(pixel_grid):
    return pixel_grid(3, 5)[1, 4], (4.5, 1.5)


@pixel_grid.question("the first pixel has its centre at (0.5, 0.5)")
def _(pixel_grid):
    return pixel_grid(3, 5)[0, 0], (0.5, 0.5)


@pixel_grid.question("the middle of all pixels is the middle of the picture")
def _(pixel_grid):
    return np.mean(pixel_grid(4, 6), axis=(0, 1)), (3.0, 2.0)


@pixel_grid.question("all of them")
def _(pixel_grid):
    return pixel_grid(2, 2), [[[0.5, 0.5], [1.5, 0.5]], [[0.5, 1.5], [1.5, 1.5]]]


def _grid(height, width):
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1) + 0.5


@pixel_grid.mistake("Those are the numbers of columns and rows, the upper left corners of the pixels: the centres are at + 0.5.")
def forgets_half(height, width):
    return _grid(height, width) - 0.5


@pixel_grid.mistake("Row and column are swapped: u comes first and counts columns, v counts rows. np.meshgrid(columns, rows).")
def swaps_u_and_v(height, width):
    return _grid(height, width)[..., ::-1]


@pixel_grid.mistake("The axes are those of (W, H): np.meshgrid gives rows first, unless you ask it for indexing='ij'.")
def width_first(height, width):
    return np.swapaxes(_grid(height, width), 0, 1)


@pixel_grid.mistake("u and v lie in front, as np.indices and np.meshgrid give them: put them last with np.stack(..., axis=-1).")
def channels_first(height, width):
    return np.moveaxis(_grid(height, width), -1, 0)


@pixel_grid.mistake("np.linspace(0, W, W) runs from edge to edge, so its steps are not one pixel wide: np.arange(W) + 0.5.")
def edge_to_edge(height, width):
    return np.stack(np.meshgrid(np.linspace(0, width, width), np.linspace(0, height, height)), axis=-1)


@pixel_grid.mistake("v runs upwards here. Row 0 is on top and v grows downwards, as the rows do.")
def flips_v(height, width):
    return np.stack([_grid(height, width)[..., 0], height - _grid(height, width)[..., 1]], axis=-1)


# ---------------------------------------------------------------- 1.2

composite = exercise("1.2", render.composite)


def _layers(batch=1):
    """A drawing of a grey 0.2 that covers nothing, a quarter and all of three pixels, and a bright photograph."""
    mask = np.tile([[0.0, 0.25, 1.0]], (batch, 1, 1))
    return 0.2 * mask[..., None] * np.ones(3), mask, np.ones((batch, 1, 3, 3)) * [0.6, 0.7, 0.8]


@composite.question("returns a picture of the same shape")
def _(composite):
    return np.shape(composite(*_layers())), (1, 1, 3, 3)


@composite.question("where nothing is drawn, the photograph stays")
def _(composite):
    return composite(*_layers())[0, 0, 0], (0.6, 0.7, 0.8)


@composite.question("where the drawing covers all, only the drawing is seen")
def _(composite):
    return composite(*_layers())[0, 0, 2], (0.2, 0.2, 0.2)


@composite.question("a pixel that is a quarter covered shows both: 0.05 + 0.75 * (0.6, 0.7, 0.8)")
def _(composite):
    return composite(*_layers())[0, 0, 1], (0.5, 0.575, 0.65)


@composite.question("two pictures at once, each with its own mask")
def _(composite):
    image, mask, photo = _layers(2)
    mask = mask * np.array([[[1.0]], [[0.0]]])
    image = image * mask[..., None]
    return composite(image, mask, photo), np.stack([image[0] + (1 - mask[0])[..., None] * photo[0], photo[1]])


@composite.mistake("(B, H, W) does not line up with (B, H, W, C): give the mask a last axis of length one, mask[..., None].")
def forgets_axis(image, mask, photo):
    return image + (1 - mask) * photo


@composite.mistake("The photograph shines through the face: it must be hidden where the mask is 1, (1 - mask) * photo.")
def adds_everything(image, mask, photo):
    return image + photo


@composite.mistake("That is the other way round: 1 - mask belongs to the photograph.")
def swaps_layers(image, mask, photo):
    return (1 - mask[..., None]) * image + mask[..., None] * photo


@composite.mistake("The drawing is 0 outside already and dimmed at its edge; times the mask once more, the edge gets too dark.")
def masks_twice(image, mask, photo):
    return mask[..., None] * image + (1 - mask[..., None]) * photo


@composite.mistake("A hard choice makes a jagged edge: a pixel that is a quarter covered shows three quarters of the photograph.")
def chooses_hard(image, mask, photo):
    return np.where(mask[..., None] > 0, image, photo)


@composite.mistake("One or the other makes a jagged edge: a pixel that is a quarter covered also shows the drawing.")
def chooses_from_half(image, mask, photo):
    return np.where(mask[..., None] > 0.5, image, photo)


# ---------------------------------------------------------------- 1.3

transform = exercise("1.3", camera.transform)

QUARTER = np.array([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])  # takes x to y and y to -x
STAY = np.eye(3)[None]


@transform.question("returns one point for each point")
def _(transform):
    return np.shape(transform(STAY, np.zeros((1, 3)), np.ones((1, 4, 3)))), (1, 4, 3)


@transform.question("without a turn, every point moves by the translation")
def _(transform):
    points = np.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
    return transform(STAY, np.array([[10.0, 20.0, 30.0]]), points), [[[11, 22, 33], [14, 25, 36]]]


@transform.question("a quarter turn about z takes (1, 0, 0) to (0, 1, 0)")
def _(transform):
    return transform(QUARTER, np.zeros((1, 3)), np.array([[[1.0, 0.0, 0.0]]]))[0, 0], (0, 1, 0)


@transform.question("first the turn, then the translation")
def _(transform):
    return transform(QUARTER, np.array([[5.0, 0.0, 0.0]]), np.array([[[1.0, 0.0, 0.0]]]))[0, 0], (5, 1, 0)


@transform.question("each of two faces gets its own pose")
def _(transform):
    points = np.array([[[1.0, 2.0, 3.0]] * 4, [[4.0, 5.0, 6.0]] * 4])
    moved = transform(np.concatenate([QUARTER, STAY]), np.array([[0.0, 0, 1], [0, 0, 2]]), points)
    return moved, [[[-2, 1, 4]] * 4, [[4, 5, 8]] * 4]


def _turned(rotation, points):
    return np.einsum("bij,bvj->bvi", rotation, points)


@transform.mistake("That is the turn backwards. Points are rows: 'bij,bvj->bvi', or points @ rotation with its axes swapped.")
def turns_backwards(rotation, translation, points):
    return np.einsum("bji,bvj->bvi", rotation, points) + translation[:, None]


@transform.mistake("The translation is missing: R X + t.")
def forgets_translation(rotation, translation, points):
    return _turned(rotation, points)


@transform.mistake("First moved, then turned, so the translation was turned too: R X + t, not R (X + t).")
def moves_first(rotation, translation, points):
    return _turned(rotation, points + translation[:, None])


@transform.mistake("All faces got the pose of the first one: keep the letter b in every operand.")
def first_pose_for_all(rotation, translation, points):
    return np.einsum("ij,bvj->bvi", rotation[0], points) + translation[0]


@transform.mistake("(B, 3) lines up with (B, V, 3) from the right, so b would meet v: translation[:, None].")
def misses_an_axis(rotation, translation, points):
    return _turned(rotation, points) + translation


@transform.mistake("`.T` turns all three axes round, the batch with them: rotation.swapaxes(-1, -2) turns the last two.")
def turns_the_batch_round(rotation, translation, points):
    return points @ rotation.T + translation[:, None]


@transform.mistake("Points are rows here, (B, V, 3), so R stands on the right, with its axes swapped; or write 'bij,bvj->bvi'.")
def columns_of_points(rotation, translation, points):
    return rotation @ points + translation[:, None]
