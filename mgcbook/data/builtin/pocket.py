"""How the pocket behind the lips follows: near the lips it moves with them, deeper in with the skull above or the jaw below."""

import numpy as np

from mgcbook.data.builtin.grid import POCKET_ROWS
from mgcbook.data.builtin.shapes import step

LOWER_SHARE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.2, 0.5, 1.0, 1.0, 1.0)
"""Share of the lower lip or jaw in the motion, at the rows of the light pocket; the rest is upper lip or skull [own]."""
LIP_SHARE = (1.0, 0.6, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0)
"""Share of the lips in a facial action; the rest is bone [own]."""


def inner_rows(grid):
    """Rows of the pocket's profile without the two edges, in units of the light pocket."""
    return np.arange(1, POCKET_ROWS * grid.refine) / grid.refine


def follow_lips(fields, grid):
    """Extend fields of the sheet into the pocket, as a mixture of the two lips' edges; (K, sheet, C) -> (K, V, C)."""
    return np.concatenate([fields, _between_lips(fields, grid)], 1)


def follow_bones(fields, jaw, face):
    """Extend facial actions into the pocket: lips near the opening, jaw and skull further in; (K, sheet, 3) -> (K, V, 3).

    Args:
        jaw: (K, inner, 3) motion of the pocket's own vertices as if all were jaw.
    """
    grid = face.grid
    bone, lower = 1 - _at_rows(LIP_SHARE, grid), _at_rows(LOWER_SHARE, grid)
    # near the corners of the mouth all follows the lips, or the teeth would come through the cheek of a pursed mouth
    central = step(21, 11, np.abs(face.points[grid.pocket[0], 0]))
    bone = bone * np.tile(central, len(bone) // len(central))[:, None].astype(np.float32)
    return np.concatenate([fields, (1 - bone) * _between_lips(fields, grid) + bone * lower * jaw.astype(fields.dtype)], 1)


def _between_lips(fields, grid):
    lower = _at_rows(LOWER_SHARE, grid)
    rows = len(lower) // grid.pocket.shape[1]
    upper_edge, lower_edge = (np.tile(fields[:, edge], (1, rows, 1)) for edge in (grid.pocket[0], grid.pocket[-1]))
    return (1 - lower) * upper_edge + lower * lower_edge


def _at_rows(share, grid):
    at_rows = np.interp(inner_rows(grid), np.arange(len(share)), share)
    return np.repeat(at_rows, grid.pocket.shape[1])[:, None].astype(np.float32)
