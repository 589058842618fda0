"""Exercises of chapter 05: sh_basis, shade."""

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.face import light as library
from mgcbook.tape import value_and_grad

A0, A1, A2 = 0.886226925452758, 1.772453850905516, 2.427032391445665
NORMAL = np.array([[0.48, 0.6, 0.64]])  # unit length, three different numbers


# ---------------------------------------------------------------- 5.1

sh_basis = exercise("5.1", library.sh_basis)


@sh_basis.question("returns nine numbers per normal, in the last axis")
def _(sh_basis):
    return np.shape(sh_basis(np.tile(NORMAL, (4, 1)))), (4, 9)


@sh_basis.question("the first is 0.886, whatever the normal")
def _(sh_basis):
    return sh_basis(np.concatenate([NORMAL, -NORMAL]))[..., 0], (A0, A0)


@sh_basis.question("the next three are -y, z, -x times 1.772")
def _(sh_basis):
    return sh_basis(NORMAL)[0, 1:4], (-0.6 * A1, 0.64 * A1, -0.48 * A1)


@sh_basis.question("the last five are the products of two coordinates")
def _(sh_basis):
    wanted = 0.288, -0.384, (3 * 0.4096 - 1) / np.sqrt(12), -0.3072, (0.2304 - 0.36) / 2
    return sh_basis(NORMAL)[0, 4:], A2 * np.array(wanted)


@sh_basis.question("takes any number of axes before the last")
def _(sh_basis):
    ahead = [A0, 0, A1, 0, 0, 0, 2 * A2 / np.sqrt(12), 0, 0]
    return sh_basis(np.tile([0.0, 0.0, 1.0], (2, 3, 1))), np.tile(ahead, (2, 3, 1))


@sh_basis.question("the tape can differentiate it")
def _(sh_basis):
    _, gradient = value_and_grad(lambda n: np.sum(sh_basis(n)[..., 1:5]))(NORMAL)
    return gradient, np.array([[-A1 + A2 * 0.6, -A1 + A2 * 0.48, A1]])


def _patterns(normals):
    x, y, z = (normals[..., i] for i in range(3))
    return [np.ones_like(x), -y, z, -x, x * y, -y * z, 3 * z * z - 1, -x * z, x * x - y * y]


FACTORS = [A0, A1, A1, A1, A2, A2, A2 / np.sqrt(12), A2, A2 / 2]


def _with(patterns, factors=FACTORS, axis=-1):
    return np.stack([factor * pattern for factor, pattern in zip(factors, patterns, strict=True)], axis=axis)


@sh_basis.mistake("The patterns are right, the sizes are not: multiply each by the constant of its row, 0.886, 1.772 or 2.427.")
def forgets_constants(normals):
    return _with(_patterns(normals), [1.0] * 9)


@sh_basis.mistake("The nine numbers of a normal belong into the last axis: np.stack(..., axis=-1).")
def stacks_in_front(normals):
    return _with(_patterns(normals), axis=0)


@sh_basis.mistake("The second row goes y, z, x and not x, y, z: an old habit of spherical harmonics.")
def alphabetical(normals):
    one, y, z, x, *rest = _patterns(normals)
    return _with([one, x, y, z, *rest])


@sh_basis.mistake("Mind the signs: y and x enter with a minus, also in yz and xz. Theta could absorb it, if only all agreed.")
def forgets_signs(normals):
    return _with(_patterns(normals * np.array([-1.0, -1.0, 1.0])))


@sh_basis.mistake("That is z squared. The pattern is 3 z² - 1: bright at both poles, dark around, and zero on average.")
def forgets_minus_one(normals):
    patterns = _patterns(normals)
    patterns[6] = normals[..., 2] ** 2
    return _with(patterns)


@sh_basis.mistake("Two of the last five have smaller constants: 3 z² - 1 is divided by 2 sqrt(3), and x² - y² by 2.")
def one_constant_per_row(normals):
    return _with(_patterns(normals), [A0, A1, A1, A1, A2, A2, A2, A2, A2])


@sh_basis.mistake("Numbers stored into a prepared array lose their history, and no gradient can flow: use np.stack.")
def stores_into_array(normals):
    out = np.zeros((*normals.shape[:-1], 9))
    for i, (factor, pattern) in enumerate(zip(FACTORS, _patterns(normals), strict=True)):
        out[..., i] = factor * pattern
    return out


