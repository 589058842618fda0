"""The model card of the weights that come with the package: written by `mgcbook study report`, no number of it by hand.

What it says comes from three places: the file with the weights (settings, seed, steps, date, fingerprint), the presets of the
stages before, and the numbers of the study.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mgcbook.programs import checkpoint
from mgcbook.programs.config import PRESETS, from_dict, to_dict
from mgcbook.programs.study_files import fingerprint
from mgcbook.programs.study_report import benchmark_table, photographs_table

NAME = "README.md"
"""Of the card, beside the weights."""
STAGES = "portable-start", "portable-middle", "portable"
"""Presets of the stages of `make weights`; each goes on from the run before."""
RECIPE = {"image_size": "width of the pictures, pixels", "steps": "steps", "batch": "faces a step, three views each",
          "triples": "different faces", "learning_rate": "learning rate of Adam", "schedule": "its schedule",
          "augmentation": "augmentation", "clip_norm": "longest gradient", "seed": "seed"}  # fmt: skip
"""Settings in the card -> what they are called there."""
EARLIER = {"111355b27a115584": "the first two stages of this file were trained by an earlier state, whose faces had tamer hair, "
                               "so that yours will be another network of the same kind"}  # fmt: skip
"""Fingerprint of weights -> which of their stages today's package would not repeat."""
FEW = 0.05
"""A skin that fewer made-up faces have is called rare."""
FAILED = 10.0
"""Landmark error in percent from which a photograph counts as not found."""


class Shipped(NamedTuple):
    """What a file with weights says about itself."""

    path: object
    config: object
    """TrainConfig of the last stage."""
    step: int
    date: str
    """Of its last checkpoint; "" if the file does not say."""
    model: dict
    count: int
    """Numbers in it."""


def read_shipped(path):
    """What a packed file says about itself; -> Shipped.

    Raises:
        DataError: if it is damaged.
    """
    tensors, about = checkpoint.read_whole(path)
    count = sum(array.size for name, array in tensors.items() if name.startswith("params/"))
    return Shipped(path, from_dict(about["config"], path), about["step"], about.get("date", ""), about["model"], count)


def model_card(path, results):
    """The card of a packed file as Markdown.

    Args:
        path: the file with the weights.
        results: numbers of the study, as `mgcbook.programs.study_report.load_results` gives; those of other weights are left out.
    Raises:
        DataError: if the file is damaged.
    """
    shipped, known = read_shipped(path), fingerprint(path)
    own = {part: results[part] for part in ("benchmark", "photographs")
           if part in results and results[part]["weights"]["sha256"] == known}  # fmt: skip
    limits = _limits(own, results.get("benchmark", {}).get("skin"))
    return "\n\n".join([*_head(shipped), *_recipe(shipped), *_measured(own), *limits]) + "\n"


def _head(shipped):
    config = shipped.config
    facts = {"file": f"{shipped.path.name}, {shipped.path.stat().st_size / 1e6:.1f} MB, 16 bits a weight",
             "SHA-256": hashlib.sha256(shipped.path.read_bytes()).hexdigest(),
             "date": shipped.date or "not known",
             "network": f"ResNet-{config.depth} of {config.width} channels, {shipped.count / 1e6:.1f} million weights",
             "sees": f"an aligned face, {config.image_size} x {config.image_size} pixels",
             "says": f"{shipped.model['outputs']} numbers: shape, expression, skin colour, pose and light of the built-in face",
             "licence": "MIT, as all of mgcbook"}  # fmt: skip
    return ["# The network that comes with mgcbook", "Written by `mgcbook study report`.", "`mgcbook reconstruct PHOTO` uses it "
            "where neither weights nor landmarks are given: from a face box it finds the 68 landmarks and a first 3D face, which "
            "a fit then improves.", _table(("", ""), facts.items()), "## What it is for",
            "Teaching, tests, landmarks where no detector is installed, and the start of a fit. Not for recognising, "
            "identifying, measuring or judging people, nor for medicine: the built-in face is sculpted by code."]  # fmt: skip


