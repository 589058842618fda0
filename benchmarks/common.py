"""What several benchmarks share: PyTorch if it is there, and the number of threads of both sides."""

import contextlib

from mgcbook.kernels.cpu.threads import set_threads

try:
    import torch
except ImportError:
    torch = None


@contextlib.contextmanager
def both_on(threads):
    """Inside, our kernels and PyTorch use this many threads."""
    before = set_threads(threads)
    others = None if torch is None else torch.get_num_threads()
    if torch is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        set_threads(before)
        if torch is not None:
            torch.set_num_threads(others)


def on_threads(threads, function):
    """The function, to be run on this many threads."""

    def run():
        with both_on(threads):
            return function()

    return run
