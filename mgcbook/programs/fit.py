"""Analysis by synthesis: find the 257 numbers of a photograph by falling down the same losses that train the network.

    landmarks --closed form--> pose --68 points, seconds--> pose and shape --whole picture (Eq. 6)--> all 257 numbers

No network takes part. Several photographs of one person share identity and albedo, and the multi-view losses join in.
Built in chapter 07.
"""

import copy
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes, to_device, to_host
from mgcbook.errors import DataError, NumericalError, UsageError
from mgcbook.face.camera import euler_from_rotation, project, transform
from mgcbook.learning.coefficients import Layout
from mgcbook.learning.losses import Weights, landmark_loss, regularisation
from mgcbook.learning.objective import EPIPOLAR, SINGLE_VIEW, total_loss
from mgcbook.learning.optim import adam, init_adam
from mgcbook.programs.first_light import with_light_of
from mgcbook.tape import value_and_grad

# Paper: landmark 1e-3 and regularisation 1e-4, for a network that has seen a million faces; here: more of both, because a fit
# sees one picture, and its mouth would otherwise follow the colours of lips and teeth instead of their outline.
FIT_WEIGHTS = Weights(landmark=5e-3, regularisation=2e-4)
"""Trade-off of the losses in a fit."""

FOUND = 0.1
"""How much landmarks count that a network found, beside given ones."""
STEADY = {"reg_expression": 12.0, "reg_albedo": 5.0}
"""Then moods and skin stay closer to the mean: colours that are fitted to lips and eyes in the wrong place wash them out."""

SHARED = ("identity", "albedo")
"""Parts that photographs of one person have in common."""


@dataclass(frozen=True)
class FitConfig:
    """How a fit proceeds."""

    landmark_steps: int = 300
    """Steps on the 68 landmarks alone, before the picture is looked at."""
    steps: int = 150
    """Steps on the whole picture."""
    rate: float = 0.03
    """Largest change of a coefficient in one step, in standard deviations; falls to a tenth along half a cosine."""
    same_person: bool = True
    """Several photographs show one person: identity and albedo are shared and the multi-view losses take part."""
    light_first: bool = False
    """Begin with mean skin and the light that explains the picture best, whatever the start says of them."""
    weights: Weights = field(default_factory=lambda: FIT_WEIGHTS)
    """Trade-off of the losses."""

    def __post_init__(self):
        if self.steps < 1 or self.landmark_steps < 0 or not self.rate > 0:
            raise UsageError(f"fit: expected steps >= 1, landmark_steps >= 0 and rate > 0, got {self.steps}, "
                             f"{self.landmark_steps} and {self.rate}")  # fmt: skip


def from_found_landmarks(config):
    """The same fit for landmarks that a network found in the picture itself: they start it, and then count little.

    They follow from what the network said, so falling down their loss again teaches nothing, and holds back what the picture
    shows. The light that explains the picture is a better beginning than the network's word for it. How much they count was
    chosen on made-up faces: less makes shapes better in pictures like those that the network learned from, and worse in others.
    """
    untouched = {name: value for name, value in STEADY.items() if getattr(config.weights, name) == getattr(FIT_WEIGHTS, name)}
    weights = replace(config.weights, landmark=FOUND * config.weights.landmark, **untouched)
    return replace(config, landmark_steps=0, light_first=True, weights=weights)


class Progress(NamedTuple):
    """Where a fit stands after a step."""

    step: int
    steps: int
    """Of this stage."""
    losses: dict
    """Name -> number, unweighted, `total` among them."""
    coefficients: np.ndarray
    """(N, K) in the layout of the caller's decoder."""


