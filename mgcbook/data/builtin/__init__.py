"""The built-in face model: sculpted by code, no scan of anybody in it; computed on first use and kept in the cache."""

import functools
from pathlib import Path

from mgcbook.data import cache
from mgcbook.errors import UsageError
from mgcbook.face.morphable import FaceModel

LEVELS = ("light", "full")


@functools.cache
def load(level="light"):
    """The built-in face model: "light" has about 4,000 vertices, "full" about 36,000; the same coefficients fit both.

    Raises:
        UsageError: for another level.
    """
    if level not in LEVELS:
        raise UsageError(f"level: expected one of {', '.join(LEVELS)}, got {level!r}")
    return cache.cached(f"builtin-{level}-{_version()}.npz", lambda: _build(level), FaceModel.load, FaceModel.save)


def _build(level):
    from mgcbook.data.builtin.build import build

    return build(level)


@functools.cache
def _version():
    here = Path(__file__).parent
    return cache.source_hash(*here.glob("*.py"), here.parents[1] / "face" / "model_file.py")
