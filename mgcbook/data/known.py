"""Made-up faces with the coefficients that a network should say: the generator's faces in the words of the fitted model.

The generator knows more ways to differ than the model that is fitted (wrinkles, bumps, freckles). What the model can say of such
a face is the likeliest of its own faces, a ridge regression:

    c = argmin |v - mean - B c|^2 + noise^2 |c|^2
"""

from dataclasses import replace

import numpy as np

from mgcbook.data.scenes import SyntheticConfig, decode
from mgcbook.data.synthetic import SyntheticFaces
from mgcbook.learning.supervised import modes

NOISE_MM, NOISE_COLOR = 6.0, 1.0
"""What a mode has to move in the sum over all vertices to be told from bumps and freckles: root of the sum of squares."""

WIDE = {"single_share": 0.0, "target_yaw_degrees": 65.0, "gap_degrees": (10.0, 36.0), "max_yaw_degrees": 86.0,
        "pitch_degrees": 13.0, "roll_degrees": 9.0, "shift": 0.08, "zoom": 0.12, "occluders": 0.5, "unruly": 0.5, "identity": 1.2,
        "expression": 1.15}  # fmt: skip
"""Settings of `SyntheticConfig` for pictures as a face box cuts them out, up to profiles: from one look the network finds the
landmarks that align the next."""


class KnownFaces:
    """Synthetic faces for `SupervisedLoss`: `batch(indices)` gives images, landmarks, skin, flags and known (B, N, K).

    Args:
        decoder: the Decoder whose coefficients are known; its camera sets the size of the pictures.
        seed: of the faces.
        settings: of `SyntheticConfig` other than WIDE's.
    """

    def __init__(self, decoder, seed=0, **settings):
        config = replace(SyntheticConfig(seed=seed, size=decoder.camera.width, **WIDE), **settings)
        self.faces, self._decoder = SyntheticFaces(config, truth="coefficients"), decoder
        model = decoder.model
        shape = np.concatenate([modes(model, "identity"), modes(model, "expression")])
        self._explain_shape = _ridge(shape, NOISE_MM)
        self._explain_color = _ridge(modes(model, "albedo"), NOISE_COLOR)

    def batch(self, indices):
        """Several items stacked along a new first axis."""
        batch = self.faces.batch(indices)
        truth = batch.pop("truth")
        items = [{name: _nth(values, i) for name, values in truth.items()} for i in range(len(indices))]
        return {**batch, "known": np.stack([self._coefficients(item) for item in items])}

    def _coefficients(self, truth):
        """What the network should say of the views of one item; -> (N, K) float32."""
        model, layout = self._decoder.model, self._decoder.layout
        face = {name: truth[name] for name in ("identity", "expression", "albedo")}
        colors = decode(self.faces.model, face)[1]
        shape = self._explain_shape @ (truth["vertices"] - model.mean).reshape(-1)
        albedo = self._explain_color @ (colors - model.albedo_mean).reshape(-1)
        views, ranks = len(truth["rotation"]), model.ranks
        every = lambda row: np.repeat(np.asarray(row)[None], views, axis=0)
        parts = {"identity": every(shape[: ranks["identity"]]), "expression": every(shape[ranks["identity"] :]),
                 "albedo": every(albedo), "light": every(truth["light"]), **self._pose(truth)}  # fmt: skip
        return layout.join(parts).astype(np.float32)

    def _pose(self, truth):
        rotation = truth["rotation"] + (self.faces.main[0] - self._decoder.main[0])
        return {"rotation": rotation, "translation": self._decoder.translation_part(truth["camera_from_model"])}


def _nth(value, i):
    return tuple(part[i] for part in value) if isinstance(value, tuple) else value[i]


def _ridge(basis, noise):
    """The matrix that gives coefficients for a difference from the mean; (K, V, 3) -> (K, 3 V)."""
    flat = basis.reshape(len(basis), -1).astype(np.float64)
    return np.linalg.solve(flat @ flat.T + noise**2 * np.eye(len(flat)), flat)
