"""Three fixed test sets of synthetic faces whose truth is known: the same faces for everybody, drawn by seed.

    in-domain   what the generator makes by default, from a stream that no training item shares
    shifted     another light, background, camera and spread of faces than any training
    extreme     up to the profile, and most faces partly hidden

A network that is good on the first alone has learned the generator, not faces. Each set is 500 faces in three views.
"""

from dataclasses import replace

from mgcbook.data.scenes import SyntheticConfig
from mgcbook.data.synthetic import HELD_OUT_SEED, SyntheticFaces
from mgcbook.errors import UsageError

COUNT = 500
"""Faces of a set."""

SETS = {
    "in-domain": {},
    # A camera like that of Deng et al., 1015 pixels of focal length instead of 4700: about one metre away.
    "shifted": {"perspective": 4700 / 1015, "harshness": 1.8, "scenery": "patterns", "identity": 1.3, "albedo": 1.3,
                "detail": 0.9},
    "extreme": {"target_yaw_degrees": 75.0, "max_yaw_degrees": 89.0, "occluders": 0.85},
}
"""Name -> settings of `SyntheticConfig` beside the size, the seed and the stream."""


def benchmark_faces(name, size, model=None, *, workers=1):
    """One of the sets; its items are numbered from 0 to COUNT - 1; -> SyntheticFaces.

    Args:
        name: one of SETS.
        size: width and height of the pictures in pixels; the faces are the same for every size, the pictures' noise is not.
        model: the face model that generates; None: the built-in generator on the mesh of 4K vertices.
        workers: threads that make the items of a batch.
    Raises:
        UsageError: for an unknown name.
    """
    if name not in SETS:
        raise UsageError(f"set: expected one of {', '.join(SETS)}, got {name!r}")
    seed = HELD_OUT_SEED + list(SETS).index(name)
    config = replace(SyntheticConfig(seed=seed, size=size, held_out=True, single_share=0.0), **SETS[name])
    return SyntheticFaces(config, model, workers=workers)
