"""How people differ in shape: measures that have names, and smooth variation that has none.

Each named field is a displacement of the mean for one standard deviation, in mm: a slider with a meaning. Where Farkas 1994
gives a standard deviation (breadth and length of face, nose, mouth, eyes) the amplitude follows it; the others are our own
choice. The unnamed variation is a Gaussian process (`smooth.py`).
"""

import numpy as np

from mgcbook.data.builtin.anthropometry import PUPIL_X
from mgcbook.data.builtin.shapes import bell, step

NAMED_SHARE, SMOOTH_SHARE = 0.72, 0.62
"""Factors on the named and the smooth fields: both describe some of the same variation, so that neither counts in full."""

SMOOTH_SCALES = ((60.0, 1.7), (30.0, 1.05), (16.0, 0.60), (9.0, 0.28))
"""Gaussian process: (length in mm, standard deviation per axis in mm)."""


def named_fields(face):
    """Name -> displacement of the sheet for +1 standard deviation; Surface -> dict of (V, 3) mm."""
    groups = (_proportions, _forehead, _eyes, _nose, _mouth, _jaw, _cheeks, _asymmetry)
    return {name: field for group in groups for name, field in group(face).items()}


def _proportions(face):
    x, y, z = face.sheet.T
    below, under_nose, front = step(-40, -70, y), step(-42, -100, y), step(0, 90, z)
    return {
        "size": face.field(0.055 * x, 0.055 * (y + 15), 0.055 * (z - 45)),
        "width": face.field(0.030 * x, -0.008 * (y + 15)),
        "height": face.field(-0.008 * x, 0.032 * (y + 15)),
        "depth": face.field(z=0.042 * (z - 45)),
        "profile_convexity": face.field(z=2.6 * np.cos(np.pi * (y + 25) / 110) * front),
        "lower_height": face.field(y=-3.2 * under_nose),
        "mid_height": face.field(y=-2.2 * step(5, -44, y)),
        "upper_height": face.field(y=3.5 * step(15, 80, y)),
        "mandible_forward": face.field(y=-0.5 * below, z=2.7 * step(-52, -85, y) * step(5, 60, z)),
        "ear_side_depth": face.field(z=3.0 * step(45, 72, face.across)),
    }


def _forehead(face):
    y, across, side = face.y, face.across, face.side
    sides = step(15, 55, y) * step(8, 45, across)
    return {
        "forehead_slope": face.field(z=-3.4 * step(20, 85, y)),
        "forehead_width": face.field(2.6 * side * sides, z=-0.6 * step(25, 55, across) * step(15, 70, y)),
        "forehead_bulge": face.field(z=1.7 * face.middle(0, 55, 38, 20)),
        "temple": face.field(1.6 * side * face.pair(62, 20, 13, 20), z=face.pair(55, 22, 12, 16)),
        "brow_ridge": face.field(y=-0.3 * face.pair(25, 18, 24, 6), z=1.5 * face.pair(22, 19, 20, 6.5)),
        "glabella": face.field(z=1.1 * face.middle(0, 20, 9, 8)),
        "brow_height": face.field(y=1.8 * face.pair(33, 20, 18, 7.5)),
        "brow_tilt": face.field(y=1.3 * face.pair(46, 19, 9, 7) - face.pair(18, 18, 8, 7)),
    }


def _eyes(face):
    y, across, side = face.y, face.across, face.side
    around = face.pair(31, 0, 13, 9)
    return {
        "eye_spacing": face.field(1.5 * side * face.pair(30, 0, 20, 15)),
        "eye_depth": face.field(z=1.5 * face.pair(PUPIL_X - 1, -1, 17, 13)),
        "eye_height": face.field(y=1.4 * face.pair(31, 0, 24, 15)),
        "eye_size": face.field(0.045 * (across - 31) * np.sign(face.x) * around, 0.06 * y * around),
        "eye_open": face.field(y=0.9 * around * np.tanh(y / 3.0) * bell(across, 31, 9)),
        "eye_tilt": face.field(y=0.075 * (across - 31) * face.pair(31, 0, 18, 11)),
        "lid_hood": face.field(y=-1.1 * face.pair(33, 11, 11, 3.2), z=face.pair(32, 11, 12, 4)),
        "epicanthus": face.field(
            -0.9 * side * face.pair(17, 1, 5, 5), -0.4 * face.pair(18, 4, 5, 4), 0.9 * face.pair(17, 2, 6, 7)
        ),
        "eye_bag": face.field(z=0.9 * face.pair(28, -13, 9, 4)),
    }