def _recipe(shipped):
    """Data, and settings of all stages; the last as the file says."""
    last, usual = to_dict(shipped.config), to_dict(PRESETS[STAGES[-1]])
    stages = {STAGES[-1]: {**last, "steps": _steps(shipped)}}
    while (before := _before(next(iter(stages.values())))) and before not in stages:  # a stage may go on from itself
        stages = {before: to_dict(PRESETS[before]), **stages}
    told = EARLIER.get(fingerprint(shipped.path))
    older = f"; {told}" if told else ""
    rows = [(label, *(stage[name] for stage in stages.values())) for name, label in RECIPE.items()]
    other = [f"{name} {last[name]!r} instead of {usual[name]!r}" for name in usual if last[name] != usual[name]]
    return ["## What it learned from", "Made-up faces alone, drawn by `mgcbook.data.synthetic`: the built-in generator's "
            "shapes, skin, light, rooms, hair, hats, glasses and hands. No photograph or scan of anybody, no licensed data and "
            "no weights of somebody else. It was told the coefficients and pose of every face (`mgcbook.learning.supervised`).",
            "## Recipe", "`make weights` trains it on a processor, stage after stage, and puts it here. On one machine, with "
            f"the same libraries and the same state of this package, a training has the same bits{older}.",
            _table(("setting", *(f"`{name}`" for name in stages)), rows),
            *([f"Other than in the preset: {', '.join(other)}."] if other else [])]  # fmt: skip


def _before(stage):
    """The preset of the stage whose network a stage began with; None: with fresh weights."""
    name = Path(stage["pretrained"]).name
    return name if name in STAGES else None


def _steps(shipped):
    whole = shipped.config.steps
    return f"{shipped.step}" if shipped.step == whole else f"{shipped.step} of {whole}"


def _measured(own):
    blocks = ["## Measured"]
    if "benchmark" in own:
        blocks += ["On made-up faces that it has never seen, found / mean face. In-domain: made as those that it learned from; "
                   "shifted: other light, backgrounds, camera and spread of faces; extreme: up to the profile and partly hidden. "
                   f"(ICP): point to plane. (scaled): after the size is taken out. {own['benchmark']['date']}.",
                   benchmark_table(own["benchmark"])]  # fmt: skip
    if "photographs" in own:
        content = own["photographs"]
        blocks += [f"On {content['count']} photographs of AFLW2000-3D, never learned from: landmark error in % by yaw. "
                   f"{content['protocol']} {content['date']}.", photographs_table(content)]  # fmt: skip
    return blocks if len(blocks) > 1 else [*blocks, "These weights are not measured yet: `mgcbook study`."]


def _limits(own, skin):
    limits = ["It has seen made-up faces only: beards, make-up, wrinkles, teeth and cast shadows are poor imitations there, or "
              "missing.",
              "It is told where to look first. The search for faces that comes along misses many profiles: `--box`.",
              *_skin(skin), "Nobody has measured it on groups of people.",
              "How large a head is cannot be seen in a photograph: lengths in mm are those of a likely face." + _size(own),
              *_failures(own)]  # fmt: skip
    return ["## Limits", "\n".join(f"- {line}" for line in limits)]


def _skin(skin):
    if not skin:
        return []
    listed = ", ".join(f"{name} {100 * share:.0f} %" for name, share in skin["shares"].items())
    rare = [name for name, share in skin["shares"].items() if share < FEW]
    more = f" Rare: {', '.join(rare)}; expect more errors there." if rare else ""
    return [f"Skin of {skin['faces']} made-up faces by the typology angle of their paint, before light: {listed}.{more}"]


def _size(own):
    if "benchmark" not in own:
        return ""
    name, entry = next(iter(own["benchmark"]["sets"].items()))
    rigid, scaled = entry["summary"]["vertex_mm"], entry["summary"]["vertex_scaled_mm"]
    return f" Of the shape error {name} ({rigid:.2f} mm), {100 * (1 - scaled / rigid):.0f} % go when the size is given."


def _failures(own):
    """What kinds of pictures are worse, as sentences."""
    said = []
    if "benchmark" in own:
        errors = {name: entry["summary"]["nme_percent"] for name, entry in own["benchmark"]["sets"].items()}
        said.append("Landmark errors by set: " + ", ".join(f"{name} {value:.1f} %" for name, value in errors.items()) + ".")
    if "photographs" in own:
        content = own["photographs"]
        for name, entry in content["methods"].items():
            each, yaw = np.array(entry["each"]), np.abs(content["yaw_degrees"])
            lost = np.sort(yaw[each > FAILED])
            where = f", at yaws of {', '.join(f'{angle:.0f}' for angle in lost)} degrees" if len(lost) else ""
            said.append(f"{name}: {len(lost)} of {content['count']} photographs have an error above {FAILED:g} %{where}.")
        if content["skipped"]:
            said.append(f"{len(content['skipped'])} photographs could not be measured at all.")
    return said


def _table(columns, rows):
    return "\n".join([_line(columns), "|" + "---|" * len(columns), *map(_line, rows)])


def _line(cells):
    return "| " + " | ".join(map(str, cells)) + " |"
