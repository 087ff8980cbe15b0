"""What a visit costs and who pays, from its claims and explanations of benefit. Pure.

As Synthea writes them, a claim's items carry their price as `net`, except the one that stands for the encounter:
its price is what is missing to the claim's total. Items without net and encounter are diagnoses and cost nothing.
A pharmacy claim has no prices but its total; it becomes one line.
"""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from suture.core.money import round_money
from suture_lab.simulators.clinic.day import ClinicPayer
from suture_lab.simulators.clinic.synthea import resources as fhir
from suture_lab.simulators.clinic.synthea.shelf import Unusable

CLAIM_TYPES = "http://terminology.hl7.org/CodeSystem/claim-type"
PHARMACY = "pharmacy"
_LARGEST = Decimal(10) ** 9
_SELF_PAY = "no-insurance"


class PricedItem(msgspec.Struct, frozen=True):
    """One thing charged: its code, what it cost, and what a bill may call it."""

    system: str
    code: str
    price: Decimal
    name: str


class Bill(msgspec.Struct, frozen=True):
    """One claim: the encounter it is for, who is asked to pay (None: the patient), its items and its payments."""

    encounter: str
    payer: ClinicPayer | None
    currency: str
    items: tuple[PricedItem, ...]
    payments: tuple[Decimal, ...] = ()

    @property
    def is_pharmacy(self) -> bool:
        return self.items[0].code == PHARMACY


def make_bill(claim: fhir.Claim, encounter: str, payments: Iterable[Decimal]) -> Bill:
    """The claim as a bill. Raises `Unusable` where its amounts make no sense."""
    total = cents(claim.total)
    items = (
        [PricedItem(CLAIM_TYPES, PHARMACY, total, "Pharmacy")]
        if claim.type.first.code == PHARMACY
        else list(_items(claim, total))
    )
    charged = tuple(item for item in items if item.price > 0)
    if not charged:
        raise Unusable("has nothing to bill")
    return Bill(encounter, _payer(claim), claim.total.currency, charged, tuple(payments))


def cents(money: fhir.Money) -> Decimal:
    """An amount without the noise of floating point. Raises `Unusable` where it is negative or no amount at all."""
    if not money.value.is_finite() or not 0 <= money.value < _LARGEST:
        raise Unusable("has an amount that is negative or out of range")
    return round_money(money.value, money.currency)


def _items(claim: fhir.Claim, total: Decimal) -> Iterator[PricedItem]:
    nets = [(item, cents(item.net)) for item in claim.item if item.net is not None]
    rest = total - sum((net for _, net in nets), Decimal(0))
    visits = [item for item in claim.item if item.net is None and item.encounter]
    if rest < 0 or (rest > 0 and not visits):
        raise Unusable("has items that don't add up to its total")
    yield from (_priced(item, rest, "Visit") for item in visits[:1])
    yield from (_priced(item, net, "Service") for item, net in nets)


def _priced(item: fhir.ClaimItem, price: Decimal, category: str) -> PricedItem:
    """The item, named by category and code alone.

    The source's text ("Influenza, seasonal, …") is a clinical fact about a person once it stands on that person's
    bill, and so would be a category such as "Immunization"; the code is what billing and Odoo need to agree on.
    """
    coding = item.product_or_service.first
    if not coding.code:
        raise Unusable("has an item without a code")
    return PricedItem(coding.system, coding.code, price, f"{category} {coding.code}")


def _payer(claim: fhir.Claim) -> ClinicPayer | None:
    name = claim.insurance[0].coverage.display if claim.insurance else ""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50]
    if not slug:
        raise Unusable("names no insurer")
    if slug == _SELF_PAY:
        return None
    return ClinicPayer(id=f"payer-{slug}", name=name.replace("_", " ").title() if name.islower() else name)
