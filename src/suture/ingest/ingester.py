"""Claims stored deliveries in batches and records what they say, each batch in one transaction.

A delivery that can't be understood becomes an exception; one that breaks a batch is found by halving the batch, and
becomes an exception too. Neither keeps the next from its turn.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import asyncpg
import structlog

from suture.canonical.events import Event, ExceptionRaised, PartyRegistered
from suture.catalogue.model import Catalogue, Interface
from suture.core.clock import Clock
from suture.core.failure import Rejected
from suture.ingest import billing_payment, fhir_appointment
from suture.ingest.ordering import Told, fold
from suture.ingest.understanding import Context, NotUnderstood, Understood, make_event
from suture.store import appointments, inbox
from suture.store.database import DATABASE_AWAY, Connection, Database
from suture.store.events import Recorder
from suture.store.exceptions import Trouble, open_exception
from suture.store.inbox import Delivery
from suture.store.parties import Parties, Party, kind_of
from suture.store.sealing import SealBroken
from suture.store.vault import Vault

log = structlog.get_logger()

Decoder = Callable[[bytes, Context], Understood]
DECODERS: Mapping[str, Decoder] = {
    "fhir-appointment.v1": fhir_appointment.decode,
    "billing-payment.v1": billing_payment.decode,
}
"""Contract: its decoder. A new contract is one file and one line."""

_LONGEST_SLEEP = 2.0
_BATCH = 100


class Ingester:
    """Works through the inbox until cancelled."""

    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        parties: Parties,
        recorder: Recorder,
        catalogue: Catalogue,
        clock: Clock,
    ) -> None:
        self._database = database
        self._vault = vault
        self._parties = parties
        self._recorder = recorder
        self._catalogue = catalogue
        self._clock = clock
        self._facilities = frozenset(facility.code for facility in catalogue.facilities)
        self._wake = asyncio.Event()
        self._most = _BATCH

    def wake(self) -> None:
        """A delivery has come: look now instead of at the next timer."""
        self._wake.set()

    async def run(self) -> None:
        while True:
            self._wake.clear()
            try:
                if await self.ingest_batch():
                    continue
            except DATABASE_AWAY as error:
                log.warning("database_away", role="ingest", error_type=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_SLEEP):
                    await self._wake.wait()

    async def ingest_batch(self) -> int:
        """Ingest what waits, up to a batch; answers how many deliveries that were."""
        claimed: list[Delivery] = []
        try:
            async with self._database.transaction() as connection:
                claimed = await inbox.claim(connection, self._most)
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

    async def _ingest(self, connection: Connection, deliveries: list[Delivery]) -> None:
        now = self._clock.now()
        states: dict[int, str] = {}
        understood: list[Understood] = []
        events: list[Event] = []
        for delivery in deliveries:
            try:
                understood.append(await self._understand(delivery, now))
                states[delivery.id] = "ingested"
            except NotUnderstood as error:
                states[delivery.id] = "excepted"
                events.append(await self._except(connection, delivery, error, now))
        understood.sort(key=lambda item: max(event.occurred_at for event in item.events))
        stale = await self._order(connection, understood)
        changed = await self._parties.put(connection, list(_current_parties(understood, stale)), now)
        events += [self._registered(reference, now) for reference in changed]
        events += [event for item in understood for event in item.events]
        await self._recorder.record(connection, events, stale=stale)
        await inbox.settle(connection, states, now)

    async def _understand(self, delivery: Delivery, now: datetime) -> Understood:
        interface = self._catalogue.interfaces.get(delivery.interface)
        if interface is None:
            raise NotUnderstood(
                "interface_unknown",
                f"the catalogue no longer has the interface {delivery.interface}",
                "Put the interface back into the catalogue, then replay the delivery.",
            )
        try:
            body = await self._vault.open(delivery.sealed, delivery.bound_to)
        except SealBroken as error:
            raise NotUnderstood("seal_broken", str(error), "Check SUTURE_MASTER_KEY, then replay.") from error
        return DECODERS[interface.contract](body, self._context(interface.system, now, delivery.receipt))

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

    async def _except(self, connection: Connection, delivery: Delivery, error: NotUnderstood, now: datetime) -> Event:
        interface = self._catalogue.interfaces.get(delivery.interface)
        trouble = _trouble(delivery, interface, error)
        await open_exception(connection, trouble, now)
        return make_event(
            self._context(interface.system if interface else delivery.interface, now, delivery.receipt),
            "suture.exception.raised.v1",
            ExceptionRaised(exception=str(trouble.id), code=trouble.code, reason=trouble.reason),
            subject=error.subject or f"Delivery/{delivery.id}",
            correlation_id=f"delivery-{delivery.id}",
            occurred_at=now,
        )

    async def _set_aside(self, delivery: Delivery, error: Exception) -> None:
        """The delivery that breaks a transaction by itself: out of the way, and in front of a person."""
        broken = NotUnderstood(
            "ingest_broke",
            f"recording it broke with {type(error).__name__}",
            "This is a defect in Suture or a content that the database refuses: report it, then replay.",
        )
        now = self._clock.now()
        async with self._database.transaction() as connection:
            event = await self._except(connection, delivery, broken, now)
            await self._recorder.record(connection, [event])
            await inbox.settle(connection, {delivery.id: "excepted"}, now)

    def _registered(self, reference: str, now: datetime) -> Event:
        kind = kind_of(reference).lower()
        return make_event(
            self._context("store", now),
            f"suture.{kind}.registered.v1",
            PartyRegistered(reference=reference),
            subject=reference,
            correlation_id=reference,
            occurred_at=now,
            sequence=int(now.timestamp() * 1_000_000),
        )

    def _context(self, system: str, now: datetime, receipt: UUID | None = None) -> Context:
        return Context(
            catalogue=self._catalogue, system=system, received_at=now, facilities=self._facilities, receipt=receipt
        )


def _current_parties(understood: Iterable[Understood], stale: frozenset[UUID]) -> Iterator[Party]:
    """The people in deliveries that still take effect: a late one must not bring old records back."""
    for item in understood:
        if all(event.id not in stale for event in item.events):
            yield from item.parties


def _trouble(delivery: Delivery, interface: Interface | None, error: NotUnderstood) -> Trouble:
    return Trouble(
        code=error.code,
        outcome=Rejected.outcome,
        reason=error.reason,
        remedy=error.remedy,
        owner=interface.owner if interface else "integration",
        interface=delivery.interface,
        delivery=delivery.id,
        subject=f"Delivery/{delivery.id}",
    )
