"""One CUDA graph for a whole step, and batches that are copied to the device while the step before is computed.

    warm up (compiles, measures, fills the pool) -> capture (nothing runs, every launch is written down) -> replay, replay, ...

A graph repeats launches with the addresses and numbers that they were captured with. So its memory comes from a pool of its
own that nobody else allocates from, what changes from step to step lies in arrays that stay where they are, and nothing in it
may wait for the host.
"""

import gc
import math

import numpy as np

from .runtime import holding

__all__ = ["Feeder", "Queue", "StepGraph", "copy_rows", "empty", "events", "free_bytes"]

ALIGNED = 256
"""Bytes; where arrays begin in a block that is copied at once."""


def _cupy():
    import cupy

    return cupy


class Queue:
    """A stream of work for the device, with memory of its own: `with queue: ...` does everything in it."""

    def __init__(self):
        cuda = _cupy().cuda
        self.stream, self._pool, self._open = cuda.Stream(non_blocking=True), cuda.MemoryPool(), []

    def __enter__(self):
        allocator = _cupy().cuda.using_allocator(self._pool.malloc)
        self.stream.__enter__()
        allocator.__enter__()
        self._open.append(allocator)
        return self

    def __exit__(self, *error):
        self._open.pop().__exit__(*error)
        self.stream.__exit__(*error)

    def wait(self):
        """Until all work is done."""
        self.stream.synchronize()

    def used_bytes(self):
        """Of the pool, by arrays that are alive."""
        return self._pool.used_bytes()


class StepGraph:
    """A step, captured once.

    Args:
        step: a function without arguments and result that works on arrays that stay where they are.
        queue: a Queue that is not used for anything but such steps.
        warm_up: how often the step runs before it is captured.
        keep: arrays that the warm-up changes and that are put back.
    """

    def __init__(self, step, queue, *, warm_up=3, keep=()):
        self._queue, self._step = queue, step  # what the step refers to has to stay, as the graph knows its addresses
        with queue, holding() as self._held:
            before = [array.copy() for array in keep]
            for _ in range(warm_up):
                step()
            for array, old in zip(keep, before, strict=True):
                array[...] = old
            queue.wait()
            del before
            self._graph = _captured(step, queue.stream)
            self._graph.upload(queue.stream)

    def __call__(self):
        """Do the step; returns before it is done."""
        self._graph.launch(self._queue.stream)


def _captured(step, stream):
    gc.collect()
    gc.disable()  # a collection in between could free memory of another pool, which waits
    try:
        stream.begin_capture()
        try:
            step()
        except BaseException:
            _give_up(stream)
            raise
        return stream.end_capture()
    finally:
        gc.enable()


def _give_up(stream):
    """End a capture that failed; the reason is being raised already."""
    try:
        stream.end_capture()
    except Exception:  # a capture that is invalid says so again
        return


def free_bytes():
    """Of the memory of the GPU."""
    return _cupy().cuda.runtime.memGetInfo()[0]


def events(count):
    """Marks in the work of streams, for others to wait for."""
    return [_cupy().cuda.Event() for _ in range(count)]


def empty(shape, dtype, queue):
    """A device array from the memory of a Queue."""
    with queue:
        return _cupy().empty(shape, dtype=dtype)


def copy_rows(source, target, places, queue):
    """target[places] = source, behind the work of the queue; waits until it is done. Host (n, ...), device (m, ...)."""
    memory = _cupy().cuda.alloc_pinned_memory(source.nbytes)
    host = np.frombuffer(memory, source.dtype, source.size).reshape(source.shape)
    host[...] = source
    for row, place in zip(host, places, strict=True):
        target[place].data.copy_from_host_async(row.ctypes.data, row.nbytes, queue.stream)
    queue.wait()


class Feeder:
    """Arrays that stay where they are on the device, filled from host batches, two batches ahead.

    A batch is written to memory that the device can read by itself, copied on a stream of its own to a second place on the device
    while the step before is computed, and from there to its place between two steps, which takes microseconds.

    Args:
        example: name -> array; what comes later has these shapes and types.
        queue: the Queue of the steps.
    """

    def __init__(self, example, queue):
        self._layout, end = {}, 0
        for name, array in example.items():
            self._layout[name] = end, array.dtype, tuple(array.shape)
            end += -(-array.size * array.dtype.itemsize // ALIGNED) * ALIGNED
        self._queue, cupy = queue, _cupy()
        with queue:
            self._place = cupy.empty(end, dtype=np.uint8)
            self._slots = [_Slot(end) for _ in range(2)]
        self._copies, self._loaded, self._fed = cupy.cuda.Stream(non_blocking=True), 0, 0
        self.inputs = self._views(self._place)
        """Name -> device array."""

    def _views(self, block):
        return {name: block[start : start + math.prod(shape) * dtype.itemsize].view(dtype).reshape(shape)
                for name, (start, dtype, shape) in self._layout.items()}  # fmt: skip

    def load(self, batch):
        """Begin to copy a host batch to the device; returns at once. At most two are on the way.

        Raises:
            ValueError: for an array of another shape than the example's.
        """
        if self._loaded - self._fed >= len(self._slots):
            raise RuntimeError("load: two batches are on the way already; call feed")
        slot = self._slots[self._loaded % 2]
        slot.copied.synchronize()  # its memory on the host was still being read
        for name, view in self._views(slot.host).items():
            if batch[name].shape != view.shape:
                raise ValueError(f"batch[{name!r}]: expected {view.shape} as in the first batch, got {batch[name].shape}")
            view[...] = batch[name]
        self._copies.wait_event(slot.consumed)
        slot.device.data.copy_from_host_async(slot.host.ctypes.data, slot.host.nbytes, self._copies)
        slot.copied.record(self._copies)
        self._loaded += 1

    def feed(self):
        """Put the batch that was loaded first into its place, in front of the next step; returns at once."""
        slot = self._slots[self._fed % 2]
        stream = self._queue.stream
        stream.wait_event(slot.copied)
        self._place.data.copy_from_device_async(slot.device.data, slot.host.nbytes, stream)
        slot.consumed.record(stream)
        self._fed += 1


class _Slot:
    """Room for one batch on its way."""

    def __init__(self, size):
        cupy = _cupy()
        self._memory = cupy.cuda.alloc_pinned_memory(size)
        self.host = np.frombuffer(self._memory, np.uint8, size)
        self.device = cupy.empty(size, dtype=np.uint8)
        self.copied, self.consumed = cupy.cuda.Event(), cupy.cuda.Event()
