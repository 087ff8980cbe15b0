"""Code tables as stewards keep them: every version of one, what differs between two, corrections, and the way back.

A table's version 0 is the catalogue's; each correction makes the next, by its number.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from suture.catalogue.model import Catalogue, CodeTable
from suture.operate.actor import Actor, NotPossible
from suture.operate.context import CommandContext
from suture.store import corrections
from suture.store.corrections import CodeCorrection, merged
from suture.store.database import Connection

SERVICES = "services"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What a source's code means here, and who said so (None: the catalogue)."""

    source: str
    code: str
    correction: CodeCorrection | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A row in which two versions differ; empty: there is none."""

    source: str
    before: str
    after: str


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a table, and what it changed of the one before."""

    number: int
    change: Change
    actor: str
    reason: str
    at: datetime


class TableView(msgspec.Struct, frozen=True, kw_only=True):
    """A code table as it is now, with its history, newest first."""

    name: str
    table: CodeTable
    rows: list[Row]
    versions: list[Version]

    @property
    def version(self) -> int:
        return self.versions[0].number if self.versions else 0


async def tables(desk: CommandContext) -> list[TableView]:
    """Every code table."""
    return [await table(desk, name) for name in desk.catalogue.code_tables]


async def table(desk: CommandContext, name: str) -> TableView:
    """Raises `NotPossible` where the catalogue has no such table."""
    known = _table(desk.catalogue, name)
    async with desk.database.connection() as connection:
        history = await corrections.history(connection, name)
    newest = {one.source: one for one in history}
    rows = merged(known.rows, {one.source: one.code for one in history})
    return TableView(
        name=name,
        table=known,
        rows=[Row(source=source, code=code, correction=newest.get(source)) for source, code in sorted(rows.items())],
        versions=_versions(known.rows, history)[::-1],
    )


async def diff(desk: CommandContext, name: str, before: int, after: int) -> list[Change]:
    """The rows in which two versions differ, by source. Raises `NotPossible` where there is no such version."""
    known = _table(desk.catalogue, name)
    async with desk.database.connection() as connection:
        history = await corrections.history(connection, name)
    return changes(_at(known, history, before), _at(known, history, after))


async def correct(
    connection: Connection, desk: CommandContext, actor: Actor, name: str, rows: Mapping[str, str], *, about: str = ""
) -> None:
    """Set rows of a table, in this transaction (empty: take them away); `about` is what it is done for. The catalogue's
    file stays as it is: put them there too when it is next written."""
    check(desk.catalogue, name, rows)
    detail = {"table": name, "rows": dict(rows)}
    now = await actor.sign(connection, desk, "codes.correct", about or f"CodeTable/{name}", detail)
    await _write(connection, name, rows, actor, now)


async def set_rows(desk: CommandContext, actor: Actor, name: str, rows: Mapping[str, str]) -> None:
    async with desk.database.transaction() as connection:
        await correct(connection, desk, actor, name, rows)


async def roll_back(desk: CommandContext, actor: Actor, name: str, version: int) -> list[Change]:
    """Make a table what it was in a version; answers what changed. That is a new version: nothing is taken out of the
    history."""
    known = _table(desk.catalogue, name)
    async with desk.database.transaction() as connection:
        history = await corrections.history(connection, name)
        current = merged(known.rows, {one.source: one.code for one in history})
        undone = changes(current, _at(known, history, version))
        if not undone:
            raise NotPossible(f"{name} is as it was in version {version}: nothing is to be rolled back")
        rows = {change.source: change.after for change in undone}
        check(desk.catalogue, name, rows)
        now = await actor.sign(
            connection, desk, "codes.roll_back", f"CodeTable/{name}", {"version": version, "rows": rows}
        )
        await _write(connection, name, rows, actor, now)
    return undone


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    """The rows in which two tables differ, by source."""
    return [
        Change(source=source, before=before.get(source, ""), after=after.get(source, ""))
        for source in sorted(before.keys() | after.keys())
        if before.get(source) != after.get(source)
    ]


def check(catalogue: Catalogue, name: str, rows: Mapping[str, str]) -> None:
    """Raises `NotPossible` for rows that mean nothing here."""
    _table(catalogue, name)
    services = {service.code for service in catalogue.services}
    unknown = sorted(set(rows.values()) - services - {""}) if name == SERVICES else []
    if unknown:
        raise NotPossible(f"the catalogue has no service {', '.join(unknown)}; it has {', '.join(sorted(services))}")
    if not all(source.strip() for source in rows):
        raise NotPossible("a row needs the source's code: system|code, or a bare code")


async def _write(connection: Connection, name: str, rows: Mapping[str, str], actor: Actor, at: datetime) -> None:
    for source, code in rows.items():
        await corrections.add_code(connection, name, source, code, actor=actor.name, reason=actor.reason, at=at)


def _versions(rows: Mapping[str, str], history: list[CodeCorrection]) -> list[Version]:
    known, found = dict(rows), []
    for one in history:
        change = Change(source=one.source, before=known.get(one.source, ""), after=one.code)
        found.append(Version(number=one.id, change=change, actor=one.actor, reason=one.reason, at=one.at))
        known[one.source] = one.code
    return found


def _at(table: CodeTable, history: list[CodeCorrection], version: int) -> dict[str, str]:
    if version and version not in {one.id for one in history}:
        raise NotPossible(f"there is no version {version} of this table")
    return merged(table.rows, {one.source: one.code for one in history if one.id <= version})


def _table(catalogue: Catalogue, name: str) -> CodeTable:
    known = catalogue.code_tables.get(name)
    if known is None:
        raise NotPossible(f"there is no code table {name}; there are {', '.join(sorted(catalogue.code_tables))}")
    return known
