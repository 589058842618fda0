"""`mgcbook doctor`: what this machine offers, what is missing, and how to get it; `--replay FILE` looks into a bad batch."""

import importlib.metadata
import os
import platform
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from mgcbook.errors import ResourceError

LIBRARIES = ("numpy", "scipy", "numba", "autograd", "matplotlib", "imageio", "pillow", "scikit-image", "trimesh", "h5py",
             "safetensors", "tyro", "tqdm", "ipywidgets", "jupyterlab")  # fmt: skip
ROOM = 2.0
"""Gigabytes that a training run and the caches need."""


@dataclass(frozen=True)
class DoctorOptions:
    """Check that this machine can run mgcbook; exit code 4 if it cannot."""

    replay: Path | None = None
    """Run a batch again that training has kept because a number was not finite (bad-step-....safetensors)."""
    gpu: bool = False
    """Fail if there is no GPU that mgcbook can use."""


def run(options: DoctorOptions):
    """Print one line for each thing that was looked at."""
    if options.replay:
        from mgcbook.programs.guard import replay

        for stage, name, found in replay(options.replay):
            print(f"{'BAD ' if 'not finite' in found else '    '}{stage:<22} {name:<24} {found}")
        return
    faults = []
    for name, is_fine, found in examine(require_gpu=options.gpu):
        print(f"{'ok  ' if is_fine else 'BAD '}{name:<12} {found}", flush=True)
        if not is_fine:
            faults.append(name)
    if faults:
        raise ResourceError(f"not in order: {', '.join(faults)}; what to do stands beside each")


def examine(*, require_gpu=False):
    """Look at everything; a generator of (what, whether it is fine, what was found and what to do about it)."""
    from mgcbook import __version__
    from mgcbook.data.cache import cache_dir

    yield "mgcbook", True, f"{__version__} in {Path(__file__).parents[1]}"
    yield (
        "system",
        True,
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {usable_cores()} cores, {_memory()}",
    )
    yield _libraries()
    yield _blas()
    yield _kernels()
    yield _gpu(require_gpu)
    yield _folder("cache", cache_dir())
    yield _folder("runs", Path("runs").absolute())


def usable_cores():
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory():
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB of memory"
    except (AttributeError, ValueError, OSError):  # Windows
        return "memory unknown"


def _libraries():
    versions = {name: _version(name) for name in LIBRARIES}
    missing = [name for name, version in versions.items() if version is None]
    found = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return "libraries", not missing, found + (f"; missing: pip install {' '.join(missing)}" if missing else "")


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _blas():
    import numpy as np

    name = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {}).get("name", "unknown")
    set_by = [
        f"{key}={os.environ[key]}" for key in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS") if key in os.environ
    ]
    a = np.ones((1024, 1024), np.float32)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return (
        "BLAS",
        True,
        f"{name}, {2 * 1024**3 / min(times) / 1e9:.0f} GFLOP/s in float32" + (f" ({', '.join(set_by)})" if set_by else ""),
    )


def _kernels():
    """Run one kernel of the rasterizer, which compiles it if need be."""
    from mgcbook.kernels.about import describe_cpu

    start = time.perf_counter()
    try:
        import numpy as np

        from mgcbook.face.camera import Camera
        from mgcbook.face.raster import rasterize

        corners = np.array([[[-10, -10, 100], [30, -10, 100], [-10, 30, 100]]], np.float32)
        fragments = rasterize(corners, np.array([[0, 1, 2]], np.int32), Camera(focal=100.0, width=16, height=16))
        is_right = bool(fragments.triangle[0, 8, 8] == 0)
    except Exception as error:  # whatever a broken compiler or a wrong library does is the finding
        return "kernels", False, f"a first triangle cannot be drawn: {type(error).__name__}: {error}"
    took = time.perf_counter() - start
    return "kernels", is_right, f"{describe_cpu()}; a first triangle {'is drawn' if is_right else 'is WRONG'} after {took:.1f} s"


def _gpu(required):
    from mgcbook.kernels.about import describe_gpu

    is_usable, found = describe_gpu()
    return "GPU", is_usable or not required, found


def _folder(name, path):
    place = path
    while not place.exists():
        place = place.parent
    room = shutil.disk_usage(place).free / 1e9
    if not os.access(place, os.W_OK):
        advice = "set MGCBOOK_CACHE to a folder that can" if name == "cache" else "work in a folder that can"
        return name, False, f"{path} cannot be written: {advice}"
    return name, room > ROOM, f"{path}, {room:.0f} GB free" + ("" if room > ROOM else f": make room, {ROOM:.0f} GB are needed")
