"""Reading a picture on another grid: the same values as a smooth picture has, however much it shrinks."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from mgcbook.data.resample import gaussian, sample


def grid(height, width, step, offset=0.0):
    y, x = np.mgrid[0:height, 0:width] + 0.5
    return np.stack([x, y], axis=-1) * step + offset


@pytest.mark.parametrize("border, mode", [("nearest", "nearest"), ("constant", "constant")])
def test_up_to_four_pixels_a_step_it_is_a_gaussian_and_bilinear_reading(rng, border, mode):
    image = rng.uniform(size=(50, 70, 3)).astype(np.float32)
    positions = grid(20, 30, 2.7, offset=-4.0)  # over the border on all sides
    soft = gaussian_filter(image, (0.85, 0.85, 0), mode=mode)
    rows, columns = positions[..., 1] - 0.5, positions[..., 0] - 0.5
    expected = [map_coordinates(soft[:, :, i], [rows, columns], order=1, mode=mode) for i in range(3)]
    np.testing.assert_allclose(sample(image, positions, 2.7, border), np.stack(expected, axis=-1), atol=2e-5)


@pytest.mark.parametrize("deviation", [0.6, 2.3])
@pytest.mark.parametrize("border, mode", [("nearest", "nearest"), ("constant", "constant")])
def test_gaussian(rng, deviation, border, mode):
    image = rng.uniform(size=(17, 29, 2)).astype(np.float32)
    expected = gaussian_filter(image, (deviation, deviation, 0), mode=mode)
    np.testing.assert_allclose(gaussian(image, deviation, border), expected, atol=1e-6)


@pytest.mark.parametrize("step", [4.37, 7.3, 21.6])
@pytest.mark.parametrize("shift", [(0, 0), (5, -3)])
def test_squares_of_pixels_take_nothing_away(step, shift):
    """A soft spot keeps its place, to a hundredth of a step, and its width, wherever the squares begin."""
    size = int(30 * step)
    y, x = np.mgrid[0:size, 0:size] + 0.5
    middle, width = 15 * step + np.array(shift), step
    image = np.exp(-((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / (2 * width**2)).astype(np.float32)[:, :, None]
    positions = grid(24, 24, step, offset=3 * step + 1)
    found = sample(image, positions, step)[:, :, 0]
    weight = found / found.sum()
    place = np.sum(weight[:, :, None] * positions, axis=(0, 1))
    np.testing.assert_allclose(place, middle, atol=0.02 * step)
    variance = np.sum(weight * (positions[..., 0] - place[0]) ** 2)
    assert variance == pytest.approx(width**2 + ((step - 1) / 2) ** 2, rel=0.02)  # as much as the blur alone would add


def test_large_pictures_hold_nothing_that_a_coarse_grid_cannot_show():
    checks = np.indices((400, 400)).sum(axis=0)[:, :, None] % 2 * np.ones(3)
    assert np.abs(sample(checks, grid(12, 12, 16.0, offset=90.0), 16.0) - 0.5).max() < 0.01


def test_neighbouring_crops_of_a_large_picture_agree(rng):
    image = rng.uniform(size=(300, 300, 3)).astype(np.float32)
    positions = grid(20, 20, 9.0, offset=40.0)
    whole, part = sample(image, positions, 9.0), sample(image, positions[3:, 5:], 9.0)
    np.testing.assert_allclose(part, whole[3:, 5:], atol=2e-4)
