"""From stored deliveries to recorded events, on a real Postgres."""

import asyncio
import copy
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest

from suture.canonical.records import Patient, Payer
from suture.catalogue import Catalogue
from suture.connectors.port import LedgerChange
from suture.core.clock import ManualClock
from suture.ingest import fhir_appointment, ledger_change
from suture.ingest.decoding import Context, Understood
from suture.ingest.ingester import DECODERS, Ingester
from suture.processes.definitions import ROUTES
from suture.store import exceptions
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.exceptions import OpenException
from suture.store.inbox import Inbox
from suture.store.parties import Parties
from suture.store.recorder import Recorder
from suture.store.sealing import MasterKey

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
MARK = "Zzyzxfamily"
PAYMENT = {
    "type": "payment.posted",
    "timestamp": "2026-03-02T15:00:00Z",
    "data": {
        "payment": {
            "id": "pay1",
            "charge_id": "c1",
            "charge_external_id": "a1",
            "amount": "30.00",
            "currency": "USD",
            "received_on": "2026-03-02",
        }
    },
}


class Desk:
    """An inbox, and ingesters that work through it."""

    def __init__(self, database: Database, vault: Vault, catalogue: Catalogue, clock: ManualClock) -> None:
        self.database, self.vault, self.catalogue, self.clock = database, vault, catalogue, clock
        self.inbox = Inbox(database, vault)
        self.parties = Parties(database, vault)
        self._numbers = itertools.count()

    def ingester(self) -> Ingester:
        return Ingester(
            database=self.database,
            vault=self.vault,
            parties=Parties(self.database, self.vault),
            recorder=Recorder(ROUTES),
            catalogue=self.catalogue,
            clock=self.clock,
        )

    async def deliver(self, *bodies: object, interface: str = "scheduling-appointments") -> None:
        for body in bodies:
            raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
            await self.inbox.accept(interface, f"d{next(self._numbers)}", raw, NOW)

    async def ingest(self) -> None:
        ingester = self.ingester()
        async with asyncio.timeout(30):
            while await ingester.ingest_batch():
                pass

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with self.database.connection() as connection:
            return [tuple(row) for row in await connection.fetch(query)]

    async def states(self) -> list[str]:
        return [state for (state,) in await self.rows("SELECT state FROM delivery ORDER BY id")]

    async def events(self, prefix: str = "suture.appointment") -> list[tuple[str, int, bool]]:
        """Short type, version and whether it was stale, in the order recorded."""
        rows = await self.rows(f"SELECT type, sequence, stale FROM event WHERE type LIKE '{prefix}%' ORDER BY seq")
        return [(type_.split(".")[2], sequence, stale) for type_, sequence, stale in rows]

    async def processes(self) -> dict[str, str]:
        """Process keys with their states; a cancelled one says so."""
        rows = await self.rows("SELECT key, CASE WHEN cancel_requested THEN 'cancelled' ELSE state END FROM process")
        return dict(rows)

    async def exceptions(self) -> list[OpenException]:
        async with self.database.connection() as connection:
            return await exceptions.open_exceptions(connection)


@pytest.fixture
def desk(database: Database, vault: Vault, catalogue: Catalogue, clock: ManualClock) -> Desk:
    return Desk(database, vault, catalogue, clock)


