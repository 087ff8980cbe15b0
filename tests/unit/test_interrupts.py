"""A child that is being started is never lost to an interrupt."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from suture.core.interrupts import interrupts_wait


@pytest.fixture(autouse=True)
def hearing() -> Iterator[None]:
    """A process that was started in the background may have been told to ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_acts_when_the_block_is_done():
    done = []

    def start() -> None:
        with interrupts_wait():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("assigned")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert done == ["assigned"]


def test_the_handlers_of_before_are_back_whatever_happened():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(ValueError, match="no such program"), interrupts_wait():
        raise ValueError("no such program")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_threads_are_never_interrupted_and_leave_the_handlers_alone():
    seen = []

    def start() -> None:
        with interrupts_wait():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join(5)
    assert seen == [signal.getsignal(signal.SIGINT)]
