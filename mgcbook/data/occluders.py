"""What is around and in front of a face: head, neck, ears, hair, hats, glasses, hands, and the inside of the mouth.

All of it is simple geometry in the axes of the face model, fitted to each face, so that the views of a face agree about it and
depth decides what hides what. One list of triangles serves every face; what a face does not wear is not drawn.
"""

from dataclasses import dataclass

import numpy as np

from mgcbook.data.backgrounds import colour
from mgcbook.data.hair import SHELL, covering, head_of
from mgcbook.data.meshes import column, ellipsoid, grid_triangles, holes, smooth, tube
from mgcbook.face.normals import vertex_normals

FINGERS = 5


@dataclass(frozen=True)
class Parts:
    """The topology that all surroundings share."""

    sizes: dict
    """Name -> (vertices, triangles), in order."""
    triangles: np.ndarray
    """(F, 3) int32."""
    mouth: np.ndarray
    """Vertices of the face model around the opening of the mouth; empty if the model is closed there."""

    @classmethod
    def around(cls, model):
        """The topology for a face model."""
        rings = holes(model.triangles)
        mouth = rings[1] if len(rings) > 1 else np.zeros(0, np.int32)
        grids = {"skull": (12, 28, True), "neck": (5, 20, True), "ear_left": (7, 10, True), "ear_right": (7, 10, True),
                 "shell": (*SHELL, True), "visor": (4, 16, False), "rim_left": (25, 5, True), "rim_right": (25, 5, True),
                 "bridge": (4, 5, True), "temple_left": (4, 5, True), "temple_right": (4, 5, True), "lens_left": (2, 25, False),
                 "lens_right": (2, 25, False), "palm": (9, 14, True), "teeth": (2, 12, False)}  # fmt: skip
        grids |= {f"finger_{i}": (7, 7, True) for i in range(FINGERS)}
        if len(mouth):
            grids["mouth"] = (4, len(mouth), True)
        triangles, sizes, start = [], {}, 0
        for name, (rows, columns, closed) in grids.items():
            faces = grid_triangles(rows, columns, closed)
            triangles.append(faces + start)
            sizes[name] = rows * columns, len(faces)
            start += rows * columns
        return cls(sizes, np.concatenate(triangles).astype(np.int32), mouth)


@dataclass(frozen=True)
class Surroundings:
    """The surroundings of one face."""

    vertices: np.ndarray
    """(V, 3) mm, in the axes of the face model."""
    normals: np.ndarray
    """(V, 3) unit."""
    colors: np.ndarray
    """(V, 3) in [0, 1], before light."""
    skin: np.ndarray
    """(V,) skin weight."""
    gloss: np.ndarray
    """(V,) strength of highlights."""
    active: np.ndarray
    """(F,) bool: triangles that are drawn."""
    worn: tuple
    """Names of what can hide the face: fringe, long hair, unruly hair, hat, hood, glasses, sunglasses, hand, thing."""


def sample_surroundings(rng, parts, model, vertices, albedo, *, occluders=0.3, unruly=0.0):
    """Random surroundings of one face; (V, 3) mm, (V, 3) -> Surroundings.

    Args:
        occluders: chance of something that hides a part of the face (glasses, a hand, a hat, a fringe).
        unruly: chance of hair that no edge of the face can be told by, see `mgcbook.data.hair`.
    """
    landmarks = vertices[model.landmark_vertices].astype(float)
    skin_color = np.median(albedo[model.regions["skin"]], axis=0) if "skin" in model.regions else np.median(albedo, axis=0)
    head = head_of(vertices, landmarks)
    made = _body(rng, head, skin_color)
    worn = []
    hides = rng.random(4) < occluders * np.array([0.45, 0.5, 0.35, 0.35])
    made |= covering(rng, head, skin_color, hides[0], hides[1] and not hides[0], worn, unruly)
    if hides[2]:
        made |= _glasses(rng, landmarks, worn)
    if hides[3]:
        made |= _held(rng, landmarks, skin_color, worn)
    made |= _mouth(rng, vertices[parts.mouth].astype(float), landmarks)
    return _assemble(parts, made, tuple(worn))