# ---------------------------------------------------------------- 5.2

shade = exercise("5.2", library.shade)

UP_AND_AHEAD = np.array([[[0.0, 0.0, 1.0], [0.0, 0.6, 0.8]]])
SKIN = np.array([[[0.8, 0.5, 0.4], [0.6, 0.4, 0.2]]])
EVEN = 0.8 * A0


def _theta(*settings, count=1):
    """Coefficients (count, 3, 9) that are 0 but for some (face, channel, band, value)."""
    theta = np.zeros((count, 3, 9))
    for face, channel, band, value in settings:
        theta[face, channel, band] = value
    return theta


@shade.question("returns one colour per vertex")
def _(shade):
    return np.shape(shade(SKIN, UP_AND_AHEAD, _theta())), (1, 2, 3)


@shade.question("coefficients 0 are an even light, 0.709 of the albedo")
def _(shade):
    return shade(SKIN, UP_AND_AHEAD, _theta()), EVEN * SKIN


@shade.question("red light from the front brightens red, and nothing else")
def _(shade):
    wanted = SKIN * EVEN
    wanted[..., 0] += SKIN[..., 0] * 0.1 * A1 * np.array([1.0, 0.8])
    return shade(SKIN, UP_AND_AHEAD, _theta((0, 0, 2, 0.1))), wanted


@shade.question("blue light from above brightens blue")
def _(shade):
    wanted = SKIN * EVEN
    wanted[..., 2] += SKIN[..., 2] * 0.1 * A1 * np.array([0.0, 0.6])
    return shade(SKIN, UP_AND_AHEAD, _theta((0, 2, 1, -0.1))), wanted


@shade.question("a strong light makes colours larger than 1: nothing is clipped here")
def _(shade):
    return shade(SKIN, UP_AND_AHEAD, np.concatenate([_theta()[..., :1] + 1.0, _theta()[..., 1:]], axis=-1)), SKIN * (EVEN + A0)


@shade.question("each face of a batch has its own light")
def _(shade):
    twice = lambda array: np.concatenate([array, array])
    wanted = twice(SKIN) * EVEN
    wanted[1, :, 0] += SKIN[0, :, 0] * 0.2 * A1 * np.array([1.0, 0.8])
    return shade(twice(SKIN), twice(UP_AND_AHEAD), _theta((1, 0, 2, 0.2), count=2)), wanted


def _shading(normals, light, ambient=EVEN):
    return np.einsum("bvk,bck->bvc", library.sh_basis(normals), light) + ambient


@shade.mistake("All is dark: coefficients 0 should mean an even light. Add 0.8 to the first of the nine, or 0.709 to the sum.")
def forgets_ambient(albedo, normals, light):
    return albedo * _shading(normals, light, 0.0)


@shade.mistake("The 0.8 is a coefficient, not a brightness: it is multiplied by the first pattern, 0.886, like the others.")
def plain_ambient(albedo, normals, light):
    return albedo * _shading(normals, light, 0.8)


@shade.mistake("The 0.8 belongs to the first pattern alone, the even one. Here all nine got it.")
def ambient_everywhere(albedo, normals, light):
    return albedo * _shading(normals, light + 0.8, 0.0)


@shade.mistake("Light falls on the skin, and the skin returns a part of it: multiply by the albedo, do not add it.")
def adds_albedo(albedo, normals, light):
    return albedo + _shading(normals, light)


@shade.mistake("Light is (B, 3, 9): nine numbers for red, then nine for green, nine for blue; to swap axes is not to reshape.")
def reshapes(albedo, normals, light):
    return albedo * (library.sh_basis(normals) @ light.reshape(len(light), 9, 3) + EVEN)


@shade.mistake("Do not clip: where a picture is too bright, a clipped colour has no gradient that could make it darker.")
def clips(albedo, normals, light):
    return np.clip(albedo * _shading(normals, light), 0, 1)


@shade.mistake("Every face got the light of the first one: keep the batch axis in the product.")
def first_light(albedo, normals, light):
    return albedo * _shading(normals, np.broadcast_to(light[:1], light.shape))
