"""The morphable face model (Eq. 1): a mean face plus weighted directions of identity, expression and albedo.

    shape  = mean + sum_i identity_i  deviation_i direction_i  + sum_j expression_j deviation_j direction_j     (Eq. 1)
    albedo = mean + sum_k albedo_k    deviation_k direction_k, clipped to [0, 1]

Every coefficient is a number of standard deviations, so a random face has coefficients from N(0, 1). Model frame: x to the
subject's left, y up, z forward out of the face, millimetres. Built in chapter 03.
"""

from dataclasses import dataclass, field, fields, replace

import numpy as np

from mgcbook.arrays import check_shapes, kernels_for, to_device
from mgcbook.tape import primitive

from .normals import vertex_normals


@dataclass(frozen=True, eq=False)
class FaceModel:
    """Mean, bases and semantics of a face; every float array is float32, every index int32."""

    mean: np.ndarray
    """(V, 3) vertices of the mean face, in mm."""
    identity_basis: np.ndarray
    """(Ki, V, 3) directions, without unit; times the deviation they are mm for a coefficient of one."""
    identity_deviation: np.ndarray
    """(Ki,) standard deviation of each mode, falling."""
    expression_basis: np.ndarray
    """(Ke, V, 3)."""
    expression_deviation: np.ndarray
    """(Ke,)."""
    albedo_mean: np.ndarray
    """(V, 3) mean colour in [0, 1]."""
    albedo_basis: np.ndarray
    """(Ka, V, 3)."""
    albedo_deviation: np.ndarray
    """(Ka,)."""
    triangles: np.ndarray
    """(F, 3) vertex indices, counter-clockwise seen from outside."""
    landmark_vertices: np.ndarray
    """(68,) vertex of each landmark in the order of iBUG 300-W."""
    mirror: np.ndarray
    """(V,) index of the left-right partner of each vertex; a vertex of the midline is its own."""
    regions: dict = field(default_factory=dict)
    """Name -> (V,) bool, for example skin, eyes, lips, brows, nose."""
    units: dict = field(default_factory=dict)
    """Name -> (Ke,) expression coefficients of a facial action at full strength, for example jaw_open."""
    name: str = "unnamed"
    license: str = "unknown"

    @property
    def ranks(self):
        """Number of modes: {"identity": Ki, "expression": Ke, "albedo": Ka}."""
        bases = {"identity": self.identity_basis, "expression": self.expression_basis, "albedo": self.albedo_basis}
        return {part: len(basis) for part, basis in bases.items()}

    @check_shapes(identity="B K", expression="B E")
    def shape(self, identity, expression):
        """Vertices of B faces in mm (Eq. 1); (B, Ki), (B, Ke) -> (B, V, 3)."""
        neutral = _combine(self.mean, identity, self.identity_basis, self.identity_deviation, "identity")
        return _combine(neutral, expression, self.expression_basis, self.expression_deviation, "expression")

    @check_shapes(coefficients="B K")
    def albedo(self, coefficients):
        """Skin colours of B faces, clipped to [0, 1] (no gradient where clipped); (B, Ka) -> (B, V, 3)."""
        return np.clip(_combine(self.albedo_mean, coefficients, self.albedo_basis, self.albedo_deviation, "albedo"), 0.0, 1.0)

    @check_shapes(vertices="B V 3")
    def vertex_normals(self, vertices):
        """Unit outward normals at the vertices; (B, V, 3) mm -> (B, V, 3). See the function of the same name."""
        return vertex_normals(vertices, self.triangles)

    @check_shapes(vertices="B V 3")
    def landmarks(self, vertices):
        """The 68 landmark vertices; (B, V, 3) -> (B, 68, 3)."""
        return vertices[:, self.landmark_vertices]

    def sample(self, rng, count, *, identity=1.0, expression=1.0, albedo=1.0):
        """Coefficients of `count` random faces; -> {"identity": (B, Ki), "expression": (B, Ke), "albedo": (B, Ka)} float32.

        Identity and albedo come from N(0, 1). Expressions come from named facial actions where the model has them, because
        independent coefficients give lopsided faces (see `sample_expression`).

        Args:
            rng: numpy.random.Generator.
            identity, expression, albedo: factor on the usual spread; 0 gives the mean.
        """
        draw = lambda rank, spread: (spread * rng.standard_normal((count, rank))).astype(np.float32)
        drawn_identity = draw(self.ranks["identity"], identity)
        drawn_expression = self.sample_expression(rng, count) * np.float32(expression)
        return {"identity": drawn_identity, "expression": drawn_expression, "albedo": draw(self.ranks["albedo"], albedo)}

    def sample_expression(self, rng, count, *, active=0.15, asymmetry=0.2):
        """Expressions made of a few facial actions, never negative, left and right alike; -> (B, Ke) float32.

        Args:
            active: chance that an action takes part in an expression.
            asymmetry: relative difference of left and right, one standard deviation.
        """
        if not self.units:
            return rng.standard_normal((count, self.ranks["expression"])).astype(np.float32)
        actions = {}  # action -> the names of its unit, or of its left and right unit
        for name in self.units:
            if f"{name}_left" not in self.units:  # else it is the sum of two that are in the list
                actions.setdefault(name.removesuffix("_left").removesuffix("_right"), []).append(name)
        coefficients = np.zeros((count, self.ranks["expression"]))
        for names in actions.values():
            strength = (rng.random(count) < active) * rng.beta(1.2, 1.8, count)
            for name in names:
                uneven = np.clip(1 + asymmetry * rng.standard_normal(count), 0, 1.5) if len(names) > 1 else 1
                coefficients += (strength * uneven)[:, None] * self.units[name]
        return coefficients.astype(np.float32)

    def save(self, path):
        """Write the model to a .npz file, complete or not at all. Raises ResourceError if it cannot be written."""
        from mgcbook.face.model_file import save_model

        save_model(self, path)

    @staticmethod
    def load(path):
        """Read a model from a .npz file, never running code from it. Raises DataError if it is not a face model."""
        from mgcbook.face.model_file import load_model

        return load_model(path)

    def to(self, device):
        """The same model with its arrays on "cpu" or "cuda"; `units` stay on the host, where faces are drawn at random."""
        moved = [part.name for part in fields(self) if part.name != "units"]
        return replace(self, **{name: to_device(getattr(self, name), device) for name in moved})


