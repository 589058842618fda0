"""The built-in face model: sculpted by code, no scan of anybody in it; computed on first use and kept in the cache.

    load("light")            the model to fit and train; 4,312 vertices, 80 + 80 + 64 modes as in the paper
    load("full")             the same faces with 38,098 vertices; the same coefficients mean the same face
    load_generator("light")  a richer relative for synthetic pictures: 160 + 120 + 128 modes with wrinkles and freckles

Steps: anthropometry (measures) -> grid (mesh) -> sculpt (mean) -> identity, expression, albedo (fields) -> bases -> build.
"""

import functools
from pathlib import Path

from mgcbook.data import cache
from mgcbook.errors import UsageError
from mgcbook.face.morphable import FaceModel

LEVELS = ("light", "full")

CARD = """\
mgcbook built-in face
  License    MIT, as all of mgcbook: no data of another model and no scan or photograph of a person is part of it.
  Made by    a program: a mask through anthropometric measures, features added as hills and domes, a grid whose rows follow the
             features. 68 named ways in which faces differ plus a mirrored Gaussian process give the identity modes; actions after
             FACS and a local process the expression modes; two skin pigments and named colours the albedo modes.
  Frame      x to the subject's left, y up (0 at the pupils), z forward (0 between the ear openings), mm.
  Good for   teaching, tests, synthetic pictures, starting values; as accurate as small scan-based models on their own mean faces.
  Limits     no covariance learned from people (nose with jaw, sex, age, skin with brow colour); no ears, hair, tongue or gaze;
             lips roll inward only a little; skin colours follow two pigments and are not measured frequencies of any population.
  Not for    recognising, measuring or judging people.
"""


@functools.cache
def load(level="light"):
    """The built-in face model at the ranks of the paper; "light" or "full" -> FaceModel.

    Raises:
        UsageError: for another level.
    """
    return _cached("face", level, lambda recipes: recipes.FITTED)


@functools.cache
def load_generator(level="light"):
    """A richer model on the same mesh, for synthetic pictures whose truth the fitted model does not contain; -> FaceModel.

    Raises:
        UsageError: for another level.
    """
    return _cached("generator", level, lambda recipes: recipes.GENERATOR)


def model_card():
    """What the built-in model is, how it was made, and what it must not be used for; -> text."""
    return CARD


def _cached(kind, level, recipe_of):
    if level not in LEVELS:
        raise UsageError(f"level: expected one of {', '.join(LEVELS)}, got {level!r}")

    def build():
        from mgcbook.data.builtin import bases
        from mgcbook.data.builtin.build import build

        return build(level, recipe_of(bases), name=f"mgcbook built-in {kind}")

    name = f"builtin-{kind}-{level}"
    return cache.cached(f"{name}-{_version()}.npz", build, FaceModel.load, FaceModel.save, outdated=f"{name}-*.npz")


@functools.cache
def _version():
    here = Path(__file__).parent
    return cache.source_hash(*here.glob("*.py"), here.parents[1] / "face" / "model_file.py")