@check_shapes(landmarks="B 68 2")
def pose_from_landmarks(landmarks, decoder):
    """Rotation and translation coefficients that put the mean face on the landmarks; (B, 68, 2) -> (B, 3) rad, (B, 3) mm.

    Far away a pinhole camera is nearly a scaled parallel projection, and that is linear: least squares give its 2 x 3 matrix,
    the nearest pair of orthogonal rows of equal length is two rows of the rotation, their length the scale f / z.

    Args:
        decoder: a Decoder, to whose main pose the result is an offset.
    Raises:
        DataError: if the landmarks lie on one line or in one point.
    """
    model, camera = decoder.model, decoder.camera
    points = np.asarray(model.mean, np.float64)[model.landmark_vertices]
    middle = points.mean(axis=0)
    rotations, translations = [], []
    for found in np.asarray(landmarks, np.float64):
        projection = np.linalg.lstsq(points - middle, found - found.mean(axis=0), rcond=None)[0].T
        left, scale, right = np.linalg.svd(projection, full_matrices=False)
        if scale[1] < 0.05 * scale[0]:
            raise DataError("landmarks: expected 68 points of a face, found points on one line; check their order and columns")
        rows = left @ right
        rotation = np.stack([rows[0], rows[1], np.cross(rows[0], rows[1])])
        depth = camera.focal / scale.mean()
        middle_camera = np.append((found.mean(axis=0) - camera.center) * depth / camera.focal, depth)
        rotations.append(rotation)
        translations.append(middle_camera - rotation @ middle)
    pose = np.stack(rotations), np.stack(translations)
    angles = euler_from_rotation(pose[0]) - decoder.main[0]
    return np.angle(np.exp(1j * angles)), decoder.translation_part(pose)


@check_shapes(landmarks="number N 68 2", start="number N K")
def fit_landmarks(landmarks, decoder, config=FitConfig(), start=None):
    """Pose, identity and expression from 68 landmarks alone; (N, 68, 2) pixels -> coefficients (N, K).

    Args:
        decoder: a Decoder whose camera belongs to the pixels.
        start: (N, K) coefficients to begin with; None: the mean face, posed by `pose_from_landmarks`.
    """
    scaled = _scaled(decoder)
    points = _landmark_model(decoder.model)
    if start is None:
        start = decoder.zeros(len(landmarks))
        parts = decoder.layout.split(start)
        parts["rotation"], parts["translation"] = pose_from_landmarks(landmarks, decoder)
        start = decoder.layout.join(parts).astype(np.float32)
    landmarks = np.asarray(landmarks, np.float32)
    unit = 224 / decoder.camera.width

    def loss(params):
        parts = scaled.layout.split(_assemble(params, scaled.layout, len(landmarks)))
        pose = decoder.pose(parts)
        predicted = project(transform(*pose, points.shape(parts["identity"], parts["expression"])), decoder.camera)
        error = np.sum(landmark_loss(predicted, landmarks, config.weights.landmark_important)) * unit**2
        return config.weights.landmark * error + config.weights.regularisation * np.sum(regularisation(parts, config.weights))

    best = _to_params(start, decoder, scaled, config)
    for now in _descend(lambda params: (loss(params), {}), best, config.landmark_steps, config.rate):
        best = now.params
    return _to_coefficients(best, decoder, scaled, len(landmarks))


@check_shapes(images="number N H W 3", landmarks="number M 68 2", skin="number N H W", start="number N K")
def fit_steps(images, landmarks, decoder, config=FitConfig(), *, skin=None, start=None, device="cpu"):
    """Fit photographs and report after every step; yields Progress.

    Args:
        images: (N, H, W, 3) in [0, 1], aligned so that the decoder's camera sees them.
        landmarks: (N, 68, 2) in their pixels.
        decoder: a Decoder.
        skin: (N, H, W) confidence that a pixel is skin; None: 1 everywhere.
        start: (N, K) coefficients to begin with, for example a network's; None: `fit_landmarks`.
        device: where the pictures are drawn and compared, "cpu" or "cuda".
    Raises:
        DataError: if photographs and landmarks do not fit, or are not finite.
        NumericalError: if a loss stops being finite.
    """
    images, landmarks = np.asarray(images, np.float32), np.asarray(landmarks, np.float32)
    _check_photographs(images, landmarks, decoder.camera)
    count = len(images)
    start = fit_landmarks(landmarks, decoder, config, start)
    together = config.same_person and count > 1
    order = (1, count) if together else (count, 1)
    skin = np.ones(images.shape[:3], np.float32) if skin is None else np.asarray(skin, np.float32)
    batch = {name: np.reshape(array, (*order, *array.shape[1:])) for name, array in
             dict(images=images, landmarks=landmarks, skin=skin).items()}  # fmt: skip
    batch["flags"] = np.full(order[0], EPIPOLAR if together else SINGLE_VIEW)
    if config.light_first:
        start = with_light_of(images, start, decoder, skin)
    scaled, batch = _scaled(decoder).to(device), to_device(batch, device)
    params = to_device(_to_params(start, decoder, scaled, config), device)

    def loss(params):
        coefficients = np.reshape(_assemble(params, scaled.layout, count), (*order, scaled.layout.size))
        return total_loss(coefficients, batch, scaled, config.weights)

    for now in _descend(loss, params, config.steps, config.rate):
        losses = {name: float(term) for name, term in now.terms.items()}
        yield Progress(now.step, config.steps, losses, _to_coefficients(to_host(now.params), decoder, scaled, count))


