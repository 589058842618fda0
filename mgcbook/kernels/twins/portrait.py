"""Light on skin, hair and cloth for every ray of a picture: what `mgcbook.data.portraits` computes for the rays of one scene.

    colour = albedo (1 + pigment) irradiance(n) hollow + shine (n . h)^exponent     n: the normal, tilted by pores and wrinkles

All pictures of a batch together, each with its own face, light and camera; pixels are means of factor x factor rays.
"""

import numpy as np

from .interpolate import interpolate

__all__ = ["shade_rays"]

AROUND = 80.0
"""Radius of the head in mm: how far around it one radian is."""
FOLD, FOREHEAD, FOLDED = 9.0, 48.0, 14.0
"""Distance of wrinkles, their middle above the origin, and how far they reach, in mm."""
WET, EVEN, MATTER = 60.0, 20.0, 25.0
"""Exponents of highlights: of eyes, the one whose strength is as it is given, of all that is no skin."""
TILE_MM = 160.0
"""Size of a tile of grain on the skin."""
PIGMENT = (0.8, 1.0, 1.1)
"""How much grain changes red, green and blue."""


def shade_rays(face, around, light, lamps, look, towards, grain, factor):
    """Colours, skin weight and cover of faces and their surroundings against nothing; -> (S, H, W, 3), (S, H, W), (S, H, W).

    Args:
        face, around: (triangle (S, h, w), barycentric (S, h, w, 3), depth (S, h, w), triangles (F, 3), columns (S, V, C)): what
            the rays hit, and what is known at the vertices. Face: colour 3, normal 3, place on the skin 2, skin, gloss, wet,
            hollow; around: colour 3, normal 3, skin, gloss.
        light: (S, 9, 3) factors of 1, y, z, x, xy, yz, 3 z^2 - 1, xz, x^2 - y^2 for red, green and blue.
        lamps: (S, L, 2, 3) direction and strength of each.
        look: (S, 9) strength of grain, spots, relief, wrinkles and shine, exponent, shift of the tile right and down, its level.
        towards: (S, 3) unit vectors to the cameras.
        grain: (levels, T, T, 4) mottling, spots and two slopes.
        factor: rays across a pixel.
    """
    (seen, weights, depth, triangles, columns), (other, other_weights, other_depth, other_triangles, other_columns) = face, around
    in_front = (other >= 0) & ((seen < 0) | (other_depth < depth))
    on_face = (seen >= 0) & ~in_front
    per_picture = lambda array: array[:, None, None]
    to_camera = per_picture(towards)
    values = interpolate(columns, triangles, seen, weights)
    skin_colour = _skin_colour(values, to_camera, light, lamps, look, grain)
    others = interpolate(other_columns, other_triangles, other, other_weights)
    matter = _matter_colour(others, to_camera, light, lamps)
    image = np.where(on_face[..., None], skin_colour, np.where(in_front[..., None], matter, np.float32(0)))
    skin = np.where(on_face, values[..., 8], np.where(in_front, others[..., 6], np.float32(0)))
    return tuple(averaged(array, factor) for array in (image, skin, (on_face | in_front).astype(np.float32)))


def _skin_colour(values, towards, light, lamps, look, grain):
    albedo, normal, place = values[..., 0:3], values[..., 3:6], values[..., 6:8]
    gloss, wet, hollow = values[..., 9], values[..., 10], values[..., 11]
    strength, spots, relief, wrinkles, shine, exponent = (look[:, i, None, None] for i in range(6))
    tile, size = look[:, 6:9].astype(int), grain.shape[1]
    index = np.floor(place * np.float32(size / TILE_MM)).astype(int) + tile[:, None, None, :2]
    found = grain[tile[:, 2, None, None], index[..., 1] % size, index[..., 0] % size]
    dry, angle, up = 1 - wet, place[..., 0] / np.float32(AROUND), place[..., 1]
    pigment = (strength * found[..., 0] - spots * found[..., 1]) * dry
    albedo = albedo * (1 + pigment[..., None] * np.array(PIGMENT, np.float32))
    folds = wrinkles * np.sin(up * np.float32(2 * np.pi / FOLD)) * np.exp(-(((up - FOREHEAD) / FOLDED) ** 2))
    tilt_x, tilt_y = relief * found[..., 2] * dry, (relief * found[..., 3] + folds) * dry
    normal = _unit(normal + np.stack([tilt_x * np.cos(angle), tilt_y, -tilt_x * np.sin(angle)], axis=-1))
    exponent = np.where(wet > 0.5, np.float32(WET), exponent)
    shine = shine * gloss * hollow * (exponent / np.float32(EVEN))
    highlight = _highlight(normal, towards, exponent, lamps)
    return np.maximum(albedo * (_irradiance(normal, light) * hollow[..., None]) + shine[..., None] * highlight, 0)


def _matter_colour(values, towards, light, lamps):
    normal = _unit(values[..., 3:6])
    normal = np.where(np.sum(normal * towards, axis=-1, keepdims=True) < 0, -normal, normal)  # sheets have two sides
    gloss = values[..., 7:8] * _highlight(normal, towards, np.full(normal.shape[:-1], MATTER, np.float32), lamps)
    return np.maximum(values[..., 0:3] * _irradiance(normal, light) + gloss, 0)


def _irradiance(normal, light):
    x, y, z = (normal[..., i] for i in range(3))
    basis = np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], axis=-1)
    return np.maximum(np.einsum("shwb,sbc->shwc", basis, light), 0)


def _highlight(normal, towards, exponent, lamps):
    total = np.zeros_like(normal)
    for lamp in range(lamps.shape[1]):
        direction, strength = (lamps[:, None, None, lamp, i] for i in range(2))
        half = towards + direction
        facing = np.where(np.sum(normal * direction, axis=-1) > 0, np.sum(normal * half, axis=-1), 0)
        facing = np.maximum(facing / np.sqrt(np.sum(half * half, axis=-1) + np.float32(1e-12)), 0)
        total += (facing**exponent)[..., None] * strength
    return total


def _unit(vectors):
    return vectors / np.sqrt(np.maximum(np.sum(vectors * vectors, axis=-1, keepdims=True), 1e-12))


def averaged(values, factor):
    """Means of factor x factor rays; (S, factor H, factor W, ...) -> (S, H, W, ...) float32."""
    steps = range(factor)
    total = sum(values[:, row::factor, column::factor] for row in steps for column in steps)
    return (total / np.float32(factor * factor)).astype(np.float32)
