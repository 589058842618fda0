"""3DDFA_V2's face model: bfm_noneck_v3.pkl, and beside it (from configs/) tri.pkl and param_mean_std_62d_120x120.pkl.

    bfm_noneck_v3.pkl   u (3 V, 1), w_shp (3 V, 40), w_exp (3 V, 10), keypoints (204,) = 3 v, 3 v + 1, 3 v + 2; perhaps tri
    tri.pkl             (3, F), from 0 or from 1
    param_mean_std...   mean, std (62,) of the parameters: 12 of the pose, 40, 10 (in 3DDFA: param_whitening.pkl)

Micrometres, and modes without unit: what is usual only the mean and deviation of the parameters say.

Source: bfm/bfm.py and utils/tddfa_util.py of 3DDFA_V2.
"""

import numpy as np

from mgcbook.data.formats.bfm2009 import LICENSE
from mgcbook.data.formats.parts import Parts, landmark_dict, modes, points, triangle_list
from mgcbook.data.formats.safe_pickle import read_pickle
from mgcbook.errors import DataError

MM = 1e-3
POSE, IDENTITY, EXPRESSION = 12, 40, 10


def read(source, ranks):
    """Source, Ranks -> Parts.

    Raises:
        DataError: if a file is missing, broken or not of this kind.
    """
    path = source.main("bfm_noneck_v3.pkl", "bfm_noneck.pkl", "bfm_noneck*.pkl")
    stored = take_arrays(read_pickle(path), ("u", "w_shp", "w_exp", "keypoints"), path)
    mean = points(stored["u"], f"{path}: u", unit=MM)
    middle, deviation = read_whitening(source)
    identity, expression = np.split(np.arange(POSE, POSE + IDENTITY + EXPRESSION), [IDENTITY])
    take = lambda name, places, count: modes(
        stored[name],
        len(mean),
        f"{path}: {name}",
        count=count,
        deviation=deviation[places],
        unit=MM,
    )
    for name, places in (("w_shp", identity), ("w_exp", expression)):
        if stored[name].shape != (3 * len(mean), len(places)):
            raise DataError(f"{path}: {name}: expected ({3 * len(mean)}, {len(places)}), found {stored[name].shape}")
        mean = mean + MM * (stored[name].astype(np.float64) @ middle[places]).reshape(-1, 3)
    flat = np.asarray(stored["keypoints"]).reshape(-1)
    if flat.size != 204 or (flat[::3] % 3 != 0).any():
        raise DataError(f"{path}: keypoints: expected 204 places 3 v, 3 v + 1, 3 v + 2, found {flat.shape}")
    return Parts(
        mean,
        take("w_shp", identity, ranks.identity),
        take("w_exp", expression, ranks.expression),
        _triangles(source, read_pickle(path), len(mean)),
        "Basel Face Model 2009, 3DDFA_V2",
        LICENSE,
        landmarks=landmark_dict(flat[::3] // 3, len(mean), f"{path}: keypoints", first=0),
    )


def read_whitening(source):
    """Mean and standard deviation (62,) of the parameters.

    Raises:
        DataError: if the file is missing or has other numbers.
    """
    path = source.need("param_mean_std_62d_120x120.pkl", "configs/param_mean_std_62d_120x120.pkl", "param_whitening.pkl",
                       why="the usual size of its modes")  # fmt: skip
    stored = read_pickle(path)
    for names in (("mean", "std"), ("param_mean", "param_std")):
        if isinstance(stored, dict) and all(name in stored for name in names):
            found = take_arrays(stored, names, path).values()
            mean, deviation = (np.asarray(array, np.float64).reshape(-1) for array in found)
            if mean.shape == deviation.shape == (POSE + IDENTITY + EXPRESSION,) and (deviation >= 0).all():
                return mean, deviation
    raise DataError(f"{path}: expected mean and std of 62 parameters, found something else")


def take_arrays(stored, names, where):
    """The finite numeric arrays of a dict by name; -> dict.

    Raises:
        DataError: if one is missing or is something else.
    """
    if not isinstance(stored, dict):
        raise DataError(f"{where}: expected a dict with {', '.join(names)}, found a {type(stored).__name__}")
    for name in names:
        array = stored.get(name)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise DataError(f"{where}: {name}: expected an array of finite numbers, found {type(array).__name__}")
    return {name: stored[name] for name in names}


def _triangles(source, stored, vertex_count):
    if isinstance(stored.get("tri"), np.ndarray):
        triangles, where = stored["tri"], f"{source.path}: tri"
    else:
        path = source.need("tri.pkl", "configs/tri.pkl", why="the triangles")
        triangles, where = read_pickle(path), str(path)
    if not isinstance(triangles, np.ndarray) or triangles.dtype.kind not in "fiu" or not triangles.size:
        raise DataError(f"{where}: expected an array of triangles, found {type(triangles).__name__}")
    from_one = triangles.min() == 1 and triangles.max() == vertex_count  # both are in use
    return triangle_list(triangles, vertex_count, where, first=int(from_one))