class TestOneDelivery:
    async def test_of_a_completed_appointment_starts_its_process(self, desk: Desk, notice) -> None:
        await desk.deliver(notice("completed", version=4))
        await desk.ingest()
        assert await desk.states() == ["ingested"]
        assert await desk.events() == [("completed", 4, False)]
        assert await desk.processes() == {"completed_appointment:a1": "running"}
        assert await desk.rows("SELECT reference, status, sequence FROM appointment") == [
            ("Appointment/a1", "fulfilled", 4)
        ]

    async def test_of_a_payment_starts_its_process(self, desk: Desk) -> None:
        await desk.deliver(PAYMENT, interface="billing-payments")
        await desk.ingest()
        assert await desk.processes() == {"posted_payment:pay1": "running"}

    async def test_keeps_its_people_and_tells_of_them_by_reference(self, desk: Desk, notice) -> None:
        await desk.deliver(notice("completed", family=MARK))
        await desk.ingest()
        patient = await desk.parties.get("Patient/p1")
        assert isinstance(patient, Patient)
        assert patient.family == MARK
        registered = await desk.rows("SELECT subject FROM event WHERE type LIKE '%registered%' ORDER BY subject")
        assert registered == [("Patient/p1",), ("Payer/o1",), ("Practitioner/d1",)]

    async def test_leaves_no_name_readable_anywhere_in_the_database(self, desk: Desk, notice) -> None:
        broken = notice("completed", appointment="a2", family=MARK)
        broken["data"]["entry"][3]["resource"]["identifier"] = []
        unreadable = msgspec.json.encode(notice(family=MARK)).replace(b'"status"', b'"status":[],"x"', 1)
        poisoned = notice("booked", appointment=f"{MARK} 1950", family=MARK)
        await desk.deliver(notice("completed", family=MARK), broken, unreadable, poisoned)
        await desk.ingest()
        assert sorted(await desk.states()) == ["excepted", "excepted", "excepted", "ingested"]
        columns = await desk.rows(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        )
        assert len(columns) > 50
        for table, column in columns:
            for (value,) in await desk.rows(f'SELECT "{column}" FROM "{table}"'):
                content = value if isinstance(value, bytes) else str(value).encode()
                assert MARK.encode() not in content, f"{table}.{column}"

    @pytest.mark.parametrize(
        ("body", "interface", "code"),
        [
            (b"not JSON", "scheduling-appointments", "invalid_payload"),
            (PAYMENT, "scheduling-appointments", "invalid_payload"),
            (b"[" * 100_000, "scheduling-appointments", "invalid_payload"),
            (b"not JSON", "billing-payments", "invalid_payload"),
            (PAYMENT | {"type": "payment.guessed"}, "billing-payments", "unknown_type"),
            (PAYMENT, "retired-interface", "interface_unknown"),
        ],
    )
    async def test_that_is_not_understood_becomes_an_exception(
        self, desk: Desk, body: object, interface: str, code: str
    ) -> None:
        await desk.deliver(body, interface=interface)
        await desk.ingest()
        assert await desk.states() == ["excepted"]
        (trouble,) = await desk.exceptions()
        assert (trouble.code, trouble.outcome, trouble.interface) == (code, "rejected", interface)
        assert trouble.remedy
        assert trouble.owner
        assert await desk.events("suture.exception") == [("raised", None, False)]

    async def test_whose_seal_is_broken_becomes_an_exception(self, desk: Desk, notice) -> None:
        await desk.deliver(notice())
        stranger = Vault(desk.database, MasterKey(b"x" * 32), "test-clinics")
        desk.vault = stranger
        await desk.ingest()
        assert [trouble.code for trouble in await desk.exceptions()] == ["seal_broken"]


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch, notice) -> dict[str, Any]:
    """A delivery that is understood, and that the database won't take."""

    def spoilt(body: bytes, context: Context) -> Understood:
        told = fhir_appointment.decode(body, context)
        events = tuple(
            msgspec.structs.replace(event, correlation_id="\x00") if event.subject == "Appointment/poison" else event
            for event in told.events
        )
        return msgspec.structs.replace(told, events=events)

    monkeypatch.setitem(cast("dict[str, Any]", DECODERS), "fhir-appointment.v1", spoilt)
    poisoned: dict[str, Any] = notice("completed", appointment="poison")
    return poisoned