def _body(rng, head, skin_color):
    skull = ellipsoid(head.center, 0.975 * head.radii, 12, 28)
    wide = (head.left[0] - head.right[0]) / 2
    above = smooth((skull[:, 1] - head.brow - 0.35 * wide) / (0.4 * wide))  # behind the face the skull stays back
    skull[:, 2] = np.minimum(skull[:, 2], head.center[2] + (0.4 + 0.6 * above) * head.radii[2])
    chin, back = head.chin[1], head.center[2]
    neck = column(
        [chin + 32, chin - 8, chin - 22, chin - 30, chin - 85],
        np.array([0.70, 0.68, 0.72, 0.95, 2.9]) * wide,
        np.array([0.62, 0.62, 0.68, 0.85, 1.2]) * wide,
        np.array([0.18, 0.10, 0.04, 0.0, -0.1]) * wide + back,
    )
    cloth = colour(rng)
    neck_color = np.repeat(np.stack([skin_color * 0.8, skin_color * 0.85, skin_color * 0.85, cloth, cloth]), 20, axis=0)
    neck_skin = np.repeat([1.0, 1.0, 1.0, 0.0, 0.0], 20)
    ear = np.array([0.09, 0.40, 0.24]) * wide
    turn = np.deg2rad(25)
    made = {"skull": (skull, skin_color, 0.5, 0.1), "neck": (neck, neck_color, neck_skin, 0.05)}
    for name, at, side in (("ear_left", head.left, 1), ("ear_right", head.right, -1)):
        points = ellipsoid((0, 0, 0), ear, 7, 10)
        points = points + np.outer(points[:, 2], [-0.5 * side, 0, 0]) + np.outer(points[:, 1], [0, 0, -np.tan(turn)])
        made[name] = points + at + [side * 0.05 * wide, 0.02 * wide, -0.12 * wide], skin_color * [1.0, 0.92, 0.9], 0.6, 0.1
    return made


def _glasses(rng, landmarks, worn):
    sun = rng.random() < 0.3
    worn.append("sunglasses" if sun else "glasses")
    color = colour(rng, 0.02, 0.5)
    thick, wide, tall, power = rng.uniform(0.9, 2.2), rng.uniform(23, 28), rng.uniform(16, 23), rng.uniform(2, 4)
    turn = np.linspace(0, 2 * np.pi, 25)
    shape = np.stack([np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** (2 / power) * wide,
                      np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** (2 / power) * tall, np.zeros(25)], axis=-1)  # fmt: skip
    made, inner = {}, []
    depth = max(landmarks[27, 2] + 4, landmarks[36:48, 2].max() + 12)
    for name, side, eye, ear in (("left", 1, landmarks[42:48], landmarks[16]), ("right", -1, landmarks[36:42], landmarks[0])):
        eye = eye.mean(0)
        middle = np.array([eye[0] + 2 * side, eye[1] - 3, depth])
        rim = middle + shape * [1, 1, 0] + np.outer(np.abs(shape[:, 0]), [0, 0, -0.12])
        made[f"rim_{name}"] = tube(rim, thick, closed=True), color, 0.0, 0.5
        hinge = middle + np.array([side * wide, 4, -3])
        path = hinge + np.linspace(0, 1, 4)[:, None] * (ear + np.array([side * 5, 8, 0]) - hinge)
        made[f"temple_{name}"] = tube(path, thick), color, 0.0, 0.3
        inner.append(middle + np.array([-side * wide, 3, 0]))
        if sun:
            made[f"lens_{name}"] = np.concatenate([rim, np.repeat(middle[None], 25, 0)]), color * 0.3 + 0.02, 0.0, 0.8
    made["bridge"] = tube(inner[1] + np.linspace(0, 1, 4)[:, None] * (inner[0] - inner[1]), thick), color, 0.0, 0.5
    return made


