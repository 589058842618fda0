"""The combined loss (Eq. 6): what the network is trained on, and what a fit to photographs falls down.

    L = w_2D (mean over views of L_2D) + w_mul (sum over source views of w_pixel L_pixel + w_depth L_depth + w_epi L_epi)

View 0 of an item is the target, the others are its sources. Every view has coefficients of its own, identity included, as in
the paper: what makes them agree is the multi-view part.
"""

from typing import NamedTuple

import numpy as np

from mgcbook.arrays import check_array, check_shapes, is_device
from mgcbook.face.camera import PAPER_CAMERA, compose, invert
from mgcbook.face.covisible import covisible_map, seen_vertices
from mgcbook.face.raster import plain
from mgcbook.face.render import composite
from mgcbook.face.sampling import bilinear_sample
from mgcbook.face.warp import correspond
from mgcbook.tape import bare

from .losses import (
    PAPER_WEIGHTS,
    depth_loss,
    epipolar_loss,
    gated_mean,
    identity_loss,
    landmark_loss,
    pixel_loss,
    regularisation,
    render_loss,
)

SINGLE_VIEW, PHOTOMETRIC, EPIPOLAR = 0, 1, 2
"""Flags of an item: only the losses of Sec. 3.3; pixel and depth losses as well; the epipolar loss as well."""


class Pairs(NamedTuple):
    """The P = B (N - 1) pairs of a target and one of its sources, pair (item b, source n) in row b (N - 1) + n - 1."""

    target_image: object
    """(P, H, W, 3)."""
    source_image: object
    """(P, H, W, 3)."""
    target_depth: object
    """(P, H, W) mm, 0 where there is no face."""
    source_depth: object
    """(P, H, W) mm, 0 where there is no face."""
    source_mask: object
    """(P, H, W) 1 on the face; bare."""
    source_from_target: tuple
    """The relative pose (rotation (P, 3, 3), translation (P, 3))."""
    covisible: object
    """(P, H, W) 1 where both views see the face; bare."""


@check_shapes(coefficients="B N K")
def total_loss(coefficients, batch, decoder, weights=PAPER_WEIGHTS, features=None, *, reprojected=False, symmetric=False,
               covisible=True):  # fmt: skip
    """The combined loss of Eq. 6; (B, N, K) -> (scalar, terms).

    Args:
        coefficients: one row for each view of each item, the target first.
        batch: dict of bare arrays: images (B, N, H, W, 3) in [0, 1], landmarks (B, N, 68, 2) in pixels, skin (B, N, H, W) in
            [0, 1], flags (B,): 0 single-view item, 1 with pixel and depth losses, 2 with the epipolar loss as well. Where it is a
            share of a larger batch, also counts (2,): by what to divide the sums of those losses (see `shared_counts`).
        decoder: a Decoder whose camera fits the images.
        weights: the trade-off; a weight of 0 leaves its loss out of the sum, but it is still computed for the log.
        features: features(images (B, H, W, 3), landmarks (B, 68, 2)) -> (B, D), a frozen network that recognises faces; None
            leaves the identity loss out.
        reprojected: the form of the depth loss that is 0 at the truth (see `depth_loss`).
        symmetric: the two-sided epipolar distance (see `epipolar_loss`).
        covisible: leave out what the source does not see; False: all of the target's face counts (Tab. 3, row 6).
    Returns:
        (loss, terms): terms maps the name of each loss to its unweighted mean, bare numbers on the device where they were made.
    Raises:
        ValueError: if the arrays of the batch do not fit the coefficients or the camera.
    """
    items, views = coefficients.shape[:2]
    _check_batch(batch, items, views, decoder.camera)
    flat = {name: np.reshape(batch[name], (items * views, *batch[name].shape[2:])) for name in ("images", "landmarks", "skin")}
    view = decoder(np.reshape(coefficients, (items * views, coefficients.shape[2])))
    terms = single_view_terms(view, flat, weights, features, decoder.camera)
    two_d = sum(getattr(weights, name) * term for name, term in terms.items())
    loss = weights.two_d * two_d
    if views > 1 and ("counts" in batch or _may_have_pairs(batch["flags"])):
        more = multi_view_terms(view, batch, decoder, reprojected=reprojected, symmetric=symmetric, covisible=covisible)
        loss = loss + weights.multi_view * sum(getattr(weights, name) * term for name, term in more.items())
        terms = {**terms, **more}
    return loss, {"total": bare(loss), **{name: bare(term) for name, term in terms.items()}}


def shared_counts(flags, comm):
    """What makes the mean over processes of the gated means of Eq. 3 to 5 the mean over all their items; (B,) -> (2,) float32.

    Args:
        flags: of the items of this process.
        comm: the processes; comm.sum(array) adds up over them, comm.size is their number.
    """
    counts = np.array([np.sum(flags >= PHOTOMETRIC), np.sum(flags >= EPIPOLAR)], np.float32)
    return np.maximum(comm.sum(counts), 1) / np.float32(comm.size)


def _may_have_pairs(flags):
    """Whether any item is for the multi-view losses; yes on a GPU, where asking would wait: the gates do the rest."""
    return is_device(flags) or bool((flags > SINGLE_VIEW).any())


