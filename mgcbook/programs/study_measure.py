"""What the study measures on faces whose truth is known: each number for every picture or face, and for the mean face.

A photograph does not show how large a head is: a face twice as large and twice as far looks the same. So shapes are compared
twice, as they are in mm (rigid) and after the size is taken out (scaled); the second is what a photograph can tell.
"""

from typing import NamedTuple

import numpy as np

from mgcbook.data.protocols.scan import NOSE_TIP
from mgcbook.errors import DataError
from mgcbook.face.camera import PAPER_CAMERA, compose, invert
from mgcbook.learning.losses import epipolar_loss
from mgcbook.learning.metrics import (
    Alignment,
    depth_error,
    nme,
    rigid_alignment,
    rotation_error_degrees,
    shape_spread,
    vertex_error,
)

METRICS = {
    "nme_percent": "landmarks, % of the face's size",
    "plane_mm": "shape, point to plane after rigid ICP, mm",
    "plane_scaled_mm": "the same after ICP with scale, mm",
    "vertex_mm": "shape, vertex to vertex after rigid alignment, mm",
    "vertex_scaled_mm": "the same after alignment with scale, mm",
    "depth_mm": "depth less its mean difference, mm",
    "rotation_degrees": "pose, degrees",
    "spread_mm": "shapes from the views of a face, mm apart",
    "epipolar_px": "landmarks off the epipolar lines, pixels of 224",
}
"""Name -> what it measures; smaller is better."""
OF_FACES = ("spread_mm", "epipolar_px")
"""One number for a face, not for a picture. The mean face has none: it is the same in all views, and where poses do not differ
there are no epipolar lines."""
YAW_BINS = ((0, 30), (30, 60), (60, 91))
RADIUS_MM = 95.0
"""Around the tip of the nose: what counts of a shape (Sec. 4.4)."""
POINTS, STEPS = 600, 8
"""Of the true surface that are laid on a shape, and how often."""


class Measured(NamedTuple):
    """Numbers of one set of faces, lists of the same length, None where there is no such number."""

    pictures: dict
    """Name -> list, item by item and view by view; with "yaw_degrees"."""
    faces: dict
    """Name -> list, one for each item."""

    def mean(self, name, inside=None):
        """Mean of a metric, or None; inside: of which pictures (a list of bool)."""
        values = (self.faces if name in OF_FACES else self.pictures).get(name, ())
        known = [value for i, value in enumerate(values) if value is not None and (inside is None or inside[i])]
        return float(np.mean(known)) if known else None

    def summary(self):
        """Means: name of a metric, or of landmarks within a bin of yaw -> number."""
        yaw = np.abs(self.pictures["yaw_degrees"])
        bins = {f"nme_percent, yaw {low}-{min(high, 90)}": self.mean("nme_percent", (yaw >= low) & (yaw < high))
                for low, high in YAW_BINS}  # fmt: skip
        return {**{name: self.mean(name) for name in METRICS}, **bins}


