"""Memory for large results, used again: `take(shape)` hands out an array, and its memory comes back when nobody holds it.

A fresh large array costs a page fault for every 4 KiB when it is first written, about as long as the arithmetic of a
batch-norm pass: 98 ms of a ResNet-50 step on 5 x 224 x 224 (measured). A training step asks for the same shapes again and
again, so blocks of memory are kept, and the smallest that is large enough serves the next array. Nothing has to be given back
by hand: a block comes back when the array and all its views are gone.
"""

import bisect
import collections
import os
import threading

import numpy as np

_SMALL = 1 << 16  # bytes: below this the system's own allocator is as good
_KEPT = 512 << 20  # bytes that may lie idle beside as much as is in use
_LARGER = 2  # times: how large a block an array may get; gradients then lie where activations were, 109 MiB less in that step

_lock = threading.Lock()
if hasattr(os, "register_at_fork"):  # a forked child has none of the threads that would release it
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
_returned = collections.deque()  # blocks whose last user is gone; a lease may die anywhere, so it only appends here
_idle, _sizes = [], []  # blocks and their sizes in bytes, in order of size
_bytes = {"idle": 0, "used": 0}


class _Lease:
    """A block of memory on loan; NumPy keeps it alive as the `base` of the array and of every view of it."""

    __slots__ = ("__array_interface__", "block")

    def __init__(self, block, shape, dtype):
        self.block = block
        self.__array_interface__ = {"version": 3, "shape": shape, "typestr": dtype.str, "data": (block.ctypes.data, False)}

    def __del__(self, give_back=_returned.append):
        give_back(self.block)


def take(shape, dtype=np.float32):
    """An uninitialised C-contiguous array, like np.empty, whose memory comes back to the list by itself."""
    dtype = np.dtype(dtype)
    size = dtype.itemsize
    for n in shape:
        size *= int(n)
    if size < _SMALL:
        return np.empty(shape, dtype)
    with _lock:
        _collect()
        place = bisect.bisect_left(_sizes, size)
        block = None
        if place < len(_idle) and _sizes[place] <= _LARGER * size:
            block = _idle.pop(place)
            _bytes["idle"] -= _sizes.pop(place)
        elif _bytes["idle"] > _KEPT + _bytes["used"]:
            _forget()  # shapes have changed: what lies idle is of no use
        if block is None:
            block = np.empty(-(-size // 4096) * 4096, np.uint8)
        _bytes["used"] += block.nbytes
    return np.asarray(_Lease(block, tuple(shape), dtype))


def release():
    """Give all idle memory back to the system; returns how many bytes."""
    with _lock:
        _collect()
        return _forget()


def _collect():
    while _returned:
        block = _returned.popleft()
        place = bisect.bisect_left(_sizes, block.nbytes)  # before its equals: the last back is the next out
        _idle.insert(place, block)
        _sizes.insert(place, block.nbytes)
        _bytes["idle"] += block.nbytes
        _bytes["used"] -= block.nbytes


def _forget():
    size, _bytes["idle"] = _bytes["idle"], 0
    _idle.clear()
    _sizes.clear()
    return size
