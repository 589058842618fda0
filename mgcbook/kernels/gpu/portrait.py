"""Light on skin, hair and cloth on a GPU: one thread for each ray. See the twin."""

import math

import numpy as np

from .._cuda import cosine, cuda, device, kernel, sine
from ..twins.portrait import AROUND, EVEN, FOLD, FOLDED, FOREHEAD, MATTER, PIGMENT, TILE_MM, WET, averaged
from .checks import indices, single

__all__ = ["shade_rays"]

ZERO, ONE, HALF, THREE = np.float32(0), np.float32(1), np.float32(0.5), np.float32(3)
TINY = np.float32(1e-12)
OVER_AROUND, WAVES = np.float32(1 / AROUND), np.float32(2 * np.pi / FOLD)
MIDDLE, OVER_FOLDED = np.float32(FOREHEAD), np.float32(1 / FOLDED)
WET_EXPONENT, OVER_EVEN, MATTER_EXPONENT = np.float32(WET), np.float32(1 / EVEN), np.float32(MATTER)
RED, GREEN, BLUE = map(np.float32, PIGMENT)
OVER_TILE = np.float32(1 / TILE_MM)


def shade_rays(face, around, light, lamps, look, towards, grain, factor):
    """Colours, skin weight and cover of faces and their surroundings against nothing; -> (S, H, W, 3), (S, H, W), (S, H, W)."""
    hits = [array for side in (face, around) for array in _checked(*side)]
    light, lamps, look, towards, grain = single(light, lamps, look, towards, grain)
    count, height, width = face[0].shape
    out = np.empty((count, height * width, 5), dtype=np.float32, like=light)
    _shade_rays(height * width, count, *hits, light, lamps.reshape(count, -1, 3), look, towards, grain, out)
    pixels = averaged(out.reshape(count, height, width, 5), factor)
    return pixels[..., :3], pixels[..., 3], pixels[..., 4]


def _checked(triangle, barycentric, depth, triangles, columns):
    (barycentric, depth, columns), (triangle, triangles) = single(barycentric, depth, columns), indices(triangle, triangles)
    count = len(triangle)
    return triangle.reshape(count, -1), barycentric.reshape(count, -1, 3), depth.reshape(count, -1), triangles, columns


@device
def _known(side, s, ray, t, column):
    """What the vertices say, at a ray."""
    _, weights, _, triangles, columns = side
    return (weights[s, ray, 0] * columns[s, triangles[t, 0], column] + weights[s, ray, 1] * columns[s, triangles[t, 1], column]
            + weights[s, ray, 2] * columns[s, triangles[t, 2], column])  # fmt: skip


@device
def _known_vector(side, s, ray, t, first):
    return _known(side, s, ray, t, first), _known(side, s, ray, t, first + 1), _known(side, s, ray, t, first + 2)


@device
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@device
def _unit(v):
    over = ONE / math.sqrt(max(_dot(v, v), TINY))
    return v[0] * over, v[1] * over, v[2] * over


@device
def _irradiance(n, light, s, c):
    x, y, z = n
    total = light[s, 0, c] + light[s, 1, c] * y + light[s, 2, c] * z + light[s, 3, c] * x
    total += light[s, 4, c] * (x * y) + light[s, 5, c] * (y * z) + light[s, 6, c] * (THREE * z * z - ONE)
    total += light[s, 7, c] * (x * z) + light[s, 8, c] * (x * x - y * y)
    return max(total, ZERO)


@device
def _lit(n, exponent, towards, lamps, s, lamp):
    """How much of a lamp is seen in a surface."""
    direction = lamps[s, 2 * lamp, 0], lamps[s, 2 * lamp, 1], lamps[s, 2 * lamp, 2]
    if not _dot(n, direction) > ZERO:
        return ZERO
    half = towards[s, 0] + direction[0], towards[s, 1] + direction[1], towards[s, 2] + direction[2]
    facing = _dot(n, half) / math.sqrt(_dot(half, half) + TINY)
    return math.pow(facing, exponent) if facing > ZERO else ZERO


