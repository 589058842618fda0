"""Memory that is used again: what happens to it when a process forks."""

import os
import signal
import threading

import numpy as np
import pytest

memory = pytest.importorskip("mgcbook.kernels.cpu.memory")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_that_was_forked_while_a_thread_took_memory_can_take_some_too():
    held, done = threading.Event(), threading.Event()

    def busy():
        with memory._lock:
            held.set()
            done.wait(0.3)

    thread = threading.Thread(target=busy)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(5)  # a lock that nobody will ever release
        array = memory.take((300, 300))
        array[:] = 1
        os._exit(0 if np.all(array == 1) else 1)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert memory.take((300, 300)).shape == (300, 300)
