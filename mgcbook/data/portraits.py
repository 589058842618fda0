"""Pictures of a scene: light, highlights, pores and wrinkles computed for every ray, which the fitted model cannot copy.

The fitted model shades vertices with nine harmonics. Here every pixel is shaded, skin has a grain fixed to it, lamps leave
highlights, and hollows are darker: what the losses see is richer than what the model can say, as with photographs.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter

from mgcbook.data.backgrounds import panorama, view_windows
from mgcbook.data.illumination import dot
from mgcbook.data.patterns import patterned
from mgcbook.data.sensor import photograph, quantise, sample_sensor
from mgcbook.face.camera import transform
from mgcbook.face.light import AMBIENT, sh_basis
from mgcbook.face.raster import interpolate, rasterize

SOFT = 0.004
"""How soft the border of skin is, as a part of the picture."""
TILE = 256
"""Samples across a tile of skin grain."""
TILE_MM = 160.0
"""Its size on the skin."""
FINENESS = range(-4, 7)
"""Sizes of pixels for which there is a tile of grain: 2**(number / 2) mm."""
SKIN_WEIGHTS = {"nostrils": 0.2, "lips": 0.7, "brows": 0.4, "eyes": 0.15, "mouth_inner": 0.0}
"""How much of the render loss the parts of the face get; 1 for skin, 0 for what is no face (Sec. 3.3)."""
WIDE = 2.25
"""Width of a panorama in pictures."""
GLOSS = {"nose": 1.6, "lips": 1.7, "brows": 0.3, "eyes": 4.0, "nostrils": 0.1, "mouth_inner": 0.2}
"""Strength of highlights relative to the cheeks."""


@dataclass(frozen=True)
class Material:
    """What is the same for all faces of a model: one row for every vertex."""

    place: np.ndarray
    """(V, 2) where the vertex lies on the skin: mm around the head, mm up."""
    skin: np.ndarray
    """(V,) skin weight."""
    gloss: np.ndarray
    """(V,)."""
    wet: np.ndarray
    """(V,) 1 on the eyes."""
    hollow: np.ndarray
    """(V,) part of the light that reaches the vertex, 1 on open skin."""

    @classmethod
    def of(cls, model):
        """The material of a face model's vertices."""
        x, y, z = model.mean.T
        place = np.stack([80 * np.arctan2(x, z + 20), y], axis=-1)
        skin, gloss = np.ones(len(x), np.float32), np.ones(len(x), np.float32)
        for target, strengths in ((skin, SKIN_WEIGHTS), (gloss, GLOSS)):
            for name, strength in strengths.items():
                target[model.regions.get(name, [])] = strength
        wet = model.regions.get("eyes", np.zeros(len(x), bool)).astype(np.float32)
        return cls(place.astype(np.float32), skin, gloss, wet, _hollows(model) * (1 - wet) + wet)


