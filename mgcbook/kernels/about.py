"""What there is to compute with, in words: for `mgcbook doctor`."""

import importlib.metadata
import shutil
import subprocess


def describe_cpu():
    """How the CPU kernels run here."""
    try:
        import numba
    except ImportError as error:
        return f"Numba is missing ({error}): the slow NumPy twins are used; pip install numba"
    if numba.config.DISABLE_JIT:
        return f"Numba {numba.__version__} with NUMBA_DISABLE_JIT set: nothing is compiled, everything is slow"
    from .cpu import threads

    return f"Numba {numba.__version__}, {threads.get_threads()} threads"


def describe_gpu():
    """(Whether mgcbook can use a GPU here, what was found and which extra to install)."""
    driver = _driver()
    if driver is None:
        return False, "none: no NVIDIA driver (nvidia-smi); everything runs on the CPU. With one: pip install 'mgcbook[cuda13]'"
    name, version = driver
    extra = "cuda13" if int(version.split(".")[0]) >= 580 else "cuda12"
    try:
        import cupy

        count = cupy.cuda.runtime.getDeviceCount()
    except ImportError:
        return False, f"{name}, driver {version}, without CuPy: pip install 'mgcbook[{extra}]'"
    except Exception as error:  # a driver that does not fit raises more than one kind
        return (
            False,
            f"{name}, driver {version}, but CuPy cannot use it ({error}); pip install 'mgcbook[{extra}]' fits this driver",
        )
    found = f"{count} x {name}, driver {version}, CuPy {cupy.__version__}"
    if not _is_installed("numba-cuda"):
        return False, f"{found}, without numba-cuda: pip install 'mgcbook[{extra}]'"
    if not _is_installed("nvidia-cudnn-frontend"):
        found += f", without cuDNN, so that convolutions take longer: pip install 'mgcbook[{extra}]'"
    return count > 0, found


def _driver():
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        command = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
        lines = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip().splitlines()
        name, version = lines[0].rsplit(", ", 1)
    except (OSError, subprocess.SubprocessError, IndexError, ValueError):
        return None
    return name, version


def _is_installed(name):
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
