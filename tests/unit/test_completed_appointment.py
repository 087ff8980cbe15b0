"""The process "appointment completed" read as a page: its steps, and what each asks of the outside systems."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from suture.canonical.events import InvoicePosted
from suture.canonical.records import (
    Charge,
    Component,
    Eligibility,
    EligibilityStatus,
    Patient,
    Payer,
    Payment,
    Practitioner,
    PricedLine,
    RelatedPerson,
    ServiceLine,
    Visit,
)
from suture.catalogue import Catalogue, Service
from suture.catalogue.days import Days
from suture.catalogue.model import Facility, Product, ServiceIndex
from suture.connectors.port import DraftedInvoice, LedgerEntry, PostedInvoice, StockDocument
from suture.core.failure import Rejected
from suture.core.money import Money
from suture.engine.definition import AwaitEvent, Step
from suture.engine.process import Journal, StepRecord
from suture.engine.run import Outcome, Run
from suture.processes.definitions import DEFINITIONS, ROUTES, completed_appointment, posted_payment
from suture.processes.toolbox import Toolbox

DEFINITION = completed_appointment.DEFINITION
NOW = datetime(2026, 3, 9, 3, tzinfo=UTC)  # still the 8th in New York
PEOPLE = {
    "Patient/p1": Patient(reference="Patient/p1", identifiers=(), family="Doe", given="Jo", city="Harbour"),
    "Patient/dad": Patient(reference="Patient/dad", identifiers=(), family="Doe", given="Dad"),
    "RelatedPerson/mum": RelatedPerson(reference="RelatedPerson/mum", identifiers=(), family="Doe", given="Mum"),
    "Practitioner/d1": Practitioner(reference="Practitioner/d1", identifiers=(), name="Dr. House"),
    "Payer/o1": Payer(reference="Payer/o1", name="Blue Harbour"),
}


class Outside:
    """Billing, the ledger and the people we know, in memory: each call is noted and answered plainly."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.eligibility = Eligibility(status=EligibilityStatus.VERIFIED, payer="Payer/o1")
        self.prices = {"VISIT": Decimal("100.00"), "INJECT": Decimal("33.35")}

    async def get(self, reference: str) -> object:
        return PEOPLE.get(reference)

    async def check_eligibility(self, visit: Visit, on: date) -> Eligibility:
        self.calls.append(("check_eligibility", on))
        return self.eligibility

    async def capture_charge(self, visit: Visit, on: date) -> Charge:
        self.calls.append(("capture_charge", on))
        lines = tuple(
            PricedLine(service=line.service, quantity=line.quantity, unit_price=self.prices[line.service])
            for line in visit.lines
        )
        amount = sum((line.quantity * line.unit_price for line in lines), Decimal(0))
        return Charge(number="C1", appointment=visit.appointment, total=Money(amount, "USD"), lines=lines)

    def of_company(self, company: str | None) -> "Outside":
        return self

    def __getattr__(self, call: str) -> Any:
        async def answer(*arguments: Any) -> Any:
            self.calls.append((call, arguments[0] if len(arguments) == 1 else arguments))
            return ANSWERS[call]

        return answer


ANSWERS: dict[str, Any] = {
    "draft_invoice": DraftedInvoice(invoice=7, total=Money(Decimal(200), "USD")),
    "post_invoice": PostedInvoice(
        invoice=7, number="INV/1", posted_on=date(2026, 3, 2), total=Money(Decimal(200), "USD")
    ),
    "consume_stock": StockDocument(number="OUT/1", moves=2),
    "return_stock": StockDocument(number="IN/1", moves=2),
    "accrue_compensation": LedgerEntry(number="ACC/1", amount=Money(Decimal(60), "USD")),
    "reverse_compensation": LedgerEntry(number="ACC/2", amount=Money(Decimal(60), "USD")),
    "cancel_invoice": "RINV/1",
    "void_charge": "C1",
}


@pytest.fixture
def outside() -> Outside:
    return Outside()


class EveryDayOpen:
    """A calendar in which no month was ever closed."""

    async def open_day(self, day: date) -> date:
        return day