class TestABatch:
    @pytest.mark.parametrize("place", [0, 37, 74])
    async def test_loses_nothing_but_the_poisoned_delivery(self, desk: Desk, notice, poison, place: int) -> None:
        bodies: list[object] = [notice("completed", appointment=f"a{n}") for n in range(75)]
        bodies[place] = poison
        bodies[(place + 5) % 75] = b"not JSON"
        await desk.deliver(*bodies)
        await desk.ingest()
        assert Counter(await desk.states()) == {"ingested": 73, "excepted": 2}
        assert {trouble.code for trouble in await desk.exceptions()} == {"ingest_broke", "invalid_payload"}
        assert len(await desk.processes()) == 73

    async def test_finds_the_poisoned_delivery_by_halving(self, desk: Desk, notice, poison) -> None:
        bodies: list[object] = [notice("completed", appointment=f"a{n}") for n in range(64)]
        bodies[63] = poison
        await desk.deliver(*bodies)
        ingester, rounds = desk.ingester(), 0
        while await ingester.ingest_batch():
            rounds += 1
        assert rounds < 25

    async def test_takes_a_fact_that_is_told_twice_once(self, desk: Desk, notice) -> None:
        await desk.deliver(notice("completed", version=3), notice("completed", version=3))
        await desk.ingest()
        assert await desk.states() == ["ingested", "ingested"]
        assert await desk.events() == [("completed", 3, False)]
        assert await desk.processes() == {"completed_appointment:a1": "running"}


LIFE = (("booked", 1), ("rescheduled", 2), ("arrived", 3), ("completed", 4))


class TestOrder:
    @pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
    @pytest.mark.parametrize(
        "arrival",
        [LIFE, tuple(reversed(LIFE)), (LIFE[3], LIFE[0], LIFE[3], LIFE[1]), (LIFE[1], LIFE[3], LIFE[0], LIFE[2])],
    )
    async def test_of_arrival_does_not_matter(self, desk: Desk, notice, arrival, together: bool) -> None:
        for kind, version in arrival:
            await desk.deliver(notice(kind, version=version))
            if not together:
                await desk.ingest()
        await desk.ingest()
        assert await desk.rows("SELECT status, sequence FROM appointment") == [("fulfilled", 4)]
        assert await desk.processes() == {"completed_appointment:a1": "running"}

    @pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
    @pytest.mark.parametrize(
        ("arrival", "processes"),
        [
            ((("completed", 1), ("cancelled", 2)), {"completed_appointment:a1": "cancelled"}),
            ((("cancelled", 1), ("completed", 2)), {"completed_appointment:a1": "running"}),
            ((("completed", 2), ("cancelled", 1)), {"completed_appointment:a1": "running"}),
            ((("completed", 1), ("noshow", 2)), {"completed_appointment:a1": "cancelled"}),
        ],
    )
    async def test_of_versions_decides_what_is_billed(
        self, desk: Desk, notice, arrival, processes: object, together: bool
    ) -> None:
        for kind, version in arrival:
            await desk.deliver(notice(kind, version=version))
            if not together:
                await desk.ingest()
        await desk.ingest()
        assert await desk.processes() == processes

    async def test_a_cancellation_that_came_before_the_older_completion_bills_nothing(self, desk: Desk, notice) -> None:
        await desk.deliver(notice("cancelled", version=2))
        await desk.ingest()
        await desk.deliver(notice("completed", version=1))
        await desk.ingest()
        assert await desk.events() == [("cancelled", 2, False), ("completed", 1, True)]
        assert await desk.processes() == {}

    async def test_a_late_delivery_does_not_bring_an_old_record_back(self, desk: Desk, notice) -> None:
        for version, family in ((5, "New"), (3, "Old")):
            await desk.deliver(notice("booked", version=version, family=family))
            await desk.ingest()
        assert (await desk.parties.get("Patient/p1")).family == "New"

    async def test_within_a_batch_the_newest_record_stays(self, desk: Desk, notice) -> None:
        await desk.deliver(notice("arrived", version=5, family="New"), notice("booked", version=3, family="Old"))
        await desk.ingest()
        assert (await desk.parties.get("Patient/p1")).family == "New"

    async def test_a_record_that_changes_back_is_kept_whoever_ingests_it(self, desk: Desk, notice) -> None:
        one, other = desk.ingester(), desk.ingester()
        for version, family, ingester in ((1, "Doe", one), (2, "Roe", other), (3, "Doe", one)):
            desk.clock.advance(NOW - NOW.replace(hour=14))
            await desk.deliver(notice("booked", version=version, family=family))
            await ingester.ingest_batch()
        assert (await desk.parties.get("Patient/p1")).family == "Doe"
        registered = await desk.rows("SELECT count(*) FROM event WHERE type = 'suture.patient.registered.v1'")
        assert registered == [(3,)]


