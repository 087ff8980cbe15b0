"""Deterministic ids: the same fact gets the same id on every run, so that a second attempt is recognised."""

import hashlib
import re
from uuid import UUID, uuid5

_NAMESPACE = UUID("6f1b3c1e-5a0b-5d0e-9a53-5f0a7c5e2d11")
_UNSAFE = re.compile(r"[^A-Za-z0-9]+")
_LONGEST_NAME = 60


def fact_id(*parts: str) -> UUID:
    """The id of a fact named by `parts` (for example interface, delivery id, position)."""
    return uuid5(_NAMESPACE, "\x1f".join(parts))


def external_name(kind: str, key: str) -> str:
    """A name for `key` that outside systems accept as an identifier: ``[A-Za-z0-9_]``, at most 60 characters.

    Keys of letters and digits stay as they are; any other gets a digest, so that two keys never share a name, and a
    key with an underscore never looks like a kind's own suffix.
    Ledgers forbid spaces in such names, and read a dot as a separator.
    """
    plain = _UNSAFE.sub("_", key)
    name = f"{kind}_{plain}"
    if plain == key and len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return f"{name[: _LONGEST_NAME - 17]}_{digest}"
