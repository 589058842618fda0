"""What lens, sensor and file do to many pictures at once, each with its own settings: `mgcbook.data.sensor` without a branch.

Everything is products and formulas on whole arrays, on the host or on a GPU, in forms that a CUDA graph can hold. The noise comes
from a hash of seed and place, so that no number waits for the one before it.
"""

import numpy as np

from mgcbook.arrays import matmul
from mgcbook.data.sensor import _FROM_RGB, MOST_BLUR, TRUNCATE, _corners, _cosines, _shoulder, _to_rgb, quantise

BLUR, GAMMA, LIFT, VIGNETTE, GREY, SHOT, READ = range(7)
"""Columns of the settings; red, green and blue of the gain follow."""


def reach(sigma, truncate):
    """Pixels that a blur reads to either side."""
    return int(truncate * sigma + 0.5)


class Blur:
    """Gaussian blurs of square pictures that bring their edge with them, each by its own standard deviation.

    Args:
        size: rows and columns of what comes out.
        margin: pixels around it that come in; blurs reach at most so far.
        truncate: standard deviations at which a blur ends.
        move: puts a host array where the pictures are.
    """

    def __init__(self, size, margin, truncate, move):
        offset = np.arange(size + 2 * margin)[None, :] - margin - np.arange(size)[:, None]
        self._distance, self._truncate, self._size = move(np.abs(offset).astype(np.float32)), truncate, size

    def __call__(self, padded, sigma):
        """(S, size + 2 margin, size + 2 margin, C), (S,) pixels -> (S, size, size, C)."""
        sigma = sigma[:, None, None]
        weights = np.exp(-0.5 * np.square(self._distance / np.maximum(sigma, np.float32(1e-3))))
        weights = weights * (self._distance <= np.floor(self._truncate * sigma + np.float32(0.5)))
        # All rows have the same sum: the margin holds the whole blur.
        weights = weights / np.sum(weights, axis=-1, keepdims=True)  # (S, size, size + 2 margin)
        count, wide, _, channels = padded.shape
        down = matmul(weights, np.reshape(padded, (count, wide, wide * channels)))
        turned = np.transpose(np.reshape(down, (count, self._size, wide, channels)), (0, 2, 1, 3))
        across = matmul(weights, np.reshape(turned, (count, wide, self._size * channels)))
        return np.transpose(np.reshape(across, (count, self._size, self._size, channels)), (0, 2, 1, 3))


class Exposure:
    """Pictures of one size, as `sensor.photograph` makes them.

    Args:
        size: rows and columns.
        move: puts a host array where the pictures are.
    """

    def __init__(self, size, move):
        self._margin, self._whole = reach(MOST_BLUR * size, TRUNCATE), -(-size // 8) * 8
        self._edge = move(np.clip(np.arange(-self._margin, size + self._margin), 0, size - 1))
        self._end = move(np.minimum(np.arange(self._whole), size - 1))
        self._blur, self._size = Blur(size, self._margin, TRUNCATE, move), size
        self._corners, self._place = move(_corners(size, size)), move(np.arange(size * size * 3, dtype=np.uint32))
        self._from_rgb, self._to_rgb = move(_FROM_RGB.T.copy()), move(_to_rgb().T.copy())
        self._grey = move(np.repeat(_FROM_RGB[0][:, None], 3, axis=1))
        self._waves = move(np.kron(_cosines(), _cosines()).T.copy())  # (64, 64): blocks as rows times it are transformed
        self._from_waves = move(np.kron(_cosines(), _cosines()))

    def padded(self, pictures, edge=None):
        """Pictures with their outermost pixels repeated around them; (S, H, W, C)."""
        edge = self._edge if edge is None else edge
        return np.take(np.take(pictures, edge, axis=1), edge, axis=2)

    def __call__(self, pictures, settings, steps, seeds):
        """What cameras store of clean pictures; (S, H, W, 3), (S, 10), (S, 3, 64), (S,) uint32 -> (S, H, W, 3) in k / 255."""
        setting = lambda column: settings[:, column, None, None, None]
        pictures = self._blur(self.padded(pictures), settings[:, BLUR] * np.float32(self._size))
        pictures = np.maximum(pictures * settings[:, None, None, READ + 1 :], 0)
        pictures = pictures * (1 - setting(VIGNETTE) * self._corners)
        pictures = setting(LIFT) + (1 - setting(LIFT)) * pictures ** setting(GAMMA)
        pictures = _shoulder(pictures)
        grey = np.reshape(matmul(np.reshape(pictures, (-1, 3)), self._grey), pictures.shape)
        pictures = np.where(setting(GREY) > 0, grey, pictures)
        strength = np.sqrt(np.square(setting(SHOT)) * np.maximum(pictures, 0) + np.square(setting(READ)))
        noise = np.reshape(normal_noise(seeds[:, None], self._place), pictures.shape)
        return quantise(self.compressed(np.clip(pictures + noise * strength, 0, 1), steps))

    def compressed(self, pictures, steps):
        """`sensor.compress` with steps of each picture's own; (S, H, W, 3), (S, 3, 64) -> (S, H, W, 3)."""
        count, blocks = len(pictures), self._whole // 8
        planes = matmul(np.reshape(pictures, (-1, 3)), self._from_rgb) * np.float32(255)
        planes = self.padded(np.reshape(planes, pictures.shape), self._end)
        parts = np.transpose(np.reshape(planes, (count, blocks, 8, blocks, 8, 3)), (0, 5, 1, 3, 2, 4))
        waves = matmul(np.reshape(parts, (-1, 64)), self._waves)
        waves, steps = np.reshape(waves, (count, 3, blocks * blocks, 64)), steps[:, :, None]
        rounded = np.reshape(np.rint(waves / steps) * steps, (-1, 64))
        parts = np.reshape(matmul(rounded, self._from_waves), (count, 3, blocks, blocks, 8, 8))
        planes = np.reshape(np.transpose(parts, (0, 2, 4, 3, 5, 1)), (count, self._whole, self._whole, 3))
        planes = planes[:, : self._size, : self._size] / np.float32(255)
        return np.clip(np.reshape(matmul(np.reshape(planes, (-1, 3)), self._to_rgb), pictures.shape), 0, 1)


def normal_noise(seeds, places):
    """Numbers of N(0, 1) from hashes of seed and place, each by itself (Box and Muller); uint32, broadcast -> float32."""
    first = _hashed(_hashed(seeds) + places)
    second = _hashed(first + np.uint32(0x9E3779B9))
    uniform = lambda bits: (np.right_shift(bits, np.uint32(8)).astype(np.float32) + np.float32(0.5)) * np.float32(2**-24)
    return np.sqrt(np.float32(-2) * np.log(uniform(first))) * np.cos(np.float32(2 * np.pi) * uniform(second))


def _hashed(bits):
    """A permutation of all uint32 that leaves no pattern (Wellons' lowbias32)."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        bits = np.bitwise_xor(bits, np.right_shift(bits, np.uint32(shift))) * np.uint32(factor)
    return np.bitwise_xor(bits, np.right_shift(bits, np.uint32(16)))
