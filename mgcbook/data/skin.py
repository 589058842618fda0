"""How much a pixel looks like skin: the weight of the render loss (Sec. 3.3), so that hair, glasses and cloth pull less.

    P(skin | colour) = prior s(colour) / (prior s(colour) + (1 - prior) n(colour))

s and n are densities of the colours of skin and of everything else: mixtures of 16 Gaussians each, measured on nearly a
billion labelled pixels of photographs from the web (Jones and Rehg 2002); their numbers are in skin_colors.json.

Beside them there are mixtures fitted to the colours of synthetic portraits (mgcbook.data.skin_fit). Part of the pixels taken for
skin at a prior of 0.5:

|                                                             | published | refitted |
|-------------------------------------------------------------|-----------|----------|
| 60 held-out synthetic portraits: skin                       | 86.3 %    | 93.6 %   |
| 60 held-out synthetic portraits: everything else            | 8.1 %     | 10.2 %   |
| 26 colour photographs of AFLW2000-3D: hull of the landmarks | 67.3 %    | 57.2 %   |
| the same: further than 30 pixels from the hull              | 19.6 %    | 21.9 %   |

So the refitted ones are for synthetic faces, the published ones, the default, for photographs.

Where it fails: grey pictures, strong colour casts, blown highlights, red and blond hair, wood and sand; and very dark skin, which
the photographs of that time show too rarely. So it only weighs pixels inside the rendered face, and never decides alone.
"""

import functools
import json
from pathlib import Path

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.data.landmarks import check_landmarks
from mgcbook.errors import UsageError
from mgcbook.face.camera import pixel_grid

# Paper: says that the skin probability follows [Deng et al.], two Gaussian mixtures in YCbCr; here: the published mixtures in RGB
# that they were fitted after; because these have a source and cover the same colours.
PRIOR = 0.8
"""Part of skin among the pixels that are asked for: inside a face (Deng et al. 2019)."""

GREY = 0.02
"""A picture whose channels differ by less than this on average (of 1) has no colour to judge by."""

BLOCK = 2048
"""Pixels at a time: their 32 densities each stay in a core's cache."""

CHEEKS_AND_NOSE = [1, 2, 3, 13, 14, 15, 27, 28, 29, 30, 31, 32, 33, 34, 35, 48, 54]
"""Of the 68 landmarks: the face inside their hull is nearly all bare skin."""


MIXTURES = {"jones-rehg": "skin_colors.json", "refitted": "skin_colors_refitted.json"}
"""Name -> file with the two mixtures: as published, and fitted to synthetic portraits by `mgcbook.data.skin_fit`."""
COMPONENTS = 16
"""Gaussians of a mixture."""


def table_of(mixture):
    """The JSON text of a mixture's numbers.

    Raises:
        UsageError: for an unknown name.
    """
    if mixture not in MIXTURES:
        raise UsageError(f"mixture: expected one of {', '.join(MIXTURES)}, got {mixture!r}")
    return Path(__file__).with_name(MIXTURES[mixture]).read_text(encoding="utf-8")


@functools.cache
def _mixtures(mixture):
    """Both mixtures as one matrix: log density of each of 32 Gaussians = (x^2, x, 1) @ matrix; -> (7, 32)."""
    table = json.loads(table_of(mixture))
    rows = np.array([table["skin"], table["other"]])  # (2, 16, 7)
    weight, mean, variance = rows[..., 0], rows[..., 1:4], rows[..., 4:7]
    log_weight = np.log(weight / weight.sum(axis=1, keepdims=True))
    constant = log_weight - 0.5 * np.sum(mean**2 / variance + np.log(2 * np.pi * variance), axis=-1)
    matrix = np.concatenate([-0.5 / variance, mean / variance, constant[..., None]], axis=-1)
    return matrix.reshape(2 * COMPONENTS, 7).T


@check_shapes(image="...")
def skin_probability(image, *, prior=PRIOR, mixture="jones-rehg"):
    """Probability that each pixel shows skin, from its colour alone; (..., 3) RGB in [0, 1] -> (...) float32.

    Args:
        prior: part of skin among all pixels asked for, between 0 and 1.
        mixture: one of `MIXTURES`.
    Raises:
        UsageError: for an unknown mixture.

    Source: M. J. Jones and J. M. Rehg, Statistical color models with application to skin detection, IJCV 46(1), 2002.
    """
    if not 0 < prior < 1:
        raise ValueError(f"prior: expected a number between 0 and 1, got {prior}")
    if np.shape(image)[-1] != 3:
        raise ValueError(f"image: expected (..., 3) RGB in [0, 1], got {np.shape(image)}")
    colors = 255 * np.asarray(image, dtype=np.float64).reshape(-1, 3)
    result = np.empty(len(colors), np.float32)
    for start in range(0, len(colors), BLOCK):
        result[start : start + BLOCK] = _posterior(colors[start : start + BLOCK], prior, mixture)
    return result.reshape(np.shape(image)[:-1])


