"""Exercises of chapter 11: patches, batch_norm, adam."""

from importlib import import_module

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.kernels.twins import conv
from mgcbook.learning import nn
from mgcbook.tape import value_and_grad

# ---------------------------------------------------------------- 11.1

patches = exercise("11.1", conv.patches)

PICTURE = np.arange(1.0, 17).reshape(1, 4, 4, 1)  # 1 to 16, row by row
WIDE = np.arange(2.0 * 5 * 6 * 2).reshape(2, 5, 6, 2)


@patches.question("a window of 2 x 2 on 4 x 4 pixels has 3 x 3 places, and sees 4 numbers at each")
def _(patches):
    return np.shape(patches(PICTURE, 2, 2, 1, 0)), (1, 3, 3, 4)


@patches.question("the first window of 1 2 3 4 / 5 6 7 8 / ... sees 1, 2, 5, 6")
def _(patches):
    return patches(PICTURE, 2, 2, 1, 0)[0, 0, 0], (1, 2, 5, 6)


@patches.question("with stride 2, the next window begins two pixels further: 3, 4, 7, 8")
def _(patches):
    return patches(PICTURE, 2, 2, 2, 0)[0, 0, 1], (3, 4, 7, 8)


@patches.question("with padding 1, the first window of 3 x 3 sees five zeros first: 0 0 0 0 1 2 0 5 6")
def _(patches):
    return patches(PICTURE, 3, 3, 1, 1)[0, 0, 0], (0, 0, 0, 0, 1, 2, 0, 5, 6)


@patches.question("with two channels, they come pixel by pixel, as in the kernels")
def _(patches):
    return patches(WIDE, 1, 2, 1, 0)[0, 0, 0], (0, 1, 2, 3)


@patches.question("all windows of two pictures of 5 x 6 pixels, 3 high and 2 wide, stride 2, padding 1")
def _(patches):
    return patches(WIDE, 3, 2, 2, 1), conv.patches(WIDE, 3, 2, 2, 1)


@patches.question("the tape can differentiate it")
def _(patches):
    _, slope = value_and_grad(lambda x: np.sum(patches(x, 2, 2, 1, 0)))(PICTURE)
    return slope[0, :, :, 0], np.outer([1, 2, 2, 1], [1, 2, 2, 1])


def _taps(x, kh, kw, stride, padding, places=None):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    height, width = (x.shape[1] - kh) // stride + 1, (x.shape[2] - kw) // stride + 1
    places = places or [(i, j) for i in range(kh) for j in range(kw)]
    return [x[:, i : i + stride * height : stride, j : j + stride * width : stride] for i, j in places]


@patches.mistake("There are zeros around the picture: np.pad it along rows and columns first.")
def forgets_padding(x, kh, kw, stride, padding):
    return conv.patches(x, kh, kw, stride, 0)


@patches.mistake("All axes were padded: give np.pad a pair for each axis, and (0, 0) for pictures and channels.")
def pads_everything(x, kh, kw, stride, padding):
    return conv.patches(np.pad(x, padding), kh, kw, stride, 0)


@patches.mistake("The window goes one pixel further each time: take every stride-th place of a slice.")
def forgets_stride(x, kh, kw, stride, padding):
    return conv.patches(x, kh, kw, 1, padding)


@patches.mistake("Columns come before rows in your windows: let the column j run fastest, inside the row i.")
def columns_first(x, kh, kw, stride, padding):
    return np.concatenate(_taps(x, kh, kw, stride, padding, [(i, j) for j in range(kw) for i in range(kh)]), axis=-1)


@patches.mistake("Each channel has its places side by side; the kernels want each place with its channels: join the slices along "
                 "the last axis.")  # fmt: skip
def channels_apart(x, kh, kw, stride, padding):
    taps = np.stack(_taps(x, kh, kw, stride, padding), axis=-1)
    return np.reshape(taps, (*taps.shape[:3], -1))


@patches.mistake("The window is turned by half a turn, as in the mathematicians' convolution. Networks do not turn it.")
def turned(x, kh, kw, stride, padding):
    return np.concatenate(_taps(x, kh, kw, stride, padding)[::-1], axis=-1)


@patches.mistake("The last places are missing: there are (H + 2 padding - kh) // stride + 1 of them.")
def one_too_few(x, kh, kw, stride, padding):
    return conv.patches(x, kh, kw, stride, padding)[:, :-1, :-1]


@patches.mistake("The places of a window have an axis of their own; a row is flat: np.concatenate(..., axis=-1), not np.stack.")
def not_flat(x, kh, kw, stride, padding):
    return np.stack(_taps(x, kh, kw, stride, padding), axis=-2)


