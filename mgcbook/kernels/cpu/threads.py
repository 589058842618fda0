"""One pool of threads for every CPU kernel: run_blocks(kernel, count, *args).

A kernel is a Numba function compiled with `@kernel`: serial code that releases Python's lock, written over a range of blocks:

    @kernel
    def add_rows(start, stop, a, b, out):
        for row in range(start, stop):
            out[row] = a[row] + b[row]

    run_blocks(add_rows, len(a), a, b, out)

Why not `parallel=True`: Numba's own loops compile 2.5 to 5 times longer, and their OpenMP threads spin against those of
OpenBLAS (an 8 ms pause per pair of calls, measured); sleeping threads do not.

Same bits for any number of threads: the caller fixes the blocks from the shapes alone, a block writes only what it owns, and
sums over blocks are added afterwards in block order.
"""

import functools
import itertools
import os
import queue
import tempfile
import threading
import warnings

import numba
from numba import njit

from mgcbook.files import spare_folder

LANES = 8  # how many partial sums a kernel keeps at most: fixed, so that results do not depend on the number of threads

# No nnan and ninf: a NaN must come out as a NaN, so that the training loop can name it.
FAST = {"reassoc", "nsz", "contract", "arcp", "afn"}


def _find_place():
    """Let Numba keep compiled code in a spare folder, if neither this folder nor the user's cache can be written."""

    def probe(x):
        return x

    try:
        njit(cache=True)(probe)
    except RuntimeError:  # "no locator available"
        folder = spare_folder() or tempfile.mkdtemp(prefix="mgcbook-")
        numba.config.CACHE_DIR = str(folder)
        warnings.warn(f"compiled code cannot be kept beside the package; {folder} is used (see NUMBA_CACHE_DIR)", stacklevel=2)


_find_place()


def kernel(function=None, *, exact=False):
    """Compile a function for run_blocks: no Python lock, cached on disk, NumPy's division; sums may be reordered unless exact."""
    if function is None:
        return functools.partial(kernel, exact=exact)
    return njit(nogil=True, cache=True, error_model="numpy", fastmath=set() if exact else FAST)(function)


def helper(function):
    """Compile a function that only kernels call; it is cached as a part of them.

    Numba looks at the file of a kernel alone: after a change of a helper in another file, delete the `*.nbi` files.
    """
    return njit(nogil=True, error_model="numpy", fastmath=FAST)(function)


def run_blocks(function, count, *args):
    """Call function(start, stop, *args) on ranges that together cover range(count) once, on all threads; wait for them.

    Ranges are handed out on demand, in order, up to four to a thread; with one thread there is one call function(0, count).
    The caller works too, so that calls from inside other threads, or from inside a block, cannot wait for each other forever.
    The first error of a block is raised here after the others have ended.

    Args:
        function: a `@kernel` (or any function that releases the lock); it returns nothing and writes into its arguments.
        count: number of blocks; 0 is allowed.
    """
    threads = min(_threads, count)
    if threads <= 1:
        if count > 0:
            function(0, count, *args)
        return
    size = max(-(-count // (4 * threads)), -(-min(count, LANES) // (2 * threads)))  # every range costs about 3 microseconds
    starts = itertools.count(0, size)  # next() is atomic: each range goes to one thread

    def work():
        while (start := next(starts)) < count:
            function(start, min(start + size, count), *args)

    shares = _ask_helpers(work, threads - 1)
    try:
        work()
    finally:
        errors = [share.error for share in shares if not share.take_back()]
    for error in errors:
        if error is not None:
            raise error


class _Share:
    """Work handed to a helper: done by whoever takes it first. Two bare locks: a Future costs 3 times as much, at both ends."""

    __slots__ = ("work", "begun", "ended", "error")

    def __init__(self, work):
        self.work, self.error = work, None
        self.begun, self.ended = threading.Lock(), threading.Lock()
        self.ended.acquire()

    def do(self):
        """Do the work, unless it has been taken back."""
        if self.begun.acquire(blocking=False):
            try:
                self.work()
            except BaseException as error:  # run_blocks raises it
                self.error = error
            finally:
                self.work = None  # lets go of its arrays before anybody goes on
                self.ended.release()

    def take_back(self):
        """True if nobody had begun; otherwise wait for the end."""
        if self.begun.acquire(blocking=False):
            self.work = None  # on a busy machine thousands of shares wait for a helper to find them done: without their arrays
            return True
        self.ended.acquire()
        return False


def _ask_helpers(work, count):
    global _helpers
    while _helpers < count:
        _helpers += 1
        threading.Thread(target=_help, name=f"mgcbook_{_helpers}", daemon=True).start()
    shares = [_Share(work) for _ in range(count)]
    for share in shares:
        _waiting.put(share)
    return shares


def _help():
    while True:
        _waiting.get().do()


def _forget_helpers():
    global _waiting, _helpers
    _waiting, _helpers = queue.SimpleQueue(), 0


_forget_helpers()
if hasattr(os, "register_at_fork"):  # a forked child has no threads: it starts its own when it needs them
    os.register_at_fork(after_in_child=_forget_helpers)


def get_threads():
    """How many threads the kernels use."""
    return _threads


def set_threads(count):
    """Use this many threads from now on; returns the number before. Results are the same bits for any number.

    Raises:
        ValueError: for a count below 1.
    """
    global _threads
    if int(count) != count or count < 1:
        raise ValueError(f"threads: expected a whole number of at least 1, got {count!r}")
    before, _threads = _threads, int(count)
    return before


def _default_threads():
    """MGCBOOK_THREADS, else NUMBA_NUM_THREADS, else the cores that this process may use."""
    for name in ("MGCBOOK_THREADS", "NUMBA_NUM_THREADS"):
        text = os.environ.get(name, "")
        if text.isdecimal() and int(text) > 0:
            return int(text)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_threads = _default_threads()
