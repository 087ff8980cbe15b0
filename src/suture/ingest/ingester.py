"""Claims stored deliveries in batches and records what they say, each batch in one transaction.

A delivery that can't be understood becomes an exception; one that breaks a batch is found by halving the batch, and
becomes an exception too. Neither keeps the next from its turn.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import structlog

from suture.canonical.events import Event, PartyRegistered, PatientLinked
from suture.canonical.records import Payer
from suture.catalogue.model import Catalogue, Interface
from suture.core.clock import Clock
from suture.core.failure import Rejected
from suture.core.trouble import Trouble
from suture.ingest import billing_payment, fhir_appointment, ledger_change
from suture.ingest.decoding import Context, NotUnderstood, Understood, make_event
from suture.ingest.ordering import ToldStatus, fold
from suture.store import appointments, corrections, delivery_queue, exceptions
from suture.store import events as stored_events
from suture.store.data_keys import Vault
from suture.store.database import DATABASE_AWAY, Connection, Database
from suture.store.delivery_queue import Delivery, SettledDelivery
from suture.store.gate import Gate
from suture.store.parties import Parties, Party, kind_of
from suture.store.recorder import Recorder
from suture.store.sealing import SealBroken
from suture.telemetry import metrics, tracing

log = structlog.get_logger()

Decoder = Callable[[bytes, Context], Understood]
_LEDGER = "ledger-change.v1"
DECODERS: Mapping[str, Decoder] = {
    "fhir-appointment.v1": fhir_appointment.decode,
    "billing-payment.v1": billing_payment.decode,
    _LEDGER: ledger_change.decode,
}
"""Contract: its decoder. A new contract is one file and one line."""

_LONGEST_SLEEP = 2.0
_BATCH = 100
_UNKNOWN_EVERY = timedelta(minutes=1)
_EVER = datetime.min.replace(tzinfo=UTC)


class _Heard:
    """What came of a delivery: the parts that are understood, the refusals of the others, and why a person must look at
    what was understood."""

    def __init__(
        self,
        delivery: Delivery,
        parts: list[Understood],
        refusals: list[NotUnderstood],
        trouble: NotUnderstood | None = None,
    ) -> None:
        self.delivery = delivery
        self.parts = parts
        self.refusals = refusals
        self.trouble = trouble

    def refuse(self, why: Callable[[Understood], NotUnderstood | None]) -> None:
        """Take out the parts for which there is a reason."""
        judged = [(part, why(part)) for part in self.parts]
        self.parts = [part for part, error in judged if error is None]
        self.refusals += [error for _, error in judged if error is not None]

    def subjects(self) -> Iterator[str]:
        """What is told of that has an id of its source."""
        events = (event for part in self.parts for event in part.events)
        yield from (event.subject for event in events if kind_of(event.subject) in ("Appointment", "Payment"))

    @property
    def settled(self) -> SettledDelivery:
        subjects = [event.subject for part in self.parts for event in part.events]
        if self.refusals:
            return SettledDelivery("excepted", self.refusals[0].subject)
        return SettledDelivery("ingested", subjects[0] if subjects else None)


class Ingester:
    """Works through the inbox until cancelled. `gates` answers the gate of an interface: of one that is paused,
    deliveries wait."""

    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        parties: Parties,
        recorder: Recorder,
        catalogue: Catalogue,
        clock: Clock,
        gates: Callable[[str], Gate] = Gate,
    ) -> None:
        self._database = database
        self._vault = vault
        self._parties = parties
        self._recorder = recorder
        self._catalogue = self._corrected = catalogue
        self._codes: int | None = None
        self._clock = clock
        self._gates = gates
        self._inbound = [name for name, interface in catalogue.interfaces.items() if interface.direction == "in"]
        self._facilities = frozenset(facility.code for facility in catalogue.facilities)
        self._wake = asyncio.Event()
        self._most = _BATCH
        self._looked_for_unknown: datetime | None = None

    def wake(self) -> None:
        """A delivery has come: look now instead of at the next timer."""
        self._wake.set()

    async def run(self) -> None:
        while True:
            self._wake.clear()
            wait = _LONGEST_SLEEP
            try:
                if await self.ingest_batch():
                    continue
                wait = await self._until_next()
            except DATABASE_AWAY as error:
                log.warning("database_away", role="ingest", error_type=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()

    async def ingest_batch(self) -> int:
        """Ingest what waits, up to a batch; answers how many deliveries that were."""
        claimed: list[Delivery] = []
        try:
            async with self._database.transaction() as connection:
                claimed = await self._claim(connection)
                if claimed:
                    await self._ingest(connection, claimed)
            self._most = min(self._most * 2, _BATCH)
        except DATABASE_AWAY:
            raise
        except asyncpg.DeadlockDetectedError:
            log.info("deadlock_retried", role="ingest")
        except Exception as error:
            log.error("batch_broke", role="ingest", count=len(claimed), error_type=type(error).__name__)
            if len(claimed) == 1:
                await self._set_aside(claimed[0], error)
            self._most = max(len(claimed) // 2, 1)
        return len(claimed)

    async def _claim(self, connection: Connection) -> list[Delivery]:
        now = self._clock.now()
        flowing = [name for name in self._inbound if self._gates(name).flowing]
        claimed = await delivery_queue.claim(connection, flowing, now, self._most)
        if claimed.codes != self._codes and claimed.deliveries:
            self._corrected = corrections.corrected(self._catalogue, await corrections.codes(connection))
            self._codes = claimed.codes
        if claimed.deliveries or (self._looked_for_unknown and now - self._looked_for_unknown < _UNKNOWN_EVERY):
            return claimed.deliveries
        self._looked_for_unknown = now
        return (await delivery_queue.claim_unknown(connection, self._inbound, self._most)).deliveries

    async def _until_next(self) -> float:
        """Seconds until a delivery that is replayed has its turn; at most until the next look."""
        async with self._database.connection() as connection:
            due = await delivery_queue.next_due(connection)
        return min(max((due - self._clock.now()).total_seconds(), 0.02), _LONGEST_SLEEP) if due else _LONGEST_SLEEP

    async def _ingest(self, connection: Connection, deliveries: list[Delivery]) -> None:
        now = self._clock.now()
        heard = [await self._hear(delivery, now) for delivery in deliveries]
        await self._refuse_nameless(heard)
        stale = await self._order(connection, heard)
        understood = sorted((part for one in heard for part in one.parts), key=lambda part: part.told_at)
        told = list(_current_parties(understood, stale))
        presumed = await self._unknown(party for part in understood for party in part.presumed)
        changed = await self._parties.put(connection, [*((party, _EVER) for party in presumed), *told], now)
        events = [self._registered(reference, now) for reference in changed]
        events += [event for part in understood for event in (*part.events, *part.beside)]
        linked = await self._newly_linked(connection, heard)
        await self._recorder.record(connection, events, stale=stale)
        for trouble in linked:
            await self._recorder.open_exception(connection, trouble, now)
        for one in heard:
            await self._tell_trouble(connection, one, now)
        settled = {one.delivery.id: one.settled for one in heard}
        await delivery_queue.settle(connection, settled, now)
        await self._resolve(connection, [d.id for d in deliveries if d.replays and _is_ingested(settled[d.id])], now)
        for delivery in deliveries:
            metrics.count("suture_ingested_total", self._known(delivery), settled[delivery.id].state)
            if _is_ingested(settled[delivery.id]):
                self._gate(delivery).succeeded()

    async def _hear(self, delivery: Delivery, now: datetime) -> "_Heard":
        """What a delivery says, appointment by appointment."""
        try:
            told = await self._understand(delivery, now)
        except NotUnderstood as error:
            return _Heard(delivery, [], [error])
        self._trace(delivery, told)
        return _Heard(delivery, list(told.each()), list(told.refusals), told.trouble)

    async def _tell_trouble(self, connection: Connection, heard: "_Heard", now: datetime) -> None:
        delivery, several = heard.delivery, len(heard.parts) + len(heard.refusals) > 1
        for error in heard.refusals:
            metrics.count("suture_transformation_errors_total", self._known(delivery), error.code)
            await self._except(connection, delivery, error, now, step=error.subject if several else None)
        if heard.trouble is not None:
            await self._except(connection, delivery, heard.trouble, now, refused=False)

    async def _newly_linked(self, connection: Connection, heard: "list[_Heard]") -> list[Trouble]:
        """Records of patients that are told to be one person's, each pair once: whoever is billed has two contacts."""
        told = {event.id: (event, one) for one in heard for part in one.parts for event in part.beside}
        known = await stored_events.recorded(connection, list(told)) if told else set()
        return [_linked(*told[id_], self._catalogue) for id_ in told.keys() - known]

    async def _unknown(self, presumed: Iterable[Party]) -> list[Party]:
        """Those of whom nobody told more than a reference."""
        by_reference = {party.reference: party for party in presumed}
        known = await self._parties.known(list(by_reference)) if by_reference else set()
        return [party for reference, party in by_reference.items() if reference not in known]

    async def _refuse_nameless(self, heard: "list[_Heard]") -> None:
        """Nobody is invoiced of whom no more than an id was ever told; once a name was, the id is enough."""
        parts = [part for one in heard for part in one.parts]
        nameless = {
            party.reference for part in parts for party in part.presumed if isinstance(party, Payer) and not party.name
        }
        nameless -= {party.reference for part in parts for party in part.parties}
        if nameless:
            nameless -= await self._parties.known(sorted(nameless))
        for one in heard:
            one.refuse(lambda part: _nameless(part, nameless))

    def _trace(self, delivery: Delivery, told: Understood) -> None:
        """The journey that a delivery is about is known only now: the span says by which delivery."""
        for event in told.events:
            with tracing.span(
                "ingest",
                event.correlation_id,
                interface=delivery.interface,
                receipt=str(delivery.receipt),
                event=event.type,
            ):
                pass

    async def _resolve(self, connection: Connection, replayed: list[int], now: datetime) -> None:
        """What was not understood before is understood now."""
        if replayed:
            closed = await exceptions.resolve_deliveries(connection, replayed, now, "replayed")
            await self._recorder.tell_closed(connection, closed, now)

    async def _understand(self, delivery: Delivery, now: datetime) -> Understood:
        try:
            body = await self._vault.open(delivery.sealed, delivery.bound_to)
        except SealBroken as error:
            raise NotUnderstood("seal_broken", str(error), "Check SUTURE_MASTER_KEY, then retry it.") from error
        return understand(self._corrected, delivery, body, now)

    async def _order(self, connection: Connection, heard: "list[_Heard]") -> frozenset[UUID]:
        """Take out of what was heard what another interface told first and what contradicts what is known; answers what
        of the rest came too late."""
        await self._refuse_strangers(connection, heard)
        told = [
            ToldStatus(event, part.appointment_status, part.changed_at)
            for one in heard
            for part in one.parts
            for event in part.events
            if part.appointment_status is not None
        ]
        if not told:
            return frozenset()
        known = await appointments.lock(connection, (item.event.subject for item in told))
        folded = fold(known, told)
        for one in heard:
            one.refuse(lambda part: next((folded.contradictions.get(event.id) for event in part.events), None))
        await appointments.advance(connection, folded.states)
        return folded.stale

    async def _refuse_strangers(self, connection: Connection, heard: "list[_Heard]") -> None:
        """An id that another interface of the same contract uses is another's: nothing of it takes effect."""
        told: dict[str, str] = {}
        heard = [one for one in heard if self._names_its_own(one.delivery)]
        for one in heard:
            for subject in one.subjects():
                told.setdefault(subject, one.delivery.interface)
        if not told:
            return
        first = await appointments.tellers(connection, told, self._inbound)
        for one in heard:
            one.refuse(lambda part, by=one.delivery.interface: _stranger(part, by, first))  # type: ignore[misc]

    def _names_its_own(self, delivery: Delivery) -> bool:
        """Whether an interface gives its own ids: what is read in the ledger is named as its source named it."""
        interface = self._catalogue.interfaces.get(delivery.interface)
        return interface is not None and interface.contract != _LEDGER

    async def _except(
        self,
        connection: Connection,
        delivery: Delivery,
        error: NotUnderstood,
        now: datetime,
        *,
        refused: bool = True,
        step: str | None = None,
    ) -> None:
        interface = self._catalogue.interfaces.get(delivery.interface)
        if refused:
            self._gate(delivery).refused(Rejected(error.code, error.reason, error.remedy))
        await self._recorder.open_exception(
            connection,
            _trouble(delivery, interface, error, step),
            now,
            correlation_id=_journey_of(error.subject) or f"delivery-{delivery.id}",
            causation_id=delivery.receipt,
        )

    async def _set_aside(self, delivery: Delivery, error: Exception) -> None:
        """The delivery that breaks a transaction by itself: out of the way, and in front of a person."""
        broken = NotUnderstood(
            "ingest_broke",
            f"recording the delivery failed with {type(error).__name__}",
            "Either Suture has a defect or the database refuses the content: report it, then retry the exception.",
        )
        now = self._clock.now()
        async with self._database.transaction() as connection:
            if await delivery_queue.settle(connection, {delivery.id: SettledDelivery("excepted")}, now):
                await self._except(connection, delivery, broken, now)

    def _gate(self, delivery: Delivery) -> Gate:
        known = delivery.interface in self._catalogue.interfaces
        return self._gates(delivery.interface) if known else Gate(delivery.interface)

    def _known(self, delivery: Delivery) -> str:
        """Its interface, as a metric's label may have it."""
        return delivery.interface if delivery.interface in self._catalogue.interfaces else "unknown"

    def _registered(self, reference: str, now: datetime) -> Event:
        kind = kind_of(reference).lower()
        return make_event(
            Context(catalogue=self._catalogue, system="store", received_at=now, facilities=self._facilities),
            f"suture.{kind}.registered.v1",
            PartyRegistered(reference=reference),
            subject=reference,
            correlation_id=reference,
            occurred_at=now,
            sequence=int(now.timestamp() * 1_000_000),
        )


