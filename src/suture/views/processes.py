"""Processes as people see them: listed, and one with its steps and what was done to it."""

from datetime import datetime

import msgspec

from suture.acting.actor import NotPossible
from suture.engine.definition import AwaitApproval
from suture.processes.definitions import BY_VERSION
from suture.store import audit, exceptions, steering
from suture.store.audit import AuditEntry
from suture.store.database import Database
from suture.store.exceptions import OpenException
from suture.store.steering import ProcessDetail, ProcessRow, ProcessSelection, UnsettledProcesses


class ProcessAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A process with its exceptions, what people did to it, and the approvals that it waits for."""

    process: ProcessDetail
    exceptions: list[OpenException]
    acts: list[AuditEntry]
    approvals: list[AwaitApproval] = []


async def processes(database: Database, selection: ProcessSelection, most: int = 100) -> list[ProcessRow]:
    async with database.connection() as connection:
        return await steering.select(connection, selection, most)


async def page(
    database: Database, state: str, definition: str, after: tuple[datetime, str] | None, most: int = 50
) -> list[ProcessRow]:
    """Processes page by page, the newest first."""
    async with database.connection() as connection:
        return await steering.page(connection, state, definition, after, most)


async def unsettled(database: Database) -> list[UnsettledProcesses]:
    """How many processes are not done, by definition and state."""
    async with database.connection() as connection:
        return await steering.unsettled(connection)


async def process(database: Database, key: str) -> ProcessAccount:
    """Raises `NotPossible` where there is none."""
    async with database.connection() as connection:
        found = await steering.one(connection, key)
        if found is None:
            raise NotPossible(f"there is no process {key}; `suture processes list` shows all of them")
        troubles = await exceptions.of_subjects(connection, [found.subject])
        return ProcessAccount(
            process=found,
            exceptions=[trouble for trouble in troubles if trouble.process == key],
            acts=await audit.newest(connection, f"Process/{key}"),
            approvals=_asked_for(found),
        )


def _asked_for(process: ProcessDetail) -> list[AwaitApproval]:
    definition = BY_VERSION.get((process.definition, process.version))
    waiting = {name for name, record in process.journal.items() if record.state == "waiting"}
    leaves = definition.leaves() if definition and process.state == "waiting" else ()
    return [leaf for leaf in leaves if isinstance(leaf, AwaitApproval) and leaf.name in waiting]
