"""`mgcbook prepare KIND SRC DST`: a data set of photographs, aligned and cut out for training, in the package's own format."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from mgcbook.arrays import check_device
from mgcbook.data.boxes import CASCADE
from mgcbook.data.finders import NETWORK, is_name
from mgcbook.data.skin import MIXTURES
from mgcbook.data.sources import KINDS, open_source
from mgcbook.errors import UsageError
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.programs.config import at_least

_KINDS = tuple(KINDS)


@dataclass(frozen=True)
class PrepareOptions:
    """Align and cut out the pictures of a data set, with skin maps, as a data set that `mgcbook train` reads. An interrupted
    preparation goes on when it is started again; pictures that cannot be used are listed in skipped.jsonl."""

    kind: Positional[Literal[_KINDS]]
    """What the data set is."""
    source: Positional[Path]
    """Where it lies: its folder, or the film."""
    out: Positional[Path]
    """Folder for the prepared data set."""
    landmarks: Path | None = None
    """Folder of landmark files named like the pictures, instead of the data set's own; or who finds them: network, or
    face-alignment if it is installed."""
    weights: Path | None = None
    """A training run or a checkpoint: the network that finds landmarks."""
    box: Path = Path(CASCADE)
    """Where that network looks first: cascade searches the face, whole takes the pictures as cut out around it."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where landmarks are found; "cuda" is an NVIDIA GPU."""
    skin: Literal[tuple(MIXTURES)] = "jones-rehg"
    """Which colours are skin: as published by Jones and Rehg, or refitted to synthetic portraits."""
    views: int | None = None
    """Pictures of an item: 3 to train on, 1 to test; by default as usual for the data set."""
    size: int = 224
    """Width and height in pixels."""
    face: str = "full"
    """Face model that the pictures are aligned to: "light" or "full" for the built-in one, or a model file."""
    limit: int | None = None
    """Only the first so many items."""
    seed: int = 0
    """Of data sets that combine pictures at random."""
    workers: int = field(default_factory=lambda: len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
    """Threads; the result does not depend on it."""
    shard_size: int = 64
    """Items in a file."""
    settings: tuple[str, ...] = ()
    """More about the data set as NAME=VALUE: together=moment (folder), part=test (celeba), yaw_sign=-1 (multipie), step=5
    (video)."""

    def __post_init__(self):
        at_least(self, 16, "size")
        at_least(self, 1, "views", "limit", "workers", "shard_size")
        at_least(self, 0, "seed")


def run(options: PrepareOptions):
    """Prepare a data set and say what was left out."""
    import numpy as np
    from tqdm.auto import tqdm

    from mgcbook.data.align import alignment_template
    from mgcbook.data.dataset_format import DESCRIPTION
    from mgcbook.data.preparation import SKIPPED, Preparation, prepare
    from mgcbook.programs.reconstruct import open_model

    settings = dict(map(_setting, options.settings))
    find = _finder(options)
    try:
        source = open_source(options.kind, options.source, landmarks=None if find else options.landmarks, **settings)
    except TypeError as error:
        raise UsageError(f"settings: {options.kind} has no such setting ({str(error).rpartition(') ')[2]})") from None
    model = open_model(options.face)
    camera = PAPER_CAMERA.resized(options.size, options.size)
    preparation = Preparation(source, alignment_template(model, camera), camera, views=options.views, limit=options.limit,
                              rng=np.random.default_rng(options.seed), find=find, skin=options.skin)  # fmt: skip
    about = {"kind": options.kind, "face": model.name, "seed": options.seed, "settings": settings, **_found_by(options, find)}
    about |= {} if options.skin == "jones-rehg" else {"skin": options.skin}
    was_there = (options.out / DESCRIPTION).exists()
    with tqdm(total=len(preparation.items), unit="item", disable=None) as bar:
        summary = prepare(options.out, preparation, about, shard_size=options.shard_size, workers=options.workers,
                          progress=lambda done, _: bar.update(done - bar.n))  # fmt: skip
    print(f"{options.out}: {summary.description.count} items of {preparation.views} views")
    if was_there:
        print(f"it was finished before; to prepare it again, remove {options.out} first")
    if summary.skipped:
        print(f"{len(summary.skipped)} left out, see {options.out / SKIPPED}; the first: {summary.skipped[0]['reason']}")


def _finder(options):
    """Who finds landmarks, or None where they are in files."""
    if options.landmarks is None and options.weights is not None:
        raise UsageError("weights: they find landmarks with --landmarks network; without it those of the data set are used")
    if options.landmarks is None or not is_name(options.landmarks):
        return None
    from mgcbook.programs.finding import open_finder

    check_device(options.device)
    return open_finder(options.landmarks, weights=options.weights, device=options.device, box=options.box)


def _found_by(options, find):
    """What dataset.json notes about landmarks that were found; -> dict."""
    if find is None:
        return {}
    own = {"weights": str(options.weights or "of the package"), "box": str(options.box)}
    return {"landmarks": str(options.landmarks), **(own if str(options.landmarks) == NETWORK else {})}


def _setting(text):
    """NAME=VALUE -> (name, value); the value is read as JSON where it is JSON."""
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier() or name in ("folder", "landmarks"):
        raise UsageError(f"settings: expected NAME=VALUE, got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
