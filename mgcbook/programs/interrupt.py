"""Ctrl-C and SIGTERM as a wish to end soon, so that a run can finish its step and write a checkpoint."""

import signal
import sys


class Interrupt:
    """`with Interrupt() as interrupt:` - `interrupt.name` is "" until SIGINT or SIGTERM comes; a second one ends at once."""

    name = ""
    number = 0

    def __enter__(self):
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def _note(self, number, _frame):
        if self.name:
            raise KeyboardInterrupt
        self.name, self.number = signal.Signals(number).name, number
        print(f"\n{self.name}: ends after this step, with a checkpoint; once more ends at once", file=sys.stderr, flush=True)

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)
