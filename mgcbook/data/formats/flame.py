"""FLAME 2020 (Li et al. 2017): generic_model.pkl, a pickle of Python 2 with arrays of chumpy and scipy.

    v_template (V, 3) metres, f (F, 3) from 0, shapedirs (V, 3, 400): 300 identity and 100 expression modes for one sigma,
    posedirs (V, 3, 36), J_regressor (5, V), weights (V, 5)

The jaw is a joint in FLAME and no mode. Its opening and its turn to the side enter as two more expression modes, linear and in
front, so that mouths can open. Landmarks from landmark_embedding.npy (DECA) or flame_static_embedding.pkl and
flame_dynamic_embedding.npy (RingNet), whose jaw points are taken for a frontal face.

Source: decalib/models/FLAME.py and lbs.py of DECA.
"""

import numpy as np

from mgcbook.data.formats.parts import Parts, blend_modes, modes, points, triangle_list, vertex_numbers
from mgcbook.data.formats.safe_npy import read_npy
from mgcbook.data.formats.safe_pickle import read_pickle
from mgcbook.data.formats.tddfa_v2 import take_arrays
from mgcbook.errors import DataError

MM = 1000.0
IDENTITY = 300
JAW = 2
"""Joint of the jaw among root, neck, jaw, eyes."""
OPEN, ASIDE = np.radians(20.0), np.radians(6.0)
"""Turn of the jaw at jaw_open = 1 and jaw_leftward = 1 [own]."""
SPREAD = 0.27


def read(source, ranks):
    """Source, Ranks -> Parts.

    Raises:
        DataError: if a file is broken or not of this kind.
    """
    path = source.main("generic_model.pkl", "FLAME*.pkl", "*model*.pkl")
    stored = read_pickle(path)
    arrays = take_arrays(stored, ("v_template", "f", "shapedirs"), path)
    mean = points(arrays["v_template"], f"{path}: v_template", unit=MM)
    directions = arrays["shapedirs"]
    if directions.ndim != 3 or directions.shape[:2] != mean.shape or directions.shape[2] <= IDENTITY:
        raise DataError(f"{path}: shapedirs: expected ({len(mean)}, 3, more than {IDENTITY}), found {directions.shape}")
    take = lambda part, count: modes(part, len(mean), f"{path}: shapedirs", count=count, unit=MM)
    triangles = triangle_list(arrays["f"], len(mean), f"{path}: f", first=0)
    expression, units = take(directions[:, :, IDENTITY:], ranks.expression), {}
    if all(name in stored for name in ("weights", "J_regressor")):
        jaw, units = blend_modes(_jaw_motions(stored, mean, path), ["jaw_open", "jaw_leftward"], spread=SPREAD)
        expression = np.concatenate([jaw, expression])[: ranks.expression]
        rest = np.zeros(len(expression) - len(jaw), np.float32)
        units = {name: np.concatenate([unit, rest]) for name, unit in units.items()}
    return Parts(
        mean,
        take(directions[:, :, :IDENTITY], ranks.identity),
        expression,
        triangles,
        "FLAME 2020",
        "FLAME model license of the MPI for Intelligent Systems; see flame.is.tue.mpg.de",
        landmarks=read_landmarks(source, triangles),
        units=units,
        notes=["the jaw's joint became two expression modes; neck, eyes and the corrections of their poses are left out"],
    )


def _jaw_motions(stored, mean, path):
    """Displacements (2, V, 3) in mm of the jaw turned open and to the subject's left, by linear blend skinning."""
    weights = take_arrays(stored, ("weights",), path)["weights"]
    joint = _jaw_joint(stored["J_regressor"], mean, path)
    if weights.ndim != 2 or len(weights) != len(mean) or weights.shape[1] <= JAW:
        raise DataError(f"{path}: weights: expected ({len(mean)}, 5), found {weights.shape}")
    found = []
    for angle, axis in ((OPEN, 0), (ASIDE, 1)):
        turn = np.eye(3)
        a, b = [i for i in range(3) if i != axis]
        sign = -1 if axis == 1 else 1
        turn[[a, a, b, b], [a, b, a, b]] = np.cos(angle), -sign * np.sin(angle), sign * np.sin(angle), np.cos(angle)
        moved = weights[:, JAW, None] * ((mean - joint) @ (turn - np.eye(3)).T)
        if isinstance(stored.get("posedirs"), np.ndarray) and stored["posedirs"].shape[2:] == (9 * (weights.shape[1] - 1),):
            correction = stored["posedirs"][:, :, 9 * (JAW - 1) : 9 * JAW] @ (turn - np.eye(3)).reshape(-1)
            moved = moved + MM * correction
        found.append(moved)
    return np.stack(found).astype(np.float32)


def _jaw_joint(regressor, mean, path):
    """Place of the joint: a row of a matrix (5, V), sparse by columns (a dict) or dense."""
    if isinstance(regressor, np.ndarray) and regressor.shape[1:] == (len(mean),) and len(regressor) > JAW:
        return np.asarray(regressor[JAW], float) @ mean
    parts = take_arrays(regressor, ("data", "indices", "indptr"), f"{path}: J_regressor")
    data, rows, starts = parts["data"], parts["indices"], parts["indptr"]
    if len(starts) != len(mean) + 1 or starts[-1] != len(data) or len(rows) != len(data) or (np.diff(starts) < 0).any():
        raise DataError(f"{path}: J_regressor: expected a sparse matrix with {len(mean)} columns")
    columns = np.repeat(np.arange(len(mean)), np.diff(starts))
    own = rows == JAW
    return data[own] @ mean[columns[own]]


def read_landmarks(source, triangles):
    """Of each landmark, given inside a triangle, the corner with the largest weight; -> {landmark: vertex}, may be empty.

    Raises:
        DataError: if a file is broken or for another mesh.
    """
    found = {}
    whole = source.find("landmark_embedding.npy")
    if whole:
        stored = read_npy(whole)
        names = ("full_lmk_faces_idx", "full_lmk_bary_coords")
        return _largest(*take_arrays(stored, names, whole).values(), 0, 68, triangles, whole)
    names = ("lmk_face_idx", "lmk_b_coords")
    moving, fixed = source.find("flame_dynamic_embedding.npy"), source.find("flame_static_embedding.pkl")
    if moving:
        stored = read_npy(moving)
        if not isinstance(stored, dict) or not all(isinstance(stored.get(name), list | np.ndarray) for name in names):
            raise DataError(f"{moving}: expected a dict with {', '.join(names)}")
        first = {name: np.asarray(stored[name][0]) for name in names if len(stored[name])}  # row 0: a frontal face
        found |= _largest(*take_arrays(first, names, moving).values(), 0, 17, triangles, moving)
    if fixed:
        found |= _largest(*take_arrays(read_pickle(fixed), names, fixed).values(), 17, 51, triangles, fixed)
    return found


def _largest(faces, weights, first, count, triangles, where):
    faces, weights = np.reshape(faces, -1), np.reshape(weights, (-1, 3))
    if len(faces) != count or len(weights) != count:
        raise DataError(f"{where}: expected {count} landmarks, found {len(faces)} triangles and {len(weights)} weights")
    corners = triangles[vertex_numbers(faces, len(triangles), f"{where}: triangles", first=0)]
    found, taken = {}, set()
    for i, (three, share) in enumerate(zip(corners, weights, strict=True)):
        best = [int(vertex) for vertex in three[np.argsort(-share)]]
        vertex = next((vertex for vertex in best if vertex not in taken), best[0])  # neighbours may share their nearest vertex
        taken.add(vertex)
        found[first + i] = vertex
    return found
