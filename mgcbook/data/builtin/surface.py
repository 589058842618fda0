"""What the painters and movers of the face see of a mesh: positions, rows and soft windows over them."""

import functools
from dataclasses import dataclass

import numpy as np

from mgcbook.data.builtin import sculpt, shapes
from mgcbook.data.builtin.grid import MOUTH_ROW, REFINE, Grid, light_vertices, make_grid


@dataclass(frozen=True, eq=False)
class Surface:
    """Vertices of the sheet (without the pocket) with their coordinates by name, in mm."""

    grid: Grid
    points: np.ndarray
    """(V, 3) in the model frame; the pocket's vertices come last and are not part of the windows below."""
    angle: np.ndarray
    """(R, C) angle of the grid points about the vertical axis, in radians."""

    @functools.cached_property
    def sheet(self):
        return self.points[: self.grid.sheet_size]

    x = property(lambda self: self.sheet[:, 0], doc="Toward the subject's left.")
    y = property(lambda self: self.sheet[:, 1], doc="Up.")
    z = property(lambda self: self.sheet[:, 2], doc="Forward.")
    across = property(lambda self: np.abs(self.sheet[:, 0]), doc="Distance from the midline.")
    row = property(lambda self: self.grid.row[: self.grid.sheet_size], doc="Row in units of the light grid.")
    is_lower = property(lambda self: self.grid.is_lower[: self.grid.sheet_size], doc="True below the mouth line.")
    side = property(lambda self: np.tanh(self.x / 4.0), doc="-1 on the subject's right, +1 on the left, soft at the midline.")

    def middle(self, x, y, width_x, width_y, turn=0.0):
        """A hill of height 1 at (x, y)."""
        return shapes.hill(self.x, self.y, x, y, width_x, width_y, turn)

    def pair(self, x, y, width_x, width_y, turn=0.0):
        """Two hills of height 1, at (x, y) and (-x, y)."""
        return shapes.hill(self.across, self.y, x, y, width_x, width_y, turn)

    def field(self, x=0.0, y=0.0, z=0.0):
        """A displacement of every vertex; numbers or (V,) -> (V, 3)."""
        return np.stack([np.broadcast_to(part, self.x.shape) for part in (x, y, z)], -1).astype(np.float32)


@functools.cache
def mean_surface(level):
    """The mean face as a Surface, "light" or "full"; the light one is a part of the full one."""
    points, angle = sculpt.mean_grid()
    full = make_grid(REFINE)
    edge = points[MOUTH_ROW * REFINE, full.mouth_columns]
    pocket = sculpt.pocket_points(edge, edge)
    vertices = np.concatenate([points.reshape(-1, 3), edge, pocket.reshape(-1, 3)])
    if level == "full":
        return Surface(full, vertices, angle)
    return Surface(make_grid(1), vertices[light_vertices(full)], angle[::REFINE, ::REFINE])
