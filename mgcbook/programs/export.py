"""Results for other programs: the mesh as OBJ, PLY or GLB, and the numbers as JSON that can be read back.

OBJ and PLY keep the model's millimetres and axes (x to the subject's left, y up, z out of the face); GLB is in metres, as its
standard asks, with the same axes. Colours stand at the vertices.
"""

import json
from pathlib import Path

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.data.align import Similarity, paste_back
from mgcbook.errors import DataError
from mgcbook.face.camera import Camera, euler_from_rotation
from mgcbook.files import atomic_write
from mgcbook.learning.coefficients import Layout
from mgcbook.programs import mesh_files
from mgcbook.programs.pictures import draw

FORMAT = "mgcbook face 1"

UNITS = {
    "identity": "standard deviations of the face model",
    "expression": "standard deviations of the face model",
    "albedo": "standard deviations of the face model",
    "rotation": "radians, offset to the angles (rx, ry, rz) of the main pose",
    "translation": "millimetres, offset to the translation of the main pose",
    "light": "spherical harmonics, 9 numbers each for red, green, blue; 0 is an even light of 0.709",
}

CONVENTIONS = {
    "camera": "x right, y down, z forward; point_camera = R point_model + t; R = Rx Ry Rz; pixel = focal * (x, y) / z + center",
    "image": "continuous coordinates, row 0 on top, the centre of the first pixel is (0.5, 0.5)",
    "model": "x to the subject's left, y up, z out of the face, millimetres",
    "crop_from_photo": "pixel_crop = linear pixel_photo + offset",
}


# ---------------------------------------------------------------- meshes


def write_mesh(path, vertices, triangles, colors=None):
    """Write a mesh as .obj, .ply or .glb; (V, 3) mm, (F, 3), (V, 3) in [0, 1] or None.

    Colours are written as they are seen, as numbers of a picture (sRGB); in GLB, whose vertex colours are linear, converted.

    Raises:
        DataError: for NaN, a triangle whose vertex does not exist, colours of another length, or another ending of the name.
        ResourceError: if the file cannot be written; what was there before stays.
    """
    path = Path(path)
    writers = {".obj": mesh_files.obj, ".ply": mesh_files.ply, ".glb": mesh_files.glb}
    if path.suffix.lower() not in writers:
        raise DataError(f"{path}: expected a name ending in {', '.join(writers)}")
    vertices, triangles = np.asarray(vertices, dtype=np.float64), np.asarray(triangles)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
        raise DataError(f"mesh: expected vertices (V, 3) and triangles (F, 3), got {vertices.shape} and {triangles.shape}")
    if not np.isfinite(vertices).all():
        raise DataError(f"mesh: vertex {int(np.argmin(np.isfinite(vertices).all(axis=1)))} is not finite")
    if triangles.size and not (triangles.min() >= 0 and triangles.max() < len(vertices)):
        raise DataError(f"mesh: triangles name vertices {triangles.min()} to {triangles.max()}, but there are {len(vertices)}")
    if colors is not None:
        colors = np.clip(np.asarray(colors, dtype=np.float64), 0, 1)
        if colors.shape != vertices.shape or not np.isfinite(colors).all():
            raise DataError(f"mesh: expected finite colors {vertices.shape}, got {colors.shape}")
    data = writers[path.suffix.lower()](vertices, triangles, colors)
    with atomic_write(path) as file:
        file.write(data)


# ---------------------------------------------------------------- numbers


