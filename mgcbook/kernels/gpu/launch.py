"""CUDA C on a GPU: sources compiled by CuPy when a kernel of theirs is first called, and launched on its current stream."""

import functools
from pathlib import Path

import numpy as np

__all__ = ["FOLDER", "SOURCES", "THREADS", "elementwise", "launch", "size_of", "summing"]

FOLDER = Path(__file__).parent

SOURCES = {"fused": (), "half": ("-DHALF",), "flat": (), "channels": ()}
"""Name -> options; `half` is fused.cu with maps of bfloat16."""

THREADS = 128
"""Of a block."""

SHORTEST, MOST = 64, 1024
"""Rows that a thread adds up in float32 at least, and chunks of rows at the most."""


def source_of(name):
    """The text of a source."""
    return (FOLDER / f"{'fused' if name == 'half' else name}.cu").read_text(encoding="utf-8")


@functools.cache
def _module(name):
    import cupy

    return cupy.RawModule(code=source_of(name), options=("--std=c++17", *SOURCES[name]))


@functools.cache
def _function(source, name):
    return _module(source).get_function(name)


def launch(source, name, grid, block, *args):
    """Run a kernel on CuPy's current stream; arrays are C-contiguous, numbers have the types of the source."""
    _function(source, name)(grid, block, args)


def size_of(x):
    """(rows, channels) of (..., C), in the kernels' types."""
    channels = x.shape[-1]
    return np.int64(x.size // max(channels, 1)), np.int32(channels)


def maps_of(x):
    """The source for maps of this type."""
    return "half" if x.dtype == np.uint16 else "fused"


def elementwise(source, name, rows, channels, *args):
    """One thread for a channel and a few rows of (rows, C)."""
    across = min(int(channels), THREADS)
    if rows and channels:
        down = THREADS // across
        launch(source, name, (-(-int(channels) // across), min(-(-int(rows) // down), 65535)), (across, down), *args)


def summing(name, x, count, args):
    """Kernels that add up over the rows of (..., C): `count` sums for each channel; -> (count, C) float64.

    Args:
        args: args(chunk, sums) gives the kernel's arguments.
    """
    rows, channels = size_of(x)
    chunk = max(SHORTEST, -(-int(rows) // MOST))
    chunks = max(1, -(-int(rows) // chunk))
    make = np.empty if x.size else np.zeros  # the kernel writes every sum
    sums = make((chunks, count, int(channels)), dtype=np.float32, like=x)
    across = min(int(channels), THREADS)
    if x.size:
        launch(maps_of(x), name, (-(-int(channels) // across), chunks), (across, 1), *args(np.int32(chunk), sums))
    return np.sum(sums, axis=0, dtype=np.float64)
