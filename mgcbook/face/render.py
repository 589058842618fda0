"""From a coloured mesh to an image, a mask and a depth map (Sec. 3.2, 3.4), and over a photograph."""

from typing import Any, NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.face.antialias import antialias
from mgcbook.face.raster import Fragments, depth_map, interpolate, rasterize


class Rendering(NamedTuple):
    """A picture of a mesh and what came with it."""

    image: Any
    """(B, H, W, C): interpolated colours, 0 outside the mesh."""
    mask: Any
    """(B, H, W): 1 where the mesh is seen, else 0; with `antialiased` the part of each pixel that it covers, with gradient."""
    depth: Any
    """(B, H, W): camera z in mm, 0 outside, with gradient to the vertices."""
    fragments: Fragments
    """Which triangle each pixel sees, and where on it."""


def mask_of(fragments):
    """1 where a triangle is seen, else 0, without gradient; Fragments -> (B, H, W)."""
    return (fragments.triangle >= 0).astype(fragments.depth.dtype)


@check_shapes(points_camera="B V 3", triangles="int F 3", colors="B V C")
def render(points_camera, triangles, colors, camera, *, antialiased=False):
    """A picture of a coloured mesh; (B, V, 3), (F, 3), (B, V, C) -> Rendering.

    Args:
        points_camera: vertices in the camera's axes, in mm.
        triangles: vertex numbers.
        colors: any channels, at the vertices; shaded colours for a photograph-like picture.
        camera: a `Camera`.
        antialiased: blend colours across the outline, so that the picture tells the vertices how to move it (see `antialias`).
            The image is then 0 outside, colour times coverage at the outline, as `composite` expects.
    """
    fragments = rasterize(points_camera, triangles, camera)
    image, mask = interpolate(colors, triangles, fragments), mask_of(fragments)
    if antialiased:
        both = antialias(np.concatenate((image, mask[..., None]), axis=-1), fragments, points_camera, triangles, camera)
        image, mask = both[..., :-1], both[..., -1]
    return Rendering(image, mask, depth_map(points_camera, triangles, fragments, camera), fragments)


@check_shapes(image="B H W C", mask="mask B H W", photo="B H W C")
def composite(image, mask, photo):
    """The rendering over the photograph, I_render + (1 - mask) I; (B, H, W, C), (B, H, W), (B, H, W, C) -> (B, H, W, C)."""
    return image + (1 - mask[..., None]) * photo
