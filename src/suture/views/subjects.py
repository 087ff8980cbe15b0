"""What a command is about, as the person who decides on it sees it: the thing itself, its words and its money."""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal

import msgspec

from suture.acting.context import CommandContext
from suture.catalogue.model import Catalogue
from suture.store import discrepancies, exceptions
from suture.store.database import Connection
from suture.store.discrepancies import DiscrepancySelection as Differences
from suture.store.exceptions import ExceptionSelection as Exceptions
from suture.views.words import Words

Kind = Literal["exception", "discrepancy", "process", "period", "interface", "codes", "person", "client", ""]

_MOST = 50


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a command is about: what it is and by which key it is found, what it says, and what money is at
    stake (None: none is known)."""

    kind: Kind
    key: str
    words: str
    money: Decimal | None = None
    currency: str | None = None


async def subjects(context: CommandContext, command: str, arguments: msgspec.Struct) -> list[Subject]:
    """What a command with these arguments is about, fifty things at most."""
    told = msgspec.structs.asdict(arguments)
    numbers = [*told.get("numbers", ()), *([told["number"]] if "number" in told else [])][:_MOST]
    async with context.database.connection() as connection:
        if command.startswith("discrepancies."):
            return await _differences(connection, context.catalogue, numbers)
        if numbers:
            return await _exceptions(connection, numbers)
    for field, (kind, words) in _BY_FIELD.items():
        if field in told:
            keys = told[field] if isinstance(told[field], tuple) else (told[field],)
            return [Subject(kind=kind(command), key=key, words=words(told)) for key in keys[:_MOST]]
    return []


async def _differences(connection: Connection, catalogue: Catalogue, numbers: list[int]) -> list[Subject]:
    rules = {rule.name: rule for rule in catalogue.reconciliation.standing}
    found = await discrepancies.select(connection, Differences(numbers=tuple(numbers), state=""))
    return [
        Subject(
            kind="discrepancy",
            key=str(one.number),
            words=Words.of(catalogue).describe(one, rules.get(one.rule)),
            money=one.money,
            currency=one.currency,
        )
        for one in found
    ]


async def _exceptions(connection: Connection, numbers: list[int]) -> list[Subject]:
    found = await exceptions.select(connection, Exceptions(numbers=tuple(numbers), state=""), _MOST)
    money = await exceptions.money(connection, numbers)
    return [
        Subject(kind="exception", key=str(one.number), words=one.reason, money=money.get(one.number)) for one in found
    ]


def _of_name(command: str) -> Kind:
    owners: dict[str, Kind] = {"interfaces": "interface", "people": "person", "clients": "client"}
    return owners.get(command.partition(".")[0], "")


def _row(told: dict[str, object]) -> str:
    if "version" in told:
        return f"back to version {told['version']}"
    return f"{told['source']} means {told['code']}" if told.get("code") else f"{told['source']} no longer has a row"


def _details(told: dict[str, object]) -> str:
    """The other fields in words, for example the roles that a person is to have."""
    more = {name: value for name, value in told.items() if name != "name" and value not in ("", (), None)}
    return "; ".join(
        f"{name.replace('_', ' ')}: {', '.join(map(str, value)) if isinstance(value, tuple) else value}"
        for name, value in more.items()
    )


_BY_FIELD: dict[str, tuple[Callable[[str], Kind], Callable[[dict[str, object]], str]]] = {
    "keys": (lambda _: "process", lambda _: "the process, from what it has done so far"),
    "month": (lambda _: "period", lambda _: "the month's close"),
    "table": (lambda _: "codes", _row),
    "name": (_of_name, _details),
}
"""The field that names what a command is about: what that is, and what is said of it."""
