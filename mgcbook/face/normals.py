"""Normals at the vertices of a mesh: what the light falls on (Sec. 3.2).

    n_v = sum of the unit normals of the triangles around v, made unit

Every triangle counts the same, as in MGCNet. Exact, with its gradient: MGCNet's own code adds to a variable that is never
emptied and lets no gradient through. Built in chapter 03.
"""

import numpy as np

from mgcbook.arrays import check_indices, check_shapes, kernels_for
from mgcbook.tape import primitive

FLOOR = 1e-20
"""Added to squared lengths: a triangle without area has the normal 0, with a finite slope."""


@check_shapes(vertices="B V 3", triangles="int F 3")
def vertex_normals_by_gathers(vertices, triangles):
    """`vertex_normals` in plain NumPy: every vertex reads the triangles around it."""
    fans = triangle_fans(triangles, vertices.shape[1])
    a, b, c = (vertices[:, triangles[:, i]] for i in range(3))
    normals = _unit(_cross(b - a, c - a))
    normals = np.concatenate([normals, np.zeros_like(normals[:, :1])], axis=1)  # row F: the padding adds nothing
    return _unit(sum(normals[:, fans[:, place]] for place in range(fans.shape[1])))


@check_shapes(vertices="B V 3", triangles="int F 3")
def vertex_normals(vertices, triangles):
    """Unit outward normals at the vertices, 0 where no triangle has area; (B, V, 3) mm, (F, 3) -> (B, V, 3).

    Edges longer than 1e9 mm are beyond float32 (the fourth power of a length is needed) and may give NaN, as NaN vertices do.

    Raises:
        ValueError: for wrong shapes, or triangles that are not whole numbers or name a vertex that does not exist.
    """
    check_indices("triangles", triangles, vertices.shape[1])
    return _vertex_normals(vertices, triangles=triangles)


@primitive(twin=vertex_normals_by_gathers)
def _vertex_normals(vertices, *, triangles):
    kernels = kernels_for(vertices)
    normals = kernels.vertex_normals(vertices, triangles)
    return normals, lambda g: kernels.vertex_normals_gradient(vertices, triangles, g)


@check_shapes(triangles="int F 3")
def triangle_fans(triangles, vertex_count):
    """Triangles around each vertex in ascending order, padded with F; (F, 3) -> (V, largest valence) int32."""
    corners = np.asarray(triangles).ravel()
    order = np.argsort(corners, kind="stable")
    owner = corners[order]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    fans = np.full((vertex_count, place.max() + 1), len(triangles), np.int32)
    fans[owner, place] = order // 3
    return fans


def _cross(u, w):
    (ux, uy, uz), (wx, wy, wz) = ([vectors[..., i] for i in range(3)] for vectors in (u, w))
    return np.stack([uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx], axis=-1)


def _unit(vectors):
    return vectors / np.sqrt(np.sum(vectors * vectors, axis=-1, keepdims=True) + FLOOR)
