"""What people do to the ledger: have a record written again, book a remittance; audited, and told where it matters."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import date
from decimal import Decimal
from uuid import UUID, uuid5

import msgspec
import pytest
from tests.integration.recovery import rows

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor
from suture.acting.context import CommandContext, LedgerContext
from suture.bootstrap.composition import recorder as make_recorder
from suture.canonical.events import AppointmentCompleted, Event, PaymentPosted
from suture.canonical.examples import EXAMPLES
from suture.canonical.records import Patient, Payer
from suture.catalogue import Catalogue
from suture.commands import ledger as commands
from suture.connectors.odoo.ledger import OdooLedger
from suture.connectors.odoo.remittances import posting
from suture.connectors.port import LedgerPlan, RemittanceProgress
from suture.core.clock import SystemClock
from suture.core.failure import Rejected
from suture.core.money import Money
from suture.processes.definitions import ROUTES
from suture.projection.journeys import JourneyProjection
from suture.store import audit, events, exceptions, journeys
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.parties import Parties
from suture.store.recorder import Recorder
from suture.views.search import find
from suture_lab.conformance.orders import (
    PAYER,
    PLAN,
    a_claim,
    a_payment,
    a_remittance,
    a_reversal,
    billed_to_payer,
    open_of,
    usd,
)
from suture_lab.simulators.odoo import create_app
from suture_lab.simulators.serving import serving

ADA = Actor("ada", "as agreed", (ADMINISTRATOR,))
TOLD = Payer(reference=PAYER.reference, name=PAYER.name)


@pytest.fixture
def desk(database: Database, vault: Vault, catalogue: Catalogue) -> CommandContext:
    return CommandContext(
        database=database, vault=vault, recorder=Recorder(ROUTES), catalogue=catalogue, clock=SystemClock()
    )


@pytest.fixture
async def odoo() -> AsyncIterator[str]:
    async with serving(create_app(version=19, api_keys={"key": "bot"})) as url:
        yield url


@pytest.fixture
async def ledger(odoo: str) -> AsyncIterator[OdooLedger]:
    ledger = connected(odoo, PLAN)
    await ledger.prepare(PLAN)
    yield ledger
    await ledger.close()


def connected(url: str, plan: LedgerPlan) -> OdooLedger:
    return OdooLedger.connect(
        name="odoo", url=url, database="suture", api_key="key", organisation="conformance", plan=plan
    )


def at(desk: CommandContext, ledger: OdooLedger) -> LedgerContext:
    return LedgerContext(**vars(desk), ledger=ledger)


async def billed(ledger: OdooLedger, *keys: str) -> None:
    for key in keys:
        await ledger.draft_invoice(billed_to_payer(key))
        await ledger.post_invoice(key, usd("200.00"))


async def acts(desk: CommandContext) -> list[tuple[str, str, str]]:
    async with desk.database.connection() as connection:
        return [(entry.actor, entry.action, entry.subject) for entry in await audit.newest(connection)]


async def test_a_remittance_is_booked_with_the_patients_that_we_know(desk: CommandContext, ledger: OdooLedger) -> None:
    await billed(ledger, "A1", "A2")
    known = Patient(reference="Patient/A1", identifiers=(), family="Quillfeather", given="Zebedee")
    async with desk.database.transaction() as connection:
        await Parties(desk.database, desk.vault).put(connection, [(known, desk.clock.now())], desk.clock.now())
    progress: list[RemittanceProgress] = []
    remittance = a_remittance("R1", a_claim("A1"), a_claim("A2"))
    posted = await commands.book_remittance(at(desk, ledger), ADA, remittance, TOLD, progress=progress.append)
    assert (posted.claims, posted.unapplied, progress[-1].claims) == (2, (), 2)
    assert await troubles(desk) == [("patient_unknown", "A2-claim")]
    assert await open_of(ledger, "Patient/A1") == 30
    assert await open_of(ledger, PAYER.reference) == 30  # of A2, whose patient nobody told us of
    assert await acts(desk) == [("ada", "remittance.book", "Remittance/R1-era")]


async def test_a_claim_that_finds_nothing_open_waits_for_a_person(desk: CommandContext, ledger: OdooLedger) -> None:
    await billed(ledger, "A1")
    lost = a_claim("lost", patient="0.00", **{"CO-45": "80.00"})
    for _ in range(2):
        await commands.book_remittance(
            at(desk, ledger), ADA, a_remittance("R1", a_claim("A1"), lost), TOLD, progress=lambda _: None
        )
    async with desk.database.connection() as connection:
        found = await exceptions.open_exceptions(connection)
    (trouble,) = (one for one in found if one.code == "claim_unapplied")
    assert (trouble.subject, "lost-claim" in trouble.reason, bool(trouble.remedy)) == ("Remittance/R1-era", True, True)
    await billed(ledger, "lost")
    await commands.book_remittance(
        at(desk, ledger), ADA, a_remittance("R1", a_claim("A1"), lost), TOLD, progress=lambda _: None
    )
    assert await troubles(desk) == [("patient_unknown", "A1-claim")]  # the other was completed, and nobody need look


async def test_what_a_remittance_settled_is_seen_in_the_journey_and_it_is_no_appointment_itself(
    desk: CommandContext, ledger: OdooLedger
) -> None:
    await billed(ledger, "A1", "A2")
    back = a_remittance("R2", a_reversal("A1"))
    lost = a_claim("lost", patient="0.00", **{"CO-45": "80.00"})
    projection = JourneyProjection(desk.database, desk.recorder, desk.clock)
    files = [a_remittance("R1", a_claim("A1"), lost), back, back]
    for told, expected in zip(files, [(30, "partial"), (200, "not_paid"), (200, "not_paid")], strict=True):
        await commands.book_remittance(at(desk, ledger), ADA, told, TOLD, progress=lambda _: None)
        async with desk.database.connection() as connection:
            recorded = [one.event for one in await events.unpublished(connection, 100)]
        await projection.apply(recorded)
        async with desk.database.connection() as connection:
            row = await journeys.one(connection, "A1")
            seen = await journeys.recent(connection, 10)
        assert row is not None
        assert (row.residual, row.payment_state) == expected
        assert [one.appointment for one in seen] == []  # no system told of any appointment here
    assert len([one for one in recorded if one.type == "suture.invoice.settled.v1"]) == 2


async def test_a_visit_is_found_by_every_number_that_its_remittance_has(
    desk: CommandContext, ledger: OdooLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The payer's of remittance and claim, and the ledger's of each entry; again, none of it stands twice."""
    monkeypatch.setattr(posting, "PART", 1)  # an entry for the deposit, and one for each claim
    await billed(ledger, "A1", "A2")
    remittance = a_remittance("R1", a_claim("A1"), a_claim("A2"))

    async def leads(asked: str) -> list[tuple[str, str]]:
        return [(one.path.removeprefix("/journeys/"), one.kind) for one in await find(desk, asked)]

    for _ in range(2):
        posted = await commands.book_remittance(at(desk, ledger), ADA, remittance, TOLD, progress=lambda _: None)
        deposit, first, second = posted.numbers
        asked_about = ("R1-era", "exceptions of the remittance")
        assert await leads("R1-era") == [("A1", "remittance"), ("A2", "remittance"), asked_about]
        assert await leads("A2-claim") == [("A2", "claim")]
        assert await leads(deposit) == [("A1", "bank entry"), ("A2", "bank entry")]
        assert (await leads(first), await leads(second)) == ([("A1", "bank entry")], [("A2", "bank entry")])