SECOND = "north-appointments"


@pytest.fixture
def two_clinics(desk: Desk) -> Desk:
    """A desk whose catalogue has two interfaces that tell appointments, and two that tell payments, as no checked one
    has."""
    known = desk.catalogue.interfaces
    more = {SECOND: known["scheduling-appointments"], "north-payments": known["billing-payments"]}
    desk.catalogue = msgspec.structs.replace(desk.catalogue, interfaces=known | more)
    return desk


class TestContradictions:
    @pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
    async def test_a_lower_version_that_was_changed_later_is_a_persons(
        self, desk: Desk, notice, together: bool
    ) -> None:
        later = notice("cancelled", version=1)
        later["data"]["entry"][0]["resource"]["meta"]["lastUpdated"] = "2026-03-03T10:00:00Z"
        told = [notice("completed", version=3), later]
        for body in told if not together else reversed(told):
            await desk.deliver(body)
            if not together:
                await desk.ingest()
        await desk.ingest()
        (trouble,) = await desk.exceptions()
        assert (trouble.code, trouble.subject) == ("version_contradicts", "Appointment/a1")
        assert sorted(await desk.states()) == ["excepted", "ingested"]
        assert len(await desk.events()) == 1
        assert "cancelled" not in (await desk.processes()).values()

    async def test_a_lower_version_without_a_time_is_as_late_as_its_notice(self, desk: Desk, notice) -> None:
        for version, kind, sent in ((3, "completed", "15:00"), (2, "cancelled", "15:10"), (1, "booked", "14:00")):
            told = notice(kind, version=version)
            told["data"]["entry"][0]["resource"]["meta"].pop("lastUpdated", None)
            told["timestamp"] = f"2026-03-02T{sent}:00Z"
            await desk.deliver(told)
            await desk.ingest()
        (trouble,) = await desk.exceptions()
        assert (trouble.code, trouble.subject) == ("version_contradicts", "Appointment/a1")
        assert await desk.events() == [("completed", 3, False), ("booked", 1, True)]

    async def test_a_lower_version_that_was_changed_earlier_is_only_late(self, desk: Desk, notice) -> None:
        for version, kind in ((3, "completed"), (1, "booked")):
            await desk.deliver(notice(kind, version=version))
            await desk.ingest()
        assert await desk.exceptions() == []
        assert await desk.events() == [("completed", 3, False), ("booked", 1, True)]

    @pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
    async def test_one_id_of_two_interfaces_harms_nobody(self, two_clinics: Desk, notice, together: bool) -> None:
        desk = two_clinics
        await desk.deliver(notice("completed", version=3))
        if not together:
            await desk.ingest()
        await desk.deliver(notice("cancelled", version=9, patient="p9"), interface=SECOND)
        await desk.ingest()
        (trouble,) = await desk.exceptions()
        assert (trouble.code, trouble.subject, trouble.interface) == ("told_by_another", "Appointment/a1", SECOND)
        assert await desk.processes() == {"completed_appointment:a1": "running"}
        assert await desk.parties.get("Patient/p9") is None

    async def test_one_payment_id_of_two_interfaces_is_a_persons(self, two_clinics: Desk) -> None:
        for interface in ("billing-payments", "north-payments"):
            await two_clinics.deliver(PAYMENT, interface=interface)
            await two_clinics.ingest()
        assert [one.code for one in await two_clinics.exceptions()] == ["told_by_another"]

    async def test_an_interface_that_was_renamed_goes_on(self, desk: Desk, notice) -> None:
        await desk.deliver(notice("booked", version=1))
        await desk.ingest()
        known = dict(desk.catalogue.interfaces)
        known[SECOND] = known.pop("scheduling-appointments")
        desk.catalogue = msgspec.structs.replace(desk.catalogue, interfaces=known)
        await desk.deliver(notice("completed", version=2), interface=SECOND)
        await desk.ingest()
        assert await desk.exceptions() == []
        assert await desk.processes() == {"completed_appointment:a1": "running"}


