"""Synthetic faces as numbers: everything that is drawn at random for an item, but no pixel. A GPU makes pictures of them.

    recipe = coefficients, bumps, poses | surroundings, light, look | the background as a program | camera settings, seed of noise

The numbers are those of `SyntheticFaces.item`, from the same random stream; only the noise of the camera comes from another one,
which needs no order (see `mgcbook.data.studio`). A recipe takes milliseconds, its pictures on a CPU a quarter of a second.
"""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np

from mgcbook.data.backgrounds import scenery, window_columns
from mgcbook.data.portraits import FINENESS, WIDE, fineness, sample_look, towards_cameras
from mgcbook.data.sensor import sample_sensor, steps_of
from mgcbook.data.sheet import ROOM, Sheet
from mgcbook.data.synthetic import SyntheticFaces
from mgcbook.errors import ResourceError, UsageError
from mgcbook.face.light import AMBIENT, sh_basis

LAMPS = 3
"""Lamps of a scene at the most."""
LOOK = ("grain", "spots", "relief", "wrinkles", "shine", "exponent")
SENSOR = ("blur", "gamma", "lift", "vignette", "grey", "shot", "read")
"""Numbers of one camera, behind which red, green and blue of its gain follow."""


class Recipes:
    """Recipes of the items of a collection; `batch(indices)` stacks them for a `Studio`.

    Args:
        config: SyntheticConfig.
        workers: processes that make recipes side by side; the result does not depend on it. Each is started anew, so a script
            that asks for more than one needs `if __name__ == "__main__":`.
        model: the face model that generates, see `SyntheticFaces`; other models than the built-in one need workers=1.
    """

    def __init__(self, config, workers=1, model=None):
        if config.scenery != "mixed":
            raise UsageError(f"scenery: a GPU paints 'mixed' backgrounds only, got {config.scenery!r}")
        if workers > 1 and model is not None:
            raise UsageError("workers: other processes know the built-in model only, got another one")
        self.config, self.faces, self._pool = config, SyntheticFaces(config, model, truth=False), None
        if workers > 1:
            start = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(workers, mp_context=start, initializer=_begin, initargs=(config,))

    def batch(self, indices):
        """{name: (B N, ...)}, one row for each view, and landmarks (B, N, 68, 2), flags (B,): host arrays of fixed shapes.

        Raises:
            ResourceError: if one of the other processes has been ended.
        """
        if self._pool is None:
            return stack([recipe(self.faces, index) for index in indices], self.config.views)
        try:
            return stack(list(self._pool.map(_recipe, indices)), self.config.views)
        except BrokenProcessPool as error:
            raise ResourceError(
                "recipes: a process that makes synthetic faces has ended; was it killed, or is the memory full? Start again: a "
                "run goes on from its last checkpoint (a script of your own needs `if __name__ == '__main__':`)"
            ) from error

    def close(self):
        """End the processes."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)


_of_this_process = []


def _begin(config):
    from mgcbook.kernels.cpu.threads import set_threads

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the first one ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    set_threads(1)  # there are as many processes as processors
    _of_this_process[:] = [SyntheticFaces(config, truth=False)]


def _end_with_parent():
    """Wait until the process that started this one has ended, in whatever way: killed, it can tell nobody."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _recipe(index):
    return recipe(_of_this_process[0], index)


def recipe(faces, index):
    """One item as numbers; -> {"scenes": [{"shared": ..., "views": ...}], "landmarks" (N, 68, 2), "seed" (N,), "flag"}."""
    rng, flag, scenes = faces.scenes(index)
    size, made = faces.config.size, []
    for place, scene in enumerate(scenes):
        made.append(_of_scene(rng, scene, faces))
        if place + 1 < len(scenes):  # what follows comes after the noise of these pictures
            rng.standard_normal((len(scene.yaw), size, size, 3), dtype=np.float32)
    entropy = [faces.config.seed, int(index), int(faces.config.held_out), 1]
    seeds = np.random.SeedSequence(entropy).generate_state(faces.config.views)
    landmarks = np.concatenate([faces.landmarks(scene) for scene in scenes])
    return {"scenes": made, "landmarks": landmarks, "flag": flag, "seed": seeds}


