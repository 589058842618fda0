"""Normals of a triangle mesh in plain NumPy, forward and backward.

    n_t = (b - a) x (c - a) / |..|   for each triangle (a, b, c)        n_v = sum of n_t around v / |..|   for each vertex
"""

import numpy as np

__all__ = ["vertex_normals", "vertex_normals_gradient"]

FLOOR = 1e-20
"""Added to squared lengths: a triangle without area has the normal 0, with a finite slope."""


def vertex_normals(vertices, triangles):
    """Unit normals at the vertices; (B, V, 3), (F, 3) -> (B, V, 3)."""
    return _unit(_sums(vertices, triangles, _unit(_crosses(vertices, triangles)))[0])[0]


def vertex_normals_gradient(vertices, triangles, gradient):
    """d loss / d vertices from d loss / d normals; (B, V, 3), (F, 3), (B, V, 3) -> (B, V, 3)."""
    crosses = _crosses(vertices, triangles)
    sums, corners = _sums(vertices, triangles, _unit(crosses))
    gradient_sums = _unit_gradient(sums, gradient)
    gradient_crosses = _unit_gradient(crosses, sum(gradient_sums[:, corner] for corner in corners))
    a, b, c = (vertices[:, corner] for corner in corners)
    gradient_b, gradient_c = np.cross(c - a, gradient_crosses), np.cross(gradient_crosses, b - a)
    out = np.zeros_like(vertices)
    for corner, piece in zip(corners, (-gradient_b - gradient_c, gradient_b, gradient_c), strict=True):
        for item, add in zip(out, piece, strict=True):
            np.add.at(item, corner, add)
    return out


def _crosses(vertices, triangles):
    a, b, c = (vertices[:, triangles[:, i]] for i in range(3))
    return np.cross(b - a, c - a)


def _sums(vertices, triangles, units):
    corners = [triangles[:, i] for i in range(3)]
    sums = np.zeros_like(vertices)
    for corner in corners:
        for item, add in zip(sums, units[0], strict=True):
            np.add.at(item, corner, add)
    return sums, corners


def _unit(vectors):
    length = np.sqrt(np.sum(vectors * vectors, axis=-1, keepdims=True) + FLOOR)
    return vectors / length, length


def _unit_gradient(vectors, gradient):
    """Through v / |v|: what remains of the gradient across the direction, over the length."""
    unit, length = _unit(vectors)
    return (gradient - unit * np.sum(unit * gradient, axis=-1, keepdims=True)) / length
