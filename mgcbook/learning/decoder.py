"""From 257 numbers to a picture: face model, light, camera and rasterizer in a row (Fig. 1 of the paper, its right half)."""

import copy
from typing import NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes, to_device, to_host
from mgcbook.face.camera import PAPER_CAMERA, camera_from_model, main_pose, pivot_shift, project, transform
from mgcbook.face.light import shade
from mgcbook.face.raster import Fragments, plain
from mgcbook.face.render import render

from .coefficients import Layout


class View(NamedTuple):
    """Everything that the decoder knows about B faces, each in one view."""

    vertices: object
    """(B, V, 3) shape in mm, in the model's axes (Eq. 1)."""
    normals: object
    """(B, V, 3) unit, in the model's axes."""
    albedo: object
    """(B, V, 3) in [0, 1] (Eq. 1)."""
    colors: object
    """(B, V, 3) albedo under light; may exceed 1."""
    camera_from_model: tuple
    """The pose: (rotation (B, 3, 3), translation (B, 3))."""
    points_camera: object
    """(B, V, 3) vertices in the axes of the camera, in mm."""
    landmarks: object
    """(B, 68, 2) in pixels."""
    image: object
    """(B, H, W, 3) rendered face, 0 where there is none."""
    mask: object
    """(B, H, W) 1 on the face."""
    depth: object
    """(B, H, W) camera z in mm, 0 where there is no face; with gradient."""
    fragments: Fragments
    """Which triangle is seen in each pixel, and where on it."""
    parts: dict
    """The named coefficients (`Layout.split`)."""


class Decoder:
    """Coefficients (B, K) -> View, for one face model and one camera.

    Args:
        model: a FaceModel.
        camera: a Camera; its width and height are the size of the pictures.
        layout: names and order of the coefficients; None: those of the model's ranks.
        region: name of a region of the model; only triangles that lie in it are drawn. None: all.
        turn_about_face: the rotation turns the face about the middle of its landmarks; False: about the model's origin (paper).
        antialiased: let the outline of the face depend smoothly on its shape (beyond the paper).
        light_frame: "model": the light turns with the head (MGCNet); "camera": it stays with the camera (Deng et al.).
        shading_moves_shape: False stops the gradient from the shading to the shape, as MGCNet's code does.
    Raises:
        ValueError: for a layout that does not fit the model, an unknown region or light frame.
    """

    def __init__(self, model, camera=PAPER_CAMERA, layout=None, *, region=None, turn_about_face=False, antialiased=False,
                 light_frame="model", shading_moves_shape=True):  # fmt: skip
        self.model, self.camera = model, camera
        self.layout = Layout.of(model) if layout is None else layout
        for name, rank in model.ranks.items():
            if self.layout.lengths[name] != rank:
                raise ValueError(f"layout: expected {rank} {name} coefficients for the model {model.name!r}, "
                                 f"got {self.layout.lengths[name]}; use Layout.of(model)")  # fmt: skip
        if light_frame not in ("model", "camera"):
            raise ValueError(f"light_frame: expected 'model' or 'camera', got {light_frame!r}")
        self.antialiased, self.light_frame, self.shading_moves_shape = antialiased, light_frame, shading_moves_shape
        # Paper: renders about 36K vertices; MGCNet's code: 27,660 in training; here: all, or a region of the model by name.
        self.triangles = model.triangles if region is None else _triangles_within(model, region)
        mean, landmark_vertices = to_host(model.mean), to_host(model.landmark_vertices)
        self.main = main_pose(mean, landmark_vertices, camera)
        # Paper: turns about the model's origin, which lies nearly ten centimetres behind the face; here: so by default, and
        # `turn_about_face` for short trainings, because a nod then moves no face out of the picture and is learned sooner.
        self.pivot = mean[landmark_vertices].mean(axis=0, dtype=np.float64) if turn_about_face else None

    @check_shapes(coefficients="B K")
    def __call__(self, coefficients):
        """Decode and render B faces; (B, K) -> View."""
        parts = self.layout.split(coefficients)
        pose = self.pose(parts)
        vertices = self.model.shape(parts["identity"], parts["expression"])
        points_camera = transform(*pose, vertices)
        normals = self.model.vertex_normals(vertices)
        albedo = self.model.albedo(parts["albedo"])
        colors = shade(albedo, self._lit_normals(normals, pose), parts["light"])
        drawn = render(points_camera, self.triangles, colors, self.camera, antialiased=self.antialiased)
        landmarks = project(self.model.landmarks(points_camera), self.camera)
        return View(vertices, normals, albedo, colors, pose, points_camera, landmarks, drawn.image, drawn.mask, drawn.depth,
                    drawn.fragments, parts)  # fmt: skip

    def to(self, device):
        """The same decoder for coefficients on "cpu" or "cuda"."""
        moved = copy.copy(self)
        moved.model, moved.triangles = self.model.to(device), to_device(self.triangles, device)
        return moved

    def pose(self, parts):
        """The pose camera_from_model of named coefficients; -> (rotation (B, 3, 3), translation (B, 3))."""
        return camera_from_model(parts["rotation"], parts["translation"], self.main, self.pivot)

    def seen_by(self, camera):
        """The same decoder for the pictures of another camera."""
        other = copy.copy(self)
        other.camera, other.main = camera, main_pose(to_host(self.model.mean), to_host(self.model.landmark_vertices), camera)
        return other

    @check_shapes(pose="pose B")
    def translation_part(self, pose):
        """The translation coefficients, in mm, that give a pose; (rotation (B, 3, 3), translation (B, 3)) -> (B, 3)."""
        rotation, translation = pose
        offset = translation - np.asarray(self.main[1], translation.dtype)
        return offset if self.pivot is None else offset - pivot_shift(rotation, self.main, self.pivot)

    def zeros(self, count, dtype=np.float32):
        """The coefficients of `count` mean faces in the main pose under an even light; -> (count, K)."""
        return np.zeros((count, self.layout.size), dtype)

    def _lit_normals(self, normals, pose):
        # Paper: the gradient of the shading is not mentioned; MGCNet's code has none, and its normals drift from face to face;
        # here: exact normals with their gradient, because shading tells the shape.
        if self.light_frame == "camera":
            normals = np.matmul(normals, np.swapaxes(pose[0], -1, -2))
        return normals if self.shading_moves_shape else plain(normals)


def _triangles_within(model, region):
    if region not in model.regions:
        raise ValueError(f"region: expected one of {', '.join(sorted(model.regions))}, got {region!r}")
    return model.triangles[model.regions[region][model.triangles].all(axis=1)]