def understand(catalogue: Catalogue, delivery: Delivery, body: bytes, now: datetime) -> Understood:
    """What a delivery says, by its interface's contract. Pure. Raises `NotUnderstood`."""
    interface = catalogue.interfaces.get(delivery.interface)
    if interface is None:
        raise NotUnderstood(
            "interface_unknown",
            f"the interface {delivery.interface} is no longer in the catalogue",
            "Put the interface back into the catalogue, then retry it.",
        )
    context = Context(
        catalogue=catalogue,
        system=interface.system,
        received_at=now,
        facilities=frozenset(facility.code for facility in catalogue.facilities),
        receipt=delivery.receipt,
    )
    return DECODERS[interface.contract](body, context)


def _linked(event: Event, heard: "_Heard", catalogue: Catalogue) -> Trouble:
    interface = catalogue.interfaces.get(heard.delivery.interface)
    link = event.payload()
    assert isinstance(link, PatientLinked)
    return Trouble(
        code="patient_linked",
        outcome=Rejected.outcome,
        reason=f"{link.patient} and {link.other} are reported to be the same person ({link.link})",
        remedy=(
            f"Suture merges nothing. Check whether both have a contact or open invoices in "
            f"{catalogue.label('ledger')}, and merge the contacts there; then discard this exception."
        ),
        owner=interface.owner if interface else "integration",
        process=f"patient:{link.patient}",
        step=f"{link.link} {link.other}",
        subject=link.patient,
    )