async def test_what_completes_a_claim_is_found_and_a_visit_that_nobody_told_of_is_not(
    desk: CommandContext, ledger: OdooLedger
) -> None:
    lost = a_remittance("R1", a_claim("lost", patient="0.00", **{"CO-45": "80.00"}))
    for _ in range(3):
        posted = await commands.book_remittance(at(desk, ledger), ADA, lost, TOLD, progress=lambda _: None)
        entries = posted.of_visits["lost"]
        found = [[one.path for one in await find(desk, number)] for number in ("lost-claim", *entries)]
        assert found in ([[]] * 2, [["/journeys/lost"]] * 3)
        await billed(ledger, "lost")
    assert len(entries) == 2


async def troubles(desk: CommandContext) -> list[tuple[str, str]]:
    """What waits for a person: codes, and the claim in each one's key."""
    async with desk.database.connection() as connection:
        found = await exceptions.open_exceptions(connection)
    return sorted((one.code, (one.process or "").rpartition("/")[2]) for one in found)


def told(desk: CommandContext, fact: str, data: msgspec.Struct, journey: str) -> Event:
    return Event(
        id=uuid5(UUID(int=0), fact + journey),
        type=f"suture.{fact}.v1",
        source="test",
        subject=f"{fact.partition('.')[0].title()}/{journey}",
        organisation="test",
        facility="MAIN",
        occurred_at=desk.clock.now(),
        recorded_at=desk.clock.now(),
        correlation_id=journey,
        data=msgspec.Raw(msgspec.json.encode(data)),
    )


