"""Facial actions: what muscles do, as displacements at full strength, in mm.

The set follows the action units of Ekman and Friesen 1978 (Facial Action Coding System), left and right apart; the number of the
unit stands beside each. Amplitudes and windows are our own choice, within the ranges people reach without effort.
"""

import numpy as np

from mgcbook.data.builtin.anthropometry import JAW_HINGE, PUPIL_X
from mgcbook.data.builtin.lids import lid_fields
from mgcbook.data.builtin.shapes import step

JAW_ANGLE = 15.0
"""Degrees at jaw_open = 1: about 25 mm between the incisors; the limit of healthy adults is 40 to 50 mm [own]."""

SPREAD = {"jaw_open": 0.27, "jaw_forward": 0.25, "jaw_leftward": 0.25, "pucker": 0.3, "funnel": 0.3, "mouth_leftward": 0.3}
"""Standard deviation of an action's strength in the basis; all others have 0.40."""
COMMON_SPREAD = 0.40


def actions(face):
    """Name -> displacement of the sheet at full strength; Surface -> dict of (V, 3) mm."""
    single = jaw_fields(face) | _lips(face)
    paired = _corners(face) | _cheeks_and_nose(face) | _brows(face) | lid_fields(face)
    left, right = step(-4, 6, face.x)[:, None], step(-4, 6, -face.x)[:, None]
    for name, field in paired.items():
        single[f"{name}_left"] = field * left
        single[f"{name}_right"] = field * right
    return single


def jaw_weight(face):
    """Share of the jaw's motion that the skin follows; (V,) in 0..1."""
    from_mouth, across = face.row - 48.0, face.across
    # in front: all below the lips, nothing above, split between the lips, 0.45 at the corners
    upper = 0.45 * step(12, 28, across) * step(-10, 0, from_mouth)
    lower = 1 - 0.55 * step(8, 28, across) * step(8, 0, from_mouth)
    front = np.where(face.is_lower, lower, upper)
    # beside the mouth: by the distance to the line from the hinge to the corner of the mouth
    beyond = ((face.y - JAW_HINGE[0]) * 76 + (face.z - JAW_HINGE[1]) * 54) / np.hypot(76, 54)
    beside = step(27, 46, across)
    return (front * (1 - beside) + step(24, -20, beyond) * beside) * step(-12, 30, face.z)


def jaw_fields(face):
    """AU 26/27 jaw drop, AU 29 jaw thrust, AU 30 jaw sideways."""
    weight = jaw_weight(face)[:, None]
    return {name: (weight * motion).astype(np.float32) for name, motion in jaw_motions(face.sheet).items()}


def jaw_motions(points):
    """Name -> displacement of points fixed to the jaw; (V, 3) -> dict of (V, 3) mm."""
    forward, sideways = np.broadcast_to([0, 0, 5.0], points.shape), np.broadcast_to([6.0, 0, 0], points.shape)
    return {"jaw_open": _turned_by_jaw(points), "jaw_forward": forward, "jaw_leftward": sideways}


def _turned_by_jaw(points):
    """Displacement when the jaw turns about its hinge; (V, 3) -> (V, 3) mm."""
    angle = np.deg2rad(JAW_ANGLE)
    y, z = points[:, 1] - JAW_HINGE[0], points[:, 2] - JAW_HINGE[1]
    turned_y, turned_z = y * np.cos(angle) - z * np.sin(angle), y * np.sin(angle) + z * np.cos(angle)
    return np.stack([np.zeros_like(y), turned_y - y, turned_z - z], -1)


def _lip_windows(face):
    """Weights of the upper and lower lip near the mouth line, falling over `rows`; 0 at the corners."""
    from_mouth, inside = face.row - 48.0, step(29, 17, face.across)
    upper = lambda rows: np.where(face.is_lower, 0, step(-rows, -1, from_mouth))
    lower = lambda rows: np.where(face.is_lower, step(rows, 1, from_mouth), 0)
    return upper, lower, inside


