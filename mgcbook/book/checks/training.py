"""Exercises of chapter 13: clip_by_norm, from_torch."""

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.learning import optim, weights

# ---------------------------------------------------------------- 13.1

clip_by_norm = exercise("13.1", optim.clip_by_norm)


def _long():
    return {"w": np.array([1.8, 2.4]), "b": np.array([4.0])}  # 3 and 4, together 5 long


def _laid_out(result):
    grads, norm = result
    return np.concatenate([grads["w"], grads["b"], [norm]])


@clip_by_norm.question("gradients of 3 and 4 are 5 long together, and that is returned as the second thing")
def _(clip):
    return clip(_long(), 10.0)[1], 5.0


@clip_by_norm.question("shorter than the limit, they stay as they are")
def _(clip):
    return _laid_out(clip(_long(), 10.0)), (1.8, 2.4, 4, 5)


@clip_by_norm.question("longer, all of them shrink by the same factor, until they are as long as the limit")
def _(clip):
    return _laid_out(clip(_long(), 1.0)), (0.36, 0.48, 0.8, 5)


@clip_by_norm.question("several numbers in an array count like several arrays")
def _(clip):
    grads, norm = clip({"w": np.full((2, 2), 2.0), "b": np.array([2.0, 2, 5])}, 3.5)
    return (grads["w"], grads["b"], norm), (np.ones((2, 2)), [1, 1, 2.5], 7.0)


@clip_by_norm.question("gradients of 0 are no reason to divide by 0")
def _(clip):
    return _laid_out(clip({"w": np.zeros(2), "b": np.zeros(1)}, 1.0)), np.zeros(4)


@clip_by_norm.question("nothing that it was given has changed")
def _(clip):
    grads = _long()
    clip(grads, 1.0)
    return (grads["w"], grads["b"]), ([1.8, 2.4], [4.0])


def _norm(grads):
    return float(np.sqrt(sum(np.sum(g**2) for g in grads.values())))


@clip_by_norm.mistake("Each array was shortened on its own, and the direction of the whole changed: take one length for all.")
def each_alone(grads, limit):
    own = {name: min(1.0, limit / max(np.sqrt(np.sum(g**2)), 1e-30)) for name, g in grads.items()}
    return {name: g * own[name] for name, g in grads.items()}, _norm(grads)


@clip_by_norm.mistake("Single numbers were cut off, and the direction changed: multiply all of them by one factor.")
def cuts_numbers(grads, limit):
    return {name: np.clip(g, -limit, limit) for name, g in grads.items()}, _norm(grads)


@clip_by_norm.mistake("That is the square of the length: take the root of the sum of squares.")
def forgets_root(grads, limit):
    norm = _norm(grads) ** 2
    return {name: g * min(1.0, limit / max(norm, 1e-30)) for name, g in grads.items()}, norm


@clip_by_norm.mistake("Short gradients were made longer. Shorten only those that are longer than the limit.")
def always_scales(grads, limit):
    return {name: g * (limit / max(_norm(grads), 1e-30)) for name, g in grads.items()}, _norm(grads)


@clip_by_norm.mistake("What is returned is the length after clipping; the length before says whether something went wrong.")
def returns_length_after(grads, limit):
    norm = _norm(grads)
    factor = min(1.0, limit / max(norm, 1e-30))
    return {name: g * factor for name, g in grads.items()}, norm * factor


@clip_by_norm.mistake("The lengths of the arrays were added; squares must be added, and the root taken of all: 3 and 4 make 5.")
def adds_lengths(grads, limit):
    norm = float(sum(np.sqrt(np.sum(g**2)) for g in grads.values()))
    return {name: g * min(1.0, limit / max(norm, 1e-30)) for name, g in grads.items()}, norm


@clip_by_norm.mistake("`*=` writes into the gradients that you were given: make new arrays.")
def writes_in_place(grads, limit):
    norm = _norm(grads)
    for g in grads.values():
        g *= min(1.0, limit / max(norm, 1e-30))
    return grads, norm


# ---------------------------------------------------------------- 13.2

from_torch = exercise("13.2", weights.from_torch)

KERNELS = np.arange(2.0 * 3 * 4 * 5).reshape(2, 3, 4, 5)  # 2 outputs, 3 inputs, 4 rows, 5 columns
MATRIX = np.arange(6.0).reshape(2, 3)


@from_torch.question("2 kernels for 3 channels, 4 rows and 5 columns each, become (4, 5, 3, 2)")
def _(from_torch):
    return np.shape(from_torch(KERNELS)), (4, 5, 3, 2)


@from_torch.question("the number of output 1, input 2, row 3 and column 4 stands at [3, 4, 2, 1]")
def _(from_torch):
    return from_torch(KERNELS)[3, 4, 2, 1], KERNELS[1, 2, 3, 4]


@from_torch.question("all of them")
def _(from_torch):
    return from_torch(KERNELS), np.einsum("oiyx->yxio", KERNELS)


@from_torch.question("a matrix (out, in) becomes (in, out)")
def _(from_torch):
    return from_torch(MATRIX), MATRIX.T


@from_torch.question("a vector stays as it is")
def _(from_torch):
    return from_torch(np.arange(5.0)), np.arange(5.0)


@from_torch.mistake("The numbers were laid out anew, not moved: reshape keeps their order in memory. Use transpose.")
def reshapes(array):
    return array.reshape(*array.shape[2:], *array.shape[1::-1]) if array.ndim == 4 else array.T


@from_torch.mistake("Input and output are swapped: kernels are (kh, kw, in, out) here, the output last.")
def output_before_input(array):
    return array.transpose(2, 3, 0, 1) if array.ndim == 4 else array.T


@from_torch.mistake("Rows and columns of the window are swapped, as .T does it: all four axes backwards. Every kernel would be "
                    "mirrored at its diagonal, and nothing would complain.")  # fmt: skip
def all_backwards(array):
    return array.T


@from_torch.mistake("Only the channels were moved to the end: (out, kh, kw, in). The output must be last.")
def like_pictures(array):
    return np.moveaxis(array, 1, -1) if array.ndim == 4 else array.T


@from_torch.mistake("The matrix of the last layer must be turned too: PyTorch computes W x, here it is x W.")
def forgets_matrix(array):
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array


@from_torch.mistake("The windows were turned by half a turn. Nobody turns them: neither PyTorch nor we.")
def flips_windows(array):
    return array.transpose(2, 3, 1, 0)[::-1, ::-1] if array.ndim == 4 else array.T
