"""The three bases of the face model: many named and smooth fields, compressed to their principal modes.

Everything that decides the modes is computed on the light mesh; the full mesh gets the same mixtures of finer fields, so one
coefficient vector means the same face on both. Named fields are evaluated at each resolution, smooth ones are interpolated.
"""

from dataclasses import dataclass

import numpy as np

from mgcbook.data.builtin import albedo, detail, expression, identity, pocket, smooth
from mgcbook.data.builtin.grid import coarsen_sheet, refine_sheet
from mgcbook.data.builtin.surface import mean_surface


@dataclass(frozen=True)
class Recipe:
    """Numbers that make one face model."""

    identity_rank: int = 80
    expression_rank: int = 80
    albedo_rank: int = 64
    named_share: float = identity.NAMED_SHARE
    smooth_share: float = identity.SMOOTH_SHARE
    smooth_scales: tuple = identity.SMOOTH_SCALES
    smooth_counts: tuple = (70, 70, 55)
    residual_count: int = 60
    """Local expression modes for each axis."""
    pigment_scales: tuple = albedo.SMOOTH_SCALES
    pigment_counts: tuple = albedo.SMOOTH_COUNTS
    with_detail: bool = False
    """Wrinkles, folds and freckles of `detail.py`."""


FITTED = Recipe()
"""The model that people fit and train: the ranks of the paper, Sec. 3.2."""
GENERATOR = Recipe(
    identity_rank=160,
    expression_rank=120,
    albedo_rank=128,
    named_share=0.66,
    smooth_share=0.70,
    smooth_scales=((70.0, 1.5), (34.0, 1.1), (18.0, 0.65), (10.0, 0.36), (6.0, 0.16)),
    smooth_counts=(150, 150, 120),
    residual_count=90,
    pigment_scales=((52.0, 1.0), (24.0, 0.8), (12.0, 0.6), (6.5, 0.45)),
    pigment_counts=(90, 60),
    with_detail=True,
)
"""A richer relative for synthetic pictures, so that the fitted model never contains the truth."""

ODD_SHARE = 0.6
"""Left and right of the face do mostly the same: factor on the difference in the expression basis [own]."""
SMOOTH_ASYMMETRY = 0.3
"""Share of the smooth variance of pigment that differs between left and right [own]."""
RESIDUAL_SHARE = 0.45
"""Factor on the smooth residual of the facial actions."""


def identity_modes(level, recipe):
    """Basis (K, V, 3) and deviations (K,) in mm."""
    light, face = mean_surface("light"), mean_surface(level)
    anchors = light.points[light.grid.upper[::3, ::3].ravel()]
    named = _named_identity(light, recipe)
    waves = recipe.smooth_share * smooth.random_displacements(
        recipe.smooth_scales, light.sheet, anchors, recipe.smooth_counts, odd_count=max(recipe.smooth_counts) // 6
    )
    columns = pocket.follow_lips(np.concatenate([named, waves]), light.grid)
    modes = smooth.principal_modes(columns, light.grid.mirror, recipe.identity_rank)
    sheet = _mixed(level, modes.mix, named if level == "light" else _named_identity(face, recipe), waves)
    basis = smooth.symmetrized(pocket.follow_lips(sheet, face.grid), face.grid.mirror, modes.parity)
    return basis, modes.deviation


def _named_identity(face, recipe):
    fields = list(identity.named_fields(face).values())
    if recipe.with_detail:
        fields += list(detail.identity_fields(face).values())
    return np.float32(recipe.named_share) * np.stack(fields)


def expression_modes(level, recipe):
    """Basis (K, V, 3), deviations (K,) in mm, and the coefficients of each facial action: name -> (K,)."""
    light, face = mean_surface("light"), mean_surface(level)
    names, named = _named_expression(light, recipe)
    waves = _residual(light, recipe.residual_count)
    columns = np.concatenate([named, waves])
    columns = pocket.follow_bones(columns, _jaw_in_pocket(light, names, len(columns)), light)
    modes = smooth.principal_modes(columns, light.grid.mirror, recipe.expression_rank, odd_share=ODD_SHARE)

    def basis_of(level, named):
        surface = mean_surface(level)
        jaw = np.tensordot(modes.mix[:, : len(names)], _jaw_in_pocket(surface, names, len(names)), 1)
        full = pocket.follow_bones(_mixed(level, modes.mix, named, waves), jaw, surface)
        return smooth.symmetrized(full, surface.grid.mirror, modes.parity)

    basis = basis_light = basis_of("light", named)
    if level == "full":
        basis = basis_of("full", _named_expression(face, recipe)[1])
    # orthonormal modes: the best coefficients of an action are its mean products with them, over their deviations
    actions = columns[: len(names)] / np.reshape([_spread(name) for name in names], (-1, 1, 1))
    products = actions.reshape(len(names), -1) @ basis_light.reshape(len(basis), -1).T / len(light.points)
    return basis, modes.deviation, dict(zip(names, products / modes.deviation, strict=True))


