"""Where things are on the face: soft masks that the colours, the regions and the expressions share."""

import functools

import numpy as np

from mgcbook.data.builtin.anthropometry import IRIS_RADIUS, PUPIL_RADIUS, PUPIL_X
from mgcbook.data.builtin.sculpt import row_curve
from mgcbook.data.builtin.shapes import monotone_curve, step

BROW_LINE = ((0, 11, 14, 20, 30, 38, 46, 52, 56, 120), (16.3, 17.0, 17.6, 19.8, 22.2, 22.6, 20.6, 17.4, 15.2, 15))
"""Centre of the eyebrow: height y at the distance |x| [own]."""
BROW_THICKNESS = ((0, 11, 14, 22, 36, 48, 56, 120), (2.4, 3.0, 3.7, 3.8, 3.1, 2.2, 1.3, 1.2))
"""Half thickness of the eyebrow in mm at the distance |x| [own]."""
BEARD_LINE = (
    (0, 12, 20, 27, 33, 44, 56, 66, 75, 120),
    (-77, -77, -73.5, -66, -61, -57, -47, -34, -18, -10),
)
"""Upper border of the beard: height y at the distance |x| [own]."""


@functools.cache
def soft_masks(face):
    """Name -> weight of each vertex of the sheet; Surface -> dict of (V,) in 0..1."""
    eyes = _eyes(face)
    lips = _lips(face)
    return eyes | lips | _brows(face) | _skin_patches(face) | _hair(face, lips["lips"])


def _lips(face):
    y, across, row = face.y, face.across, face.row
    inside = step(27.5, 24.0, across)
    upper = step(0.9, -0.5, y - row_curve("upper_lip_border", across)) * step(-0.6, 0.2, y - row_curve("mouth_line", across))
    lower = step(-0.9, 0.6, y - row_curve("lower_lip_border", across)) * (row >= 47.9)
    lips = inside * np.clip(np.where(row < 48, upper * (row <= 48.01), lower), 0, 1)
    return {"lips": lips, "mouth_line": inside * np.exp(-(((row - 48) / 0.45) ** 2))}


def _eyes(face):
    y, across, row = face.y, face.across, face.row
    opening = step(15.6, 17.2, across) * step(44.8, 43.0, across) * step(17.35, 17.9, row) * step(22.6, 22.0, row)
    from_pupil = np.hypot(across - PUPIL_X, y)
    upper_edge, lower_edge = np.exp(-(((row - 17.25) / 0.35) ** 2)), np.exp(-(((row - 22.8) / 0.3) ** 2))
    upper_lid, lower_lid = step(13.3, 14.5, row) * step(17.2, 16.6, row), step(22.9, 23.4, row) * step(26, 24, row)
    return {
        "eye": opening,
        "iris": opening * step(IRIS_RADIUS + 0.6, IRIS_RADIUS - 0.6, from_pupil),
        "pupil": opening * step(PUPIL_RADIUS + 0.7, PUPIL_RADIUS - 0.7, from_pupil),
        "limbus": opening * np.exp(-(((from_pupil - IRIS_RADIUS + 0.15) / 0.6) ** 2)),
        "waterline": step(15.6, 17.2, across) * step(46.5, 44.5, across) * step(22.0, 22.4, row) * step(23.2, 22.8, row),
        "caruncle": opening * step(20.0, 17.5, across),
        "lid_shadow": opening * np.clip(1 - (row_curve("upper_lid", across) - y) / 4.0, 0, 1),
        "lashes": step(15, 18, across) * step(47.0, 44.0, across) * (upper_edge + 0.35 * lower_edge),
        "lids": step(13, 18, across) * step(50, 44, across) * (upper_lid + 0.6 * lower_lid),
        "lid_fold": np.exp(-(((row - 14) / 0.35) ** 2)) * step(14, 20, across) * step(49, 42, across),
        "under_eye": face.pair(27, -13.0, 8.5, 4.0, 0.1),
    }


def _brows(face):
    across = face.across
    from_center = face.y - monotone_curve(*BROW_LINE, across)
    from_center_relative = np.abs(from_center / monotone_curve(*BROW_THICKNESS, across))
    band = np.exp(-(from_center_relative**3)) * step(10, 15, across) * step(57, 50, across)
    lean = 0.9 - 0.035 * across  # hairs lean outward more and more
    phase = 3.9 * (across * np.cos(lean) - from_center * np.sin(lean)) + 1.3 * np.sin(0.9 * face.y + 0.31 * across)
    return {"brows": band * (0.78 + 0.22 * (0.5 + 0.5 * np.sin(phase)))}


def _skin_patches(face):
    row, across = face.row, face.across
    nostril = np.exp(-(((across - 6.3) / 2.5) ** 4)) * step(37.6, 38.4, row) * step(40.9, 39.8, row)
    nose = face.middle(0, -36, 11, 8) * step(-47, -44, face.y) + 0.7 * face.pair(12, -39, 4, 4)
    return {
        "nostrils": nostril,
        "under_nose": step(37, 38, row) * step(41.2, 40.5, row) * step(18, 14, across),
        "nose": nose,
        "cheeks": face.pair(41, -33, 15, 12),
        "forehead": face.middle(0, 50, 40, 22),
        "chin": face.middle(0, -97, 14, 9),
        "eye_sockets": face.pair(24, 12, 9, 5) + 0.6 * face.pair(16, 3, 4, 6),
        "nasolabial": face.pair(25, -53, 3, 11, 0.55),
        "under_lip": face.middle(0, -79, 13, 3),
    }


def _hair(face, lips):
    across, y = face.across, face.y
    above_lip = step(-45.5, -50, y) * step(-1.0, 2.5, y - row_curve("upper_lip_border", across)) * step(29, 20, across)
    moustache = above_lip * (face.row < 48)
    below = step(0, 1, 0.5 - 0.5 * (y - monotone_curve(*BEARD_LINE, across)) / (6 + 8 * step(25, 50, across)))
    beard = np.clip(np.maximum(np.maximum(moustache, below), 0.5 * face.middle(0, -80, 7, 5)), 0, 1)
    return {"moustache": moustache * (1 - lips), "beard": beard * (1 - lips)}


def regions(face):
    """Name -> vertices; Surface -> dict of (V,) bool over the whole mesh, pocket included."""
    masks = soft_masks(face)
    y, z, across, row = face.y, face.z, face.across, face.row
    found = {name: masks[name] > 0.5 for name in ("lips", "brows", "nostrils")}
    found["eyes"] = masks["eye"] > 0.5
    found["lids"] = (row > 13) & (row < 26) & (across > 14) & (across < 48) & ~found["eyes"]
    found["nose"] = (row <= 41) & (y < 4) & (across < np.interp(y, (-45, -38, -25, 4), (15, 18, 13, 9)))
    found["forehead"] = (y > 25) & ~found["brows"]
    found["cheeks"] = (across > 20) & (y < -16) & (y > -75) & ~found["lips"]
    found["chin"] = (y < -80) & (across < 30) & (row <= 58)
    found["jaw"] = (row > 53) & (across >= 30)
    found["skin"] = ~(found["eyes"] | found["lips"] | found["brows"] | found["nostrils"])
    found["front"] = (z > 28) & (y < 76) & (row <= 58.5)
    pocket = len(face.points) - len(y)
    found = {name: np.concatenate([mask, np.zeros(pocket, bool)]) for name, mask in found.items()}
    found["mouth_inner"] = np.arange(len(face.points)) >= len(y)
    return found
