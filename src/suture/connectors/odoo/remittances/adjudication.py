"""How much of what a claim says is booked, by what is open for it. Pure.

What was paid is always booked. What was adjusted away is booked all or not at all; what the patient owes as far as it
is open, less what that patient bears already. What is lacking because the patient paid it is given back to that
patient. Of a claim that can't be explained (it doesn't add up, or gives a reason without an account) the money alone is
booked: nothing that it says beside that can be trusted yet.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from suture.canonical.remittance import ClaimPayment
from suture.core.money import Money


class AdjustmentLine(msgspec.Struct, frozen=True):
    """Something adjusted away: by group and reason (``CO-45``), and on which account."""

    code: str
    account: int
    amount: Money


class Standpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim meets."""

    room: Decimal
    """What is open for it besides what was paid, and what its entries hold of it already."""
    found: bool
    """Whether there is anything to book it on."""
    billed: bool
    """Whether it is of the payer that was billed: another payer's leaves the share where the first one put it."""
    patient_known: bool
    surplus: Decimal
    """What the patient bears of the invoice beyond what other claims say is the patient's."""
    shared: Decimal = Decimal(0)
    """What of the share is booked already."""


class Adjudged(msgspec.Struct, frozen=True, kw_only=True):
    """What is booked. `fits` says that nothing but its patient is lacking, or an explanation; `whole` that nothing
    is."""

    adjusted: tuple[AdjustmentLine, ...] = ()
    share: Decimal = Decimal(0)
    fits: bool = True
    whole: bool = True
    without_patient: bool = False


def adjudge(claim: ClaimPayment, reasons: Sequence[AdjustmentLine], at: Standpoint, *, explained: bool) -> Adjudged:
    """`reasons` are those of the claim that are to be booked and aren't yet."""
    if not claim.answered:
        return Adjudged()
    if not explained:
        return Adjudged(whole=False)
    adjusted, share, fits = _fitting(tuple(reasons), claim.patient_responsibility.amount, at)
    without_patient = at.billed and not at.patient_known and claim.patient_responsibility.amount > 0
    return Adjudged(
        adjusted=adjusted,
        share=share,
        fits=fits,
        whole=fits and not without_patient,
        without_patient=without_patient,
    )


def _fitting(
    reasons: tuple[AdjustmentLine, ...], owes: Decimal, at: Standpoint
) -> tuple[tuple[AdjustmentLine, ...], Decimal, bool]:
    """The reasons and the share to be booked, and whether these are all."""
    known = at.billed and at.patient_known
    due = max(owes - at.surplus, Decimal(0)) if known else Decimal(0)
    room = at.room + at.shared
    rest = room - sum((one.amount.amount for one in reasons), Decimal(0))
    if known and rest < 0 and -rest <= at.surplus - owes:
        return reasons, rest - at.shared, True
    fits = not reasons or (at.found and rest >= 0)
    rest = rest if fits else room
    if not known:
        return reasons if fits else (), Decimal(0), fits
    share = max(min(due, rest), at.shared, Decimal(0))
    return reasons if fits else (), share - at.shared, fits and share >= due
