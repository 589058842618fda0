"""The first run on a GPU, one piece after the other: libraries, kernels, products, convolutions, each beside float64 on a CPU."""

import importlib.metadata
import time

import numpy as np
from gpu_common import apart, check, device_milliseconds, within

from mgcbook.arrays import kernels_for, to_device, to_host
from mgcbook.data import builtin
from mgcbook.kernels import cpu, twins
from mgcbook.kernels.gpu.graph import Queue, StepGraph
from mgcbook.kernels.precision import precise

LIBRARIES = ("cupy-cuda13x", "cupy-cuda12x", "numba-cuda", "numba", "numpy", "nvidia-cudnn-cu13", "nvidia-cudnn-cu12",
             "nvidia-cudnn-frontend", "nvidia-nvvm", "nvidia-nvjitlink", "nvidia-cuda-nvrtc", "nvidia-cublas", "cuda-core",
             "torch")  # fmt: skip
CONVOLUTIONS = ((56, 64, 64, 3, 1), (56, 64, 128, 3, 2), (64, 3, 32, 7, 2), (28, 128, 64, 1, 1))
"""Size of the map, channels, outputs, size of the kernel, stride."""
ROUNDING = {"float32": 2e-5, "tf32": 2e-3, "bf16": 2e-2}
"""Relative errors that are rounding."""


