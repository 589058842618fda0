"""How far is a reconstructed shape from a scan? Align by landmarks, cut the scan, ICP, measure (Sec. 4.4, Tab. 1b and 2a).

    MICC (MGCNet)   5 points, rigid; 95 mm around the nose tip; rigid ICP; root mean square of the distance to the plane
    FRGC            the same; mean distance to the nearest vertex
    NoW             7 points with scale; a ball around the nose; ICP with scale; median, mean and deviation to the surface

Every option of the protocols that papers use differently is an argument: scale, metric, radius and direction.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.data.protocols.icp import Motion, icp, procrustes
from mgcbook.data.protocols.surface import Surface
from mgcbook.errors import DataError, UsageError

NOSE_TIP = 30
FIVE = (36, 45, 30, 48, 54)
"""Of the 68 landmarks: outer corners of the eyes, tip of the nose, corners of the mouth."""
SEVEN = (36, 39, 42, 45, 33, 48, 54)
"""NoW: corners of the eyes, base of the nose, corners of the mouth."""
SCALES = ("none", "global", "per-mesh")
METRICS = ("p2plane_rmse", "p2p_mean", "p2s_mean")
EYES_MM = (60.0, 130.0)
"""Plausible distance of the outer corners of the eyes; outside it the unit is not mm."""


@dataclass(frozen=True)
class ScanProtocol:
    """What varies between papers."""

    scale: str = "none"
    """"none": shapes are compared as they are; "per-mesh": ICP also finds a scale; "global": one scale for all, `factor`."""
    metric: str = "p2plane_rmse"
    """Root mean square to the plane, mean to the nearest vertex, or mean to the surface."""
    radius: float | None = 95.0
    """mm around the nose tip that count; None: the whole scan."""
    direction: str = "scan"
    """"scan": from points of the scan to the shape; "shape": from vertices of the shape to the scan."""
    factor: float = 1.0
    """Of the shape, for the global scale (see `global_scale`)."""

    def __post_init__(self):
        for name, allowed in (("scale", SCALES), ("metric", METRICS), ("direction", ("scan", "shape"))):
            if getattr(self, name) not in allowed:
                raise UsageError(f"{name}: expected one of {', '.join(allowed)}, got {getattr(self, name)!r}")


MICC = ScanProtocol()
FRGC = ScanProtocol(metric="p2p_mean")
DENG = ScanProtocol(scale="per-mesh", metric="p2plane_rmse")
GENOVA = ScanProtocol(scale="global", metric="p2plane_rmse", direction="scan")


class ScanError(NamedTuple):
    """The comparison of one shape with one scan."""

    error: float
    """The protocol's number, in mm of the scan."""
    each: np.ndarray
    """(P,) distance of every point that counts, in mm of the scan."""
    points: np.ndarray
    """(P,) which vertices of the scan (or of the shape, for the other direction) they are."""
    scan_from_shape: Motion
    """How the shape lies on the scan."""


@check_shapes(points="number P 3", center="number 3")
def crop(points, center, radius):
    """Which points lie within a ball; (P, 3), (3,) -> (n,) numbers."""
    return np.flatnonzero(((points - center) ** 2).sum(axis=1) <= radius**2)


@check_shapes(shape="number V 3", triangles="int F 3", shape_points="number L 3", scan_points="number M 3", nose="number 3")
def scan_error(shape, triangles, shape_points, scan, scan_points, protocol=MICC, *, nose=None):
    """Compare a shape with a scan; -> ScanError.

    Args:
        shape, triangles: (V, 3) mm and (F, 3), what was reconstructed.
        shape_points: (L, 3) landmarks of the shape in mm.
        scan: a Scan in mm.
        scan_points: (L, 3) the same landmarks on the scan.
        protocol: which variant.
        nose: (3,) tip of the nose on the scan; None: landmark 30 of 68, the third of five.
    Raises:
        DataError: if landmarks differ in number, do not lie on their surface, or the unit is not mm.
    """
    shape, scan_points = np.asarray(shape, np.float64), np.asarray(scan_points, np.float64)
    shape_points = np.asarray(shape_points, np.float64)
    if shape_points.shape != scan_points.shape:
        found = f"{shape_points.shape} and {scan_points.shape}"
        raise DataError(f"scan_error: expected the same landmarks in shape_points and scan_points, got {found}")
    nose = _nose(scan_points) if nose is None else np.asarray(nose, np.float64)
    chosen = list(FIVE) if len(scan_points) == 68 else slice(None)
    check_unit(scan_points[chosen], scan)
    factor = protocol.factor if protocol.scale == "global" else 1.0
    shape, shape_points = factor * shape, factor * shape_points
    with_scale = protocol.scale == "per-mesh"
    start = procrustes(scan_points[chosen], shape_points[chosen], with_scale=with_scale)
    cut = crop(scan.vertices, nose, protocol.radius) if protocol.radius else np.arange(len(scan.vertices))
    surface = Surface(shape, triangles)
    shape_from_scan = icp(scan.vertices[cut], surface, start=start, with_scale=with_scale)
    scan_from_shape = shape_from_scan.inverse()
    if protocol.direction == "scan":
        each = _distances(shape_from_scan.apply(scan.vertices[cut]), surface, protocol.metric) / shape_from_scan.scale
        points = cut
    else:
        moved = scan_from_shape.apply(shape)
        points = crop(moved, nose, protocol.radius) if protocol.radius else np.arange(len(shape))
        if not len(scan.triangles):
            raise DataError("scan_error: the direction from shape to scan needs a scan with triangles")
        each = _distances(moved[points], Surface(scan.vertices, scan.triangles), protocol.metric)
    motion = replace_scale(scan_from_shape, factor)
    return ScanError(_summary(each, protocol.metric), each, points, motion)


