"""`mgcbook demo`: the whole system of the paper in minutes, on made-up faces and one real photograph.

    train on triples of views (Eq. 6) -> measure on faces never seen -> fit the photograph -> one page with every picture
"""

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from mgcbook.arrays import check_device
from mgcbook.data.images import write_image
from mgcbook.errors import NumericalError
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.files import atomic_write
from mgcbook.kernels.compiling import announce
from mgcbook.learning.decoder import Decoder
from mgcbook.programs import page
from mgcbook.programs.config import preset
from mgcbook.programs.evaluate import METRICS, evaluate
from mgcbook.programs.fit import FitConfig
from mgcbook.programs.reconstruct import open_model, open_photo, reconstruct
from mgcbook.programs.results import face_blocks, overview, print_table, write_results


@dataclass(frozen=True)
class DemoOptions:
    """See the whole system work: train a small network, measure it, fit a photograph. Pictures in runs/demo/index.html."""

    out: Path = Path("runs/demo")
    """Folder for everything; a demo that was interrupted goes on there."""
    quick: bool = False
    """A minute instead of minutes: everything runs, little is learned."""
    steps: int = 0
    """Training steps; 0: as many as the demo needs."""
    seed: int = 0
    """Of first weights and faces; the same seed gives the same numbers."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where it is computed; "cuda" is an NVIDIA GPU."""


@dataclass(frozen=True)
class _Size:
    steps: int
    faces: int
    """Held-out faces to measure on."""
    fit: FitConfig
    face: str
    """Resolution of the face fitted to the photograph."""


BEFORE_THE_FIRST_STEP = (
    "At first every face is the mean face in one pose: nothing to regularise, and views that agree in depth and have no epipolar "
    "lines. So these three losses begin at 0 and jump up; regularisation and epipolar loss then fall. The depth loss stays where "
    "it is: in the paper's form it compares the depths of two cameras, which are millimetres apart at the truth too."
)

FULL = _Size(steps=3600, faces=60, fit=FitConfig(), face="full")
QUICK = _Size(steps=12, faces=4, fit=FitConfig(landmark_steps=100, steps=30), face="light")


