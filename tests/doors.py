"""Doors: a call that works, each array of it replaced in turn by what does not fit, and the error that each should give.

A call is a dict of arguments; beside it stands what the function leaves open. The calls are in the test files of the floors.
"""

import contextlib

import numpy as np

from mgcbook.face import camera, raster
from mgcbook.learning import decoder
from tests.toy import toy_batch, toy_model

B, N, V, H, W, C = 2, 3, 6, 20, 20, 3
LENS = camera.Camera(20.0, W, H)
MODEL = toy_model(side=9)
DECODER = decoder.Decoder(MODEL, camera.PAPER_CAMERA.resized(16, 16))
TRIANGLES = np.array([[0, 1, 2], [2, 1, 3], [3, 4, 5]], np.int32)


def real(*shape):
    return np.random.default_rng(len(shape)).uniform(0.2, 0.9, shape).astype(np.float32)


POINTS = real(B, V, 3) + np.array([0, 0, 5], np.float32)
POSE = camera.rotation_from_euler(real(B, 3)), real(B, 3)
FRAGMENTS = raster.rasterize(POINTS, TRIANGLES, LENS)
BATCH = {name: array.astype(np.float32) if name != "flags" else array
         for name, array in toy_batch(np.random.default_rng(0), DECODER.camera, B, N, [2, 1]).items()}  # fmt: skip

RANK, LAST, REAL = "any number of axes", "any last axis", "whole numbers too"
"""What a function leaves open."""


def spoiled(array, leaves):
    """Arrays that do not fit, each with what is wrong with it."""
    if RANK not in leaves:
        yield "an axis more", array[None]
        yield "an axis less", array[0]
    if LAST not in leaves:
        yield "a longer last axis", np.concatenate([array, array[..., -1:]], axis=-1)
    yield "text", np.full(array.shape, "1.5")
    yield "complex", array.astype(complex)
    if array.dtype.kind == "f" and REAL not in leaves:
        yield "whole", array.astype(np.int64)
    if array.dtype.kind in "iu" and REAL not in leaves:
        yield "real", array.astype(float)


def broken_calls(arguments, leaves):
    """(what is wrong, name, arguments): one array at a time; arrays in dicts, and in poses, are taken one by one."""
    for name, value in arguments.items():
        if isinstance(value, np.ndarray):
            for what, array in spoiled(value, leaves.get(name, "")):
                yield f"{name}: {what}", name, {**arguments, name: array}
        elif isinstance(value, dict) and leaves.get(name, "") is not None:
            for key, inner in value.items():
                for what, array in spoiled(inner, leaves.get(name, "") + leaves.get(key, "")):
                    yield f"{name}[{key}]: {what}", key, {**arguments, name: {**value, key: array}}
        elif type(value) is tuple and name not in ("main", "running"):
            for place in range(len(value)):
                for what, array in spoiled(value[place], ""):
                    yield f"{name}[{place}]: {what}", name, {**arguments, name: (*value[:place], array, *value[place + 1 :])}
            yield f"{name}: one array", name, {**arguments, name: value[0]}


def title(function):
    return f"{function.__module__.removeprefix('mgcbook.')}.{function.__qualname__}"


def not_refused(call, arguments, leaves):
    """Every spoiled call that passes, or whose error does not name the argument and what was expected; call(dict)."""
    wrong = []
    for what, name, broken in broken_calls(arguments, leaves):
        try:
            call(dict(broken))
            wrong.append(f"{what}: accepted")
        except (ValueError, TypeError) as error:
            if name not in str(error) or "expected" not in str(error):
                wrong.append(f"{what}: {type(error).__name__}: {str(error)[:150]}")
        except Exception as error:
            wrong.append(f"{what}: {type(error).__name__}: {str(error)[:150]}")
    return wrong


def passes_and_is_refused(function, arguments, leaves, answers=()):
    """The call works, and no spoiled one does; answers: errors that the call may answer with."""
    call = lambda given: function(given.pop("self"), **given) if "self" in given else function(**given)
    with contextlib.suppress(*answers):
        call(dict(arguments))
    wrong = not_refused(call, arguments, leaves)
    assert not wrong, "\n" + "\n".join(wrong)