@patches.mistake("Numbers stored into a prepared array lose their history, and no gradient can flow: put the slices into a list.")
def stores_into_array(x, kh, kw, stride, padding):
    taps = _taps(x, kh, kw, stride, padding)
    out = np.zeros((*taps[0].shape[:3], len(taps) * x.shape[3]))
    for place, tap in enumerate(taps):
        out[..., place * x.shape[3] : (place + 1) * x.shape[3]] = tap
    return out


# ---------------------------------------------------------------- 11.2

batch_norm = exercise("11.2", nn.batch_norm)

PIXELS = np.array([1.0, 3, 5, 7]).reshape(1, 2, 2, 1)  # mean 4, variance 5, unbiased 20/3
CROWD = np.random.default_rng(11).normal(2, 3, (3, 4, 5, 2))
OLD = np.array([10.0]), np.array([2.0])
ONE, NO = np.ones(1), np.zeros(1)


def _old(channels=1):
    """Fresh arrays each time, since a wrong answer may write into them."""
    return tuple(np.repeat(part, channels) for part in OLD)


@batch_norm.question("returns the pictures, and (mean, variance) to remember")
def _(norm):
    y, (mean, variance) = norm(CROWD, np.ones(2), np.zeros(2), _old(2), train=True)
    return (*np.shape(y), *np.shape(mean), *np.shape(variance)), (3, 4, 5, 2, 2, 2)


@batch_norm.question("in training, 1 3 5 7 becomes -1.34 -0.45 0.45 1.34: mean 0, variance 1")
def _(norm):
    return norm(PIXELS, ONE, NO, _old(), train=True)[0].ravel(), np.array([-3, -1, 1, 3]) / np.sqrt(5 + 1e-5)


@batch_norm.question("each channel has one mean, over all pixels of all pictures")
def _(norm):
    y, _ = norm(CROWD, np.ones(2), np.zeros(2), _old(2), train=True)
    return y, (CROWD - CROWD.mean((0, 1, 2))) / np.sqrt(CROWD.var((0, 1, 2)) + 1e-5)


@batch_norm.question("times weight, plus bias")
def _(norm):
    return norm(PIXELS, 2 * ONE, 5 * ONE, _old(), train=True)[0].ravel(), 5 + 2 * np.array([-3, -1, 1, 3]) / np.sqrt(5 + 1e-5)


@batch_norm.question("the remembered mean moves a tenth of the way, from 10 towards 4: to 9.4")
def _(norm):
    return norm(PIXELS, ONE, NO, _old(), train=True)[1][0], [9.4]


@batch_norm.question("and the variance from 2 towards the unbiased 20/3")
def _(norm):
    return norm(PIXELS, ONE, NO, _old(), train=True)[1][1], [0.9 * 2 + 0.1 * 20 / 3]


@batch_norm.question("after training, the remembered numbers are used, and stay as they are")
def _(norm):
    y, running = norm(PIXELS, 2 * ONE, 5 * ONE, _old(), train=False)
    return (y, *running), (5 + 2 * (PIXELS - 10) / np.sqrt(2 + 1e-5), *_old())


@batch_norm.question("nothing that it was given has changed")
def _(norm):
    mine = _old()
    norm(PIXELS.copy(), ONE, NO, mine, train=True)
    return mine, _old()


@batch_norm.question("momentum and epsilon are used as given")
def _(norm):
    y, running = norm(PIXELS, ONE, NO, _old(), train=True, momentum=0.5, epsilon=4.0)
    return (y, *running), ((PIXELS - 4) / 3, np.array([7.0]), np.array([1 + 10 / 3]))


@batch_norm.question("the tape can differentiate it")
def _(norm):
    weights = np.array([1.0, 0, 0, 0]).reshape(1, 2, 2, 1)
    slope = lambda f: value_and_grad(lambda x: np.sum(weights * f(x, ONE, NO, _old(), train=True)[0]))(PIXELS)[1]
    return slope(norm), slope(nn.batch_norm)


def _normed(x, weight, bias, mean, variance, epsilon):
    return weight * (x - mean) / np.sqrt(variance + epsilon) + bias


