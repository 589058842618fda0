"""Rasterizer, gradients and the whole step on a GPU beside the CPU, and the tests that need a GPU."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from gpu_common import apart, beginning, check, device_milliseconds, within

from mgcbook.arrays import kernels_for, to_device, to_host
from mgcbook.data import builtin
from mgcbook.data.recipes import Recipes
from mgcbook.data.scenes import SyntheticConfig
from mgcbook.data.studio import Studio
from mgcbook.data.synthetic import SyntheticFaces
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.kernels import cpu
from mgcbook.kernels.gpu.graph import Queue, StepGraph
from mgcbook.learning.decoder import Decoder
from mgcbook.programs.bank import Shelf
from mgcbook.programs.batches import pick
from mgcbook.programs.config import preset
from mgcbook.programs.easel import recipe_workers
from mgcbook.programs.learner import Learner
from mgcbook.programs.step_graph import DeviceStep
from mgcbook.tape import value_and_grad

EDGE, DEEP = 1e-3, 0.02
"""A pixel may show another triangle where its ray meets an edge (a weight below EDGE) or the depths are equal to DEEP mm."""


def random_faces(rng, decoder, count):
    """Points of faces in random poses, as the CPU has them; -> (B, V, 3) float32."""
    coefficients = rng.normal(size=(count, decoder.layout.size)).astype(np.float32)
    coefficients[:, decoder.layout.slices["rotation"]] *= 0.3
    coefficients[:, decoder.layout.slices["translation"]] *= 5
    return decoder(coefficients).points_camera


def drawing(points, decoder):
    """How a kernel is asked to draw."""
    camera = decoder.camera
    return points, to_device(decoder.triangles, "cuda"), camera.focal, camera.center, camera.height, camera.width


@check("correctness", "triangles of random faces", seconds=180)
def triangles(sizes):
    """The same as the CPU's, except where a ray meets an edge within rounding."""
    rng = np.random.default_rng(0)
    decoder = Decoder(builtin.load("light"), PAPER_CAMERA.resized(sizes.image, sizes.image))
    edges = wrong = total = done = 0
    while done < sizes.faces:
        points = random_faces(rng, decoder, min(10, sizes.faces - done))
        done += len(points)
        call = decoder.triangles, decoder.camera.focal, decoder.camera.center, decoder.camera.height, decoder.camera.width
        triangle, weights, depth = cpu.rasterize(points, *call)
        moved = to_device(points, "cuda")
        found = [to_host(kernels_for(moved).rasterize(*drawing(moved, decoder))) for _ in range(2)]
        assert all(np.array_equal(one, two) for one, two in zip(*found, strict=True)), "another picture the second time"
        different = found[0][0] != triangle
        least = np.minimum(weights.min(-1), found[0][1].min(-1))
        explained = different & ((least < EDGE) | (np.abs(found[0][2] - depth) < DEEP))
        edges, wrong, total = edges + explained.sum(), wrong + (different & ~explained).sum(), total + different.size
    text = f"{done} faces, {total} pixels: {edges} at an edge differ, {wrong} elsewhere; the same bits every time"
    assert wrong == 0 and edges < 1e-4 * total, text
    return text, {"pixels": int(total), "at an edge": int(edges), "elsewhere": int(wrong)}


@check("correctness", "gradients of the kernels")
def gradients(sizes):
    """Relative to float64, with the same triangle in each pixel."""
    rng, model = np.random.default_rng(1), builtin.load("light")
    decoder = Decoder(model, PAPER_CAMERA.resized(sizes.image, sizes.image))
    points = random_faces(rng, decoder, 3)
    camera, mesh = decoder.camera, decoder.triangles
    lens = camera.focal, camera.center
    triangle, weights, _ = cpu.rasterize(points, mesh, *lens, camera.height, camera.width)
    g, colors = rng.standard_normal((*triangle.shape, 3), np.float32), rng.random(points.shape, np.float32)
    images, uv = rng.random((*triangle.shape, 3), np.float32), (rng.random((*triangle.shape, 2), np.float32) * camera.width)
    calls = {
        "weights": ("barycentric_gradient", (points, mesh, triangle, weights, g, *lens)),
        "depth": ("depth_gradient", (points, mesh, triangle, weights, g[..., 0].copy(), *lens)),
        "colours": ("interpolate_attribute_gradient", (colors, mesh, triangle, weights, g)),
        "images": ("bilinear_sample_image_gradient", (images, uv, g)),
        "places": ("bilinear_sample_uv_gradient", (images, uv, g)),
        "normals": ("vertex_normals_gradient", (points, mesh, rng.standard_normal(points.shape, np.float32))),
    }
    found = {}
    for name, (function, args) in calls.items():
        wide = [a.astype(np.float64) if getattr(a, "dtype", None) == np.float32 else a for a in args]
        expected = getattr(cpu, function)(*wide)
        moved = [to_device(a, "cuda") if isinstance(a, np.ndarray) else a for a in args]
        found[name] = apart(to_host(getattr(kernels_for(moved[0]), function)(*moved)), expected)
    return "relative errors: " + within(found, dict.fromkeys(found, 1e-4)), found


def settings(sizes, **more):
    """The preset of the paper for these sizes, on a GPU."""
    network = dict(image_size=sizes.image, batch=sizes.triples, depth=sizes.depth, width=sizes.width)
    usual = dict(device="cuda", face=sizes.face, snapshot_every=0, **network)
    return replace(preset("paper"), **{**usual, **more})