@pytest.fixture
def tools(catalogue: Catalogue, outside: Outside) -> Toolbox:
    """A catalogue of two services: VISIT uses gloves and earns the default share, INJECT uses more and earns half."""
    gloves, syringe = ("GLOVES", "SYRINGE")
    services = (
        Service(code="VISIT", name="Office visit", kit=(Component(product=gloves, quantity=Decimal(1)),)),
        Service(
            code="INJECT",
            name="Injection",
            kit=(
                Component(product=syringe, quantity=Decimal(1)),
                Component(product=gloves, quantity=Decimal(2)),
            ),
            compensation=Decimal("0.5"),
        ),
        Service(code="TALK", name="Telephone call", compensation=Decimal(0)),
    )
    products = tuple(Product(code=code, name=code.title()) for code in (gloves, syringe))
    governed = msgspec.structs.replace(catalogue, services=services, products=products)
    return Toolbox(
        billing=outside,
        ledger=outside,
        parties=outside,  # type: ignore[arg-type]
        catalogue=governed,
        services=ServiceIndex(governed),
        days=Days(governed),
        calendar=EveryDayOpen(),  # type: ignore[arg-type]
        closing=None,  # type: ignore[arg-type]
    )


def visit(*lines: tuple[str, int], **more: Any) -> Visit:
    return Visit(
        **{
            "appointment": "a1",
            "patient": "Patient/p1",
            "practitioner": "Practitioner/d1",
            "facility": "MAIN",
            "payer": "Payer/o1",
            "started_at": datetime(2026, 3, 3, 4, 30, tzinfo=UTC),
            "ended_at": datetime(2026, 3, 3, 4, 59, tzinfo=UTC),  # the 2nd in New York
            "lines": tuple(ServiceLine(service=service, quantity=Decimal(quantity)) for service, quantity in lines),
        }
        | more
    )


class Played:
    """The process run to its end (and undone), step by step, without an engine."""

    def __init__(self, told: Visit, tools: Toolbox) -> None:
        self._told, self._tools = told, tools
        self.journal: Journal = {}
        self.done: list[str] = []
        self.facts: list[tuple[str, msgspec.Struct]] = []

    def run(self) -> Run[Visit]:
        return Run("completed_appointment:a1", self._told, self.journal, NOW)

    def forward(self) -> "Played":
        for step in DEFINITION.steps:
            assert isinstance(step, Step)
            if step.when is None or step.when(self.run(), self._tools):
                self._note(step.name, asyncio.run(step.do(self.run(), self._tools)))
        return self

    def backward(self) -> "Played":
        for step in reversed(DEFINITION.steps):
            if isinstance(step, Step) and step.undo and step.name in self.journal:
                outcome = asyncio.run(step.undo(self.run(), self._tools))
                self.facts += outcome.facts
        return self

    def _note(self, step: str, outcome: Outcome) -> None:
        self.done.append(step)
        self.facts += outcome.facts
        self.journal[step] = StepRecord(state="done", at=NOW, result=msgspec.Raw(msgspec.json.encode(outcome.result)))

    @property
    def told(self) -> list[str]:
        return [event_type.removeprefix("suture.").removesuffix(".v1") for event_type, _ in self.facts]


def test_the_page() -> None:
    page = [(step.name, step.role, isinstance(step, Step) and step.undo is not None) for step in DEFINITION.steps]
    assert page == [
        ("resolve", "scheduling", False),
        ("check_eligibility", "billing", False),
        ("capture_charge", "billing", True),
        ("draft_invoice", "ledger", True),
        ("consume_stock", "stock", True),
        ("accrue_compensation", "ledger", True),
        ("post_invoice", "ledger", False),
    ]


def test_what_starts_and_what_cancels_it() -> None:
    assert {
        (route.type, route.action, route.definition) for route in ROUTES if route.definition != "month_end_close"
    } == {
        ("suture.appointment.completed.v1", "start", "completed_appointment"),
        *(
            (f"suture.appointment.{fact}.v1", "cancel", "completed_appointment")
            for fact in ("cancelled", "no_show", "booked", "rescheduled", "arrived")
        ),
        ("suture.payment.posted.v1", "start", "posted_payment"),
    }
    assert {definition.name for definition in DEFINITIONS} == {route.definition for route in ROUTES}


def test_a_payment_waits_for_its_invoice() -> None:
    wait, apply = posted_payment.DEFINITION.steps
    assert isinstance(wait, AwaitEvent)
    assert (wait.type, apply.name) == ("suture.invoice.posted.v1", "apply_payment")
    assert wait.patience is not None
    assert wait.patience < wait.deadline


