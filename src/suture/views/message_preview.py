"""Trying a message: what it would become, and which of its fields decides what. Nothing is kept.

Each field's way is found by experiment: one is changed, the message is read again, and what differs in the outcome came
from it. So it holds for every contract, code tables included, and can't be out of date with the decoders.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

import msgspec

from suture.acting.actor import NotPossible
from suture.acting.context import CommandContext
from suture.canonical.events import Event
from suture.catalogue.model import Catalogue
from suture.ingest.decoding import NotUnderstood, Understood
from suture.ingest.ingester import understand
from suture.store.delivery_queue import Delivery
from suture.store.sealing import Sealed

LARGEST = 200_000
_MOST_FIELDS = 400


class FieldOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the message by its path (``entry[0].resource.status``), and what came of it: `becomes` names fields of
    events. `effect` is ``maps``, ``required`` (any other value makes it mean nothing: `why`), or ``unused``."""

    path: str
    value: str
    effect: Literal["maps", "required", "unused"]
    becomes: tuple[str, ...] = ()
    table: str = ""
    why: str = ""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What a message would become: its events' fields (event type, field, value), or why it is not understood."""

    events: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    refusal: NotUnderstood | None = None
    ways: tuple[FieldOutcome, ...] = ()
    truncated: bool = False


async def trial(context: CommandContext, interface: str, content: str) -> Trial:
    """Read a message as if it had come in at an interface, by today's catalogue and corrections."""
    known = context.catalogue.interfaces.get(interface)
    if known is None or known.direction != "in":
        raise NotPossible(f"there is no interface {interface} on which messages come in")
    if len(content) > LARGEST:
        raise NotPossible(f"a message to be tried has at most {LARGEST:,} characters")
    async with context.database.connection() as connection:
        catalogue = await context.corrected_catalogue(connection)
    return explain(catalogue, interface, content.encode(), context.clock.now())


def explain(catalogue: Catalogue, interface: str, content: bytes, now: datetime) -> Trial:
    """`trial`, by a catalogue at hand."""
    try:
        told = _read(interface, now, catalogue, content)
    except NotUnderstood as error:
        return Trial(refusal=error)
    outcome = _fields(told)
    message = json.loads(content)
    leaves = list(_leaves(message))
    ways = [_way(catalogue, partial(_read, interface, now), message, leaf, outcome) for leaf in leaves[:_MOST_FIELDS]]
    return Trial(
        events=tuple((event.type, tuple(_flat(_data(event)).items())) for event in told.events),
        ways=tuple(ways),
        truncated=len(leaves) > _MOST_FIELDS,
    )


_Leaf = tuple[tuple[str | int, ...], Any]
_Reader = Callable[[Catalogue, bytes], Understood]


def _way(catalogue: Catalogue, read: _Reader, message: Any, leaf: _Leaf, outcome: dict[str, str]) -> FieldOutcome:
    path, value = leaf
    differs: set[str] = set()
    refused: NotUnderstood | None = None
    understood = False
    table = _table_of(catalogue, value)
    for other in _others(value):
        changed = json.dumps(_with(message, path, other)).encode()
        try:
            fields = _fields(read(_knowing(catalogue, table, value, other), changed))
        except NotUnderstood as error:
            refused = error
            continue
        understood = True
        differs |= {name for name in outcome.keys() | fields.keys() if outcome.get(name) != fields.get(name)}
    effect: Literal["maps", "required", "unused"] = "unused"
    if differs:
        effect = "maps"
    elif refused and not understood:
        effect = "required"
    return FieldOutcome(
        path=_written(path),
        value=json.dumps(value, ensure_ascii=False),
        effect=effect,
        becomes=tuple(sorted(differs)),
        table=table if effect != "unused" else "",
        why=refused.reason if refused and effect == "required" else "",
    )


def _read(interface: str, now: datetime, catalogue: Catalogue, content: bytes) -> Understood:
    delivery = Delivery(0, interface, "a-trial", now, Sealed(0, b""))
    return understand(catalogue, delivery, content, now).whole()


def _fields(told: Understood) -> dict[str, str]:
    """Everything that a message comes to: the fields of its events, and of the people and payers it tells of."""
    fields: dict[str, str] = {}
    for event in told.events:
        short = event.type.removeprefix("suture.").removesuffix(".v1")
        fields |= {f"{short}.{name}": value for name, value in _flat(_data(event)).items()}
        fields |= {f"{short}:version": str(event.sequence), f"{short}:about": event.subject}
        fields[f"{short}:occurred"] = event.occurred_at.isoformat()
    for party in told.parties:
        kind = type(party).__name__.lower()
        fields |= {f"{kind}.{name}": value for name, value in _flat(msgspec.to_builtins(party)).items()}
    return fields


def _data(event: Event) -> Any:
    return json.loads(bytes(event.data))


def _flat(value: Any, path: tuple[str | int, ...] = ()) -> dict[str, str]:
    return {_written(where): str(leaf) for where, leaf in _leaves(value, path)}


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[_Leaf]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _leaves(inner, (*path, number))
    elif value is not None:
        yield path, value


def _written(path: tuple[str | int, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _with(message: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The message with another value at a path; nothing of the original is changed."""
    if not path:
        return value
    first, *rest = path
    copy = dict(message) if isinstance(message, dict) else list(message)
    copy[first] = _with(message[first], tuple(rest), value)  # type: ignore[index]
    return copy


def _table_of(catalogue: Catalogue, value: Any) -> str:
    """The code table that has a row for this code."""
    if not isinstance(value, str):
        return ""
    for name, table in catalogue.code_tables.items():
        if any(source.rpartition("|")[2] == value for source in table.rows):
            return name
    return ""


def _knowing(catalogue: Catalogue, table: str, value: Any, other: Any) -> Catalogue:
    """The catalogue, as if its code table had a row for the other code too, that means something else."""
    if not table:
        return catalogue
    rows = catalogue.code_tables[table].rows
    alike = [source for source in rows if source.rpartition("|")[2] == value]
    more = {f"{source.removesuffix(str(value))}{other}": f"{rows[source]}, or another" for source in alike}
    known = msgspec.structs.replace(catalogue.code_tables[table], rows={**rows, **more})
    return msgspec.structs.replace(catalogue, code_tables={**catalogue.code_tables, table: known})


def _others(value: Any) -> Iterator[Any]:
    """Values of the same kind to try in its place."""
    match value:
        case bool():
            yield not value
        case int() | float():
            yield value + 1
        case str():
            with suppress(ValueError):
                moved = datetime.fromisoformat(value) + timedelta(minutes=1)
                yield moved.isoformat() if "T" in value else (moved + timedelta(days=1)).date().isoformat()
            if value.isdecimal():
                yield str(int(value) + 1)
            yield value + "x"
        case _:
            pass
