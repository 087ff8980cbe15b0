"""The billing platform's JSON, typed, and what it means in our language. Pure."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import msgspec

from suture.canonical.records import Charge, EligibilityStatus, JournalFact, PricedLine, ServiceLine, Visit
from suture.core.money import LARGEST, Money, round_money, unusable

ELIGIBILITY = {
    "active": EligibilityStatus.VERIFIED,
    "inactive": EligibilityStatus.REFUSED,
    "unknown": EligibilityStatus.UNKNOWN,
}


class WireEligibility(msgspec.Struct, frozen=True):
    status: str
    reason: str = ""


class WireLine(msgspec.Struct, frozen=True):
    code: str
    quantity: Decimal
    unit_price: Decimal


class WireCharge(msgspec.Struct, frozen=True):
    id: str
    external_id: str
    status: str
    currency: str
    total: Decimal
    lines: tuple[WireLine, ...]
    paid: Decimal = Decimal(0)
    service_date: date | None = None
    facility: str | None = None
    payer: str | None = None


class WireClaim(msgspec.Struct, frozen=True):
    id: str
    charge_external_id: str
    payer: str
    amount: Decimal
    currency: str
    status: str
    submitted_on: date


class WirePayment(msgspec.Struct, frozen=True):
    id: str
    charge_id: str
    charge_external_id: str
    amount: Decimal
    currency: str
    received_on: date
    payer: str | None = None


class ChargePage(msgspec.Struct, frozen=True):
    charges: tuple[WireCharge, ...]
    next: str | None = None


class ClaimPage(msgspec.Struct, frozen=True):
    claims: tuple[WireClaim, ...]
    next: str | None = None


class PaymentPage(msgspec.Struct, frozen=True):
    payments: tuple[WirePayment, ...]
    next: str | None = None


class WireError(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class ErrorBody(msgspec.Struct, frozen=True):
    error: WireError = WireError()


class About(msgspec.Struct, frozen=True):
    name: str = ""
    version: str = ""


def eligibility_request(visit: Visit, payer: str, on: date) -> dict[str, Any]:
    return {"patient": _bare(visit.patient), "payer": _bare(payer), "service_date": on}


def charge_request(visit: Visit, on: date) -> dict[str, Any]:
    """The visit as a charge to capture; its appointment is the key that makes doing it again harmless."""
    return {
        "external_id": visit.appointment,
        "patient": _bare(visit.patient),
        "practitioner": _bare(visit.practitioner),
        "facility": visit.facility,
        "payer": None if visit.payer is None else _bare(visit.payer),
        "service_date": on,
        "lines": [_line_request(line) for line in visit.lines],
    }


def charge_of(wire: WireCharge) -> Charge:
    return Charge(
        number=wire.id,
        appointment=wire.external_id,
        total=Money(wire.total, wire.currency),
        lines=tuple(
            PricedLine(service=line.code, quantity=line.quantity, unit_price=line.unit_price) for line in wire.lines
        ),
    )


def difference(visit: Visit, wire: WireCharge, currency: str) -> str | None:
    """In which respect a captured charge is not the visit's, or None where it is."""
    figures = [wire.total, *(figure for line in wire.lines for figure in (line.quantity, line.unit_price))]
    if not all(figure.is_finite() and abs(figure) < LARGEST for figure in figures) or unusable(wire.total, currency):
        return "total"
    amounts = (round_money(line.quantity * line.unit_price, currency) for line in wire.lines)
    checks = {
        "external_id": wire.external_id == visit.appointment,
        "status": wire.status == "captured",
        "currency": wire.currency == currency,
        "lines": len(wire.lines) == len(visit.lines) and all(map(_same_line, visit.lines, wire.lines)),
        "total": wire.total == sum(amounts, Decimal(0)),
    }
    return next((name for name, holds in checks.items() if not holds), None)


def charge_fact(wire: WireCharge) -> JournalFact:
    total, paid = Money(wire.total, wire.currency), Money(wire.paid, wire.currency)
    return JournalFact(
        kind="charge",
        key=wire.external_id,
        number=wire.id,
        state=wire.status,
        amount=total,
        open=total - paid,
        day=wire.service_date,
        facility=wire.facility,
        party=_payer(wire.payer),
    )


def claim_fact(wire: WireClaim) -> JournalFact:
    return JournalFact(
        kind="claim",
        key=wire.charge_external_id,
        number=wire.id,
        state=wire.status,
        amount=Money(wire.amount, wire.currency),
        day=wire.submitted_on,
        party=_payer(wire.payer),
    )


def payment_fact(wire: WirePayment) -> JournalFact:
    return JournalFact(
        kind="payment",
        key=wire.id,
        number=wire.id,
        state="posted",
        amount=Money(wire.amount, wire.currency),
        day=wire.received_on,
        party=_payer(wire.payer),
        of=wire.charge_external_id,
    )


def payment_notice(wire: WirePayment) -> bytes:
    """A delivery's body by contract ``billing-payment.v1``; billing keeps no time of a payment, so it is its day's."""
    at = datetime.combine(wire.received_on, time(), UTC)
    return msgspec.json.encode({"type": "payment.posted", "timestamp": at, "data": {"payment": wire}})


def _payer(payer: str | None) -> str:
    return f"Payer/{payer}" if payer else ""


def _bare(reference: str) -> str:
    """The id in a reference such as ``Patient/4711``: billing's API has a field for each kind."""
    return reference.rpartition("/")[2]


def _line_request(line: ServiceLine) -> dict[str, Any]:
    request: dict[str, Any] = {"code": line.service, "quantity": _priced_quantity(line)}
    return request if line.unit_price is None else request | {"unit_price": line.unit_price}


def _same_line(ours: ServiceLine, theirs: WireLine) -> bool:
    agreed = ours.unit_price is None or ours.unit_price == theirs.unit_price
    return agreed and (ours.service, _priced_quantity(ours)) == (theirs.code, theirs.quantity)


def _priced_quantity(line: ServiceLine) -> Decimal:
    """How many times billing's price counts: a factor of the visit is part of it."""
    return line.quantity if line.factor == 1 else line.quantity * line.factor
