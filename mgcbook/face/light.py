"""Light: spherical harmonics of the surface normal, nine for each of red, green and blue (Sec. 3.2).

colour = albedo * sum_b theta_b H_b(normal). The light belongs to the model: normals come in the model's axes, so that the
light turns with the head.
"""

import numpy as np

from mgcbook.arrays import check_shapes

AMBIENT = 0.8
"""Added to the constant band of each channel: coefficients 0 mean an even light, 0.8 * 0.886 = 0.709 of the albedo."""

_BAND_0 = np.sqrt(np.pi) / 2  # pi / sqrt(4 pi)
_BAND_1 = np.sqrt(np.pi)  # 2 pi / sqrt(3) * sqrt(3) / sqrt(4 pi)
_BAND_2 = np.pi / np.sqrt(2) * 3 * np.sqrt(5) / np.sqrt(12 * np.pi)
_FACTORS = tuple(map(float, (_BAND_0, _BAND_1, _BAND_2, _BAND_2 / (2 * np.sqrt(3)), _BAND_2 / 2)))


@check_shapes(normals="... 3")
def sh_basis(normals):
    """The nine spherical harmonics H_b of unit normals, with MGCNet's factors and signs; (..., 3) -> (..., 9)."""
    x, y, z = (normals[..., i] for i in range(3))
    a0, a1, a2, a2z, a2xy = _FACTORS
    # A diffuse (Lambertian) surface has pi, 2 pi / 3, pi / 4 per band; these differ by one number per band, and theta absorbs it.
    bands = [a0 * np.ones_like(x), -a1 * y, a1 * z, -a1 * x,
             a2 * x * y, -a2 * y * z, a2z * (3 * z * z - 1), -a2 * x * z, a2xy * (x * x - y * y)]  # fmt: skip
    return np.moveaxis(np.stack(bands, axis=0), 0, -1)  # each band lies together in memory: five times as fast as axis=-1


@check_shapes(albedo="B V 3", normals="B V 3", light="B 3 9")
def shade(albedo, normals, light):
    """Shaded colour albedo * sum_b theta_b H_b(normal) (Sec. 3.2); (B, V, 3) x 2, (B, 3, 9) -> (B, V, 3).

    Args:
        albedo: in [0, 1].
        normals: unit length. In the model's axes the light turns with the head; give normals turned into the camera's axes for a
            light that stays with the camera, as Deng et al. do.
        light: theta, nine numbers for red, nine for green, nine for blue; 0 is an even light of 0.709. Colours may exceed 1.
    """
    # Paper: the frame of the normals is not stated; here: the model's, because MGCNet's code does not turn them.
    shading = np.matmul(light, np.swapaxes(sh_basis(normals), -1, -2)) + AMBIENT * _FACTORS[0]  # (B, 3, V)
    return albedo * np.swapaxes(shading, -1, -2)
