"""The exception queue as people see it: whole, by cause, and one exception with all that helps to decide."""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.processes.definitions import DEFINITIONS
from suture.store import audit, delivery_queue, exceptions
from suture.store import steering as process_store
from suture.store.audit import AuditEntry
from suture.store.database import Connection, Database
from suture.store.delivery_queue import DeliverySelection, KnownDelivery
from suture.store.exceptions import Cause, ExceptionSelection, OpenException
from suture.store.steering import ProcessDetail
from suture.views.runbook import class_of

_DEFINED = frozenset(definition.name for definition in DEFINITIONS)


UNMAPPED = "code_unmapped"


_NO_ROW = re.compile(r"has no row for (\S+)$")


MOST_ALIKE = 1000


class ExceptionAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An exception with all that helps to decide: its class, the delivery or process behind it, what people did."""

    exception: OpenException
    runbook: str
    delivery: KnownDelivery | None
    process: ProcessDetail | None
    acts: list[AuditEntry]


async def queue(database: Database, selection: ExceptionSelection, most: int = 200) -> list[OpenException]:
    """The exceptions of a selection, oldest first."""
    async with database.connection() as connection:
        return await exceptions.select(connection, selection, most)


async def page(
    database: Database, selection: ExceptionSelection, after: tuple[datetime, int] | None, most: int
) -> list[OpenException]:
    """The exceptions of a selection page by page, oldest first."""
    async with database.connection() as connection:
        return await exceptions.page(connection, selection, after, most)


async def causes(database: Database) -> list[Cause]:
    """Open exceptions by what one remedy fixes."""
    async with database.connection() as connection:
        return await exceptions.causes(connection)


async def account(database: Database, number: int) -> ExceptionAccount:
    """Raises `NotPossible` where there is no such exception."""
    async with database.connection() as connection:
        found = await exception_of(connection, number)
        deliveries = await _deliveries(connection, [found.delivery] if found.delivery else [])
        return ExceptionAccount(
            exception=found,
            runbook=class_of(found.code),
            delivery=next(iter(deliveries), None),
            process=await process_store.one(connection, found.process) if found.process else None,
            acts=await audit.newest(connection, f"Exception/{number}"),
        )


async def payload(context: CommandContext, actor: Actor, number: int) -> bytes:
    """What an exception's delivery said, or its process was given. Reading it is written to the audit trail."""
    async with context.database.transaction() as connection:
        found = await exception_of(connection, number)
        await actor.sign(connection, context, "payload.read", f"Exception/{number}")
        if found.delivery is not None:
            (delivery,) = await delivery_queue.sealed(connection, [found.delivery])
            return await context.vault.open(delivery.sealed, delivery.bound_to)
        process = await process_store.one(connection, found.process or "")
        if process is None:
            raise NotPossible(f"exception {number} belongs to neither a delivery nor a process")
        return process.input.encode()


def unmapped(one: OpenException) -> str | None:
    """The source's code for which the code table has no row; None for an exception of another kind."""
    told = _NO_ROW.search(one.reason) if one.code == UNMAPPED else None
    return told[1] if told else None


async def unmapped_alike(context: CommandContext, source: str) -> tuple[int, ...]:
    """The numbers of the open exceptions that fell through the code table for want of a row for this code."""
    alike = await queue(context.database, ExceptionSelection(code=UNMAPPED), MOST_ALIKE)
    return tuple(one.number for one in alike if unmapped(one) == source)


async def at_stake(database: Database, chosen: Iterable[OpenException]) -> dict[int, Decimal]:
    """The money in exceptions about appointments, by number: what is charged and not yet settled."""
    numbers = [one.number for one in chosen]
    async with database.connection() as connection:
        return await exceptions.money(connection, numbers) if numbers else {}


async def exception_of(connection: Connection, number: int) -> OpenException:
    found = await exceptions.select(connection, ExceptionSelection(numbers=(number,), state=""), 1)
    if not found:
        raise NotPossible(f"there is no exception {number}; `suture exceptions list` shows all of them")
    return found[0]


async def _deliveries(connection: Connection, ids: list[int]) -> list[KnownDelivery]:
    return await delivery_queue.select(connection, DeliverySelection(ids=tuple(ids))) if ids else []


def is_retriable(one: OpenException) -> bool:
    """Whether there is a delivery or a process to try again. What a command told, such as a remittance, is told again
    by that command."""
    return one.delivery is not None or (one.process or "").partition(":")[0] in _DEFINED