def _nose(face):
    tip = face.middle(0, -38, 9.5, 7.5) * step(92, 108, face.z)
    wide_tip = face.middle(0, -38, 12, 8)
    side = face.side
    return {
        "nose_protrusion": face.field(z=2.0 * face.middle(0, -34, 10.5, 13) * step(-52, -44, face.y)),
        "nose_length": face.field(y=-2.2 * face.middle(0, -40, 17, 12)),
        "nose_width": face.field(1.25 * side * face.pair(14, -39, 6, 8), z=-0.3 * wide_tip),
        "nose_bridge_height": face.field(z=1.7 * face.middle(0, -6, 8.5, 15)),
        "nose_bridge_width": face.field(0.9 * side * face.pair(9, -12, 6, 17), z=0.5 * face.pair(10, -12, 5, 16)),
        "nose_root": face.field(z=1.5 * face.middle(0, 7, 8, 8)),
        "nose_hump": face.field(z=1.1 * face.middle(0, -16, 7, 7)),
        "nose_tip_rotation": face.field(y=1.7 * tip, z=0.5 * tip),
        "nose_tip_width": face.field(0.9 * side * face.pair(6, -37, 5, 6), z=0.3 * tip),
        "ala_height": face.field(y=face.pair(13, -40, 6, 5), z=0.4 * face.pair(13, -40, 6, 5)),
        "columella": face.field(y=-0.9 * face.middle(0, -43, 4.5, 4)),
    }


def _mouth(face):
    upper, lower = face.row <= 48, face.row >= 48
    side = face.side
    return {
        "mouth_width": face.field(1.6 * side * face.pair(25, -65.5, 11, 13), z=-0.8 * face.pair(26, -65, 7, 9)),
        "mouth_protrusion": face.field(z=1.9 * face.middle(0, -64, 21, 15)),
        "mouth_height": face.field(y=1.6 * face.middle(0, -65, 32, 15)),
        "upper_lip_thickness": face.field(
            y=0.95 * face.middle(0, -56, 16, 3.5) * upper, z=0.8 * face.middle(0, -60, 15, 4) * upper
        ),
        "lower_lip_thickness": face.field(
            y=-1.05 * face.middle(0, -74, 16, 4) * lower, z=0.9 * face.middle(0, -70, 15, 4) * lower
        ),
        "upper_lip_protrusion": face.field(z=0.9 * face.middle(0, -57, 17, 6.5)),
        "lower_lip_protrusion": face.field(z=face.middle(0, -72, 17, 6.5)),
        "philtrum": face.field(z=0.5 * face.pair(5, -52, 2.5, 5) - 0.7 * face.middle(0, -52, 2.6, 5)),
        "corner_tilt": face.field(y=1.2 * face.pair(26, -66, 8, 7)),
        "cupids_bow": face.field(y=0.5 * face.pair(6, -56, 3, 3) - 0.5 * face.middle(0, -56.5, 3, 3)),
    }


def _jaw(face):
    side = face.side
    return {
        "jaw_width": face.field(3.0 * side * face.pair(52, -78, 20, 24)),
        "jaw_angle": face.field(0.6 * side * face.pair(52, -75, 16, 20), -3.2 * face.pair(52, -82, 17, 20)),
        "chin_protrusion": face.field(z=2.8 * face.middle(0, -103, 26, 17)),
        "chin_width": face.field(1.8 * side * face.pair(18, -103, 11, 13), z=0.7 * face.pair(19, -100, 9, 11)),
        "chin_height": face.field(y=-2.0 * face.middle(0, -108, 24, 14)),
        "chin_ball": face.field(z=1.1 * face.middle(0, -97, 9, 7)),
        "chin_groove": face.field(z=-face.middle(0, -83, 14, 5)),
    }


def _cheeks(face):
    side = face.side
    return {
        "cheekbone": face.field(1.3 * side * face.pair(58, -20, 14, 14), z=1.5 * face.pair(47, -22, 13, 12)),
        "cheekbone_breadth": face.field(2.0 * side * face.pair(68, -12, 14, 26)),
        "cheekbone_height": face.field(y=1.6 * face.pair(47, -25, 15, 13)),
        "cheek_fullness": face.field(1.6 * side * face.pair(48, -55, 14, 17), z=2.0 * face.pair(43, -55, 14, 16)),
        "fat": face.field(
            2.0 * side * face.pair(56, -60, 22, 30), -1.6 * face.pair(30, -112, 40, 16), 1.3 * face.pair(36, -62, 22, 28)
        ),
        "maxilla": face.field(z=1.5 * face.pair(16, -40, 22, 18)),
        "beside_nose": face.field(z=1.3 * face.pair(19, -40, 8, 10)),
        "nasolabial_fold": face.field(z=0.7 * face.pair(32, -52, 6, 12, 0.55) - 0.7 * face.pair(25, -54, 4, 11, 0.55)),
    }


def _asymmetry(face):
    soft_side = np.tanh(face.x / 10)
    return {
        "nose_sideways": face.field(0.9 * face.middle(0, -30, 12, 16)),
        "jaw_sideways": face.field(1.5 * step(-50, -110, face.y)),
        "eyes_uneven": face.field(y=0.6 * soft_side * face.pair(31, 3, 20, 15)),
        "mouth_uneven": face.field(y=0.7 * soft_side * face.pair(18, -66, 16, 12)),
        "cheeks_uneven": face.field(z=0.9 * soft_side * face.pair(45, -45, 25, 35)),
    }
