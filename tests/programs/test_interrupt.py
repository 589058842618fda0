"""Ctrl-C as a wish to end soon."""

import os
import signal
import threading

import pytest

from mgcbook.programs.interrupt import Interrupt


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_the_first_signal_is_noted_and_the_second_ends_at_once(capsys):
    before = signal.getsignal(signal.SIGINT)
    with Interrupt() as interrupt:
        assert interrupt.name == ""
        os.kill(os.getpid(), signal.SIGINT)
        assert (interrupt.name, interrupt.number) == ("SIGINT", 2)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert "ends after this step, with a checkpoint" in capsys.readouterr().err


def test_in_another_thread_nothing_happens():
    names = []

    def work():
        with Interrupt() as interrupt:
            names.append(interrupt.name)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert names == [""]
