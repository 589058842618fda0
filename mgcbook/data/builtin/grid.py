"""The mesh: a grid whose rows follow the features, cut open at the mouth, with a pocket behind the lips.

    light   61 x 67 grid points + 25 for the lower edge of the mouth + 200 for the pocket
    full   181 x 199            + 77                                 + 2,002       (every third row and column is the light mesh)

Rows run along the eyelids, the lip borders and the jaw, so that these lines are crisp with few vertices. The row of the mouth
line exists twice between the corners, once for each lip. The pocket hangs on the two lips: its profile runs from the edge of
the upper lip over the teeth and the palate to the throat, and back over the floor of the mouth to the edge of the lower lip.
"""

from dataclasses import dataclass

import numpy as np

ROWS, COLUMNS = 61, 67
MOUTH_ROW = 48
CORNER_COLUMN = 13
"""Columns from the midline to the corner of the mouth in the light grid."""
POCKET_ROWS = 9
"""Intervals of the pocket's profile in the light mesh."""
REFINE = 3
"""Intervals of the full mesh for each interval of the light one."""


@dataclass(frozen=True)
class Grid:
    """Indices of the vertices of one level; `grid`, then `lower_edge`, then `pocket`."""

    refine: int
    upper: np.ndarray
    """(R, C) vertex of each grid point, the upper lip's edge in the mouth row."""
    lower: np.ndarray
    """(R, C) the same with the lower lip's edge in the mouth row."""
    pocket: np.ndarray
    """(P + 1, M) profiles of the pocket between the corners; first and last row are the edges of the lips."""
    corners: tuple
    """The vertices of the two corners of the mouth."""
    row: np.ndarray
    """(V,) row in units of the light grid; the pocket has the mouth's row."""
    is_lower: np.ndarray
    """(V,) True below the mouth line."""
    triangles: np.ndarray
    """(F, 3) counter-clockwise seen from outside."""
    mirror: np.ndarray
    """(V,) left-right partner."""

    @property
    def sheet_size(self):
        """Number of vertices without the pocket's own."""
        return self.upper.size + self.pocket.shape[1]

    @property
    def mouth_columns(self):
        """Columns strictly between the corners of the mouth."""
        middle = self.upper.shape[1] // 2
        reach = CORNER_COLUMN * self.refine - 1
        return np.arange(middle - reach, middle + reach + 1)


def make_grid(refine):
    """Vertices and triangles of the light (refine 1) or full (refine 3) mesh."""
    rows, columns = (ROWS - 1) * refine + 1, (COLUMNS - 1) * refine + 1
    upper = np.arange(rows * columns).reshape(rows, columns)
    middle, reach, mouth = columns // 2, CORNER_COLUMN * refine - 1, MOUTH_ROW * refine
    between = np.arange(middle - reach, middle + reach + 1)
    lower = upper.copy()
    lower[mouth, between] = upper.size + np.arange(len(between))
    inner = upper.size + len(between) + np.arange((POCKET_ROWS * refine - 1) * len(between)).reshape(-1, len(between))
    pocket = np.concatenate([upper[mouth, between][None], inner, lower[mouth, between][None]])
    corners = (upper[mouth, between[0] - 1], upper[mouth, between[-1] + 1])
    light_row = np.arange(rows) / refine
    row = np.concatenate([np.repeat(light_row, columns), np.full(len(between) + inner.size, float(MOUTH_ROW))])
    is_lower = np.concatenate([np.repeat(light_row > MOUTH_ROW, columns), np.ones(len(between), bool)])
    profile = np.repeat(np.arange(1, POCKET_ROWS * refine) / refine, len(between))
    is_lower = np.concatenate([is_lower, profile > POCKET_ROWS / 2])
    mirror = np.arange(len(row))
    mirror[upper] = upper[:, ::-1]
    mirror[pocket] = pocket[:, ::-1]
    sheet = np.concatenate([_sheet_triangles(upper[: mouth + 1], 0), _sheet_triangles(lower[mouth:], mouth)])
    triangles = np.concatenate([sheet, _pocket_triangles(pocket, corners)])
    return Grid(refine, upper, lower, pocket, corners, row, is_lower, triangles.astype(np.int32), mirror.astype(np.int32))


