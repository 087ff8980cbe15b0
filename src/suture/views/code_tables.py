"""Code tables as stewards see them: every version of one, and what differs between two."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from suture.acting.actor import NotPossible
from suture.acting.context import CommandContext
from suture.catalogue.model import Catalogue, CodeTable
from suture.store import corrections
from suture.store.corrections import CodeCorrection, merged


class CodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a source's code means here, and who said so (None: the catalogue)."""

    source: str
    code: str
    correction: CodeCorrection | None = None


class RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """A row in which two versions differ; empty: there is none."""

    source: str
    before: str
    after: str


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a table, and what it changed of the one before."""

    number: int
    change: RowChange
    actor: str
    reason: str
    at: datetime


class TableView(msgspec.Struct, frozen=True, kw_only=True):
    """A code table as it is now, with its history, newest first."""

    name: str
    table: CodeTable
    rows: list[CodeRow]
    versions: list[Version]

    @property
    def version(self) -> int:
        return self.versions[0].number if self.versions else 0


async def tables(context: CommandContext) -> list[TableView]:
    """Every code table."""
    return [await table(context, name) for name in context.catalogue.code_tables]


async def table(context: CommandContext, name: str) -> TableView:
    """Raises `NotPossible` where the catalogue has no such table."""
    known = table_named(context.catalogue, name)
    async with context.database.connection() as connection:
        history = await corrections.history(connection, name)
    newest = {one.source: one for one in history}
    rows = merged(known.rows, {one.source: one.code for one in history})
    return TableView(
        name=name,
        table=known,
        rows=[
            CodeRow(source=source, code=code, correction=newest.get(source)) for source, code in sorted(rows.items())
        ],
        versions=_versions(known.rows, history)[::-1],
    )


async def diff(context: CommandContext, name: str, before: int, after: int) -> list[RowChange]:
    """The rows in which two versions differ, by source. Raises `NotPossible` where there is no such version."""
    known = table_named(context.catalogue, name)
    async with context.database.connection() as connection:
        history = await corrections.history(connection, name)
    return changes(version_at(known, history, before), version_at(known, history, after))


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[RowChange]:
    """The rows in which two tables differ, by source."""
    return [
        RowChange(source=source, before=before.get(source, ""), after=after.get(source, ""))
        for source in sorted(before.keys() | after.keys())
        if before.get(source) != after.get(source)
    ]


def _versions(rows: Mapping[str, str], history: list[CodeCorrection]) -> list[Version]:
    known, found = dict(rows), []
    for one in history:
        change = RowChange(source=one.source, before=known.get(one.source, ""), after=one.code)
        found.append(Version(number=one.id, change=change, actor=one.actor, reason=one.reason, at=one.at))
        known[one.source] = one.code
    return found


def version_at(table: CodeTable, history: list[CodeCorrection], version: int) -> dict[str, str]:
    if version and version not in {one.id for one in history}:
        raise NotPossible(f"there is no version {version} of this table")
    return merged(table.rows, {one.source: one.code for one in history if one.id <= version})


def table_named(catalogue: Catalogue, name: str) -> CodeTable:
    known = catalogue.code_tables.get(name)
    if known is None:
        raise NotPossible(f"there is no code table {name}; there are {', '.join(sorted(catalogue.code_tables))}")
    return known