async def test_a_payment_that_is_told_differently_is_its_billings_owners(desk: CommandContext) -> None:
    recorder = make_recorder(desk.catalogue)
    for amount in ("40.00", "50.00"):
        paid = PaymentPosted(payment=a_payment("A1", amount))
        async with desk.database.transaction() as connection:
            await recorder.record(connection, [told(desk, "payment.posted", paid, "A1")])
    async with desk.database.connection() as connection:
        (trouble,) = await exceptions.open_exceptions(connection)
    assert (trouble.code, trouble.owner) == ("told_differently", "revenue cycle")


async def test_a_share_that_names_no_patient_is_the_visits_patients(desk: CommandContext, ledger: OdooLedger) -> None:
    await billed(ledger, "A1")
    known = Patient(reference="Patient/A1", identifiers=(), family="Quillfeather", given="Zebedee")
    visit = EXAMPLES[AppointmentCompleted].visit  # type: ignore[attr-defined]
    visit = msgspec.structs.replace(visit, appointment="A1", patient=known.reference)
    async with desk.database.transaction() as connection:
        await Parties(desk.database, desk.vault).put(connection, [(known, desk.clock.now())], desk.clock.now())
        await desk.recorder.record(
            connection, [told(desk, "appointment.completed", AppointmentCompleted(visit=visit), "A1")]
        )
    claim = msgspec.structs.replace(a_claim("A1"), patient=None)
    await commands.book_remittance(at(desk, ledger), ADA, a_remittance("R1", claim), TOLD, progress=lambda _: None)
    assert (await open_of(ledger, "Patient/A1"), await troubles(desk)) == (30, [])


async def test_a_share_of_another_patient_than_the_visits_is_asked_about(
    desk: CommandContext, ledger: OdooLedger
) -> None:
    await billed(ledger, "A1")
    visit = EXAMPLES[AppointmentCompleted].visit  # type: ignore[attr-defined]
    visit = msgspec.structs.replace(visit, appointment="A1", patient="Patient/A1")
    people = [Patient(reference=f"Patient/{name}", identifiers=(), family=name, given="") for name in ("A1", "B2")]
    async with desk.database.transaction() as connection:
        now = desk.clock.now()
        await Parties(desk.database, desk.vault).put(connection, [(one, now) for one in people], now)
        await desk.recorder.record(
            connection, [told(desk, "appointment.completed", AppointmentCompleted(visit=visit), "A1")]
        )
    claim = msgspec.structs.replace(a_claim("A1"), patient="Patient/B2")
    for whose, asked, shares in ((claim, ["patient_unclear"], (0, 0)), (a_claim("A1"), [], (30, 0))):
        await commands.book_remittance(at(desk, ledger), ADA, a_remittance("R1", whose), TOLD, progress=lambda _: None)
        assert [code for code, _ in await troubles(desk)] == asked
        assert (await open_of(ledger, "Patient/A1"), await open_of(ledger, "Patient/B2")) == shares


async def test_a_claim_with_a_reason_without_an_account_is_completed_once_it_has_one(
    desk: CommandContext, odoo: str, ledger: OdooLedger
) -> None:
    await billed(ledger, "A1")
    told_ = a_remittance("R1", a_claim("A1", **{"CO-45": "0", "XX-99": "50.00"}, patient="30.00"))
    known = Patient(reference="Patient/A1", identifiers=(), family="Quillfeather", given="Zebedee")
    async with desk.database.transaction() as connection:
        await Parties(desk.database, desk.vault).put(connection, [(known, desk.clock.now())], desk.clock.now())
    await commands.book_remittance(at(desk, ledger), ADA, told_, TOLD, progress=lambda _: None)
    assert await troubles(desk) == [("adjustment_unmapped", "A1-claim")]
    assert await open_of(ledger, PAYER.reference) == 80
    again = connected(
        odoo, msgspec.structs.replace(PLAN, adjustments={**PLAN.adjustments, "XX": PLAN.adjustments["CO-45"]})
    )
    for _ in range(2):
        await commands.book_remittance(at(desk, again), ADA, told_, TOLD, progress=lambda _: None)
        assert await troubles(desk) == []
        assert (await open_of(again, PAYER.reference), await open_of(again, "Patient/A1")) == (0, 30)
    await again.close()


