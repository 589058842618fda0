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
from concurrent.futures import ThreadPoolExecutor

from numba import njit

LANES = 8  # how many partial sums a kernel keeps at most: fixed, so that results do not depend on the number of threads

# No nnan and ninf: a NaN must come out as a NaN, so that the training loop can name it.
FAST = {"reassoc", "nsz", "contract", "arcp", "afn"}


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

    helpers = [_pool().submit(work) for _ in range(threads - 1)]
    try:
        work()
    finally:
        errors = [helper.exception() for helper in helpers if not helper.cancel()]
        # A cancelled call waits in the pool's queue until a thread comes by, and its arrays with it: on a busy machine thousands
        # of calls did, and a training run of half an hour grew by a quarter.
        args = ()
    for error in errors:
        if error is not None:
            raise error


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


@functools.lru_cache(maxsize=1)
def _pool_of(helpers):
    return ThreadPoolExecutor(helpers, thread_name_prefix="mgcbook")


def _pool():
    return _pool_of(max(_threads - 1, 1))


if hasattr(os, "register_at_fork"):  # a forked child has no threads: it makes its own pool when it needs one
    os.register_at_fork(after_in_child=_pool_of.cache_clear)
