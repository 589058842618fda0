"""The rasterizer on a GPU: the equation of `mgcbook.kernels.twins.raster`, one thread for each mesh and triangle.

    draw       every triangle: the box of its corners; every pixel in the box: three areas; if the ray hits, the smallest of
                   key = depth (its 32 bits) | triangle (32 bits)
               stays in the pixel. Keys order by depth, then by triangle, and the smallest of some numbers is the same in any
               order: threads may race, the picture is always the same.
    resolve    every pixel: take the key apart, compute the weights once more

Faces have more triangles than pixels, so boxes hold few pixels and need not be sorted into tiles. A triangle that crosses the
plane z = near looks at every pixel of the image: correct, slow, and absent from pictures of faces.
"""

import numpy as np

from .._cuda import bits_of, cuda, device, float_of, kernel
from ..twins.raster import LARGEST, SLIVER
from .checks import indices, single, whole
from .lens import CX, CX_LOW, CY, CY_LOW, FOCAL, LENS, across, difference_of_products, lens_of, ray

__all__ = ["rasterize", "seen_vertices"]

NOTHING = np.uint64(0xFFFFFFFFFFFFFFFF)
"""The key of an empty pixel: larger than any other."""

MARGIN = np.float32(1e-3)
SLACK = np.float32(1e-6)
"""Boxes are larger than the corners by MARGIN pixels and SLACK of their coordinates: more than float32 rounds."""

FARTHEST = np.float32(LARGEST)
ZERO, ONE, HALF = np.float32(0), np.float32(1), np.float32(0.5)


def rasterize(points, triangles, focal, center, height, width, active=None, near=1.0, cull=False, weights=True):
    """The nearest triangle of every pixel, as its twin; (B, V, 3), (F, 3) -> (B, H, W), (B, H, W, 3), (B, H, W)."""
    (points,), (triangles,) = single(points), indices(triangles)
    batch, count = len(points), height * width
    chosen = int(active is not None)
    active = whole(active) if chosen else np.ones_like(points, dtype=bool, shape=(1, 1))
    limits = np.float32(near), np.float32(SLIVER / float(focal) ** 2)
    lens = lens_of(focal, center)
    # Not np.full with `like`: NumPy would hand its own argument `device` on, which CuPy does not have.
    keys = np.full_like(points, NOTHING, dtype=np.uint64, shape=(batch, count))
    _draw(len(triangles), batch, points, triangles, chosen, active, lens, limits, height, width, int(cull), keys)
    triangle = np.empty((batch, height, width), dtype=np.int32, like=points)
    barycentric = np.empty((batch, height, width, 3), dtype=np.float32, like=points)
    depth = np.empty((batch, height, width), dtype=np.float32, like=points)
    flat = triangle.reshape(batch, count), barycentric.reshape(batch, count, 3), depth.reshape(batch, count)
    _resolve(count, batch, points, triangles, lens, width, keys, *flat)
    return triangle, barycentric, depth


@device
def _areas(x, y, z, slope_x, slope_y):
    """Areas e_i = q_j x q_k of the corners seen along the ray, q_i = (P_i - z_i d)_xy."""
    qx0, qx1, qx2 = across(x[0], z[0], slope_x), across(x[1], z[1], slope_x), across(x[2], z[2], slope_x)
    qy0, qy1, qy2 = across(y[0], z[0], slope_y), across(y[1], z[1], slope_y), across(y[2], z[2], slope_y)
    return (difference_of_products(qx1, qy2, qy1, qx2), difference_of_products(qx2, qy0, qy2, qx0),
            difference_of_products(qx0, qy1, qy0, qx1))  # fmt: skip


@device
def _first(coordinate, size):
    """Number of the first pixel centre at or after a coordinate, 0 to size."""
    place = min(max(coordinate - HALF - MARGIN - SLACK * abs(coordinate), ZERO), np.float32(size))
    number = np.int32(place)
    return number + np.int32(1) if np.float32(number) < place else number


@device
def _last(coordinate, size):
    """Number of the last pixel centre at or before a coordinate, -1 to size - 1."""
    place = min(max(coordinate + HALF + MARGIN + SLACK * abs(coordinate), ZERO), np.float32(size))
    return np.int32(place) - np.int32(1)  # of coordinate - 1/2 + 1, which is not negative: cutting it off rounds down


