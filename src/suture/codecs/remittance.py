"""A remittance as a JSON document: one deposit of a payer and what it says of each claim.

Amounts are decimal strings in one currency; names are X12 835's. `suture remittance --example` prints one.
"""

import codecs
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import msgspec
from iso4217 import Currency

from suture.canonical.records import Payer
from suture.canonical.remittance import Adjustment, ClaimPayment, ProviderAdjustment, Remittance
from suture.core.codes import is_code
from suture.core.money import Money, total, unusable

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


class _Amount:
    """A number as documents write it: a sign, ASCII digits, and a point before decimals. Python's Decimal reads much
    else (1_000, full-width digits, 1e3), which a sender may mean otherwise."""

    def __init__(self, told: object) -> None:
        written = str(told) if isinstance(told, str | int) else ""
        if not _AMOUNT.fullmatch(written):
            raise ValueError("is not an amount: write digits with a point before the decimals, such as 1000.50")
        self.number = Decimal(written)

    def of(self, currency: str) -> Money:
        return Money(self.number, currency)


class _Adjustment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    group: str
    reason: str
    amount: _Amount


class _Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    claim: str
    appointment: str
    status: str
    charged: _Amount
    paid: _Amount
    patient_responsibility: _Amount | None = None
    patient: str | None = None
    adjustments: tuple[_Adjustment, ...] = ()


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: str
    amount: _Amount
    reference: str = ""


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    number: str
    payer: Payer
    currency: str
    deposit: _Amount
    received_on: date
    claims: tuple[_Claim, ...]
    provider_adjustments: tuple[_Kept, ...] = ()


def decode(document: bytes) -> tuple[Remittance, Payer]:
    """The remittance and its payer. Raises `Unreadable`: also where a number is no amount of its currency, since none
    is ever rounded."""
    try:
        told = _DECODER.decode(document.removeprefix(codecs.BOM_UTF8))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"not a remittance: {_said(str(error))}") from error
    for place, why in _faults(told):
        raise Unreadable(f"not a remittance: {place} {why}")
    currency = told.currency
    remittance = Remittance(
        number=told.number.strip(),
        payer=told.payer.reference,
        deposit=told.deposit.of(currency),
        received_on=told.received_on,
        claims=tuple(_claim(claim, currency) for claim in told.claims),
        provider_adjustments=tuple(
            ProviderAdjustment(reason=kept.reason, reference=kept.reference, amount=kept.amount.of(currency))
            for kept in told.provider_adjustments
        ),
    )
    return remittance, told.payer


_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DECODER = msgspec.json.Decoder(
    _Document,
    dec_hook=lambda kind, told: kind(told),
    float_hook=str,  # as it is written: binary floating point would round it
)
_NO_DATE = "Invalid RFC3339 encoded date"
_QUOTED = re.compile(r"'[^']*'")
_REFERENCE = re.compile(r"Payer/\S+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST = 200


def _said(error: str) -> str:
    """What the decoder found, after its place where that says it in a sentence; never what was quoted."""
    text, _, place = error.replace(_NO_DATE, "is not a date: write YYYY-MM-DD, such as 2026-11-20").partition(" - at ")
    return f"{place.strip('`')} {text}" if place and text.startswith("is ") else _QUOTED.sub("…", error)


def _faults(told: _Document) -> Iterator[tuple[str, str]]:
    """Where a document says what no remittance can, as a JSON path, and why."""
    try:
        Currency(told.currency)
    except ValueError:
        yield "$.currency", "is not a currency code (ISO 4217)"
        return
    yield from _unwritable(told)
    yield from _unnamed(told)
    for place, amount in _amounts(told):
        if why := unusable(amount.number, told.currency):
            yield place, why


def _unwritable(told: _Document) -> Iterator[tuple[str, str]]:
    for place, text in _texts(told):
        if _CONTROL.search(text):
            yield place, "has a character that is not allowed (a line break or control character)"
        if len(text) > _LONGEST:
            yield place, f"is longer than {_LONGEST} characters"


def _unnamed(told: _Document) -> Iterator[tuple[str, str]]:
    """What would have to tell one thing from another, and doesn't."""
    if not is_code(told.number.strip()):
        yield "$.number", "is not a number of one word (TRN02), by which the payer identifies the remittance"
    if not _REFERENCE.fullmatch(told.payer.reference):
        yield "$.payer.reference", "is not a payer's reference, such as Payer/P1"
    if not told.payer.name.strip():
        yield "$.payer.name", "is empty"
    if not told.claims and not told.provider_adjustments:
        yield "$.claims", "is empty, and no adjustment explains the deposit"
    for number, claim in enumerate(told.claims):
        if not claim.claim.strip() or not claim.appointment.strip():
            yield f"$.claims[{number}]", "names no claim (CLP01) or no appointment"
    for number, kept in enumerate(told.provider_adjustments):
        if not is_code(kept.reason):
            yield f"$.provider_adjustments[{number}].reason", "is not a code (PLB03-1)"


def _texts(told: _Document) -> Iterator[tuple[str, str]]:
    """All that people wrote, with its JSON path."""
    yield from _written("$", told, ("number",))
    yield from _written("$.payer", told.payer, ("reference", "name"))
    for number, claim in enumerate(told.claims):
        place = f"$.claims[{number}]"
        yield from _written(place, claim, ("claim", "appointment", "status", "patient"))
        for n, adjustment in enumerate(claim.adjustments):
            yield from _written(f"{place}.adjustments[{n}]", adjustment, ("group", "reason"))
    for number, kept in enumerate(told.provider_adjustments):
        yield from _written(f"$.provider_adjustments[{number}]", kept, ("reason", "reference"))


def _written(place: str, of: msgspec.Struct, fields: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return ((f"{place}.{field}", getattr(of, field) or "") for field in fields)


def _amounts(told: _Document) -> Iterator[tuple[str, _Amount]]:
    yield "$.deposit", told.deposit
    for number, claim in enumerate(told.claims):
        place = f"$.claims[{number}]"
        yield f"{place}.charged", claim.charged
        yield f"{place}.paid", claim.paid
        if claim.patient_responsibility is not None:
            yield f"{place}.patient_responsibility", claim.patient_responsibility
        for n, adjustment in enumerate(claim.adjustments):
            yield f"{place}.adjustments[{n}].amount", adjustment.amount
    for number, kept in enumerate(told.provider_adjustments):
        yield f"$.provider_adjustments[{number}].amount", kept.amount


def _claim(told: _Claim, currency: str) -> ClaimPayment:
    adjustments = tuple(
        Adjustment(group=a.group, reason=a.reason, amount=a.amount.of(currency)) for a in told.adjustments
    )
    share = told.patient_responsibility
    explained = total((a.amount for a in adjustments if a.group == "PR"), currency)
    return ClaimPayment(
        claim=told.claim.strip(),
        appointment=told.appointment.strip(),
        status=told.status.strip().lstrip("0"),
        charged=told.charged.of(currency),
        paid=told.paid.of(currency),
        patient_responsibility=explained if share is None else share.of(currency),
        patient=told.patient,
        adjustments=adjustments,
    )
