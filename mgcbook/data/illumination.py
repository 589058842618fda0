"""Light for synthetic faces: an even part and a few lamps, projected onto the nine spherical harmonics that the model fits.

The lamps stay known one by one, because the generator adds what harmonics of order two cannot hold: highlights.
"""

from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from mgcbook.face.light import AMBIENT, sh_basis


@dataclass(frozen=True)
class Lighting:
    """Ambient light and lamps far away, all in the axes of the face model (the light turns with the head)."""

    ambient: np.ndarray
    """(3,) even light from everywhere, red green blue."""
    sky: np.ndarray
    """(3,) more of it from above (a sky, a ceiling), less from below."""
    directions: np.ndarray
    """(lamps, 3) unit vectors towards the lamps."""
    strengths: np.ndarray
    """(lamps, 3) red green blue."""

    def irradiance(self, normals):
        """What falls on a surface: ambient + sky (1 + n_y) / 2 + sum of lamps max(0, n . d); (P, 3) -> (P, 3)."""
        cosine = np.maximum(normals @ self.directions.T, 0)
        return self.ambient + self.sky * (0.5 + 0.5 * normals[:, 1:2]) + cosine @ self.strengths

    @cached_property
    def coefficients(self):
        """theta of the light model closest to this light over all directions, without the constant ambient; -> (3, 9) float32."""
        normals, projector = _projector()
        theta = projector @ self.irradiance(normals)
        theta[0] -= AMBIENT
        return theta.T.astype(np.float32)

    def highlight(self, normals, to_camera, exponent):
        """Blinn-Phong: sum of lamps times max(0, n . h)^exponent, h between lamp and camera; (P, 3), (P, 3), (P,) -> (P, 3)."""
        total = np.zeros_like(normals)
        for direction, strength in zip(self.directions.astype(np.float32), self.strengths.astype(np.float32), strict=True):
            half = to_camera + direction
            facing = np.where(dot(normals, direction) > 0, dot(normals, half), 0)
            total += (np.maximum(facing / np.sqrt(dot(half, half) + 1e-12), 0) ** exponent)[:, None] * strength
        return total


def dot(a, b):
    """Scalar products, coordinate by coordinate, which is faster than a sum over a short axis; (..., 3) x 2 -> (...)."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]


def sample_lighting(rng):
    """A plausible light: one key lamp in front or to the side, sometimes a fill and a rim light, warm or cold; -> Lighting."""
    level = np.exp(rng.normal(0.0, 0.16))
    even = rng.beta(3, 2.2)  # share of light without direction: an overcast day near 1, a bare lamp near 0
    lamps = [(_direction(rng, spread=70, height=(-10, 65)), (1 - even) * rng.uniform(0.85, 1.25))]
    if rng.random() < 0.5:
        lamps.append((_direction(rng, spread=80, height=(-35, 50)), (1 - even) * rng.uniform(0.1, 0.5)))
    if rng.random() < 0.25:  # from the side, a little from behind
        side = rng.choice((-1, 1)) * rng.uniform(85, 115)
        lamps.append((_towards(side, rng.uniform(-10, 45)), rng.uniform(0.2, 0.6)))
    warm = rng.normal(0.0, 0.6)
    strengths = np.stack([level * strength * temperature(warm + rng.normal(0, 0.35)) for _, strength in lamps])
    surround = level * temperature(0.5 * warm + rng.normal(0, 0.3))
    sky = rng.uniform(0.0, 0.5)
    return Lighting(
        ambient=surround * (0.32 + 0.55 * even) * (1 - 0.6 * sky),
        sky=surround * (0.32 + 0.55 * even) * 1.1 * sky,
        directions=np.stack([direction for direction, _ in lamps]),
        strengths=strengths,
    )


def harder(lighting, harshness):
    """A light whose lamps are stronger and more coloured and whose even part is weaker; 1 gives the same light; -> Lighting."""
    if harshness == 1:
        return lighting
    level = lighting.strengths.mean(axis=1, keepdims=True)
    strengths = level * (lighting.strengths / level) ** harshness * np.sqrt(harshness)
    return replace(lighting, ambient=lighting.ambient / harshness, sky=lighting.sky / harshness, strengths=strengths)


def temperature(warm):
    """Red, green, blue of a light; 0 is white, +1 about a bulb beside daylight, -1 an overcast sky; -> (3,), mean 1."""
    rgb = np.exp(np.clip(warm, -2, 2) * np.array([0.10, 0.0, -0.14]))
    return rgb / rgb.mean()


def _direction(rng, spread, height):
    return _towards(np.clip(rng.normal(0, 0.55 * spread), -spread, spread), rng.uniform(*height))


def _towards(side_degrees, up_degrees):
    """Unit vector in model axes: side 0 is straight in front of the face, positive to the subject's left."""
    side, up = np.deg2rad(side_degrees), np.deg2rad(up_degrees)
    return np.array([np.sin(side) * np.cos(up), np.sin(up), np.cos(side) * np.cos(up)])


@cache
def _projector(count=400):
    """Directions spread evenly over the sphere (a Fibonacci lattice), and the least-squares fit of the basis to values there."""
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    z = 1 - (2 * np.arange(count) + 1) / count
    radius = np.sqrt(1 - z * z)
    normals = np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=-1)
    return normals, np.linalg.pinv(sh_basis(normals))
