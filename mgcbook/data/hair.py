"""What covers a head: hair, a hat or a hood, all of it one sheet draped over an ellipsoid that continues the forehead.

Most hair is easy to tell from skin by its colour, and ends above the ears or hangs beside the cheeks. Unruly hair is not and does
not: it has the colour of the skin, falls in clumps, lies on temples and cheeks. Who learns from it has to find the edge of a
face by its shape.
"""

from dataclasses import dataclass

import numpy as np

from mgcbook.data.backgrounds import colour
from mgcbook.data.meshes import smooth

SHELL = 15, 44
"""Rows and columns of the sheet."""


@dataclass(frozen=True)
class Head:
    """An ellipsoid in the place of the skull, in the axes of the face model, mm."""

    center: np.ndarray
    radii: np.ndarray
    left: np.ndarray
    """Where the ears are."""
    right: np.ndarray
    chin: np.ndarray
    brow: float
    """Height of the eyebrows."""


def head_of(vertices, landmarks):
    """The ellipsoid that continues the forehead of a face backwards; (V, 3) mm, (68, 3) mm -> Head."""
    left, right, chin = landmarks[16], landmarks[0], landmarks[8]
    width = (left[0] - right[0]) / 2
    center = np.array([(left[0] + right[0]) / 2, landmarks[27, 1] + 24, (left[2] + right[2]) / 2 - 6])
    radii = np.array([1.03 * width, 1.22 * width, 1.28 * width])
    forehead = vertices[vertices[:, 1] > np.quantile(vertices[:, 1], 0.86)]
    radii = radii * np.median(np.linalg.norm((forehead - center) / radii, axis=1))
    return Head(center, radii, left, right, chin, landmarks[17:27, 1].mean())


def covering(rng, head, skin_color, fringe, hat, worn, unruly=0.0):
    """Hair, hat or hood, ending at a chosen height in front, at the sides and behind; -> parts for `sample_surroundings`.

    Args:
        skin_color: (3,) of the face.
        fringe, hat: whether it is worn.
        worn: list that gets the names of what can hide the face.
        unruly: chance of unruly hair.
    """
    style = "bald" if rng.random() < 0.1 else rng.choice(("short", "medium", "long"), p=(0.5, 0.2, 0.3))
    color = _hair_color(rng)
    thick, front, side, back = 0.07, rng.uniform(54, 64), rng.uniform(74, 90), rng.uniform(100, 125)
    if style in ("medium", "long"):
        thick, side, back = rng.uniform(0.08, 0.16), rng.uniform(95, 120), 140
    if style == "long":
        side, back = rng.uniform(140, 200), 200
    if style == "bald" and not hat:
        return {}
    rough, streaks, from_front = 0.035, 0.13, None
    if fringe:
        front, thick = rng.uniform(62, 82), max(thick, 0.1)
        worn.append("fringe")
    elif style == "long":
        worn.append("long hair")
    if hat:
        color, rough, streaks, thick = colour(rng), 0.006, 0.02, rng.uniform(0.1, 0.2)
        front = side = back = rng.uniform(58, 72)
        if rng.random() < 0.3:  # a hood or a scarf
            side, back, rough = 190, 200, 0.015
            front = rng.uniform(50, 62)
        worn.append("hood" if side > 100 else "hat")
    clumps = 0.0
    if unruly and rng.random() < unruly and not hat:
        color, clumps = _unruly_color(rng, skin_color), rng.uniform(0.05, 0.35)
        thick, rough = rng.uniform(0.04, 0.34), rng.uniform(0.03, 0.09)
        front, side, back = rng.uniform(46, 78), rng.choice((rng.uniform(70, 125), rng.uniform(125, 190))), 150
        from_front = rng.uniform(22, 60)
        worn.append("unruly hair")
    points, edge = _draped(rng, head, 1 + thick, front, side, back, rough, from_front)
    strands = 1 + streaks * rng.standard_normal(SHELL[1])[None, :, None] * np.ones((SHELL[0], 1, 1))
    if clumps:
        strands = strands + clumps * rng.standard_normal(SHELL)[..., None]
    made = {"shell": (points, np.clip(color * strands, 0, 1).reshape(-1, 3), 0.0, 0.02 if hat else 0.12)}
    if hat and side <= 100 and rng.random() < 0.5:
        made["visor"] = _visor(edge, rng.uniform(35, 65)), np.clip(color * rng.uniform(0.5, 1.1), 0, 1), 0.0, 0.05
    return made


def _draped(rng, head, factor, front, side, back, rough, from_front=None):
    """Points of the sheet, and its lower edge; angles in degrees from the top of the head; -> (R * C, 3), (C, 3).

    Args:
        from_front: degrees around the head, from the nose, at which the front ends; None: a usual one.
    """
    rows, columns = SHELL
    around = np.linspace(-np.pi, np.pi, columns, endpoint=False)
    parting = rng.uniform(-0.35, 0.35)
    usual = rng.uniform(38, 50)
    to_side = smooth((np.abs(around - parting) - np.deg2rad(usual if from_front is None else from_front)) / 0.55)
    to_back = smooth((np.abs(around) - np.deg2rad(105)) / 0.5)
    end = np.deg2rad(front + (side - front) * to_side + (back - side) * to_back) * (1 + 0.03 * rng.standard_normal(columns))
    down = np.linspace(0.02, 1, rows)[:, None] * end
    level = np.minimum(down, np.pi / 2)
    radius = np.sin(level) * factor * (1 + rough * rng.standard_normal((rows, columns)))
    height = np.cos(level) * factor - np.maximum(down - np.pi / 2, 0)  # below the widest place it hangs straight down
    unit = np.stack([radius * np.sin(around), height, radius * np.cos(around)], axis=-1)
    points = head.center + head.radii * unit
    return points.reshape(-1, 3), points[-1]


def _visor(edge, reach):
    front = edge[np.abs(np.linspace(-np.pi, np.pi, len(edge), endpoint=False)) < np.deg2rad(62)]
    front = front[np.linspace(0, len(front) - 1, 16).round().astype(int)]
    bow = np.cos(np.linspace(-np.pi / 2, np.pi / 2, 16))[:, None]
    steps = np.linspace(0, 1, 4)[:, None, None]
    return (front + steps * bow * np.array([0.0, -0.25, 1.0]) * reach).reshape(-1, 3)


def _hair_color(rng):
    brightness, red, grey = rng.beta(1.1, 2.6), rng.uniform(0, 1), rng.random() < 0.15
    color = np.array([0.06, 0.045, 0.04]) + brightness * np.array([0.75, 0.55 - 0.15 * red, 0.34 - 0.16 * red])
    return np.full(3, rng.uniform(0.3, 0.8)) if grey else color


def _unruly_color(rng, skin_color):
    """Half of it a shade of the skin, half any brightness from black to blond."""
    if rng.random() < 0.5:
        return np.clip(skin_color * rng.uniform(0.5, 1.2) * np.array([1, rng.uniform(0.92, 1.06), rng.uniform(0.7, 1.05)]), 0, 1)
    brightness, red = rng.uniform(0.0, 1.0), rng.uniform(0, 1)
    return np.array([0.06, 0.045, 0.04]) + brightness * np.array([0.75, 0.58 - 0.15 * red, 0.38 - 0.18 * red])
