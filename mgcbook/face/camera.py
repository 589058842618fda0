"""The pinhole camera, the face pose and the relation of two views (Sec. 3.2). The conventions of the whole package stand here.

- Axes of the camera: x right, y down, z forward (OpenCV). Lengths in millimetres, angles in radians.
- Axes of the model: x to the subject's left, y up, z out of the face. At the main pose model +x is right in the image, +y is up.
- Column vectors: X_camera = R X_model + t. A pose is a pair (rotation (B, 3, 3), translation (B, 3)), named `a_from_b`, and
  neighbours cancel: `points_source = transform(*source_from_target, points_target)`.
- R = Rx Ry Rz, each turning right-handed about its axis.
- Image coordinates are continuous: the image spans [0, W] x [0, H] and pixel (row r, column c) has its centre at
  (c + 0.5, r + 0.5): in the rasterizer, the warp, the landmarks, everywhere. Row 0 is on top.
- Depth is camera z, 0 where there is no face.
- Letters in docstrings: B batch, N views, V vertices, F triangles, L landmarks, H W image, C channels, K coefficients.
"""

from dataclasses import dataclass, replace

import numpy as np

from mgcbook.arrays import check_shapes

CHIN, NOSE_BASE = 8, 33
"""Places of two of the 68 landmarks, counted from 0."""

FACE_FILLS = 0.75
"""Part of the image height between chin and the highest vertex at the main pose (MGCNet's training crops)."""

NEAREST = 1e-6
"""Depths closer to 0 than this, in mm, count as this: the division stays finite where no point can be seen anyway."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion, K = [[f, 0, cx], [0, f, cy], [0, 0, 1]].

    The default is MGCNet's: 4700 px seen from five metres, a field of view of 2.7 degrees, almost orthographic.
    """

    focal: float = 4700.0
    """Focal length in pixels."""
    width: int = 224
    """Pixels, as in MGCNet's code."""
    height: int = 224
    """Pixels, as in MGCNet's code."""
    center: tuple[float, float] | None = None
    """Principal point (x, y) in pixels; None: the middle of the image, (width / 2, height / 2)."""

    def __post_init__(self):
        if not (self.focal > 0 and self.width > 0 and self.height > 0):
            raise ValueError(f"camera: focal, width and height must be positive, got {self.focal}, {self.width}, {self.height}")
        if self.center is None:
            object.__setattr__(self, "center", (self.width / 2, self.height / 2))

    @property
    def matrix(self):
        """K of Eq. 2; (3, 3) float64."""
        return np.array([[self.focal, 0.0, self.center[0]], [0.0, self.focal, self.center[1]], [0.0, 0.0, 1.0]])

    def resized(self, width, height):
        """The same camera for a picture shrunk or enlarged to width x height pixels.

        Raises:
            ValueError: if the aspect ratio changes: a camera has one focal length for both axes.
        """
        scale = width / self.width
        if abs(height - scale * self.height) > 0.5:
            raise ValueError(f"resized: expected the shape of {self.width} x {self.height}, got {width} x {height}; crop first")
        center = self.center[0] * scale, self.center[1] * height / self.height
        return replace(self, focal=self.focal * scale, width=width, height=height, center=center)


PAPER_CAMERA = Camera()


# ---------------------------------------------------------------- rotations and poses


@check_shapes(angles="B 3")
def rotation_from_euler(angles):
    """R = Rx Ry Rz from the angles (rx, ry, rz) in radians; (B, 3) -> (B, 3, 3)."""
    cx, cy, cz = (np.cos(angles[:, i]) for i in range(3))
    sx, sy, sz = (np.sin(angles[:, i]) for i in range(3))
    rows = [cy * cz, -cy * sz, sy,
            sx * sy * cz + cx * sz, cx * cz - sx * sy * sz, -sx * cy,
            sx * sz - cx * sy * cz, cx * sy * sz + sx * cz, cx * cy]  # fmt: skip
    return np.reshape(np.stack(rows, axis=-1), (angles.shape[0], 3, 3))