@pytest.mark.parametrize("received_on", [date(1, 1, 1), date(1999, 1, 1), date(9999, 12, 31)])
async def test_a_date_of_an_impossible_year_is_refused_as_a_date(
    desk: CommandContext, ledger: OdooLedger, received_on: date
) -> None:
    await billed(ledger, "A1")
    told_ = msgspec.structs.replace(a_remittance("R1", a_claim("A1")), received_on=received_on)
    with pytest.raises(Rejected) as caught:
        await commands.book_remittance(at(desk, ledger), ADA, told_, TOLD, progress=lambda _: None)
    assert caught.value.code == "time_implausible"


async def test_a_name_in_a_claim_numbers_place_stands_in_no_exception(desk: CommandContext, ledger: OdooLedger) -> None:
    name = "Zebedee Quillfeather 1950"
    await billed(ledger, "A1", "A2", "A3")
    claims = [
        msgspec.structs.replace(a_claim(key, **odd), claim=f"{name} {key}", status=status)
        for key, odd, status in (
            ("A1", {}, "1"),
            ("A2", {"paid": "1.00"}, "1"),
            ("A3", {"CO-45": "0", f"XX-{name}": "50.00"}, "1"),
            ("lost", {}, "1"),
            ("A4", {}, name),
        )
    ]
    await commands.book_remittance(at(desk, ledger), ADA, a_remittance("R1", *claims), TOLD, progress=lambda _: None)
    async with desk.database.connection() as connection:
        found = await exceptions.open_exceptions(connection)
    assert {one.code for one in found} >= {"claim_unbalanced", "adjustment_unmapped", "claim_unapplied", "claim_status"}
    assert not [one for one in found if name in f"{one.reason} {one.remedy} {one.process} {one.subject}"]
    assert [one.reason for one in found if "claim no. 2 " in one.reason]
    numbers = await rows(desk.database, "SELECT number FROM journey_number")
    assert ("R1-era",) in numbers
    assert not [number for (number,) in numbers if name in number]


async def test_a_number_that_stands_for_something_else_waits_for_a_person(
    desk: CommandContext, ledger: OdooLedger
) -> None:
    await billed(ledger, "A1", "A2")
    free = {"paid": "0.00", "patient": "150.00"}
    for claim, refused in ((a_claim("A1", **free), False), (a_claim("A2", **free), True)):
        zero_pay = a_remittance("R1", claim)
        with pytest.raises(Rejected, match="another remittance") if refused else nullcontext():
            await commands.book_remittance(at(desk, ledger), ADA, zero_pay, TOLD, progress=lambda _: None)
    assert ("remittance_differs", f"{PAYER.reference.partition('/')[2]} R1-era") in await troubles(desk)


async def test_a_remittance_in_another_currency_is_refused(desk: CommandContext, ledger: OdooLedger) -> None:
    told = msgspec.structs.replace(a_remittance("R1"), deposit=Money(Decimal(0), "XOF"))
    with pytest.raises(Rejected, match="is in XOF, where USD is kept"):
        await commands.book_remittance(at(desk, ledger), ADA, told, TOLD, progress=lambda _: None)


async def test_a_payer_is_named_as_its_owner_told(desk: CommandContext, ledger: OdooLedger) -> None:
    owners = Payer(reference="Payer/p9", name="As Its Owner Says")
    async with desk.database.transaction() as connection:
        await Parties(desk.database, desk.vault).put(connection, [(owners, desk.clock.now())], desk.clock.now())
    told = a_remittance("R1", a_claim("lost"), payer=owners.reference)
    shouted = Payer(reference=owners.reference, name="AS ITS OWNR")
    await commands.book_remittance(at(desk, ledger), ADA, told, shouted, progress=lambda _: None)
    session = await ledger._server.session(None)
    (found,) = await session.odoo.search("res.partner", [["ref", "=", owners.reference]], ["name"])
    assert found["name"] == owners.name
