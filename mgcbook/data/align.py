"""From a photograph to the picture that the network sees, and back: a similarity that puts the face where the mean face is.

    crop = scale * rotation * photo + offset        fitted to 5 points of the landmarks (Umeyama 1991)

The network never learns where in a photograph a face is: every face is turned upright, scaled and moved so that its eyes, nose
and mouth corners lie near those of the mean face, projected with the main pose. All coordinates are continuous: pixel centres
at + 0.5 (see face/camera.py), so the same similarity moves landmarks and pixels.
"""

from typing import NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.data.landmarks import check_landmarks, five_points
from mgcbook.data.resample import sample
from mgcbook.errors import DataError
from mgcbook.face.camera import PAPER_CAMERA, camera_from_model, main_pose, pixel_grid, project, transform

NOSE_BASE, NOSE_TIP = 33, 30


class Similarity(NamedTuple):
    """p_a = linear p_b + offset for column vectors p, linear a rotation times a scale; named `a_from_b`."""

    linear: np.ndarray
    """(2, 2) float64."""
    offset: np.ndarray
    """(2,) float64, in pixels of a."""

    @property
    def scale(self):
        """Pixels of a for one pixel of b."""
        return float(np.sqrt(np.linalg.det(self.linear)))

    @property
    def angle(self):
        """Turn from b to a in radians, clockwise on the screen (y points down)."""
        return float(np.arctan2(self.linear[1, 0], self.linear[0, 0]))

    def apply(self, points):
        """Points of b in a; (..., 2) -> (..., 2)."""
        return points @ self.linear.T + self.offset

    def inverse(self):
        """b_from_a."""
        linear = np.linalg.inv(self.linear)
        return Similarity(linear, -linear @ self.offset)


class Aligned(NamedTuple):
    """A face where the network expects it."""

    image: np.ndarray
    """(H, W, 3) float32; beyond the photograph its border pixels go on."""
    landmarks: np.ndarray
    """(5, 2) or (68, 2) float64, the given ones in pixels of `image`."""
    crop_from_photo: Similarity
    inside: np.ndarray
    """(H, W) float32: 1 where `image` shows the photograph, 0 where only its continued border."""


def alignment_template(model, camera=PAPER_CAMERA):
    """Landmarks of the mean face in the main pose: where an aligned face has them; -> (68, 2) float64 pixels."""
    pose = camera_from_model(np.zeros((1, 3)), np.zeros((1, 3)), main_pose(model.mean, model.landmark_vertices, camera))
    points_model = np.asarray(model.mean, dtype=np.float64)[None, model.landmark_vertices]
    return project(transform(*pose, points_model), camera)[0]


