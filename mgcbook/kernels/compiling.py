"""What is compiled, and when: Numba compiles a kernel at its first call and keeps it on disk; every later process loads it."""

import functools
import time

_listener = None


def announce(say=functools.partial(print, flush=True)):
    """From now on say once, when the first kernel is compiled, that this takes a while; say nothing if all lie on disk."""
    listener = _listen()
    if listener is not None:
        listener.say = say


def compiled():
    """(Number of kernels that this process compiled since `announce` or the first call, seconds of processor time for them)."""
    listener = _listen()
    return (0, 0.0) if listener is None else (listener.count, listener.seconds)


def folder():
    """Where this process keeps compiled code, if not beside the package; "" otherwise. For another process that is to use it."""
    try:
        import numba
    except ImportError:
        return ""
    return numba.config.CACHE_DIR


def _listen():
    """The one listener of this process; None where there is no Numba."""
    global _listener
    if _listener is None:
        try:
            from numba.core import event
        except ImportError:
            return None

        class Listener(event.Listener):
            """Counts compilations; those inside another one belong to it."""

            say, count, seconds, _depth, _since = None, 0, 0.0, 0, 0.0

            def on_start(self, _):
                if self.say is not None:
                    self.say("compiling kernels, once: half a minute at the most ...")
                    self.say = None
                if self._depth == 0:
                    self._since = time.thread_time()
                self._depth += 1

            def on_end(self, _):
                self._depth -= 1
                if self._depth == 0:
                    self.count += 1
                    self.seconds += time.thread_time() - self._since

        _listener = Listener()
        event.register("numba:compile", _listener)
    return _listener
