"""The rasterizer and what surrounds it, kernel by kernel: milliseconds per image, beside the NumPy twins, and how they scale.

    python benchmarks/bench_raster.py --sizes 224 512 --batch 15 --json raster.json

Sides of one table take turns, so their ratios hold on a busy machine; compare nothing across tables.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from mgcbook.data import builtin
from mgcbook.face.antialias import antialias, edge_neighbours
from mgcbook.face.camera import PAPER_CAMERA, camera_from_model, main_pose, pixel_grid, transform
from mgcbook.face.covisible import covisible_map, seen_vertices
from mgcbook.face.raster import rasterize
from mgcbook.face.render import render
from mgcbook.kernels import cpu, twins
from mgcbook.kernels.cpu.threads import get_threads, set_threads
from mgcbook.programs.timing import take_turns
from mgcbook.tape import value_and_grad


def faces(level, batch, size, seed=1):
    """Mean faces in random poses before the paper's camera; -> points_camera (B, V, 3) float32, triangles, camera."""
    model, rng = builtin.load(level), np.random.default_rng(seed)
    offsets = rng.uniform(-1, 1, size=(batch, 3)) * [0.2, 0.5, 0.2]
    main = main_pose(model.mean, model.landmark_vertices, PAPER_CAMERA)
    pose = camera_from_model(offsets, 3 * rng.normal(size=(batch, 3)), main)
    points = transform(*pose, np.broadcast_to(model.mean, (batch, *model.mean.shape)))
    return points.astype(np.float32), model.triangles, PAPER_CAMERA.resized(size, size)


class Scene:
    """Meshes, what is seen of them, and gradients to send back."""

    def __init__(self, level, batch, size):
        rng = np.random.default_rng(0)
        self.points, self.triangles, self.camera = faces(level, batch, size)
        self.colors = rng.random(self.points.shape, dtype=np.float32)
        self.fragments = rasterize(self.points, self.triangles, self.camera)
        self.gradient = rng.normal(size=(batch, size, size, 3)).astype(np.float32)
        self.uv = (pixel_grid(size, size) + rng.normal(size=(batch, size, size, 2))).astype(np.float32)

    def kernel_calls(self, kernels):
        """Every kernel of the rasterizer as a function without arguments."""
        lens = self.camera.focal, self.camera.center
        triangle, weights, depth = self.fragments
        hits = self.triangles, triangle, weights
        calls = {
            "rasterize": lambda: kernels.rasterize(self.points, self.triangles, *lens, self.camera.height, self.camera.width),
            "barycentric -> points": lambda: kernels.barycentric_gradient(self.points, *hits, self.gradient, *lens),
            "depth -> points": lambda: kernels.depth_gradient(self.points, *hits, self.gradient[..., 0], *lens),
            "interpolate": lambda: kernels.interpolate(self.colors, *hits),
            "image -> attributes": lambda: kernels.interpolate_attribute_gradient(self.colors, *hits, self.gradient),
            "image -> barycentric": lambda: kernels.interpolate_barycentric_gradient(self.colors, *hits, self.gradient),
            "bilinear_sample": lambda: kernels.bilinear_sample(self.gradient, self.uv),
            "sample -> image": lambda: kernels.bilinear_sample_image_gradient(self.gradient, self.uv, self.gradient),
            "sample -> uv": lambda: kernels.bilinear_sample_uv_gradient(self.gradient, self.uv, self.gradient),
            "seen_vertices": lambda: kernels.seen_vertices(triangle, self.triangles, self.points.shape[1]),
        }
        if kernels is cpu:  # its twin walks in Python, seconds for one image
            outline = self.points, self.triangles, edge_neighbours(self.triangles), triangle, depth, *lens
            calls["outline_crossings"] = lambda: kernels.outline_crossings(*outline)
        return calls

    def public_calls(self):
        """What a user calls: rendering with all gradients, the outline, the covisible map."""

        def loss(params, antialiased=False):
            rendering = render(params["points"], self.triangles, params["colors"], self.camera, antialiased=antialiased)
            return np.sum(rendering.image * self.gradient) + np.sum(rendering.depth * self.gradient[..., 0])

        params = {"points": self.points, "colors": self.colors}
        image = render(self.points, self.triangles, self.colors, self.camera).image
        seen = seen_vertices(self.points, self.triangles, self.camera)
        return {
            "render": lambda: render(self.points, self.triangles, self.colors, self.camera),
            "render, forward and backward": lambda: value_and_grad(loss)(params),
            "the same, antialiased": lambda: value_and_grad(loss)(params, antialiased=True),
            "antialias": lambda: antialias(image, self.fragments, self.points, self.triangles, self.camera),
            "seen_vertices, 4 x 4 rays": lambda: seen_vertices(self.points, self.triangles, self.camera),
            "covisible_map": lambda: covisible_map(seen, seen[::-1], self.points, self.triangles, self.camera),
        }


