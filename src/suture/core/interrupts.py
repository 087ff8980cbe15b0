"""Ctrl-C and SIGTERM held back for a moment, so that a child being started is never lost sight of."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ENDING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the block is done, then let them act.

    A process is started by the kernel before the variable that knows it is set: an interrupt between the two would
    leave it running with nobody to stop it. Other threads than the main one are never interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    handlers = {number: signal.signal(number, lambda which, _: held.append(which)) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for ended in held:
            signal.raise_signal(ended)
