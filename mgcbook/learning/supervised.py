"""Learning from known coefficients: what made-up faces allow and photographs do not (beyond the paper).

A made-up face comes with the numbers that it was drawn with, so the network can be told what it should have said. Nothing is
rendered: a step costs little more than the network itself, and a million small pictures go by in an hour on a processor.

Errors are measured where they can be seen. Coefficients are compared by what they do to the face: the mean squared distance of
the vertices of two faces is a quadratic form of the difference of their coefficients,

    1/V |B e|^2 = e^T (B^T B / V) e,

a matrix of 160 x 160 instead of thousands of vertices.
"""

import numpy as np

from mgcbook.arrays import check_array, check_shapes
from mgcbook.face.camera import project, transform
from mgcbook.tape import bare

TINY = 1e-8
"""Inside roots: their slope at 0 is infinite."""

SIZE = 0.2
"""How much of a difference in size alone counts: a photograph shows a small face nearby as it shows a large one far away."""

WEIGHTS = {"landmark": 1.0, "shape": 3.0, "rotation": 10.0, "albedo": 8.0, "light": 10.0}
"""Trade-off of the errors; for percent of the picture's width, mm, radians, colours in [0, 1] and light coefficients. In the
middle of a training each contributes about as much as the next."""


class SupervisedLoss:
    """Compare coefficients with known ones; for one face model and one camera.

    Args:
        decoder: the Decoder that the coefficients belong to; its arrays have to be on the host.
    """

    def __init__(self, decoder):
        model = decoder.model
        self._decoder = decoder
        shape = np.concatenate([modes(model, "identity"), modes(model, "expression")])
        self._shape = _quadratic(without_motions(shape, model.mean, size=SIZE))
        self._albedo = _quadratic(modes(model, "albedo")) / np.float32(3)  # a mean over three channels, not their sum
        places = model.landmark_vertices
        self._landmarks = model.mean[places].reshape(-1), shape[:, places].reshape(len(shape), -1).astype(np.float32)

    @check_shapes(coefficients="B N K")
    def __call__(self, coefficients, batch):
        """The weighted sum of the mean errors, and these; (B, N, K) -> (scalar, terms).

        Args:
            coefficients: what the network says.
            batch: dict with known (B, N, K), the coefficients of each view, and landmarks (B, N, 68, 2) in pixels.
        Returns:
            (loss, terms): landmark in % of the picture's width, shape in mm without rigid motion and most of the size,
            rotation in radians, albedo as a distance of colours, light; bare numbers, and "total".
        Raises:
            ValueError: if the arrays of the batch do not fit the coefficients.
        """
        items, views, size = coefficients.shape
        for name, shape in {"known": (items, views, size), "landmarks": (items, views, 68, 2)}.items():
            if name not in batch:
                raise ValueError(f"batch: expected known and landmarks; {name} is missing: are these faces with truth?")
            check_array("SupervisedLoss", f"batch[{name!r}]", batch[name], f"{' '.join(map(str, shape))}")
        layout = self._decoder.layout
        found = layout.split(np.reshape(coefficients, (items * views, size)))
        known = layout.split(np.reshape(batch["known"], (items * views, size)))
        errors = {
            "landmark": self._landmark_error(found, np.reshape(batch["landmarks"], (-1, 68, 2))),
            "shape": _length_in(self._shape, _together(found) - _together(known)),
            "rotation": _rotation_error(self._decoder.pose(found)[0], self._decoder.pose(known)[0]),
            "albedo": _length_in(self._albedo, found["albedo"] - known["albedo"]),
            "light": np.sqrt(np.mean((found["light"] - known["light"]) ** 2, axis=(1, 2)) + TINY),
        }
        terms = {name: np.mean(error) for name, error in errors.items()}
        loss = sum(WEIGHTS[name] * term for name, term in terms.items())
        return loss, {"total": bare(loss), **{name: bare(term) for name, term in terms.items()}}

    def _landmark_error(self, found, truth):
        """Mean distance of the 68 landmarks in % of the picture's width; -> (B,)."""
        mean, basis = self._landmarks
        points = np.reshape(mean + _together(found) @ basis, (-1, 68, 3))
        camera = self._decoder.camera
        distance = project(transform(*self._decoder.pose(found), points), camera) - truth
        return 100 / camera.width * np.mean(np.sqrt(np.sum(distance**2, axis=-1) + TINY), axis=1)


def modes(model, name):
    """What one coefficient does to every vertex: directions times deviations; name -> (K, V, 3)."""
    return getattr(model, f"{name}_deviation")[:, None, None] * getattr(model, f"{name}_basis")


@check_shapes(basis="number K V 3", mean="number V 3")
def without_motions(basis, mean, size=1.0):
    """Directions less what a small shift or turn of the whole face explains; (K, V, 3), (V, 3) -> (K, V, 3).

    A photograph cannot tell a face that lies further back in the model's axes from one that was moved there: the pose takes
    care of that, and the shape is not to be blamed for it.

    Args:
        size: what is left of a change of size: 1 all, 0 nothing.
    """
    centered = mean - mean.mean(axis=0)
    shifts = np.broadcast_to(np.eye(3)[:, None], (3, *mean.shape))
    turns = np.stack([np.cross(axis, centered) for axis in np.eye(3)])
    directions = np.linalg.qr(np.concatenate([shifts, turns]).reshape(6, -1).T)[0]
    flat = basis.reshape(len(basis), -1)
    flat = flat - (flat @ directions) @ directions.T
    larger = centered.reshape(-1) / np.linalg.norm(centered)  # no motion turns or shifts it
    return (flat - (1 - size) * np.outer(flat @ larger, larger)).reshape(basis.shape)


def _quadratic(basis):
    """G with e^T G e the mean over vertices of |sum_k e_k basis_k|^2; (K, V, 3) -> (K, K) float32."""
    flat = basis.reshape(len(basis), -1).astype(np.float64)
    return (flat @ flat.T / basis.shape[1]).astype(np.float32)


def _length_in(quadratic, difference):
    """Root of e^T G e for every row; (K, K), (B, K) -> (B,)."""
    return np.sqrt(np.sum((difference @ quadratic) * difference, axis=1) + TINY)


def _rotation_error(found, known):
    """About the angle between two rotations, in radians where it is small; (B, 3, 3) x 2 -> (B,)."""
    return np.sqrt(0.5 * np.sum((found - known) ** 2, axis=(1, 2)) + TINY)


def _together(parts):
    return np.concatenate([parts["identity"], parts["expression"]], axis=1)
