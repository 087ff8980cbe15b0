"""What a closed list of the catalogue allows, by the types that read it."""

import difflib
from collections.abc import Sequence
from typing import Any

from msgspec import inspect

_FEW = 12


def instead(of: Any, steps: Sequence[str | int], value: str) -> str:
    """What can stand at a place of a type instead of `value`: the nearest of a long list, else all of it. Empty where
    the place has no list of its own."""
    allowed = _allowed(inspect.type_info(of), steps)
    near = difflib.get_close_matches(value, allowed, cutoff=0.7) if len(allowed) > _FEW else []
    if near:
        return f"did you mean: {', '.join(near)}"
    return f"allowed: {', '.join(allowed)}" if allowed else ""


def _allowed(kind: inspect.Type, steps: Sequence[str | int]) -> list[str]:
    if isinstance(kind, inspect.Metadata):
        return _allowed(kind.type, steps)
    if isinstance(kind, inspect.UnionType):
        return [name for one in kind.types for name in _allowed(one, steps)]
    if not steps:
        return [str(value) for value in kind.values] if isinstance(kind, inspect.LiteralType) else []
    if isinstance(kind, inspect.StructType):
        return [name for one in kind.fields if one.encode_name == steps[0] for name in _allowed(one.type, steps[1:])]
    if isinstance(kind, inspect.DictType):
        return _allowed(kind.value_type, steps[1:])
    return _allowed(kind.item_type, steps[1:]) if isinstance(kind, inspect.CollectionType) else []