def fit(images, landmarks, decoder, config=FitConfig(), *, skin=None, start=None, device="cpu"):
    """Fit photographs to the end; arguments of `fit_steps` -> the last Progress."""
    last = None
    for last in fit_steps(images, landmarks, decoder, config, skin=skin, start=start, device=device):  # noqa: B007
        pass
    return last


# ---------------------------------------------------------------- the descent


class _Now(NamedTuple):
    step: int
    params: dict
    terms: dict


def _descend(loss, params, steps, rate):
    """Adam along half a cosine; yields _Now after each step."""
    gradient, state = value_and_grad(loss, has_aux=True), init_adam(params)
    for step in range(steps):
        (value, terms), grads = gradient(params)
        if not np.isfinite(value):
            bad = next((name for name, term in terms.items() if name != "total" and not np.isfinite(term)), "total")
            raise NumericalError(f"fit: the loss {bad!r} is not finite in step {step + 1}; try a smaller rate")
        now = rate * (0.55 + 0.45 * np.cos(np.pi * step / steps))
        params, state = adam(params, grads, state, now)
        yield _Now(step + 1, params, terms)


def _scaled(decoder):
    """The same decoder whose pose coefficients count in steps that suit Adam: a step of 1 moves every part by a like amount."""
    scaled = copy.copy(decoder)
    scaled.layout = Layout.of(decoder.model, rotation_scale=0.2, translation_scale=(20.0, 20.0, 200.0))
    return scaled


def _to_params(coefficients, decoder, scaled, config):
    """Coefficients (N, K) -> a dict of watched parts; shared parts have one row, the mean of the photographs'."""
    joined = scaled.layout.join(decoder.layout.split(np.asarray(coefficients, np.float32)))
    params = {name: np.ascontiguousarray(joined[:, place]) for name, place in scaled.layout.slices.items()}
    if config.same_person:
        params |= {name: params[name].mean(axis=0, keepdims=True) for name in SHARED}
    return params


def _assemble(params, layout, count):
    """The parts -> one coefficient vector per photograph; shared parts are repeated."""
    rows = [np.broadcast_to(params[name], (count, length)) for name, length in layout.lengths.items()]
    return np.concatenate(rows, axis=1)


def _to_coefficients(params, decoder, scaled, count):
    parts = scaled.layout.split(_assemble(params, scaled.layout, count))
    return decoder.layout.join(parts).astype(np.float32)


def _landmark_model(model):
    """The face model cut down to its 68 landmark vertices."""
    chosen = model.landmark_vertices
    return replace(model, mean=model.mean[chosen], identity_basis=model.identity_basis[:, chosen],
                   expression_basis=model.expression_basis[:, chosen], landmark_vertices=np.arange(68))  # fmt: skip


def _check_photographs(images, landmarks, camera):
    expected = (len(landmarks), camera.height, camera.width, 3)
    if images.shape != expected:
        raise DataError(f"images: expected {expected} like the camera and the landmarks, got {images.shape}; align them first")
    for name, array in (("images", images), ("landmarks", landmarks)):
        if not np.isfinite(array).all():
            raise DataError(f"{name}: expected finite numbers, found NaN or infinity; check the file")