@pytest.mark.parametrize(
    ("payer", "patient", "partner"),
    [
        ("Payer/o1", "Patient/p1", ("Payer/o1", "Blue Harbour", False)),
        ("Payer/o2", "Patient/p1", ("Payer/o2", "o2", True)),
        (None, "Patient/p1", ("Patient/p1", "Jo Doe", False)),
        (None, None, None),
    ],
    ids=["payer", "unknown_payer", "patient", "as_told_before"],
)
async def test_a_payment_is_applied_in_the_name_of_who_paid(
    tools: Toolbox, outside: Outside, payer: str | None, patient: str | None, partner: tuple[str, str, bool] | None
) -> None:
    paid = Payment(
        payment="p1",
        charge="C1",
        appointment="a1",
        amount=Money(Decimal(40), "USD"),
        received_on=date(2026, 3, 2),
        payer=payer,
    )
    posted = InvoicePosted(
        appointment="a1", invoice=7, number="INV/1", total=Money(Decimal(200), "USD"), patient=patient
    )
    named = await posted_payment._partner(paid, posted, tools)
    assert (named and (named.reference, named.name, named.hearsay)) == partner


def test_a_visit_with_everything_runs_every_step_and_tells_of_each(tools: Toolbox) -> None:
    played = Played(visit(("VISIT", 1), ("INJECT", 2)), tools).forward()
    assert played.done == [step.name for step in DEFINITION.steps]
    assert played.told == [
        "eligibility.verified",
        "charge.captured",
        "invoice.drafted",
        "stock.consumed",
        "compensation.accrued",
        "invoice.posted",
    ]


def test_what_was_done_is_undone_in_reverse(tools: Toolbox, outside: Outside) -> None:
    played = Played(visit(("VISIT", 1)), tools).forward()
    played.facts.clear()
    outside.calls.clear()
    played.backward()
    assert played.told == ["compensation.reversed", "stock.returned", "invoice.cancelled", "charge.voided"]
    assert outside.calls == [
        ("reverse_compensation", ("a1", date(2026, 3, 8))),
        ("return_stock", "a1"),
        ("cancel_invoice", ("a1", date(2026, 3, 8))),
        ("void_charge", ("a1", "C1")),
    ]


@pytest.mark.parametrize(
    ("lines", "payer", "skipped"),
    [
        ([("VISIT", 1)], None, {"check_eligibility"}),
        ([("TALK", 1)], "Payer/o1", {"consume_stock", "accrue_compensation"}),
    ],
)
def test_steps_that_do_not_apply_are_left_out(
    tools: Toolbox, outside: Outside, lines: Sequence[tuple[str, int]], payer: str | None, skipped: set[str]
) -> None:
    outside.prices["TALK"] = Decimal(20)
    played = Played(visit(*lines, payer=payer), tools).forward()
    assert {step.name for step in DEFINITION.steps} - set(played.done) == skipped


@pytest.mark.parametrize(
    ("lines", "components"),
    [
        ([("VISIT", 1)], {"GLOVES": 1}),
        ([("VISIT", 3)], {"GLOVES": 3}),
        ([("INJECT", 1)], {"GLOVES": 2, "SYRINGE": 1}),
        ([("VISIT", 1), ("INJECT", 2)], {"GLOVES": 5, "SYRINGE": 2}),
        ([("VISIT", 1), ("VISIT", 1)], {"GLOVES": 2}),
    ],
)
def test_kits_are_used_up_by_quantity_one_line_a_product(
    tools: Toolbox, outside: Outside, lines: Sequence[tuple[str, int]], components: dict[str, int]
) -> None:
    Played(visit(*lines), tools).forward()
    order = dict(outside.calls)["consume_stock"]
    assert {component.product: component.quantity for component in order.components} == components
    assert (order.facility, order.on) == ("MAIN", date(2026, 3, 2))


@pytest.mark.parametrize(
    ("lines", "share"),
    [
        ([("VISIT", 1)], "30.00"),  # 30 % of 100.00
        ([("INJECT", 1)], "16.68"),  # half of 33.35 is 16.675
        ([("INJECT", 2)], "33.35"),
        ([("INJECT", 1), ("INJECT", 1)], "33.35"),  # rounded once, over all services
        ([("VISIT", 1), ("INJECT", 1)], "46.68"),
    ],
)
def test_compensation_is_a_share_of_each_service_rounded_once(
    tools: Toolbox, outside: Outside, lines: Sequence[tuple[str, int]], share: str
) -> None:
    Played(visit(*lines), tools).forward()
    order = dict(outside.calls)["accrue_compensation"]
    assert (order.amount, order.on) == (Money(Decimal(share), "USD"), date(2026, 3, 2))
    assert str(order.amount.amount) == share