def _posterior(colors, prior, mixture):
    """P(skin | colour); (P, 3) RGB in 0 to 255 -> (P,)."""
    features = np.concatenate([colors**2, colors, np.ones((len(colors), 1))], axis=1)
    logs = (features @ _mixtures(mixture)).reshape(-1, 2, COMPONENTS)
    highest = logs.max(axis=(1, 2), keepdims=True)  # taken out before exp: far from every Gaussian both densities would be 0
    skin, other = np.moveaxis(np.exp(logs - highest).sum(axis=2), 1, 0)
    return prior * skin / (prior * skin + (1 - prior) * other)


@check_shapes(image="... 3", landmarks="number L 2")
def skin_weight(image, *, landmarks=None, prior=PRIOR, mixture="jones-rehg"):
    """Weight of each pixel in the render loss; (..., H, W, 3) RGB in [0, 1] -> (..., H, W) float32.

    1 where skin is likelier than not, else its probability (as MGCNet's loader does). A grey picture gets 1 everywhere: it has
    no colour to judge by.

    Args:
        landmarks: (5, 2) or (68, 2) of the one picture (H, W, 3): then the weight also falls where the colour differs from
            that of this face's own nose and cheeks (see `likeness`), which tells blond hair from skin.
        mixture: one of `MIXTURES`.
    """
    probability = skin_probability(image, prior=prior, mixture=mixture)
    weight = np.where(probability > 0.5, np.float32(1), probability)
    chroma = np.mean(np.ptp(image, axis=-1), axis=(-1, -2), keepdims=True)
    weight = np.where(chroma < GREY, np.float32(1), weight)
    return weight if landmarks is None else weight * likeness(image, landmarks)


@check_shapes(image="H W 3", landmarks="number L 2")
def likeness(image, landmarks):
    """How close each pixel's colour is to the skin between the eyes and the mouth of this face; (H, W, 3) -> (H, W) float32.

    Colours are compared as log(R/G) and log(B/G): shading scales all three channels alike, so light and shadow hardly change
    them. 1 up to 2.5 standard deviations from the middle, 0 from five on; 1 also between brows and mouth, so that lips and brows
    keep their weight.

    Raises:
        DataError: for landmarks of another count or not finite.
    """
    # Paper: has no such term; here: offered for fits of one photograph, because hair over the forehead pulls on shape and albedo.
    points = check_landmarks(landmarks)
    points = points[CHEEKS_AND_NOSE] if len(points) == 68 else points
    between = in_hull(points, pixel_grid(*image.shape[:2]))
    logs = np.log(np.asarray(image, dtype=np.float64).clip(0) + 0.05)  # 0.05: dark pixels have no colour worth comparing
    chroma = np.stack([logs[..., 0] - logs[..., 1], logs[..., 2] - logs[..., 1]], axis=-1)
    own = chroma[between & (skin_probability(image) > 0.5)]
    own = own if len(own) >= 20 else chroma[between]
    if len(own) < 20:  # a face of a few pixels: nothing to learn a colour from
        return np.ones(image.shape[:2], dtype=np.float32)
    middle = np.median(own, axis=0)
    away = np.linalg.norm(own - middle, axis=1)
    core = own[away <= np.quantile(away, 0.7)]  # without lips, nostrils and lashes; twice its spread is about that of all skin
    precision = np.linalg.inv(2 * np.cov(core.T) + 0.02**2 * np.eye(2))
    distance = np.sqrt(np.einsum("...i,ij,...j->...", chroma - middle, precision, chroma - middle))
    face = points if len(landmarks) == 5 else np.asarray(landmarks)[17:]
    inner = in_hull(face, pixel_grid(*image.shape[:2]))
    return np.where(inner, 1, np.clip(2 - distance / 2.5, 0, 1)).astype(np.float32)


@check_shapes(points="number L 2", positions="number ... 2")
def in_hull(points, positions):
    """Which positions lie in the convex hull of points, its border included; (L, 2), (..., 2) -> (...) bool."""
    inside = np.ones(positions.shape[:-1], bool)
    corners = _hull(points)
    for (x, y), (next_x, next_y) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inside &= (next_x - x) * (positions[..., 1] - y) >= (next_y - y) * (positions[..., 0] - x)
    return inside


def _hull(points):
    """Corners of the convex hull in order, none on a line between its neighbours (Andrew 1979); (L, 2) -> (M, 2)."""
    points = np.unique(np.asarray(points, np.float64), axis=0)
    halves = []
    for line in (points, points[::-1]):
        chain = []
        for point in line:
            while len(chain) > 1 and _turn(*chain[-2:], point) <= 0:
                chain.pop()
            chain.append(point)
        halves += chain[:-1]
    return np.array(halves)


def _turn(a, b, c):
    """Above 0 where the way from a over b to c turns from x to y."""
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])