def light_vertices(full):
    """Vertices of the full mesh that are the light mesh, in the light mesh's order."""
    edge_and_pocket = full.pocket[::REFINE, REFINE - 1 :: REFINE]
    return np.concatenate([full.upper[::REFINE, ::REFINE].ravel(), edge_and_pocket[-1], edge_and_pocket[1:-1].ravel()])


def _sheet_triangles(index, first_row):
    """Two triangles for each cell of a grid of vertices, diagonals mirrored at the midline."""
    top_left, top_right, bottom_left, bottom_right = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    odd = (np.arange(index.shape[0] - 1) + first_row)[:, None] % 2 == 1
    falling = (np.arange(index.shape[1] - 1)[None] < index.shape[1] // 2) ^ ~odd
    one = np.where(falling[..., None], _stack(top_left, bottom_left, bottom_right), _stack(top_left, bottom_left, top_right))
    two = np.where(falling[..., None], _stack(top_left, bottom_right, top_right), _stack(top_right, bottom_left, bottom_right))
    return np.stack([one, two], axis=2).reshape(-1, 3)


def _pocket_triangles(pocket, corners):
    """The pocket's profiles side by side, closed by a fan at each corner; its visible side faces the opening."""
    inside = _sheet_triangles(pocket, 0)
    left, right = pocket[:, 0], pocket[:, -1]
    fan_left = _stack(np.full(len(left) - 1, corners[0]), left[1:], left[:-1])
    fan_right = _stack(np.full(len(right) - 1, corners[1]), right[:-1], right[1:])
    return np.concatenate([inside, fan_left, fan_right])


def _stack(a, b, c):
    return np.stack([a, b, c], axis=-1)


def cubic_matrix(count, refine):
    """Catmull-Rom interpolation of `count` samples at every 1/refine; ((count - 1) refine + 1, count)."""
    matrix = np.zeros(((count - 1) * refine + 1, count))
    for i in range(len(matrix)):
        left, place = divmod(i, refine)
        t = place / refine
        weights = (-t + 2 * t * t - t**3, 2 - 5 * t * t + 3 * t**3, t + 4 * t * t - 3 * t**3, -t * t + t**3)
        for sample, weight in zip(range(left - 1, left + 3), weights, strict=True):
            if sample < 0:  # straight on beyond the ends
                matrix[i, 0] += weight
                matrix[i, 1] -= weight / 2
            elif sample >= count:
                matrix[i, count - 1] += weight
                matrix[i, count - 2] -= weight / 2
            else:
                matrix[i, sample] += weight / 2
    return matrix


def refine_sheet(fields, light, full):
    """Fields on the light sheet, interpolated smoothly to the full one, each lip by itself; (K, v, C) -> (K, V, C)."""
    count, _, channels = fields.shape
    refined = np.empty((count, full.sheet_size, channels), fields.dtype)
    cut, across = MOUTH_ROW, cubic_matrix(COLUMNS, REFINE).astype(fields.dtype)
    sheets = (light.upper[: cut + 1], full.upper[: cut * REFINE + 1]), (light.lower[cut:], full.lower[cut * REFINE :])
    for index, target in sheets:
        down = cubic_matrix(len(index), REFINE).astype(fields.dtype)
        values = np.tensordot(down, fields[:, index], (1, 1))  # (rows, K, columns, C)
        values = np.tensordot(across, values, (1, 2))  # (columns, rows, K, C)
        refined[:, target] = values.transpose(2, 1, 0, 3)
    return refined


def coarsen_sheet(fields, full, light):
    """Fields on the full sheet, averaged over 3 x 3 points for each light vertex, each lip by itself; (K, V, C) -> (K, v, C)."""
    coarse = np.empty((fields.shape[0], light.sheet_size, fields.shape[2]), fields.dtype)
    cut = MOUTH_ROW
    sheets = (full.upper[: cut * REFINE + 1], light.upper[: cut + 1]), (full.lower[cut * REFINE :], light.lower[cut:])
    for index, target in sheets:
        padded = np.pad(fields[:, index], ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        rows, columns = target.shape
        total = 0
        for i in range(3):
            for j in range(3):
                total = total + padded[:, i : i + REFINE * rows : REFINE, j : j + REFINE * columns : REFINE]
        coarse[:, target] = total / 9
    return coarse
