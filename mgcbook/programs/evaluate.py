"""`mgcbook evaluate RUN`: measure trained weights against faces whose truth is known, beside the error of knowing nothing.

Protocol "synthetic": every picture of the held-out synthetic faces is reconstructed by itself. The baseline is the mean face in
the main pose, which looks at no picture. Whatever a reconstruction is worth is what it is better than that.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from tyro.conf import Positional

from mgcbook.arrays import check_device
from mgcbook.errors import DataError, UsageError
from mgcbook.files import atomic_write
from mgcbook.learning.metrics import depth_error, nme, rotation_error_degrees, shape_spread, vertex_error
from mgcbook.programs.config import at_least

PROTOCOLS = ("synthetic",)
TABLE_PROTOCOLS = ("aflw2000", "aflw2000-reannotated", "micc", "micc-rendered", "frgc", "bu3dfe", "now",
                   "synthetic-aflw2000", "synthetic-micc", "synthetic-micc-rendered", "synthetic-frgc",
                   "synthetic-bu3dfe", "synthetic-now")  # fmt: skip
"""Those of `mgcbook.programs.protocols`."""
METRICS = {
    "nme_percent": "landmarks, % of the face's size",
    "vertex_mm": "shape after rigid alignment, mm",
    "depth_mm": "depth less its mean difference, mm",
    "rotation_degrees": "pose, degrees",
    "spread_mm": "shapes from different views of a face, mm apart",
}
"""Name -> what it measures; smaller is better."""
YAW_BINS = ((0, 30), (30, 60), (60, 90))
"""Degrees; landmark errors are also given for each, as on AFLW2000-3D."""


@dataclass(frozen=True)
class Evaluation:
    """Every number of an evaluation."""

    protocol: str
    rows: list
    """One dict for each picture: item, view, yaw_degrees, the metrics, and the same under "baseline"."""
    faces: list
    """One dict for each item: item, spread_mm and "baseline"."""

    def summary(self):
        """Means over pictures (faces for the spread): name -> {"mean", "baseline", "better_percent"}; -> dict."""
        result = {}
        for name in METRICS:
            rows = self.faces if name == "spread_mm" else self.rows
            result[name] = _compare(rows, name)
        for low, high in YAW_BINS:
            inside = [row for row in self.rows if low <= abs(row["yaw_degrees"]) < high]
            if inside:
                result[f"nme_percent, yaw {low}-{high}"] = _compare(inside, "nme_percent")
        return result

    def table(self):
        """The summary as lines of text."""
        title = f"{len(self.rows)} pictures of {len(self.faces)} faces"
        lines = [f"{title:<26}{'found':>9}{'mean face':>12}{'better by':>12}"]
        for name, entry in self.summary().items():
            better = "" if entry["better_percent"] is None else f"{entry['better_percent']:.0f} %"
            numbers = f"{_short(entry['mean']):>9}{_short(entry['baseline']):>12}{better:>12}"
            lines.append(f"{name:<26}{numbers}   {METRICS.get(name, '')}".rstrip())
        return "\n".join(lines)

    def save(self, path):
        """Write every number as JSON."""
        content = {"protocol": self.protocol, "metrics": METRICS, "summary": self.summary(),
                   "pictures": self.rows, "faces": self.faces}  # fmt: skip
        with atomic_write(path) as file:
            file.write(json.dumps(content, indent=1, allow_nan=False).encode() + b"\n")


def _compare(rows, name):
    mean, baseline = _mean(row[name] for row in rows), _mean(row["baseline"][name] for row in rows)
    known = mean is not None and baseline > 1e-6  # a baseline of 0 cannot be beaten
    return {"mean": mean, "baseline": baseline, "better_percent": 100 * (1 - mean / baseline) if known else None}


def _mean(values):
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _short(value):
    return "-" if value is None else f"{value:.2f}"


def evaluate(predict, protocol="synthetic", *, decoder, faces=None, count=None, batch=8, progress=None):
    """Measure a reconstruction against known faces; -> Evaluation.

    Args:
        predict: images (B, H, W, 3) float32 -> coefficients (B, K) in the decoder's layout; the network, or anything else.
        protocol: what to measure against: "synthetic".
        decoder: a Decoder; its camera sets the size of the pictures.
        faces: a source of items with truth (SyntheticFaces or FaceDataset); None: the held-out faces of the protocol.
        count: how many items; None: all of a data set, HELD_OUT_COUNT of the standard ones.
        batch: items at a time.
        progress: called as progress(items done, items in all).
    Raises:
        UsageError: for an unknown protocol.
        DataError: if the faces have no truth, another size than the decoder's pictures or other vertices than its model, or if a
            prediction is not finite.
    """
    if protocol not in PROTOCOLS:
        raise UsageError(f"protocol: expected one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    faces, count = _faces(faces, count, decoder)
    rows, spreads = [], []
    for start in range(0, count, batch):
        numbers = range(start, min(start + batch, count))
        items = faces.batch(numbers)
        _check(items, decoder)
        found = _measure(items, decoder, lambda images: _predicted(predict, images, decoder))
        nothing = _measure(items, decoder, lambda images: decoder.zeros(len(images)))
        yaw = np.rad2deg(items["truth"]["rotation"][..., 1])
        for i, number in enumerate(numbers):
            for view in range(yaw.shape[1]):
                metrics = {name: _number(values[i, view]) for name, values in found.items() if name != "spread_mm"}
                baseline = {name: _number(values[i, view]) for name, values in nothing.items() if name != "spread_mm"}
                rows.append({"item": number, "view": view, "yaw_degrees": float(yaw[i, view]), **metrics, "baseline": baseline})
            baseline = {"spread_mm": _number(nothing["spread_mm"][i])}
            spreads.append({"item": number, "spread_mm": _number(found["spread_mm"][i]), "baseline": baseline})
        if progress is not None:
            progress(len(spreads), count)
    return Evaluation(protocol, rows, spreads)


def _faces(faces, count, decoder):
    from mgcbook.data.synthetic import HELD_OUT_COUNT, held_out

    if faces is None:
        faces = held_out(size=decoder.camera.width)
    there = len(faces) if hasattr(faces, "__len__") else None
    if count is not None and (count < 1 or (there is not None and count > there)):
        raise UsageError(f"count: expected 1 to {there or 2**32}, got {count}")
    return faces, count or there or HELD_OUT_COUNT


def _check(items, decoder):
    size, camera = items["images"].shape[2:4], decoder.camera
    if "truth" not in items:
        raise DataError("evaluate: these faces have no truth to compare with; for photographs there are protocols with measured "
                        "truth, see mgcbook evaluate --help; without --data, made-up faces are measured")  # fmt: skip
    if size != (camera.height, camera.width):
        expected = f"{camera.width} x {camera.height}"
        raise DataError(f"evaluate: pictures of {size[1]} x {size[0]} pixels, but the decoder's are {expected}")
    vertices, expected = items["truth"]["vertices"].shape[1], len(decoder.model.mean)
    if vertices != expected:
        raise DataError(f"evaluate: faces of {vertices} vertices cannot be compared with a model of {expected}")


def _predicted(predict, images, decoder):
    coefficients = np.asarray(predict(images))
    if coefficients.shape != (len(images), decoder.layout.size):
        raise ValueError(f"predict: expected ({len(images)}, {decoder.layout.size}) coefficients, got {coefficients.shape}")
    if not np.isfinite(coefficients).all():
        raise DataError("evaluate: a predicted coefficient is not finite")
    return coefficients


def _measure(items, decoder, predict):
    """The metrics of a batch, each (B, N), the spread (B,)."""
    count, views = items["images"].shape[:2]
    together = lambda values: np.reshape(values, (count * views, *values.shape[2:]))
    view = decoder(predict(together(items["images"])))
    truth = items["truth"]
    shapes = np.repeat(truth["vertices"], views, axis=0)
    metrics = {
        "nme_percent": 100 * nme(view.landmarks, together(items["landmarks"])),
        "vertex_mm": vertex_error(view.vertices, shapes),
        "depth_mm": depth_error(view.depth, together(truth["depth"])),
        "rotation_degrees": rotation_error_degrees(view.camera_from_model[0], together(truth["camera_from_model"][0])),
    }
    metrics = {name: np.reshape(values, (count, views)) for name, values in metrics.items()}
    shapes = np.reshape(view.vertices, (count, views, *view.vertices.shape[1:]))
    # Items of single photographs show other expressions in each: their shapes have to differ, so they count for nothing here.
    metrics["spread_mm"] = np.array([shape_spread(s) if flag else np.nan for s, flag in zip(shapes, items["flags"], strict=True)])
    alone = items["flags"] == 0
    metrics["vertex_mm"][alone, 1:] = np.nan  # the truth has the shape of the first view only
    return metrics


def _number(value):
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True)
class EvaluateOptions:
    """Measure trained weights against known faces."""

    weights: Positional[Path]
    """Folder of a training run, or one of its checkpoints."""
    protocol: Literal[("synthetic", *TABLE_PROTOCOLS)] = "synthetic"
    """What to measure against: "synthetic", held-out synthetic faces with their whole truth; the others give a row of one of the
    paper's tables, on a data set or on synthetic faces."""
    count: int | None = None
    """How many faces; all of a data set or 100 of the protocol's own if not given."""
    data: Path | None = None
    """Folder of the protocol's data set; for "synthetic", a data set with truth instead of the protocol's own faces."""
    landmarks: Path | None = None
    """What photographs of a data set are aligned by, instead of its own landmarks: a folder of landmark files, network (its own
    landmarks, as on a photograph of yours), or face-alignment if it is installed. The table says which."""
    scale: Literal["none", "per-mesh"] = "none"
    """Of shapes that are compared with scans: none leaves them in mm, per-mesh lets ICP find one scale for each."""
    out: Path | None = None
    """JSON file for every number; by default evaluation-<protocol>.json beside the weights."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the network is computed; "cuda" is an NVIDIA GPU."""

    def __post_init__(self):
        at_least(self, 1, "count")