@device
def _box(x, y, z, lens, near, height, width):
    """First and last column, first and last row of the pixels that a triangle may cover; an empty box if it is not drawn."""
    for i in range(3):
        if not ((abs(x[i]) <= FARTHEST) and (abs(y[i]) <= FARTHEST) and (abs(z[i]) <= FARTHEST)):  # a NaN compares false
            return np.int32(0), np.int32(-1), np.int32(0), np.int32(-1)
    nearest, farthest = min(z[0], z[1], z[2]), max(z[0], z[1], z[2])
    if farthest < near:
        return np.int32(0), np.int32(-1), np.int32(0), np.int32(-1)
    if nearest < near:
        return np.int32(0), np.int32(width - 1), np.int32(0), np.int32(height - 1)
    u0, u1, u2 = lens[FOCAL] * x[0] / z[0], lens[FOCAL] * x[1] / z[1], lens[FOCAL] * x[2] / z[2]
    v0, v1, v2 = lens[FOCAL] * y[0] / z[0], lens[FOCAL] * y[1] / z[1], lens[FOCAL] * y[2] / z[2]
    cx, cy = lens[CX] + lens[CX_LOW], lens[CY] + lens[CY_LOW]
    return (_first(min(u0, u1, u2) + cx, width), _last(max(u0, u1, u2) + cx, width),
            _first(min(v0, v1, v2) + cy, height), _last(max(v0, v1, v2) + cy, height))  # fmt: skip


SCENE = "float32[:,:,::1], int32[:,::1], int32, boolean[:,::1], " + LENS + ", UniTuple(float32, 2)"
"""Types of points, triangles, whether only active ones are drawn and which they are, lens, nearest depth and thinnest area."""


@kernel(SCENE + ", int32, int32, int32, uint64[:,::1]")
def _draw(points, triangles, chosen, active, lens, limits, height, width, cull, keys):
    t, b = cuda.grid(2)
    if t >= triangles.shape[0] or (chosen and not active[b, t]):
        return
    i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    x = points[b, i, 0], points[b, j, 0], points[b, k, 0]
    y = points[b, i, 1], points[b, j, 1], points[b, k, 1]
    z = points[b, i, 2], points[b, j, 2], points[b, k, 2]
    near, thinnest = limits
    first, last, first_row, last_row = _box(x, y, z, lens, near, height, width)
    for row in range(first_row, last_row + 1):
        slope_y = ray(row, lens, 1)
        for column in range(first, last + 1):
            e0, e1, e2 = _areas(x, y, z, ray(column, lens, 0), slope_y)
            if ((e0 <= ZERO) and (e1 <= ZERO) and (e2 <= ZERO)) or ((e0 >= ZERO) and (e1 >= ZERO) and (e2 >= ZERO)):
                total = e0 + e1 + e2
                inverse = ONE / total
                # Differences of depths have more digits left than sums of weighted depths.
                depth = z[0] + (e1 * inverse * (z[1] - z[0]) + e2 * inverse * (z[2] - z[0]))
                if (abs(total) > thinnest * (depth * depth)) and (depth >= near) and ((total < ZERO) or (cull == 0)):
                    key = (np.uint64(bits_of(depth)) << np.uint64(32)) | np.uint64(t)
                    cuda.atomic.min(keys, (b, row * width + column), key)


@kernel("float32[:,:,::1], int32[:,::1], " + LENS + ", int32, uint64[:,::1], int32[:,::1], float32[:,:,::1], float32[:,::1]")
def _resolve(points, triangles, lens, width, keys, triangle, barycentric, depth):
    pixel, b = cuda.grid(2)
    if pixel >= keys.shape[1]:
        return
    key = keys[b, pixel]
    if key == NOTHING:
        triangle[b, pixel], depth[b, pixel] = -1, ZERO
        barycentric[b, pixel, 0] = barycentric[b, pixel, 1] = barycentric[b, pixel, 2] = ZERO
        return
    t = np.int32(key & np.uint64(0xFFFFFFFF))
    row, column = np.int32(pixel) // np.int32(width), np.int32(pixel) % np.int32(width)
    i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    x = points[b, i, 0], points[b, j, 0], points[b, k, 0]
    y = points[b, i, 1], points[b, j, 1], points[b, k, 1]
    z = points[b, i, 2], points[b, j, 2], points[b, k, 2]
    e0, e1, e2 = _areas(x, y, z, ray(column, lens, 0), ray(row, lens, 1))
    inverse = ONE / (e0 + e1 + e2)
    triangle[b, pixel], depth[b, pixel] = t, float_of(np.uint32(key >> np.uint64(32)))
    barycentric[b, pixel, 0], barycentric[b, pixel, 1], barycentric[b, pixel, 2] = e0 * inverse, e1 * inverse, e2 * inverse


def seen_vertices(triangle, triangles, vertex_count):
    """Corners of the triangles that the pixels see; triangle numbers (B, H, W), (F, 3) -> (B, V) bool. See the twin."""
    triangle, triangles = indices(triangle, triangles)
    out = np.zeros((len(triangle), vertex_count), dtype=bool, like=triangle)
    pixels = triangle.reshape(len(triangle), -1)
    _seen_vertices(pixels.shape[1], len(triangle), pixels, triangles, out)
    return out


@kernel("int32[:,::1], int32[:,::1], boolean[:,::1]")
def _seen_vertices(triangle, triangles, out):
    pixel, b = cuda.grid(2)
    if pixel < triangle.shape[1]:
        t = triangle[b, pixel]
        if 0 <= t < triangles.shape[0]:
            for corner in range(3):
                out[b, triangles[t, corner]] = True  # many threads may write it: all write the same
