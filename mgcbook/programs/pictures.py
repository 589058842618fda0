"""Pictures of a reconstructed face: overlay, albedo, shading, grey geometry, depth, landmarks, other poses, a turntable.

    face = subject(decoder(coefficients), decoder)
    write_image("overlay.png", overlay(face, photo))

Every function takes one `Subject` and gives uint8 (H, W, 3), twice as large as the camera's picture and drawn with four
samples a pixel, so that outlines are smooth.
"""

from typing import NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.data.images import resize, to_uint8
from mgcbook.face.camera import Camera, project, rotation_from_euler
from mgcbook.face.light import shade
from mgcbook.face.render import render
from mgcbook.programs.canvas import FOUND, TRUE, colormap, draw_landmarks, scale_bar, sheet

SCALE = 2
"""Pixels of a picture for one of the camera."""

FINE = 2
"""Samples along each side of a pixel."""

GREY = 0.7529
"""Colour of the clay (MGCNet: 192 / 255)."""

LIGHTS = np.array([[0.0, 0, 1000], [-1000, 0, 1000], [1000, 0, 1000]])
"""Places of the three lamps of the clay picture, mm from the middle of the face; x right, y up, z to the camera (MGCNet)."""

LAMP = 0.5
"""Strength of each lamp (MGCNet)."""

YAWS = (-60.0, -40.0, -20.0, 0.0, 20.0, 40.0, 60.0)
"""Poses of the strip, in degrees; above 0 the nose points to the left of the picture, as in AFLW2000-3D."""


class Subject(NamedTuple):
    """One decoded face and the camera that sees it, in NumPy."""

    vertices: np.ndarray
    """(V, 3) mm, in the model's axes."""
    normals: np.ndarray
    """(V, 3) unit, in the model's axes."""
    albedo: np.ndarray
    """(V, 3) in [0, 1]."""
    colors: np.ndarray
    """(V, 3) albedo under light."""
    shading: np.ndarray
    """(V, 3) light on a surface of albedo 1."""
    rotation: np.ndarray
    """(3, 3) of camera_from_model."""
    translation: np.ndarray
    """(3,) of camera_from_model, in mm."""
    triangles: np.ndarray
    """(F, 3) that are drawn."""
    landmark_vertices: np.ndarray
    """(68,)."""
    camera: Camera
    main: tuple
    """The main pose: angles (3,), translation (3,)."""

    @property
    def points_camera(self):
        """(V, 3) mm, in the camera's axes."""
        return self.vertices @ self.rotation.T + self.translation

    @property
    def landmarks(self):
        """(68, 2) pixels of the camera."""
        return project(self.points_camera[self.landmark_vertices], self.camera)


def subject(view, decoder, item=0):
    """One face out of a decoded batch; View, Decoder -> Subject."""
    rotation, translation = (np.asarray(part[item]) for part in view.camera_from_model)
    normals = np.asarray(view.normals[item])
    lit = normals @ rotation.T if decoder.light_frame == "camera" else normals
    shading = shade(np.ones_like(normals)[None], lit[None], np.asarray(view.parts["light"])[item : item + 1])[0]
    surface = (np.asarray(part[item]) for part in (view.vertices, view.normals, view.albedo, view.colors))
    return Subject(*surface, shading, rotation, translation, decoder.triangles, decoder.model.landmark_vertices,
                   decoder.camera, decoder.main)  # fmt: skip


def turned(face, *, yaw=0.0, pitch=0.0):
    """The face in the main pose, turned about its middle by yaw and pitch in degrees -> Subject.

    Yaw above 0: the nose points to the left of the picture; pitch above 0: the face looks up.
    """
    angles, translation = (np.asarray(part, dtype=np.float64) for part in face.main)
    upright = rotation_from_euler(angles[None])[0]
    # In the model's axes y is up and the nose points to +z: a positive turn about y moves it to +x, the right of the picture.
    rotation = upright @ rotation_from_euler(np.radians([[-pitch, -yaw, 0.0]]))[0]
    # The face is a mask in front of the model's origin: turned about the middle of its box it stays in the picture.
    return face._replace(rotation=rotation, translation=translation + (upright - rotation) @ _middle(face.vertices))


def _middle(points):
    """The middle of the box around points; (V, 3) -> (3,)."""
    return np.array([(line.min() + line.max()) / 2 for line in points.T], points.dtype)  # line by line is 10 times faster


# ---------------------------------------------------------------- drawing


