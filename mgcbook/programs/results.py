"""What a reconstruction leaves behind: pictures, meshes, numbers and a page that shows them, all in one folder."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mgcbook.data.images import resize, to_uint8, write_gif, write_image
from mgcbook.learning.metrics import nme
from mgcbook.programs import page, pictures
from mgcbook.programs.canvas import sheet
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


def write_results(folder, result, title=None):
    """Write everything about a Reconstruction into a folder; returns [(path, what it is)]."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    face = result.subject()
    written = []
    for name, picture in pictures.gallery(face, result.aligned.image, result.given).items():
        written.append((folder / f"{name}.png", CAPTIONS[name]))
        write_image(written[-1][0], picture)
    written.append((folder / "on_photograph.png", "the reconstruction where it came from"))
    write_image(written[-1][0], on_photograph(face, result.photo, result.aligned.crop_from_photo))
    written.append((folder / "turntable.gif", "a turntable of the face and its shape"))
    write_gif(written[-1][0], pictures.turntable(face))
    for suffix, use in ((".obj", "MeshLab, Blender"), (".ply", "MeshLab, CloudCompare"), (".glb", "browsers, slides")):
        written.append((folder / f"face{suffix}", f"the mesh with colours ({use})"))
        write_mesh(written[-1][0], face.vertices, face.triangles, np.clip(face.albedo, 0, 1))
    written.append((folder / "face.json", "the coefficients by name, pose, light and camera"))
    write_face(written[-1][0], result.coefficients, result.decoder, crop_from_photo=result.aligned.crop_from_photo,
               landmarks=np.asarray(face.landmarks), photo=result.name)  # fmt: skip
    written.append((_write_page(folder, result, title), "a page with all pictures"))
    return written


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
