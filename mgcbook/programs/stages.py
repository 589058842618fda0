"""The stages of the multi-view losses as one picture: what two views share, and the target read from the source (Fig. 2, 3)."""

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.face.sampling import bilinear_sample
from mgcbook.face.warp import correspond
from mgcbook.learning.objective import pair_up
from mgcbook.programs.canvas import colormap, sheet


@check_shapes(coefficients="N K", images="N H W 3")
def multi_view_sheet(coefficients, images, decoder, scale=3):
    """Photos, overlays, depth, covisible map and warped source of one item; (N, K), (N, H, W, 3) -> uint8 picture.

    Args:
        coefficients: of the views, the target first.
        images: the photographs.
        scale: pixels of the picture for one of the photographs.
    """
    view = decoder(coefficients)
    pairs = pair_up(view, images[None], decoder)
    found = correspond(pairs.target_depth, pairs.source_from_target, decoder.camera)
    warped = np.asarray(bilinear_sample(pairs.source_image, found.uv))
    both = np.asarray(pairs.covisible * found.valid)[..., None]
    overlays = np.where(np.asarray(view.mask)[..., None] > 0, np.clip(view.image, 0, 1), images)
    depth = [_depth_picture(np.asarray(one)) for one in view.depth]
    seen = [one > 0 for one in both]
    dimmed = [np.where(one, photo, 0.25 * photo + 0.75) for one, photo in zip(seen, pairs.target_image, strict=True)]
    read = [np.where(one, picture, 1.0) for one, picture in zip(seen, warped, strict=True)]
    error = [_error_picture(a, b, one) for a, b, one in zip(warped, pairs.target_image, seen, strict=True)]
    rows = [
        ("photo", images),
        ("reconstructed", overlays),
        ("depth", depth),
        ("also seen by source", dimmed),
        ("target read from source", read),
        ("difference", error),
    ]
    pictures = [_enlarged(picture, scale) for _, row in rows for picture in _fill(row, len(images), np.ones_like(images[0]))]
    return sheet(pictures, [title for name, row in rows for title in _titles(name, row, len(images))], columns=len(images))


def _titles(name, row, columns):
    if len(row) == columns:
        return [f"target, {name}", *(f"source {n}" for n in range(1, columns))]
    return _fill([f"{name} {n}" for n in range(1, len(row) + 1)], columns, " ")


def _fill(entries, columns, blank):
    """As many entries as columns, the first column left empty: it belongs to the target."""
    return [blank] * (columns - len(entries)) + list(entries)


def _depth_picture(depth):
    seen = depth > 0
    if not seen.any():
        return np.ones((*depth.shape, 3))
    near, far = depth[seen].min(), depth[seen].max()
    return np.where(seen[..., None], colormap((far - depth) / max(far - near, 1e-6)), 1.0)


def _error_picture(read, target, seen):
    error = np.mean(np.abs(read - target), axis=-1)
    return np.where(seen, colormap(error / 0.3), 1.0)


def _enlarged(picture, scale):
    return np.repeat(np.repeat(np.asarray(picture), scale, axis=0), scale, axis=1)
