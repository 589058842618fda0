"""`mgcbook plot RUN`: the loss curves of a training run, from its metrics.jsonl."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tyro.conf import Positional

from mgcbook.errors import DataError
from mgcbook.files import atomic_write
from mgcbook.programs.config import at_least
from mgcbook.programs.metrics import read_metrics


@dataclass(frozen=True)
class PlotOptions:
    """Draw the loss curves of a training run."""

    run: Positional[Path]
    """Folder of the run."""
    out: Path | None = None
    """Picture to write; by default losses.png in that folder."""
    smooth: float = 0.02
    """Width of the running mean as a part of all reports; 0: none."""

    def __post_init__(self):
        at_least(self, 0, "smooth")


def run(options: PlotOptions):
    """Write the picture and say where it is."""
    reports = read_metrics(options.run)
    path = options.out or (options.run if options.run.is_dir() else options.run.parent) / "losses.png"
    figure = draw_losses(reports, smooth=options.smooth)
    with atomic_write(path) as file:
        figure.savefig(file, format=path.suffix[1:] or "png", dpi=120)
    print(f"{path}: {len(reports)} reports, up to step {reports[-1]['step']}")


def draw_losses(reports, smooth=0.02):
    """A figure with one curve for each loss and one for the time of a step.

    Args:
        reports: dicts with "step", "losses" and "seconds", as `read_metrics` gives.
        smooth: width of the running mean as a part of all reports.
    Raises:
        DataError: if there is no report.
    """
    from matplotlib.figure import Figure

    if not reports:
        raise DataError("metrics: no report yet, so there is nothing to draw")
    names = list(dict.fromkeys(name for report in reports for name in report["losses"]))
    columns = 3
    rows = -(-(len(names) + 1) // columns)
    figure = Figure(figsize=(4 * columns, 2.6 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, name in zip(panels, names, strict=False):
        shown = [report for report in reports if name in report["losses"]]
        _curve(panel, shown, [report["losses"][name] for report in shown], smooth)
        panel.set_title(name)
    _curve(panels[len(names)], reports, [report["seconds"] for report in reports], smooth)
    panels[len(names)].set_title("seconds a step")
    for panel in panels[len(names) + 1 :]:
        panel.remove()
    return figure


def _curve(panel, reports, values, smooth):
    steps, values = np.array([report["step"] for report in reports]), np.array(values, float)
    width = int(smooth * len(values))
    panel.plot(steps, values, color="0.75" if width > 1 else "C0", linewidth=0.8)
    if width > 1:
        means = np.convolve(values, np.full(width, 1 / width), mode="valid")
        panel.plot(steps[width - 1 :], means, color="C0")
    if (values > 0).all() and values.max() > 20 * values.min():
        panel.set_yscale("log")
    panel.set_xlabel("step")
    panel.grid(alpha=0.3)
