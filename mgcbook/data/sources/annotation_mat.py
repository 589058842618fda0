"""The .mat annotations that AFLW2000-3D and 300W-LP share: landmarks, pose and coefficients of 3DDFA's face model.

    V2d = f R V + t,  R = Rx(pitch) Ry(yaw) Rz(roll),  y up, x counted from 1

Signs, as in the pictures: yaw > 0 turns the nose to the picture's left, pitch > 0 up, roll > 0 clockwise. Angles are not wrapped.
"""

from typing import NamedTuple

import numpy as np

from mgcbook.data.formats.safe_mat import read_mat
from mgcbook.errors import DataError

FIELDS = {"Pose_Para": 7, "Shape_Para": 199, "Exp_Para": 29, "Tex_Para": 199, "Illum_Para": 10, "Color_Para": 7}
"""Name -> how many numbers; all but the pose may be missing."""
NAMES = {"Shape_Para": "shape", "Exp_Para": "expression", "Tex_Para": "texture", "Illum_Para": "illumination",
         "Color_Para": "color", "Pose_Para": "pose"}  # fmt: skip


class Annotation(NamedTuple):
    """What one .mat says, in continuous pixels."""

    points: np.ndarray | None
    """(68, 3): x, y in pixels, larger third number is nearer; `pt3d_68`."""
    points_2d: np.ndarray
    """(21 or more, 2) of AFLW, or (68, 2) of 300W-LP; `pt2d`."""
    visible: np.ndarray
    """(len(points_2d),) bool."""
    coefficients: dict
    """pose, shape, expression, texture, illumination, color; shape and expression as stored, not divided by deviations."""

    @property
    def angles_degrees(self):
        """pitch, yaw, roll, not wrapped; -> (3,)."""
        return np.degrees(self.coefficients["pose"][:3])


def read_annotation(path):
    """Read one annotation; -> Annotation.

    Raises:
        DataError: if the file is broken, a field is missing, of another shape, or not finite.
    """
    arrays = read_mat(path, ("Pose_Para",), optional=(*FIELDS, "pt3d_68", "pt2d"))
    coefficients = {}
    for name, count in FIELDS.items():
        if name in arrays:
            values = np.asarray(arrays[name], np.float64).ravel()
            if len(values) != count:
                raise DataError(f"{path}: {name}: expected {count} numbers, found {np.shape(arrays[name])}")
            coefficients[NAMES[name]] = values
    points = None
    if "pt3d_68" in arrays:
        points = _columns(path, "pt3d_68", arrays["pt3d_68"], 3)
        if len(points) != 68:
            raise DataError(f"{path}: pt3d_68: expected (3, 68), found {arrays['pt3d_68'].shape}")
        points = points - np.array([0.5, 0.5, 0.0])  # counted from 1
    if points is None and "pt2d" not in arrays:
        raise DataError(f"{path}: holds neither pt3d_68 nor pt2d; expected landmarks")
    marks = _columns(path, "pt2d", arrays["pt2d"], 2) if "pt2d" in arrays else np.empty((0, 2))
    visible = (marks != -1).all(axis=1)  # a label of -1 means not visible
    return Annotation(points, np.where(visible[:, None], marks - 0.5, -1.0), visible, coefficients)


def _columns(path, name, array, rows):
    if array.ndim != 2 or array.shape[0] != rows or not 21 <= array.shape[1] <= 1000:
        raise DataError(f"{path}: {name}: expected ({rows}, 68) or ({rows}, 21), found {array.shape}")
    return np.asarray(array, np.float64).T


def camera_from_angles(angles):
    """Rotation of the face in our camera's axes (y down, z forward); pitch, yaw, roll in radians (3,) -> (3, 3).

    Its rows give picture right, picture down and away from the viewer, its columns the subject's left, up and out of the face.
    """
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    turn_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    turn_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    turn_z = np.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    return np.diag([1.0, -1.0, -1.0]) @ turn_x @ turn_y @ turn_z
