"""MICC Florence with rendered images (Sec. 4.4, Fig. 7b): every scan seen from 20 sides, as photographs to reconstruct from.

    3 pitches x 5 yaws + 5 random poses, each as a picture and its 68 landmarks
"""

from typing import NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.data.protocols.icp import procrustes
from mgcbook.data.protocols.scan import FIVE, check_unit
from mgcbook.errors import DataError
from mgcbook.face.camera import PAPER_CAMERA, camera_from_model, main_pose, project, transform
from mgcbook.face.raster import interpolate, rasterize
from mgcbook.face.sampling import bilinear_sample

# Paper: prints pitches of -15, 20 and 25 degrees; here: those; but the protocol's origin has -15, -20 and -25, so the sign of two
# of them may be a misprint (`pitches` changes them).
PITCHES = (-15.0, 20.0, 25.0)
YAWS = (-80.0, -60.0, 0.0, 60.0, 80.0)
RANDOM = 5
"""Poses drawn evenly from the range of the others."""
SIZE = 320
"""Pixels of a picture; the face fills some 170 of them and is aligned to fewer."""
FURTHER = 0.4
"""Part of the main distance that the camera steps back, so that a whole head is in the picture."""
CLAY = 0.7
"""Colour of a scan that has none, times the light from the camera."""
BACKGROUND = 0.5


class Pose(NamedTuple):
    """From where a scan is seen, in degrees."""

    pitch: float
    """Positive: the face looks up."""
    yaw: float
    """Positive: the nose points to the left of the picture, as in AFLW2000-3D."""
    kind: str
    """"yaw 0", "yaw 60", "yaw 80" or "random"."""


def poses(rng, pitches=PITCHES):
    """The 20 poses of a person; the last five are drawn; -> list of Pose."""
    fixed = [Pose(pitch, yaw, f"yaw {abs(yaw):.0f}") for pitch in pitches for yaw in YAWS]
    drawn = [Pose(rng.uniform(min(pitches), max(pitches)), rng.uniform(YAWS[0], YAWS[-1]), "random") for _ in range(RANDOM)]
    return fixed + drawn


@check_shapes(points="number L 3")
def photograph_scan(scan, points, model, pose, *, size=SIZE):
    """A picture of a scan and where the landmarks are in it; (L, 3) on the scan -> (size, size, 3) in [0, 1], (68, 2).

    The scan is laid on the mean face by its landmarks, whatever way it lies in its own axes; no light is added to its colours.

    Args:
        scan: a TexturedScan in mm.
        points: 68 landmarks on it, or the five of `FIVE`; with five the mean face's 68 are given, laid on the five.
        model: the FaceModel whose axes and landmarks are used.
        pose: a Pose.
    Raises:
        DataError: if the landmarks are not those of a face in mm.
    """
    points = np.asarray(points, np.float64)
    if len(points) not in (68, len(FIVE)):
        raise DataError(f"scan: expected 68 or {len(FIVE)} landmarks to photograph it by, found {len(points)}")
    five = points[list(FIVE)] if len(points) == 68 else points
    check_unit(five, scan)
    mean = np.asarray(model.mean, np.float64)[model.landmark_vertices]
    model_from_scan = procrustes(five, mean[list(FIVE)])
    camera = PAPER_CAMERA.resized(size, size)
    main = main_pose(model.mean, model.landmark_vertices, camera)
    # Half a turn about x is in the main pose, so looking down is positive there, and so is a nose to the right of the picture.
    turn, back = np.deg2rad([[-pose.pitch, -pose.yaw, 0.0]]), np.array([[0.0, 0.0, FURTHER * float(main[1][2])]])
    place = camera_from_model(turn, back, main, pivot=mean.mean(axis=0) * [0, 1, 0.5])
    vertices = transform(*place, model_from_scan.apply(scan.vertices)[None]).astype(np.float32)
    landmarks = model_from_scan.apply(points) if len(points) == 68 else mean
    return _painted(scan, vertices, camera), project(transform(*place, landmarks[None]), camera)[0]


def _painted(scan, vertices, camera):
    """The scan as the camera sees it before a plain background; vertices (1, V, 3) -> (H, W, 3) float32."""
    triangles = scan.triangles.astype(np.int32)
    seen = rasterize(vertices, triangles, camera)
    if scan.picture is not None:
        places = interpolate(scan.places.astype(np.float32), triangles, seen)
        image = bilinear_sample(np.asarray(scan.picture, np.float32)[None], places)
    elif scan.colors is not None:
        image = interpolate(scan.colors.astype(np.float32), triangles, seen)
    else:
        corners = vertices[0, triangles]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        towards = np.abs(normals[:, 2]) / np.maximum(np.linalg.norm(normals, axis=1), 1e-12)
        image = np.repeat(CLAY * towards[np.maximum(seen.triangle, 0)][..., None], 3, axis=-1)
    return np.where(seen.triangle[..., None] >= 0, np.clip(image, 0, 1), BACKGROUND)[0].astype(np.float32)
