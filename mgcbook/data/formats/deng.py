"""BFM_model_front.mat of Deng et al. 2019: the front of the Basel Face Model 2009 with the expressions of Guo et al.

Decimetres, deviations already in the bases, colours 0 to 255, vertices from 1: meanshape (1, 3 V), idBase (3 V, 80), exBase
(3 V, 64), meantex, texBase (3 V, 80), tri, keypoints; frontmask2_idx and skinmask are regions.

Source: utils.py and face_decoder.py of Deep3DFaceReconstruction.
"""

import numpy as np

from mgcbook.data.formats.bfm2009 import LEVELS, LICENSE
from mgcbook.data.formats.parts import Parts, landmark_dict, modes, points, triangle_list, vertex_numbers
from mgcbook.data.formats.safe_mat import read_mat

MM = 100.0


def read(source, ranks):
    """Source, Ranks -> Parts.

    Raises:
        DataError: if the file is broken or not of this kind.
    """
    path = source.main("BFM_model_front.mat")
    wanted = ("meanshape", "idBase", "exBase", "meantex", "texBase", "tri", "keypoints")
    stored = read_mat(path, wanted, optional=("frontmask2_idx", "skinmask"))
    mean = points(stored["meanshape"], f"{path}: meanshape", unit=MM)
    take = lambda name, count, unit: modes(stored[name], len(mean), f"{path}: {name}", count=count, unit=unit)
    regions = {}
    if "frontmask2_idx" in stored:
        drawn = vertex_numbers(stored["frontmask2_idx"].reshape(-1), len(mean), f"{path}: frontmask2_idx", first=1)
        regions["deng_front"] = np.isin(np.arange(len(mean)), drawn)
    if "skinmask" in stored and stored["skinmask"].size == len(mean):
        regions["deng_skin"] = stored["skinmask"].reshape(-1) > 0.5
    return Parts(
        mean,
        take("idBase", ranks.identity, MM),
        take("exBase", ranks.expression, MM),
        triangle_list(stored["tri"], len(mean), f"{path}: tri", first=1),
        "Basel Face Model 2009, front model of Deng et al.",
        LICENSE,
        points(stored["meantex"], f"{path}: meantex", unit=1 / LEVELS),
        take("texBase", ranks.albedo, 1 / LEVELS),
        landmark_dict(stored["keypoints"], len(mean), f"{path}: keypoints", first=1),
        regions=regions,
    )
