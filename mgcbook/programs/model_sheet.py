"""A sheet that shows a face model at a glance: mean with landmarks, from several sides, and the first modes at both ends."""

import numpy as np

from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.decoder import Decoder
from mgcbook.programs.canvas import draw_landmarks, labelled, sheet
from mgcbook.programs.pictures import albedo, geometry, lit, subject, turned

SIGMAS = 2.0
"""How far the modes are turned up, in standard deviations."""
PARTS = {"identity": geometry, "expression": geometry, "albedo": albedo}
"""Kind of coefficient -> the picture that shows it best."""


def model_sheet(model, *, modes=3, size=160):
    """Pictures of a FaceModel on one sheet; -> uint8 (H, W, 3).

    Args:
        modes: how many of each kind.
        size: width and height of one picture in pixels.
    """
    decoder = Decoder(model, PAPER_CAMERA.resized(size, size))
    mean = _face(decoder)
    colors, clay = lit(mean, scale=1), geometry(mean, scale=1)
    sides = {"mean": colors, "landmarks": draw_landmarks(clay, mean.landmarks, radius=1.5), "shape": clay}
    for yaw in (-80, -40, 40):
        sides[f"yaw {yaw:+d}°"] = lit(turned(mean, yaw=yaw), scale=1)
    rows = [sheet(list(sides.values()), list(sides), columns=2 * modes)]
    for part, picture in PARTS.items():
        shown = {}
        for mode in range(min(modes, model.ranks[part])):
            for sigmas in (-SIGMAS, SIGMAS):
                shown[f"{part} {mode + 1} {sigmas:+.0f} sd"] = picture(_face(decoder, part, mode, sigmas), scale=1)
        if shown:
            rows.append(sheet(list(shown.values()), list(shown), columns=2 * modes))
    width = max(row.shape[1] for row in rows)
    rows = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    return labelled(np.concatenate(rows), model.name)


def _face(decoder, part=None, mode=0, sigmas=0.0):
    """The mean face, or one with a single coefficient."""
    coefficients = decoder.zeros(1)
    if part is not None:
        coefficients[0, decoder.layout.slices[part].start + mode] = sigmas
    return subject(decoder(coefficients), decoder)
