"""Which vertex of another face model lies where on the built-in face: for landmarks, regions and colours it does not have.

The built-in mean is moved onto the other mean by a similarity, then its 80 identity modes are fitted to the other surface
(closest points, distances along the other's normals, coefficients kept small), and last a smooth warp takes known landmarks to
their places. Of two faces that lie on each other, what is closest belongs together.

Sources: closest points after Besl and McKay 1992, distances along normals after Chen and Medioni 1992; similarity of landmarks
after Umeyama 1991.
"""

from typing import NamedTuple

import numpy as np

from mgcbook.data import builtin
from mgcbook.errors import DataError
from mgcbook.face.normals import vertex_normals

ROUNDS = 24
MODES = 80
NOISE = 0.5
"""mm of difference between two surfaces that cost as much as a coefficient of one, for _EFFECTIVE points."""
_EFFECTIVE = 300
_ENOUGH = 1000  # closest points for 80 coefficients
WARP = 9.0
"""Width in mm of the warp to known landmarks."""
_FAR, _NEAR = 30.0, 6.0
"""Closest points farther apart than this (mm) do not count, in the first and in the last round."""


class Onto(NamedTuple):
    """The built-in face lying on another one."""

    model: object
    """The built-in FaceModel."""
    points: np.ndarray
    """(Vb, 3) its vertices, in the other's place."""
    normals: np.ndarray
    """(Vb, 3)."""
    distance: float
    """Median distance of the two surfaces, mm."""


def similarity(source, target):
    """scale, rotation (3, 3), translation (3,) that take source points onto target points best (Umeyama 1991); (N, 3) x 2."""
    source_middle, target_middle = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_middle, target - target_middle
    u, strength, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = (strength * sign).sum() / np.maximum((a * a).sum(), 1e-12)
    return scale, rotation, target_middle - scale * rotation @ source_middle


def lay_onto(points, triangles, known, *, level="light"):
    """Fit the built-in face to another mean; (V, 3) mm, (F, 3), {landmark: vertex} -> Onto.

    Args:
        known: landmarks whose vertex is known; without any the two noses are laid on each other first.
        level: resolution of the result.
    Raises:
        DataError: if the two do not lie on each other afterwards: the other is no face, or in other units or axes.
    """
    light = builtin.load("light")
    normals = vertex_normals(points[None], triangles)[0]
    names = np.array(sorted(known), int)
    targets = points[[known[i] for i in names]].reshape(-1, 3)
    coefficients, pose, distance = _fit(light, points, normals, names, targets)
    model = builtin.load(level)
    moved = _place(_shape(model, coefficients), pose)
    inner = names >= 17  # jaw points of other models may lie elsewhere on the jaw
    if inner.sum() >= 4:
        moved = moved + _warp(moved, moved[model.landmark_vertices[names[inner]]], targets[inner])
    return Onto(model, moved, vertex_normals(moved[None], model.triangles)[0], distance)