@check_shapes(start="... V 3", coefficients="B K", basis="K V 3", deviation="K")
def combine(start, coefficients, basis, deviation):
    """start + sum_k coefficient_k deviation_k direction_k (Eq. 1), as one matrix product; -> (B, V, 3).

    Args:
        start: (V, 3), or (B, V, 3) for one start per face.
        coefficients: (B, K) in standard deviations.
        basis: (K, V, 3) directions.
        deviation: (K,).
    """
    start = np.reshape(start, (-1, basis.shape[1] * 3))
    flat = _add_modes(start, coefficients * deviation, basis=np.reshape(basis, (len(basis), -1)))
    return np.reshape(flat, (-1, *basis.shape[1:]))


def _combine(start, coefficients, basis, deviation, name):
    if coefficients.shape[1] != len(deviation):
        raise ValueError(f"{name}: expected {len(deviation)} coefficients per face, got shape {tuple(coefficients.shape)}")
    return combine(start, coefficients, basis, deviation)


def _add_modes_twin(start, coefficients, *, basis):
    return start + coefficients @ basis


@primitive(twin=_add_modes_twin)
def _add_modes(start, coefficients, *, basis):
    kernels = kernels_for(coefficients)
    return kernels.add_modes(start, coefficients, basis), lambda g: g, lambda g: kernels.add_modes_gradient(g, basis)
