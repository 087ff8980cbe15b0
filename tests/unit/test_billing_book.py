"""The billing platform's rules: its own prices, one charge a key, payments that never exceed the charge."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from suture_lab.simulators.billing.book import Book
from suture_lab.simulators.billing.messages import BillingRefusal, ChargeRequest, EligibilityRequest, RequestedLine
from suture_lab.simulators.clinic.day import AppointmentPlan, ClinicDay
from suture_lab.simulators.clinic.generate import generate

DAY = generate(seed=1, appointments=100, day=date(2025, 3, 3))


def paid_plan(day: ClinicDay, payments: int = 1) -> AppointmentPlan:
    return next(plan for plan in day.appointments if plan.payer and len(plan.payments) == payments)


def request_for(plan: AppointmentPlan) -> ChargeRequest:
    return ChargeRequest(
        external_id=plan.id,
        patient=plan.patient,
        practitioner=plan.practitioner,
        facility=plan.facility,
        payer=plan.payer,
        service_date=plan.start.date(),
        lines=tuple(RequestedLine(line.code, line.quantity, line.unit_price) for line in plan.lines),
    )


def problem_of(book: Book, request: ChargeRequest) -> tuple[int, str]:
    with pytest.raises(BillingRefusal) as caught:
        book.capture(request)
    return caught.value.status, caught.value.code


def test_the_price_list_prices_and_an_agreed_price_wins() -> None:
    request = msgspec.structs.replace(
        request_for(paid_plan(DAY)),
        lines=(RequestedLine("S1010", Decimal(2)), RequestedLine("S1110", Decimal(1), Decimal("9.90"))),
    )
    charge, new = Book(DAY).capture(request)
    assert new
    assert [line.unit_price for line in charge.lines] == [Decimal("85.00"), Decimal("9.90")]
    assert (charge.total, charge.currency, charge.status) == (Decimal("179.90"), "USD", "captured")


def test_one_key_has_one_charge() -> None:
    book, request = Book(DAY), request_for(paid_plan(DAY))
    first, _ = book.capture(request)
    assert book.capture(request) == (first, False)
    assert problem_of(book, msgspec.structs.replace(request, patient="x")) == (409, "external_id_conflict")
    assert book.charges == [first.id]
    assert Book(DAY).capture(request)[0].id == first.id


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (RequestedLine("NONE", Decimal(1)), "unknown_code"),
        (RequestedLine("S1010", Decimal(0)), "invalid_amount"),
        (RequestedLine("S1010", Decimal("NaN")), "invalid_amount"),
        (RequestedLine("S1010", Decimal(1), Decimal(-1)), "invalid_amount"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(line: RequestedLine, code: str) -> None:
    request = msgspec.structs.replace(request_for(paid_plan(DAY)), lines=(line,))
    assert problem_of(Book(DAY), request) == (422, code)


def test_a_charge_without_lines_is_refused() -> None:
    request = msgspec.structs.replace(request_for(paid_plan(DAY)), lines=())
    assert problem_of(Book(DAY), request) == (422, "no_lines")


def test_payments_follow_the_plan_once() -> None:
    plan, book = paid_plan(DAY, payments=2), Book(DAY)
    charge, _ = book.capture(request_for(plan))
    assert book.payments_due == 2
    posted = book.adjudicate(charge.id)
    assert [(payment.amount, payment.payer) for payment in posted] == [
        (plan.payments[0].amount, plan.payer),
        (plan.payments[1].amount, None),
    ]
    assert sum(payment.amount for payment in posted) == charge.total
    assert book.adjudicate(charge.id) == ()
    assert book.payments_due == len(book.payments) == 2


def test_payments_never_exceed_the_charge() -> None:
    request = request_for(paid_plan(DAY, payments=2))
    cheap = msgspec.structs.replace(request, lines=(RequestedLine("S1010", Decimal(1), Decimal("1.00")),))
    book = Book(DAY)
    posted = book.adjudicate(book.capture(cheap)[0].id)
    assert [payment.amount for payment in posted] == [Decimal("1.00")]


def test_without_a_payer_on_the_charge_the_patient_pays() -> None:
    book = Book(DAY)
    charge, _ = book.capture(msgspec.structs.replace(request_for(paid_plan(DAY)), payer=None))
    assert [payment.payer for payment in book.adjudicate(charge.id)] == [None]


def test_voiding_is_idempotent_and_stops_payments() -> None:
    book, request = Book(DAY), request_for(paid_plan(DAY))
    charge, _ = book.capture(request)
    assert book.void(charge.id).status == "voided"
    assert book.void(charge.id) == book.charge(charge.id)
    assert book.adjudicate(charge.id) == []
    assert (book.voided, book.payments_due) == (1, 0)
    assert problem_of(book, request) == (409, "charge_voided")


def test_a_paid_charge_is_not_voided() -> None:
    book = Book(DAY)
    charge, _ = book.capture(request_for(paid_plan(DAY)))
    book.adjudicate(charge.id)
    with pytest.raises(BillingRefusal, match="refund them first"):
        book.void(charge.id)


def test_eligibility_is_the_plan_s() -> None:
    book, plan = Book(DAY), paid_plan(DAY)
    answer = book.eligibility(EligibilityRequest(plan.patient, str(plan.payer), plan.start.date()))
    assert answer.status == plan.eligible
    stranger = book.eligibility(EligibilityRequest("nobody", str(plan.payer), plan.start.date()))
    assert (stranger.status, stranger.reason) == ("unknown", "no_such_member")
