"""The pool of threads: every block once, whoever asks; it lets go of what it was given; nothing is asked of helpers in vain."""

import os
import threading
import time
import weakref

import numpy as np
import pytest

pytest.importorskip("numba")
if os.environ.get("NUMBA_DISABLE_JIT"):
    pytest.skip("kernels are not compiled", allow_module_level=True)

from mgcbook.kernels.cpu import threads


@threads.kernel
def _count(start, stop, work, out):
    for i in range(start, stop):
        total = 0.0
        for k in range(work):
            total += np.sin(total + k)
        out[i] += 1 + 0 * total


@threads.kernel
def _ask_for_memory(start, stop, size, out):
    for i in range(start, stop):
        out[i] = len(np.empty(size))


@pytest.fixture
def several():
    """As many threads to a call as the test wants."""
    before = threads.get_threads()
    yield threads.set_threads
    threads.set_threads(before)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_block_is_done_once(several, count):
    several(count)
    for blocks in (0, 1, 2, 7, 8, 9, 1000):
        out = np.zeros(blocks)
        threads.run_blocks(_count, blocks, 10, out)
        assert (out == 1).all()


def test_helpers_come_again_after_a_sleep(several):
    """Jobs after pauses of all lengths: no call of a helper gets lost, and none is waited for in vain."""
    several(3)
    out = np.zeros(64)
    for i in range(300):
        threads.run_blocks(_count, 64, 5, out)
        time.sleep((i % 10) * 5e-5)
    assert (out == 300).all()


@pytest.mark.parametrize("pause", [0, 5e-3])
def test_a_helper_joins(several, pause):
    """Also after it has gone to sleep."""
    several(2)
    out, size = np.zeros(208), 13  # 16 ranges of 13 blocks; who finds none left has counted one range on
    for _ in range(50):  # on a busy machine it may come late
        time.sleep(pause)
        threads.run_blocks(_count, 208, 20_000, out)
        if threads._job[threads.team.NEXT // 8] == 208 + 2 * size:
            return
    raise AssertionError("no helper in 50 jobs")


def test_several_threads_may_ask_at_once(several):
    several(2)
    outs = [np.zeros(100) for _ in range(4)]

    def ask(out):
        for _ in range(100):
            threads.run_blocks(_count, 100, 50, out)

    askers = [threading.Thread(target=ask, args=(out,)) for out in outs]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert all((out == 100).all() for out in outs)


def test_a_block_that_fails_is_told_of(several):
    several(2)
    with pytest.raises(MemoryError, match="_ask_for_memory"):
        threads.run_blocks(_ask_for_memory, 4, 1 << 60, np.zeros(4))
    out = np.zeros(4)
    threads.run_blocks(_ask_for_memory, 4, 3, out)
    assert (out == 3).all()


def test_no_array_is_kept_alive(several):
    several(2)
    array = np.zeros(40)
    gone = weakref.ref(array)
    threads.run_blocks(_count, 40, 100, array)
    del array
    assert gone() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_helpers_of_its_own(several):
    several(2)
    threads.run_blocks(_count, 8, 10, np.zeros(8))
    child = os.fork()
    if child == 0:
        out = np.zeros(200)
        threads.run_blocks(_count, 200, 1000, out)
        alive = [thread.name for thread in threading.enumerate()]  # those of the parent are not
        os._exit(0 if (out == 1).all() and len(threads._helpers) == 1 and "mgcbook_1" in alive else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
