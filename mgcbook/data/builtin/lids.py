"""The eyelids: they slide over the eyeball, so their motion is computed column by column on the grid, not with soft windows."""

import numpy as np

from mgcbook.data.builtin.anthropometry import EYEBALL_RADIUS
from mgcbook.data.builtin.sculpt import eyeball_height
from mgcbook.data.builtin.shapes import smooth_max, step

LID_THICKNESS = 1.1
"""mm of the lid over the eyeball when closed [own]."""


def lid_fields(face):
    """AU 45 blink, AU 5 lid raise, AU 7 squint, both eyes together; Surface -> dict of (V, 3) mm."""
    index, refine = face.grid.upper, face.grid.refine
    x, y, z = np.moveaxis(face.points[index], -1, 0)
    row = face.grid.row[index]
    across = np.abs(x[20 * refine])
    inside = step(15.8, 19.5, across) * step(45.2, 42.0, across)
    crease_y, crease_z, lower_y, lower_z = y[14 * refine], z[14 * refine], y[23 * refine], z[23 * refine]
    # the upper lid's rows spread from the crease to the lower lid; the rows of the opening fold up under it
    down = np.clip((row - 14) / 3, 0, 1)
    edge_y = lower_y + 0.9
    closed_y = np.where(row <= 17, crease_y + (edge_y - crease_y) * down, lower_y + 0.9 * np.clip((23 - row) / 6, 0, 1))
    share = np.clip((crease_y - closed_y) / (crease_y - lower_y), 0, 1)
    over_ball = eyeball_height(x, closed_y, EYEBALL_RADIUS + LID_THICKNESS)
    closed_z = smooth_max(crease_z + (lower_z - crease_z) * share, over_ball, 1.0)
    closed_z = closed_z - 0.4 * step(17, 18, row) * step(23, 22, row) * (row > 17)
    moving = ((row > 14) & (row < 23)) * inside
    blink = _on_sheet(face, moving * (closed_y - y), moving * (closed_z - z))
    lower_lid = step(20.0, 22.0, row) * step(28, 23, row) * inside
    squint = _on_sheet(face, 2.4 * lower_lid, 0.3 * lower_lid)
    return {
        "blink": blink,
        "eye_wide": -0.28 * blink + face.field(y=0.8 * face.pair(33, 14, 13, 5)),
        "squint": squint + 0.22 * blink,
    }


def _on_sheet(face, y, z):
    field = np.zeros((face.grid.sheet_size, 3))
    field[face.grid.upper] = np.stack([np.zeros_like(y), y, z], -1)
    return field