@check_shapes(colors="V C")
def draw(face, colors, *, background=1.0, scale=SCALE):
    """The mesh with these colours at its vertices; colors (V, C) -> float (scale H, scale W, C), mask (scale H, scale W).

    Args:
        background: what is seen beside the face: one value, or a picture (H, W, C) or (scale H, scale W, C).
        scale: pixels of the result for one of the camera.
    """
    camera = face.camera
    fine = camera.resized(scale * camera.width * FINE, scale * camera.height * FINE)
    drawn = render(face.points_camera[None].astype(np.float32), face.triangles, colors[None].astype(np.float32), fine)
    image, mask = _shrunk(np.asarray(drawn.image[0])), _shrunk(np.asarray(drawn.mask[0]))
    return _over(image, mask, background), mask


def _shrunk(fine):
    """Mean of each FINE x FINE pixels; (FINE H, FINE W, ...) -> (H, W, ...)."""
    # Sums of whole slices: np.mean over two short axes takes five times as long.
    rows = sum(fine[i::FINE] for i in range(FINE))
    return sum(rows[:, i::FINE] for i in range(FINE)) * np.float32(1 / FINE**2)


def _over(image, mask, background):
    """A drawn face over a background, see `draw`; (H, W, C), (H, W) -> (H, W, C)."""
    if np.ndim(background) == 3 and background.shape[:2] != mask.shape:
        background = resize(background, *mask.shape)
    return image if np.ndim(background) == 0 and background == 0 else image + (1 - mask[:, :, None]) * background


@check_shapes(photo="number H W 3")
def overlay(face, photo, *, scale=SCALE):
    """The rendered face over the photograph; photo (H, W, 3) of the camera's size -> uint8."""
    return to_uint8(draw(face, _skin(face), background=photo, scale=scale)[0])


def albedo(face, *, scale=SCALE):
    """The colours of the skin without light; -> uint8."""
    return to_uint8(draw(face, face.albedo, scale=scale)[0])


def lit(face, *, scale=SCALE):
    """Albedo under the fitted light, on white; -> uint8."""
    return to_uint8(draw(face, _skin(face), scale=scale)[0])


def shading(face, *, scale=SCALE):
    """The light on a face of plaster (albedo 0.7); -> uint8."""
    return to_uint8(draw(face, _plaster(face), scale=scale)[0])


def geometry(face, *, scale=SCALE):
    """The shape alone: grey clay under three lamps beside the camera, diffuse; -> uint8."""
    return _grey(to_uint8(draw(face, _clay(face), scale=scale)[0]))


def _skin(face):
    return np.clip(face.colors, 0, 1)


def _plaster(face):
    return np.clip(0.7 * face.shading, 0, 1)


def _clay(face):
    """Grey times the sum of lamp strength times cosine (Lambert), lamps fixed to the camera; -> (V, 1) in [0, 1]."""
    up_front = np.array([1.0, -1.0, -1.0])  # from the camera's axes (y down, z away) to y up, z to the camera
    points = (face.points_camera * up_front).astype(np.float32)
    points -= _middle(points)
    normals = face.normals @ (face.rotation.T * up_front).astype(np.float32)
    lamps = LIGHTS.astype(np.float32)
    # With the lamp at L the ray is L - p: its product with the normal is L.n - p.n, its squared length L.L - 2 L.p + p.p.
    along = normals @ lamps.T - np.einsum("vi,vi->v", points, normals)[:, None]
    length = np.sqrt(np.sum(lamps**2, axis=1) - 2 * points @ lamps.T + np.einsum("vi,vi->v", points, points)[:, None])
    brightness = np.maximum(along / length, 0) @ np.full((len(lamps), 1), LAMP, np.float32)
    return np.clip(GREY * brightness, 0, 1)


def _grey(picture):
    return np.repeat(picture, 3, axis=2)


def depth(face, *, scale=SCALE):
    """Depth in colour, near bright, far dark, with its scale in mm below; -> uint8, taller than the others."""
    return _depth_picture(*draw(face, face.points_camera[:, 2:], background=0.0, scale=scale))


def _depth_picture(image, mask):
    seen = mask > 0
    z = image[:, :, 0] / np.where(seen, mask, 1)
    near, far = (float(z[seen].min()), float(z[seen].max())) if seen.any() else (0.0, 0.0)
    color = _over(mask[:, :, None] * colormap((far - z) / max(far - near, 1e-6)), mask, 1.0)
    bar = scale_bar(f"{far - near:.0f} mm behind", f"nearest, {near / 1000:.2f} m away", width=color.shape[1])
    return np.concatenate([to_uint8(color), bar], axis=0)


@check_shapes(photo="number H W 3")
def error_map(face, photo, *, full=0.3, scale=SCALE):
    """Where rendering and photograph differ, mean of the three channels, with its scale below; -> uint8, taller than the others.

    Args:
        photo: (H, W, 3) of the camera's size.
        full: difference (of 1) that gets the brightest colour.
    """
    return _error_picture(*draw(face, _skin(face), background=0.0, scale=scale), photo, full)


