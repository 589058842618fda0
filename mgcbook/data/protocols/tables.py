"""A result beside the rows that the paper printed, and the curve and heat map that say where the errors are."""

import functools
import json
from pathlib import Path

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.face.camera import PAPER_CAMERA, camera_from_model, main_pose, transform
from mgcbook.face.render import render

NOTES = {
    "aflw2000": "PRN: its printed bins average 3.80, not 3.62; its own paper has 3.51 and 4.61 in the last two bins.",
    "now": "Here MGCNet is behind methods that it beats in its own tables.",
}
"""What to know when reading the published rows."""


@functools.cache
def published():
    """The tables of the paper: name -> {"title", "source", "columns", "rows": {method: numbers}}."""
    return json.loads(Path(__file__).with_name("published.json").read_text(encoding="utf-8"))


def table(name, numbers, label="this run"):
    """The published table with one more row, as lines of text.

    Args:
        name: "aflw2000", "micc", "frgc", "bu3dfe", "now" or "ablation".
        numbers: one for each column; None where there is none.
    Raises:
        ValueError: for another count of numbers.
    """
    known = published()[name]
    if len(numbers) != len(known["columns"]):
        raise ValueError(f"table: expected {len(known['columns'])} numbers ({', '.join(known['columns'])}), got {len(numbers)}")
    rows = {**known["rows"], label: numbers}
    width = max(map(len, rows)) + 2
    lines = [f"{known['title']} (published rows: {known['source']})", " " * width + "".join(f"{c:>13}" for c in known["columns"])]
    lines += [f"{method:<{width}}" + "".join(f"{_short(value):>13}" for value in row) for method, row in rows.items()]
    lines.insert(-1, "-" * (width + 13 * len(known["columns"])))
    return "\n".join([*lines, *([NOTES[name]] if name in NOTES else [])])


def _short(value):
    return "-" if value is None or not np.isfinite(value) else f"{value:.2f}"


def cumulative(errors, limits):
    """Part of the items with an error up to each limit, a cumulative error distribution; (n,), (m,) -> (m,)."""
    return np.searchsorted(np.sort(np.asarray(errors, float)), limits, side="right") / len(errors)


def draw_cumulative(errors, unit, largest=None):
    """Figure with one curve for each name: which part of the items has at most this error.

    Args:
        errors: name -> (n,).
        unit: of the errors, for the axis.
        largest: end of the axis; None: where 98 % of all items are.
    """
    from matplotlib.figure import Figure

    largest = largest or float(np.quantile(np.concatenate([np.asarray(e, float) for e in errors.values()]), 0.98)) or 1.0
    limits = np.linspace(0, largest, 400)
    figure = Figure(figsize=(5.5, 4), layout="constrained")
    panel = figure.subplots()
    for name, values in errors.items():
        panel.plot(limits, 100 * cumulative(values, limits), label=f"{name} (mean {np.mean(values):.2f})")
    panel.set(xlabel=f"error, {unit}", ylabel="% of the items", xlim=(0, largest), ylim=(0, 100))
    panel.grid(alpha=0.3)
    panel.legend(loc="lower right")
    return figure


@check_shapes(errors="number ...")
def heat(errors, largest):
    """Errors as colours, from dark blue at 0 over green to yellow at `largest` and beyond; (n,) -> (n, 3) in [0, 1]."""
    viridis = [[0.27, 0.0, 0.33], [0.23, 0.32, 0.55], [0.13, 0.57, 0.55], [0.37, 0.79, 0.38], [0.99, 0.91, 0.14]]
    stops = np.array(viridis)
    place = np.clip(np.asarray(errors, float) / largest, 0, 1) * (len(stops) - 1)
    return np.stack([np.interp(place, np.arange(len(stops)), stops[:, channel]) for channel in range(3)], axis=-1)


def heat_map(model, vertices, errors, largest=5.0, size=224):
    """A picture of a mesh of the model's topology, its errors as colours; (V, 3) mm, (V,) -> (size, 2 size, 3) in [0, 1].

    From the front and turned by 50 degrees; grey where an error is NaN.
    """
    camera = PAPER_CAMERA.resized(size, size)
    main = main_pose(model.mean, model.landmark_vertices, camera)
    colors = np.where(np.isfinite(errors)[:, None], heat(np.nan_to_num(errors), largest), 0.6)
    normals = model.vertex_normals(np.asarray(vertices, np.float32)[None])[0]
    shaded = (colors * (0.55 + 0.45 * np.clip(normals[:, 2:], 0, 1))).astype(np.float32)
    offsets = np.array([[0, 0, 0], [0, np.deg2rad(50), 0]])
    pose = camera_from_model(offsets, np.zeros((2, 3)), main)
    points = transform(*pose, np.repeat(np.asarray(vertices)[None], 2, axis=0)).astype(np.float32)
    picture = render(points, model.triangles, np.repeat(shaded[None], 2, axis=0), camera)
    image = picture.image + (1 - picture.mask[..., None])
    return np.concatenate(list(image), axis=1)