def replace_scale(motion, factor):
    """The motion for the shape as it was before it was multiplied by a factor."""
    return motion._replace(scale=motion.scale * factor)


def _distances(points, surface, metric):
    if metric == "p2p_mean":
        from scipy.spatial import cKDTree

        return cKDTree(surface.vertices[np.unique(surface.triangles)]).query(points)[0]
    near = surface.closest(points)
    if metric == "p2s_mean":
        return near.distance
    return np.abs(np.sum((points - near.position) * surface.normals[near.triangle], axis=1))


def _summary(each, metric):
    return float(np.sqrt(np.mean(each**2)) if metric.endswith("rmse") else np.mean(each))


def _nose(points):
    if len(points) not in (5, 68):
        raise DataError(f"scan_error: with {len(points)} landmarks give the tip of the nose as well")
    return points[NOSE_TIP if len(points) == 68 else FIVE.index(NOSE_TIP)]


@check_shapes(points="number L 3")
def check_unit(points, scan):
    """Landmarks lie on the scan, and eyes are as far apart as eyes are in mm.

    Raises:
        DataError: naming what does not fit.
    """
    from scipy.spatial import cKDTree

    eyes = float(np.linalg.norm(points[0] - points[3 if len(points) == len(SEVEN) else 1]))
    if not EYES_MM[0] <= eyes <= EYES_MM[1]:
        raise DataError(f"scan: the eyes are {eyes:.4g} apart; expected {EYES_MM[0]:.0f} to {EYES_MM[1]:.0f} mm, is the unit mm?")
    away = cKDTree(scan.vertices).query(points)[0]
    if away.max() > 15:
        raise DataError(f"scan: landmark {int(away.argmax())} lies {away.max():.1f} mm from it; do they belong to each other?")


def global_scale(shape_points, scan_points):
    """One factor for all shapes of a test, from all their landmarks (Genova et al.); two lists of (L, 3) -> float."""
    spreads = [[np.sum((points - points.mean(axis=0)) ** 2) for points in side] for side in (scan_points, shape_points)]
    return float(np.sqrt(np.sum(spreads[0]) / np.sum(spreads[1])))


class NowError(NamedTuple):
    """Distances of the points of a NoW scan to a shape."""

    each: np.ndarray
    """(P,) mm."""
    points: np.ndarray
    """(P,) vertices of the scan that count."""
    median: float
    mean: float
    deviation: float
    scan_from_shape: Motion
    """How the shape lies on the scan."""


@check_shapes(shape="number V 3", triangles="int F 3", shape_points="number L 3", scan_points="number M 3")
def now_error(shape, triangles, shape_points, scan, scan_points, *, metrical=False):
    """The NoW challenge: distances of a scan to a shape of any scale; arguments as `scan_error`, seven landmarks -> NowError.

    Args:
        metrical: shapes are in mm, no scale is removed.

    Source: S. Sanyal et al., Learning to Regress 3D Face Shape and Expression from an Image without 3D Supervision, CVPR 2019.
    """
    scan_points, shape_points = np.asarray(scan_points, np.float64), np.asarray(shape_points, np.float64)
    if len(shape_points) == 68:
        shape_points = shape_points[list(SEVEN)]
    if scan_points.shape != (7, 3) or shape_points.shape != (7, 3):
        raise DataError(f"now_error: expected seven landmarks, got {shape_points.shape} and {scan_points.shape}")
    check_unit(scan_points, scan)
    bridge, below = scan_points[1:3].mean(axis=0), scan_points[4]
    eyes = np.linalg.norm(scan_points[0] - scan_points[3])
    radius = 1.4 * (eyes + np.linalg.norm(bridge - below)) / 2
    cut = crop(scan.vertices, below + 0.3 * (bridge - below), radius)
    start = procrustes(scan_points, shape_points, with_scale=not metrical)
    surface = Surface(shape, triangles)
    shape_from_scan = icp(scan.vertices[cut], surface, start=start, with_scale=not metrical)
    each = surface.closest(shape_from_scan.apply(scan.vertices[cut])).distance / shape_from_scan.scale
    return NowError(each, cut, float(np.median(each)), float(np.mean(each)), float(np.std(each)), shape_from_scan.inverse())


def with_global_scale(protocol, factor):
    """The protocol with its factor set."""
    return replace(protocol, scale="global", factor=factor)