def _error_picture(image, mask, photo, full=0.3):
    difference = np.mean(np.abs(image / np.maximum(mask, 1e-6)[:, :, None] - resize(photo, *mask.shape)), axis=-1)
    color = _over(mask[:, :, None] * colormap(difference / full), mask, 1.0)
    bar = scale_bar("0", f"difference {full:g} of 1, or more", width=color.shape[1])
    return np.concatenate([to_uint8(color), bar], axis=0)


@check_shapes(photo="number H W 3", true="number L 2")
def landmarks(face, photo, true=None, *, scale=SCALE):
    """Landmarks of the face (vermilion), and true ones (blue) if given, on the photograph; -> uint8."""
    picture = to_uint8(resize(photo, scale * face.camera.height, scale * face.camera.width))
    if true is not None:
        picture = draw_landmarks(picture, scale * np.asarray(true), color=TRUE, radius=2.5 * scale / 2)
    return draw_landmarks(picture, scale * face.landmarks, color=FOUND, radius=2.5 * scale / 2)


def poses(face, *, yaws=YAWS, scale=1, each=map):
    """The face from several sides, in its colours above and as clay below; yaws in degrees -> uint8.

    Args:
        each: who draws the sides: a function like `map`, for example that of a pool of threads.
    """
    pairs = list(each(lambda yaw: _colored_and_clay(turned(face, yaw=yaw), scale), yaws))
    above, below = zip(*pairs, strict=True)
    return sheet([*above, *below], [f"yaw {yaw:+.0f}°" for yaw in yaws] + [""] * len(yaws), columns=len(yaws))


def turntable(face, *, frames=36, reach=55.0, scale=1, each=map):
    """The face swaying to both sides and a little up and down, in its colours and as clay; -> list of uint8 (H, 2 W, 3).

    Args:
        frames: pictures of one sway; the last one leads to the first.
        reach: largest yaw, in degrees.
        each: see `poses`.
    """
    view = lambda angle: turned(face, yaw=reach * np.sin(angle), pitch=10 * np.sin(2 * angle))
    frame = lambda angle: np.concatenate(_colored_and_clay(view(angle), scale), axis=1)
    return list(each(frame, 2 * np.pi * np.arange(frames) / frames))


def _colored_and_clay(view, scale):
    """`lit` and `geometry`, drawn at once; -> uint8, uint8."""
    both = to_uint8(draw(view, np.concatenate([_skin(view), _clay(view)], axis=1), scale=scale)[0])
    return both[:, :, :3], _grey(both[:, :, 3:])


@check_shapes(photo="number H W 3", true="number 68 2")
def gallery(face, photo, true=None):
    """Every still picture of a face fitted to a photograph: name -> uint8, in the order of a report.

    Args:
        photo: (H, W, 3) in [0, 1], the aligned photograph, of the camera's size.
        true: (68, 2) landmarks of the photograph, or None.
    """
    return {**as_seen(face, photo, true), "poses": poses(face)}


@check_shapes(photo="number H W 3", true="number 68 2")
def as_seen(face, photo, true=None):
    """The pictures of `gallery` in the pose of the photograph: name -> uint8. One drawing carries the colours of all."""
    parts = {"lit": _skin(face), "clay": _clay(face), "albedo": face.albedo, "plaster": _plaster(face),
             "depth": face.points_camera[:, 2:]}  # fmt: skip
    image, mask = draw(face, np.concatenate(list(parts.values()), axis=1), background=0.0)
    ends = np.cumsum([part.shape[1] for part in parts.values()])
    drawn = dict(zip(parts, np.split(image, ends[:-1], axis=2), strict=True))
    on_white = lambda name: to_uint8(_over(drawn[name], mask, 1.0))
    large = resize(photo, *mask.shape)
    return {
        "photo": to_uint8(large),
        "landmarks": landmarks(face, photo, true),
        "overlay": to_uint8(_over(drawn["lit"], mask, large)),
        "geometry": _grey(on_white("clay")),
        "albedo": on_white("albedo"),
        "shading": on_white("plaster"),
        "depth": _depth_picture(drawn["depth"], mask),
        "error": _error_picture(drawn["lit"], mask, large),
    }


@check_shapes(photo="number H W 3", true="number 68 2")
def stages(face, photo, true=None):
    """The pictures of `gallery` on one sheet with titles; -> uint8."""
    pictures = gallery(face, photo, true)
    strip = pictures.pop("poses")
    titles = {
        "landmarks": "landmarks" if true is None else "landmarks: found (red), true (blue)",
        "error": "difference to the photo",
    }
    top = sheet(list(pictures.values()), [titles.get(name, name) for name in pictures], columns=4)
    width = max(top.shape[1], strip.shape[1])
    rows = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in (top, strip)]
    return np.concatenate(rows, axis=0)