@check_shapes(rotation="B 3 3")
def euler_from_rotation(rotation):
    """The angles (rx, ry, rz) with R = Rx Ry Rz and |ry| <= 90 degrees; (B, 3, 3) -> (B, 3), in radians.

    At ry = 90 degrees rx and rz turn about the same axis; rx then takes the whole turn. For printing and for files: the package
    itself passes rotations on as matrices, so nothing depends on this case.
    """
    sy = np.clip(rotation[:, 0, 2], -1.0, 1.0)
    locked = np.abs(sy) > 1 - 1e-12
    rx = np.where(locked, np.arctan2(rotation[:, 2, 1], rotation[:, 1, 1]), np.arctan2(-rotation[:, 1, 2], rotation[:, 2, 2]))
    rz = np.where(locked, np.zeros_like(rx), np.arctan2(-rotation[:, 0, 1], rotation[:, 0, 0]))
    return np.stack([rx, np.arcsin(sy), rz], axis=-1)


@check_shapes(rotation="B 3 3", translation="B 3", points="B V 3")
def transform(rotation, translation, points):
    """X_a = R X_b + t, called as transform(*a_from_b, points_b); (B, 3, 3), (B, 3), (B, V, 3) -> (B, V, 3)."""
    return np.matmul(points, np.swapaxes(rotation, -1, -2)) + translation[:, None, :]


@check_shapes(a_from_b="pose A", b_from_c="pose B")  # one pose may meet many
def compose(a_from_b, b_from_c):
    """The pose a_from_c: first c to b, then b to a; ((B, 3, 3), (B, 3)) x 2 -> ((B, 3, 3), (B, 3))."""
    (outer, outer_shift), (inner, inner_shift) = a_from_b, b_from_c
    return np.matmul(outer, inner), _turn(outer, inner_shift) + outer_shift


@check_shapes(a_from_b="pose B")
def invert(a_from_b):
    """The pose b_from_a, [R^T, -R^T t]; ((B, 3, 3), (B, 3)) -> ((B, 3, 3), (B, 3))."""
    rotation, translation = a_from_b
    back = np.swapaxes(rotation, -1, -2)
    return back, -_turn(back, translation)


@check_shapes(source_from_model="pose A", target_from_model="pose B")
def relative_pose(source_from_model, target_from_model):
    """The pose source_from_target = P_s P_t^-1 of Eq. 2, from two poses of one face; ((B, 3, 3), (B, 3)) x 2 -> the same."""
    # Paper: Sec. 3.2 prints P_t^-1 P_s; here: P_s P_t^-1, because only that takes points seen by the target to the source.
    return compose(source_from_model, invert(target_from_model))


def _turn(rotation, vectors):
    return np.matmul(rotation, vectors[:, :, None])[:, :, 0]


@check_shapes(rotation_offset="B 3", translation_offset="B 3", pivot="number 3")
def camera_from_model(rotation_offset, translation_offset, main, pivot=None):
    """The pose of the face in the camera: offsets to the main pose, added to its angles and its translation.

    Args:
        rotation_offset: (B, 3) offsets to rx, ry, rz in radians.
        translation_offset: (B, 3) in mm.
        main: what `main_pose` returned.
        pivot: (3,) point of the model that turning leaves where it is, in mm; None: the model's origin, as in the paper.
    Returns:
        (rotation (B, 3, 3), translation (B, 3)).
    """
    angles, translation = main
    # The three numbers enter one by one: a plain number takes the precision and the place of the array that it meets.
    turned = np.stack([rotation_offset[:, i] + float(angles[i]) for i in range(3)], axis=-1)
    moved = np.stack([translation_offset[:, i] + float(translation[i]) for i in range(3)], axis=-1)
    rotation = rotation_from_euler(turned)
    return rotation, moved if pivot is None else moved + pivot_shift(rotation, main, pivot)


@check_shapes(rotation="B 3 3", pivot="number 3")
def pivot_shift(rotation, main, pivot):
    """The translation that keeps the pivot where the main pose has it, (R_main - R) pivot; (B, 3, 3) -> (B, 3)."""
    at_rest = rotation_from_euler(np.asarray(main[0], np.float64)[None])[0] @ np.asarray(pivot, np.float64)
    turned = [sum(rotation[:, i, j] * float(pivot[j]) for j in range(3)) for i in range(3)]
    return np.stack([float(at_rest[i]) - turned[i] for i in range(3)], axis=-1)