def _norm(x, weight, bias, running, train, momentum, epsilon, *, axes=(0, 1, 2), unbias=True, share=None, use=None, y=None):
    """Batch norm with one thing done another way."""
    mean = np.mean(x, axis=axes)
    variance = np.mean((x - mean) ** 2, axis=axes)
    n = x.size // x.shape[-1]
    batch = mean, variance * (n / (n - 1)) if unbias else variance
    if not (train if use is None else use):
        return _normed(x, weight, bias, *running, epsilon), running
    share = momentum if share is None else share
    kept = tuple((1 - share) * old + share * new for old, new in zip(running, batch, strict=True))
    return (_normed(x, weight, bias, mean, variance, epsilon) if y is None else y(mean, variance)), kept if train else running


@batch_norm.mistake("One mean for all channels: np.mean(x, axis=(0, 1, 2)) leaves the last axis.")
def all_channels(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
    mean, variance = np.full(x.shape[-1:], np.mean(x)), np.full(x.shape[-1:], np.mean((x - np.mean(x)) ** 2))
    if not train:
        return nn.batch_norm(x, weight, bias, running, train=False)
    _, kept = nn.batch_norm(x, weight, bias, running, train=True)
    return _normed(x, weight, bias, mean, variance, epsilon), kept


@batch_norm.mistake("The mean is over the pictures only, so each pixel got its own: take it over rows and columns as well.")
def pixels_apart(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
    if not train:
        return nn.batch_norm(x, weight, bias, running, train=False)
    _, kept = nn.batch_norm(x, weight, bias, running, train=True)
    mean = np.mean(x, axis=0)
    return _normed(x, weight, bias, mean, np.mean((x - mean) ** 2, axis=0), epsilon), kept


@batch_norm.mistake("That divides by the variance; the size of the numbers is its root, the standard deviation.")
def forgets_root(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
    y = lambda mean, variance: weight * (x - mean) / (variance + epsilon) + bias
    return _norm(x, weight, bias, running, train, momentum, epsilon, y=y)


@batch_norm.mistake("Epsilon belongs under the root, beside the variance.")
def epsilon_outside(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
    y = lambda mean, variance: weight * (x - mean) / (np.sqrt(variance) + epsilon) + bias
    return _norm(x, weight, bias, running, train, momentum, epsilon, y=y)


@batch_norm.mistake("What you divide by is the unbiased variance. Divide by the plain mean of squares; only what is remembered "
                    "is n/(n-1) times as large.")  # fmt: skip
def divides_by_unbiased(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
    n = x.size // x.shape[-1]
    y = lambda mean, variance: _normed(x, weight, bias, mean, variance * n / (n - 1), epsilon)
    return _norm(x, weight, bias, running, train, momentum, epsilon, y=y)


@batch_norm.mistake("Weight and bias are missing: gamma x^ + beta.")
def forgets_weight(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
    return _norm(x, 1.0, 0.0, running, train, momentum, epsilon)


@batch_norm.mistake("Momentum is the share of the *new* batch here, as in PyTorch: (1 - momentum) old + momentum new.")
def momentum_of_the_old(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
    return _norm(x, weight, bias, running, train, momentum, epsilon, share=1 - momentum)


@batch_norm.mistake("The remembered variance is the unbiased one: times n/(n - 1), with n pixels in all pictures together.")
def remembers_biased(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
    return _norm(x, weight, bias, running, train, momentum, epsilon, unbias=False)


@batch_norm.mistake("n counts the pixels of all pictures, B H W, and not the pictures alone.")
def counts_pictures(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
    y, kept = _norm(x, weight, bias, running, train, momentum, epsilon)
    variance = np.mean((x - np.mean(x, axis=(0, 1, 2))) ** 2, axis=(0, 1, 2))
    return y, (kept[0], (1 - momentum) * running[1] + momentum * variance * len(x) / (np.float64(len(x)) - 1))


@batch_norm.mistake("Without `train` the remembered mean and variance are used, not those of the batch.")
def always_the_batch(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
    return _norm(x, weight, bias, running, train, momentum, epsilon, use=True)


@batch_norm.mistake("`train` is never asked: without it the remembered numbers are used, and come back as they are.")
def ignores_train(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
    return _norm(x, weight, bias, running, True, momentum, epsilon)


@batch_norm.mistake("In training the batch's own mean and variance are used; the remembered ones are for later.")
def never_the_batch(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
    _, kept = _norm(x, weight, bias, running, train, momentum, epsilon)
    return _normed(x, weight, bias, *running, epsilon), kept


@batch_norm.mistake("The arrays in `running` were written over. Make new ones: (1 - momentum) * old + momentum * new.")
def writes_over(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
    y, kept = _norm(x, weight, bias, running, train, momentum, epsilon)
    for old, new in zip(running, kept, strict=True):
        old[:] = new
    return y, running


import_module("mgcbook.book.checks.adam")  # 11.3 comes after 11.2
