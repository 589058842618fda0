"""The face model of MGCNet's authors, an HDF5 file of their own: the Basel Face Model 2009 in up to three sizes.

Groups shape, color, expression, alone or with _full or _fore behind, each model/{mean, pcaBasis, pcaVariance}; in shape also
representer/{tri, idx_lm68}. Micrometres, colours 0 to 255. What is called variance are deviations, triangles count from 1,
landmarks from 0, and the mean of the expressions is left out.

Source: src_common/geometry/gpmm/bfm09_tf_uv.py of MGCNet.
"""

import numpy as np

from mgcbook.data.formats.bfm2009 import LEVELS, LICENSE
from mgcbook.data.formats.parts import Parts, landmark_dict, modes, points, triangle_list
from mgcbook.data.formats.safe_hdf5 import open_hdf5
from mgcbook.errors import DataError

MM = 1e-3
SIZES = ("", "_full", "_fore")


def read(source, ranks):
    """The first size in the file; Source, Ranks -> Parts.

    Raises:
        DataError: if the file is broken or not of this kind.
    """
    path = source.main("bfm09_trim_exp_uv_presplit.h5", "bfm09*.h5", "*.h5")
    with open_hdf5(path) as file:
        size = next((size for size in SIZES if f"shape{size}/representer/tri" in file), None)
        if size is None:
            raise DataError(f"{path}: expected groups shape, color, expression with shape/representer/tri, found {file.names()}")
        shape, color, expression = f"shape{size}", f"color{size}", f"expression{size}"
        mean = points(file.array(f"{shape}/model/mean"), f"{path}: {shape}/model/mean", unit=MM)
        take = lambda part, count, unit: modes(
            file.array(f"{part}/model/pcaBasis", columns=count), len(mean), f"{path}: {part}/model/pcaBasis",
            deviation=file.array(f"{part}/model/pcaVariance"), unit=unit)  # fmt: skip
        colors = points(file.array(f"{color}/model/mean"), f"{path}: {color}/model/mean", unit=1 / LEVELS)
        if colors.shape != mean.shape:
            raise DataError(f"{path}: {color}/model/mean: expected {len(mean)} colours, found {len(colors)}")
        triangles = np.reshape(file.array(f"{shape}/representer/tri"), (-1, 3))
        landmarks = file.array(f"{shape}/representer/idx_lm68", optional=True)
        return Parts(
            mean,
            take(shape, ranks.identity, MM),
            take(expression, ranks.expression, MM),
            triangle_list(triangles, len(mean), f"{path}: tri", first=1),
            f"Basel Face Model 2009, MGCNet{size}",
            LICENSE,
            colors,
            take(color, ranks.albedo, 1 / LEVELS),
            {} if landmarks is None else landmark_dict(landmarks, len(mean), f"{path}: idx_lm68", first=0),
        )