@device
def _colour(albedo, n, hollow, shine, exponent, light, lamps, towards, s):
    """Light that a surface sends back: albedo times irradiance, and highlights."""
    red, green, blue = ZERO, ZERO, ZERO
    for lamp in range(lamps.shape[1] // 2):
        seen = _lit(n, exponent, towards, lamps, s, lamp)
        red += seen * lamps[s, 2 * lamp + 1, 0]
        green += seen * lamps[s, 2 * lamp + 1, 1]
        blue += seen * lamps[s, 2 * lamp + 1, 2]
    return (max(albedo[0] * _irradiance(n, light, s, 0) * hollow + shine * red, ZERO),
            max(albedo[1] * _irradiance(n, light, s, 1) * hollow + shine * green, ZERO),
            max(albedo[2] * _irradiance(n, light, s, 2) * hollow + shine * blue, ZERO))  # fmt: skip


@device
def _cell(place, shift, size):
    """Which sample of a tile lies at a place on the skin."""
    at = place * (np.float32(size) * OVER_TILE)
    number = np.int32(at)
    number = number - np.int32(1) if np.float32(number) > at else number
    number = (number + np.int32(shift)) % np.int32(size)
    return number + np.int32(size) if number < 0 else number


@device
def _skin(side, s, ray, t, look, grain):
    """Albedo, normal, and what of the light arrives and is mirrored how sharply."""
    right, up = _known(side, s, ray, t, 6), _known(side, s, ray, t, 7)
    gloss, wet, hollow = _known(side, s, ray, t, 9), _known(side, s, ray, t, 10), _known(side, s, ray, t, 11)
    dry, level = ONE - wet, np.int32(look[s, 8])
    y, x = _cell(up, look[s, 7], grain.shape[1]), _cell(right, look[s, 6], grain.shape[1])
    pigment = (look[s, 0] * grain[level, y, x, 0] - look[s, 1] * grain[level, y, x, 1]) * dry
    colour = _known_vector(side, s, ray, t, 0)
    albedo = colour[0] * (ONE + pigment * RED), colour[1] * (ONE + pigment * GREEN), colour[2] * (ONE + pigment * BLUE)
    off = (up - MIDDLE) * OVER_FOLDED
    folds = look[s, 3] * sine(up * WAVES) * math.exp(-(off * off))
    tilt_x, tilt_y = look[s, 2] * grain[level, y, x, 2] * dry, (look[s, 2] * grain[level, y, x, 3] + folds) * dry
    angle, n = right * OVER_AROUND, _known_vector(side, s, ray, t, 3)
    n = _unit((n[0] + tilt_x * cosine(angle), n[1] + tilt_y, n[2] - tilt_x * sine(angle)))
    exponent = WET_EXPONENT if wet > HALF else look[s, 5]
    shine = look[s, 4] * gloss * hollow * (exponent * OVER_EVEN)
    return albedo, n, hollow, shine, exponent


@device
def _matter(side, s, ray, t, towards):
    n = _unit(_known_vector(side, s, ray, t, 3))
    if n[0] * towards[s, 0] + n[1] * towards[s, 1] + n[2] * towards[s, 2] < ZERO:  # sheets have two sides
        n = -n[0], -n[1], -n[2]
    colour, gloss = _known_vector(side, s, ray, t, 0), _known(side, s, ray, t, 7)
    return colour, n, ONE, gloss, MATTER_EXPONENT


HITS = "int32[:,::1], float32[:,:,::1], float32[:,::1], int32[:,::1], float32[:,:,::1]"
"""Types of what rays hit: triangle (S, P), weights (S, P, 3), depth (S, P), triangles, columns (S, V, C)."""


@kernel(HITS + ", " + HITS + ", float32[:,:,::1], float32[:,:,::1], float32[:,::1], float32[:,::1], float32[:,:,:,::1], "
        "float32[:,:,::1]")  # fmt: skip
def _shade_rays(seen, weights, depth, triangles, columns, other, other_weights, other_depth, other_triangles, other_columns,
                light, lamps, look, towards, grain, out):  # fmt: skip
    ray, s = cuda.grid(2)
    if ray >= out.shape[1]:
        return
    t, u = seen[s, ray], other[s, ray]
    if u >= 0 and (t < 0 or other_depth[s, ray] < depth[s, ray]):
        around = other, other_weights, other_depth, other_triangles, other_columns
        albedo, n, hollow, shine, exponent = _matter(around, s, ray, u, towards)
        weight = _known(around, s, ray, u, 6)
    elif t >= 0:
        face = seen, weights, depth, triangles, columns
        albedo, n, hollow, shine, exponent = _skin(face, s, ray, t, look, grain)
        weight = _known(face, s, ray, t, 8)
    else:
        for c in range(5):
            out[s, ray, c] = ZERO
        return
    color = _colour(albedo, n, hollow, shine, exponent, light, lamps, towards, s)
    out[s, ray, 0], out[s, ray, 1], out[s, ray, 2] = color
    out[s, ray, 3], out[s, ray, 4] = weight, ONE
