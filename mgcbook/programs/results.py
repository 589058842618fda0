"""What a reconstruction leaves behind: pictures, meshes, numbers and a page that shows them, all in one folder."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mgcbook.data.images import resize, to_uint8, write_gif, write_image
from mgcbook.learning.metrics import nme
from mgcbook.programs import page, pictures
from mgcbook.programs.canvas import sheet
from mgcbook.programs.doctor import usable_cores
from mgcbook.programs.export import on_photograph, write_face, write_mesh

CAPTIONS = {
    "photo": "the aligned photograph",
    "landmarks": "landmarks: found (red), given (blue)",
    "overlay": "the reconstruction over the photograph",
    "geometry": "shape alone, as clay",
    "albedo": "skin without light",
    "shading": "the light on plaster",
    "depth": "depth in mm",
    "error": "difference to the photograph",
    "poses": "from several sides",
}


FILES = {
    **{f"{name}.png": caption for name, caption in CAPTIONS.items()},
    "on_photograph.png": "the reconstruction where it came from",
    "turntable.gif": "a turntable of the face and its shape",
    "face.obj": "the mesh with colours (MeshLab, Blender)",
    "face.ply": "the mesh with colours (MeshLab, CloudCompare)",
    "face.glb": "the mesh with colours (browsers, slides)",
    "face.json": "the coefficients by name, pose, light and camera",
    "index.html": "a page with all pictures",
}
"""What `write_results` writes: name -> what it is."""


class Reconstruction(NamedTuple):
    """One face found in one photograph."""

    coefficients: np.ndarray
    """(K,) in the decoder's layout."""
    decoder: object
    """A Decoder; its camera sees the aligned photograph."""
    aligned: object
    """The photograph aligned (`mgcbook.data.align.Aligned`)."""
    photo: np.ndarray
    """(H, W, 3) the whole photograph."""
    name: str
    """Of the photograph."""
    given: np.ndarray | None
    """(68, 2) landmarks that were given, in pixels of the aligned photograph; None: there were none."""

    def subject(self):
        """The decoded face, for `mgcbook.programs.pictures`."""
        return pictures.subject(self.decoder(self.coefficients[None]), self.decoder)

    def landmark_error_percent(self):
        """Mean distance of landmarks to the given ones, in percent of the size of their box; None without given ones."""
        if self.given is None:
            return None
        view = self.decoder(self.coefficients[None])
        return 100 * float(nme(np.asarray(view.landmarks), self.given[None])[0])


def overview(result, width=224):
    """Photograph, overlay, shape, skin, light and two turned views in one row; -> uint8 picture."""
    face = result.subject()
    photo = result.aligned.image
    row = [pictures.overlay(face, photo), pictures.geometry(face), pictures.albedo(face), pictures.shading(face)]
    row += [pictures.lit(pictures.turned(face, yaw=yaw)) for yaw in (-35, 35)]
    return sheet([resize(picture / 255, width, width) for picture in (to_uint8(photo), *row)], gap=2)


def write_results(folder, result, title=None, shown=None):
    """Write everything about a Reconstruction into a folder, the overlay first; returns [(path, what it is)].

    Args:
        shown: called with the path of the overlay as soon as it can be looked at.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    face = result.subject()
    views = pictures.as_seen(face, result.aligned.image, result.given)
    write_image(folder / "overlay.png", views["overlay"])
    if shown is not None:
        shown(folder / "overlay.png")
    cores = usable_cores()
    # Two pools: what is written waits for nobody, and the turntable is drawn meanwhile.
    with ThreadPoolExecutor(cores) as writers, ThreadPoolExecutor(cores) as painters:
        jobs = [writers.submit(write, *args) for write, *args in _files(folder, result, face, views)]
        write_gif(folder / "turntable.gif", pictures.turntable(face, each=painters.map), each=painters.map)
        write_image(folder / "poses.png", pictures.poses(face, each=painters.map))
        for job in jobs:
            job.result()
    _write_page(folder, result, title)
    return [(folder / name, what) for name, what in FILES.items()]


def _files(folder, result, face, views):
    """What can be written at any time: (function, arguments), the slowest first."""
    yield _write_on_photograph, folder / "on_photograph.png", result, face
    for suffix in (".obj", ".ply", ".glb"):
        yield write_mesh, folder / f"face{suffix}", face.vertices, face.triangles, np.clip(face.albedo, 0, 1)
    for name, picture in views.items():
        if name != "overlay":
            yield write_image, folder / f"{name}.png", picture
    yield _write_numbers, folder / "face.json", result, face


def _write_on_photograph(path, result, face):
    write_image(path, on_photograph(face, result.photo, result.aligned.crop_from_photo))


def _write_numbers(path, result, face):
    write_face(path, result.coefficients, result.decoder, crop_from_photo=result.aligned.crop_from_photo,
               landmarks=np.asarray(face.landmarks), photo=result.name)  # fmt: skip


def _write_page(folder, result, title):
    return page.write_page(folder / "index.html", title or f"{result.name}, reconstructed", face_blocks(result),
                           f"{result.decoder.model.name}, {result.decoder.layout.size} numbers")  # fmt: skip


def face_blocks(result, prefix=""):
    """The pictures of a reconstruction as blocks of a page; prefix: the folder of the pictures, relative to the page."""
    show = lambda name, caption=None: page.picture(f"{prefix}{name}", caption or CAPTIONS[Path(name).stem])
    error = result.landmark_error_percent()
    blocks = [] if error is None else [page.sentence(f"Mean landmark error: {error:.2f} % of the size of the face's box.")]
    return [
        *blocks,
        page.row([show("photo.png"), show("overlay.png"), show("landmarks.png")]),
        page.row([show("geometry.png"), show("albedo.png"), show("shading.png")]),
        page.row([show("depth.png"), show("error.png")]),
        show("poses.png"),
        page.row([show("on_photograph.png", "where it came from"), show("turntable.gif", "a turntable")]),
    ]


def print_table(written):
    """Print [(path, what it is)] as two columns."""
    width = max(len(str(path)) for path, _ in written)
    for path, what in written:
        print(f"  {path!s:<{width}}  {what}")
