"""Smooth random variation: Gaussian processes over the face, and the best few modes of many fields.

A Gaussian process with kernel k(p, q) = sum_s deviation_s^2 exp(-|p - q|^2 / (2 length_s^2)) is cut into modes by its
eigenvectors at some hundred anchors (Nystroem). Reflecting the kernel at the midline splits the modes into even and odd ones
(Luethi et al. 2018, Gaussian process morphable models, IEEE TPAMI 40:1860-1873).
"""

from typing import NamedTuple

import numpy as np

REFLECTION = np.array([-1.0, 1.0, 1.0])


def kernel(scales, p, q):
    """Sum of squared exponentials of the distance; ((length, deviation), ...), (P, D), (Q, D) -> (P, Q)."""
    squared = np.maximum((p**2).sum(1)[:, None] + (q**2).sum(1)[None] - 2 * p @ q.T, 0)
    return sum(deviation**2 * np.exp(squared * (-0.5 / length**2)) for length, deviation in scales)


def principal_fields(scales, points, anchors, count, weight_points=None, weight_anchors=None):
    """Leading modes of a Gaussian process, times their deviation; (V, D), (A, D) -> (count, V)."""
    at_anchors, at_points = kernel(scales, anchors, anchors), kernel(scales, points, anchors)
    if weight_points is not None:
        at_anchors = at_anchors * weight_anchors[:, None] * weight_anchors
        at_points = at_points * weight_points[:, None] * weight_anchors
    return _nystroem(at_anchors, at_points, count)


def mirrored_fields(scales, points, anchors, even_count, odd_count):
    """The same for even fields f(mirror p) = f(p) and odd ones f(mirror p) = -f(p); -> (even_count, V), (odd_count, V)."""
    across = anchors * REFLECTION
    at_anchors, at_anchors_across = kernel(scales, anchors, anchors), kernel(scales, anchors, across)
    at_points, at_points_across = kernel(scales, points, anchors), kernel(scales, points, across)
    fields = []
    for sign, count in ((1, even_count), (-1, odd_count)):
        modes = _nystroem(0.5 * (at_anchors + sign * at_anchors_across), 0.5 * (at_points + sign * at_points_across), count)
        fields.append(np.sqrt(2) * modes)
    return fields


def _nystroem(at_anchors, at_points, count):
    values, vectors = np.linalg.eigh(at_anchors)
    values, vectors = values[::-1], vectors[:, ::-1]
    count = min(count, int((values > 1e-9 * values[0]).sum()))
    return (at_points @ (vectors[:, :count] / np.sqrt(values[:count]))).T


def random_displacements(scales, points, anchors, counts=(70, 70, 55), odd_count=12, asymmetry=0.15):
    """Modes of a displacement (x, y, z) that is mostly symmetric; -> (K, V, 3) mm.

    Args:
        counts: symmetric modes for x, y, z.  odd_count: asymmetric ones for each.
        asymmetry: share of the variance that differs between left and right.
    """
    even, odd = mirrored_fields(scales, points, anchors, max(counts), max(counts))
    modes = []
    for symmetric, share, numbers in ((True, 1 - asymmetry, counts), (False, asymmetry, (odd_count,) * 3)):
        for axis in range(3):
            # a symmetric face has x odd, y and z even
            fields = (odd if symmetric == (axis == 0) else even)[: numbers[axis]]
            mode = np.zeros((*fields.shape, 3))
            mode[..., axis] = np.sqrt(share) * fields
            modes.append(mode)
    return np.concatenate(modes)


class Modes(NamedTuple):
    """Principal modes of K fields: mode_i = even or odd part (by parity_i) of sum_k mix_ik field_k."""

    mix: np.ndarray
    """(N, K)."""
    parity: np.ndarray
    """(N,) +1 for a symmetric mode, -1 for an antisymmetric one."""
    deviation: np.ndarray
    """(N,) root mean square over the vertices, in the unit of the fields, falling."""


def principal_modes(fields, mirror, count, reflection=REFLECTION, odd_share=1.0):
    """Orthonormal modes that hold most of the variance of many fields with N(0, 1) weights; (K, V, C) -> Modes.

    A field and its mirror image are taken as equally likely, so that the covariance splits into an even and an odd part and every
    mode is exactly symmetric or antisymmetric. Orthonormal means mean_v mode_i(v) . mode_j(v) = 1 if i = j, else 0.

    Args:
        fields: one standard deviation each.  mirror: (V,) left-right partner.
        reflection: (C,) what the mirror does to a value: (-1, 1, 1) for displacements, ones for colours.
        odd_share: factor on the odd part; below 1, left and right vary together.
    """
    half = np.flatnonzero(mirror >= np.arange(len(mirror)))
    candidates = []
    for parity, share in ((1, 1.0), (-1, odd_share)):
        part = share * symmetrized(fields.astype(np.float64), mirror, np.full(len(fields), parity), reflection)
        # most fields are purely even or odd: their other part is nothing but rounding
        kept = np.flatnonzero(np.abs(part).max((1, 2)) > 1e-5 * np.abs(part).max())
        part = part[kept]
        flat = part.reshape(len(part), -1)
        values, vectors = np.linalg.eigh(flat @ flat.T / fields.shape[1])
        values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count].T
        # an eigenvector has no sign of its own: the largest component on one half of the face shall be positive
        components = (vectors @ part[:, half].reshape(len(part), -1)).T
        signs = np.sign(components[np.argmax(np.abs(components), axis=0), np.arange(len(vectors))])
        for value, vector in zip(values, vectors * signs[:, None], strict=True):
            mix = np.zeros(len(fields))
            mix[kept] = share * vector
            candidates.append((np.sqrt(max(value, 0.0)), parity, mix))
    candidates = sorted(candidates, key=lambda candidate: -candidate[0])[:count]
    deviation, parity = (np.array([candidate[i] for candidate in candidates]) for i in (0, 1))
    return Modes(np.stack([mix for _, _, mix in candidates]) / deviation[:, None], parity, deviation)


def symmetrized(fields, mirror, parity, reflection=REFLECTION):
    """Even (parity +1) or odd (-1) part of each field under reflection; (K, V, C), (K,) -> (K, V, C)."""
    factor = np.multiply.outer(parity, reflection)[:, None].astype(fields.dtype)
    return (fields + np.take(fields, mirror, axis=1) * factor) * fields.dtype.type(0.5)
