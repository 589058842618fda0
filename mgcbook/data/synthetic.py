"""Synthetic faces with exact truth: items of several views, made while they are asked for, the same for the same seed.

    item = {images (N, H, W, 3) float32, landmarks (N, 68, 2) float32, skin (N, H, W) float32, flag int, truth {...}}

View 0 is the target, the others are sources. An item depends on the settings and its number alone: not on the items before it,
the size of a batch or the number of threads. Pictures and skin weights are multiples of 1/255, so that eight bits store them
without loss. Built in chapter 10.

truth, exact for every view: rotation (N, 3) and translation (N, 3), the offsets to the main pose; camera_from_model, the pose as
(rotation (N, 3, 3), translation (N, 3)); depth (N, H, W) of the bare face, in mm; covisible (N - 1, H, W). Of view 0, and of all
views unless the flag is 0: identity, expression, albedo (the generator's coefficients), light (3, 9), vertices (V, 3).
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import cached_property

import numpy as np

from mgcbook.data import builtin
from mgcbook.data.occluders import Parts
from mgcbook.data.portraits import Material, take_pictures
from mgcbook.data.scenes import SyntheticConfig, build_scene, sample_face, sample_single_yaw, sample_yaw
from mgcbook.data.visibility import covisible_truth
from mgcbook.face.camera import compose, invert, main_pose, project, transform
from mgcbook.face.raster import Fragments, rasterize
from mgcbook.learning.objective import EPIPOLAR, SINGLE_VIEW

HELD_OUT_SEED = 20_201_101
HELD_OUT_COUNT = 100
"""Faces of the standard test set."""


class SyntheticFaces:
    """An endless collection of synthetic faces; `item(index)` and `batch(indices)` make them.

    Args:
        config: what the faces are like; None: the defaults.
        model: the face model that generates; None: the built-in generator, richer than the built-in model on the same mesh.
        truth: also give the truth of each item; "coefficients": without its depth and covisible maps, which take time.
        workers: threads that make the items of a batch side by side; the result does not depend on it.
    """

    def __init__(self, config=None, model=None, *, truth=True, workers=1):
        self.config = SyntheticConfig() if config is None else config
        self.model = builtin.load_generator("light") if model is None else model
        self.truth, self.workers = truth, workers
        self.camera = self.config.camera
        self.main = main_pose(self.model.mean, self.model.landmark_vertices, self.camera)
        self.parts, self.material = Parts.around(self.model), Material.of(self.model)

    def describe(self):
        """What a data set on disk notes about its source; -> dict for JSON."""
        model = self.model
        known = (model.mean, model.identity_deviation, model.expression_deviation, model.albedo_deviation, model.albedo_mean)
        print_of = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in known)).hexdigest()[:16]
        return {"kind": "synthetic", "model": model.name, "fingerprint": print_of, "config": asdict(self.config)}

    def batch(self, indices):
        """Several items stacked along a new first axis; `flag` becomes flags (B,) int64."""
        if self.workers > 1:
            return stack_items(list(self._pool.map(self.item, indices)))
        return stack_items([self.item(index) for index in indices])

    def item(self, index):
        """The item with this number, 0 to 2^32 - 1; -> dict (see the head of this file).

        Raises:
            IndexError: for another number.
        """
        rng, flag, scenes = self.scenes(index)
        config = self.config
        pictures, landmarks = [], []
        for scene in scenes:
            pictures.append(take_pictures(rng, scene, self.model, self.parts, self.material, self.camera, config.supersample,
                                          config.scenery))  # fmt: skip
            landmarks.append(self.landmarks(scene))
        images, skin = (np.concatenate(kind) for kind in zip(*pictures, strict=True))
        item = {"images": images, "landmarks": np.concatenate(landmarks), "skin": skin, "flag": flag}
        return item | {"truth": self._truth(scenes)} if self.truth else item

    def scenes(self, index):
        """What an item shows, before any picture is taken; -> (generator for the pictures, flag, one Scene or one per view)."""
        rng = self._random(index)
        config = self.config
        single = rng.random() < config.single_share or config.views == 1
        face = sample_face(rng, self.model, config)
        if single:
            moods = [sample_face(rng, self.model, config)["expression"] for _ in range(config.views - 1)]
            faces = [face, *({**face, "expression": mood} for mood in moods)]
            scenes = [self._scene(rng, face, sample_single_yaw(rng, config)) for face in faces]
        else:
            scenes = [self._scene(rng, face, sample_yaw(rng, config))]
        return rng, SINGLE_VIEW if single else EPIPOLAR, scenes

    def _random(self, index):
        if not (0 <= index < 2**32 and index == int(index)):
            raise IndexError(f"index: expected a whole number from 0 to 2^32 - 1, got {index}")
        # Zeros at the end change nothing: default_rng([seed, index]) for training, with which held-out faces share no stream.
        return np.random.default_rng([self.config.seed, int(index), int(self.config.held_out)])

    def _scene(self, rng, face, yaw):
        return build_scene(rng, self.model, self.parts, self.main, face, yaw, self.config)

    def _points(self, scene):
        return transform(*scene.camera_from_model, np.repeat(scene.vertices[None], len(scene.yaw), axis=0))

    def landmarks(self, scene):
        """The 68 landmarks in every view of a scene, in pixels; -> (N, 68, 2) float32."""
        points = np.repeat(self.model.landmarks(scene.vertices[None].astype(float)), len(scene.yaw), axis=0)
        rotation, translation = (part.astype(float) for part in scene.camera_from_model)
        return project(transform(rotation, translation, points), self.camera).astype(np.float32)

    def _truth(self, scenes):
        first = scenes[0]
        joined = lambda parts: np.concatenate(list(parts))
        pose = tuple(joined(scene.camera_from_model[i] for scene in scenes) for i in range(2))
        known = {
            "identity": first.identity,
            "expression": first.expression,
            "albedo": first.albedo,
            "light": first.lighting.coefficients,
            "vertices": first.vertices,
            "rotation": joined(scene.rotation_offset for scene in scenes),
            "translation": joined(scene.translation_offset for scene in scenes),
            "camera_from_model": pose,
        }
        return known if self.truth == "coefficients" else known | self._maps(scenes)

    def _maps(self, scenes):
        views = [self._points(scene) for scene in scenes]
        points = np.concatenate(views)
        fragments = rasterize(points, self.model.triangles, self.camera)
        covisible = np.zeros((len(points) - 1, self.camera.height, self.camera.width), np.float32)
        if len(scenes) == 1:
            target = Fragments(*(part[:1] for part in fragments))
            pose = tuple(part.astype(float) for part in scenes[0].camera_from_model)
            start, sources = tuple(part[:1] for part in pose), tuple(part[1:] for part in pose)
            covisible = covisible_truth(points, self.model.triangles, target, compose(sources, invert(start)), self.camera)
        return {"depth": fragments.depth, "covisible": covisible}

    @cached_property
    def _pool(self):
        return ThreadPoolExecutor(self.workers, thread_name_prefix="mgcbook-faces")


def held_out(model=None, **settings):
    """The faces of the standard test set: the items 0 to HELD_OUT_COUNT - 1 of a stream that no training item shares.

    Args:
        model: the face model that generates; None: the built-in generator.
        settings: of `SyntheticConfig`, for example size; the seed and the stream are fixed.
    """
    config = replace(SyntheticConfig(seed=HELD_OUT_SEED, held_out=True, single_share=0.0), **settings)
    return SyntheticFaces(config, model)


def stack_items(items):
    """Items -> one batch: every array gets a new first axis, also in dicts and tuples; `flag` becomes `flags` (B,) int64."""
    flags = np.array([item["flag"] for item in items])
    rest = [{name: value for name, value in item.items() if name != "flag"} for item in items]
    return {**_stacked(rest), "flags": flags}


def _stacked(values):
    if isinstance(values[0], dict):
        return {name: _stacked([value[name] for value in values]) for name in values[0]}
    if isinstance(values[0], tuple):
        return tuple(_stacked(list(parts)) for parts in zip(*values, strict=True))
    return np.stack(values)
