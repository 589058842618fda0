"""What stands in front of the cameras: a random face, its light and surroundings, and the poses of the views.

Three views of one face are taken as the multi-view photographs of the paper are: a target and two sources at neighbouring yaw
angles on either side, each cropped and aligned by its landmarks (Sec. 4.1). The crop is part of the pose: turning, moving and
scaling the picture is turning the camera about its axis, moving it and bringing it nearer, so that the truth stays exact.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from mgcbook.data.align import alignment_template
from mgcbook.data.illumination import Lighting, dot, harder, sample_lighting
from mgcbook.data.landmarks import five_points
from mgcbook.data.occluders import Surroundings, sample_surroundings
from mgcbook.errors import UsageError
from mgcbook.face.camera import PAPER_CAMERA, camera_from_model, euler_from_rotation, project, rotation_from_euler, transform

LIMITS = {"seed": (0, 2**32 - 1), "size": (16, 4096), "views": (1, 64), "single_share": (0, 1), "target_yaw_degrees": (0, 89),
          "max_yaw_degrees": (0, 89), "detail": (0, 5), "occluders": (0, 1), "unruly": (0, 1), "supersample": (1, 8),
          "perspective": (0.1, 10), "harshness": (0.1, 10)}  # fmt: skip
"""Smallest and largest value of settings."""


@dataclass(frozen=True)
class SyntheticConfig:
    """Settings of the synthetic faces. Same settings, same faces."""

    seed: int = 0
    """Start of all randomness, 0 to 2^32 - 1."""
    size: int = 64
    """Width and height of the pictures in pixels."""
    views: int = 3
    """Pictures of each item: a target and its sources."""
    single_share: float = 0.2
    """Part of the items whose pictures show one person at different moments: flag 0, no multi-view losses (Sec. 4.1)."""
    target_yaw_degrees: float = 25.0
    """The target looks at most so far to the side."""
    gap_degrees: tuple[float, float] = (12.0, 32.0)
    """Smallest and largest difference of yaw between target and source."""
    max_yaw_degrees: float = 80.0
    """No view looks further to the side."""
    pitch_degrees: float = 9.0
    """Standard deviation of looking up and down."""
    roll_degrees: float = 4.0
    """Standard deviation of what the alignment leaves of the roll, and of its own mistakes."""
    shift: float = 0.02
    """Standard deviation of the crop's position, as a part of the width."""
    zoom: float = 0.05
    """Standard deviation of the logarithm of the crop's scale."""
    identity: float = 1.0
    """Spread of identities, 1: the model's own."""
    expression: float = 1.0
    """Spread of expressions."""
    albedo: float = 1.0
    """Spread of skin colours."""
    detail: float = 0.6
    """Root mean square of the bumps that no mode of the model has, in mm."""
    occluders: float = 0.3
    """How often something hides a part of the face."""
    unruly: float = 0.0
    """How often hair has the colour of skin, falls in clumps and lies on the cheeks."""
    perspective: float = 1.0
    """So many times nearer the camera stands, with a lens so many times wider; 1: the paper's five metres."""
    harshness: float = 1.0
    """Of the light: above 1 lamps are stronger and more coloured, and less comes from everywhere."""
    scenery: Literal["mixed", "patterns"] = "mixed"
    """What is behind the face: rooms, landscapes, backdrops; or stripes, checks and dots with sharp edges."""
    supersample: int = 2
    """Rays across one pixel; the pictures are averages, as in a camera."""
    held_out: bool = False
    """Faces of the test set: another stream of random numbers, which no training item shares."""

    def __post_init__(self):
        for name, (low, high) in LIMITS.items():
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name}: expected {low} to {high}, got {getattr(self, name)}")
        if not 0 <= self.gap_degrees[0] <= self.gap_degrees[1]:
            raise UsageError(f"gap_degrees: expected (smallest, largest), got {self.gap_degrees}")

    @property
    def camera(self):
        """The paper's camera for pictures of this size, as near as `perspective` says."""
        camera = PAPER_CAMERA.resized(self.size, self.size)
        return replace(camera, focal=camera.focal / self.perspective)


