"""Colours: the painted mean and how people differ in colour. Values are picture values in 0..1, which the light multiplies.

Skin is changed in -log RGB along the directions of its two pigments, melanin and haemoglobin (Tsumura, Haneishi and Miyake 1999,
J Opt Soc Am A 16:2169-2176); real skin colours lie on such a plane (Xiao et al. 2017, Skin Research and Technology 23:21-29).
Everything else is our own choice.
"""

import numpy as np

from mgcbook.data.builtin.masks import soft_masks
from mgcbook.data.builtin.shapes import step

MELANIN = np.array([0.0246, 0.0316, 0.0394]) / 0.0562
HAEMOGLOBIN = np.array([0.0193, 0.0755, 0.0666]) / 0.1025
"""Direction of a pigment in -log RGB, unit length."""
SKIN = np.array([0.735, 0.545, 0.455])
"""Skin with the mean amount of both."""
IRIS, BROW, LASH, NOSTRIL = (0.30, 0.20, 0.13), (0.20, 0.145, 0.115), (0.10, 0.075, 0.065), (0.10, 0.05, 0.045)
SCLERA = np.array([0.84, 0.80, 0.78])
POCKET_COLORS = (
    # at the rows of the light pocket, from the upper to the lower lip
    (0.50, 0.24, 0.23),
    (0.36, 0.13, 0.13),
    (0.80, 0.75, 0.68),  # upper teeth
    (0.80, 0.75, 0.68),
    (0.22, 0.07, 0.07),
    (0.13, 0.04, 0.04),
    (0.08, 0.02, 0.02),
    (0.34, 0.13, 0.13),  # tongue
    (0.30, 0.11, 0.11),
    (0.50, 0.24, 0.23),
)

SMOOTH_SCALES = ((45.0, 1.0), (22.0, 0.7), (11.0, 0.5))
"""Gaussian process of the pigments: (length in mm, weight)."""
SMOOTH_MELANIN, SMOOTH_HAEMOGLOBIN = 0.030, 0.028
SMOOTH_COUNTS = (45, 15)
"""Even and odd modes."""


def pigmented(color, melanin, haemoglobin):
    """Colour after a change of pigment (Beer-Lambert); (..., 3), amounts (...,) -> (..., 3)."""
    return color * np.exp(-np.multiply.outer(melanin, MELANIN) - np.multiply.outer(haemoglobin, HAEMOGLOBIN))


def _mix(color, other, weight):
    return color + weight[:, None] * (np.asarray(other) - color)


def paint(face):
    """Mean colour of the sheet; Surface -> (V, 3)."""
    m = soft_masks(face)
    haemoglobin = 0.16 * m["cheeks"] + 0.15 * m["nose"] - 0.08 * m["forehead"] + 0.06 * m["chin"]
    haemoglobin = haemoglobin + 0.06 * m["lids"] + 0.10 * m["under_eye"]
    melanin = 0.12 * m["under_eye"] + 0.10 * m["lids"] - 0.05 * m["cheeks"] + 0.02 * m["forehead"] + 0.10 * m["eye_sockets"]
    melanin = melanin + 0.06 * m["nasolabial"] + 0.08 * m["under_lip"]
    color = pigmented(np.broadcast_to(SKIN, (len(face.x), 3)), melanin, haemoglobin)
    color = _mix(color, color * [0.80, 0.82, 0.86], 0.20 * m["beard"])
    lips = pigmented(SKIN * [0.92, 0.72, 0.73], 0.05, 0.10)
    color = _mix(color, lips, 0.88 * m["lips"])
    color = _mix(color, color * [0.45, 0.33, 0.33], 0.75 * m["mouth_line"])
    color = _mix(color, color * [0.72, 0.66, 0.64], 0.5 * m["lid_fold"])
    color = _mix(color, color * [0.66, 0.56, 0.54], 0.50 * m["under_nose"])
    color = _mix(color, NOSTRIL, 0.92 * m["nostrils"])
    color = _mix(color, _eyeball(m), m["eye"])
    color = _mix(color, color * [1.0, 0.86, 0.84], 0.7 * m["waterline"])
    color = _mix(color, LASH, np.clip(0.85 * m["lashes"], 0, 1))
    return np.clip(_mix(color, BROW, 0.88 * m["brows"]), 0, 1)


