"""A mesh that can be turned in a notebook or a web page: one HTML output with its own small script, no network, no kernel.

    mesh_viewer(model.mean, model.triangles, colors, alt="the mean face")

Positions travel as 16-bit numbers, so what is drawn is exact to 1/65534 of the longest side; `viewer.html` beside this file
turns them back and draws them with WebGL 2. It draws only when something moves, and gives its graphics memory back while it is
out of sight. Where WebGL 2 or scripts are missing, as on a page that only shows notebooks, a picture of the mesh stands instead.
"""

import base64
import html
import re
import zlib
from pathlib import Path

import numpy as np

from mgcbook.arrays import to_host
from mgcbook.book import figures
from mgcbook.errors import DataError
from mgcbook.face.camera import Camera, transform
from mgcbook.face.normals import vertex_normals
from mgcbook.face.render import render

TEMPLATE = Path(__file__).with_name("viewer.html")
STEPS = 32767
"""The longest side of the mesh runs from -STEPS to STEPS."""
MOST_VERTICES = 65536
"""What 16-bit indices can name."""
ZOOM = 0.9
"""Part of the height that the longest side of the mesh fills at first."""
CLAY = (0.80, 0.78, 0.74)
"""Colour of a mesh without colours."""
TO_LIGHT = np.array([-0.3, 0.4, 0.866])
AMBIENT, DIRECT = 0.42, 0.62
FAR = 1e5
"""Distance of the eye of the still picture, in mm: so far that parallel lines stay parallel, as in the live one."""


def mesh_viewer(vertices, triangles, colors=None, *, alt, height=360, edges=False, yaw=0.45, pitch=0.1):
    """A mesh that the reader turns by mouse, finger or keys; (V, 3), (F, 3), (V, 3) -> MeshViewer, shown as the value of a cell.

    Args:
        vertices: in mm, in the axes of the model: x right, y up, z to the reader.
        triangles: vertex numbers, counter-clockwise seen from outside.
        colors: of the vertices, in [0, 1], without light, which the viewer adds; None: the colour of clay.
        alt: what it shows, for those who cannot see it.
        height: pixels on the page; it is 4/3 as wide.
        edges: draw the edges of the triangles as well.
        yaw, pitch: how the mesh is turned at first, in radians; a positive yaw turns the front to the right.
    Raises:
        DataError: for shapes that do not fit, more than 65,536 vertices, positions that are not finite, or an empty `alt`.
    """
    vertices, triangles = np.asarray(to_host(vertices), np.float64), np.asarray(to_host(triangles))
    colors = np.broadcast_to(CLAY, vertices.shape) if colors is None else np.asarray(to_host(colors), np.float64)
    if vertices.ndim != 2 or vertices.shape[1:] != (3,) or colors.shape != vertices.shape:
        raise DataError(f"mesh_viewer: expected vertices and colors (V, 3), got {vertices.shape} and {colors.shape}; no batch")
    if not 3 <= len(vertices) <= MOST_VERTICES:
        raise DataError(f"vertices: expected 3 to {MOST_VERTICES:,}, got {len(vertices):,}; show a coarser mesh")
    if not np.isfinite(vertices).all() or np.ptp(vertices, axis=0).max() == 0:
        raise DataError("vertices: expected finite positions that are not all the same; look for NaN in what made them")
    if triangles.ndim != 2 or triangles.shape[1] != 3 or triangles.min() < 0 or triangles.max() >= len(vertices):
        raise DataError(f"triangles: expected (F, 3) numbers of the {len(vertices):,} vertices, got {triangles.shape}")
    if not alt:
        raise DataError("alt: expected a sentence that says what the mesh shows, for those who cannot see it")
    return MeshViewer(vertices, triangles, np.clip(colors, 0, 1), alt, height, edges, yaw, pitch)