def write_face(path, coefficients, decoder, *, crop_from_photo=None, landmarks=None, photo=None):
    """Write the numbers of one face by name, with camera, units and conventions, as JSON; coefficients (K,).

    Args:
        crop_from_photo: the alignment that made the crop, if there was one.
        landmarks: (68, 2) of the face in pixels of the crop.
        photo: name of the photograph.
    Raises:
        DataError: if a coefficient is not finite.
        ResourceError: if the file cannot be written; what was there before stays.
    """
    coefficients = np.asarray(coefficients)
    if coefficients.shape != (decoder.layout.size,) or not np.isfinite(coefficients).all():
        raise DataError(f"coefficients: expected {decoder.layout.size} finite numbers, got {coefficients.shape}")
    parts = decoder.layout.split(coefficients)
    pose = decoder.pose(decoder.layout.split(coefficients[None]))
    rotation, translation = (np.asarray(part[0], dtype=np.float64) for part in pose)
    angles = euler_from_rotation(rotation[None])[0]
    camera = decoder.camera
    content = {
        "format": FORMAT,
        "model": {"name": decoder.model.name, "vertices": len(decoder.model.mean), "light_frame": decoder.light_frame},
        "photo": photo,
        "coefficients": {name: _numbers(part) for name, part in parts.items()},
        "camera": {"focal": camera.focal, "width": camera.width, "height": camera.height, "center": list(camera.center)},
        "main_pose": {"angles": _numbers(decoder.main[0]), "translation": _numbers(decoder.main[1])},
        "camera_from_model": {"rotation": _numbers(rotation), "translation": _numbers(translation),
                              "euler_degrees": _numbers(np.degrees(angles))},
        "landmarks": None if landmarks is None else _numbers(landmarks),
        "crop_from_photo": None if crop_from_photo is None else {"linear": _numbers(crop_from_photo.linear),
                                                                 "offset": _numbers(crop_from_photo.offset)},
        "units": UNITS,
        "conventions": CONVENTIONS,
    }  # fmt: skip
    with atomic_write(path) as file:
        file.write((json.dumps(content, indent=1) + "\n").encode())


def read_face(path):
    """Read what `write_face` wrote.

    Returns:
        dict: `parts` (name -> array, light (3, 9)), `layout`, `camera`, `model` (name), `camera_from_model` (R (3, 3), t (3,)),
        `landmarks` (68, 2) or None, `crop_from_photo` or None, `photo`. `layout.join(parts)` are the coefficients again where
        the decoder's layout has scales of one.
    Raises:
        DataError: if the file is none of ours, of another version, damaged, or holds numbers that are not finite.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise DataError(f"{path}: expected the format {FORMAT!r}, found {content['format']!r}")
        parts = {name: _array(content["coefficients"][name]) for name in UNITS}
        layout = Layout(*(len(parts[name]) for name in ("identity", "expression", "albedo")))
        layout.join(parts)  # checks the lengths
        size = content["camera"]
        pose, crop = content["camera_from_model"], content["crop_from_photo"]
        return {
            "parts": parts,
            "layout": layout,
            "camera": Camera(size["focal"], size["width"], size["height"], tuple(size["center"])),
            "model": content["model"]["name"],
            "camera_from_model": (_array(pose["rotation"]), _array(pose["translation"])),
            "landmarks": None if content["landmarks"] is None else _array(content["landmarks"]),
            "crop_from_photo": None if crop is None else Similarity(_array(crop["linear"]), _array(crop["offset"])),
            "photo": content["photo"],
        }
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise DataError(f"{path}: not a face written by mgcbook, or damaged ({type(error).__name__}: {error})") from error


def _numbers(array):
    # Nine digits are enough to give every float32 back; pixels and millimetres in float64 keep far more than anyone measures.
    return np.vectorize(lambda x: float(f"{x:.9g}"))(np.asarray(array, dtype=np.float64)).tolist()


def _array(numbers):
    array = np.array(numbers, dtype=np.float64)
    if not np.isfinite(array).all():
        raise DataError("face: holds numbers that are not finite")
    return array


# ---------------------------------------------------------------- onto the photograph


@check_shapes(photo="number H W 3", colors="V 3")
def on_photograph(face, photo, crop_from_photo, *, colors=None, scale=4):
    """The rendered face laid over the whole photograph, where it came from; Subject, (H, W, 3) -> (H, W, 3) float32.

    Args:
        colors: (V, 3) to draw; None: the face under its light.
        scale: the face is drawn this many times larger than the crop, for photographs finer than it.
    """
    colors = np.clip(face.colors if colors is None else colors, 0, 1)
    scale = max(1, min(scale, int(np.ceil(1 / crop_from_photo.scale))))
    image, mask = draw(face, colors, background=0.0, scale=scale)
    fine_from_photo = Similarity(scale * crop_from_photo.linear, scale * crop_from_photo.offset)
    return paste_back(photo, image / np.maximum(mask, 1e-6)[:, :, None], mask, fine_from_photo)
