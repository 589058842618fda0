"""Exercises of chapter 09, first part: bilinear_sample, in_range. The rest is in `mgcbook.book.checks.warping`."""

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.face import sampling
from mgcbook.face.camera import pixel_grid
from mgcbook.tape import value_and_grad

IMAGE = np.random.default_rng(9).random((1, 4, 6, 2))


def _at(*spots):
    """Places to read at, in one row; (N, 2) -> (1, 1, N, 2)."""
    return np.array(spots, dtype=np.float64)[None, None]


# ---------------------------------------------------------------- 9.1

bilinear_sample = exercise("9.1", sampling.bilinear_sample)


@bilinear_sample.question("returns the channels of every place")
def _(sample):
    return np.shape(sample(IMAGE, np.full((1, 3, 5, 2), 2.0))), (1, 3, 5, 2)


@bilinear_sample.question("read at the centres of its pixels, a picture is itself")
def _(sample):
    return sample(IMAGE, pixel_grid(4, 6)[None]), IMAGE


@bilinear_sample.question("half-way between two centres, in a row and in a column, it is their mean")
def _(sample):
    wanted = [(IMAGE[0, 1, 2] + IMAGE[0, 1, 3]) / 2, (IMAGE[0, 1, 2] + IMAGE[0, 2, 2]) / 2]
    return sample(IMAGE, _at((3, 1.5), (2.5, 2)))[0, 0], wanted


@bilinear_sample.question("a quarter to the right and a tenth down, the four centres count 0.675, 0.225, 0.075 and 0.025")
def _(sample):
    wanted = 0.675 * IMAGE[0, 1, 2] + 0.225 * IMAGE[0, 1, 3] + 0.075 * IMAGE[0, 2, 2] + 0.025 * IMAGE[0, 2, 3]
    return sample(IMAGE, _at((2.75, 1.6)))[0, 0, 0], wanted


@bilinear_sample.question("beyond the outermost centres, the nearest place between them is read")
def _(sample):
    wanted = [IMAGE[0, 1, 0], IMAGE[0, 1, 5], IMAGE[0, 0, 2], IMAGE[0, 3, 5]]
    return sample(IMAGE, _at((-7, 1.5), (5.9, 1.5), (2.5, 0.1), (99, 99)))[0, 0], wanted


@bilinear_sample.question("each picture of a batch is read at its own places")
def _(sample):
    both = np.concatenate([IMAGE, IMAGE[:, ::-1]])
    places = np.concatenate([_at((2.5, 0.5)), _at((4.5, 0.5))])
    return sample(both, places)[:, 0, 0], [IMAGE[0, 0, 2], IMAGE[0, 3, 4]]


@bilinear_sample.question("its slope to the place is the difference of the neighbours")
def _(sample):
    _, slope = value_and_grad(lambda uv: np.sum(sample(IMAGE[..., :1], uv)))(_at((2.75, 1.5)))
    return slope[0, 0, 0, 0], IMAGE[0, 1, 3, 0] - IMAGE[0, 1, 2, 0]


@bilinear_sample.question("its slope to the picture is the four weights")
def _(sample):
    _, slope = value_and_grad(lambda image: np.sum(sample(image, _at((2.75, 1.6)))))(IMAGE[..., :1])
    return slope[0, 1:3, 2:4, 0], [(0.675, 0.225), (0.075, 0.025)]


def _sample(image, uv, *, half=0.5, clamp=np.clip, batch=None, flip=False, weight=lambda f: f):
    height, width = image.shape[1:3]
    x, y = uv[..., 0] - half, uv[..., 1] - half
    x, y = (y, x) if flip else (x, y)
    x, y = clamp(x, 0, width - 1), clamp(y, 0, height - 1)
    left = np.clip(np.floor(x), 0, width - 2).astype(int)
    top = np.clip(np.floor(y), 0, height - 2).astype(int)
    b = np.arange(len(image))[:, None, None] if batch is None else batch
    f, g = weight((x - left)[..., None]), weight((y - top)[..., None])
    above = image[b, top, left] * (1 - f) + image[b, top, left + 1] * f
    below = image[b, top + 1, left] * (1 - f) + image[b, top + 1, left + 1] * f
    return above * (1 - g) + below * g


