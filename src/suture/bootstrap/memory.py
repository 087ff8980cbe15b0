"""How often a role looks for garbage that refers to itself.

Nearly everything here is freed as soon as nothing refers to it. Python's default looks through all objects so often
that it costs a tenth of a role's time under load, and finds next to nothing.
"""

import gc

_THRESHOLDS = (20_000, 50, 100)


def collect_rarely() -> None:
    """From now on, in this process."""
    gc.set_threshold(*_THRESHOLDS)


def keep_what_is_loaded() -> None:
    """What was loaded so far stays for good: collections pass over it."""
    gc.collect()
    gc.freeze()