class TestSeveralAppointments:
    async def test_of_one_delivery_are_each_recorded_or_each_asked_about(self, desk: Desk, notice) -> None:
        bundle = notice("cancelled", appointment="a1")
        for name in ("a2", "a3", "a4"):
            bundle["data"]["entry"].append(notice("cancelled", appointment=name)["data"]["entry"][0])
        for entry in bundle["data"]["entry"][-2:]:
            entry["resource"].update(status="fulfilled")
        await desk.deliver(bundle)
        await desk.ingest()
        assert [kind for kind, _, _ in await desk.events()] == ["cancelled", "cancelled"]
        asked = {(one.code, one.subject) for one in await desk.exceptions()}
        assert asked == {("no_encounter", "Appointment/a3"), ("no_encounter", "Appointment/a4")}
        assert await desk.states() == ["excepted"]

    async def test_of_which_none_is_understood_break_no_batch(self, desk: Desk, notice) -> None:
        bundle = notice("cancelled", appointment="a1")
        bundle["data"]["entry"].append(notice("cancelled", appointment="a2")["data"]["entry"][0])
        for entry in bundle["data"]["entry"]:
            entry["resource"]["status"] = "waitlist"
        await desk.deliver(bundle, notice("completed", appointment="b1"))
        await desk.ingest()
        assert await desk.states() == ["excepted", "ingested"]
        assert {one.code for one in await desk.exceptions()} == {"status_differs"}


class TestPeople:
    async def test_a_nameless_payer_keeps_the_name_that_was_told(self, desk: Desk, notice) -> None:
        for version in (1, 2):
            told = notice("completed", version=version, appointment=f"a{version}")
            if version == 2:
                told["data"]["entry"] = [
                    e for e in told["data"]["entry"] if e["resource"]["resourceType"] != "Organization"
                ]
            await desk.deliver(told)
            await desk.ingest()
        payer = await desk.parties.get("Payer/o1")
        assert payer is not None
        assert payer == Payer(reference="Payer/o1", name="Blue Harbour")

    async def test_a_payer_that_nobody_ever_named_is_asked_about_until_somebody_does(self, desk: Desk, notice) -> None:
        def nameless(version: int) -> dict:
            told = notice("completed", version=version, appointment=f"a{version}")
            entries = told["data"]["entry"]
            told["data"]["entry"] = [e for e in entries if e["resource"]["resourceType"] != "Organization"]
            return told

        await desk.deliver(nameless(1))
        await desk.ingest()
        (asked,) = await desk.exceptions()
        assert (asked.code, asked.subject) == ("payer_unclear", "Appointment/a1")
        assert not await desk.processes()

        await desk.deliver(notice("completed", version=2, appointment="a2"))
        await desk.ingest()
        await desk.deliver(nameless(3))
        await desk.ingest()
        assert len(await desk.processes()) == 2

    async def test_linked_records_are_told_once(self, desk: Desk, notice) -> None:
        for version in (1, 2):
            told = notice("booked", version=version)
            told["data"]["entry"][1]["resource"]["link"] = [{"other": {"reference": "Patient/p0"}, "type": "replaces"}]
            await desk.deliver(told)
            await desk.ingest()
            (asked,) = await desk.exceptions()
            assert (asked.code, asked.subject, asked.count) == ("patient_linked", "Patient/p1", 1)
        assert await desk.events("suture.patient.linked") == [("linked", None, False)]


class TestWorkers:
    async def test_share_the_inbox(self, desk: Desk, notice) -> None:
        await desk.deliver(*(notice("completed", appointment=f"a{n}") for n in range(150)))
        await asyncio.gather(*(_drain(desk.ingester()) for _ in range(3)))
        assert Counter(await desk.states()) == {"ingested": 150}
        assert len(await desk.processes()) == 150

    async def test_wake_when_they_are_called(
        self, desk: Desk, notice, eventually: Callable[..., Awaitable[None]]
    ) -> None:
        ingester = desk.ingester()
        loop = asyncio.create_task(ingester.run())
        try:
            await asyncio.sleep(0.1)
            await desk.deliver(notice())
            ingester.wake()
            await eventually(desk.processes, seconds=1.5)
        finally:
            await _stop(loop)

    async def test_outlive_the_database_being_away(
        self, line, vault: Vault, catalogue: Catalogue, clock: ManualClock, database: Database, notice, eventually
    ) -> None:
        cable, url = line
        far = await Database.connect(url)
        desk = Desk(far, vault, catalogue, clock)
        near = Desk(database, vault, catalogue, clock)
        loop = asyncio.create_task(desk.ingester().run())
        try:
            await cable.cut()
            await near.deliver(notice())
            await asyncio.sleep(0.2)
            assert not loop.done()
            await cable.mend()
            await eventually(near.processes)
        finally:
            await _stop(loop)
            await far.close()