@dataclass(frozen=True)
class Scene:
    """One face at one moment, seen by one or several cameras."""

    identity: np.ndarray
    """(Ki,) coefficients of the generator's model."""
    expression: np.ndarray
    """(Ke,)."""
    albedo: np.ndarray
    """(Ka,)."""
    waves: tuple
    """What the bumps consist of, see `sample_waves`."""
    vertices: np.ndarray
    """(V, 3) mm, with the bumps."""
    colors: np.ndarray
    """(V, 3) skin colour before light."""
    lighting: Lighting
    surroundings: Surroundings
    rotation_offset: np.ndarray
    """(N, 3) radians, from the main pose."""
    translation_offset: np.ndarray
    """(N, 3) mm."""
    camera_from_model: tuple
    """(rotation (N, 3, 3), translation (N, 3)) float32."""
    yaw: np.ndarray
    """(N,) radians."""


def sample_face(rng, model, config):
    """Coefficients of a random face; -> {"identity": (Ki,), "expression": (Ke,), "albedo": (Ka,)} float32."""
    drawn = model.sample(rng, 1, identity=config.identity, expression=config.expression, albedo=config.albedo)
    return {name: values[0] for name, values in drawn.items()}


def build_scene(rng, model, parts, main, face, yaw, config):
    """A scene with a given face: bumps, light, surroundings and a pose for each yaw angle; (N,) radians -> Scene."""
    vertices, colors = decode(model, face)
    waves = sample_waves(rng, config.detail)
    vertices = vertices + bumps(model, waves)
    worn = {"occluders": config.occluders, "unruly": config.unruly}
    surroundings = sample_surroundings(rng, parts, model, vertices, colors, **worn)
    rotation, translation = sample_poses(rng, model, vertices, main, yaw, config)
    pose = camera_from_model(rotation, translation, main)
    single = np.float32
    return Scene(**face, waves=waves, vertices=vertices, colors=colors, surroundings=surroundings,
                 lighting=harder(sample_lighting(rng), config.harshness),
                 rotation_offset=rotation.astype(single), translation_offset=translation.astype(single),
                 camera_from_model=(pose[0].astype(single), pose[1].astype(single)), yaw=np.asarray(yaw))  # fmt: skip


def decode(model, face):
    """Vertices and skin colours of one face (Eq. 1); -> (V, 3) mm, (V, 3) float32.

    The same as `model.shape` and `model.albedo`, but summed by NumPy itself: a matrix product of BLAS may round otherwise when
    other threads are at work, and an item has to have the same bits wherever it is made.
    """
    parts = {"identity": model.identity_deviation, "expression": model.expression_deviation, "albedo": model.albedo_deviation}
    scaled = {name: face[name] * deviation for name, deviation in parts.items()}
    vertices = model.mean + np.einsum("k,kvi->vi", scaled["identity"], model.identity_basis)
    vertices = vertices + np.einsum("k,kvi->vi", scaled["expression"], model.expression_basis)
    colors = model.albedo_mean + np.einsum("k,kvi->vi", scaled["albedo"], model.albedo_basis)
    return vertices, np.clip(colors, 0, 1)


def bumps(model, waves):
    """Displacements along the mean face's normals that no mode of the model has; waves of `sample_waves` -> (V, 3) float32."""
    height = np.zeros(len(model.mean), np.float32)
    for wave, start, size in zip(*waves, strict=True):
        height += size * np.cos(dot(model.mean, wave) + start)
    return height[:, None] * mean_normals(model)


def sample_waves(rng, strength, count=12):
    """Waves of 12 to 40 mm: the height is sum_i size_i cos(x . wave_i + start_i); -> (C, 3), (C,), (C,) float32.

    Args:
        strength: root mean square in mm; 0 for none (the random numbers are drawn all the same).
    """
    direction = rng.standard_normal((count, 3))
    wavelength = np.exp(rng.uniform(np.log(12), np.log(40), count))
    waves = (2 * np.pi / wavelength)[:, None] * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    phase = rng.uniform(0, 2 * np.pi, count)
    sizes = wavelength * strength * np.sqrt(2) / np.linalg.norm(wavelength)
    return waves.astype(np.float32), phase.astype(np.float32), sizes.astype(np.float32)


