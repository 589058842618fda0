"""From clean radiance to a photograph: lens blur, exposure, tone curve, noise, and the marks of JPEG compression.

All of it works on one picture (H, W, 3) float32 and ends on multiples of 1/255, so that a picture stored in eight bits is the
same picture.
"""

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter

from mgcbook.arrays import check_shapes

TRUNCATE = 2.5
"""Standard deviations at which a blur ends."""
MOST_BLUR = 0.012
"""Largest standard deviation of the lens, as a part of the height."""

_FROM_RGB = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
"""RGB -> luma and two chroma differences (ITU-R BT.601, as in JFIF)."""

_LUMA_STEPS = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56], [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
])  # fmt: skip
"""Quantisation steps of the luma at quality 50 (ITU-T T.81, table K.1)."""


def sample_sensor(rng):
    """Random settings of one camera; -> dict for `photograph`."""
    return {
        "blur": float(rng.choice((0.0, rng.uniform(0, 0.006), rng.uniform(0.004, MOST_BLUR)), p=(0.35, 0.45, 0.2))),
        "gain": float(np.exp(rng.normal(0.0, 0.09))),
        "white": np.exp(rng.normal(0.0, 0.03, 3)).astype(np.float32),
        "gamma": float(np.exp(rng.normal(0.0, 0.12))),
        "lift": float(rng.uniform(0.0, 0.04)),
        "vignette": float(rng.uniform(0.0, 0.12) * (rng.random() < 0.4)),
        "grey": bool(rng.random() < 0.03),
        "shot": float(rng.uniform(0.0, 0.022)),
        "read": float(rng.uniform(0.0, 0.01)),
        "quality": int(rng.integers(35, 96)),
    }


@check_shapes(picture="H W 3")
def photograph(picture, settings, rng):
    """What a camera with these settings stores of a clean picture; (H, W, 3) float32 -> (H, W, 3) float32 in k / 255."""
    height, width, _ = picture.shape
    if settings["blur"]:
        sigma = settings["blur"] * height
        picture = gaussian_filter(picture, (sigma, sigma, 0), mode="nearest", truncate=TRUNCATE)
    picture = np.maximum(picture * (settings["gain"] * settings["white"]), 0)
    if settings["vignette"]:
        picture = picture * (1 - np.float32(settings["vignette"]) * _corners(height, width))
    picture = settings["lift"] + (1 - settings["lift"]) * picture ** np.float32(settings["gamma"])
    picture = _shoulder(picture)
    if settings["grey"]:
        picture = np.repeat(picture @ _FROM_RGB[0][:, None], 3, axis=-1)
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    strength = np.sqrt(np.float32(settings["shot"]) ** 2 * np.maximum(picture, 0) + np.float32(settings["read"]) ** 2)
    return quantise(compress(np.clip(picture + noise * strength, 0, 1), settings["quality"]))


@check_shapes(values="...")
def quantise(values):
    """Round to multiples of 1/255 in [0, 1], the numbers that eight bits hold; any shape, float32."""
    return np.round(np.clip(values, 0, 1) * np.float32(255)) / np.float32(255)


@check_shapes(picture="H W 3")
def compress(picture, quality):
    """The losses of JPEG at a quality of 1 to 100: 8 x 8 cosine transform of luma and chroma, rounded; (H, W, 3) -> (H, W, 3)."""
    height, width, _ = picture.shape
    planes = (picture @ _FROM_RGB.T) * np.float32(255)
    planes = np.pad(planes, ((0, -height % 8), (0, -width % 8), (0, 0)), mode="edge")
    rows, columns = planes.shape[0] // 8, planes.shape[1] // 8
    blocks = planes.reshape(rows, 8, columns, 8, 3).transpose(0, 2, 4, 1, 3)
    waves, steps = _cosines(), steps_of(quality)
    blocks = waves.T @ (np.round(waves @ blocks @ waves.T / steps) * steps) @ waves
    planes = blocks.transpose(0, 3, 1, 4, 2).reshape(rows * 8, columns * 8, 3)[:height, :width]
    return np.clip(planes / np.float32(255) @ _to_rgb().T, 0, 1)


def _shoulder(picture, knee=0.85):
    """Highlights bend towards 1 instead of being cut: a slope of 1 at the knee, 1 at infinity."""
    over = np.maximum(picture - np.float32(knee), 0)
    room = np.float32(1 - knee)
    return np.where(over > 0, knee + room * over / (over + room), picture).astype(np.float32)


@cache
def _corners(height, width):
    """Squared distance from the middle, 1 in the corners; (H, W, 1)."""
    row = (np.arange(height) + 0.5) / height * 2 - 1
    column = (np.arange(width) + 0.5) / width * 2 - 1
    return ((row[:, None] ** 2 + column**2) / 2).astype(np.float32)[..., None]


@cache
def _cosines():
    """The orthonormal discrete cosine transform of 8 samples, (8, 8)."""
    wave = np.cos(np.pi / 8 * (np.arange(8) + 0.5) * np.arange(8)[:, None]) / 2
    wave[0] /= np.sqrt(2)
    return wave.astype(np.float32)


@cache
def steps_of(quality):
    """(3, 8, 8) rounding steps: the standard scaling of the tables by quality; chroma is rounded about twice as coarsely."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    luma = np.clip(np.floor((_LUMA_STEPS * scale + 50) / 100), 1, 255)
    chroma = np.clip(2 * luma, 1, 255)
    return np.stack([luma, chroma, chroma]).astype(np.float32)


@cache
def _to_rgb():
    return np.linalg.inv(_FROM_RGB).astype(np.float32)
