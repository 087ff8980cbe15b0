"""A remittance as a JSON document: one deposit of a payer and what it says of each claim.

Amounts are decimal strings in one currency; names are X12 835's. `suture remittance --example` prints one.
"""

from datetime import date
from decimal import Decimal

import msgspec

from suture.canonical.records import Payer
from suture.canonical.remittance import Adjustment, ClaimPayment, ClaimStatus, ProviderAdjustment, Remittance
from suture.core.money import Money

EXAMPLE = b"""{
  "number": "TRN-2026-1107",
  "payer": {"reference": "Payer/P1", "name": "Harbour Mutual"},
  "currency": "USD",
  "deposit": "95.00",
  "received_on": "2026-11-20",
  "claims": [
    {
      "claim": "C-4711", "appointment": "A-4711", "status": "1",
      "charged": "200.00", "paid": "120.00", "patient_responsibility": "30.00", "patient": "Patient/4711",
      "adjustments": [{"group": "CO", "reason": "45", "amount": "50.00"}]
    }
  ],
  "provider_adjustments": [{"reason": "WO", "reference": "C-3900", "amount": "25.00"}]
}
"""


class Unreadable(Exception):
    """A document is not a remittance. The text names the place, never the content."""


class _Adjustment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    group: str
    reason: str
    amount: Decimal


class _Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    claim: str
    appointment: str
    status: ClaimStatus
    charged: Decimal
    paid: Decimal
    patient_responsibility: Decimal = Decimal(0)
    patient: str | None = None
    adjustments: tuple[_Adjustment, ...] = ()


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: str
    amount: Decimal
    reference: str = ""


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    number: str
    payer: Payer
    currency: str
    deposit: Decimal
    received_on: date
    claims: tuple[_Claim, ...]
    provider_adjustments: tuple[_Kept, ...] = ()


def decode(document: bytes) -> tuple[Remittance, Payer]:
    """The remittance and its payer. Raises `Unreadable`."""
    try:
        told = msgspec.json.decode(document, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"not a remittance: {error}") from error
    currency = told.currency
    remittance = Remittance(
        number=told.number,
        payer=told.payer.reference,
        deposit=Money(told.deposit, currency),
        received_on=told.received_on,
        claims=tuple(_claim(claim, currency) for claim in told.claims),
        provider_adjustments=tuple(
            ProviderAdjustment(reason=kept.reason, reference=kept.reference, amount=Money(kept.amount, currency))
            for kept in told.provider_adjustments
        ),
    )
    return remittance, told.payer


def _claim(told: _Claim, currency: str) -> ClaimPayment:
    return ClaimPayment(
        claim=told.claim,
        appointment=told.appointment,
        status=told.status,
        charged=Money(told.charged, currency),
        paid=Money(told.paid, currency),
        patient_responsibility=Money(told.patient_responsibility, currency),
        patient=told.patient,
        adjustments=tuple(
            Adjustment(group=a.group, reason=a.reason, amount=Money(a.amount, currency)) for a in told.adjustments
        ),
    )