def test_all_that_follows_from_a_visit_is_of_its_day_at_its_facility(tools: Toolbox, outside: Outside) -> None:
    honolulu = Facility(code="NORTH", name="North", timezone="Pacific/Honolulu")
    governed = msgspec.structs.replace(tools.catalogue, facilities=(*tools.catalogue.facilities, honolulu))
    tools = replace(tools, catalogue=governed, days=Days(governed))
    evening = visit(("VISIT", 1), facility="NORTH", ended_at=datetime(2026, 11, 1, 9, 30, tzinfo=UTC))
    Played(evening, tools).forward()
    called = dict(outside.calls)
    days = {
        called["check_eligibility"],
        called["capture_charge"],
        called["draft_invoice"].invoice_date,
        called["consume_stock"].on,
        called["accrue_compensation"].on,
    }
    assert days == {date(2026, 10, 31)}


def test_the_payer_is_invoiced_and_the_ledger_learns_of_no_patient(tools: Toolbox, outside: Outside) -> None:
    Played(visit(("VISIT", 1)), tools).forward()
    order = dict(outside.calls)["draft_invoice"]
    assert (order.partner.reference, order.partner.name, order.partner.is_company) == ("Payer/o1", "Blue Harbour", True)
    assert b"Doe" not in msgspec.json.encode(order)
    assert (order.invoice_date, order.names) == (date(2026, 3, 2), {"VISIT": "Office visit"})


def test_a_patient_who_pays_alone_is_invoiced_with_what_a_bill_needs(tools: Toolbox, outside: Outside) -> None:
    Played(visit(("VISIT", 1), payer=None), tools).forward()
    partner = dict(outside.calls)["draft_invoice"].partner
    assert (partner.reference, partner.name, partner.city, partner.is_company) == (
        "Patient/p1",
        "Jo Doe",
        "Harbour",
        False,
    )


@pytest.mark.parametrize("guarantor", ["RelatedPerson/mum", "Patient/dad"])
def test_a_guarantor_is_invoiced_in_the_patients_place(tools: Toolbox, outside: Outside, guarantor: str) -> None:
    Played(visit(("VISIT", 1), payer=None, guarantor=guarantor), tools).forward()
    calls = dict(outside.calls)
    partner = calls["draft_invoice"].partner
    assert (partner.reference, partner.role, partner.is_company) == (guarantor, "guarantor", False)
    assert partner.name.endswith("Doe")
    assert b"Patient/p1" not in msgspec.json.encode(calls["draft_invoice"])
    assert "check_eligibility" not in calls


def test_a_guarantor_of_whom_nobody_told_is_asked_for(tools: Toolbox) -> None:
    with pytest.raises(Rejected) as caught:
        Played(visit(("VISIT", 1), payer=None, guarantor="RelatedPerson/x"), tools).forward()
    assert caught.value.code == "party_unknown"


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (visit(), "nothing_to_bill"),
        (visit(("UNHEARD-OF", 1)), "service_unknown"),
        (visit(("VISIT", 1), facility="ELSEWHERE"), "facility_unknown"),
        (visit(("VISIT", 1), patient="Patient/x"), "party_unknown"),
        (visit(("VISIT", 1), practitioner="Practitioner/x"), "party_unknown"),
        (visit(("VISIT", 1), payer="Payer/x"), "party_unknown"),
    ],
)
def test_what_can_not_be_resolved_is_rejected_before_anything_is_written(
    tools: Toolbox, outside: Outside, told: Visit, code: str
) -> None:
    with pytest.raises(Rejected) as caught:
        Played(told, tools).forward()
    assert caught.value.code == code
    assert caught.value.remedy
    assert outside.calls == []


@pytest.mark.parametrize("status", [EligibilityStatus.VERIFIED, EligibilityStatus.UNKNOWN])
def test_an_answer_on_eligibility_is_told(tools: Toolbox, outside: Outside, status: EligibilityStatus) -> None:
    outside.eligibility = Eligibility(status=status, payer="Payer/o1")
    assert f"eligibility.{status}" in Played(visit(("VISIT", 1)), tools).forward().told


def test_a_refused_coverage_comes_to_a_person(tools: Toolbox, outside: Outside) -> None:
    outside.eligibility = Eligibility(status=EligibilityStatus.REFUSED, payer="Payer/o1", reason="plan ended")
    with pytest.raises(Rejected, match="plan ended") as caught:
        Played(visit(("VISIT", 1)), tools).forward()
    assert caught.value.code == "coverage_refused"
    assert [call for call, _ in outside.calls] == ["check_eligibility"]