def _held(rng, landmarks, skin_color, worn):
    """A hand in front of the cheek, chin or mouth, or some thing of any colour."""
    hand = rng.random() < 0.6
    worn.append("hand" if hand else "thing")
    target = landmarks[rng.choice((3, 5, 8, 11, 13, 48, 54, 57, 17, 26))]
    depth = min(landmarks[30, 2] + rng.uniform(0, 15), target[2] + rng.uniform(25, 40))
    middle = np.array([1.1 * target[0] + rng.normal(0, 8), target[1] + rng.normal(0, 8) - 12, depth])
    color = np.clip(skin_color * rng.uniform(0.75, 1.1) if hand else colour(rng), 0, 1)
    if not hand:
        points = _turned(rng, ellipsoid((0, 0, 0), rng.uniform(14, 36, 3), 9, 14), middle)
        return {"palm": (points, color, 0.0, rng.uniform(0, 0.6))}
    lean = rng.uniform(-1.2, 1.2)
    made = {"palm": (_rolled(ellipsoid((0, -34, 0), (34, 40, 12), 9, 14), lean) + middle, color, 0.0, 0.1)}
    for i in range(FINGERS):
        spread = (i - 1.6) * rng.uniform(0.08, 0.2)
        length = (48, 62, 66, 60, 46)[i] * 0.9
        root = np.array([(i - 2) * 15.0, -6.0 if i else -28.0, 0.0])
        steps = np.linspace(0, 1, 7)
        path = root + np.stack([np.sin(spread) * steps * length, np.cos(spread) * steps * length, -10 * steps**2], axis=-1)
        radius = 8.5 * np.sqrt(np.maximum(1e-4, 1 - np.abs(2 * steps - 1) ** 6))
        made[f"finger_{i}"] = _rolled(tube(path, radius, 7), lean) + middle, color * rng.uniform(0.9, 1.05), 0.0, 0.1
    return made


def _mouth(rng, ring, landmarks):
    """A row of upper teeth that stays with the skull, and a dark bag behind the lips where the face model has a hole there."""
    made = {}
    if len(ring):
        middle = ring.mean(0) + np.array([0, 0, -20.0])
        bag = [ring * (1 - s) + s * middle + np.array([0, 0, -1.5]) for s in (0.0, 0.35, 0.75, 1.0)]
        bag_color = np.array([[0.20, 0.07, 0.06], [0.13, 0.04, 0.04], [0.05, 0.02, 0.02], [0.03, 0.01, 0.01]])
        made["mouth"] = np.concatenate(bag), np.repeat(bag_color, len(ring), axis=0), 0.0, 0.0
    if rng.random() < 0.85:
        upper, drop = landmarks[[61, 62, 63]].mean(0), rng.uniform(0.5, 3.5)
        across = np.linspace(-1, 1, 12)
        half = 0.38 * (landmarks[54, 0] - landmarks[48, 0])
        edge = np.stack([upper[0] + half * across, np.full(12, upper[1] - drop), upper[2] - 5 - 11 * across**2], axis=-1)
        ivory = np.array([0.82, 0.79, 0.70]) * rng.uniform(0.8, 1.05)
        made["teeth"] = np.concatenate([edge + np.array([0, 9, -1]), edge]), ivory, 0.0, 0.3
    return made


def _assemble(parts, made, worn):
    count = sum(vertices for vertices, _ in parts.sizes.values())
    points, colors = np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
    skin, gloss, active = np.zeros(count, np.float32), np.zeros(count, np.float32), np.zeros(len(parts.triangles), bool)
    vertex = triangle = 0
    for name, (vertices, faces) in parts.sizes.items():
        if name in made:
            here = slice(vertex, vertex + vertices)
            points[here], colors[here], skin[here], gloss[here] = made[name]
            active[triangle : triangle + faces] = True
        vertex, triangle = vertex + vertices, triangle + faces
    normals = vertex_normals(points[None], parts.triangles)[0]
    return Surroundings(points, normals.astype(np.float32), np.clip(colors, 0, 1), skin, gloss, active, worn)


def _rolled(points, angle):
    c, s = np.cos(angle), np.sin(angle)
    return points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


def _turned(rng, points, middle):
    basis, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    return points @ basis.T + middle
