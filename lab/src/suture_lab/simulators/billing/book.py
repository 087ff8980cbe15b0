"""The billing platform's book: charges by the caller's key, payments, and who is covered by whom. No I/O."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from suture.core.money import round_money
from suture_lab.simulators.billing.messages import (
    BilledCharge,
    BilledPayment,
    BillingRefusal,
    ChargeAccount,
    ChargeLine,
    ChargeRequest,
    Claim,
    EligibilityAnswer,
    EligibilityRequest,
    RequestedLine,
)
from suture_lab.simulators.clinic.day import AppointmentPlan, ClinicDay
from suture_lab.simulators.observed import Journal

_REASONS = {"active": "", "inactive": "coverage_terminated", "unknown": "payer_did_not_answer"}


class Book:
    """All that the platform knows. Ids are made from the caller's key, so they are the same on every run."""

    def __init__(self, day: ClinicDay) -> None:
        self.currency = day.currency
        self.journal = Journal("billing")
        self.charges: list[str] = []
        self.payments: list[BilledPayment] = []
        self._prices = {service.code: service.price for service in day.services}
        self._plans = {plan.id: plan for plan in day.appointments}
        self._coverage = {(plan.patient, plan.payer): plan.eligible for plan in day.appointments if plan.payer}
        self._charges: dict[str, BilledCharge] = {}
        self._requests: dict[str, ChargeRequest] = {}
        self._adjudicated: set[str] = set()
        self._unclaimed: set[str] = set()
        self._paid: defaultdict[str, Decimal] = defaultdict(Decimal)

    def eligibility(self, request: EligibilityRequest) -> EligibilityAnswer:
        status = self._coverage.get((request.patient, request.payer))
        if status is None:
            return EligibilityAnswer("unknown", "no_such_member")
        return EligibilityAnswer(status, _REASONS[status])

    def capture(self, request: ChargeRequest) -> tuple[BilledCharge, bool]:
        """The charge of the request's key, and whether it is new. The same key never gets a second one."""
        charge_id = _id("CHG", request.external_id)
        known = self._charges.get(charge_id)
        if known is None:
            charge = self._priced(charge_id, request)
            self._charges[charge_id] = charge
            self._requests[charge_id] = request
            self.charges.append(charge_id)
            self.journal.saw(
                "charge.captured",
                charge.external_id,
                number=charge_id,
                amount=charge.total,
                day=request.service_date,
                party=_party(request.payer, request.patient),
            )
            return charge, True
        if self._requests[charge_id] != request:
            raise BillingRefusal(409, "external_id_conflict", "this external id has a charge with other content")
        if known.status == "voided":
            raise BillingRefusal(409, "charge_voided", "the charge of this external id was voided")
        return known, False

    def void(self, charge_id: str) -> BilledCharge:
        charge = self.charge(charge_id)
        if charge.status == "voided":
            return charge
        if self._paid[charge_id]:
            raise BillingRefusal(409, "charge_paid", "the charge has payments; refund them first")
        voided = msgspec.structs.replace(charge, status="voided")
        self._charges[charge_id] = voided
        self.journal.saw("charge.voided", charge.external_id, number=charge_id, amount=charge.total)
        return voided

    def charge(self, charge_id: str) -> BilledCharge:
        try:
            return self._charges[charge_id]
        except KeyError:
            raise BillingRefusal(404, "no_such_charge", f"there is no charge {charge_id}") from None

    def account(self, charge_id: str) -> ChargeAccount:
        """The charge with what it is for, and what was paid on it."""
        charge, request = self.charge(charge_id), self._requests[charge_id]
        return ChargeAccount(
            **msgspec.structs.asdict(charge),
            paid=self._paid[charge_id],
            service_date=request.service_date,
            facility=request.facility,
            payer=request.payer,
        )

    def find(self, external_id: str) -> list[ChargeAccount]:
        """The charge of the caller's key, or nothing."""
        charge_id = _id("CHG", external_id)
        return [self.account(charge_id)] if charge_id in self._charges else []

    def between(self, first: date, last: date) -> list[str]:
        """The charges with a day of service from `first` to `last`, in order of capture."""
        return [one for one in self.charges if first <= self._requests[one].service_date <= last]

    def claim(self, charge_id: str) -> Claim | None:
        """What the payer was asked for a charge; None where there is no payer, or the claim was never made."""
        charge, request = self._charges[charge_id], self._requests[charge_id]
        if request.payer is None or charge_id in self._unclaimed:
            return None
        return Claim(
            id=_id("CLM", charge.external_id),
            charge_id=charge_id,
            charge_external_id=charge.external_id,
            payer=request.payer,
            amount=charge.total,
            currency=charge.currency,
            status=self._claim_status(charge_id),
            submitted_on=request.service_date,
        )

    def _claim_status(self, charge_id: str) -> Literal["submitted", "paid", "denied", "cancelled"]:
        if self._charges[charge_id].status == "voided":
            return "cancelled"
        if charge_id not in self._adjudicated:
            return "submitted"
        return "paid" if self._paid[charge_id] else "denied"

    def lose(self, external_id: str, what: Literal["charge", "claim"]) -> None:
        """Have somebody delete a charge, or its claim, behind everyone's back."""
        charge_id = _id("CHG", external_id)
        self.charge(charge_id)
        if what == "claim":
            self._unclaimed.add(charge_id)
            return
        self.charges.remove(charge_id)
        del self._charges[charge_id], self._requests[charge_id]
        self._adjudicated.add(charge_id)

    def amend(self, external_id: str, total: Decimal | None, facility: str | None) -> None:
        """Have somebody change a charge behind everyone's back."""
        charge_id = _id("CHG", external_id)
        charge, request = self.charge(charge_id), self._requests[charge_id]
        if total is not None:
            self._charges[charge_id] = msgspec.structs.replace(charge, total=total)
        if facility is not None:
            self._requests[charge_id] = msgspec.structs.replace(request, facility=facility)

    @property
    def voided(self) -> int:
        return sum(charge.status == "voided" for charge in self._charges.values())

    @property
    def payments_due(self) -> int:
        """How many payments there will be in the end, those posted included."""
        waiting = self._charges.keys() - self._adjudicated
        return len(self.payments) + sum(len(self.planned_payments(charge_id)) for charge_id in waiting)

    def adjudicate(self, charge_id: str) -> Sequence[BilledPayment]:
        """Post the charge's payments; answers those that are new. None on a voided charge, and never twice."""
        if charge_id in self._adjudicated:
            return ()
        posted = self.planned_payments(charge_id)
        self._adjudicated.add(charge_id)
        self.payments.extend(posted)
        for payment in posted:
            self._paid[charge_id] += payment.amount
            of = payment.charge_external_id
            self.journal.saw(
                "payment.posted",
                payment.id,
                number=payment.id,
                amount=payment.amount,
                of=of,
                day=payment.received_on,
                party=_party(payment.payer, self._requests[charge_id].patient),
            )
        return posted

    def planned_payments(self, charge_id: str) -> list[BilledPayment]:
        """The payments that the day plans for a charge, together never more than its total."""
        charge, request = self._charges[charge_id], self._requests[charge_id]
        plan = self._plans.get(charge.external_id)
        if plan is None or charge.status == "voided":
            return []
        return [
            BilledPayment(
                id=_id("PAY", f"{charge.external_id}#{number}"),
                charge_id=charge_id,
                charge_external_id=charge.external_id,
                amount=amount,
                currency=charge.currency,
                received_on=request.service_date,
                payer=request.payer if by_payer else None,
            )
            for number, amount, by_payer in _capped(plan, charge.total)
        ]

    def _priced(self, charge_id: str, request: ChargeRequest) -> BilledCharge:
        if not request.lines:
            raise BillingRefusal(422, "no_lines", "a charge needs at least one line")
        lines = tuple(self._priced_line(line) for line in request.lines)
        amounts = (round_money(line.quantity * line.unit_price, self.currency) for line in lines)
        return BilledCharge(
            id=charge_id,
            external_id=request.external_id,
            status="captured",
            currency=self.currency,
            total=sum(amounts, round_money(Decimal(0), self.currency)),
            lines=lines,
        )

    def _priced_line(self, line: RequestedLine) -> ChargeLine:
        if line.code not in self._prices:
            raise BillingRefusal(422, "unknown_code", f"the price list has no service {line.code}")
        price = self._prices[line.code] if line.unit_price is None else line.unit_price
        if not (line.quantity.is_finite() and price.is_finite() and line.quantity > 0 and price >= 0):
            raise BillingRefusal(422, "invalid_amount", "quantities are above zero and prices not below it")
        return ChargeLine(line.code, line.quantity, round_money(price, self.currency))


def _capped(plan: AppointmentPlan, total: Decimal) -> list[tuple[int, Decimal, bool]]:
    """The plan's payments as (number, amount, whether the payer pays), cut where they would exceed `total`."""
    capped, still_open = [], total
    for number, payment in enumerate(plan.payments, start=1):
        amount = min(payment.amount, still_open)
        if amount > 0:
            capped.append((number, amount, payment.payer is not None))
            still_open -= amount
    return capped


def _party(payer: str | None, patient: str) -> str:
    """Who owes or pays, in the words of all three systems."""
    return f"Payer/{payer}" if payer else f"Patient/{patient}"


def _id(prefix: str, key: str) -> str:
    return f"{prefix}-{hashlib.sha256(key.encode()).hexdigest()[:16].upper()}"
