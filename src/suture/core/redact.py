"""Logs carry references, never content.

A log line may hold only fields from a list of names that can't carry patient data; any other is withheld. An
allow-list fails safe: a new field is silent until someone has thought about it.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any

_SAFE_FIELDS = frozenset(
    {
        *("event", "level", "timestamp", "role", "worker", "pid", "signal", "version", "host", "port"),
        *("organisation", "facility", "interface", "delivery", "receipt", "type", "subject", "subscriber", "schema"),
        *("process", "definition", "step", "state", "attempt", "wait", "seconds", "lag", "count", "batch"),
        *("system", "model", "method", "status", "code", "outcome", "error_type"),
    }
)
WITHHELD = "[withheld]"


def redact(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` with the value of every field that is not known to be safe replaced by ``[withheld]``."""
    return {name: value if name in _SAFE_FIELDS else WITHHELD for name, value in fields.items()}


def redact_processor(_: Any, __: str, fields: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """`redact` as a structlog processor."""
    return redact(fields)
