"""The losses of the paper, one function per equation, with the paper's weights (Sec. 3.3, 3.5-3.8).

Every loss gives one number per item of the batch, (B,), so that `gated_mean` can leave out the items it is not meant for.
All are finite, with finite slopes, for empty masks, coincident views and perfect agreement: roots have a small number inside
(the slope of a bare root is infinite at 0, and infinity times 0 is NaN), denominators have a floor.
"""

from dataclasses import dataclass

import numpy as np

from mgcbook.arrays import check_array, check_shapes
from mgcbook.face.camera import fundamental

TINY = 1e-12
"""Inside roots of squared differences: adds at most 1e-6 to a length."""

NOSE = slice(27, 36)
INNER_MOUTH = slice(60, 68)
"""Places of the landmarks that count more (Sec. 3.3), from 0."""

BASELINE = 1.0
"""In mm: two views closer than this have no epipolar lines worth the name, and their distances fade to 0."""


@dataclass(frozen=True)
class Weights:
    """Trade-off of the losses in Eq. 6; the defaults are the paper's."""

    render: float = 1.9
    """Sec. 3.3."""
    landmark: float = 1e-3
    """Sec. 3.3; for squared pixels of a 224-pixel image."""
    landmark_important: float = 10.0
    """Sec. 3.3: confidence of nose and inner mouth; all others count 1."""
    identity: float = 0.2
    """Sec. 3.3."""
    regularisation: float = 1e-4
    """Sec. 3.3."""
    reg_identity: float = 1.0
    """Sec. 3.3, w_id of the regularisation."""
    reg_expression: float = 0.8
    """Sec. 3.3, w_exp."""
    reg_albedo: float = 3e-3
    """Sec. 3.3, w_tex."""
    two_d: float = 1.0
    """Sec. 3.8, w_2D."""
    multi_view: float = 1.0
    """Sec. 3.8, w_mul."""
    pixel: float = 0.15
    """Sec. 3.8."""
    depth: float = 1e-4
    """Sec. 3.8; for mm."""
    epipolar: float = 1e-3
    """Sec. 3.8; for pixels of a 224-pixel image."""


PAPER_WEIGHTS = Weights()


# ---------------------------------------------------------------- one view (Sec. 3.3)


@check_shapes(rendered="B H W C", photo="B H W C", mask="mask B H W", skin="mask B H W")
def render_loss(rendered, photo, mask, skin):
    """Skin-weighted mean of |I - I_re| over the projected face (Sec. 3.3); (B, H, W, C) x 2, (B, H, W) x 2 -> (B,).

    Args:
        rendered, photo: colours in [0, 1]; |.| is the length of the difference of two colours.
        mask: 1 where the face was drawn, else 0.
        skin: confidence in [0, 1] that a pixel shows skin.
    """
    # Paper: divides by M, the pixels of the face; here: by the sum of the weights, because pixels that are no skin would
    # otherwise make a face with much hair look well fitted. MGCNet's code also adds a constant per pixel outside; here: none.
    weight = mask * skin
    return np.sum(weight * _length(photo - rendered), axis=(1, 2)) / (np.sum(weight, axis=(1, 2)) + 1e-6)


@check_shapes(predicted="B 68 2", truth="B 68 2")
def landmark_loss(predicted, truth, important=Weights.landmark_important):
    """Mean of c |q - q_gt|^2 over the 68 landmarks (Sec. 3.3), in squared pixels; (B, 68, 2) x 2 -> (B,).

    Args:
        important: c of nose and inner mouth; it is 1 for the others.
    """
    # Paper: c = 10 and a sum; MGCNet's code: c = 5 and a mean; here: c = 10 and a mean, because the weight 1e-3 fits a mean (a
    # sum is 68 times as much).
    distance = np.sum((predicted - truth) ** 2, axis=-1)
    extra = np.sum(distance[:, NOSE], axis=1) + np.sum(distance[:, INNER_MOUTH], axis=1)
    return (np.sum(distance, axis=1) + (important - 1) * extra) / distance.shape[1]


@check_shapes(photo_features="B K", rendered_features="B K")
def identity_loss(photo_features, rendered_features):
    """1 - cosine of the deep features of photograph and overlay (Sec. 3.3); (B, K) x 2 -> (B,)."""
    # Paper: the cosine itself, which would push the faces apart; here: 1 - cosine, as in MGCNet's code, because it is to fall.
    product = np.einsum("bk,bk->b", photo_features, rendered_features)
    return 1 - product / (_length(photo_features) * _length(rendered_features))


def regularisation(parts, weights=PAPER_WEIGHTS):
    """w_id sum alpha^2 + w_exp sum beta^2 + w_tex sum gamma^2 (Sec. 3.3); a dict of (B, K) -> (B,)."""
    # Paper: a sum; MGCNet's code: summed over the batch too, so that it grows with the batch; here: per face.
    for name in ("identity", "expression", "albedo"):
        check_array("regularisation", f"parts[{name!r}]", parts[name], "B K")
    identity, expression, albedo = (np.sum(parts[name] ** 2, axis=-1) for name in ("identity", "expression", "albedo"))
    return weights.reg_identity * identity + weights.reg_expression * expression + weights.reg_albedo * albedo


# ---------------------------------------------------------------- two views (Sec. 3.5-3.7)


