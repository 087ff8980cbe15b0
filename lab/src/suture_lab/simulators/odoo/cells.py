"""A cell of `load`, as text, to a field's value."""

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec

from suture_lab.simulators.odoo.fields import Field


class BadCell(Exception):
    """A cell that can't become a value; the import goes on to find the others."""


def parse(field: Field, cell: Any, label: str) -> Any:
    """Raises `BadCell` with Odoo's message."""
    return _PARSERS.get(field.kind, _text)(field, cell, label)


def _text(_: Field, cell: Any, __: str) -> Any:
    return cell


def _day(_: Field, cell: Any, label: str) -> str:
    try:
        return date.fromisoformat(str(cell)).isoformat()
    except ValueError as error:
        raise BadCell(f"'{cell}' does not seem to be a valid date for field '{label}'") from error


def _float(_: Field, cell: Any, label: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        raise BadCell(f"'{cell}' does not seem to be a number for field '{label}'") from error


def _flag(_: Field, cell: Any, __: str) -> bool:
    return str(cell).lower() in ("1", "true", "yes")


def _choice(field: Field, cell: Any, label: str) -> Any:
    if field.choices and cell not in field.choices:
        raise BadCell(f"Value '{cell}' not found in selection field '{label}'")
    return cell


def _json(_: Field, cell: Any, label: str) -> Any:
    try:
        return msgspec.json.decode(str(cell).encode())
    except msgspec.DecodeError as error:
        raise BadCell(f"'{cell}' does not seem to be a valid JSON for field '{label}'") from error


_PARSERS: dict[str, Callable[[Field, Any, str], Any]] = {
    "date": _day,
    "float": _float,
    "monetary": _float,
    "integer": lambda field, cell, label: int(_float(field, cell, label)),
    "boolean": _flag,
    "selection": _choice,
    "json": _json,
}