@bilinear_sample.mistake("That is half a pixel off: the centre of pixel (r, c) is at (c + 0.5, r + 0.5), so subtract 0.5 first.")
def forgets_the_half(image, uv):
    return _sample(image, uv, half=0.0)


@bilinear_sample.mistake("That is the nearest pixel. Mix the four around the place, and there is a slope to walk along.")
def nearest(image, uv):
    return _sample(image, uv, weight=lambda f: np.where(f > 0.5, 1.0, 0.0))


@bilinear_sample.mistake("Rows and columns are exchanged: u goes right and picks the column, and it is image[b, row, column].")
def flips(image, uv):
    return _sample(image, uv, flip=True)


@bilinear_sample.mistake("The weights are the wrong way round: the nearer centre counts more, so the left one has 1 - f.")
def swaps_weights(image, uv):
    return _sample(image, uv, weight=lambda f: 1 - f)


@bilinear_sample.mistake("Beyond the border the line between the last two pixels went on and on: clamp the place first.")
def goes_on(image, uv):
    return _sample(image, uv, clamp=lambda index, low, high: index)


@bilinear_sample.mistake("Beyond the border there is black. Clamp the place; a mask will say what is outside.")
def black_outside(image, uv):
    inside = sampling.in_range(uv, *image.shape[1:3])
    return _sample(image, uv) * inside[..., None]


@bilinear_sample.mistake("All pictures were read from the first: index with the number of the picture, too.")
def first_picture_only(image, uv):
    return _sample(image, uv, batch=0)


@bilinear_sample.mistake("In one of the two directions only it is mixed; the formula mixes four centres, in both.")
def along_rows_only(image, uv):
    return _sample(image, np.stack([uv[..., 0], np.floor(uv[..., 1]) + 0.5], axis=-1))


def _corners(image, uv, pick):
    """The four centres around a place, mixed; pick(b, y, x) reads the picture."""
    x, y = uv[..., 0] - 0.5, uv[..., 1] - 0.5
    left, top, b = np.floor(x).astype(int), np.floor(y).astype(int), np.arange(len(image))[:, None, None]
    f, g = (x - left)[..., None], (y - top)[..., None]
    above = (1 - f) * (1 - g) * pick(b, top, left) + f * (1 - g) * pick(b, top, left + 1)
    return above + (1 - f) * g * pick(b, top + 1, left) + f * g * pick(b, top + 1, left + 1)


@bilinear_sample.mistake("The last column has no neighbour to its right, the last row none below: let x be W - 2 at most.")
def beyond_the_last(image, uv):
    return _corners(image, uv, lambda b, y, x: image[b, y, x])


@bilinear_sample.mistake("The first index is the picture's, then comes the row y, then the column x: image[b, y, x].")
def column_first(image, uv):
    last = image.shape[2] - 1, image.shape[1] - 1
    return _corners(image, uv, lambda b, y, x: image[b, np.clip(x, 0, last[0]), np.clip(y, 0, last[1])])


@bilinear_sample.mistake("image[:, y, x] reads each picture at the places of all: index with the numbers of the pictures, too.")
def every_picture(image, uv):
    last = image.shape[2] - 1, image.shape[1] - 1
    return _corners(image, uv, lambda b, y, x: image[:, np.clip(y, 0, last[1]), np.clip(x, 0, last[0])])


# ---------------------------------------------------------------- 9.2

in_range = exercise("9.2", sampling.in_range)

HEIGHT, WIDTH = 4, 6


def _asked(inside, *spots):
    return inside(np.array(spots, dtype=np.float64), HEIGHT, WIDTH)


@in_range.question("returns one number per place, for any axes")
def _(inside):
    return np.shape(inside(np.full((2, 3, 5, 2), 2.0), HEIGHT, WIDTH)), (2, 3, 5)


@in_range.question("a place in the middle is inside: 1; far away it is not: 0")
def _(inside):
    return _asked(inside, (3, 2), (-20, 2), (3, 90)), (1, 0, 0)


