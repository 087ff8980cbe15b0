"""The exception queue as people work it: retry, correct, assign, comment, discard."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.canonical.records import Visit
from suture.catalogue.days import Days
from suture.catalogue.model import Catalogue
from suture.commands import mapping, process_commands, replaying
from suture.commands.process_commands import EFFECTS
from suture.commands.replaying import Forecast
from suture.engine.steer import Correct
from suture.ingest.decoding import NotUnderstood
from suture.ingest.ingester import understand
from suture.processes.definitions import DEFINITIONS
from suture.store import corrections, delivery_queue, exceptions, people
from suture.store.delivery_queue import Delivery, DeliverySelection
from suture.store.exceptions import ExceptionSelection, OpenException
from suture.store.processes import PROCESSES
from suture.store.steering import ProcessDetail
from suture.views import discrepancies
from suture.views.exceptions import MOST_ALIKE, UNMAPPED, ExceptionAccount, account, exception_of, queue, unmapped

_INPUTS = {definition.name: definition.input for definition in DEFINITIONS}
REFUSED_COVERAGE = "coverage_refused"


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of retrying: processes that go on, deliveries that are read again, and why others weren't (number,
    reason)."""

    processes: tuple[str, ...] = ()
    deliveries: tuple[int, ...] = ()
    refused: tuple[tuple[int, str], ...] = ()


async def forecast_retry(
    context: CommandContext, selection: ExceptionSelection
) -> list[tuple[OpenException, str, bool]]:
    """What retrying a selection would come to, each with a word on it and whether it would do anything. Nothing is
    changed."""
    chosen = await queue(context.database, msgspec.structs.replace(selection, state="open"), most=MOST_ALIKE)
    forecasts = {one.delivery.id: one for one in await _forecasts(context, [e.delivery for e in chosen if e.delivery])}
    return [(one, *_expected(one, forecasts.get(one.delivery or 0))) for one in chosen]


def _expected(one: OpenException, forecast: Forecast | None) -> tuple[str, bool]:
    if forecast is not None:
        return _no_replay(forecast), forecast.is_of_use
    if one.delivery is None and one.process:
        reason = _no_process(one.process, "")
        return reason or f"goes on from {one.step or 'where it stopped'}", not reason
    return "there is nothing to try again: decide, then discard it", False


async def retry(
    context: CommandContext, actor: Actor, selection: ExceptionSelection, rate: float = process_commands.RATE
) -> Retried:
    """Have the processes of exceptions go on, and their deliveries read again, `rate` a second. Raises `NotPossible`
    where none is chosen: that would be all."""
    actor.check(context, "process.resume", "delivery.replay")
    if msgspec.structs.replace(selection, state="") == ExceptionSelection(state=""):
        raise NotPossible("choose what is to be retried")
    chosen = await queue(context.database, msgspec.structs.replace(selection, state="open"), most=100_000)
    by_process = {one.process: one.number for one in chosen if one.process and one.delivery is None}
    by_delivery = {one.delivery: one.number for one in chosen if one.delivery is not None}
    steered = await process_commands.resume(context, actor, list(by_process), rate)
    forecasts = await _forecasts(context, by_delivery)
    replayed = await replaying.replay(context, actor, forecasts, rate) if by_delivery else []
    refused = [(by_process[key], _no_process(key, reason)) for key, reason in steered.refused]
    refused += [(by_delivery[one.delivery.id], _no_replay(one)) for one in forecasts if not one.is_of_use]
    refused += [
        (one.number, "there is nothing to try again: decide, then discard it") for one in chosen if _is_idle(one)
    ]
    return Retried(processes=steered.done, deliveries=tuple(replayed), refused=tuple(refused))


async def assign(context: CommandContext, actor: Actor, numbers: Sequence[int], person: str | None) -> list[int]:
    """Say who works on open exceptions (None: nobody); answers those that there are. Raises `NotPossible` for who may
    not sign in, and never sees it."""
    async with context.database.transaction() as connection:
        known = await people.one(connection, person) if person else None
        if person and (known is None or known.disabled_at is not None):
            raise NotPossible(f"there is no person {person} who may sign in; `suture people list` shows all")
        found = await exceptions.assign(connection, numbers, person)
        for number in found:
            await actor.sign(connection, context, "exception.assign", f"Exception/{number}", {"to": person})
    return found


