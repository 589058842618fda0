"""Ctrl-C and SIGTERM as a wish to end soon, so that a run can finish its step and write a checkpoint."""

import signal
import sys
import threading


class Interrupt:
    """`with Interrupt() as interrupt:` - `interrupt.name` is "" until SIGINT or SIGTERM comes; a second one ends at once.

    Only the main thread can listen; in another one nothing happens.
    """

    name = ""
    number = 0

    def __enter__(self):
        is_main = threading.current_thread() is threading.main_thread()
        numbers = (signal.SIGINT, signal.SIGTERM) if is_main else ()
        self._before = {number: signal.signal(number, self._note) for number in numbers}
        return self

    def _note(self, number, _frame):
        if self.name:
            raise KeyboardInterrupt
        self.name, self.number = signal.Signals(number).name, number
        print(f"\n{self.name}: ends after this step, with a checkpoint; once more ends at once", file=sys.stderr, flush=True)

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)
