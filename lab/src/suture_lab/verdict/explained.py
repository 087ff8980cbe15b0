"""What a played day's exceptions explain."""

from collections.abc import Iterable

from suture_lab.statistics import HeldBack


def explained(held: Iterable[HeldBack]) -> frozenset[str]:
    """The appointments and payments that an exception holds: by journey, and by the payment's own key."""
    keys = {one.key for one in held if one.key}
    keys |= {one.process.partition(":")[2] for one in held if one.process}
    return frozenset(keys)
