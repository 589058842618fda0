"""Time against batch, image size, vertices and threads: nothing may grow faster than linearly. Draws scaling.png beside it."""

from pathlib import Path

import numpy as np
from common import both_on, on_threads

from mgcbook.face.camera import Camera
from mgcbook.face.normals import vertex_normals
from mgcbook.face.raster import rasterize
from mgcbook.face.render import render
from mgcbook.learning.resnet import init_resnet, resnet
from mgcbook.programs.timing import Row, single, take_turns
from mgcbook.tape import value_and_grad

PICTURE = "scaling.png"
STEEPEST = 1.1
"""Slope in a picture with logarithmic axes: 1 is linear, and 0.1 is what a machine's mood adds."""


def rows(rounds, threads):
    """Rows of the table; draws the picture."""
    rounds = max(3, rounds // 2)
    panels = {}
    with both_on(threads):
        for title, curves in JOBS.items():
            panels[title] = {}
            for name, sides in curves().items():
                times = take_turns(sides, rounds, warm_up=1)
                panels[title][name] = sizes, least = list(times), [min(timing.samples) for timing in times.values()]
                steepness = single(name, slope(sizes, least))
                yield Row("scaling", f"{name} against {title}: power of growth", steepness, None, STEEPEST, "")
    for name, job in (("render, forward and backward, 16 x 128 x 128", _render(16, 128, 4000)),
                      ("network, forward and backward, 16 x 64 x 64", _network(16, 64))):  # fmt: skip
        times = take_turns({count: on_threads(count, job) for count in (1, 2)}, rounds)
        panels.setdefault("threads", {})[name.split(",")[0]] = [1, 2], [times[1].median, times[2].median]
        yield Row("scaling", f"{name}: one thread / two", single(name, times[1].median / times[2].median), unit="x")
    draw(panels, Path(__file__).with_name(PICTURE))


def slope(sizes, times):
    """Steepness of a line through the points, with logarithmic axes."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


# ---------------------------------------------------------------- jobs


def _height_field(vertices):
    """A square sheet of about this many vertices that fills the picture, waves included; -> (V, 3) mm, (F, 3)."""
    side = round(vertices**0.5)
    x, y = np.meshgrid(np.linspace(-95, 95, side), np.linspace(-95, 95, side))
    points = np.stack([x, y, 2000 + 20 * np.sin(x / 15) * np.cos(y / 15)], -1).reshape(-1, 3).astype(np.float32)
    first = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).reshape(-1)
    right, below, across = first + 1, first + side, first + side + 1
    return points, np.concatenate([np.stack([first, right, below], 1), np.stack([right, across, below], 1)]).astype(np.int32)


def _scene(batch, size, vertices):
    points, triangles = _height_field(vertices)
    return np.repeat(points[None], batch, axis=0), triangles, Camera(focal=10.0 * size, width=size, height=size)


def _render(batch, size, vertices):
    points, triangles, camera = _scene(batch, size, vertices)
    colors = np.random.default_rng(0).random(points.shape, np.float32)

    def loss(p):
        drawn = render(p["points"], triangles, p["colors"], camera)
        return np.mean(drawn.image) + np.mean(drawn.depth)

    return lambda: value_and_grad(loss)({"points": points, "colors": colors})


def _rasterize(batch, size, vertices):
    scene = _scene(batch, size, vertices)
    return lambda: rasterize(*scene)


def _normals(vertices):
    points, triangles, _ = _scene(4, 8, vertices)
    return lambda: value_and_grad(lambda p: np.sum(vertex_normals(p, triangles)))(points)


def _network(batch, size):
    params, state = init_resnet(np.random.default_rng(0), depth=18, width=24)
    images = np.random.default_rng(1).random((batch, size, size, 3), np.float32)
    gradient = value_and_grad(lambda p: np.mean(resnet(p, images, state, train=True)[0] ** 2))
    return lambda: gradient(params)


def _over(sizes, job):
    return {size: job(size) for size in sizes}


BATCHES, PIXELS, VERTICES = (2, 4, 8, 16), (64, 128, 256, 512), (4_000, 16_000, 64_000, 256_000)

JOBS = {
    "batch": lambda: {
        "render": _over(BATCHES, lambda n: _render(n, 128, 4000)),
        "network": _over(BATCHES, lambda n: _network(n, 64)),
    },
    "pixels": lambda: {
        "rasterize": {n * n: _rasterize(4, n, 4000) for n in PIXELS},
        "render": {n * n: _render(4, n, 4000) for n in PIXELS},
        "network": {n * n: _network(4, n) for n in PIXELS[:3]},
    },
    "vertices": lambda: {
        "rasterize": _over(VERTICES, lambda n: _rasterize(4, 128, n)),
        "render": _over(VERTICES, lambda n: _render(4, 128, n)),
        "normals": _over(VERTICES, _normals),
    },
}
"""What grows -> {curve: {size: function}}; render, network and normals with their gradients."""


# ---------------------------------------------------------------- the picture


def draw(panels, path):
    """One panel for each thing that grows: milliseconds, logarithmic axes, and a dashed line of slope 1."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(11, 3.2), layout="constrained")
    for axis, (title, curves) in zip(axes, panels.items(), strict=True):
        falling = title == "threads"
        for name, (sizes, times) in curves.items():
            axis.loglog(sizes, times, "o-", label=name, linewidth=1.5, markersize=4)
            straight = times[-1] * (np.array(sizes) / sizes[-1]) ** (-1.0 if falling else 1.0)
            if falling:
                straight *= times[0] / straight[0]
            axis.loglog(sizes, straight, "--", color="0.6", linewidth=0.8, zorder=0)
        axis.set(xlabel=title, xticks=sizes_of(curves))
        axis.set_xticks([], minor=True)
        axis.xaxis.set_major_formatter(lambda value, _, title=title: _size(title, value))
        axis.yaxis.set_minor_formatter("")
        axis.legend(fontsize=7, frameon=False)
    axes[0].set_ylabel("milliseconds")
    figure.suptitle("Time against size, forward and backward; dashed: proportional", fontsize=10)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _size(title, value):
    """A number on an axis: 64², 4K, 16."""
    if title == "pixels":
        return f"{round(value**0.5)}²"
    return f"{value / 1000:g}K" if value >= 1000 else f"{value:g}"


def sizes_of(curves):
    """All sizes of a panel in order."""
    return sorted({size for sizes, _ in curves.values() for size in sizes})
