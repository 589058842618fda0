"""3DDFA's Basel Face Model without ears and neck (Zhu et al. 2016): Model_Shape.mat and Model_Exp.mat beside it.

    Model_Shape.mat   mu_shape (3 V, 1), w (3 V, 199), sigma (199, 1), mu_tex, w_tex, sigma_tex, tri (3, F), keypoints, symlist
    Model_Exp.mat     mu_exp (3 V, 1), w_exp (3 V, 29), sigma_exp (29, 1)

Micrometres, colours 0 to 255, vertices from 1, triangles that point inward. The mean of the expressions is not zero. Parameters
in the data sets of this family are not divided by sigma: theirs are ours times sigma.

Source: ModelGeneration/ModelGenerate.m and main_show_with_BFM.m of 2DASL.
"""

import numpy as np

from mgcbook.data.formats.bfm2009 import LEVELS, LICENSE
from mgcbook.data.formats.parts import Parts, landmark_dict, modes, points, triangle_list, vertex_numbers
from mgcbook.data.formats.safe_mat import read_mat
from mgcbook.errors import DataError

MM = 1e-3


def read(source, ranks):
    """Source, Ranks -> Parts.

    Raises:
        DataError: if a file is missing, broken or not of this kind.
    """
    path = source.main("Model_Shape.mat")
    colors = ("mu_tex", "w_tex", "sigma_tex")
    stored = read_mat(path, ("mu_shape", "w", "sigma", "tri", "keypoints"), optional=(*colors, "symlist"))
    other = source.need("Model_Exp.mat", why="the expressions")
    moving = read_mat(other, ("mu_exp", "w_exp", "sigma_exp"))
    mean = points(stored["mu_shape"], f"{path}: mu_shape", unit=MM)
    offset = points(moving["mu_exp"], f"{other}: mu_exp", unit=MM)
    if offset.shape != mean.shape:
        raise DataError(f"{other}: mu_exp: expected {len(mean)} vertices, found {len(offset)}")
    take = lambda where, name, size, count, unit: modes(
        where[name], len(mean), f"{path}: {name}", count=count, deviation=where[size], unit=unit
    )
    parts = Parts(
        mean + offset,
        take(stored, "w", "sigma", ranks.identity, MM),
        take(moving, "w_exp", "sigma_exp", ranks.expression, MM),
        triangle_list(stored["tri"], len(mean), f"{path}: tri", first=1),
        "Basel Face Model 2009, 3DDFA",
        LICENSE,
        landmarks=landmark_dict(stored["keypoints"], len(mean), f"{path}: keypoints", first=1),
    )
    if all(name in stored for name in colors):
        parts.albedo_mean = points(stored["mu_tex"], f"{path}: mu_tex", unit=1 / LEVELS)
        parts.albedo = take(stored, "w_tex", "sigma_tex", ranks.albedo, 1 / LEVELS)
        if parts.albedo_mean.shape != mean.shape:
            raise DataError(f"{path}: mu_tex: expected {len(mean)} colours, found {len(parts.albedo_mean)}")
    if "symlist" in stored:
        parts.mirror = _mirror(stored["symlist"], len(mean), f"{path}: symlist")
    return parts


def _mirror(pairs, vertex_count, where):
    """Pairs (2, n) of vertices from 1 -> (V,) partner of each."""
    left, right = vertex_numbers(pairs.reshape(2, -1), vertex_count, where, first=1)
    mirror = np.arange(vertex_count)
    mirror[left], mirror[right] = right, left
    if not (mirror[mirror] == np.arange(vertex_count)).all():
        raise DataError(f"{where}: expected pairs of vertices, found one with two partners")
    return mirror
