"""The settings of the ablation: study.json beside this file, and the configuration of each training that follows from it.

    for each seed:  2D losses alone, "warm-up"  ->  from its weights, one training for each row of Table 3, all of the same length

What the rows add can only be seen in a network that has found pose and light already, and that takes most of a training. So all
rows of a seed begin with the same weights, see the same faces in the same order, and differ in nothing but their losses.

The scale "shipped" asks the other way round: from a network that has been told true shapes, which losses keep what it knows?
"""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from mgcbook.errors import UsageError
from mgcbook.learning.losses import Weights
from mgcbook.programs.config import from_dict

SETTINGS = Path(__file__).with_name("study.json")
MULTI_VIEW = ("pixel", "depth", "epipolar")
NETWORK = ("image_size", "face", "depth", "width", "rotation_scale", "translation_scale", "turn_about_face")
"""Settings that weights fit to."""
WARMUP, BASELINE, FULL, NO_MAP = "warm-up", "2D", "all + covisible map", "all, no covisible map"
REPROJECTED = "all, depth reprojected"
"""Names of rows that others are compared with."""


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    name: str
    paper: str | None
    """The row of Table 3 that it repeats, by its name in `mgcbook.data.protocols.tables.published`; None: a row of our own."""
    losses: tuple
    """Which of the multi-view losses are on."""
    config: dict
    """Other settings of `TrainConfig`."""
    weights: dict
    """Other settings of `Weights`."""


@dataclass(frozen=True)
class Scale:
    """How large the study is."""

    name: str
    about: str
    seeds: tuple
    sets: dict
    """Name of a test set -> how many of its faces; the first is the one that counts."""
    base: dict
    """Settings of `TrainConfig` that all trainings share."""
    weights: dict
    warmup_steps: int
    branch_steps: int
    rows: tuple
    start: str = ""
    """"shipped": rows begin with the weights that come with the package, and no warm-up is trained."""

    def warmup(self, seed):
        """Configuration of what the rows of a seed begin with."""
        weights = {**self.weights, "multi_view": 0.0}
        return from_dict({**self.base, "seed": seed, "steps": self.warmup_steps, "weights": weights})

    def like(self, config):
        """The same settings for the network of another configuration, a dict; -> Scale."""
        return replace(self, base={**{name: config[name] for name in NETWORK}, **self.base})

    def branch(self, row, seed, start):
        """Configuration of a row; start: the file with the weights of the warm-up."""
        off = {name: 0.0 for name in MULTI_VIEW if name not in row.losses}
        values = {**self.base, "seed": seed, "steps": self.branch_steps, "schedule": "cosine", "pretrained": str(start)}
        config = from_dict({**values, **row.config, "weights": {**self.weights, **off, **row.weights}})
        if not row.losses:  # not even computed
            config = replace(config, weights=replace(config.weights, multi_view=0.0))
        return config


def load_scale(name, path=SETTINGS):
    """The settings of a scale; -> Scale.

    Raises:
        UsageError: for an unknown name, or a row that names an unknown loss.
    """
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    scales = [key for key in content if key != "rows"]
    if name not in scales:
        raise UsageError(f"scale: expected one of {', '.join(scales)}, got {name!r}")
    rows = tuple(Row(row["name"], row["paper"], tuple(row["losses"]), row.get("config", {}), row.get("weights", {}))
                 for row in content["rows"])  # fmt: skip
    for row in rows:
        if unknown := set(row.losses) - set(MULTI_VIEW) or set(row.weights) - set(Weights.__dataclass_fields__):
            raise UsageError(f"{path}: {row.name}: no loss or weight is called {', '.join(sorted(unknown))}")
    values = content[name]
    return Scale(name=name, rows=rows, **{**values, "seeds": tuple(values["seeds"])})


def folder_of(name):
    """A row's name as the name of a folder."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace("'", "")).strip("-")
