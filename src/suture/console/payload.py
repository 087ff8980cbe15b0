"""A payload as fields that a person corrects one by one: JSON's leaves by their place, and JSON again. Pure.

Numbers keep the digits that they were written with: an amount never passes through binary floating point.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

_MOST = 400


class PayloadField(msgspec.Struct, frozen=True):
    """A leaf: its place, such as ``data.entry[3].resource.status``, and its value as text."""

    place: str
    value: str


class Changed(msgspec.Struct, frozen=True):
    """A field that a correction changes: what it said (None: it was not there) and says (None: it is gone)."""

    place: str
    before: str | None
    after: str | None


class _Number(str):
    """A number as it was written."""


def fields(content: str) -> list[PayloadField]:
    """The leaves of a payload, in its order; none where it is no JSON, or has more than a person would read."""
    try:
        found = [PayloadField(place, _text(value)) for place, value in _leaves(_read(content), "")]
    except (ValueError, RecursionError):
        return []
    return found if len(found) <= _MOST else []


def corrected(content: str, values: Mapping[str, str]) -> str:
    """The payload with these values at their places; a text stays a text, whatever it says. Raises `ValueError` where
    it is no JSON."""
    return _written(_replaced(_read(content), "", values))


def changes(before: str, after: str) -> list[Changed]:
    """Field by field, what differs between two payloads; empty where one of them is no JSON."""
    left = {field.place: field.value for field in fields(before)}
    right = {field.place: field.value for field in fields(after)}
    if not left or not right:
        return []
    places = [*left, *(place for place in right if place not in left)]
    return [
        Changed(place, left.get(place), right.get(place)) for place in places if left.get(place) != right.get(place)
    ]


def _read(content: str) -> Any:
    return json.loads(content, parse_float=_Number, parse_int=_Number, parse_constant=_Number)


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{place}[{number}]")
    else:
        yield place, value


def _replaced(value: Any, place: str, values: Mapping[str, str]) -> Any:
    if isinstance(value, dict) and value:
        return {name: _replaced(inner, f"{place}.{name}" if place else name, values) for name, inner in value.items()}
    if isinstance(value, list) and value:
        return [_replaced(inner, f"{place}[{number}]", values) for number, inner in enumerate(value)]
    told = values.get(place)
    if told is None or told == _text(value):
        return value
    return told if type(value) is str else _token(told)


def _token(told: str) -> Any:
    """What was typed in place of a number, a truth value or nothing: the same kind of thing where it is one."""
    try:
        return _read(told)
    except ValueError:
        return told


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str) else json.dumps(value)


def _written(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(n, ensure_ascii=False)}: {_written(v)}" for n, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