def single_view_terms(view, flat, weights, features, camera):
    """The four losses of Sec. 3.3, each a mean over all views of all items; -> dict of scalars.

    Args:
        view: a View of all B N views.
        flat: images (B N, H, W, 3), landmarks (B N, 68, 2), skin (B N, H, W).
    """
    unit = PAPER_CAMERA.width / camera.width
    overlay = composite(view.image, view.mask, flat["images"])
    terms = {
        "render": np.mean(render_loss(overlay, flat["images"], _positive(view.mask), flat["skin"])),
        # Paper: pixels of a 224-pixel image; here: so for every image size, because the weights were chosen for that one.
        "landmark": np.mean(landmark_loss(view.landmarks, flat["landmarks"], weights.landmark_important)) * unit**2,
        "regularisation": np.mean(regularisation(view.parts, weights)),
    }
    if features is not None:
        photo_features = features(flat["images"], flat["landmarks"])
        # The alignment of the rendered face carries no gradient, as in MGCNet.
        rendered_features = features(overlay, plain(view.landmarks))
        terms["identity"] = np.mean(identity_loss(photo_features, rendered_features))
    return terms


def multi_view_terms(view, batch, decoder, *, reprojected=False, symmetric=False, covisible=True):
    """The losses of Eq. 3 to 5: a sum over the sources of an item, a mean over the items they are for; -> dict of scalars."""
    items, views = batch["landmarks"].shape[:2]
    camera, sources = decoder.camera, views - 1
    pairs = pair_up(view, batch["images"], decoder, covisible=covisible)
    found = correspond(pairs.target_depth, pairs.source_from_target, camera)
    both = pairs.covisible * found.valid
    synthesized = bilinear_sample(pairs.source_image, found.uv)
    source_depth = bilinear_sample(pairs.source_depth[..., None], found.uv)[..., 0]
    # Paper: all covisible pixels; here: for the depth only those read from four pixels of the face, because a mean with the
    # background's 0 would be metres wrong.
    inside = np.greater(bilinear_sample(pairs.source_mask[..., None], plain(found.uv))[..., 0], 1 - 1e-3)
    expected = found.depth if reprojected else pairs.target_depth
    target_landmarks, source_landmarks = _targets(batch["landmarks"]), _sources(batch["landmarks"])
    errors = {
        "pixel": pixel_loss(synthesized, pairs.target_image, both),
        "depth": depth_loss(source_depth, expected, both * inside, reprojected=reprojected),
        # Found landmarks, not predicted ones (see epipolar_loss).
        "epipolar": epipolar_loss(target_landmarks, source_landmarks, pairs.source_from_target, camera, symmetric=symmetric)
        * (PAPER_CAMERA.width / camera.width),
    }
    terms = {}
    for name, error in errors.items():
        least = EPIPOLAR if name == "epipolar" else PHOTOMETRIC
        gate = (batch["flags"] >= least).astype(error.dtype)
        count = batch["counts"][least - 1] if "counts" in batch else None
        terms[name] = gated_mean(np.sum(np.reshape(error, (items, sources)), axis=1), gate, count=count)
    return terms


def pair_up(view, images, decoder, *, covisible=True):
    """Every source view beside its target; a View of B N views, images (B, N, H, W, 3) -> Pairs.

    covisible: False marks all of the target's face as seen by the source.
    """
    items, views = images.shape[:2]
    apart = lambda array: np.reshape(array, (items, views, *array.shape[1:]))
    rotation, translation = (apart(part) for part in view.camera_from_model)
    target_from_model = _targets(rotation), _targets(translation)
    source_from_model = _sources(rotation), _sources(translation)
    depth = apart(view.depth)
    return Pairs(
        target_image=_targets(images),
        source_image=_sources(images),
        target_depth=_targets(depth),
        source_depth=_sources(depth),
        source_mask=_sources(apart(_positive(view.depth))),
        source_from_target=compose(source_from_model, invert(target_from_model)),
        covisible=_seen_by_both(view, apart, decoder) if covisible else _positive(_targets(depth)),
    )


def _seen_by_both(view, apart, decoder):
    """The covisible map of every pair (Sec. 3.4); -> (P, H, W)."""
    points = plain(view.points_camera)
    seen = apart(seen_vertices(points, decoder.triangles, decoder.camera, drawn=view.fragments.triangle))
    return covisible_map(_targets(seen), _sources(seen), _targets(apart(points)), decoder.triangles, decoder.camera)


def _positive(array):
    """1 where the array is above 0, else 0; bare."""
    return (plain(array) > 0).astype(array.dtype)


def _sources(array):
    """(B, N, ...) -> (B (N - 1), ...): views 1 and on."""
    return np.reshape(array[:, 1:], (-1, *array.shape[2:]))


def _targets(array):
    """(B, N, ...) -> (B (N - 1), ...): view 0, once for every source."""
    return np.reshape(np.repeat(array[:, :1], array.shape[1] - 1, axis=1), (-1, *array.shape[2:]))


def _check_batch(batch, items, views, camera):
    size = camera.height, camera.width
    expected = {"images": (items, views, *size, 3), "landmarks": (items, views, 68, 2), "skin": (items, views, *size)}
    expected["flags"] = (items,)
    for name, shape in expected.items():
        if name not in batch:
            raise ValueError(f"batch: expected {', '.join(expected)}; {name} is missing")
        if batch[name].shape != shape:
            raise ValueError(f"batch[{name!r}]: expected {shape} for coefficients of {items} items with {views} views, "
                             f"got {tuple(batch[name].shape)}")  # fmt: skip
        check_array("total_loss", f"batch[{name!r}]", batch[name], "number ..." if name == "flags" else "...")