@check_shapes(points="number L 2", target="number L 2")
def fit_similarity(points, target):
    """target_from_points with the least sum of |s R points + t - target|^2 (Umeyama 1991, Eq. 40-42); (L, 2) x 2 -> Similarity.

    Raises:
        DataError: if the points coincide, or fit their target only when mirrored.
    """
    points, target = np.asarray(points, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if points.shape != target.shape or points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
        raise ValueError(f"fit_similarity: expected (L, 2) twice with L >= 2, got {points.shape} and {target.shape}")
    if not (np.isfinite(points).all() and np.isfinite(target).all()):
        raise DataError("alignment: the points are not all finite; expected pixels")
    middle, target_middle = points.mean(axis=0), target.mean(axis=0)
    spread = np.mean(np.sum((points - middle) ** 2, axis=1))
    if spread < 1e-6:
        raise DataError(
            f"alignment: the points coincide at ({middle[0]:.2f}, {middle[1]:.2f}); expected eyes, nose and mouth apart"
        )
    covariance = (target - target_middle).T @ (points - middle) / len(points)
    left, strength, right = np.linalg.svd(covariance)
    mirrored = np.linalg.det(left) * np.linalg.det(right) < 0
    if mirrored and strength[1] > 0.3 * strength[0]:  # a profile may come near: its points lie almost on a line
        raise DataError("alignment: the points fit only when mirrored; expected the eye that is left in the picture first")
    sign = np.array([1.0, -1.0 if mirrored else 1.0])
    linear = np.sum(strength * sign) / spread * (left * sign) @ right
    return Similarity(linear, target_middle - linear @ middle)


@check_shapes(landmarks="number L 2", template="number 68 2")
def alignment_points(landmarks, template):
    """The five points of an aligned pair: of the face and of the template; (5 | 68, 2), (68, 2) -> (5, 2), (5, 2).

    From 68 landmarks MGCNet takes the base of the nose. Detectors that give five points give its tip, which stands out of the
    face: then the tip of the template answers it.
    """
    if len(landmarks) == 5:
        return landmarks, five_points(template, nose=NOSE_TIP)
    return five_points(landmarks, nose=NOSE_BASE), five_points(template, nose=NOSE_BASE)


@check_shapes(image="H W 3", landmarks="number L 2", template="number 68 2")
def align(image, landmarks, template, camera=PAPER_CAMERA):
    """Turn, scale and cut a photograph so that its face lies on the template.

    Args:
        image: (H, W, 3) photograph.
        landmarks: (5, 2) or (68, 2) in pixels of the photograph.
        template: (68, 2), see `alignment_template`.
        camera: its width and height are the size of the result.
    Returns:
        `Aligned`.
    Raises:
        DataError: for landmarks of another count, not finite, outside the photograph, coinciding or mirrored.
    """
    landmarks = check_landmarks(landmarks, image_shape=image.shape)
    crop_from_photo = fit_similarity(*alignment_points(landmarks, template))
    crop, inside = warp_image(image, crop_from_photo, camera.height, camera.width)
    return Aligned(crop, crop_from_photo.apply(landmarks), crop_from_photo, inside)


@check_shapes(image="H W C")
def warp_image(image, target_from_image, height, width):
    """Move an image by a similarity, smoothed before it shrinks; (H, W, C) -> (height, width, C) float32, inside (height, width).

    Beyond the border the nearest border pixel is repeated (as MGCNet does: black there would look like hair or shadow).
    """
    image_from_target = target_from_image.inverse()
    positions = image_from_target.apply(pixel_grid(height, width))
    inside = np.all((positions >= 0) & (positions <= np.array(image.shape[1::-1])), axis=-1)
    return sample(image, positions, image_from_target.scale, "nearest"), inside.astype(np.float32)


@check_shapes(photo="H W 3", picture="h w 3", alpha="h w")
def paste_back(photo, picture, alpha, crop_from_photo):
    """Lay what was rendered for the crop over the photograph; (H, W, 3), (h, w, 3), (h, w) in [0, 1] -> (H, W, 3) float32.

    Args:
        alpha: 1 where the picture covers the photograph, 0 where the photograph stays.
        crop_from_photo: of `Aligned`.
    """
    height, width = alpha.shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64)
    reach = crop_from_photo.inverse().apply(corners)
    limit = np.array(photo.shape[1::-1])
    (x0, y0), (x1, y1) = (np.clip(f(reach, axis=0), 0, limit).astype(int) for f in (_floor_min, _ceil_max))
    result = np.array(photo, dtype=np.float32)
    if x0 >= x1 or y0 >= y1:  # the crop lies beside the photograph
        return result
    positions = crop_from_photo.apply(pixel_grid(y1 - y0, x1 - x0) + np.array([x0, y0]))
    # Premultiplied: colour beyond the mask must not bleed in where alpha is between 0 and 1.
    layers = np.concatenate([picture * alpha[:, :, None], alpha[:, :, None]], axis=-1)
    layers = sample(layers, positions, crop_from_photo.scale, "constant")
    result[y0:y1, x0:x1] = layers[:, :, :3] + (1 - layers[:, :, 3:]) * result[y0:y1, x0:x1]
    return result


def _floor_min(points, axis):
    return np.floor(points.min(axis=axis))


def _ceil_max(points, axis):
    return np.ceil(points.max(axis=axis))