def _of_scene(rng, scene, faces):
    """{"shared": what all views have in common, "views": {name: (N, ...)}}, drawn in the order of `take_pictures`."""
    size, around, supersample = faces.config.size, scene.surroundings, faces.config.supersample
    look, sheet = sample_look(rng), Sheet(size, int(WIDE * size))
    picture, blur = scenery(rng, sheet)
    operations, numbers, tables = sheet.program(picture)
    start = window_columns(rng, sheet.width, scene.yaw, size)
    sensor = sample_sensor(rng)
    rotation, translation = scene.camera_from_model
    level = FINENESS.index(fineness(float(np.mean(translation[:, 2])) / (faces.camera.focal * supersample)))
    columns = [around.colors, around.normals, around.skin[:, None], around.gloss[:, None]]
    waves, phase, height = scene.waves
    shared = {
        "identity": scene.identity, "expression": scene.expression, "albedo": scene.albedo,
        "waves": waves, "phase": phase, "height": height,
        "around": around.vertices, "around_columns": np.concatenate(columns, axis=1), "around_active": around.active,
        "light": _light(scene.lighting), "lamps": _lamps(scene.lighting),
        "look": np.array([*(look[name] for name in LOOK), *look["tile"], level]),
        "operations": operations, "numbers": numbers, "tables": tables, "background_blur": np.array([blur]),
        "sensor": np.array([*(sensor[name] for name in SENSOR), *(sensor["gain"] * sensor["white"])]),
        "steps": steps_of(sensor["quality"]).reshape(3, 64),
    }  # fmt: skip
    views = {"rotation": rotation, "translation": translation, "towards": towards_cameras(rotation, translation), "start": start}
    return {"shared": {name: _plain(array) for name, array in shared.items()}, "views": {k: _plain(v) for k, v in views.items()}}


def _plain(array):
    """float64 as float32, int64 as int32; others as they are."""
    return array.astype({"f": np.float32, "i": np.int32}.get(array.dtype.kind, array.dtype), copy=False)


def _light(lighting):
    """Factors of 1, y, z, x, xy, yz, 3 z^2 - 1, xz, x^2 - y^2; -> (9, 3)."""
    light = lighting.coefficients.T.copy()
    light[0] += AMBIENT
    return light * _signs()[:, None]


def _signs():
    """What `sh_basis` multiplies those polynomials by: its value where each polynomial is known."""
    axes = sh_basis(np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [1.0, 1, 0], [0, 1.0, 1], [1.0, 0, 1]]))
    return axes[[0, 1, 2, 0, 3, 4, 2, 5, 0], range(9)] / [1, 1, 1, 1, 1, 1, 2, 1, 1]


def _lamps(lighting):
    """Direction and strength of each lamp, zeros where there is none; -> (LAMPS, 2, 3)."""
    lamps = np.zeros((LAMPS, 2, 3))
    lamps[: len(lighting.directions)] = np.stack([lighting.directions, lighting.strengths], axis=1)
    return lamps


def stack(recipes, views):
    """Recipes -> {name: (B N, ...)} with one row for each view, "landmarks" (B, N, 68, 2), "flags" (B,)."""
    rows = [(scene, view) for made in recipes for scene in made["scenes"] for view in range(len(scene["views"]["start"]))]
    found = {"seed": np.concatenate([made["seed"] for made in recipes])}
    for name in rows[0][0]["views"]:
        found[name] = np.stack([scene["views"][name][view] for scene, view in rows])
    for name, example in rows[0][0]["shared"].items():
        shape = (ROOM,) if name == "tables" else example.shape
        found[name] = np.zeros((len(rows), *shape), example.dtype)
        for row, (scene, _) in zip(found[name], rows, strict=True):
            row[: len(scene["shared"][name])] = scene["shared"][name]
    found["landmarks"] = np.stack([made["landmarks"] for made in recipes])
    return found | {"flags": np.array([made["flag"] for made in recipes])}
