"""The 257 numbers that the network predicts: their names, order and units (Sec. 3.2).

    identity | expression | albedo | rotation 3 | translation 3 | light 27
    (alpha)    (beta)       (gamma)  (R)          (t)             (theta)

Ranks come from the face model: 80 + 80 + 64 + 3 + 3 + 27 = 257 in the paper, 80 + 64 + 80 + 3 + 3 + 27 = 257 for models made
from the Basel Face Model as Deng et al. do. Nobody slices by number: a layout splits and joins.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mgcbook.arrays import check_array, check_shapes


@dataclass(frozen=True)
class Layout:
    """Names, order and units of the coefficients of one face."""

    identity: int = 80
    """Length of alpha (Sec. 3.2), in standard deviations of the model's modes."""
    expression: int = 80
    """Length of beta (Sec. 3.2), in standard deviations."""
    albedo: int = 64
    """Length of gamma (Sec. 3.2), in standard deviations."""
    rotation_scale: float = 1.0
    """Radians per unit of the three rotation coefficients, offsets to the main pose (rx, ry, rz)."""
    translation_scale: float | tuple[float, float, float] = 1.0
    """Millimetres per unit of the three translation coefficients: one number, or one for each of x, y and z."""

    @classmethod
    def of(cls, model, **options):
        """The layout that fits a face model's ranks."""
        return cls(**model.ranks, **options)

    @cached_property
    def lengths(self):
        """Name -> how many numbers, in order."""
        ranks = {"identity": self.identity, "expression": self.expression, "albedo": self.albedo}
        return {**ranks, "rotation": 3, "translation": 3, "light": 27}

    @cached_property
    def slices(self):
        """Name -> slice of the vector."""
        slices, start = {}, 0
        for name, length in self.lengths.items():
            slices[name] = slice(start, start + length)
            start += length
        return slices

    @property
    def size(self):
        """How many numbers describe one face; 257 for the paper's ranks."""
        return sum(self.lengths.values())

    @check_shapes(vector="... K")
    def split(self, vector):
        """Name the parts of a coefficient vector; (..., size) -> dict of (..., length), light as (..., 3, 9).

        Rotation comes in radians and translation in mm, both as offsets to the main pose.

        Raises:
            ValueError: if the last axis is not `size` long.
        """
        if vector.shape[-1] != self.size:
            raise ValueError(f"coefficients: vector: expected (..., {self.size}) for {self._spell()}, got {tuple(vector.shape)}")
        parts = {name: vector[..., place] for name, place in self.slices.items()}
        parts["rotation"] = parts["rotation"] * self.rotation_scale
        parts["translation"] = _times(parts["translation"], self._millimetres)
        parts["light"] = np.reshape(parts["light"], (*vector.shape[:-1], 3, 9))
        return parts

    def join(self, parts):
        """The inverse of `split`; dict -> (..., size).

        Raises:
            ValueError: if a part is missing, unknown or of another length.
        """
        if set(parts) != set(self.lengths):
            raise ValueError(f"parts: expected {', '.join(self.lengths)}, got {', '.join(parts)}")
        light = parts["light"]
        check_array("join", "parts['light']", light, "number ... 3 9")
        parts = {**parts, "light": np.reshape(light, (*light.shape[:-2], 27))}
        for name, length in self.lengths.items():
            check_array("join", f"parts[{name!r}]", parts[name], f"number ... {length}")
        parts["rotation"] = parts["rotation"] / self.rotation_scale
        parts["translation"] = _times(parts["translation"], tuple(1 / scale for scale in self._millimetres))
        return np.concatenate([parts[name] for name in self.lengths], axis=-1)

    def released_order(self):
        """Where each of our numbers stands in the output of MGCNet's released network: ours = theirs[..., order]; (size,) int."""
        # Paper: alpha, beta, gamma, R, t, theta, with 80/80/64; MGCNet's code: shape 80, texture 80, expression 64, then rz, ry,
        # rx, tx, ty, tz, light; here: the paper's order and ranks by default, because the paper is what a reader has in hand.
        theirs, start = {}, 0
        for name in ("identity", "albedo", "expression", "rotation", "translation", "light"):
            theirs[name] = np.arange(start, start + self.lengths[name])
            start += self.lengths[name]
        theirs["rotation"] = theirs["rotation"][::-1]
        return np.concatenate([theirs[name] for name in self.lengths], axis=0)

    @property
    def _millimetres(self):
        scale = self.translation_scale
        return tuple(scale) if isinstance(scale, tuple | list) else (scale,) * 3

    def _spell(self):
        return " + ".join(f"{name} {length}" for name, length in self.lengths.items())


def _times(vectors, scale):
    # One number after the other: a plain number takes the precision and the place of the array that it meets.
    return np.stack([vectors[..., i] * float(scale[i]) for i in range(3)], axis=-1)
