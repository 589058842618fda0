"""Fine detail that only the generator of synthetic pictures has: wrinkles, freckles, blotches. All our own choice."""

import numpy as np

from mgcbook.data.builtin import albedo
from mgcbook.data.builtin.masks import soft_masks
from mgcbook.data.builtin.shapes import step

SEED = 20
"""Of the places of freckles and spots, which are part of the model."""


def identity_fields(face):
    """Name -> displacement of the sheet for +1 standard deviation; Surface -> dict of (V, 3) mm."""
    y, across = face.y, face.across
    forehead = face.middle(0, 45, 30, 12)
    beside_eye = face.pair(52, 1, 5, 9)
    fold = _ridge(across, y, (18, -40), (33, -66))
    marionette = _ridge(across, y, (29, -68), (33, -86))
    under_eye = _ridge(across, y, (18, -8), (36, -14))
    return {
        "forehead_lines": face.field(z=0.35 * forehead * np.cos(2 * np.pi * (y - 0.004 * across**2) / 11.0)),
        "forehead_lines_between": face.field(z=0.25 * forehead * np.sin(2 * np.pi * (y - 0.004 * across**2) / 11.0)),
        "frown_lines": face.field(z=-0.5 * face.pair(5.5, 19, 1.8, 7)),
        "crows_feet": face.field(z=0.3 * beside_eye * np.cos(0.9 * (y + 0.25 * (across - 46) * np.sign(y)))),
        "deep_nasolabial_fold": face.field(z=-0.8 * fold),
        "marionette_lines": face.field(z=-0.6 * marionette),
        "tear_trough": face.field(z=-0.5 * under_eye),
        "jowls": face.field(z=0.9 * face.pair(42, -88, 9, 8), y=-0.8 * face.pair(42, -90, 9, 8)),
        "cleft_chin": face.field(z=-0.7 * face.middle(0, -99, 2.6, 6)),
        "bifid_tip": face.field(z=-0.5 * face.middle(0, -37, 2.0, 4)),
        "cheek_dimples": face.field(z=-0.6 * face.pair(36, -60, 3.5, 4.5)),
        "nose_bend": face.field(1.0 * face.middle(0, -14, 8, 9) - 0.8 * face.middle(0, -32, 9, 8)),
    }


def expression_fields(face):
    """Name -> displacement at full strength, in addition to the common actions."""
    y, across = face.y, face.across
    upper, lower = ~face.is_lower & (face.row > 40), face.is_lower
    crease = face.middle(0, 42, 28, 11) * np.cos(2 * np.pi * (y - 0.004 * across**2) / 9.0)
    return {
        "forehead_crease": face.field(y=1.0 * face.middle(0, 34, 30, 14), z=0.7 * crease),
        "lips_forward": face.field(z=3.5 * face.middle(0, -66, 15, 9)),
        "upper_lip_curl": face.field(y=2.0 * face.middle(0, -61, 9, 4) * upper, z=1.2 * face.middle(0, -60, 9, 4) * upper),
        "lower_lip_curl": face.field(y=-1.8 * face.middle(0, -71, 10, 4) * lower, z=1.6 * face.middle(0, -71, 10, 4) * lower),
        "chin_bunch": face.field(z=0.5 * face.middle(0, -98, 11, 8) * np.cos(0.8 * y) * np.cos(0.8 * face.x)),
        "nasolabial_crease": face.field(z=-1.2 * _ridge(across, y, (18, -40), (34, -68))),
    }


def albedo_fields(face, mean):
    """Name -> change of colour for +1 standard deviation; Surface, (V, 3) -> dict of (V, 3)."""
    rng = np.random.default_rng(SEED)
    m = soft_masks(face)
    melanin, haemoglobin = albedo.pigment_slopes(face, mean)
    cheeks_and_nose = np.clip(m["cheeks"] + m["nose"] + 0.5 * face.middle(0, -20, 35, 12), 0, 1)
    fields = {}
    for i in range(4):
        fields[f"freckles_{i}"] = 0.16 * (_spots(face, rng, 90, 0.9) * cheeks_and_nose)[:, None] * melanin
    for i in range(4):
        fields[f"blotches_{i}"] = 0.10 * _spots(face, rng, 12, 5.0)[:, None] * haemoglobin
    for i in range(3):
        fields[f"moles_{i}"] = 0.25 * _spots(face, rng, 3, 1.2)[:, None] * melanin
    for i in range(8):
        direction, phase = rng.normal(size=3) * 0.5, rng.uniform(0, 2 * np.pi)
        fields[f"mottle_{i}"] = 0.015 * np.sin(face.sheet @ direction + phase)[:, None] * (melanin if i % 2 else haemoglobin)
    fields["cheek_beard"] = -mean * (0.06 * m["beard"] * face.pair(45, -60, 15, 20))[:, None]
    fields["lip_lines"] = -mean * (0.02 * m["lips"] * np.cos(2.2 * face.x))[:, None]
    fields["thick_brows"] = -mean * (0.15 * face.pair(30, 25, 14, 1.6) * step(56, 50, face.across))[:, None]
    return fields


def _ridge(across, y, start, stop, width=1.8):
    """A soft line from one point (|x|, y) to another."""
    (x0, y0), (x1, y1) = start, stop
    along = np.clip(((across - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1)
    distance = np.hypot(across - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))
    return np.exp(-0.5 * (distance / width) ** 2) * np.sin(np.pi * np.clip(0.1 + 0.8 * along, 0, 1))


def _spots(face, rng, count, radius):
    """Round spots at random places of the front; -> (V,) in 0..1."""
    centers = np.stack([rng.uniform(-62, 62, count), rng.uniform(-95, 60, count)], 1)
    sizes = radius * rng.uniform(0.7, 1.5, count)
    total = np.zeros(len(face.x))
    for (x, y), size in zip(centers, sizes, strict=True):
        near = (np.abs(face.x - x) < 4 * size) & (np.abs(face.y - y) < 4 * size) & (face.z > 20)
        total[near] += np.exp(-((face.x[near] - x) ** 2 + (face.y[near] - y) ** 2) / (2 * size**2))
    return np.clip(total, 0, 1)
