"""A straightforward Numba rasterizer, to measure the package's own against.

Vertices are projected, every triangle tests the pixel centres in its box against three edge functions and a depth buffer, and a
second pass works out the barycentric weights of what won ("deferred"). No near plane, no degenerate triangles: a triangle with a
corner behind the camera is left out. It is no slow opponent: on two cores its time an image was 1.1 ms at 224 x 224 and 2.6 ms at
512 x 512 (15 faces of 36K vertices), half of the best C++ rasterizer measured beside it (tf_mesh_renderer with -O3: 2.2 and
4.3 ms), and 0.39 and 1.5 ms for the gradient to the vertices.

It takes clip coordinates (x, y, z, w), so projecting is free for it, and writes into arrays that it is given.
"""

import numpy as np
from numba import njit

from mgcbook.kernels.cpu.threads import kernel, run_blocks

f4, i4 = np.float32, np.int32
OPTIONS = dict(cache=True, nogil=True, error_model="numpy")


class Baseline:
    """Arrays for B meshes of V vertices on H x W pixels, and the two calls that are timed.

    Args:
        clip: (B, V, 4) float32: x and y of the image in [-w, w], z in [-w, w], w the camera z.
        triangles: (F, 3) int32.
    """

    def __init__(self, clip, triangles, height, width):
        batch, count = clip.shape[:2]
        self.clip, self.triangles, self.size = clip, triangles, (height, width)
        self._screen = np.empty((batch, count, 4), f4)
        self.triangle, self.depth = np.empty((batch, height * width), i4), np.empty((batch, height * width), f4)
        self.barycentric = np.empty((batch, height * width, 3), f4)
        self.gradient = np.empty((batch, count, 4), f4)

    def forward(self):
        """Triangle, depth and weights of every pixel, into the arrays of this object."""
        outputs = self._screen, self.triangle, self.depth, self.barycentric
        run_blocks(_forward, len(self.clip), self.clip, self.triangles, *self.size, *outputs)

    def backward(self, gradient):
        """d loss / d clip (B, V, 4) from d loss / d barycentric (B, H * W, 3), into `self.gradient`."""
        run_blocks(_backward, len(self.clip), self.clip, self.triangles, *self.size, self.triangle, gradient, self.gradient)


def clip_coordinates(points, camera):
    """Clip coordinates of points in the camera's axes: the baseline then finds what `rasterize` finds; (B, V, 3) -> (B, V, 4).

    z / w runs from -1 at half the least depth to 1 at twice the largest.
    """
    x, y, z = (points[..., i].astype(np.float64) for i in range(3))
    near, far = z.min() / 2, 2 * z.max()
    (cx, cy), slope = camera.center, (far + near) / (far - near)
    u = 2 * (camera.focal * x + cx * z) / camera.width - z
    v = 2 * (camera.focal * y + cy * z) / camera.height - z
    return np.stack([u, v, slope * z - 2 * far * near / (far - near), z], axis=-1).astype(f4)


@kernel(exact=True)
def _forward(start, stop, clip, triangles, height, width, screen, ids, depths, weights):
    for b in range(start, stop):
        _project(clip[b], width, height, screen[b])
        ids[b][:] = -1
        depths[b][:] = f4(1)
        _draw(screen[b], triangles, width, height, ids[b], depths[b])
        _barycentric(screen[b], triangles, width, height, ids[b], weights[b])


@njit(inline="always", **OPTIONS)
def _project(clip, width, height, screen):
    half_width, half_height = f4(0.5 * width), f4(0.5 * height)
    for v in range(clip.shape[0]):
        inverse = f4(1) / clip[v, 3]
        screen[v, 0] = (clip[v, 0] * inverse + f4(1)) * half_width - f4(0.5)  # pixel centres are whole numbers
        screen[v, 1] = (clip[v, 1] * inverse + f4(1)) * half_height - f4(0.5)
        screen[v, 2] = clip[v, 2] * inverse
        screen[v, 3] = inverse


