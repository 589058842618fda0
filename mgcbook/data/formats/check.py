"""Is a converted face model a face of the right size that looks the right way? What was measured, and what it must be.

Every mistake that the layouts invite shows in one number: wrong units in the size of the face, other axes in its orientation,
landmarks in another order in their distance to those of the built-in face, variances taken for deviations in the size of the
modes, colours of 0 to 255 in the albedo.
"""

from typing import NamedTuple

import numpy as np

from mgcbook.data import builtin
from mgcbook.data.formats.correspond import similarity
from mgcbook.data.formats.finish import outward
from mgcbook.errors import DataError

UNITS = {1e-3: "metres", 1e-2: "decimetres", 1e-1: "centimetres", 1.0: "millimetres", 1e3: "micrometres"}


class Finding(NamedTuple):
    """One thing that was measured."""

    name: str
    is_fine: bool
    found: str


def examine(model):
    """Measure a FaceModel; -> list of Finding.

    The landmarks of its mean are compared with those of the built-in mean face by the similarity that fits best: its scale is
    the unit, its rotation the orientation, what is left over shows their order.
    """
    ours = builtin.load("light")
    expected = ours.mean[ours.landmark_vertices].astype(np.float64)
    found = model.mean[model.landmark_vertices].astype(np.float64)
    inner = slice(17, 68)  # where points of the jaw lie along it differs from model to model by some 3 cm
    scale, rotation, shift = similarity(expected[inner], found[inner])
    left = np.linalg.norm(scale * expected @ rotation.T + shift - found, axis=1) / max(scale, 1e-12)
    angle = np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1)))
    worst, rest = 17 + int(left[inner].argmax()), float(np.sqrt((left[inner] ** 2).mean()))
    mirrored = _rest(expected[inner] * [-1, 1, 1], found[inner]) < _rest(expected[inner], found[inner])
    jaw = bool((np.diff((found @ rotation)[:17, 0]) > 0).all())
    unit = UNITS[min(UNITS, key=lambda size: abs(np.log(max(scale, 1e-12) / size)))]
    eyes = np.linalg.norm(found[36] - found[45])
    distinct = len(set(model.landmark_vertices.tolist()))
    turned = outward(model.mean.astype(np.float64), model.triangles)[1]
    return [
        Finding("unit", 0.75 < scale < 1.3, f"outer eye corners {eyes:.4g} mm apart, expected 75 to 105; "
                f"{scale:.3g} times the built-in face" + ("" if 0.75 < scale < 1.3 else f": were the numbers {unit}?")),
        Finding("mirrored", not mirrored, "left and right are swapped" if mirrored else "left is left"),
        Finding("orientation", angle < 20, f"turned by {angle:.0f} degrees against x left, y up, z forward"),
        Finding("landmarks", distinct == 68 and left[worst] < 15 and rest < 7,
                f"{distinct} different vertices; {rest:.1f} mm rms from the built-in ones, worst {left[worst]:.0f} mm at "
                f"landmark {worst}, without the jaw"),
        Finding("jaw", jaw and left.max() < 60, "from the right ear to the left" if jaw else "not in order from right to left"),
        Finding("winding", not turned, "counter-clockwise" if not turned else "clockwise: normals point into the face"),
        _modes("identity", model.identity_deviation, (1.0, 15.0), "mm"),
        _modes("expression", model.expression_deviation, (0.2, 25.0), "mm"),
        _modes("albedo", model.albedo_deviation, (0.01, 0.8), "of 1"),
        Finding("colour", 0.1 < model.albedo_mean.mean() < 0.95, f"mean {model.albedo_mean.mean():.2f}, expected 0.1 to 0.95"),
        Finding("mirror", True, f"{(model.mirror != np.arange(len(model.mirror))).mean():.0%} of the vertices have a partner"),
    ]  # fmt: skip


def check_face(model, where):
    """Examine a model and refuse it if anything is wrong; -> list of Finding.

    Raises:
        DataError: names what was measured, and what it should be.
    """
    findings = examine(model)
    wrong = [finding for finding in findings if not finding.is_fine]
    if wrong:
        raise DataError(f"{where}: {wrong[0].name}: {wrong[0].found}; is it a file of this kind, unchanged?")
    return findings


def _rest(expected, found):
    scale, rotation, shift = similarity(expected, found)
    return np.linalg.norm(scale * expected @ rotation.T + shift - found)


def _modes(name, deviation, expected, unit):
    """All modes together move a vertex by this much, rms."""
    size = float(np.sqrt((deviation.astype(np.float64) ** 2).sum()))
    is_fine = expected[0] < size < expected[1]
    why = "" if is_fine else f", expected {expected[0]:g} to {expected[1]:g}: are the deviations variances, or in other units?"
    return Finding(f"{name} modes", is_fine, f"{len(deviation)}, together {size:.3g} {unit} rms{why}")
