"""From the parts of a face model to a FaceModel: what is missing comes from the built-in face, and the model card says so."""

from dataclasses import dataclass

import numpy as np

from mgcbook.data.formats.correspond import carry, find_landmarks, lay_onto
from mgcbook.data.landmarks import FLIP_68
from mgcbook.face.model_file import check_model
from mgcbook.face.morphable import FaceModel
from mgcbook.face.normals import vertex_normals

FINE = 12_000
"""A mesh with more vertices gets its colours from the full built-in face."""
FADE = (6.0, 25.0)
"""mm from the built-in face at which its colours begin to become plain skin, and have done so."""
PAIRED = 4.0
"""mm within which a vertex must find its mirrored partner."""


@dataclass(frozen=True)
class Ranks:
    """How many modes are taken; None: the usual number of the kind of model."""

    identity: int | None = None
    expression: int | None = None
    albedo: int | None = None

    def usual(self, identity, expression, albedo):
        """With these numbers where none was asked for."""
        return Ranks(self.identity or identity, self.expression or expression, self.albedo or albedo)


def finish(parts, ranks):
    """Parts -> (FaceModel, what was done as a list of lines).

    The winding is measured, not believed. Missing landmarks, all regions, and missing colours and expressions are carried over
    from the built-in face laid on the mean.
    """
    points = np.asarray(parts.mean, np.float64)
    triangles, was_turned = outward(points, parts.triangles)
    onto = lay_onto(points, triangles, parts.landmarks, level="full" if len(points) > FINE else "light")
    landmarks = find_landmarks(onto, points, triangles, parts.landmarks)
    near, weights = carry(onto, points, triangles)
    blend = lambda values: np.einsum("vk,vk...->v...", weights, np.asarray(values, np.float64)[near])
    lines = [*parts.notes, f"triangles: {'turned round' if was_turned else 'as in the file'}"]
    guessed = 68 - len(parts.landmarks)
    if guessed:
        lines.append(f"landmarks: {68 - guessed} from the model, {guessed} found by laying the built-in face on it")
    color, albedo = parts.albedo_mean, parts.albedo
    if color is None:
        color, albedo = _borrowed_albedo(onto, near, weights, points, ranks.albedo)
        lines.append("albedo: the model has none; the one of mgcbook's built-in face was laid on it")
    expression, units = parts.expression, parts.units
    if len(expression) == 0:
        expression, units = _borrowed_expression(onto.model, near, weights, ranks.expression)
        lines.append("expression: none in the files; the one of mgcbook's built-in face was laid on it")
    mirror = mirror_of(points, triangles, landmarks) if parts.mirror is None else parts.mirror
    regions = {name: blend(mask) > 0.5 for name, mask in onto.model.regions.items()}
    model = FaceModel(
        _single(points),
        *normalized(parts.identity),
        *normalized(expression),
        np.clip(_single(color), 0, 1),
        *normalized(albedo),
        triangles.astype(np.int32),
        landmarks,
        mirror.astype(np.int32),
        regions | parts.regions,
        {name: _single(unit) for name, unit in units.items()},
        parts.name + (" with mgcbook's albedo" if parts.albedo_mean is None else ""),
        parts.license,
    )
    check_model(model, parts.name)
    return model, lines


def normalized(basis):
    """Modes for a coefficient of one -> (directions of 1 mm rms per vertex, their deviations in mm); (K, V, 3) -> the same, (K,).

    The deviation of a mode is then how far it moves vertices, whatever the resolution.
    """
    size = np.sqrt((np.asarray(basis, np.float64) ** 2).sum(axis=(1, 2)) / basis.shape[1])
    return _single(basis / np.where(size > 0, size, 1)[:, None, None]), _single(size)


def outward(points, triangles):
    """Triangles counter-clockwise seen from outside, and whether they had to be turned; (V, 3), (F, 3) -> (F, 3), bool.

    Outside is where the face looks: to +z, measured by the area that the triangles show there.
    """
    a, b, c = (points[triangles[:, i]] for i in range(3))
    facing = np.cross(b - a, c - a)[:, 2]
    front = a[:, 2] > np.quantile(points[:, 2], 0.5)  # the back of a head looks the other way
    is_inward = facing[front].sum() < 0
    return (triangles[:, [0, 2, 1]] if is_inward else triangles), bool(is_inward)


def mirror_of(points, triangles, landmarks):
    """Partner of each vertex in the mirror, itself where none is within 4 mm; -> (V,), its own inverse."""
    from scipy.spatial import cKDTree

    pairs = points[landmarks] + points[landmarks[FLIP_68]]
    middle = np.median(pairs[:, 0]) / 2
    normals = vertex_normals(points[None], triangles)[0]  # lips that touch look different ways
    places = np.concatenate([points, PAIRED / 2 * normals], axis=1)
    flip = np.array([-1, 1, 1, -1, 1, 1])
    distance, partner = cKDTree(places).query(places * flip + 2 * middle * np.eye(6)[0])
    own = np.arange(len(points))
    agreed = (partner[partner] == own) & (distance < PAIRED)
    return np.where(agreed, partner, own)


def _borrowed_albedo(onto, near, weights, points, count):
    """Colours of the built-in face on another one; where that ends (ears, scalp, neck) they become the average skin's."""
    model = onto.model
    distance = np.linalg.norm(np.einsum("vk,vkc->vc", weights, onto.points[near]) - points, axis=1)
    away = np.clip((distance - FADE[0]) / (FADE[1] - FADE[0]), 0, 1)[:, None]
    skin = model.regions["forehead"] | model.regions["cheeks"]
    blend = lambda values: (1 - away) * np.einsum("vk,vkc->vc", weights, values[near]) + away * values[skin].mean(axis=0)
    modes = (blend(mode * size) for mode, size in zip(model.albedo_basis[:count], model.albedo_deviation[:count], strict=True))
    return blend(model.albedo_mean), np.stack([mode.astype(np.float32) for mode in modes])


def _borrowed_expression(model, near, weights, count):
    count = min(count or model.ranks["expression"], model.ranks["expression"])
    blend = lambda values: np.einsum("vk,vkc->vc", weights, values[near]).astype(np.float32)
    basis, sizes = model.expression_basis[:count], model.expression_deviation[:count]
    modes = np.stack([blend(mode * size) for mode, size in zip(basis, sizes, strict=True)])
    return modes, {name: unit[:count] for name, unit in model.units.items()}


def _single(array):
    return np.ascontiguousarray(array, np.float32)
