"""What the readers of face models have in common: numbers of a file -> millimetres, modes, vertex numbers from 0.

    Parts: mean, modes as mm for one standard deviation, triangles, what is known of the landmarks; albedo only where it exists

`finish.finish` turns them into a FaceModel.
"""

from dataclasses import dataclass, field

import numpy as np

from mgcbook.errors import DataError

MOST_VERTICES = 500_000
MOST_MODES = 1000


@dataclass
class Parts:
    """A face model as it was read, in the axes and units of the package."""

    mean: np.ndarray
    """(V, 3) mm: x to the subject's left, y up, z out of the face."""
    identity: np.ndarray
    """(Ki, V, 3) mm for a coefficient of one."""
    expression: np.ndarray
    """(Ke, V, 3) mm for a coefficient of one; Ke may be 0."""
    triangles: np.ndarray
    """(F, 3) vertices from 0, in any winding."""
    name: str
    license: str
    albedo_mean: np.ndarray | None = None
    """(V, 3) in [0, 1], or None where the model has no colours."""
    albedo: np.ndarray | None = None
    """(Ka, V, 3) for a coefficient of one."""
    landmarks: dict = field(default_factory=dict)
    """Landmark 0..67 -> vertex, as far as the model says it."""
    mirror: np.ndarray | None = None
    """(V,) partner of each vertex, or None."""
    units: dict = field(default_factory=dict)
    """Name -> (Ke,) coefficients."""
    regions: dict = field(default_factory=dict)
    """Name -> (V,) bool."""
    notes: list = field(default_factory=list)
    """What a user should know about the conversion; goes into the model card."""

    def keep(self, vertices):
        """The same model with these vertices only, in this order; triangles and landmarks that lose a corner go."""
        vertices = np.asarray(vertices)
        place = np.full(len(self.mean), -1)
        place[vertices] = np.arange(len(vertices))
        triangles = place[self.triangles]
        partner = None if self.mirror is None else place[self.mirror[vertices]]
        return Parts(
            self.mean[vertices],
            self.identity[:, vertices],
            self.expression[:, vertices],
            triangles[(triangles >= 0).all(axis=1)],
            self.name,
            self.license,
            None if self.albedo_mean is None else self.albedo_mean[vertices],
            None if self.albedo is None else self.albedo[:, vertices],
            {i: int(place[v]) for i, v in self.landmarks.items() if place[v] >= 0},
            None if partner is None else np.where(partner < 0, np.arange(len(vertices)), partner),
            self.units,
            {name: mask[vertices] for name, mask in self.regions.items()},
            self.notes,
        )


def points(flat, where, *, unit=1.0):
    """x1 y1 z1 x2 ... in one column or row -> (V, 3) float64, times `unit`.

    Raises:
        DataError: if the count is no multiple of 3, or there are too many.
    """
    flat = np.asarray(flat, np.float64).reshape(-1)
    if flat.size % 3 or not 3 * 4 <= flat.size <= 3 * MOST_VERTICES:
        raise DataError(f"{where}: expected x, y, z of 4 to {MOST_VERTICES} vertices, found {flat.size} numbers")
    return flat.reshape(-1, 3) * unit


def modes(basis, vertex_count, where, *, count=None, deviation=None, unit=1.0):
    """A basis (3 V, K) with one mode in a column -> (K, V, 3) float32 for a coefficient of one.

    Args:
        basis: as in the file.
        count: take the first so many.
        deviation: (K,) standard deviations that are not yet in the basis, or None.
        unit: mm for one in the file.
    Raises:
        DataError: if the basis does not fit the mean or the deviations.
    """
    basis = np.asarray(basis)
    if basis.ndim == 3:
        basis = basis.reshape(-1, basis.shape[-1])
    if basis.ndim != 2 or basis.shape[0] != 3 * vertex_count or not 1 <= basis.shape[1] <= MOST_MODES:
        raise DataError(
            f"{where}: expected ({3 * vertex_count}, modes) for a mean of {vertex_count} vertices, found {basis.shape}"
        )
    count = basis.shape[1] if count is None else min(count, basis.shape[1])
    scale = np.full(count, unit)
    if deviation is not None:
        deviation = np.asarray(deviation, np.float64).reshape(-1)
        if len(deviation) < count or (deviation < 0).any():
            raise DataError(f"{where}: expected {count} deviations of at least 0, found {len(deviation)}")
        scale = scale * deviation[:count]
    return np.ascontiguousarray((basis[:, :count] * scale).T, np.float32).reshape(count, vertex_count, 3)


def vertex_numbers(array, vertex_count, where, *, first):
    """Vertex numbers of a file that counts from `first` (0 or 1) -> int array of the same shape, from 0.

    Raises:
        DataError: for numbers that are no whole numbers, or outside the mesh.
    """
    array = np.asarray(array)
    whole = array.astype(np.int64)
    if not (whole == array).all():
        raise DataError(f"{where}: expected whole vertex numbers, found {array.reshape(-1)[:3]} ...")
    if whole.size and not (whole.min() >= first and whole.max() < vertex_count + first):
        raise DataError(f"{where}: expected vertex numbers from {first} to {vertex_count - 1 + first}, "
                        f"found {whole.min()} to {whole.max()}; does the file belong to another mesh?")  # fmt: skip
    return whole - first


def triangle_list(array, vertex_count, where, *, first):
    """Triangles (F, 3) or (3, F) -> (F, 3) int, from 0.

    Raises:
        DataError: for another shape, or corners outside the mesh.
    """
    array = np.asarray(array)
    if array.ndim == 2 and array.shape[0] == 3 and array.shape[1] != 3:
        array = array.T
    if array.ndim != 2 or array.shape[1] != 3 or not 1 <= len(array) <= 4 * MOST_VERTICES:
        raise DataError(f"{where}: expected triangles (F, 3), found {array.shape}")
    return vertex_numbers(array, vertex_count, where, first=first)


def landmark_dict(array, vertex_count, where, *, first):
    """68 vertex numbers -> {landmark: vertex}.

    Raises:
        DataError: if there are not 68, or they are outside the mesh.
    """
    array = np.asarray(array).reshape(-1)
    if len(array) != 68:
        raise DataError(f"{where}: expected 68 landmarks, found {len(array)}")
    return dict(enumerate(vertex_numbers(array, vertex_count, where, first=first).tolist()))


def blend_modes(shapes, names, *, spread):
    """Blend shapes that overlap (K, V, 3), mm at weight 1 -> orthogonal modes (K', V, 3) and units {name: (K',)}.

    Weights with standard deviation `spread` become coefficients from N(0, 1); any weights can still be reached exactly: those of
    shape i at weight 1 are `units[names[i]]`.
    """
    count = len(shapes)
    flat = (spread * shapes).reshape(count, -1).astype(np.float64)
    values, vectors = np.linalg.eigh(flat @ flat.T)  # the small side: the number of shapes, not of vertices
    order = np.argsort(values)[::-1]
    values, vectors = values[order], vectors[:, order]
    vectors = vectors[:, values > 1e-10 * values[0]]
    vectors = vectors * np.where(vectors[np.abs(vectors).argmax(axis=0), range(vectors.shape[1])] < 0, -1, 1)
    found = (vectors.T @ flat).astype(np.float32).reshape(vectors.shape[1], *shapes.shape[1:])
    return found, {name: (vectors[i] / spread).astype(np.float32) for i, name in enumerate(names)}
