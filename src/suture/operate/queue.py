"""The exception queue as people work it: list, show, retry, correct, assign, discard."""

from collections.abc import Iterable, Sequence

import msgspec

from suture.ingest.ingester import understand
from suture.ingest.understanding import NotUnderstood
from suture.operate import replaying, steering
from suture.operate.actor import Actor, NotPossible
from suture.operate.desk import Desk
from suture.operate.replaying import Forecast
from suture.operate.runbook import class_of
from suture.operate.steering import EFFECTS
from suture.processes.definitions import DEFINITIONS
from suture.store import audit, backlog, corrections, exceptions
from suture.store import steering as process_store
from suture.store.audit import Entry
from suture.store.backlog import DeliverySelection, KnownDelivery
from suture.store.database import Connection, Database
from suture.store.exceptions import OpenException, Selection
from suture.store.steering import ProcessDetail

_INPUTS = {definition.name: definition.input for definition in DEFINITIONS}
_CODE_TABLE = "services"
_UNMAPPED = "code_unmapped"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An exception with all that helps to decide: its class, the delivery or process behind it, what people did."""

    exception: OpenException
    runbook: str
    delivery: KnownDelivery | None
    process: ProcessDetail | None
    acts: list[Entry]


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of retrying: processes that go on, deliveries that are read again, and why others weren't (number,
    reason)."""

    processes: tuple[str, ...] = ()
    deliveries: tuple[int, ...] = ()
    refused: tuple[tuple[int, str], ...] = ()


async def queue(database: Database, selection: Selection, most: int = 200) -> list[OpenException]:
    """The exceptions of a selection, oldest first."""
    async with database.connection() as connection:
        return await exceptions.select(connection, selection, most)


async def account(database: Database, number: int) -> Account:
    """Raises `NotPossible` where there is no such exception."""
    async with database.connection() as connection:
        found = await _one(connection, number)
        deliveries = await _deliveries(connection, [found.delivery] if found.delivery else [])
        return Account(
            exception=found,
            runbook=class_of(found.code),
            delivery=next(iter(deliveries), None),
            process=await process_store.one(connection, found.process) if found.process else None,
            acts=await audit.newest(connection, f"Exception/{number}"),
        )


async def payload(desk: Desk, actor: Actor, number: int) -> bytes:
    """What an exception's delivery said, or its process was given. Reading it is written to the audit trail."""
    async with desk.database.transaction() as connection:
        found = await _one(connection, number)
        await actor.sign(connection, desk.clock, "payload.read", f"Exception/{number}")
        if found.delivery is not None:
            (delivery,) = await backlog.sealed(connection, [found.delivery])
            return await desk.vault.open(delivery.sealed, delivery.bound_to)
        process = await process_store.one(connection, found.process or "")
        if process is None:
            raise NotPossible(f"exception {number} has neither a delivery nor a process behind it")
        return process.input.encode()


async def retry(desk: Desk, actor: Actor, selection: Selection, rate: float = steering.RATE) -> Retried:
    """Have the processes of exceptions go on, and their deliveries read again, `rate` a second."""
    chosen = await queue(desk.database, msgspec.structs.replace(selection, state="open"), most=100_000)
    by_process = {one.process: one.number for one in chosen if one.process and one.delivery is None}
    by_delivery = {one.delivery: one.number for one in chosen if one.delivery is not None}
    steered = await steering.resume(desk, actor, list(by_process), rate)
    forecasts = await _forecasts(desk, by_delivery)
    replayed = await replaying.replay(desk, actor, forecasts, rate) if by_delivery else []
    refused = [(by_process[key], _no_process(key, reason)) for key, reason in steered.refused]
    refused += [(by_delivery[one.delivery.id], _no_replay(one)) for one in forecasts if not one.is_of_use]
    refused += [
        (one.number, "there is nothing to try again: decide, then discard it") for one in chosen if _is_idle(one)
    ]
    return Retried(processes=steered.done, deliveries=tuple(replayed), refused=tuple(refused))


async def assign(desk: Desk, actor: Actor, numbers: Sequence[int], person: str | None) -> list[int]:
    """Say who works on open exceptions; answers those that there are."""
    async with desk.database.transaction() as connection:
        found = await exceptions.assign(connection, numbers, person)
        for number in found:
            await actor.sign(connection, desk.clock, "exception.assign", f"Exception/{number}", {"to": person})
    return found


async def discard(desk: Desk, actor: Actor, number: int, *, undo: bool | None = None) -> str:
    """Close an exception that nobody will act on; answers what became of its process.

    `undo` says whether what the process wrote is undone; it must be said where something was written.
    """
    if not actor.reason:
        raise NotPossible("say why: --reason; it stands in the audit trail")
    told = await account(desk.database, number)
    process = told.process
    if told.exception.state != "open":
        raise NotPossible(f"exception {number} is {told.exception.state} already")
    if process is not None and not process.released:
        raise NotPossible(f"a worker has {process.key} in hand just now; try again in a moment")
    if process is not None and undo and process.state == "stuck" and process.undoing:
        raise NotPossible(
            f"the undo of {process.key} is what is stuck: retry it, or --leave where it is settled by hand"
        )
    written = _written(process) if process is not None else set()
    if process is not None and written and undo is None:
        raise NotPossible(
            f"{process.key} has written {', '.join(sorted(written))}: say --undo to have that undone, or --leave where "
            "it was settled by hand"
        )
    async with desk.database.transaction() as connection:
        found = await _one(connection, number)
        now = await actor.sign(connection, desk.clock, "exception.discard", f"Exception/{number}", {"undo": undo})
        await desk.recorder.tell_closed(
            connection, await exceptions.discard(connection, [found.id], now, actor.name), now
        )
    if process is None or process.state in ("done", "compensated", "cancelled"):
        return "what it was about stays as it is"
    if undo:
        steered = await steering.compensate(desk, actor, [process.key])
        return f"{process.key} is being undone" if steered.done else f"{process.key}: {steered.refused[0][1]}"
    steered = await steering.cancel(desk, actor, [process.key])
    return f"{process.key} was ended where it stood" if steered.done else f"{process.key}: {steered.refused[0][1]}"