async def discard(context: CommandContext, actor: Actor, number: int, *, undo: bool | None = None) -> str:
    """Close an exception that nobody will act on; answers what became of its process.

    `undo` says whether what the process wrote is undone; it must be said where something was written.
    """
    actor.check_reason("exception.discard")
    told = await account(context.database, number)
    process = told.process
    if told.exception.state != "open":
        raise NotPossible(f"exception {number} is {told.exception.state} already")
    if process is not None and not process.released:
        raise NotPossible(f"a worker has {process.key} in hand just now; try again in a moment")
    if process is not None and undo and process.state == "stuck" and process.undoing:
        raise NotPossible(
            f"the undo of {process.key} is what is stuck: retry it, or --leave where it is settled by hand"
        )
    actor.check(
        context, "exception.discard", *(["process.compensate" if undo else "process.cancel"] if process else [])
    )
    written = _written(process) if process is not None else set()
    if process is not None and written and undo is None:
        raise NotPossible(
            f"{process.key} has written {', '.join(sorted(written))}: say --undo to have that undone, or --leave where "
            "it was settled by hand"
        )
    async with context.database.transaction() as connection:
        found = await exception_of(connection, number)
        now = await actor.sign(connection, context, "exception.discard", f"Exception/{number}", {"undo": undo})
        closed = await exceptions.discard(connection, [found.id], now, actor.name)
        await context.recorder.tell_closed(connection, closed, now)
        for one in closed:
            await discrepancies.look_again(connection, context, one, actor.name, now)
    if process is None or process.state in ("done", "compensated", "cancelled"):
        return "what it was about stays as it is"
    if undo:
        steered = await process_commands.compensate(context, actor, [process.key])
        return f"{process.key} is being undone" if steered.done else f"{process.key}: {steered.refused[0][1]}"
    steered = await process_commands.cancel(context, actor, [process.key])
    return f"{process.key} was ended where it stood" if steered.done else f"{process.key}: {steered.refused[0][1]}"


async def correct_codes(context: CommandContext, actor: Actor, number: int, rows: dict[str, str]) -> list[Forecast]:
    """Add rows to the code table that an exception's delivery fell through; answers what a replay would come to."""
    async with context.database.transaction() as connection:
        found = await exception_of(connection, number)
        if found.code != UNMAPPED:
            raise NotPossible(f"exception {number} is {found.code}: no row of a code table would mend it")
        await mapping.correct(connection, context, actor, mapping.SERVICES, rows, about=f"Exception/{number}")
    return await _forecasts(context, [found.delivery] if found.delivery else [])


async def bill_patient(context: CommandContext, actor: Actor, number: int) -> None:
    """Have a visit that its payer refused billed to the patient. Its process then goes on once it is retried. Raises
    `NotPossible` where a charge was captured already, or the exception is another."""
    detail = await account(context.database, number)
    process = detail.process
    if detail.exception.code != REFUSED_COVERAGE or process is None:
        raise NotPossible(f"exception {number} is not a refused coverage: the patient can't be billed instead")
    if _written(process):
        raise NotPossible(f"{process.key} has written something for the payer already: undo it first")
    given = msgspec.json.decode(process.input, type=Visit)
    corrected = msgspec.json.encode(msgspec.structs.replace(given, payer=None)).decode()
    async with context.database.transaction() as connection:
        await actor.sign(connection, context, "visit.bill_patient", f"Exception/{number}", {"payer": given.payer})
        if not await PROCESSES.steer(connection, [(process.key, Correct(corrected))]):
            raise NotPossible(f"{process.key} is {process.state}, not stuck: it can't be given anything else now")


async def preview_codes(context: CommandContext, rows: Mapping[str, str]) -> list[Forecast]:
    """What replaying would come to, of every open exception that fell through the code table, were these rows in it.
    Nothing is changed."""
    mapping.check(context.catalogue, mapping.SERVICES, rows)
    async with context.database.connection() as connection:
        alike = await exceptions.select(connection, ExceptionSelection(code=UNMAPPED), MOST_ALIKE)
    concerned = [one.delivery for one in alike if one.delivery is not None and unmapped(one) in rows]
    if not concerned:
        return []
    return await replaying.forecast(context, DeliverySelection(ids=tuple(concerned)), rows=rows)


