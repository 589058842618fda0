"""The mean face: a mask through measured points, then nose, lips, eyes and folds, each a height added along z.

    1. unroll   rows follow the curves of the features, columns stand at fixed angles about the vertical axis
    2. mask     a thin-plate spline r(angle, y) through the points of the mask: a face without nose, lips and eyeballs. Precedent:
                DeCarlo, Metaxas and Stone 1998, An anthropometric face model using variational techniques
    3. features nose, folds, eyes, lips: sums and smooth maxima of hills and domes
    4. mirror   the mean of both halves, so that the face is exactly symmetric

Heights and widths without a source are our own sculpting choice; lengths in mm.
"""

import functools

import numpy as np

from mgcbook.data.builtin import anthropometry as measures
from mgcbook.data.builtin.grid import COLUMNS, REFINE, ROWS
from mgcbook.data.builtin.shapes import dome, hill, monotone_curve, natural_spline, relax, smooth_max, step, thin_plate
from mgcbook.kernels.numpy_blas import one_thread


def row_curve(name, across):
    """Height y of a named row at the distance |x| from the midline, in mm; any shape."""
    x, y = np.array(measures.ROW_CURVES[name][1], float).T
    return monotone_curve(x, y, np.clip(across, x[0], x[-1]))


@functools.cache
@one_thread()  # remembered, so it must not matter who asks first
def mean_grid():
    """Points of the mean face on the full grid and their angle; ((R, C, 3) mm, (R, C) radians)."""
    x, y, z, angle = _mask()
    rows = np.broadcast_to(np.arange(y.shape[0])[:, None] / REFINE, y.shape)
    y, z = _nose(x, y, z, rows)
    beside = 0.8 * step(13, 15, abs(x)) * step(23, 19, abs(x)) * step(-52, -47, y) * step(-22, -28, y)
    y, z = relax(y, beside, 5), relax(z, beside, 5)
    z = relax(z, 0.6 * step(20, 17, abs(x)) * step(-47, -45, y) * step(14, 6, y), 4)
    z = _folds(x, y, z)
    z = _eyes(x, y, z, rows)
    z = _lips(x, y, z, rows)
    # under the jaw the last two light rows turn inward
    inward = 14.0 * np.clip((rows - 58) / 2, 0, 1) ** 1.1
    radius = np.hypot(x, z) + 1e-9
    points = np.stack([x - 0.9 * inward * x / radius, y, z - inward * z / radius], -1)
    points = 0.5 * (points + points[:, ::-1] * [-1, 1, 1])
    return points, angle


def _mask():
    """Grid of the smooth mask; x, y, z in mm and the angle about the vertical axis, each (R, C)."""
    middle = COLUMNS // 2
    columns = np.arange((COLUMNS - 1) * REFINE + 1) / REFINE - middle
    angle = np.sign(columns) * np.deg2rad(monotone_curve(*measures.COLUMN_ANGLES, np.abs(columns)))
    points = np.concatenate([measures.MASK_POINTS, measures.MASK_POINTS[measures.MASK_POINTS[:, 0] > 0] * [-1, 1, 1]])
    at = np.arctan2(points[:, 0], points[:, 2]) * measures.ANGLE_SCALE
    radius_at = thin_plate(np.stack([at, points[:, 1]], 1), np.hypot(points[:, 0], points[:, 2]), stiffness=2.0)

    def radius_of(y):
        flat = np.stack([np.broadcast_to(angle * measures.ANGLE_SCALE, y.shape).ravel(), y.ravel()], 1)
        return radius_at(flat).reshape(y.shape)

    # the curves say y for a distance x, the grid wants it for an angle: guess x, correct it three times
    names = sorted(measures.ROW_CURVES, key=lambda name: measures.ROW_CURVES[name][0])
    across = np.broadcast_to(np.abs(80 * np.tan(np.clip(angle, -1.2, 1.2))).clip(0, 70), (len(names), len(angle)))
    for _ in range(3):
        # on the side x hardly grows any more: go on along the skin
        along = across + 3.0 * np.logaddexp(0, (np.abs(angle) - 0.62) / 0.1) - 3.0 * np.logaddexp(0, -6.2)
        heights = np.stack([row_curve(name, along[i]) for i, name in enumerate(names)])
        across = np.abs(radius_of(heights) * np.sin(angle))
    named_rows = [measures.ROW_CURVES[name][0] for name in names]
    y = monotone_curve(named_rows, heights, np.arange((ROWS - 1) * REFINE + 1) / REFINE)
    radius = radius_of(y)
    return radius * np.sin(angle), y, radius * np.cos(angle), np.broadcast_to(angle, y.shape)