class MeshViewer:
    """What `mesh_viewer` returns: shows itself in a notebook; `.html` is the snippet, `.save(path)` writes a page of its own."""

    def __init__(self, vertices, triangles, colors, alt, height, edges, yaw, pitch):
        self.alt = alt
        width = round(height * 4 / 3)
        still = still_picture(vertices, triangles, colors, width, height, yaw, pitch)
        payload = base64.b64encode(zlib.compress(pack(vertices, triangles, colors), 9)).decode()
        jpeg = base64.b64encode(_jpeg(still)).decode()
        values = dict(WIDTH=width, HEIGHT=height, VERTICES=len(vertices), CORNERS=triangles.size, YAW=yaw, PITCH=pitch, ZOOM=ZOOM)
        values |= dict(EDGES=int(edges), ALT=html.escape(alt, quote=True).rstrip("."), STILL=jpeg, DATA=payload)
        values |= dict(AMBIENT=AMBIENT, DIRECT=DIRECT, LIGHT=",".join(map(str, TO_LIGHT)))
        text = squeeze(TEMPLATE.read_text(encoding="utf-8"))
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        self.html = text

    def save(self, path):
        """Write the viewer as a web page that opens from disk; returns its path."""
        title = html.escape(self.alt)
        head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
        look = "<style>:root{color-scheme:light dark;font-family:system-ui,sans-serif}</style>"
        path, page = Path(path), f'<html lang="en"><head>{head}{look}</head><body><main>{self.html}</main></body></html>'
        path.write_text(f"<!doctype html>{page}\n", encoding="utf-8")
        return path

    def _repr_html_(self):
        return self.html

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self.html, "text/plain": self.alt}


def squeeze(text):
    """The template without the spaces that only readers need; every statement of its script ends with a semicolon or a brace."""
    before, script, after = re.split(r"(?<=<script>)|(?=</script>)", text)
    return before + re.sub(r"\s*([{}()\[\];,=+*/<>&|?:!-])\s*", r"\1", script) + after


def pack(vertices, triangles, colors):
    """The mesh as bytes: corners (16 bits), positions (their low bytes, then their high ones), colours (8 bits), as differences.

    Neighbours in a mesh have near numbers, so differences are small and deflate well, high bytes best; the script adds them up.
    """
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    steps = np.round((vertices - (low + high) / 2) * (2 * STEPS / (high - low).max()))
    # Differences wrap around at 16 or 8 bits, and so do the sums that undo them.
    corners = _differences(triangles.reshape(1, -1)).astype("<u2")
    positions = _differences(steps.T).astype("<i2", order="C").view("u1").reshape(-1, 2).T
    return corners.tobytes() + positions.tobytes() + _differences(np.round(colors.T * 255)).astype("u1").tobytes()


def _differences(rows):
    return np.diff(rows.astype(np.int64), prepend=0, axis=1)


def still_picture(vertices, triangles, colors, width, height, yaw, pitch):
    """What the viewer shows first, by the book's own rasterizer; -> (height, width, 3) in [0, 1]."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    turn = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]) @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    centred = (vertices - (low + high) / 2)[None]
    normals = vertex_normals(centred, triangles) @ turn.T
    # What is seen from behind is lit as if from its front, as in the script.
    facing = np.where(normals[..., 2:] < 0, -normals, normals)
    light = AMBIENT + DIRECT * np.maximum(facing @ TO_LIGHT, 0)
    pose = (np.diag([1.0, -1.0, -1.0]) @ turn)[None], np.array([[0.0, 0.0, FAR]])
    focal = 2 * ZOOM * height * FAR / (high - low).max()  # for twice the size, to be averaged
    fine = render(transform(*pose, centred), triangles, light[..., None] * colors[None], Camera(focal, 2 * width, 2 * height))
    image = fine.image[0] + (1 - fine.mask[0][..., None]) * figures.paper(2 * height, 2 * width)
    return image.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))


def _jpeg(image):
    import imageio.v3 as iio

    return iio.imwrite("<bytes>", np.uint8(np.round(255 * np.clip(image, 0, 1))), extension=".jpg", quality=78)
