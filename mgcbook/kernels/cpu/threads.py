"""One pool of threads for every CPU kernel: run_blocks(kernel, count, *args).

A kernel is a Numba function compiled with `@kernel`: serial code that releases Python's lock, written over a range of blocks:

    @kernel
    def add_rows(start, stop, a, b, out):
        for row in range(start, stop):
            out[row] = a[row] + b[row]

    run_blocks(add_rows, len(a), a, b, out)

Why not `parallel=True`: Numba's own loops compile 2.5 to 5 times longer, and their OpenMP threads spin against those of
OpenBLAS (an 8 ms pause per pair of calls, measured). Ours look for work for 0.1 ms and then sleep; see team.py.

Same bits for any number of threads: the caller fixes the blocks from the shapes alone, a block writes only what it owns, and
sums over blocks are added afterwards in block order.
"""

import functools
import itertools
import os
import threading
import time

import numba
import numpy as np
from numba import njit

from . import team

LANES = 8  # how many partial sums a kernel keeps at most: fixed, so that results do not depend on the number of threads

# No nnan and ninf: a NaN must come out as a NaN, so that the training loop can name it.
FAST = {"reassoc", "nsz", "contract", "arcp", "afn"}


# For functions that only other compiled functions call: no code for calls from Python and from C.
INSIDE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def kernel(function=None, *, exact=False):
    """Compile a function for run_blocks: no Python lock, cached on disk, NumPy's division; sums may be reordered unless exact.

    Other kernels may call it too; Python calls it through run_blocks alone.
    """
    if function is None:
        return functools.partial(kernel, exact=exact)
    inner = njit(error_model="numpy", fastmath=set() if exact else FAST, **INSIDE)(function)
    inner.lead = _lead(function, inner)
    return inner


def _lead(function, inner):
    """lead(job, number, others, count, size, looks, *args of a kernel without start and stop), see `team.lead`; cached on disk.

    Numba needs the arguments by their names, and keeps compiled code for functions that stand in a file: so this one is written
    out, on the lines of the kernel itself.
    """
    code = function.__code__
    names = ", ".join(code.co_varnames[2 : code.co_argcount])
    text = "\n" * (code.co_firstlineno - 1) + (
        f"def lead(_job, _number, _others, _count, _size, _looks, {names}):"
        f" return _begin(_outline(_inner, _job, ({names},)), _job, _number, _others, _count, _size, _looks)")  # fmt: skip
    place = {"_begin": team.lead, "_outline": team.outline, "_inner": inner, "__name__": function.__module__}
    exec(compile(text, code.co_filename, "exec"), place)  # names of arguments, nothing else
    lead = place["lead"]
    lead.__name__, lead.__qualname__ = function.__name__, function.__qualname__
    kept = os.path.exists(code.co_filename)
    return njit(nogil=True, cache=kept, error_model="numpy", no_cfunc_wrapper=True)(lead)


def called(function):
    """Compile a function that Python calls by itself, for a few numbers: cached on disk, with exact sums."""
    return njit(nogil=True, cache=True, error_model="numpy")(function)


def helper(function):
    """Compile a function that only kernels call; it is cached as a part of them.

    Numba looks at the file of a kernel alone: after a change of a helper in another file, delete the `*.nbi` files.
    """
    return njit(error_model="numpy", fastmath=FAST, **INSIDE)(function)


def run_blocks(function, count, *args):
    """Call function(start, stop, *args) on ranges that together cover range(count) once, on all threads; wait for them.

    Ranges are handed out on demand, in order, up to eight to a thread. The caller works too, and works alone while another
    thread of the program runs blocks: so nobody waits for each other forever.

    Args:
        function: a `@kernel`; it returns nothing and writes into its arguments. Anything else is called once with all blocks.
        count: number of blocks; 0 is allowed.
    Raises:
        MemoryError: if a block found no memory; the others have ended.
        IndexError: if a block left its arrays, where Numba checks that (NUMBA_BOUNDSCHECK).
    """
    if count <= 0:
        return
    if not hasattr(function, "lead"):
        function(0, count, *args)
        return
    if not _busy.acquire(blocking=False):
        job = team.new_job()
        _run(function, job, job.ctypes.data, 1, count, args)
        return
    try:
        threads = min(_threads, count)
        if threads > 1:
            _call_helpers(threads - 1)
        _run(function, _job, _address, threads, count, args)
    finally:
        _busy.release()


def _run(function, job, address, threads, count, args):
    size = -(-count // (8 * threads)) if threads > 1 else count
    try:
        inside = function.lead(address, next(_numbers), threads - 1, count, size, _LOOKS, *args)
        while inside:  # the machine is busy, and a helper waits for its turn
            time.sleep(5e-5)
            inside = team.still_inside(address, _LOOKS)
    except BaseException:  # Ctrl-C: helpers may still write into the arrays
        team.still_inside(address, 1 << 62)
        raise
    if job[_FAILED]:
        wrong = IndexError if numba.config.BOUNDSCHECK else MemoryError
        raise wrong(f"{function.__name__}: a block could not be computed")


class _Helper:
    """A thread that helps with the jobs of this process; without any for a while it sleeps until it is woken."""

    def __init__(self, number, job, address):
        self._job, self._job_address = job, address
        self._word, self._bell = team.new_job(), threading.Lock()
        self._address = self._word.ctypes.data
        self._bell.acquire()
        threading.Thread(target=self._help, name=f"mgcbook_{number}", daemon=True).start()

    def call(self):
        if team.is_asleep(self._address):
            self._bell.release()

    def _help(self):
        seen = 0
        while True:
            self._bell.acquire()
            seen = team.serve(self._job_address, self._address, seen, _LOOKS)


def _call_helpers(count):
    while len(_helpers) < count:
        if not _helpers:  # compiled before the first helper needs it
            word = np.array([team.AWAKE], np.int64)
            team.serve(_address, word.ctypes.data, 0, 0)
        _helpers.append(_Helper(len(_helpers) + 1, _job, _address))
    for helper in _helpers[:count]:
        helper.call()


def _forget_helpers():
    global _job, _address, _busy, _helpers, _numbers
    _job, _busy, _helpers, _numbers = team.new_job(), threading.Lock(), [], itertools.count(1)
    _address = _job.ctypes.data


_FAILED = team.FAILED // 8
_LOOKS = 200_000  # about 0.1 milliseconds: longer than the Python code between two kernels of a network
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