async def correct_codes(desk: Desk, actor: Actor, number: int, rows: dict[str, str]) -> list[Forecast]:
    """Add rows to the code table that an exception's delivery fell through; answers what a replay would come to.

    The catalogue's file stays as it is: put the rows there too when it is next written.
    """
    services = {service.code for service in desk.catalogue.services}
    unknown = sorted(set(rows.values()) - services)
    if unknown:
        raise NotPossible(f"the catalogue has no service {', '.join(unknown)}; it has {', '.join(sorted(services))}")
    async with desk.database.transaction() as connection:
        found = await _one(connection, number)
        if found.code != _UNMAPPED:
            raise NotPossible(f"exception {number} is {found.code}: no row of a code table would mend it")
        subject = f"Exception/{number}"
        now = await actor.sign(connection, desk.clock, "codes.correct", subject, {"table": _CODE_TABLE, "rows": rows})
        for source, code in rows.items():
            await corrections.add_code(
                connection, _CODE_TABLE, source, code, actor=actor.name, reason=actor.reason, at=now
            )
    return await _forecasts(desk, [found.delivery] if found.delivery else [])


async def correct_payload(desk: Desk, actor: Actor, number: int, content: bytes) -> list[Forecast]:
    """Say what an exception's delivery should have said, or what its process should have been given.

    The original is kept. Answers what a replay of the delivery would come to. Raises `NotPossible` where the content
    is no better, or where the old one took effect already.
    """
    detail = await account(desk.database, number)
    if detail.delivery is None:
        await _correct_input(desk, actor, detail, content)
        return []
    async with desk.database.transaction() as connection:
        (original,) = await backlog.sealed(connection, [detail.delivery.id], original=True)
        if detail.delivery.state != "excepted":
            raise NotPossible(f"delivery {original.id} is {detail.delivery.state}: what it said can't be changed now")
        try:
            understand(await desk.corrected_catalogue(connection), original, content, desk.clock.now())
        except NotUnderstood as error:
            raise NotPossible(f"this would not be understood either: {error.reason}") from error
        now = await actor.sign(connection, desk.clock, "payload.correct", f"Exception/{number}")
        await corrections.add_payload(
            connection, desk.vault, original, content, actor=actor.name, reason=actor.reason, at=now
        )
    return await _forecasts(desk, [detail.delivery.id])


async def _correct_input(desk: Desk, actor: Actor, detail: Account, content: bytes) -> None:
    process = detail.process
    if process is None:
        raise NotPossible(f"exception {detail.exception.number} has neither a delivery nor a process behind it")
    if written := _written(process):
        raise NotPossible(
            f"{process.key} has written {', '.join(sorted(written))} by what it was given: undo it "
            f"(`suture processes compensate {process.key}`) or correct the outside systems by hand"
        )
    try:
        given = msgspec.json.decode(content, type=_INPUTS[process.definition])
    except (msgspec.DecodeError, KeyError) as error:
        raise NotPossible("this is not what such a process can be given: compare it with what it has") from error
    corrected = msgspec.json.encode(given).decode()
    change = {"from": process.input, "to": corrected}
    async with desk.database.transaction() as connection:
        await actor.sign(connection, desk.clock, "process.correct", f"Exception/{detail.exception.number}", change)
        if not await process_store.replace_input(connection, process.key, corrected):
            raise NotPossible(f"{process.key} is {process.state}, not stuck: it can't be given anything else now")


async def _one(connection: Connection, number: int) -> OpenException:
    found = await exceptions.select(connection, Selection(numbers=(number,), state=""), 1)
    if not found:
        raise NotPossible(f"there is no exception {number}; `suture exceptions list` shows what there is")
    return found[0]


async def _deliveries(connection: Connection, ids: list[int]) -> list[KnownDelivery]:
    return await backlog.select(connection, DeliverySelection(ids=tuple(ids))) if ids else []


async def _forecasts(desk: Desk, deliveries: Iterable[int]) -> list[Forecast]:
    ids = tuple(deliveries)
    return await replaying.forecast(desk, DeliverySelection(ids=ids)) if ids else []


def _written(process: ProcessDetail) -> set[str]:
    """The steps of a process that changed something outside and still stand."""
    effects = EFFECTS.get(process.definition, frozenset())
    return {name for name, record in process.journal.items() if name in effects and record.state in ("done", "begun")}


def _is_idle(one: OpenException) -> bool:
    return one.delivery is None and one.process is None


def _no_replay(one: Forecast) -> str:
    return f"{one.verdict}: {one.detail}" if one.detail else one.verdict


def _no_process(key: str, reason: str) -> str:
    """Some exceptions are of no process: an interface, an event."""
    kind = key.partition(":")[0]
    told = {
        "gate": "the system is tried again by itself",
        "pause": f"`suture resume {key.partition(':')[2]}` lets the interface flow again",
        "event": "there is nothing to try again: decide, then discard it",
        "message": "it is not Suture's: decide, then discard it",
        "projection": "the ledger is not concerned; rebuild the projection after the mend",
    }
    return told.get(kind, reason)
