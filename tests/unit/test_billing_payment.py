"""Contract billing-payment.v1: a posted payment in, one canonical event out."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from suture.canonical.records import Payment
from suture.catalogue import Catalogue
from suture.core.money import Money
from suture.ingest.billing_payment import decode
from suture.ingest.decoding import Context, NotUnderstood

RECEIVED = datetime(2026, 3, 2, 15, tzinfo=UTC)
MARK = "Zzyzxfamily"


@pytest.fixture
def context(catalogue: Catalogue) -> Context:
    return Context(catalogue=catalogue, system="billing", received_at=RECEIVED, facilities=frozenset({"MAIN"}))


def webhook(*, type: str = "payment.posted", timestamp: object = "2026-03-02T10:00:00-05:00", **payment: Any) -> bytes:
    told = {
        "id": "pay1",
        "charge_id": "c1",
        "charge_external_id": "a1",
        "amount": "30.00",
        "currency": "USD",
        "received_on": "2026-03-02",
    } | payment
    told = {name: value for name, value in told.items() if value is not ...}
    return msgspec.json.encode({"type": type, "timestamp": timestamp, "data": {"payment": told}})


def test_a_posted_payment_is_one_event(context: Context) -> None:
    understood = decode(webhook(payer="o1"), context)
    (event,) = understood.events
    assert (event.type, event.subject, event.correlation_id) == ("suture.payment.posted.v1", "Payment/pay1", "a1")
    assert event.occurred_at == datetime(2026, 3, 2, 15, tzinfo=UTC)
    assert event.payload().payment == Payment(
        payment="pay1",
        charge="c1",
        appointment="a1",
        amount=Money(Decimal("30.00"), "USD"),
        received_on=date(2026, 3, 2),
        payer="Payer/o1",
    )
    assert (understood.parties, understood.appointment_status) == ((), None)


def test_told_twice_it_is_the_same_event(context: Context) -> None:
    one, again, other = (decode(webhook(id=key), context).events[0].id for key in ("pay1", "pay1", "pay2"))
    assert one == again != other


@pytest.mark.parametrize("amount", [30, 30.5, "30", "0.01", "30.000"])
def test_amounts_may_be_numbers_or_text(context: Context, amount: object) -> None:
    assert decode(webhook(amount=amount), context).events[0].payload().payment.amount.amount == Decimal(str(amount))


def test_without_a_zone_the_time_of_receipt_counts(context: Context) -> None:
    assert decode(webhook(timestamp="2026-03-02T10:00:00"), context).events[0].occurred_at == RECEIVED


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (webhook(type="payment.guessed"), "unknown_type"),
        (webhook(currency="EUR"), "currency_differs"),
        (webhook(amount="0"), "amount_invalid"),
        (webhook(amount="-1.00"), "amount_invalid"),
        (webhook(amount="0.001"), "amount_invalid"),
        (webhook(amount="NaN"), "amount_invalid"),
        (webhook(amount="sNaN"), "amount_invalid"),
        (webhook(amount="Infinity"), "amount_invalid"),
        (webhook(amount="1e400"), "amount_invalid"),
        (webhook(amount=MARK), "invalid_payload"),
        (webhook(received_on=MARK), "invalid_payload"),
        (webhook(id=...), "invalid_payload"),
        (webhook(id=f"{MARK} 1950"), "id_invalid"),
        (webhook(charge_external_id=f"{MARK}\n1950"), "id_invalid"),
        (webhook(payer=f"{MARK} 1950"), "id_invalid"),
        (webhook(currency=MARK), "currency_differs"),
        (webhook(timestamp=MARK), "invalid_payload"),
        (b"\xff", "invalid_payload"),
        (b'{"type": "\xff"}', "invalid_payload"),
        (b"[" * 100_000, "invalid_payload"),
        (b"", "invalid_payload"),
    ],
)
def test_what_is_not_understood_says_why_and_not_what_it_holds(context: Context, body: bytes, code: str) -> None:
    with pytest.raises(NotUnderstood) as caught:
        decode(body, context)
    assert caught.value.code == code
    assert MARK not in caught.value.reason
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("body", "subject"),
    [
        (webhook(type="payment.voided"), "Payment/pay1"),
        (webhook(amount="abc"), "Payment/pay1"),
        (webhook(amount="50.005"), "Payment/pay1"),
        (webhook(currency="EUR"), "Payment/pay1"),
        (webhook(received_on=...), "Payment/pay1"),
        (webhook(id=f"{MARK} John 1950"), None),
        (b"not JSON", None),
    ],
)
def test_what_can_not_be_read_is_about_its_payment_where_that_is_named(
    context: Context, body: bytes, subject: str | None
) -> None:
    with pytest.raises(NotUnderstood) as caught:
        decode(body, context)
    assert caught.value.subject == subject
