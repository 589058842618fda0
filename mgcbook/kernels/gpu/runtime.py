"""What the kernels share on the device: the current stream, workspaces, cuBLAS and cuDNN.

A CUDA graph holds addresses. So a workspace that has been handed out is never freed: when a larger one is needed, the old one
stays for the graphs that know it.
"""

import contextlib
import functools

import numpy as np

from ..precision import uses_tf32

__all__ = ["convolution_plans", "cublas", "hold", "holding", "seconds", "stream_pointer", "uses_tf32", "workspace"]


def stream_pointer():
    """The stream that CuPy works on now."""
    import cupy

    return cupy.cuda.get_current_stream().ptr


def seconds(run, rounds):
    """The shortest of some runs on the device; None where the first one fails."""
    import cupy

    start, stop = cupy.cuda.Event(), cupy.cuda.Event()
    best = None
    try:
        for _ in range(rounds):
            start.record()
            run()
            stop.record()
            stop.synchronize()
            took = cupy.cuda.get_elapsed_time(start, stop) / 1000
            best = took if best is None else min(best, took)
    except Exception:  # an engine that does not run here raises cuDNN's own kinds
        return None
    return best


_holders = []


@contextlib.contextmanager
def holding():
    """Inside, what is given to `hold` is put into the list that this yields: who keeps the list keeps the arrays."""
    _holders.append([])
    try:
        yield _holders[-1]
    finally:
        _holders.pop()


def hold(arrays):
    """Arrays that outlive a step, from a cache that may drop them: a graph that is being captured keeps them for itself."""
    if _holders:
        _holders[-1].append(arrays)
    return arrays


_workspaces = {}


def workspace(name, size):
    """At least `size` bytes of device memory for one user; contents are anybody's."""
    import cupy

    kept = _workspaces.setdefault(name, [])
    if not kept or kept[-1].size < size:
        kept.append(cupy.empty(max(size, 1), dtype=np.uint8))
    return kept[-1]


def cublas():
    """The process's `Gemm`, on the current stream, with a workspace of the stream's own: streams work at the same time."""
    from .cublas import WORKSPACE, gemm

    found, stream = gemm(), stream_pointer()
    found.use(stream, workspace(f"cublas {stream}", WORKSPACE).data.ptr)
    return found


@functools.cache
def _plans(strict):
    from .cudnn import Plans

    return Plans(strict=strict)


@functools.cache
def has_cudnn():
    """Whether cuDNN can be loaded; convolutions are products of windows otherwise."""
    try:
        import cudnn  # noqa: F401
    except Exception:  # a library that does not load raises more than ImportError
        return False
    return True


def convolution_plans():
    """cuDNN's plans on the current stream, or None where cuDNN is missing."""
    if not has_cudnn():
        return None
    plans = _plans(not uses_tf32())
    plans.use(stream_pointer())
    return plans
