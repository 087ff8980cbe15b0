"""What an event sets in motion, as data: which process it starts, wakes or cancels."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """An event of `type` starts or cancels the process `definition` whose key is ``<definition>:<key(payload)>``.

    `input` picks what a started process gets; `version` is the definition's. `effects` names its steps that change
    something outside: as long as none was begun, a process that stopped takes what it is told anew.
    """

    type: str
    action: Literal["start", "cancel"]
    definition: str
    version: int
    key: Callable[[Any], str]
    input: Callable[[Any], msgspec.Struct] | None = None
    effects: frozenset[str] = frozenset()


def awaiting(event_type: str, correlation_id: str) -> str:
    """What a process waits for: an event of a type in its own journey."""
    return f"{event_type}|{correlation_id}"