@in_range.question("within half a pixel of the border there are no four centres around a place: outside")
def _(inside):
    return _asked(inside, (0.4, 2), (5.6, 2), (3, 0.4), (3, 3.6)), (0, 0, 0, 0)


@in_range.question("the outermost centres themselves are inside")
def _(inside):
    return _asked(inside, (0.5, 0.5), (5.5, 3.5), (0.5, 3.5), (5.5, 0.5)), (1, 1, 1, 1)


@in_range.question("the picture is 6 wide and 4 high, so (5, 3) is inside, but (3, 5) is not")
def _(inside):
    return _asked(inside, (5, 3), (3, 5)), (1, 0)


@in_range.question("a place that is not a number is not inside")
def _(inside):
    return _asked(inside, (np.nan, 2), (3, np.nan)), (0, 0)


@in_range.question("gives numbers of the kind of uv, to multiply with")
def _(inside):
    return np.asarray(inside(np.ones((1, 2), np.float32), HEIGHT, WIDTH)).dtype == np.float32, True


def _within(x, y, right, bottom, kind=np.float64):
    return ((x >= 0) & (x <= right) & (y >= 0) & (y <= bottom)).astype(kind)


@in_range.mistake("That is the whole picture. Near its border there are no four centres around: it is 0.5 to W - 0.5.")
def whole_picture(uv, height, width):
    return _within(uv[..., 0], uv[..., 1], width, height, uv.dtype)


@in_range.mistake("The far ends count, too: MGCNet's program leaves them out, and so loses a row and a column. Use <=.")
def without_the_far_ends(uv, height, width):
    x, y = uv[..., 0] - 0.5, uv[..., 1] - 0.5
    return ((x >= 0) & (x < width - 1) & (y >= 0) & (y < height - 1)).astype(uv.dtype)


@in_range.mistake("That takes array indices: subtract 0.5 from the coordinates before you compare with 0 and W - 1.")
def forgets_the_half_here(uv, height, width):
    return _within(uv[..., 0], uv[..., 1], width - 1, height - 1, uv.dtype)


@in_range.mistake("The ends count: with < a view warped onto itself loses its border. Use <= and >=.")
def without_the_ends(uv, height, width):
    x, y = uv[..., 0] - 0.5, uv[..., 1] - 0.5
    return ((x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)).astype(uv.dtype)


@in_range.mistake("Width and height are exchanged: u is compared with the width, v with the height.")
def exchanged(uv, height, width):
    return _within(uv[..., 0] - 0.5, uv[..., 1] - 0.5, height - 1, width - 1, uv.dtype)


@in_range.mistake("Ask what is inside, not what is outside: NaN compares false either way, and so passed for inside.")
def not_outside(uv, height, width):
    x, y = uv[..., 0] - 0.5, uv[..., 1] - 0.5
    return (~((x < 0) | (x > width - 1) | (y < 0) | (y > height - 1))).astype(uv.dtype)


@in_range.mistake("Both coordinates must be inside; here one of them is enough.")
def one_is_enough(uv, height, width):
    x, y = uv[..., 0] - 0.5, uv[..., 1] - 0.5
    return (((x >= 0) & (x <= width - 1)) | ((y >= 0) & (y <= height - 1))).astype(uv.dtype)


@in_range.mistake("Those are truth values; the mask is multiplied with colours and depths: .astype(uv.dtype).")
def truth_values(uv, height, width):
    return _within(uv[..., 0] - 0.5, uv[..., 1] - 0.5, width - 1, height - 1, bool)


@in_range.mistake("`and` asks one question, not one of each place: join the comparisons with &, each in brackets of its own.")
def asks_once(uv, height, width):
    return 0.5 <= uv[..., 0] <= width - 0.5 and 0.5 <= uv[..., 1] <= height - 0.5


@in_range.mistake("u and v lie on the *last* axis: uv[..., 0] and uv[..., 1].")
def first_axis(uv, height, width):
    return _within(uv[0] - 0.5, uv[1] - 0.5, width - 1, height - 1, uv.dtype)