def _named_expression(face, recipe):
    fields = expression.actions(face)
    if recipe.with_detail:
        fields |= detail.expression_fields(face)
    return list(fields), np.stack([np.float32(_spread(name)) * field for name, field in fields.items()]).astype(np.float32)


def _spread(name):
    return expression.SPREAD.get(name.removesuffix("_left").removesuffix("_right"), expression.COMMON_SPREAD)


def _jaw_in_pocket(face, names, count):
    """Motion of the pocket's own vertices with the jaw, for each action; -> (count, inner, 3) mm."""
    inner = face.points[face.grid.sheet_size :]
    fields = np.zeros((count, *inner.shape))
    for name, field in expression.jaw_motions(inner).items():
        fields[names.index(name)] = _spread(name) * field
    return fields


def _residual(face, count):
    """Local smooth motion of mouth, lids, brows and cheeks that the actions leave out; -> (3 count, sheet, 3) mm."""
    points, window = expression.residual_embedding(face)
    anchors = np.arange(0, len(points), 9)
    anchors = anchors[window[anchors] > 0.05]
    anchors = np.unique(np.concatenate([anchors, face.grid.mirror[anchors]]))  # in mirrored pairs: modes keep the symmetry
    waves = smooth.principal_fields(expression.RESIDUAL_SCALES, points, points[anchors], count, window, window[anchors])
    fields = np.zeros((3, *waves.shape, 3))
    for axis in range(3):
        fields[axis, ..., axis] = RESIDUAL_SHARE * waves
    return fields.reshape(-1, len(points), 3)


def albedo_modes(level, recipe):
    """Mean colour (V, 3), basis (K, V, 3) and deviations (K,)."""
    light, full, face = mean_surface("light"), mean_surface("full"), mean_surface(level)
    mean_full = albedo.paint(full)
    named_full = _named_colors(full, mean_full, recipe)
    # an iris is as wide as three light vertices: averages of the full mesh look round, single points would look blocky
    averaged = coarsen_sheet(np.concatenate([mean_full[None], named_full]), full.grid, light.grid)
    mean_light, named_light = averaged[0], averaged[1:]
    anchors = light.points[light.grid.upper[::3, ::3].ravel()]
    even, odd = smooth.mirrored_fields(recipe.pigment_scales, light.sheet, anchors, *recipe.pigment_counts)
    waves = np.concatenate([np.sqrt(1 - SMOOTH_ASYMMETRY) * even, np.sqrt(SMOOTH_ASYMMETRY) * odd])
    columns = _uncolored_pocket(np.concatenate([named_light, _pigment_waves(waves, light, mean_light)]), light)
    modes = smooth.principal_modes(columns, light.grid.mirror, recipe.albedo_rank, reflection=(1, 1, 1))
    mean, named = (mean_full, named_full) if level == "full" else (mean_light, named_light)
    # the waves are smooth, what they colour is not: interpolate the amounts of pigment, then colour
    amounts = modes.mix[:, len(named) :].reshape(len(modes.mix), 2, -1) @ waves
    if level == "full":
        amounts = refine_sheet(amounts.transpose(0, 2, 1), light.grid, full.grid).transpose(0, 2, 1)
    sheet = np.tensordot(modes.mix[:, : len(named)].astype(np.float32), named, 1)
    for pigment, (share, slope) in enumerate(_pigments(face, mean)):
        sheet += (share * amounts[:, pigment, :, None] * slope).astype(np.float32)
    basis = smooth.symmetrized(_uncolored_pocket(sheet, face), face.grid.mirror, modes.parity, (1, 1, 1))
    inside = albedo.pocket_colors(pocket.inner_rows(face.grid), np.abs(face.points[face.grid.pocket[0], 0]))
    return np.concatenate([mean, inside]), basis, modes.deviation


def _named_colors(face, mean, recipe):
    fields = list(albedo.named_colors(face, mean).values())
    if recipe.with_detail:
        fields += list(detail.albedo_fields(face, mean).values())
    return np.stack(fields).astype(np.float32)


def _pigments(face, mean):
    return zip((albedo.SMOOTH_MELANIN, albedo.SMOOTH_HAEMOGLOBIN), albedo.pigment_slopes(face, mean), strict=True)


def _pigment_waves(waves, face, mean):
    return np.concatenate([share * waves[..., None] * slope for share, slope in _pigments(face, mean)])


def _uncolored_pocket(fields, face):
    return np.pad(fields, ((0, 0), (0, len(face.points) - face.grid.sheet_size), (0, 0)))


def _mixed(level, mix, named, waves):
    """Mixtures of named fields of a level and smooth fields of the light sheet, on the sheet of that level."""
    mix = mix.astype(np.float32)
    smooth_part = np.tensordot(mix[:, len(named) :], waves.astype(np.float32), 1)
    if level == "full":
        smooth_part = refine_sheet(smooth_part, mean_surface("light").grid, mean_surface("full").grid)
    return np.tensordot(mix[:, : len(named)], named, 1) + smooth_part
