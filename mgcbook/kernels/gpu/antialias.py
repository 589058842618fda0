"""Where the outline of the mesh passes between two pixel centres: found on the host, for now."""

import numpy as np

from mgcbook.arrays import kernels_for, to_host

__all__ = ["outline_crossings"]


def outline_crossings(points, triangles, neighbours, triangle, depth, focal, center, near=1.0):
    """Pairs of adjacent pixels with the outline between their centres, and the edge that is the outline; -> (N, 2), (N, 2).

    How many there are depends on the picture, so the host has to wait for it in any case; the walk over the mesh is done there.
    No step with it can be captured in a CUDA graph.
    """
    arrays = to_host([points, triangles, neighbours, triangle, depth])
    found = kernels_for(*arrays).outline_crossings(*arrays, focal, center, near)
    return tuple(np.asarray(array, like=points) for array in found)