@check_shapes(vertices="V 3", landmark_vertices="int 68")
def main_pose(vertices, landmark_vertices, camera):
    """The pose that shows a face upright, its nose in the middle, chin to top on 75 % of the height; (V, 3) -> (3,), (3,).

    MGCNet derived its constant main pose from the Basel mean face by this rule; as a rule it fits any face model.

    Args:
        vertices: mean face in mm, in the model's axes.
        landmark_vertices: (68,) vertex numbers of the landmarks.
    Returns:
        (angles (rx, ry, rz) in radians, translation in mm).
    """
    vertices = np.asarray(vertices, dtype=np.float64)
    top = vertices[np.argmax(vertices[:, 1])]
    chin, nose = vertices[landmark_vertices[CHIN]], vertices[landmark_vertices[NOSE_BASE]]
    middle = (top + chin) / 2
    distance = camera.focal * (top[1] - chin[1]) / (FACE_FILLS * camera.height)
    # Half a turn about x: R = diag(1, -1, -1), so the model's up and forward become the image's up and the way to the camera.
    x = (camera.width / 2 - camera.center[0]) / camera.focal * distance
    y = (camera.height / 2 - camera.center[1]) / camera.focal * distance
    return np.array([np.pi, 0.0, 0.0]), np.array([x - nose[0], y + middle[1], distance + middle[2]])


# ---------------------------------------------------------------- projection


@check_shapes(points_camera="... 3")
def project(points_camera, camera):
    """Pinhole projection (f x / z + cx, f y / z + cy) to pixels; (..., 3) -> (..., 2)."""
    x, y, z = (points_camera[..., i] for i in range(3))
    z = np.where(np.abs(z) < NEAREST, NEAREST, z)
    return np.stack([camera.focal * x / z + camera.center[0], camera.focal * y / z + camera.center[1]], axis=-1)


@check_shapes(pixels="... 2", depth="...")
def unproject(pixels, depth, camera):
    """Inverse of `project`: D(p) K^-1 p of Eq. 2; pixels (..., 2), depth (...) -> points_camera (..., 3)."""
    x = (pixels[..., 0] - camera.center[0]) / camera.focal * depth
    y = (pixels[..., 1] - camera.center[1]) / camera.focal * depth
    return np.stack([x, y, depth], axis=-1)


def pixel_grid(height, width, *, like=None):
    """The pixel centres (c + 0.5, r + 0.5) of row r and column c; -> (H, W, 2), of the type and place of `like`."""
    dtype = np.float64 if like is None else like.dtype
    columns = np.arange(width, dtype=dtype, like=like) + 0.5
    rows = np.arange(height, dtype=dtype, like=like) + 0.5
    shape = height, width
    return np.stack([np.broadcast_to(columns, shape), np.broadcast_to(rows[:, None], shape)], axis=-1)


# ---------------------------------------------------------------- two views


@check_shapes(source_from_target="pose B")
def essential(source_from_target):
    """E = [t]x R, with x_source^T E x_target = 0 for the two images of a point (Eq. 5); a pose -> (B, 3, 3)."""
    # Paper: E = [t]x R; MGCNet's code: R [t]x; here: the paper's, because the other is 3 to 23 px off at perfect geometry.
    rotation, t = source_from_target
    x, y, z = (t[:, i] for i in range(3))
    zero = np.zeros_like(x)
    cross = np.reshape(np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1), (t.shape[0], 3, 3))
    return np.matmul(cross, rotation)


@check_shapes(source_from_target="pose B")
def fundamental(source_from_target, camera):
    """F = K^-T E K^-1, with p_source^T F p_target = 0 for homogeneous pixels; a pose -> (B, 3, 3)."""
    # Paper: writes E and applies it to pixels; here: F, because E relates directions, and only K^-1 turns pixels into those.
    # K^-1 p is ((u - cx) / f, (v - cy) / f, 1): written out, the numbers take the precision and the place of E.
    e = essential(source_from_target)
    (cx, cy), f = camera.center, camera.focal
    columns = [e[:, :, 0] / f, e[:, :, 1] / f, e[:, :, 2] - (cx * e[:, :, 0] + cy * e[:, :, 1]) / f]
    right = np.stack(columns, axis=-1)  # E K^-1
    rows = [right[:, 0] / f, right[:, 1] / f, right[:, 2] - (cx * right[:, 0] + cy * right[:, 1]) / f]
    return np.stack(rows, axis=1)
