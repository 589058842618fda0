"""Put the built-in face model together: mean, bases, landmarks, regions, facial actions."""

import numpy as np

from mgcbook.data.builtin.bases import FITTED, albedo_modes, expression_modes, identity_modes
from mgcbook.data.builtin.grid import REFINE, light_vertices, make_grid
from mgcbook.data.builtin.landmarks import landmark_vertices
from mgcbook.data.builtin.masks import regions
from mgcbook.data.builtin.surface import mean_surface
from mgcbook.face.morphable import FaceModel
from mgcbook.kernels.numpy_blas import one_thread


def build(level, recipe=FITTED, name="mgcbook built-in face"):
    """Compute a FaceModel from nothing but the tables and formulas of this folder; "light" or "full"."""
    # More threads wait longer for each other than they save on these sizes, and last bits would depend on their number.
    with one_thread():
        return _build(level, recipe, name)


def _build(level, recipe, name):
    face = mean_surface(level)
    identity_basis, identity_deviation = identity_modes(level, recipe)
    expression_basis, expression_deviation, units = expression_modes(level, recipe)
    albedo_mean, albedo_basis, albedo_deviation = albedo_modes(level, recipe)
    landmarks, found = landmark_vertices(mean_surface("light")), regions(mean_surface("full"))
    nested = light_vertices(make_grid(REFINE))
    return FaceModel(
        mean=_single(face.points),
        identity_basis=_single(identity_basis),
        identity_deviation=_single(identity_deviation),
        expression_basis=_single(expression_basis),
        expression_deviation=_single(expression_deviation),
        albedo_mean=_single(albedo_mean),
        albedo_basis=_single(albedo_basis),
        albedo_deviation=_single(albedo_deviation),
        triangles=face.grid.triangles,
        landmark_vertices=landmarks if level == "light" else nested[landmarks].astype(np.int32),
        mirror=face.grid.mirror,
        regions=found if level == "full" else {region: mask[nested] for region, mask in found.items()},
        units=_with_both_sides({action: _single(coefficients) for action, coefficients in units.items()}),
        name=f"{name} ({level})",
        license="MIT",
    )


def _with_both_sides(units):
    """Add to every pair of left and right actions the sum of both, to the brows the whole raise, and the opposite directions."""
    units = dict(units)
    for action in [name.removesuffix("_left") for name in units if name.endswith("_left")]:
        units[action] = units[f"{action}_left"] + units[f"{action}_right"]
    for side in ("", "_left", "_right"):
        units[f"brow_raise{side}"] = units[f"brow_raise_inner{side}"] + units[f"brow_raise_outer{side}"]
    for action in ("jaw", "mouth"):
        units[f"{action}_rightward"] = -units[f"{action}_leftward"]
    return dict(sorted(units.items()))


def _single(array):
    return np.ascontiguousarray(array, dtype=np.float32)