@check("first run", "libraries")
def libraries(sizes):
    """Versions, and whether a kernel can be translated to machine code for this device."""
    import cupy

    from mgcbook.kernels._cuda import KERNELS, machine_code

    number = int(cupy.cuda.Device().compute_capability)
    code, _ = machine_code(KERNELS[0].ptx((number // 10, number % 10)), (number // 10, number % 10))
    versions = {name: version(name) for name in LIBRARIES if version(name)}
    versions["CUDA of the driver"] = str(cupy.cuda.runtime.driverGetVersion())
    assert code.startswith(b"\x7fELF"), "no machine code"
    return f"compute capability {number}, " + ", ".join(f"{name} {found}" for name, found in versions.items()), versions


def version(name):
    """Of an installed package, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def captured(function, like, queue):
    """What a function of no arguments gives when a graph repeats it; -> host array."""
    with queue:
        out = to_device(np.zeros(like.shape, like.dtype), "cuda")

    def step():
        out[...] = function()

    graph = StepGraph(step, queue)
    with queue:
        out[...] = 0
    graph()
    queue.wait()
    return to_host(out)


@check("first run", "Numba kernels, eager and captured")
def numba_kernels(sizes):
    """The normals of a face."""
    model, queue = builtin.load("light"), Queue()
    expected = cpu.vertex_normals(model.mean[None].astype(np.float64), model.triangles)
    with queue:
        vertices, triangles = to_device((model.mean[None], model.triangles), "cuda")
        run = lambda: kernels_for(vertices).vertex_normals(vertices, triangles)
        found = to_host(run())
    error = apart(found, expected)
    text = within({"relative error": error}, {"relative error": 1e-5})
    assert np.array_equal(captured(run, found, queue), found), "the graph gives other numbers"
    return text + "; the graph gives the same bits", {"error": error}


@check("first run", "products, captured")
def products(sizes):
    """The bases of the face model for 15 faces: (15, 224) (224, 108000)."""
    rng, queue = np.random.default_rng(0), Queue()
    a, b = (rng.standard_normal(shape, np.float32) for shape in ((3 * sizes.triples, 224), (224, 480 * sizes.image)))
    with queue:
        x, y = to_device((a, b), "cuda")
    run = lambda: kernels_for(x).matmul(x, y)
    error = apart(captured(run, a @ b, queue), a.astype(float) @ b.astype(float))
    text = within({"relative error": error}, {"relative error": 1e-5})
    took = device_milliseconds(run, queue, sizes.rounds)
    return f"{text}, {1000 * took:.0f} us", {"error": error, "ms": took}


@check("first run", "convolutions in three directions", seconds=180)
def convolutions(sizes):
    """TF32, all digits, bfloat16; eager and captured; and what a call costs the host."""
    rng, worst, queue = np.random.default_rng(0), dict.fromkeys(ROUNDING, 0.0), Queue()
    for side, channels, outputs, size, stride in CONVOLUTIONS:
        side = max(8, side * sizes.image // 224)
        shapes = (2, side, side, channels), (size, size, channels, outputs)
        x, w = (rng.standard_normal(shape, np.float32) for shape in shapes)
        y = twins.convolve(x.astype(float), w.astype(float), stride, size // 2)
        d = rng.standard_normal(y.shape, np.float32)
        dx, dw, _ = twins.convolve_backward(d.astype(float), x.astype(float), w.astype(float), stride, size // 2)
        for precision in ROUNDING:
            for found, expected in zip(_convolved(queue, precision, x, w, d, stride, size // 2), (y, dx, dw, y), strict=True):
                worst[precision] = max(worst[precision], apart(found, expected))
    text = within(worst, ROUNDING)
    cost = _cost_of_a_call(queue)
    return f"relative errors: {text}; {cost:.0f} us of the host for a call", {"errors": worst, "host us": cost}


def _convolved(queue, precision, x, w, d, stride, padding):
    """Result, d loss / d x, d loss / d w, and the result of a graph, as host arrays."""
    half = precision == "bf16"
    with queue, precise(precision == "float32"):
        x, w, d = to_device((x, w, d), "cuda")
        kernels = kernels_for(x)
        if half:
            x, d = kernels.to_half(x), kernels.to_half(d)
        wide = lambda maps: kernels.to_single(maps) if half else maps
        run = lambda: wide(kernels.convolve(x, w, stride, padding))
        y = to_host(run())
        dx, dw, _ = kernels.convolve_backward(d, x, w, stride, padding)
        dx, dw = to_host(wide(dx)), to_host(dw)
    with precise(precision == "float32"):
        return y, dx, dw, captured(run, y, queue)


def _cost_of_a_call(queue, calls=200):
    with queue:
        x, w = to_device((np.ones((1, 8, 8, 16), np.float32), np.ones((3, 3, 16, 16), np.float32)), "cuda")
        kernels = kernels_for(x)
        kernels.convolve(x, w, 1, 1)
        queue.wait()
        start = time.perf_counter()
        for _ in range(calls):
            kernels.convolve(x, w, 1, 1)
        took = time.perf_counter() - start
        queue.wait()
    return 1e6 * took / calls


@check("first run", "batch norm: bytes in a second")
def batch_norm(sizes):
    """Kernels that do nothing but read and write, beside a copy, on maps of (15, 56, 56, 256)."""
    rng, queue, found = np.random.default_rng(0), Queue(), {}
    shape = 3 * sizes.triples, sizes.image // 4, sizes.image // 4, 4 * sizes.width
    host = rng.standard_normal(shape, np.float32)
    with queue:
        x, scale = to_device((host, np.full(shape[-1], 2, np.float32)), "cuda")
        y, kernels = x.copy(), kernels_for(x)
        sums = to_host(kernels.channel_sums(x))
        error = max(apart(sums[0], host.sum((0, 1, 2), dtype=float)), apart(sums[1], np.square(host, dtype=float).sum((0, 1, 2))))

    def copy():
        y[...] = x

    runs = {"copy": (2, copy), "sums of channels": (1, lambda: kernels.channel_sums(x)),
            "gradient": (3, lambda: kernels.norm_gradient(x, y, scale, scale, scale))}  # fmt: skip
    for name, (passes, run) in runs.items():
        found[name] = passes * host.nbytes / 1e6 / device_milliseconds(StepGraph(run, queue), queue, sizes.rounds)
    within({"error of the sums": error}, {"error of the sums": 1e-4})
    return ", ".join(f"{name} {rate:.0f} GB/s" for name, rate in found.items()), {"GB/s": found, "error": error}