async def preview_payload(context: CommandContext, actor: Actor, number: int, content: bytes) -> str:
    """What a corrected payload would be understood as, in words; nothing is changed. Raises `NotPossible` where it
    would not be."""
    actor.check(context, "payload.read")
    detail = await account(context.database, number)
    if detail.delivery is None:
        _given(context, detail, content)
        return "The process would be given this, and go on from its first step once it is retried."
    async with context.database.connection() as connection:
        (original,) = await delivery_queue.sealed(connection, [detail.delivery.id], original=True)
        told = _understood(await context.corrected_catalogue(connection), context, original, content)
    return f"It would be understood: {', '.join(told)}."


async def comment(context: CommandContext, actor: Actor, number: int) -> None:
    """Say something about an exception: the words are the act's reason, and stand with the others' acts."""
    async with context.database.transaction() as connection:
        await exception_of(connection, number)
        await actor.sign(connection, context, "exception.comment", f"Exception/{number}")


async def correct_payload(context: CommandContext, actor: Actor, number: int, content: bytes) -> list[Forecast]:
    """Say what an exception's delivery should have said, or what its process should have been given.

    The original is kept. Answers what a replay of the delivery would come to. Raises `NotPossible` where the content
    is no better, or where the old one took effect already.
    """
    detail = await account(context.database, number)
    if detail.delivery is None:
        await _correct_input(context, actor, detail, content)
        return []
    async with context.database.transaction() as connection:
        (original,) = await delivery_queue.sealed(connection, [detail.delivery.id], original=True)
        if detail.delivery.state != "excepted":
            raise NotPossible(f"delivery {original.id} is {detail.delivery.state}: what it said can't be changed now")
        _understood(await context.corrected_catalogue(connection), context, original, content)
        now = await actor.sign(connection, context, "payload.correct", f"Exception/{number}")
        await corrections.add_payload(
            connection, context.vault, original, content, actor=actor.name, reason=actor.reason, at=now
        )
    return await _forecasts(context, [detail.delivery.id])


async def _correct_input(context: CommandContext, actor: Actor, detail: ExceptionAccount, content: bytes) -> None:
    process = detail.process
    if process is None:
        raise NotPossible(f"exception {detail.exception.number} belongs to neither a delivery nor a process")
    if written := _written(process):
        raise NotPossible(
            f"{process.key} has written {', '.join(sorted(written))} by what it was given: undo it "
            f"(`suture processes compensate {process.key}`) or correct the outside systems by hand"
        )
    corrected = _given(context, detail, content)
    change = {"from": process.input, "to": corrected}
    async with context.database.transaction() as connection:
        await actor.sign(connection, context, "process.correct", f"Exception/{detail.exception.number}", change)
        if not await PROCESSES.steer(connection, [(process.key, Correct(corrected))]):
            raise NotPossible(f"{process.key} is {process.state}, not stuck: it can't be given anything else now")


def _given(context: CommandContext, detail: ExceptionAccount, content: bytes) -> str:
    """What a process would be given, as it is written."""
    process = detail.process
    try:
        given = msgspec.json.decode(content, type=_INPUTS[process.definition if process else ""])
    except (msgspec.DecodeError, KeyError) as error:
        raise NotPossible("this is not what such a process can be given: compare it with what it has") from error
    if isinstance(given, Visit) and process is not None:
        given = _dated(context, given, msgspec.json.decode(process.input, type=Visit))
    return msgspec.json.encode(given).decode()


def _dated(context: CommandContext, given: Visit, before: Visit) -> Visit:
    """A corrected visit is of the day that follows from its end and its facility, and of no other."""
    dated = Days(context.catalogue).dated(given)
    if given.day not in (before.day, dated.day):
        raise NotPossible(f"the day follows from `ended_at` and the facility's zone, it is {dated.day}: correct those")
    return dated


def _understood(catalogue: Catalogue, context: CommandContext, original: Delivery, content: bytes) -> list[str]:
    """The types of the events that a content would be understood as."""
    try:
        told = understand(catalogue, original, content, context.clock.now()).whole()
    except NotUnderstood as error:
        raise NotPossible(f"this would not be understood either: {error.reason}") from error
    return [event.type for event in told.events]


async def _forecasts(context: CommandContext, deliveries: Iterable[int]) -> list[Forecast]:
    ids = tuple(deliveries)
    return await replaying.forecast(context, DeliverySelection(ids=ids)) if ids else []


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
