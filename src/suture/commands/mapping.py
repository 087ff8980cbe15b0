"""Code tables as stewards keep them: corrections, and the way back.

A table's version 0 is the catalogue's; each correction makes the next, by its number.
"""

from collections.abc import Mapping
from datetime import datetime

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.catalogue.model import Catalogue
from suture.store import corrections
from suture.store.corrections import merged
from suture.store.database import Connection
from suture.views.code_tables import RowChange, changes, table_named, version_at

SERVICES = "services"


async def correct(
    connection: Connection,
    context: CommandContext,
    actor: Actor,
    name: str,
    rows: Mapping[str, str],
    *,
    about: str = "",
) -> None:
    """Set rows of a table, in this transaction (empty: take them away); `about` is what it is done for. The catalogue's
    file stays as it is: put them there too when it is next written."""
    check(context.catalogue, name, rows)
    detail = {"table": name, "rows": dict(rows)}
    now = await actor.sign(connection, context, "codes.correct", about or f"CodeTable/{name}", detail)
    await _write(connection, name, rows, actor, now)


async def set_rows(context: CommandContext, actor: Actor, name: str, rows: Mapping[str, str]) -> None:
    async with context.database.transaction() as connection:
        await correct(connection, context, actor, name, rows)


async def roll_back(context: CommandContext, actor: Actor, name: str, version: int) -> list[RowChange]:
    """Make a table what it was in a version; answers what changed. That is a new version: nothing is taken out of the
    history."""
    known = table_named(context.catalogue, name)
    async with context.database.transaction() as connection:
        history = await corrections.history(connection, name)
        current = merged(known.rows, {one.source: one.code for one in history})
        undone = changes(current, version_at(known, history, version))
        if not undone:
            raise NotPossible(f"{name} is as it was in version {version}: nothing is to be rolled back")
        rows = {change.source: change.after for change in undone}
        check(context.catalogue, name, rows)
        now = await actor.sign(
            connection, context, "codes.roll_back", f"CodeTable/{name}", {"version": version, "rows": rows}
        )
        await _write(connection, name, rows, actor, now)
    return undone


def check(catalogue: Catalogue, name: str, rows: Mapping[str, str]) -> None:
    """Raises `NotPossible` for rows that mean nothing here."""
    table_named(catalogue, name)
    services = {service.code for service in catalogue.services}
    unknown = sorted(set(rows.values()) - services - {""}) if name == SERVICES else []
    if unknown:
        raise NotPossible(f"the catalogue has no service {', '.join(unknown)}; it has {', '.join(sorted(services))}")
    if not all(source.strip() for source in rows):
        raise NotPossible("a row needs the source's code: system|code, or a bare code")


async def _write(connection: Connection, name: str, rows: Mapping[str, str], actor: Actor, at: datetime) -> None:
    for source, code in rows.items():
        await corrections.add_code(connection, name, source, code, actor=actor.name, reason=actor.reason, at=at)
