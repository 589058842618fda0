"""Sampled light: its harmonics shade as the lamps do."""

import numpy as np

from mgcbook.data.illumination import Lighting, dot, sample_lighting, temperature
from mgcbook.face.light import shade


def directions(rng, count=200):
    normals = rng.normal(size=(count, 3))
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def shaded(lighting, normals):
    return shade(np.ones((1, len(normals), 3)), normals[None], lighting.coefficients[None].astype(float))[0]


def test_even_light_is_even(rng):
    lighting = Lighting(np.array([0.5, 0.6, 0.7]), np.zeros(3), np.array([[0, 0, 1.0]]), np.zeros((1, 3)))
    np.testing.assert_allclose(shaded(lighting, directions(rng)), np.tile([0.5, 0.6, 0.7], (200, 1)), atol=1e-6)


def test_harmonics_stay_near_the_lamps(rng):
    """Nine harmonics hold a lamp's cosine to a few per cent of its strength (Ramamoorthi and Hanrahan 2001)."""
    normals = directions(rng)
    for _ in range(10):
        lighting = sample_lighting(rng)
        error = np.abs(shaded(lighting, normals) - lighting.irradiance(normals))
        assert error.mean() < 0.05 * (lighting.strengths.sum() / 3 + 0.1)


def test_a_lamp_lights_the_side_it_is_on():
    lighting = Lighting(np.full(3, 0.3), np.zeros(3), np.array([[1.0, 0, 0]]), np.ones((1, 3)))
    left, right = shaded(lighting, np.array([[1.0, 0, 0], [-1.0, 0, 0]]))
    assert (left > right + 0.5).all()


def test_highlights_are_where_the_mirror_is():
    lighting = Lighting(np.zeros(3), np.zeros(3), np.array([[0.6, 0, 0.8]]), np.ones((1, 3)))
    to_camera = np.tile(np.array([[-0.6, 0, 0.8]], np.float32), (3, 1))
    normals = np.array([[0, 0, 1], [0.6, 0, 0.8], [0, 0, -1]], np.float32)
    mirror, off, away = lighting.highlight(normals, to_camera, np.full(3, 30, np.float32))[:, 0]
    assert mirror > 0.99 and off < 0.02 and away == 0


def test_levels_are_those_of_photographs(rng):
    """Mean light on a frontal surface: neither black nor burnt out, and different from face to face."""
    front = np.array([[0.0, 0, 1]])
    levels = np.array([sample_lighting(rng).irradiance(front).mean() for _ in range(200)])
    low, high = np.quantile(levels, (0.05, 0.95))
    assert low > 0.5 and high < 1.6 and levels.std() > 0.08


def test_warm_light_is_red():
    warm, cold = temperature(1), temperature(-1)
    assert warm[0] > warm[2] and cold[2] > cold[0]
    np.testing.assert_allclose([warm.mean(), temperature(0).mean()], 1)


def test_dot(rng):
    a, b = rng.normal(size=(2, 5, 3))
    np.testing.assert_allclose(dot(a, b), (a * b).sum(-1))
