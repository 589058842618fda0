"""View synthesis: the target view put together from the pixels of a source view (Sec. 3.4, Eq. 2).

    target pixel p_t --D_t(p_t) K^-1--> point in the target camera --source_from_target--> source camera --K--> p_s

The source picture, read at p_s, is what the target camera should see at p_t if depth and poses are right.
"""

from typing import NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes

from .camera import pixel_grid, project, transform, unproject
from .sampling import bilinear_sample, in_range


class Correspondence(NamedTuple):
    """Where the points of the target pixels are in the source view."""

    uv: object
    """(B, H, W, 2) p_s of Eq. 2 in pixels."""
    depth: object
    """(B, H, W) camera z of the points in the source camera, in mm."""
    valid: object
    """(B, H, W) 1 where the target pixel has depth and p_s lies in the source picture, in front of its camera; bare."""


@check_shapes(target_depth="B H W", source_from_target="pose B")
def correspond(target_depth, source_from_target, camera):
    """p_s ~ K P_rel D_t(p_t) K^-1 p_t for every target pixel (Eq. 2); (B, H, W) mm and a pose -> Correspondence.

    Args:
        target_depth: camera z in mm, 0 where there is no face.
        source_from_target: relative pose (rotation (B, 3, 3), translation (B, 3)).
    """
    # Paper: prints the relative pose as P_t^-1 P_s; here: P_s P_t^-1, because only that takes points from target to source (the
    # printed one misses by thousands of pixels).
    batch, height, width = target_depth.shape
    grid = pixel_grid(height, width, like=target_depth)
    points_target = np.reshape(unproject(grid, target_depth, camera), (batch, height * width, 3))
    points_source = transform(*source_from_target, points_target)
    uv = np.reshape(project(points_source, camera), (batch, height, width, 2))
    source_depth = np.reshape(points_source[:, :, 2], (batch, height, width))
    seen = np.logical_and(np.greater(target_depth, 0), np.greater(source_depth, 0))
    return Correspondence(uv, source_depth, in_range(uv, height, width) * seen)


@check_shapes(source_image="B H W C", target_depth="B H W", source_from_target="pose B")
def warp(source_image, target_depth, source_from_target, camera):
    """The target view synthesized from the source view (Eq. 2); (B, H, W, C), (B, H, W) -> (B, H, W, C), (B, H, W).

    Args:
        source_image: what to read at p_s: the source photograph, or its depth map with a last axis of 1.
        target_depth: camera z in mm, 0 where there is no face.
        source_from_target: relative pose (rotation (B, 3, 3), translation (B, 3)).
    Returns:
        (image, valid): valid is 1 where the pixel has depth and was found inside the source picture, and carries no gradient.
    """
    found = correspond(target_depth, source_from_target, camera)
    return bilinear_sample(source_image, found.uv), found.valid
