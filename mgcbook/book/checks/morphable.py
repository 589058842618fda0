"""Exercises of chapter 03: combine, vertex_normals."""

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.face import morphable, normals
from mgcbook.tape import value_and_grad

# ---------------------------------------------------------------- 3.1

combine = exercise("3.1", morphable.combine)

START = np.arange(12.0).reshape(4, 3)
BASIS = np.array([[[1.0, 0, 0]] * 4, [[0.0, 1, 0]] * 4, [[0.0, 0, 1]] * 2 + [[0.0, 0, -1]] * 2])
DEVIATION = np.array([3.0, 2.0, 0.5])


@combine.question("returns B faces of V points")
def _(combine):
    return np.shape(combine(START, np.zeros((2, 3)), BASIS, DEVIATION)), (2, 4, 3)


@combine.question("all coefficients 0: the start, nothing else")
def _(combine):
    return combine(START, np.zeros((1, 3)), BASIS, DEVIATION), START[None]


@combine.question("the first coefficient 1: every point moves by 3, one deviation, along x")
def _(combine):
    return combine(START, np.array([[1.0, 0, 0]]), BASIS, DEVIATION)[0, 0], (3, 1, 2)


@combine.question("two faces, each with its own coefficients")
def _(combine):
    moved = combine(START, np.array([[1.0, 0, 0], [0, -1, 4]]), BASIS, DEVIATION)
    return moved - START, [[[3, 0, 0]] * 4, [[0, -2, 2]] * 2 + [[0, -2, -2]] * 2]


@combine.question("every face may have a start of its own, for expressions begin where identity ends")
def _(combine):
    start = np.stack([START, 10 * START])
    return combine(start, np.array([[1.0, 0, 0], [0, 0, 0]]), BASIS, DEVIATION), np.stack(
        [START + np.array([3, 0, 0]), 10 * START]
    )


@combine.question("the tape can differentiate it")
def _(combine):
    loss = lambda c: np.sum(combine(START, c, BASIS, DEVIATION) * START)
    return value_and_grad(loss)(np.array([[0.3, -1.0, 0.5]]))[1], [[54.0, 44.0, -6.0]]


def _mixed(coefficients, basis):
    return np.einsum("bk,kvc->bvc", coefficients, basis)


@combine.mistake("A coefficient counts standard deviations: multiply each by the deviation of its mode.")
def forgets_deviation(start, coefficients, basis, deviation):
    return start + _mixed(coefficients, basis)


@combine.mistake("That is the variance. The deviation itself is the length of one step, in mm.")
def squares_deviation(start, coefficients, basis, deviation):
    return start + _mixed(coefficients * deviation**2, basis)


@combine.mistake("Divided by the deviation, rare modes get large: multiply by it.")
def divides(start, coefficients, basis, deviation):
    return start + _mixed(coefficients / deviation, basis)


@combine.mistake("Only the difference is returned: begin at `start`.")
def forgets_start(start, coefficients, basis, deviation):
    return _mixed(coefficients * deviation, basis)


@combine.mistake("All faces got the coefficients of the first one: keep the letter b.")
def first_face_only(start, coefficients, basis, deviation):
    return start + 0 * coefficients[:, :1, None] + _mixed(coefficients[:1] * deviation, basis)


@combine.mistake(
    "Numbers stored into a prepared array lose their history, and no gradient can flow: one product, np.einsum or @."
)
def stores_into_array(start, coefficients, basis, deviation):
    out = np.zeros((len(coefficients), *basis.shape[1:])) + start
    for b in range(len(coefficients)):
        for k in range(len(basis)):
            out[b] = out[b] + coefficients[b, k] * deviation[k] * basis[k]
    return out


# ---------------------------------------------------------------- 3.2

vertex_normals = exercise("3.2", normals.vertex_normals)

FLAT = np.array([[[0.0, 0, 5], [2, 0, 5], [0, 2, 5]]]), np.array([[0, 1, 2]])
# A roof over the edge from point 0 to point 1: a small triangle that looks to z, a large one that looks to x.
ROOF = np.array([[[0.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, 0, -4]]]), np.array([[0, 1, 2], [1, 0, 3]])


@vertex_normals.question("returns one normal for each point")
def _(vertex_normals):
    return np.shape(vertex_normals(*ROOF)), (1, 4, 3)


@vertex_normals.question("a triangle that runs counter-clockwise, as we see it, looks at us: (0, 0, 1)")
def _(vertex_normals):
    return vertex_normals(*FLAT), [[[0, 0, 1]] * 3]


@vertex_normals.question("two triangles count the same, small or large")
def _(vertex_normals):
    return vertex_normals(*ROOF)[0, :2], [[np.sqrt(0.5), 0, np.sqrt(0.5)]] * 2


@vertex_normals.question("the points that belong to one triangle have its normal")
def _(vertex_normals):
    return vertex_normals(*ROOF)[0, 2:], [[0, 0, 1], [1, 0, 0]]


@vertex_normals.question("two faces at once, and any size of them")
def _(vertex_normals):
    points, triangles = ROOF
    both = np.concatenate([points, 1000 * points[..., [1, 2, 0]]])
    return vertex_normals(both, triangles), normals.vertex_normals(both, triangles)


def _of_triangles(vertices, triangles, unit=True):
    a, b, c = (vertices[:, triangles[:, i]] for i in range(3))
    n = np.cross(b - a, c - a)
    return n / np.linalg.norm(n, axis=-1, keepdims=True) if unit else n


def _gathered(vertices, triangles, of_triangles):
    out = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(out, (slice(None), triangles[:, corner]), of_triangles)
    return out


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _right(vertices, triangles):
    return _unit(_gathered(vertices, triangles, _of_triangles(vertices, triangles)))


@vertex_normals.mistake("Those look inwards: (b - a) x (c - a), in this order, looks to where a, b, c run counter-clockwise.")
def looks_inwards(vertices, triangles):
    return -_right(vertices, triangles)


@vertex_normals.mistake(
    "The large triangle counts more: make each triangle's normal unit before you add, as the paper's program does."
)
def weights_by_area(vertices, triangles):
    return _unit(_gathered(vertices, triangles, _of_triangles(vertices, triangles, unit=False)))


@vertex_normals.mistake("A sum of unit normals is longer than one: divide it by its length.")
def forgets_unit(vertices, triangles):
    return _gathered(vertices, triangles, _of_triangles(vertices, triangles))


@vertex_normals.mistake("A mean of unit normals is shorter than one: divide it by its length, not by how many there were.")
def averages(vertices, triangles):
    counts = np.zeros(vertices.shape[1])
    np.add.at(counts, triangles, 1)
    return forgets_unit(vertices, triangles) / counts[:, None]


@vertex_normals.mistake("out[:, index] += ... stores a repeated index only once (chapter 1): add with np.add.at or scatter_add.")
def loses_repeated(vertices, triangles):
    out = np.zeros_like(vertices)
    out[:, triangles] += _of_triangles(vertices, triangles)[:, :, None]
    return _unit(out)


@vertex_normals.mistake("Those are the normals of the triangles: every point needs the sum over the triangles around it.")
def of_triangles(vertices, triangles):
    return _of_triangles(vertices, triangles)