def table(title, sides, images, rounds):
    """Print medians and quartiles in ms per image; returns them."""
    print(f"\n{title}")
    rows = {}
    for name, timing in take_turns(sides, rounds).items():
        rows[name] = [timing.median / images, *(quartile / images for quartile in timing.quartiles)]
        print("  {:<34}{:9.3f}   ({:.3f} .. {:.3f})".format(name, *rows[name]), flush=True)
    return rows


def beside_twins(level, size, rounds):
    """Kernels and twins on one image, on one thread."""
    scene = Scene(level, 1, size)
    fast, slow = scene.kernel_calls(cpu), scene.kernel_calls(twins)
    before = set_threads(1)
    try:
        timings = {name: take_turns({"cpu": fast[name], "twin": slow[name]}, rounds) for name in slow}
    finally:
        set_threads(before)
    print(f"\none image of {size} x {size}, one thread: ms, twin / kernel")
    ratios = {}
    for name, pair in timings.items():
        ratios[name] = pair["twin"].median / pair["cpu"].median
        print(f"  {name:<34}{pair['cpu'].median:9.3f} {pair['twin'].median:9.1f} {ratios[name]:9.0f}x", flush=True)
    return ratios


def scaling(level, size, batch, rounds):
    """Rasterizing against threads, batch, image size and number of triangles; ms in all."""
    sides = {}
    for threads in (1, 2):
        for name, scene in (("one image", Scene(level, 1, size)), (f"{batch} images", Scene(level, batch, size))):
            sides[f"{name}, {threads} threads"] = lambda threads=threads, scene=scene: _with_threads(threads, scene)
    for other in (size // 2, 2 * size, 4 * size):
        sides[f"one image, {other} x {other}"] = Scene(level, 1, other).kernel_calls(cpu)["rasterize"]
    sides["one image, 4,000 vertices"] = Scene("light", 1, size).kernel_calls(cpu)["rasterize"]
    return table(f"scaling of rasterize from {size} x {size}, ms in all", sides, 1, rounds)


def _with_threads(threads, scene):
    before = set_threads(threads)
    try:
        scene.kernel_calls(cpu)["rasterize"]()
    finally:
        set_threads(before)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[224, 512])
    parser.add_argument("--batch", type=int, default=15)
    parser.add_argument("--level", default="full", help="face model: full (36,000 vertices) or light (4,000)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    figures = {"threads": get_threads(), "level": options.level, "batch": options.batch, "sizes": {}}
    for size in options.sizes:
        scene = Scene(options.level, options.batch, size)
        seen = float((scene.fragments.triangle >= 0).mean())
        what = f"{options.batch} x {size} x {size}, {len(scene.triangles)} triangles on {seen:.0%} of the pixels"
        sides = scene.kernel_calls(cpu) | scene.public_calls()
        figures["sizes"][size] = table(f"{what}, {get_threads()} threads: ms per image", sides, options.batch, options.rounds)
    figures["twins"] = beside_twins(options.level, options.sizes[0], max(options.rounds // 3, 3))
    figures["scaling"] = scaling(options.level, options.sizes[0], options.batch, options.rounds)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