def run(options: DemoOptions):
    """Run the demo from beginning to end, or from where it was interrupted; returns the exit code."""
    check_device(options.device)
    size = QUICK if options.quick else FULL
    steps = options.steps or size.steps
    config = replace(preset("classroom"), steps=steps, seed=options.seed, snapshot_every=max(steps // 6, 1),
                     device=options.device, graph=options.device == "cuda")  # fmt: skip
    announce()
    start = time.perf_counter()
    code = _train(config, options.out / "training")
    if code:
        return code
    network, result = _measure(options.out / "training", size.faces, options.device)
    photo = _photograph(options.out / "photograph", network, size, options.device)
    written = _write_page(options.out, config, network, result, photo)
    print(f"\nDone in {(time.perf_counter() - start) / 60:.1f} minutes. Open this page:")
    print_table([(written, "every picture of the demo")])
    return 0


def _train(config, folder):
    from mgcbook.programs import train

    print("1. Training: three views of a face, no 3D truth (Eq. 6)")
    return train.run(train.TrainOptions(run=folder, preset="classroom", config=config))


def _measure(folder, count, device):
    from mgcbook.programs.trained import open_trained

    print("\n2. Measuring on faces that the network has never seen")
    network = open_trained(folder, device)
    result = evaluate(network, decoder=network.decoder, count=count)
    result.save(folder / "evaluation-synthetic.json")
    print(result.table())
    return network, result


def _photograph(folder, network, size, device):
    print("\n3. A photograph: the network looks at it, then a fit falls down the same losses")
    photo, landmarks, name = open_photo("sample")
    decoder = Decoder(open_model(size.face), PAPER_CAMERA)
    seen = reconstruct(photo, decoder, landmarks=landmarks, network=network, refine=False, name=name)
    found = reconstruct(photo, decoder, landmarks=landmarks, config=size.fit, name=name, device=device)
    error = found.landmark_error_percent()
    if not np.isfinite(error):
        raise NumericalError("demo: the fitted face has no finite landmarks")
    print(f"landmarks, % of the face's box: network {seen.landmark_error_percent():.2f}, fit {error:.2f}")
    print_table(write_results(folder, found, "The sample photograph, fitted"))
    write_image(folder.parent / "overview.jpg", overview(found))
    return seen, found


# ---------------------------------------------------------------- the page


def _write_page(folder, config, network, result, photo):
    seen, found = photo
    numbers = {
        "training": _first_and_last(folder / "training"),
        "evaluation": result.summary(),
        "photograph": {"network_nme_percent": seen.landmark_error_percent(), "fit_nme_percent": found.landmark_error_percent()},
    }
    with atomic_write(folder / "numbers.json") as file:
        file.write(json.dumps(numbers, indent=1).encode() + b"\n")
    blocks = [*_training_blocks(folder, config, numbers["training"]), *_evaluation_blocks(folder, network, result)]
    blocks += [page.heading("One photograph"),
               page.sentence("The face model, fitted to the sample photograph by falling down the losses of one view (Sec. 3.3): "
                             "68 landmarks, the colours of the skin, and the wish to stay near the mean face."),
               *face_blocks(found, "photograph/")]  # fmt: skip
    return page.write_page(folder / "index.html", "mgcbook demo", blocks,
                           "Self-supervised 3D face reconstruction, from triples of views to one photograph")  # fmt: skip


def _first_and_last(folder):
    """The losses at the beginning and the end of training, each the mean over a twentieth of the reports."""
    from mgcbook.programs.metrics import read_metrics

    reports = read_metrics(folder)
    few = max(len(reports) // 20, 1)
    mean = lambda some, name: float(np.mean([report["losses"].get(name, 0.0) for report in some]))
    return {name: {"first": mean(reports[:few], name), "last": mean(reports[-few:], name)} for name in reports[-1]["losses"]}


def _training_blocks(folder, config, losses):
    from mgcbook.programs import plot

    plot.run(plot.PlotOptions(run=folder / "training"))
    rows = [(name, f"{entry['first']:.4g}", f"{entry['last']:.4g}") for name, entry in losses.items()]
    shots = sorted((folder / "training" / "snapshots").glob("*.png"))
    chosen = [shots[i] for i in sorted({0, len(shots) // 2, len(shots) - 1})]
    shown = [page.picture(f"training/snapshots/{path.name}", f"after {int(path.stem.split('-')[1])} steps") for path in chosen]
    return [
        page.heading("Training without 3D truth"),
        page.sentence(f"A ResNet-{config.depth} of width {config.width} saw {config.steps} batches of {config.batch} triples of "
                      f"{config.image_size} x {config.image_size} pixels: pictures and landmarks, no shapes."),
        page.table(("loss", "first", "last"), rows),
        page.sentence(BEFORE_THE_FIRST_STEP),
        page.picture("training/losses.png", "the losses, step by step"),
        page.row(shown),
    ]  # fmt: skip


def _evaluation_blocks(folder, network, result):
    from mgcbook.data.synthetic import held_out
    from mgcbook.programs.stages import multi_view_sheet

    faces = held_out(size=network.decoder.camera.width)
    item = next(item for item in map(faces.item, range(100)) if item["flag"])
    picture = multi_view_sheet(network(item["images"]), item["images"], network.decoder)
    write_image(folder / "views.png", picture)
    summary = result.summary().items()
    rows = [(name, _spell(entry["mean"]), _spell(entry["baseline"]), METRICS.get(name, "")) for name, entry in summary]
    return [
        page.heading("Faces it has never seen"),
        page.sentence("Each number beside that of the mean face in the main pose, which looks at no picture."),
        page.table(("", "network", "mean face", "what"), rows),
        page.heading("Three views of one face"),
        page.sentence("What the target and each source both see, and the target's picture read from the source's (Eq. 2): "
                      "where the depth is right, it shows the same face."),
        page.picture("views.png", "photographs, reconstructions, depth, covisible map, warped source, difference"),
    ]  # fmt: skip


def _spell(number):
    return "-" if number is None else f"{number:.2f}"