def run(options: EvaluateOptions):
    """Evaluate, print the table, write the numbers."""
    check_device(options.device)
    if options.protocol in TABLE_PROTOCOLS:
        _run_table(options)
        return
    from tqdm.auto import tqdm

    from mgcbook.programs.config import from_dict
    from mgcbook.programs.trained import Trained

    state, config, folder = _trained(options.weights)
    network = Trained(state, from_dict(config), options.device)
    faces = None
    if options.data is not None:
        from mgcbook.data.dataset import FaceDataset

        faces = FaceDataset(options.data)
    with tqdm(unit="face") as bar:

        def progress(done, total):
            bar.total = total
            bar.update(done - bar.n)

        result = evaluate(network, options.protocol, decoder=network.decoder, faces=faces, count=options.count, progress=progress)
    path = options.out or folder / f"evaluation-{options.protocol}.json"
    result.save(path)
    print(result.table())
    print(f"every number: {path}")


def _run_table(options):
    """A protocol of the paper's tables: print the table, write numbers and pictures."""
    from tqdm.auto import tqdm

    from mgcbook.programs.protocols import measure
    from mgcbook.programs.trained import open_trained

    with tqdm(unit="item", disable=None) as bar:

        def progress(done, total):
            bar.total = total
            bar.update(done - bar.n)

        network = open_trained(options.weights, options.device)
        report = measure(options.protocol, network, data=options.data, landmarks=options.landmarks, count=options.count,
                         progress=progress, scale=options.scale)  # fmt: skip
    folder = options.weights if options.weights.is_dir() else options.weights.parent
    path = options.out or folder / f"evaluation-{options.protocol}.json"
    report.save(path)
    print(report.table())
    print(f"every number: {path}")


def _trained(path):
    """The weights of a run folder (the newest checkpoint) or of a checkpoint; -> (TrainingState, configuration, folder)."""
    from mgcbook.programs import checkpoint
    from mgcbook.programs.train import CHECKPOINTS

    if not path.exists():
        raise DataError(f"{path}: not found; expected the folder of a training run, or one of its checkpoints")
    if not path.is_dir():
        state, config = checkpoint.load(path)
        return state, config, path.parent
    found = checkpoint.latest(path / CHECKPOINTS)
    if found is not None:
        return found[1], found[2], path
    raise DataError(f"{path}: no checkpoint there; is this the folder of a training run?")
