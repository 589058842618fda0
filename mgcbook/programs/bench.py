"""`mgcbook bench`: how fast are network, rasterizer, face model, tape and a whole training step on this machine?

Every row is the median of several runs with its quartiles. Rows with a ratio were measured in turn with what they are compared
to; times of different rows should not be compared across machines or days.
"""

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mgcbook.data import builtin
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.face.raster import interpolate, rasterize
from mgcbook.learning.decoder import Decoder
from mgcbook.learning.optim import adam, init_adam
from mgcbook.learning.resnet import init_resnet, resnet
from mgcbook.programs.config import preset
from mgcbook.programs.learner import Learner
from mgcbook.programs.timing import take_turns
from mgcbook.tape import bare, value_and_grad


@dataclass(frozen=True)
class BenchOptions:
    """Measure how fast things are here."""

    rounds: int = 7
    """Counted runs of each row."""
    only: tuple[str, ...] = ()
    """Groups to measure: network, raster, face, tape, step; none: all."""
    out: Path | None = None
    """JSON file for the figures."""


class Row(NamedTuple):
    """One line of the table."""

    group: str
    name: str
    timing: object
    """A Timing in ms."""
    against: str = ""
    """What it was measured in turn with."""
    ratio: float | None = None
    """Its time divided by that of `against`."""


def network(rounds):
    """ResNet-50 of 257 outputs: training step (forward, backward, Adam) and inference."""
    rng = np.random.default_rng(0)
    params, state = init_resnet(rng, depth=50, outputs=257)
    params["fc.weight"] = rng.normal(size=params["fc.weight"].shape).astype(np.float32) * 0.01
    for batch, side in ((5, 224), (15, 64)):
        images = rng.random((batch, side, side, 3)).astype(np.float32)
        loss = value_and_grad(lambda p, images=images: np.mean(resnet(p, images, state, train=True)[0] ** 2))
        adam_state = init_adam(params)
        sides = {
            "training step": lambda loss=loss, adam_state=adam_state: adam(params, loss(params)[1], adam_state, 1e-4),
            "inference": lambda images=images: resnet(params, images, state, train=False),
        }
        for name, timing in take_turns(sides, rounds).items():
            yield Row("network", f"ResNet-50, {batch} x {side} x {side}, {name}", timing)


def raster(rounds):
    """15 faces of the full model in different poses: triangles and weights, and the gradient to the vertices."""
    rng = np.random.default_rng(0)
    model = builtin.load("full")
    for side in (224, 512):
        decoder = Decoder(model, PAPER_CAMERA.resized(side, side))
        points = _posed(decoder, rng, 15)
        weights = rng.normal(size=(15, side, side, 3)).astype(np.float32)

        def loss(points, decoder=decoder, weights=weights):
            fragments = rasterize(points, decoder.triangles, decoder.camera)
            return np.sum(interpolate(points, decoder.triangles, fragments) * weights)

        sides = {
            "rasterize": lambda decoder=decoder, points=points: rasterize(points, decoder.triangles, decoder.camera),
            "rasterize, interpolate, gradient": lambda loss=loss, points=points: value_and_grad(loss)(points),
        }
        for name, timing in take_turns(sides, rounds).items():
            yield Row("raster", f"{name}, 15 x {side} x {side}, {len(decoder.triangles)} triangles", timing)


def _posed(decoder, rng, count):
    """Vertices of random faces in the camera's axes; -> (B, V, 3)."""
    parts = decoder.layout.split(decoder.zeros(count))
    parts |= decoder.model.sample(rng, count)
    parts["rotation"] = rng.uniform(-0.5, 0.5, (count, 3)).astype(np.float32)
    return bare(decoder(decoder.layout.join(parts).astype(np.float32)).points_camera)


def face(rounds):
    """Shape and normals of 15 faces from their coefficients, forward and backward."""
    rng = np.random.default_rng(0)
    model = builtin.load("full")
    params = {name: values for name, values in model.sample(rng, 15).items() if name != "albedo"}
    weights = rng.normal(size=(15, *model.mean.shape)).astype(np.float32)
    vertices = model.shape(**params)
    sides = {
        "shape, forward and backward": lambda: value_and_grad(lambda p: np.sum(model.shape(**p) * weights))(params),
        "normals, forward and backward": lambda: value_and_grad(lambda v: np.sum(model.vertex_normals(v) * weights))(vertices),
    }
    for name, timing in take_turns(sides, rounds).items():
        yield Row("face", f"{name}, 15 faces of {len(model.mean)} vertices", timing)