def _hollows(model, rounds=40):
    """Hollows get less light: how far a vertex lies behind the average of its surroundings decides."""
    edges = np.unique(np.sort(model.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    smooth, degree = model.mean.astype(float), np.bincount(edges.ravel(), minlength=len(model.mean))[:, None]
    for _ in range(rounds):
        total = np.zeros_like(smooth)
        np.add.at(total, edges[:, 0], smooth[edges[:, 1]])
        np.add.at(total, edges[:, 1], smooth[edges[:, 0]])
        smooth = 0.5 * smooth + 0.5 * total / np.maximum(degree, 1)
    behind = ((smooth - model.mean) * model.vertex_normals(model.mean[None])[0]).sum(-1)
    return np.clip(1 - 0.09 * np.clip(behind - 0.4, 0, 6), 0.45, 1).astype(np.float32)


def take_pictures(rng, scene, model, parts, material, camera, supersample=2, scenery="mixed"):
    """Photographs of a scene and where they show skin; Scene with N views -> (N, H, W, 3), (N, H, W) float32, all k / 255."""
    height, width = camera.height, camera.width
    fine = camera.resized(width * supersample, height * supersample)
    look = sample_look(rng)
    paint = patterned if scenery == "patterns" else panorama
    windows = view_windows(rng, paint(rng, height, int(WIDE * width)), scene.yaw, height, width)
    image, skin, cover = _shaded(scene, model, parts, material, fine, look)
    image, skin, cover = (_averaged(values, supersample) for values in (image, skin[..., None], cover[..., None]))
    image = image + (1 - cover) * windows
    settings = sample_sensor(rng)
    pictures = np.stack([photograph(picture, settings, rng) for picture in image])
    soft = gaussian_filter(skin[..., 0], (0, SOFT * height, SOFT * width), mode="nearest")
    return pictures, quantise(soft)


def sample_look(rng):
    """How strongly this skin shows grain, wrinkles and highlights."""
    return {
        "grain": rng.uniform(0.01, 0.055),
        "spots": rng.uniform(0.0, 0.25) * (rng.random() < 0.3),
        "relief": rng.uniform(0.0, 0.06),
        "wrinkles": rng.uniform(0.05, 0.22) * (rng.random() < 0.4),
        "shine": rng.uniform(0.03, 0.22),
        "exponent": rng.uniform(8, 28),
        "tile": rng.integers(0, TILE, 2),
    }


def _shaded(scene, model, parts, material, camera, look):
    """Colours, skin weight and cover of face and surroundings against nothing; -> (N, H, W, 3), (N, H, W), (N, H, W)."""
    count = len(scene.yaw)
    rotation, translation = scene.camera_from_model
    every = lambda vertices: transform(rotation, translation, np.repeat(vertices[None], count, axis=0))
    face = rasterize(every(scene.vertices), model.triangles, camera)
    around = scene.surroundings
    active = np.repeat(around.active[None], count, axis=0)
    other = rasterize(every(around.vertices), parts.triangles, camera, active=active)
    in_front = (other.triangle >= 0) & ((face.triangle < 0) | (other.depth < face.depth))
    on_face = (face.triangle >= 0) & ~in_front
    towards = towards_cameras(rotation, translation)
    image, skin = np.zeros((*face.triangle.shape, 3), np.float32), np.zeros(face.triangle.shape, np.float32)

    normals = model.vertex_normals(scene.vertices[None])[0]
    columns = (scene.colors, normals, material.place, material.skin, material.gloss, material.wet, material.hollow)
    values = interpolate(_side_by_side(*columns), model.triangles, face)[on_face]
    to_camera = np.repeat(towards, on_face.sum((1, 2)), axis=0)
    image[on_face] = _skin_color(values, to_camera, scene.lighting, look, camera, translation)
    skin[on_face] = values[:, 8]

    columns = (around.colors, around.normals, around.skin, around.gloss)
    values = interpolate(_side_by_side(*columns), parts.triangles, other)[in_front]
    image[in_front] = _matter_color(values, np.repeat(towards, in_front.sum((1, 2)), axis=0), scene.lighting)
    skin[in_front] = values[:, 6]
    return image, skin, (on_face | in_front).astype(np.float32)


def towards_cameras(rotation, translation):
    """Unit vectors to the cameras, in the axes of the model; (N, 3, 3), (N, 3) -> (N, 3) float32."""
    towards = -np.einsum("nij,ni->nj", rotation, translation)
    return (towards / np.linalg.norm(towards, axis=1, keepdims=True)).astype(np.float32)


def _side_by_side(*columns):
    return np.concatenate([np.reshape(column, (len(column), -1)) for column in columns], axis=1).astype(np.float32)


def _skin_color(values, towards, lighting, look, camera, translation):
    """Skin at P rays from what the vertices say there; (P, 12) -> (P, 3)."""
    albedo, normal, place = values[:, 0:3], values[:, 3:6], values[:, 6:8]
    gloss, wet, hollow = values[:, 9], values[:, 10], values[:, 11]
    dry = 1 - wet
    level = _level(float(np.mean(translation[:, 2])) / camera.focal)
    index = np.floor(place * np.float32(TILE / TILE_MM)).astype(np.int64) + look["tile"]
    grain, spots, slope_x, slope_y = level[(index[:, 1] % TILE), (index[:, 0] % TILE)].T
    pigment = look["grain"] * grain - look["spots"] * spots
    albedo = albedo * (1 + (pigment * dry)[:, None] * np.array([0.8, 1.0, 1.1], np.float32))
    folds = look["wrinkles"] * np.sin(place[:, 1] * np.float32(2 * np.pi / 9)) * np.exp(-((place[:, 1] - 48) / 14) ** 2)
    tilt_x, tilt_y = look["relief"] * slope_x * dry, (look["relief"] * slope_y + folds) * dry
    angle = place[:, 0] / np.float32(80)
    tilt = np.stack([tilt_x * np.cos(angle), tilt_y, -tilt_x * np.sin(angle)], axis=-1)
    normal = _unit(normal + tilt)
    shading = _irradiance(normal, lighting) * hollow[:, None]
    exponent = np.where(wet > 0.5, 60, look["exponent"]).astype(np.float32)
    shine = look["shine"] * gloss * hollow * (exponent / 20)
    return np.maximum(albedo * shading + shine[:, None] * lighting.highlight(normal, towards, exponent), 0)


def _matter_color(values, towards, lighting):
    """Hair, cloth and the like at P rays; (P, 8) -> (P, 3). Their sheets have two sides."""
    normal = _unit(values[:, 3:6])
    normal = np.where(dot(normal, towards)[:, None] < 0, -normal, normal)
    gloss = values[:, 7:8] * lighting.highlight(normal, towards, np.full(len(values), 25, np.float32))
    return np.maximum(values[:, 0:3] * _irradiance(normal, lighting) + gloss, 0)


def _irradiance(normals, lighting):
    """Light on the surface as the nine harmonics have it; (P, 3) -> (P, 3)."""
    light = lighting.coefficients.T.copy()
    light[0] += AMBIENT
    return np.maximum(np.einsum("pb,bc->pc", sh_basis(normals).astype(np.float32), light), 0)


def _unit(vectors):
    return vectors / np.sqrt(np.maximum(dot(vectors, vectors), 1e-12))[:, None]


def _averaged(values, factor):
    """Means of factor x factor rays; (N, factor H, factor W, C) -> (N, H, W, C)."""
    steps = range(factor)
    return sum(values[:, row::factor, column::factor] for row in steps for column in steps) / np.float32(factor * factor)


def _level(mm_per_pixel):
    """The tile of skin grain without what is too fine for the pixels; (TILE, TILE, 4)."""
    return _grain(fineness(mm_per_pixel) / 2)


def fineness(mm_per_pixel):
    """Which tile of skin grain fits the pixels: a whole number of FINENESS."""
    return round(float(np.clip(np.log2(mm_per_pixel) * 2, FINENESS[0], FINENESS[-1])))


def grains():
    """The tiles of skin grain for every number of FINENESS; (11, TILE, TILE, 4)."""
    return np.stack([_grain(number / 2) for number in FINENESS])


@cache
def _grain(fineness):
    """Mottling, spots, and the slopes of a relief, (TILE, TILE, 4) float32, blurred to 2**fineness mm; repeats without a seam."""
    rng = np.random.default_rng(68)
    step = TILE_MM / TILE
    white = rng.standard_normal((4, TILE, TILE))
    blurred = lambda noise, mm: gaussian_filter(noise, np.hypot(mm, 0.5 * 2.0**fineness) / step, mode="wrap") * 2 * mm / step
    mottling = blurred(white[0], 6.0) + 0.7 * blurred(white[1], 2.0) + 0.5 * blurred(white[2], 0.7)
    spots = np.clip(gaussian_filter(white[3], 1.1 / step, mode="wrap") * 2 * 1.1 / step - 1.6, 0, 1)
    spots = gaussian_filter(spots, 0.5 * 2.0**fineness / step, mode="wrap") * 3
    relief = 3 * blurred(white[1], 4.0) + 1.5 * blurred(white[2], 1.2)
    slope_y, slope_x = np.gradient(np.pad(relief, 1, mode="wrap"), step)
    return np.stack([mottling, spots, slope_x[1:-1, 1:-1], slope_y[1:-1, 1:-1]], axis=-1).astype(np.float32)