class TestSet:
    """Faces with truth, made once and shown to any number of networks.

    Args:
        faces: SyntheticFaces with truth.
        decoder: of the networks; their pictures and vertices have to be those of the faces.
        count: how many faces.
        icp_views: of how many views the shapes are laid on the truth by ICP, which takes most of the time.
        keep: remember the pictures for the next network.
        batch: faces at a time.
    Raises:
        DataError: if the faces are not of the decoder's size or mesh.
    """

    __test__ = False  # no test, whatever pytest thinks of the name

    def __init__(self, faces, decoder, count, *, icp_views=1, keep=False, batch=8):
        size, vertices = decoder.camera.width, len(decoder.model.mean)
        if faces.config.size != size or len(faces.model.mean) != vertices:
            raise DataError(f"study: faces of {faces.config.size} pixels and {len(faces.model.mean)} vertices cannot be "
                            f"compared with a network of {size} pixels and {vertices} vertices")  # fmt: skip
        self.faces, self.decoder, self.count, self._icp_views = faces, decoder, count, icp_views
        self._keep, self._size, self._kept, self._mean_face = keep, batch, {}, None

    def batches(self):
        """The faces, some at a time."""
        for start in range(0, self.count, self._size):
            numbers = range(start, min(start + self._size, self.count))
            items = self._kept.get(start) or self.faces.batch(numbers)
            if self._keep:
                self._kept[start] = items
            yield items

    def measure(self, predict, progress=None):
        """Show all pictures to a network; predict: images (B, H, W, 3) -> coefficients (B, K); -> Measured, and of the mean face.

        progress: called with the number of faces that are done.
        """
        found, nothing = [], []
        for items in self.batches():
            found.append(self._numbers(items, predict))
            if self._mean_face is None:
                nothing.append(self._numbers(items, lambda images: self.decoder.zeros(len(images))))
            if progress is not None:
                progress(len(found) * self._size)
        if self._mean_face is None:
            together = _joined(nothing)
            faces = {name: [None] * len(values) for name, values in together.faces.items()}
            self._mean_face = together._replace(faces=faces)
        return _joined(found), self._mean_face

    def _numbers(self, items, predict):
        truth, decoder = items["truth"], self.decoder
        count, views = items["images"].shape[:2]
        flat = lambda array: np.reshape(array, (count * views, *array.shape[2:]))
        coefficients = np.asarray(predict(flat(items["images"])))
        if not np.isfinite(coefficients).all():
            raise DataError("study: a predicted coefficient is not finite")
        view = decoder(coefficients)
        shapes = np.repeat(truth["vertices"], views, axis=0)
        pictures = {
            "yaw_degrees": np.rad2deg(flat(truth["rotation"])[:, 1]),
            "nme_percent": 100 * nme(view.landmarks, flat(items["landmarks"])),
            "vertex_mm": vertex_error(view.vertices, shapes),
            "vertex_scaled_mm": vertex_error(view.vertices, shapes, with_scale=True),
            "depth_mm": depth_error(view.depth, flat(truth["depth"])),
            "rotation_degrees": rotation_error_degrees(view.camera_from_model[0], flat(truth["camera_from_model"][0])),
            "plane_mm": self._planes(view, shapes, views, with_scale=False),
            "plane_scaled_mm": self._planes(view, shapes, views, with_scale=True),
        }
        apart = np.reshape(view.vertices, (count, views, *view.vertices.shape[1:]))
        faces = {"spread_mm": np.array([shape_spread(shape) for shape in apart]), "epipolar_px": self._epipolar(view, items)}
        return Measured({name: _listed(values) for name, values in pictures.items()},
                        {name: _listed(values) for name, values in faces.items()})  # fmt: skip

    def _planes(self, view, shapes, views, *, with_scale):
        chosen = np.arange(len(shapes)) % views < self._icp_views
        model, result = self.decoder.model, np.full(len(shapes), np.nan)
        for i in np.flatnonzero(chosen):
            points = self._true_points(model, shapes[i])
            start = rigid_alignment(shapes[i][None], view.vertices[i][None], with_scale=with_scale)
            result[i] = plane_rmse(view.vertices[i], view.normals[i], points, start, with_scale=with_scale)
        return result

    def _true_points(self, model, shape):
        nose = shape[model.landmark_vertices[NOSE_TIP]]
        points = shape[((shape - nose) ** 2).sum(axis=1) <= RADIUS_MM**2]
        return points[:: max(len(points) // POINTS, 1)]

    def _epipolar(self, view, items):
        """Mean distance of true landmarks to the epipolar lines of predicted poses (Eq. 5), each source against the target."""
        count, views = items["images"].shape[:2]
        rotation, translation = (np.reshape(part, (count, views, *part.shape[1:])) for part in view.camera_from_model)
        distances, landmarks, camera = [], items["landmarks"].astype(np.float64), self.decoder.camera
        target = rotation[:, 0].astype(float), translation[:, 0].astype(float)
        for source in range(1, views):
            pose = compose((rotation[:, source].astype(float), translation[:, source].astype(float)), invert(target))
            distances.append(epipolar_loss(landmarks[:, 0], landmarks[:, source], pose, camera))
        return np.mean(distances, axis=0) * PAPER_CAMERA.width / camera.width


def plane_rmse(vertices, normals, points, start, *, with_scale=False):
    """Root mean square distance of true points to the planes of a shape's nearest vertices, after ICP; -> mm of the truth.

    A faster form of `mgcbook.data.protocols.scan.scan_error`, for thousands of shapes whose vertices correspond: it begins with
    the best alignment of all vertices, and takes the plane of the nearest vertex for that of the nearest triangle.

    Args:
        vertices, normals: (V, 3) mm and unit, of the shape.
        points: (P, 3) mm, of the true surface.
        start: an Alignment of one item that lays the truth on the shape.
    """
    from scipy.spatial import cKDTree

    vertices, normals = np.asarray(vertices, np.float64), np.asarray(normals, np.float64)
    points, tree = np.asarray(points, np.float64), cKDTree(vertices)
    moved, scale = Alignment(*start).apply(points[None])[0], float(start.scale[0])
    for step in range(STEPS + 1):
        nearest = tree.query(moved)[1]
        normal = normals[nearest]
        away = np.sum((vertices[nearest] - moved) * normal, axis=1)
        if step < STEPS:
            moved, factor = _moved(moved, normal, away, with_scale)
            scale *= factor
    return float(np.sqrt(np.mean(away**2)) / scale)


def _moved(points, normals, away, with_scale):
    """Points after the small motion that brings them nearest to planes (point to plane: Chen and Medioni 1992), and its scale."""
    middle = points.mean(axis=0)
    arms = points - middle
    columns = [np.cross(arms, normals), normals, *([np.sum(arms * normals, axis=1, keepdims=True)] if with_scale else [])]
    found = np.linalg.lstsq(np.concatenate(columns, axis=1), away, rcond=None)[0]
    turn, factor = found[:3], 1 + (found[6] if with_scale else 0.0)
    x, y, z = turn
    left, _, right = np.linalg.svd(np.eye(3) + np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]))
    return middle + found[3:6] + factor * arms @ (left @ right).T, factor


def _joined(parts):
    merged = [{name: [value for part in parts for value in part[i][name]] for name in parts[0][i]} for i in range(2)]
    return Measured(*merged)


def _listed(values):
    """Numbers for JSON: four digits, None for what is not finite."""
    return [float(f"{value:.4g}") if np.isfinite(value) else None for value in np.asarray(values, float)]