@njit(inline="always", **OPTIONS)
def _draw(screen, triangles, width, height, ids, depths):
    one = f4(1)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        y0, y1, y2 = screen[a, 1], screen[b, 1], screen[c, 1]
        above, below = i4(np.ceil(min(y0, min(y1, y2)))), i4(np.floor(max(y0, max(y1, y2))))
        if above < 0:
            above = i4(0)
        if below > height - 1:
            below = i4(height - 1)
        if above > below:
            continue
        x0, x1, x2 = screen[a, 0], screen[b, 0], screen[c, 0]
        left, right = i4(np.ceil(min(x0, min(x1, x2)))), i4(np.floor(max(x0, max(x1, x2))))
        if left < 0:
            left = i4(0)
        if right > width - 1:
            right = i4(width - 1)
        if left > right:
            continue
        if not (screen[a, 3] > 0 and screen[b, 3] > 0 and screen[c, 3] > 0):
            continue
        # in float64: exact enough that shared edges leave no crack
        dx0, dy0, dx1, dy1 = np.float64(x0), np.float64(y0), np.float64(x1), np.float64(y1)
        dx2, dy2 = np.float64(x2), np.float64(y2)
        ax0, ay0, ax1, ay1, ax2, ay2 = dy1 - dy2, dx2 - dx1, dy2 - dy0, dx0 - dx2, dy0 - dy1, dx1 - dx0
        area = ay2 * (dy2 - dy0) + ax2 * (dx2 - dx0)
        if area == 0:
            continue
        if area < 0:
            ax0, ay0, ax1, ay1, ax2, ay2, area = -ax0, -ay0, -ax1, -ay1, -ax2, -ay2, -area
        inverse = 1.0 / area
        z0, z1, z2 = np.float64(screen[a, 2]), np.float64(screen[b, 2]), np.float64(screen[c, 2])
        for row in range(above, below + 1):
            y = np.float64(row)
            e0 = ax0 * (left - dx1) + ay0 * (y - dy1)
            e1 = ax1 * (left - dx2) + ay1 * (y - dy2)
            e2 = ax2 * (left - dx0) + ay2 * (y - dy0)
            offset = row * width
            for column in range(left, right + 1):
                if (e0 >= 0) & (e1 >= 0) & (e2 >= 0):
                    z = f4((e0 * z0 + e1 * z1 + e2 * z2) * inverse)
                    if z < depths[offset + column] and z >= -one:
                        depths[offset + column] = z
                        ids[offset + column] = t
                e0 += ax0
                e1 += ax1
                e2 += ax2


@njit(inline="always", **OPTIONS)
def _barycentric(screen, triangles, width, height, ids, weights):
    for row in range(height):
        for column in range(width):
            p = row * width + column
            t = ids[p]
            if t >= 0:
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                x, y = f4(column), f4(row)
                ax, ay, bx, by = screen[a, 0] - x, screen[a, 1] - y, screen[b, 0] - x, screen[b, 1] - y
                cx, cy = screen[c, 0] - x, screen[c, 1] - y
                e0 = (bx * cy - by * cx) * screen[a, 3]
                e1 = (cx * ay - cy * ax) * screen[b, 3]
                e2 = (ax * by - ay * bx) * screen[c, 3]
                r = f4(1) / (e0 + e1 + e2)
                weights[p, 0] = e0 * r
                weights[p, 1] = e1 * r
                weights[p, 2] = e2 * r
            else:
                weights[p, 0] = f4(0)
                weights[p, 1] = f4(0)
                weights[p, 2] = f4(0)


@kernel
def _backward(start, stop, clip, triangles, height, width, ids, gradient, out):
    """Through barycentric = e_i / sum e, with e_i the determinants of homogeneous edges."""
    for item in range(start, stop):
        corners, numbers, g, moved = clip[item], ids[item], gradient[item], out[item]
        moved[:] = f4(0)
        for row in range(height):
            py = f4(2) * (f4(row) + f4(0.5)) / f4(height) - f4(1)
            for column in range(width):
                p = row * width + column
                t = numbers[p]
                if t < 0:
                    continue
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                g0, g1, g2 = g[p, 0], g[p, 1], g[p, 2]
                px = f4(2) * (f4(column) + f4(0.5)) / f4(width) - f4(1)
                x0, y0, w0 = corners[a, 0], corners[a, 1], corners[a, 3]
                x1, y1, w1 = corners[b, 0], corners[b, 1], corners[b, 3]
                x2, y2, w2 = corners[c, 0], corners[c, 1], corners[c, 3]
                d0x, d1x = py * (w1 - w2) - (y1 - y2), py * (w2 - w0) - (y2 - y0)
                d0y, d1y = (x1 - x2) - px * (w1 - w2), (x2 - x0) - px * (w2 - w0)
                d0w, d1w = px * (y1 - y2) - py * (x1 - x2), px * (y2 - y0) - py * (x2 - x0)
                d2x, d2y, d2w = -(d0x + d1x), -(d0y + d1y), -(d0w + d1w)
                fx = g0 * d0x + g1 * d1x + g2 * d2x
                fy = g0 * d0y + g1 * d1y + g2 * d2y
                fw = g0 * d0w + g1 * d1w + g2 * d2w
                e0, e1, e2 = x2 * d0x + y2 * d0y + w2 * d0w, x0 * d1x + y0 * d1y + w0 * d1w, x1 * d2x + y1 * d2y + w1 * d2w
                total = e0 + e1 + e2
                r = f4(1) / (total * total)
                e0 *= r
                e1 *= r
                e2 *= r
                moved[a, 0] += e0 * fx
                moved[a, 1] += e0 * fy
                moved[a, 3] += e0 * fw
                moved[b, 0] += e1 * fx
                moved[b, 1] += e1 * fy
                moved[b, 3] += e1 * fw
                moved[c, 0] += e2 * fx
                moved[c, 1] += e2 * fy
                moved[c, 3] += e2 * fw
