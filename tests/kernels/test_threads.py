"""The pool of threads lets go of what it was given."""

import threading
import weakref

import numpy as np
import pytest

from mgcbook.kernels.cpu import threads


@pytest.fixture
def busy_pool():
    """Two threads to a call, and the one of the pool does something else."""
    before = threads.set_threads(2)
    ended = threading.Event()
    threads._ask_helpers(ended.wait, 1)
    yield
    ended.set()
    threads.set_threads(before)


def test_a_busy_pool_keeps_no_array_alive(busy_pool):
    array = np.zeros(4)
    gone = weakref.ref(array)

    def fill(start, stop, out):
        out[start:stop] = 1

    threads.run_blocks(fill, 4, array)
    assert array.tolist() == [1, 1, 1, 1]
    del array
    assert gone() is None