@lru_cache(maxsize=4)
def mean_normals(model):
    """Normals of the mean face; (V, 3) float32."""
    return model.vertex_normals(model.mean[None])[0].astype(np.float32)


def sample_yaw(rng, config):
    """Yaw of the target and of sources left and right of it, further out with every pair; -> (N,) radians."""
    target = rng.uniform(-1, 1) * config.target_yaw_degrees
    yaw, reach = [target], {-1: target, 1: target}
    first = rng.choice((-1, 1))
    for source in range(1, config.views):
        side = first if source % 2 else -first
        reach[side] += side * rng.uniform(*config.gap_degrees)
        yaw.append(reach[side])
    return np.deg2rad(np.clip(yaw, -config.max_yaw_degrees, config.max_yaw_degrees))


def sample_single_yaw(rng, config):
    """Yaw of one photograph taken anywhere, mostly from the front; -> (1,) radians."""
    return np.deg2rad(np.clip(rng.normal(0, 0.45 * config.max_yaw_degrees, 1), -config.max_yaw_degrees, config.max_yaw_degrees))


def sample_poses(rng, model, vertices, main, yaw, config):
    """Poses of one face at the given yaw angles in crops aligned by its landmarks; -> offsets (N, 3) radians, (N, 3) mm.

    The alignment is the similarity that brings five points (eyes, nose, corners of the mouth) onto those of the mean face, with
    random mistakes in turn, scale and place.
    """
    camera, count = config.camera, len(yaw)
    angles = np.stack([rng.normal(0, np.deg2rad(config.pitch_degrees), count), np.asarray(yaw), np.zeros(count)], axis=-1)
    turn = rng.normal(0, np.deg2rad(config.roll_degrees), count)
    zoom = np.exp(rng.normal(0, config.zoom, count))
    shift = rng.normal(0, config.shift * config.size, (count, 2))
    rotation = rotation_from_euler(angles + main[0])
    translation = np.repeat(main[1][None], count, axis=0)
    template = five_points(alignment_template(model, camera))[None]
    points = np.repeat(model.landmarks(vertices[None].astype(float)), count, axis=0)
    for last in (False, True):
        seen = transform(rotation, translation, points)
        factor, angle, start, goal = similarity(five_points(project(seen, camera)), template)
        if last:
            factor, angle, goal = factor * zoom, angle + turn, goal + shift
        rotation, translation = _recropped(rotation, translation, seen[..., 2].mean(-1), factor, angle, start, goal, camera)
    offset = euler_from_rotation(rotation) - main[0]
    return (offset + np.pi) % (2 * np.pi) - np.pi, translation - main[1]


def similarity(points, template):
    """Least-squares turn, scale and shift of points onto a template; (B, P, 2), (1, P, 2) -> scale (B,), angle (B,), two middles.

    The middle of the points goes to the middle of the template. The points are two-dimensional vectors x + i y, so that turn and
    scale are one complex number.
    """
    start, goal = points.mean(1), template.mean(1) + np.zeros((len(points), 2))
    from_middle, to_middle = ((p - p.mean(1, keepdims=True)) @ np.array([1, 1j]) for p in (points, template))
    factor = (from_middle.conj() * to_middle).sum(1) / (np.abs(from_middle) ** 2).sum(1)
    return np.abs(factor), np.angle(factor), start, goal


def _recropped(rotation, translation, depth, factor, angle, start, goal, camera):
    """The pose whose picture is turned, scaled and shifted so that `start` comes to `goal` (pixels)."""
    zero = np.zeros_like(angle)
    about_axis = rotation_from_euler(np.stack([zero, zero, angle], axis=-1))
    rotation = about_axis @ rotation
    translation = (about_axis @ translation[..., None])[..., 0]
    middle = (start - camera.center) * factor[:, None]
    c, s = np.cos(angle), np.sin(angle)
    turned = np.stack([c * middle[:, 0] - s * middle[:, 1], s * middle[:, 0] + c * middle[:, 1]], axis=-1)
    nearer = depth / factor
    translation[:, 2] += nearer - depth
    translation[:, :2] += (goal - camera.center - turned) * nearer[:, None] / camera.focal
    return rotation, translation