@check_shapes(synthesized="B H W C", target="B H W C", covisible="mask B H W")
def pixel_loss(synthesized, target, covisible):
    """Mean |I~ - I| over covisible pixels (Eq. 3); (B, H, W, C) x 2, (B, H, W) -> (B,).

    Args:
        synthesized: target view read from the source photograph.
        target: the target photograph.
        covisible: 1 where both views see the pixel, else 0; carries no gradient.
    """
    return _mean_over(covisible, _length(synthesized - target))


@check_shapes(synthesized="B H W", expected="B H W", covisible="mask B H W")
def depth_loss(synthesized, expected, covisible, *, reprojected=False):
    """Mean |s D~ - D| over covisible pixels, s the ratio of the depth sums (Eq. 4), in mm; (B, H, W) x 3 -> (B,).

    Args:
        synthesized: depth map of the source view read at p_s, in mm.
        expected: what to compare with: the target's depth map; with `reprojected`, the depths that the target's points have
            in the source camera (`Correspondence.depth`).
        covisible: 1 where both views see the pixel, else 0; carries no gradient.
        reprojected: leave out the ratio s. Then both depths belong to one camera, and the loss is 0 at the truth.
    """
    # Paper: compares the target's depth with the source's, which are depths of two cameras: 3 to 26 mm apart at perfect geometry;
    # here: the paper's form by default, and `reprojected` for the form that is 0 at the truth.
    # Every face is millimetres deep in thousands of pixels: a sum of depths below 1 mm means that nothing is covisible.
    if not reprojected:
        read = np.maximum(np.sum(synthesized * covisible, axis=(1, 2)), 1.0)
        scale = np.sum(expected * covisible, axis=(1, 2)) / read
        synthesized = synthesized * scale[:, None, None]
    return _mean_over(covisible, np.abs(synthesized - expected))


@check_shapes(target_landmarks="B L 2", source_landmarks="B L 2", source_from_target="pose B")
def epipolar_loss(target_landmarks, source_landmarks, source_from_target, camera, *, symmetric=False):
    """Mean distance of source landmarks to the epipolar lines of the target's (Eq. 5), in pixels; (B, L, 2) x 2, a pose -> (B,).

    The landmarks are those found in the photographs and the pose is the predicted one, as Sec. 3.7 says: predicted landmarks
    are projections of nearly one shape, and would agree with any pose.

    Args:
        target_landmarks, source_landmarks: landmarks found in the two photographs, in pixels.
        source_from_target: relative pose (rotation (B, 3, 3), translation (B, 3)).
        symmetric: the mean of that and the distance of the target's landmarks to the lines of the source's.
    """
    # Paper: "symmetric", but Eq. 5 is signed, one-sided and a sum; here: absolute, because signed errors cancel, a mean over the
    # landmarks (as in MGCNet's code), one-sided as printed, and `symmetric` as an option.
    lines = fundamental(source_from_target, camera)
    distance = _line_distance(lines, target_landmarks, source_landmarks, camera)
    if symmetric:
        back = _line_distance(np.swapaxes(lines, -1, -2), source_landmarks, target_landmarks, camera)
        distance = (distance + back) / 2
    return np.mean(distance, axis=1)


def _line_distance(fundamental_matrix, from_points, to_points, camera):
    """|p'^T F p| / |(F p)_12|: distance of to_points to the lines of from_points; (B, 3, 3), (B, L, 2) x 2 -> (B, L)."""
    x, y = from_points[..., 0:1], from_points[..., 1:2]
    turned = np.swapaxes(fundamental_matrix, -1, -2)
    lines = x * turned[:, 0:1] + y * turned[:, 1:2] + turned[:, 2:3]
    a, b, c = (lines[..., i] for i in range(3))
    # (a, b) is the baseline over the focal length, turned: two views from one place make it 0, and the root's slope infinite.
    length = np.sqrt(a * a + b * b + (BASELINE / camera.focal) ** 2)
    return np.abs(to_points[..., 0] * a + to_points[..., 1] * b + c) / length


# ---------------------------------------------------------------- averages


@check_shapes(errors="B", gate="mask B")
def gated_mean(errors, gate, *, count=None):
    """Mean of the errors of the items whose gate is 1, or 0 if there is none; (B,) x 2 -> scalar.

    count: divide by this instead of the number of such items: where the batch is a share of a larger one.
    """
    # Paper: single-view items have the 2D losses only; MGCNet's code: multiplies (B, 1) by (B,), and all items leak into all;
    # here: as the paper says.
    return np.sum(errors * gate) / (np.maximum(np.sum(gate), 1.0) if count is None else count)


def _mean_over(mask, values):
    """Mean of values where mask is 1, 0 where the mask is empty; (B, H, W) x 2 -> (B,)."""
    return np.sum(mask * values, axis=(1, 2)) / np.maximum(np.sum(mask, axis=(1, 2)), 1.0)


def _length(vectors):
    """Length of the vectors on the last axis; (..., C) -> (...)."""
    # np.sum over an axis of three is eight times as slow as einsum.
    letters = "bhwc"[-vectors.ndim :]
    # Equal colours have length 0, where a root has no finite slope: TINY keeps it finite.
    return np.sqrt(np.einsum(f"{letters},{letters}->{letters[:-1]}", vectors, vectors) + TINY)