def _is_ingested(settled: SettledDelivery) -> bool:
    return settled.state == "ingested"


def _journey_of(subject: str | None) -> str | None:
    """The appointment's id in its reference."""
    kind, _, identity = (subject or "").partition("/")
    return identity if kind == "Appointment" else None


def _current_parties(understood: Iterable[Understood], stale: frozenset[UUID]) -> Iterator[tuple[Party, datetime]]:
    """The people in deliveries that still take effect, and when they were so: a late one must not bring old records
    back."""
    for item in understood:
        if all(event.id not in stale for event in item.events):
            yield from ((party, item.told_at) for party in item.parties)


def _nameless(part: Understood, nameless: set[str]) -> NotUnderstood | None:
    if not any(party.reference in nameless for party in part.presumed):
        return None
    error = NotUnderstood(
        "payer_unclear",
        "the visit's payer is given only as an id, and no system has ever sent its name",
        "Ask the scheduling system's owner to send the Organization with its name, or Coverage.payor with its display, "
        "once; or set the display in the payload here (`suture exceptions edit NUMBER --payload FILE --reason … "
        "--retry`).",
    )
    error.subject, error.told = part.events[0].subject, part.appointment_status
    return error


def _stranger(part: Understood, interface: str, first: Mapping[str, str]) -> NotUnderstood | None:
    for event in part.events:
        known = first.get(event.subject, interface)
        if known != interface:
            error = NotUnderstood(
                "told_by_another",
                f"{event.subject} was sent by {known} before: two interfaces use the same id for different things",
                "The delivery had no effect. Keep only one interface for this contract in the catalogue (`suture"
                " check` names them), and enter the other's records by hand; then discard this exception.",
            )
            error.subject = event.subject
            return error
    return None


def _trouble(delivery: Delivery, interface: Interface | None, error: NotUnderstood, step: str | None) -> Trouble:
    return Trouble(
        code=error.code,
        outcome=Rejected.outcome,
        reason=error.reason,
        remedy=error.remedy,
        owner=interface.owner if interface else "integration",
        interface=delivery.interface,
        delivery=delivery.id,
        step=step,
        subject=error.subject or f"Delivery/{delivery.id}",
        sla=timedelta(hours=interface.sla_hours) if interface else timedelta(days=1),
        told=error.told,
    )