def _eyeball(m):
    color = np.broadcast_to(SCLERA, (len(m["eye"]), 3))
    color = _mix(color, SCLERA * [0.93, 0.72, 0.68], np.clip(1.2 * m["caruncle"], 0, 1))
    color = _mix(color, IRIS, m["iris"])
    color = _mix(color, np.multiply(IRIS, 0.35), 0.8 * m["limbus"])
    color = _mix(color, (0.03, 0.03, 0.03), m["pupil"])
    return color * (1 - 0.42 * m["lid_shadow"][:, None])


def skin_weight(m):
    """How far pigments color a vertex: not the eyes, little under hair; dict of masks -> (V,)."""
    return (1 - np.clip(m["eye"], 0, 1)) * (1 - 0.92 * m["brows"]) * (1 - 0.8 * m["nostrils"])


def pigment_slopes(face, mean):
    """Change of colour for one unit of melanin and of haemoglobin; Surface, (V, 3) -> two (V, 3)."""
    weight = skin_weight(soft_masks(face))[:, None]
    return -MELANIN * mean * weight, -HAEMOGLOBIN * mean * weight


def named_colors(face, mean):
    """Name -> change of colour for +1 standard deviation; Surface, (V, 3) -> dict of (V, 3)."""
    m = soft_masks(face)
    more_melanin, more_haemoglobin = pigment_slopes(face, mean)
    skin, iris = skin_weight(m), m["iris"] * (1 - m["pupil"])

    def pigment(melanin=0.0, haemoglobin=0.0):
        return more_melanin * np.reshape(melanin, (-1, 1)) + more_haemoglobin * np.reshape(haemoglobin, (-1, 1))

    def add(weight, color):
        return np.multiply.outer(weight, color)

    def scale(weight, color):
        return mean * np.multiply.outer(weight, color)

    return {
        "melanin": pigment(0.28, 0.02),
        "haemoglobin": pigment(haemoglobin=0.05),
        "exposure": add(skin, (0.012, 0.012, 0.012)),
        "yellowness": add(skin, (0.002, 0.001, -0.010)),
        "cheek_redness": pigment(haemoglobin=0.07 * m["cheeks"]),
        "nose_redness": pigment(haemoglobin=0.07 * m["nose"]),
        "chin_redness": pigment(haemoglobin=0.05 * m["chin"]),
        "dark_lids": pigment(0.10 * m["lids"], 0.05 * m["lids"]),
        "dark_circles": pigment(0.10 * m["under_eye"], 0.05 * m["under_eye"]),
        "forehead_tan": pigment(0.05 * m["forehead"]),
        "beard": scale(m["beard"], (-0.10, -0.092, -0.08)),
        "moustache": scale(m["moustache"], (-0.05, -0.046, -0.04)),
        "lip_redness": scale(m["lips"], (0.02, -0.06, -0.045)),
        "lip_darkness": scale(m["lips"], (-0.13, -0.13, -0.13)),
        "lip_pinkness": add(m["lips"], (0.02, 0.015, 0.02)),
        "brow_darkness": add(m["brows"], (-0.075, -0.065, -0.055)),
        "brow_fairness": add(m["brows"], (0.10, 0.075, 0.05)),
        "iris_blueness": add(iris, (-0.005, 0.035, 0.075)),
        "iris_lightness": add(iris, (0.05, 0.048, 0.035)),
        "sclera_lightness": add(m["eye"] * (1 - m["iris"]), (0.03, 0.03, 0.03)),
        "lash_darkness": add(np.clip(m["lashes"], 0, 1), (-0.05, -0.05, -0.05)),
        "lid_fold_depth": scale(m["lid_fold"], (-0.10, -0.11, -0.11)),
    }


def pocket_colors(rows, across):
    """Colours behind the lips; rows of the pocket's profile (R,), distance of its columns from the midline (M,) -> (R M, 3)."""
    knots = np.arange(len(POCKET_COLORS))
    color = np.stack([np.interp(rows, knots, channel) for channel in np.array(POCKET_COLORS).T], -1)
    dark = step(12, 21, across)[None, :, None]
    return (color[:, None] * (1 - dark) + np.array(POCKET_COLORS[4]) * dark).reshape(-1, 3)