def tape(rounds):
    """1000 small operations, forward and backward, beside HIPS autograd."""
    import autograd

    def chain(x):
        for _ in range(250):
            x = x * 1.001
            x = x + 0.01
            x = x * x
            x = x - 0.1
        return np.sum(x)

    for size in (16, 1000):
        x = np.linspace(0.1, 0.2, size)
        sides = {"ours": lambda x=x: value_and_grad(chain)(x), "HIPS autograd": lambda x=x: autograd.value_and_grad(chain)(x)}
        timings = take_turns(sides, 3 * rounds)
        ratio = timings["ours"].median / timings["HIPS autograd"].median
        yield Row("tape", f"1000 operations on {size} numbers", timings["ours"], "HIPS autograd", ratio)


def step(rounds):
    """A whole training step of the classroom preset, and its parts one by one."""
    from mgcbook.programs.train import open_data

    config = preset("classroom")
    learner, data = Learner(config), open_data(config)
    params, batch_norm = learner.start()
    state = init_adam(params)
    batch = data.batch(range(config.batch))
    coefficients, _ = learner.coefficients(params, batch_norm, batch["images"], train=True)
    flat = np.reshape(coefficients, (-1, coefficients.shape[-1]))
    whole = value_and_grad(learner.loss, has_aux=True)
    grads = whole(params, batch_norm, batch)[1]
    net = value_and_grad(lambda p: np.mean(learner.coefficients(p, batch_norm, batch["images"], train=True)[0]))
    objective = value_and_grad(lambda c: learner.objective(c, batch)[0])
    numbers = iter(range(config.batch, 10**9, config.batch))
    sides = {
        "forward, losses, backward": lambda: whole(params, batch_norm, batch),
        "  network, forward and backward": lambda: net(params),
        "  decoder (no gradient)": lambda: learner.decoder(flat),
        "  decoder and losses, forward and backward": lambda: objective(coefficients),
        "Adam": lambda: adam(params, grads, state, 1e-3),
        "synthetic batch": lambda: (lambda first: data.batch(range(first, first + config.batch)))(next(numbers)),
    }
    title = f"{config.batch} triples of {config.image_size} x {config.image_size}"
    for name, timing in take_turns(sides, rounds).items():
        yield Row("step", f"{name}" + (f", {title}" if name == "forward, losses, backward" else ""), timing)


GROUPS = {"network": network, "raster": raster, "face": face, "tape": tape, "step": step}


def run(options: BenchOptions):
    """Measure, print the table, write the figures; returns the exit code."""
    from mgcbook.errors import UsageError
    from mgcbook.files import atomic_write

    unknown = set(options.only) - set(GROUPS)
    if unknown:
        raise UsageError(f"only: expected {', '.join(GROUPS)}, got {', '.join(sorted(unknown))}")
    about = machine()
    print(", ".join(f"{name}: {value}" for name, value in about.items()))
    rows = []
    for name in options.only or GROUPS:
        for row in GROUPS[name](options.rounds):
            rows.append(row)
            print(_line(row), flush=True)
    if options.out is not None:
        figures = [{**row.timing.as_dict(), **_named(row)} for row in rows]
        with atomic_write(options.out) as file:
            file.write(json.dumps({"machine": about, "rows": figures}, indent=1).encode() + b"\n")
        print(f"figures: {options.out}")
    return 0


def machine():
    """What the figures depend on; -> dict of short strings."""
    from mgcbook.kernels.cpu.threads import get_threads

    versions = {"python": platform.python_version(), "numpy": np.__version__}
    return {"processor": _processor(), "cores": str(os.cpu_count()), "threads": str(get_threads()), **versions}


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _line(row):
    low, high = row.timing.quartiles
    ratio = "" if row.ratio is None else f"   {row.ratio:.2f} of {row.against}"
    return f"{row.group:<8} {row.name:<66} {row.timing.median:9.2f} ms  ({low:.2f} - {high:.2f}){ratio}"


def _named(row):
    entries = {"group": row.group, "name": row.name.strip(), "against": row.against, "ratio": row.ratio}
    return {name: value for name, value in entries.items() if value not in (None, "")}