NOSE_SLOPE = ((-60, -37, -20, -6, 4, 14), (2.10, 2.10, 1.75, 1.50, 1.20, 0.90))
"""Steepness of the side walls at heights y: 1.5 is 56 degrees from the frontal plane."""
NOSE_ROUNDING = ((-60, -37, -20, -6, 4, 14), (8.5, 8.5, 7.5, 6.8, 6.5, 8.0))
"""How wide the ridge is rounded, in mm: the radius of the bridge is this over the slope, some 4 mm."""


def _nose(x, y, z, rows):
    across = np.abs(x)
    above = np.maximum(y, row_curve("nose_rim", across))
    front = _nose_front(x, above, z, z[:, z.shape[1] // 2][:, None])
    under = np.clip((rows - 37) / 4.0, 0, 1)
    lip_foot = z + 1.5 * hill(x, y, 0, -45, 4, 3)
    # a height field cannot fold under itself: below the rim the rows run back to the lip
    z = np.where(rows <= 37, front, front + (lip_foot - front) * (0.35 * under + 0.65 * step(0, 1, under)))
    nostril = np.exp(-(((across - 6.3) / 2.5) ** 4)) * np.sin(np.pi * np.clip((rows - 37.3) / 3.4, 0, 1)) ** 1.2
    return y + 4.5 * nostril, z - 1.5 * nostril


def _nose_front(x, y, z, z_middle):
    """Nose seen from the front, without its underside."""
    across = np.abs(x)
    profile = natural_spline(*measures.NOSE_PROFILE, y)
    level = np.clip(y, -60, 14)
    slope, rounding = monotone_curve(*NOSE_SLOPE, level), monotone_curve(*NOSE_ROUNDING, level)
    height = smooth_max(profile - z_middle, 0.0, 1.5) * step(30, 14, y) * step(-60, -47, y)
    fall = np.minimum(slope / np.maximum(height, 1e-6), 0.11)  # a low bridge is not narrower than 9 mm
    roof = 1 - fall * (np.sqrt(across**2 + rounding**2) - rounding)
    z = z + height * smooth_max(roof, 0.0, 0.38)
    z = smooth_max(z, dome(x, y, (0, -36.4, 104.5), (9.4, 8.4, 12.2)), 4.0)  # tip
    z = smooth_max(z, dome(across, y, (10.9, -38.7, 96.0), (6.1, 6.6, 9.4), turn=0.35), 3.4)  # alae
    z = z - 0.8 * hill(across, y, 17.4, -37, 2.2, 4.8, -0.2)  # crease between ala and cheek
    return z - 0.6 * hill(across, y, 9.4, -33.6, 4.6, 2.0, -0.7)  # groove above the ala


def _folds(x, y, z):
    across = np.abs(x)
    # nasolabial fold: along the line from the ala (17, -39) to beside the mouth (33, -64)
    length = np.hypot(16, 25)
    along = np.clip(((across - 17) * 16 - (y + 39) * 25) / length**2, 0, 1)
    near_x, near_y = 17 + 16 * along, -39 - 25 * along
    outward = ((across - near_x) * 25 + (y - near_y) * 16) / length
    past_end = np.exp(-0.5 * (np.hypot(across - near_x, y - near_y) ** 2 - outward**2).clip(0) / 9)
    strength = np.sin(np.pi * np.clip(along * 0.86 + 0.1, 0, 1)) * past_end
    z = z + strength * (-0.45 * np.exp(-((outward / 2.8) ** 2)) + 0.7 * np.exp(-(((outward - 6) / 5) ** 2)))
    z = z + 1.2 * hill(x, y, 0, -97, 10, 6.5)  # chin pad
    return z + 0.8 * hill(across, y, 20, 21.5, 10, 4.0, 0.05) + 0.8 * hill(across, y, 42, 19.5, 8, 4.5, -0.3)  # brow ridge


def eyeball_height(x, y, radius, bulge=0.0):
    """Front of the eyeball as a height z over the frontal plane, continued as a cone outside; `bulge` for the cornea."""
    squared = (np.abs(x) - measures.PUPIL_X) ** 2 + y**2
    sphere = np.sqrt(np.maximum(radius**2 - np.minimum(squared, 0.9 * radius**2), 0))
    outside = np.maximum(np.sqrt(squared) - 0.9487 * radius, 0) * 3
    return measures.EYEBALL_Z + sphere - outside + bulge * np.exp(-squared / (2 * 3.2**2))


def _eyes(x, y, z, rows):
    across = np.abs(x)
    ball = eyeball_height(x, y, measures.EYEBALL_RADIUS, bulge=0.9)
    crease, upper, lower = (row_curve(name, across) for name in ("lid_crease", "upper_lid", "lower_lid"))
    over_eye = step(13, 19, across) * (1 - step(40, 50, across))
    lid = np.where((rows > 14) & (rows < 26), smooth_max(z, ball + 1.0, 0.8), z)
    lid = lid + over_eye * (-1.3 * np.exp(-(((y - crease) / 1.3) ** 2)) + 0.8 * np.exp(-(((y - crease - 3.4) / 2.4) ** 2)))
    lid = lid + over_eye * (0.3 * np.exp(-(((y - upper - 0.8) / 0.9) ** 2)) + 0.25 * np.exp(-(((y - lower + 1.0) / 1.2) ** 2)))
    lid = lid - 0.8 * hill(across, y, 27, -15.5, 9, 2.0, 0.12)
    # between the lids the surface steps down onto the eyeball
    opening = step(17.0, 18.0, rows) * step(23.0, 22.0, rows) * step(15.5, 20.0, across) * (1 - step(41.5, 45.5, across))
    inside = np.minimum(smooth_max(ball, lid - 2.6, 1.0), lid - 0.8)
    return lid + (inside - lid) * opening


def _lips(x, y, z, rows):
    across = np.abs(x)
    out = np.clip(across / measures.MOUTH_X, 0, 1.6)
    line = row_curve("mouth_line", across)
    is_upper = rows < 48
    upper_height = np.maximum(row_curve("upper_lip_border", across) - line, 0.6)
    lower_height = np.maximum(line - row_curve("lower_lip_border", across), 0.6)
    from_line = np.clip(np.where(is_upper, (y - line) / upper_height, (line - y) / lower_height), 0, 3)  # 1 at the lip's border

    def roll(height, fullest, fall):
        rise = np.sqrt(np.maximum(1 - (1 - from_line / fullest) ** 2, 0))  # a quarter of an ellipse
        return height * np.where(from_line < fullest, rise, np.exp(-(((from_line - fullest) / fall) ** 2)))

    upper = roll(3.6, 0.56, 0.60) + 0.35 * np.exp(-(((from_line - 1.08) / 0.18) ** 2))
    lower = roll(4.4, 0.54, 0.56) + 0.2 * np.exp(-(((from_line - 1.0) / 0.25) ** 2))
    fade = np.clip(1 - out**2.5, 0, 1) ** 0.7
    z = z + np.where(is_upper, upper, lower) * fade - 1.8 * np.exp(-((from_line / 0.9) ** 2)) * np.sqrt(np.clip(1 - out**4, 0, 1))
    z = z + 0.5 * hill(x, y, 0, -61.5, 3.0, 2.2)  # tubercle
    z = z - 1.0 * hill(x, y, 0, -51.0, 2.4, 4.5) + 0.6 * hill(across, y, 5.2, -52, 1.9, 4.2)  # philtrum and its columns
    return z - 1.6 * hill(across, y, 27.0, -65.6, 3.2, 3.0) - 1.0 * hill(across, y, 22, -77, 6, 4)  # corner, hollow below


POCKET_PROFILE = (
    # (back, up) in mm from the line between the lips, at the rows of the light pocket
    (0.0, 0.0),
    (3.2, 3.4),  # behind the upper lip
    (7.4, 4.6),  # gum
    (7.0, -2.0),  # edge of the upper teeth: 2 mm below the lip when the mouth is a little open
    (9.0, 3.0),  # behind the teeth
    (28.0, 2.0),  # palate
    (30.0, -9.0),  # throat
    (11.0, -8.0),  # tongue
    (5.0, -5.0),  # behind the lower lip
    (0.0, 0.0),
)


def pocket_points(upper_edge, lower_edge):
    """Vertices behind the lips, without the two edges; (M, 3) x 2 for the full mesh -> (rows, M, 3).

    The profile shrinks toward the corners, where the two edges meet.
    """
    rows = np.arange(1, (len(POCKET_PROFILE) - 1) * REFINE) / REFINE
    knots = np.arange(len(POCKET_PROFILE))
    back, up = (np.interp(rows, knots, column) for column in np.array(POCKET_PROFILE).T)
    edge = 0.5 * (upper_edge + lower_edge)
    depth = np.sqrt(np.clip(1 - (edge[:, 0] / (measures.MOUTH_X + 1.5)) ** 2, 0.05, 1))
    inward = 1 - 0.02 * np.minimum(back, 12.0)[:, None] * np.ones_like(depth)
    return np.stack([edge[:, 0] * inward, edge[:, 1] + up[:, None] * depth, edge[:, 2] - back[:, None] * depth], -1)
