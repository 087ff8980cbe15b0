"""Claims stored deliveries in batches and records what they say, each batch in one transaction.

A delivery that can't be understood becomes an exception; one that breaks a batch is found by halving the batch, and
becomes an exception too. Neither keeps the next from its turn.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import structlog

from suture.canonical.events import Event, PartyRegistered
from suture.catalogue.model import Catalogue, Interface
from suture.core.clock import Clock
from suture.core.failure import Rejected
from suture.ingest import billing_payment, fhir_appointment, odoo_change
from suture.ingest.ordering import Told, fold
from suture.ingest.understanding import Context, NotUnderstood, Understood, make_event
from suture.store import appointments, backlog, corrections, exceptions
from suture.store.backlog import Delivery, Settled
from suture.store.database import DATABASE_AWAY, Connection, Database
from suture.store.exceptions import Trouble
from suture.store.gate import Gate
from suture.store.parties import Parties, Party, kind_of
from suture.store.recorder import Recorder
from suture.store.sealing import SealBroken
from suture.store.vault import Vault
from suture.telemetry import metrics, tracing

log = structlog.get_logger()

Decoder = Callable[[bytes, Context], Understood]
DECODERS: Mapping[str, Decoder] = {
    "fhir-appointment.v1": fhir_appointment.decode,
    "billing-payment.v1": billing_payment.decode,
    "odoo-change.v1": odoo_change.decode,
}
"""Contract: its decoder. A new contract is one file and one line."""

_LONGEST_SLEEP = 2.0
_BATCH = 100
_UNKNOWN_EVERY = timedelta(minutes=1)


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
        claimed = await backlog.claim(connection, flowing, now, self._most)
        if claimed.codes != self._codes and claimed.deliveries:
            self._corrected = corrections.corrected(self._catalogue, await corrections.codes(connection))
            self._codes = claimed.codes
        if claimed.deliveries or (self._looked_for_unknown and now - self._looked_for_unknown < _UNKNOWN_EVERY):
            return claimed.deliveries
        self._looked_for_unknown = now
        return (await backlog.claim_unknown(connection, self._inbound, self._most)).deliveries

    async def _until_next(self) -> float:
        """Seconds until a delivery that is replayed has its turn; at most until the next look."""
        async with self._database.connection() as connection:
            due = await backlog.next_due(connection)
        return min(max((due - self._clock.now()).total_seconds(), 0.02), _LONGEST_SLEEP) if due else _LONGEST_SLEEP

    async def _ingest(self, connection: Connection, deliveries: list[Delivery]) -> None:
        now = self._clock.now()
        settled: dict[int, Settled] = {}
        understood: list[Understood] = []
        for delivery in deliveries:
            try:
                told = await self._understand(delivery, now)
                self._trace(delivery, told)
                understood.append(told)
                settled[delivery.id] = Settled("ingested", told.events[0].subject if told.events else None)
                if told.trouble is not None:
                    await self._except(connection, delivery, told.trouble, now, refused=False)
            except NotUnderstood as error:
                settled[delivery.id] = Settled("excepted", error.subject)
                metrics.count("suture_transformation_errors_total", self._known(delivery), error.code)
                await self._except(connection, delivery, error, now)
        understood.sort(key=lambda item: max(event.occurred_at for event in item.events))
        stale = await self._order(connection, understood)
        changed = await self._parties.put(connection, list(_current_parties(understood, stale)), now)
        events = [self._registered(reference, now) for reference in changed]
        events += [event for item in understood for event in item.events]
        await self._recorder.record(connection, events, stale=stale)
        await backlog.settle(connection, settled, now)
        await self._resolve(connection, [d.id for d in deliveries if d.replays and _is_ingested(settled[d.id])], now)
        for delivery in deliveries:
            metrics.count("suture_ingested_total", self._known(delivery), settled[delivery.id].state)
            if _is_ingested(settled[delivery.id]):
                self._gate(delivery).succeeded()

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

    async def _order(self, connection: Connection, understood: list[Understood]) -> frozenset[UUID]:
        told = [
            Told(event, item.appointment_status)
            for item in understood
            for event in item.events
            if item.appointment_status is not None
        ]
        if not told:
            return frozenset()
        known = await appointments.lock(connection, (item.event.subject for item in told))
        stale, latest = fold(known, told)
        await appointments.advance(connection, ((s, state.status, state.sequence) for s, state in latest.items()))
        return stale

    async def _except(
        self,
        connection: Connection,
        delivery: Delivery,
        error: NotUnderstood,
        now: datetime,
        *,
        refused: bool = True,
    ) -> None:
        interface = self._catalogue.interfaces.get(delivery.interface)
        if refused:
            self._gate(delivery).refused(Rejected(error.code, error.reason, error.remedy))
        await self._recorder.open_exception(
            connection,
            _trouble(delivery, interface, error),
            now,
            correlation_id=_journey_of(error.subject) or f"delivery-{delivery.id}",
            causation_id=delivery.receipt,
        )

    async def _set_aside(self, delivery: Delivery, error: Exception) -> None:
        """The delivery that breaks a transaction by itself: out of the way, and in front of a person."""
        broken = NotUnderstood(
            "ingest_broke",
            f"recording it broke with {type(error).__name__}",
            "This is a defect in Suture or a content that the database refuses: report it, then retry it.",
        )
        now = self._clock.now()
        async with self._database.transaction() as connection:
            if await backlog.settle(connection, {delivery.id: Settled("excepted")}, now):
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
            f"the catalogue no longer has the interface {delivery.interface}",
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


def _is_ingested(settled: Settled) -> bool:
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
            told_at = max(event.occurred_at for event in item.events)
            yield from ((party, told_at) for party in item.parties)


def _trouble(delivery: Delivery, interface: Interface | None, error: NotUnderstood) -> Trouble:
    return Trouble(
        code=error.code,
        outcome=Rejected.outcome,
        reason=error.reason,
        remedy=error.remedy,
        owner=interface.owner if interface else "integration",
        interface=delivery.interface,
        delivery=delivery.id,
        subject=error.subject or f"Delivery/{delivery.id}",
        sla=timedelta(hours=interface.sla_hours) if interface else timedelta(days=1),
    )
