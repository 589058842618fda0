"""Fixtures of all tests, and what decides which of them run here."""

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("MPLBACKEND", "Agg")  # tests draw without a display


@pytest.fixture
def rng():
    """A fresh generator with a fixed seed: every test sees the same numbers, whatever ran before it."""
    return np.random.default_rng(0)


@pytest.fixture
def realkit():
    """Folder of real samples that may not be redistributed: $MGCBOOK_REALKIT, else ../shared/realkit beside the project."""
    folder = Path(os.environ.get("MGCBOOK_REALKIT") or Path(__file__).parents[1] / ".." / "shared" / "realkit")
    if not folder.is_dir():
        pytest.skip("needs a folder of real samples: set MGCBOOK_REALKIT")
    return folder


def pytest_collection_modifyitems(items):
    """Skip the tests marked gpu where CuPy or a GPU is missing, saying which."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    reason = _no_gpu() if marked else None
    for item in marked if reason else ():
        item.add_marker(pytest.mark.skip(reason=reason))


def _no_gpu():
    try:
        import cupy
    except ImportError:
        return "needs CuPy: pip install 'mgcbook[cuda13]'"
    try:
        return None if cupy.cuda.runtime.getDeviceCount() else "needs an NVIDIA GPU"
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"needs an NVIDIA GPU ({error})"
