"""The light of a photograph in closed form: where the colours of a fit begin.

With shape and pose given, each pixel's colour is linear in the nine numbers of its channel (`mgcbook.face.light.shade`):

    colour - albedo * even light = albedo * H(normal) . theta

Five rounds of weighted least squares find theta. Pixels that fit badly (hair, glasses, shadows) count less in every round, as
in the render loss, where an error counts once and not squared.
"""

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.face.light import AMBIENT, sh_basis
from mgcbook.face.raster import interpolate

ROUNDS = 5
SMALLEST = 0.02
"""Errors below this count alike."""
STEADY = 0.003
"""How strongly theta is held at the even light, per pixel."""


@check_shapes(images="number N H W 3", coefficients="number N K", skin="number N H W")
def with_light_of(images, coefficients, decoder, skin=None):
    """Coefficients whose light is that of the photographs on skin of the mean colour; (N, H, W, 3), (N, K) -> (N, K).

    What of a colour is light and what is skin cannot be seen in one photograph: here the skin is the mean one, and the fit that
    follows may change it.

    Args:
        coefficients: their shape, expression and pose are taken as they are.
        decoder: a Decoder whose camera took the photographs.
        skin: (N, H, W) confidence that a pixel is skin; None: 1 everywhere.
    """
    parts = decoder.layout.split(np.asarray(coefficients))
    parts |= {name: np.zeros_like(parts[name]) for name in ("albedo", "light")}
    view = decoder(decoder.layout.join(parts))
    surface = np.concatenate([view.albedo, view.normals], axis=-1)
    albedo, normals = np.split(np.asarray(interpolate(surface, decoder.triangles, view.fragments)), 2, axis=-1)
    weights = np.asarray(view.mask) if skin is None else np.asarray(view.mask) * skin
    found = [_light(*item) for item in zip(np.asarray(images), albedo, normals, weights, strict=True)]
    return decoder.layout.join({**parts, "light": np.stack(found)}).astype(np.float32)


def _light(image, albedo, normals, weights):
    """theta (3, 9) of one photograph; (H, W, 3) x 3, (H, W)."""
    seen = weights > 0
    if not seen.any():
        return np.zeros((3, 9))
    normals = normals[seen] / np.linalg.norm(normals[seen], axis=-1, keepdims=True)
    basis = sh_basis(normals).astype(np.float64)
    even = AMBIENT * basis[:, :1]
    colors, albedo, weights = (part[seen].astype(np.float64) for part in (image, albedo, weights))
    missing, light, now = colors - albedo * even, np.zeros((3, 9)), weights
    for _ in range(ROUNDS):
        for channel in range(3):
            rows = albedo[:, channel, None] * basis
            normal_matrix = rows.T @ (now[:, None] * rows) + STEADY * now.sum() * np.eye(9)
            light[channel] = np.linalg.solve(normal_matrix, rows.T @ (now * missing[:, channel]))
        error = np.linalg.norm(missing - albedo * (basis @ light.T), axis=-1)
        now = weights / np.maximum(error, SMALLEST)
    return light