def _lips(face):
    side, across, from_mouth = np.tanh(face.x / 3.0), face.across, face.row - 48.0
    upper, lower, inside = _lip_windows(face)
    upper_lip, lower_lip = upper(7) * inside, lower(7) * inside
    central = np.clip(1 - (across / 27) ** 2, 0, 1)
    upper_red = np.where(face.is_lower, 0, step(-5, -2, from_mouth) * step(0, -2, from_mouth))
    lower_red = np.where(face.is_lower, step(6, 2, from_mouth) * step(0, 2, from_mouth), 0)
    inward = -side * face.pair(25, -66, 13, 13) * step(3, 20, across)
    corners = face.pair(26, -66, 13, 12)
    return {
        "pucker": face.field(8.5 * inward, 0, 6.0 * face.middle(0, -66, 17, 12) - corners),  # AU 18
        "funnel": face.field(  # AU 22
            6.0 * inward, 2.5 * upper_lip * central - 3.0 * lower_lip * central, 5.0 * face.middle(0, -66, 17, 11)
        ),
        "lips_part": face.field(y=1.2 * upper_lip * central - 2.0 * lower_lip * central),  # AU 25
        "lips_press": face.field(  # AU 24
            y=central * (2.9 * lower_red - 2.6 * upper_red), z=-1.6 * (upper_lip + lower_lip) * central
        ),
        "upper_lip_roll": face.field(y=-2.5 * upper_red * central, z=-3.0 * upper_lip * central),  # AU 28
        "lower_lip_roll": face.field(y=3.0 * lower_red * central, z=-3.2 * lower_lip * central),  # AU 28
        "chin_raise": face.field(  # AU 17
            y=4.0 * face.middle(0, -90, 17, 12) * face.is_lower + 2.5 * face.middle(0, -66, 20, 8),
            z=1.8 * face.middle(0, -73, 17, 7) - 0.8 * face.middle(0, -96, 12, 7),
        ),
        "upper_lip_shrug": face.field(y=3.0 * face.middle(0, -60, 20, 9), z=1.4 * face.middle(0, -57, 17, 7)),
        "mouth_leftward": face.field(x=5.5 * face.middle(0, -66, 24, 15)),
        "mouth_up": face.field(y=3.0 * face.middle(0, -66, 24, 12)),
        "nostril_flare": face.field(x=1.8 * side * face.pair(14, -40, 5, 5)),  # AU 38
    }


def _corners(face):
    side = np.tanh(face.x / 3.0)
    wide, narrow = face.pair(26, -66, 13, 12), face.pair(26, -66, 9, 9)
    upper, lower, _ = _lip_windows(face)
    raised = upper(9) * face.pair(9, -58, 11, 11)
    dropped = lower(9) * face.pair(9, -70, 11, 11.5)
    return {
        "smile": face.field(  # AU 12
            5.0 * side * wide, 6.5 * wide + 3.0 * face.pair(38, -38, 13, 12), 3.0 * face.pair(40, -36, 12, 12) - 4.5 * wide
        ),
        "frown": face.field(1.5 * side * wide, -5.5 * wide, -1.5 * wide),  # AU 15
        "mouth_stretch": face.field(6.0 * side * wide, -1.2 * wide, -3.5 * wide),  # AU 20
        "dimple": face.field(2.0 * side * narrow, 0.5 * narrow, -3.5 * narrow),  # AU 14
        "upper_lip_raise": face.field(  # AU 10
            y=4.5 * raised + 1.4 * face.pair(15, -40, 8, 8) + 1.6 * face.pair(27, -45, 8, 10), z=1.2 * face.pair(25, -42, 8, 8)
        ),
        "lower_lip_drop": face.field(y=-5.0 * dropped, z=-0.8 * dropped),  # AU 16
    }


def _cheeks_and_nose(face):
    side = np.tanh(face.x / 3.0)
    below_lid = step(22.5, 24, face.row)
    return {
        "cheek_puff": face.field(  # AU 34
            4.5 * side * face.pair(48, -60, 13, 15), 0, 6.0 * face.pair(42, -60, 13, 15) + 1.5 * face.pair(15, -54, 12, 8)
        ),
        "cheek_raise": face.field(  # AU 6
            y=4.0 * face.pair(40, -24, 15, 9) + 1.8 * face.pair(32, -9, 12, 5) * below_lid, z=2.2 * face.pair(40, -24, 14, 9)
        ),
        "nose_wrinkle": face.field(  # AU 9
            -0.6 * side * face.pair(12, -12, 6, 10),
            3.0 * face.pair(14, -38, 8, 9) + 2.6 * face.pair(12, -14, 7, 12) - 1.8 * face.pair(16, 17, 9, 7),
            1.2 * face.pair(10, -8, 6, 9),
        ),
    }


def _brows(face):
    side = np.tanh(face.x / 3.0)
    return {
        "brow_raise_inner": face.field(y=6.0 * face.pair(15, 22, 10, 9), z=0.6 * face.pair(15, 28, 10, 8)),  # AU 1
        "brow_raise_outer": face.field(y=5.5 * face.pair(43, 21, 12, 9)),  # AU 2
        "brow_lower": face.field(  # AU 4
            -2.2 * side * face.pair(19, 19, 11, 8), -5.0 * face.pair(22, 19, 14, 8.5), 1.2 * face.pair(17, 17, 10, 6)
        ),
    }


RESIDUAL_SCALES = ((22.0, 0.9), (11.0, 0.55))
"""Gaussian process of what the actions leave out: (length in mm, standard deviation in mm)."""
LIP_DISTANCE = 12.0
"""The lips are this far apart, in mm, along a fourth axis of the process, so that they move independently."""


def residual_embedding(face):
    """Points of the process with the lips apart, and where it acts: mouth, lids, brows, cheeks; (V, 4), (V,)."""
    apart = np.where(face.is_lower, -LIP_DISTANCE, LIP_DISTANCE) * face.middle(0, -66, 22, 12)
    near_eye, near_cheek = face.pair(PUPIL_X + 0.5, 10, 20, 14), face.pair(38, -40, 18, 20)
    window = np.clip(face.middle(0, -68, 26, 18) + 0.55 * near_eye + 0.35 * near_cheek, 0, 1)
    return np.concatenate([face.sheet, apart[:, None]], 1), window