def shelf_of(sizes, count):
    """Synthetic triples that are yet to be put on the device."""
    return Shelf(SyntheticFaces(SyntheticConfig(size=sizes.image), truth=False), count)


@check("correctness", "gradient of all losses", seconds=180)
def all_losses(sizes):
    """Of 257 coefficients a view (Eq. 6), beside the CPU in float64."""
    rng, config = np.random.default_rng(2), settings(sizes, face="light", batch=2)
    batch = pick(shelf_of(sizes, 2).endless.batch([0, 1]))
    device, host = Learner(config, device="cuda"), Learner(replace(config, device="cpu"))
    start = (0.3 * rng.normal(size=(2, 3, host.decoder.layout.size))).astype(np.float32)
    wide = {name: array.astype(np.float64) if array.dtype == np.float32 else array for name, array in batch.items()}
    (value, _), expected = value_and_grad(host.objective, has_aux=True)(start.astype(np.float64), wide)
    moved = to_device((start, batch), "cuda")
    (loss, _), found = value_and_grad(device.objective, has_aux=True)(*moved)
    # Single pixels may see another triangle than in float64.
    errors = {"loss": abs(float(to_host(loss)) / float(value) - 1), "gradient": apart(to_host(found), expected)}
    return "relative errors: " + within(errors, {"loss": 1e-4, "gradient": 2e-3}), errors


@check("correctness", "a graph learns what single launches learn", seconds=180)
def graph_and_eager(sizes):
    """Five steps each, all digits of float32."""
    totals, shelf = {}, shelf_of(sizes, sizes.triples)
    made = shelf.batch(list(range(sizes.triples)))
    for graphed in (False, True):
        config = settings(sizes, graph=graphed, precision="float32")
        learner = Learner(config, device="cuda")
        step, totals[graphed] = DeviceStep(learner, beginning(learner), config, shelf=shelf), []
        for number in range(5):
            step.advance({**made, "new": made["new"] if number == 0 else None}, 1e-4)
            totals[graphed].append(step.losses()[0]["total"])
    error = max(abs(a / b - 1) for a, b in zip(totals[True], totals[False], strict=True))
    text = within({"relative difference": error}, {"relative difference": 1e-3})
    assert totals[True][-1] < totals[True][0], f"the loss rises: {totals[True]}"
    return f"{text}, loss {totals[True][0]:.4g} -> {totals[True][-1]:.4g}", {"difference": error, "losses": totals[True]}


@check("correctness", "tests marked gpu", seconds=300)
def tests(sizes):
    """pytest -m gpu"""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    assert done.returncode == 0, "; ".join([*lines[-1:], *failed[:20]]) or done.stderr[-500:]
    return lines[-1], {}


@check("speed", "rasterizer")
def rasterizer(sizes):
    """15 faces of 70 thousand triangles: draw and resolve, in a graph."""
    rng, queue = np.random.default_rng(3), Queue()
    decoder = Decoder(builtin.load(sizes.face), PAPER_CAMERA.resized(sizes.image, sizes.image))
    points = random_faces(rng, decoder, 3 * sizes.triples)
    with queue:
        call = drawing(to_device(points, "cuda"), decoder)
    took = device_milliseconds(StepGraph(lambda: kernels_for(call[0]).rasterize(*call), queue), queue, sizes.rounds)
    what = f"{len(points)} faces of {len(decoder.triangles)} triangles, {sizes.image} x {sizes.image}"
    return f"{what}: {took:.4f} ms", {"rasterizer": took}


@check("speed", "pictures that the GPU draws", seconds=180)
def drawn_pictures(sizes):
    """Those of the same recipes on the CPU, up to what JPEG rounds otherwise; how long the GPU takes, and how many recipes a
    second the processes of the host make: both beside the step that learns from them."""
    faces = SyntheticFaces(SyntheticConfig(size=sizes.image), truth=False)
    batch = Recipes(faces.config).batch(range(sizes.triples))
    expected, queue = Studio(faces, "cpu")(batch), Queue()
    with queue:
        studio, moved = Studio(faces, "cuda"), to_device(batch, "cuda")
        out = {name: to_device(np.zeros_like(array), "cuda") for name, array in expected.items()}

    def once():
        for name, array in studio(moved).items():
            out[name][...] = array

    graph = StepGraph(once, queue)
    graph()
    with queue.stream:
        found = to_host(out)
    numbers = {name: float(np.abs(found[name] - array).mean()) for name, array in expected.items()}
    numbers["ms"] = device_milliseconds(graph, queue, sizes.rounds)
    workers, recipes = recipe_workers(), None
    try:
        recipes = Recipes(faces.config, workers)
        recipes.batch(range(2 * workers))  # starts them
        start = time.perf_counter()
        recipes.batch(range(sizes.recipes))
        numbers["recipes a second"] = sizes.recipes / (time.perf_counter() - start)
    finally:
        if recipes:
            recipes.close()
    text = ", ".join(f"{name} {value:.3g}" for name, value in numbers.items())
    assert numbers["images"] < 1.5e-3 and numbers["skin"] < 2e-4, text
    return f"{len(batch['seed'])} pictures: {text} with {workers} processes", numbers