def _fit(model, points, normals, names, targets):
    from scipy.spatial import cKDTree

    tree = cKDTree(points)
    coefficients = np.zeros(MODES)
    pose = _first_pose(model, points, names, targets)
    basis = _basis(model)
    face = model.regions["front"] & ~model.regions["nostrils"] & ~model.regions["mouth_inner"]
    for step in range(ROUNDS):
        shape = _shape(model, coefficients)
        moved = _place(shape, pose)
        distance, nearest = tree.query(moved)
        agrees = (vertex_normals(moved[None], model.triangles)[0] * normals[nearest]).sum(axis=1) > 0.5
        limit = _FAR + (_NEAR - _FAR) * min(step / (ROUNDS / 2), 1)
        used = np.flatnonzero(face & agrees & (distance < limit))
        if len(used) < 50:
            break
        landmarks = model.landmark_vertices[names]
        pose = similarity(np.concatenate([shape[used], np.repeat(shape[landmarks], 5, axis=0)]),
                          np.concatenate([points[nearest[used]], np.repeat(targets, 5, axis=0)]))  # fmt: skip
        if step >= 4:
            used = used[:: max(len(used) // _ENOUGH, 1)]
            coefficients = _solve(model, basis, pose, points, normals, used, nearest[used], landmarks, targets)
    distance = tree.query(_place(_shape(model, coefficients), pose)[face])[0]
    return coefficients, pose, float(np.median(distance))


def _first_pose(model, points, names, targets):
    if len(names) >= 4:
        return similarity(model.mean[model.landmark_vertices[names]].astype(np.float64), targets)
    nose = points[points[:, 2].argmax()]
    return 1.0, np.eye(3), nose - model.mean[model.mean[:, 2].argmax()]


def _solve(model, basis, pose, points, normals, used, nearest, landmarks, targets):
    """Coefficients that bring the used vertices onto the planes at their partners, and landmarks to their places."""
    scale, rotation, shift = pose
    back = lambda there: (there - shift) @ rotation / scale
    toward = normals[nearest] @ rotation
    along = np.einsum("vck,vc->vk", basis[used], toward)
    off = ((back(points[nearest]) - model.mean[used]) * toward).sum(axis=1)
    weight = _EFFECTIVE / len(used) / NOISE**2
    at = basis[landmarks].reshape(-1, MODES)
    left = weight * along.T @ along + at.T @ at + np.eye(MODES)
    right = weight * along.T @ off + at.T @ (back(targets) - model.mean[landmarks]).reshape(-1)
    return np.linalg.solve(left, right)


def _basis(model):
    """(V, 3, K): what belongs to a vertex lies together."""
    sized = model.identity_basis[:MODES] * model.identity_deviation[:MODES, None, None]
    return np.ascontiguousarray(np.moveaxis(sized, 0, -1))


def _shape(model, coefficients):
    sized = (coefficients * model.identity_deviation[:MODES]).astype(np.float32)
    flat = sized @ model.identity_basis[:MODES].reshape(MODES, -1)
    return (model.mean + flat.reshape(-1, 3)).astype(np.float64)


def _place(shape, pose):
    scale, rotation, shift = pose
    return scale * shape @ rotation.T + shift


def _warp(points, sources, targets):
    """Displacements of points that take `sources` (nearly) to `targets` and fade with distance; (V, 3), (L, 3) x 2 -> (V, 3)."""
    kernel = lambda a, b: np.exp(-((a[:, None] - b) ** 2).sum(axis=-1) / (2 * WARP**2))
    weights = np.linalg.solve(kernel(sources, sources) + 0.1 * np.eye(len(sources)), targets - sources)
    return kernel(points, sources) @ weights


def find_landmarks(onto, points, triangles, known):
    """The 68 landmarks of another model: known ones, and for the others the vertex closest to the built-in's; -> (68,) int32.

    Raises:
        DataError: if two landmarks would be one vertex.
    """
    from scipy.spatial import cKDTree

    normals = vertex_normals(points[None], triangles)[0]
    found, taken = np.full(68, -1), set()
    for i, vertex in known.items():
        if vertex not in taken:  # of two landmarks at one vertex the second is looked for again
            found[i] = vertex
            taken.add(vertex)
    tree = cKDTree(points)
    places = onto.model.landmark_vertices
    for i in np.flatnonzero(found < 0):
        distance, near = tree.query(onto.points[places[i]], k=min(24, len(points)))
        cost = distance + 3 * (1 - normals[near] @ onto.normals[places[i]])  # mm: the other lip is close, but looks elsewhere
        free = [vertex for vertex in near[np.argsort(cost)].tolist() if vertex not in taken]
        if not free:
            raise DataError(f"landmark {i}: no vertex is left near its place; is the mesh much coarser than a face needs?")
        found[i] = free[0]
        taken.add(free[0])
    return found.astype(np.int32)


def carry(onto, points, triangles):
    """How values go from the built-in face to another: four vertices and their weights; -> (V, 4) int, (V, 4), rows sum to 1."""
    from scipy.spatial import cKDTree

    normals = vertex_normals(points[None], triangles)[0]
    distance, near = cKDTree(onto.points).query(points, k=4)
    facing = (onto.normals[near] * normals[:, None]).sum(axis=-1)
    weights = np.maximum(facing, 0.02) / (distance + 0.3) ** 2
    return near, weights / weights.sum(axis=1, keepdims=True)
