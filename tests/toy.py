"""A toy face for tests: a bent sheet with a nose, smooth colours and a few smooth modes; built in a millisecond."""

import numpy as np

from mgcbook.face.camera import CHIN, NOSE_BASE
from mgcbook.face.morphable import FaceModel


def toy_model(side=17, ranks=(4, 3, 3)):
    """A face-sized sheet of side x side vertices, with named landmarks where a main pose needs them; -> FaceModel."""
    across, up = np.meshgrid(np.linspace(-1, 1, side), np.linspace(1, -1, side))
    mean = _sheet(across, up)
    waves = _waves(across, up, sum(ranks))
    directions = np.random.default_rng(7).normal(size=(sum(ranks), 1, 3))
    bases = np.split(waves[:, :, None] * directions / np.linalg.norm(directions, axis=-1, keepdims=True), np.cumsum(ranks)[:-1])
    identity, expression, albedo = (basis.astype(np.float32) for basis in bases)
    stripes = np.sin(3 * across + up), np.cos(4 * up), np.sin(5 * across * up)
    color = np.stack(stripes, axis=-1) * 0.2 + np.array([0.65, 0.5, 0.4])
    index = np.arange(side * side).reshape(side, side)
    return FaceModel(
        mean=mean.astype(np.float32), identity_basis=identity, expression_basis=expression, albedo_basis=albedo,
        identity_deviation=np.linspace(5, 2, ranks[0], dtype=np.float32), albedo_mean=color.reshape(-1, 3).astype(np.float32),
        expression_deviation=np.linspace(3, 1, ranks[1], dtype=np.float32),
        albedo_deviation=np.linspace(0.08, 0.03, ranks[2], dtype=np.float32), triangles=_triangles(index),
        landmark_vertices=_landmarks(index), mirror=index[:, ::-1].ravel().astype(np.int32),
        regions={"nose": (np.hypot(across, up) < 0.4).ravel()}, name="toy",
    )  # fmt: skip


def _sheet(across, up):
    # The last term is the nose.
    forward = 60 * np.cos(1.2 * across) * np.cos(0.8 * up) + 25 * np.exp(-((across / 0.18) ** 2) - (up / 0.35) ** 2)
    return np.stack([70 * np.sin(1.2 * across), 90 * up, forward], axis=-1).reshape(-1, 3)


def _waves(across, up, count):
    phases = np.arange(count)[:, None, None]
    return np.cos((1 + phases % 3) * across + (1 + phases % 2) * 1.5 * up + phases).reshape(count, -1)


def _triangles(index):
    """Two for each cell, counter-clockwise seen from the front."""
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()
    return np.concatenate([np.stack([a, c, b], axis=1), np.stack([b, c, d], axis=1)]).astype(np.int32)


def _landmarks(index):
    side = len(index)
    landmarks = index[2:-2, 2:-2].ravel()[np.linspace(0, (side - 4) ** 2 - 1, 68).astype(int)]
    landmarks[CHIN], landmarks[NOSE_BASE] = index[-1, side // 2], index[side // 2 + 2, side // 2]
    return landmarks.astype(np.int32)


def toy_coefficients(rng, layout, items, views, *, spread=0.5, yaw=0.3):
    """Random faces of a few views each, float64; the views of an item have coefficients of their own; -> (B, N, K)."""
    coefficients = spread * rng.normal(size=(items, views, layout.size))
    coefficients[..., layout.slices["rotation"]] = yaw * rng.uniform(-1, 1, size=(items, views, 3)) * [0.3, 1, 0.3]
    coefficients[..., layout.slices["translation"]] = rng.normal(size=(items, views, 3)) * [2, 2, 40]
    coefficients[..., layout.slices["light"]] *= 0.2
    return coefficients


def same_face(coefficients, layout):
    """Give all views of an item the face and the light of its first; -> (B, N, K)."""
    shared = np.repeat(coefficients[:, :1], coefficients.shape[1], axis=1)
    for name in ("rotation", "translation"):
        shared[..., layout.slices[name]] = coefficients[..., layout.slices[name]]
    return shared


def toy_batch(rng, camera, items, views, flags):
    """Photographs of noise with landmarks anywhere: nothing agrees, so that no gradient is zero by chance; float64."""
    size = camera.height, camera.width
    return {"images": rng.random((items, views, *size, 3)), "landmarks": rng.random((items, views, 68, 2)) * camera.width,
            "skin": 0.2 + 0.8 * rng.random((items, views, *size)), "flags": np.asarray(flags)}  # fmt: skip