async def _drain(ingester: Ingester) -> None:
    async with asyncio.timeout(30):
        while await ingester.ingest_batch():
            pass


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_visit_is_recorded_with_all_that_billing_needs(desk: Desk, notice) -> None:
    await desk.deliver(copy.deepcopy(notice("completed", version=9)))
    await desk.ingest()
    ((data, facility, occurred_at, causation_id, correlation_id),) = await desk.rows(
        "SELECT data, facility, occurred_at, causation_id, correlation_id FROM event WHERE type LIKE '%completed%'"
    )
    assert msgspec.json.decode(data)["visit"] == {
        "appointment": "a1",
        "patient": "Patient/p1",
        "practitioner": "Practitioner/d1",
        "facility": "MAIN",
        "payer": "Payer/o1",
        "guarantor": None,
        "started_at": "2026-03-02T09:00:00-05:00",
        "ended_at": "2026-03-02T09:30:00-05:00",
        "lines": [{"service": "OV-EST", "quantity": "1", "unit_price": None, "factor": "1"}],
        "day": "2026-03-02",
    }
    assert (facility, correlation_id) == ("MAIN", "a1")
    assert occurred_at == datetime(2026, 3, 2, 10, 9, tzinfo=UTC)
    assert [(causation_id,)] == await desk.rows("SELECT receipt FROM delivery")


async def test_what_was_recorded_before_days_were_is_the_same_told_again(desk: Desk, notice) -> None:
    await desk.deliver(notice("completed", version=9))
    await desk.ingest()
    for table, column in (("event", "data"), ("process", "input")):
        await desk.rows(f"UPDATE {table} SET {column} = replace({column}, ',\"day\":\"2026-03-02\"', '')")
    ((data,),) = await desk.rows("SELECT data FROM event WHERE type LIKE '%completed%'")
    assert "day" not in msgspec.json.decode(data)["visit"]
    await desk.deliver(notice("completed", version=9), notice("completed", version=10))
    await desk.ingest()
    assert await desk.exceptions() == []
    other = notice("completed", version=9)
    other["data"]["entry"] = [e for e in other["data"]["entry"] if e["resource"]["resourceType"] != "Coverage"]
    await desk.deliver(other)
    await desk.ingest()
    assert [one.code for one in await desk.exceptions()] == ["told_differently"]


@pytest.mark.parametrize(("kind", "told"), [("completed", "fulfilled"), ("booked", "booked")])
async def test_what_is_not_understood_says_what_it_would_have_told(desk: Desk, notice, kind: str, told: str) -> None:
    body = notice(kind)
    location = next(e["resource"] for e in body["data"]["entry"] if e["resource"]["resourceType"] == "Location")
    location["identifier"] = [{"value": "NOWHERE"}]
    await desk.deliver(body, b"not JSON")
    await desk.ingest()
    assert {one.code: one.told for one in await desk.exceptions()} == {
        "facility_unknown": told,
        "invalid_payload": None,
    }


async def test_what_is_read_in_the_ledger_about_a_visit_is_no_stranger_s(desk: Desk, notice) -> None:
    changed = LedgerChange(
        kind="invoice", what="changed", reference="a1", record=7, at=NOW, version="1", number="INV/1"
    )
    await desk.deliver(notice("completed"))
    await desk.deliver(ledger_change.encode(changed), interface="odoo-changes")
    await desk.deliver(notice("cancelled", version=2))
    await desk.ingest()
    assert await desk.states() == ["ingested"] * 3
    assert [one.code for one in await desk.exceptions()] == ["changed_in_odoo"]
