"""What is billed: the ChargeItems of the visit's Encounter that are billable, each once.

FHIR R4 ChargeItem: status, context, code, quantity, factorOverride, priceOverride.
"""

from collections.abc import Iterator
from decimal import Decimal

from suture.canonical.records import ServiceLine
from suture.codecs import fhir
from suture.core.codes import is_code
from suture.core.money import LARGEST, unusable
from suture.ingest.decoding import NotUnderstood
from suture.ingest.fhir_appointment.bundle import REMEDY, SAY_WHICH, ToldDelivery, records_of, says
from suture.ingest.fhir_appointment.encounter import is_within

BILLED, _UNCERTAIN = "billable", ("unknown", "")
_NOT_BILLED = frozenset({"planned", "not-billable", "aborted", "billed", "entered-in-error"})
_CODE_TABLE = "services"
_FINEST = Decimal("1e-6")

Item = fhir.Read[fhir.ChargeItem]


def service_lines(told: ToldDelivery, patient: str, encounter: fhir.Read[fhir.Encounter]) -> tuple[ServiceLine, ...]:
    """The visit's services. Raises `NotUnderstood`."""
    ours = [item for item in _once(told, patient, encounter) if _is_ours(told, item, patient, encounter)]
    lines = (_service_line(told, item.resource) for item in ours if _is_billed(item))
    return tuple(line for line in lines if line.quantity and line.factor)


def _once(told: ToldDelivery, patient: str, encounter: fhir.Read[fhir.Encounter]) -> Iterator[Item]:
    """Each item once, as it is newest: what is sent twice is charged once. Raises `NotUnderstood`."""
    found: dict[object, list[Item]] = {}
    for place, item in enumerate(told.contents.every(fhir.ChargeItem)):
        found.setdefault(item.held.reference if item.id else place, []).append(item)
    for same in found.values():
        newest = next(item for item in same if item.held is fhir.newest([item.held for item in same]))
        rivals = [item for item in same if item.resource.meta == newest.resource.meta]
        if any(_differs(item, newest) for item in rivals) and any(
            item.resource.status not in _NOT_BILLED and _is_ours(told, item, patient, encounter) for item in rivals
        ):
            raise NotUnderstood(
                "charge_unclear",
                "the same ChargeItem appears twice with different content, and neither is newer",
                SAY_WHICH,
            )
        yield newest


def _differs(one: Item, other: Item) -> bool:
    unread = one.fault is not None or other.fault is not None
    return one.resource != other.resource or (unread and one.held.tree != other.held.tree)


def _is_ours(told: ToldDelivery, item: Item, patient: str, encounter: fhir.Read[fhir.Encounter]) -> bool:
    """Whether an item is of this visit; one that doesn't say is where the delivery tells of no other. Raises
    `NotUnderstood`."""
    context, subject = item.resource.context, item.resource.subject
    target = told.follow(context, item.held, "Encounter")
    whose = told.follow(subject, item.held, "Patient")
    theirs = whose is not None and whose.kind == "Patient" and bool(whose.id)
    theirs = theirs and whose is not None and whose.reference not in records_of(told, patient)
    if target is not None and target.kind == "Encounter" and target.id:
        if not is_within(told, target, encounter):
            return False
        if theirs and item.resource.status not in _NOT_BILLED:
            raise NotUnderstood("charge_unclear", "a ChargeItem of the visit belongs to another patient", SAY_WHICH)
        return not theirs
    if theirs or item.resource.status in _NOT_BILLED:
        return False
    lost = says(context) and (target is None or target.kind == "Encounter")
    lost = lost or (says(subject) and (whose is None or not whose.id))
    if lost or not told.alone:
        raise NotUnderstood("charge_unclear", "a ChargeItem does not name its visit", SAY_WHICH)
    return True


def _is_billed(item: Item) -> bool:
    """Whether an item is to be billed: only then all of it has to be readable. Raises `NotUnderstood`, and
    `msgspec.ValidationError`."""
    if item.resource.status in _NOT_BILLED:
        return False
    status = item.whole().resource.status
    if status != BILLED:
        what = "unknown" if status in _UNCERTAIN else "none of FHIR's"
        raise NotUnderstood(
            "charge_unclear", f"the status of a ChargeItem is {what}, so it is unclear whether to bill it", SAY_WHICH
        )
    return True


def _service_line(told: ToldDelivery, item: fhir.ChargeItem) -> ServiceLine:
    currency = told.context.catalogue.organisation.currency
    price = item.price_override
    if price is not None and price.currency not in ("", currency):
        raise NotUnderstood("currency_differs", f"a price in another currency than {currency}", REMEDY)
    quantity = _count(Decimal(1) if item.quantity is None else item.quantity.value, "quantity")
    factor = _count(Decimal(1) if item.factor_override is None else item.factor_override, "factorOverride")
    if price is None:
        return ServiceLine(service=_service(told, item.code), quantity=quantity, factor=factor)
    # A price that overrides billing's is what was agreed in the end: a factor beside it only says why.
    unit_price = _of_one(_price(price.value, currency), quantity, currency)
    return ServiceLine(service=_service(told, item.code), quantity=quantity, unit_price=unit_price)


def _of_one(total: Decimal, quantity: Decimal, currency: str) -> Decimal:
    """R4's priceOverride is the price of the whole item. What can't be told of one is asked about, never rounded."""
    if not quantity and not total:
        return total
    unit_price = total / quantity if quantity else None
    if unit_price is None or unit_price * quantity != total or unusable(unit_price, currency):
        raise NotUnderstood(
            "amount_invalid",
            "a ChargeItem's priceOverride (the price of its whole quantity) does not divide into an exact unit price",
            SAY_WHICH,
        )
    return unit_price


def _count(number: Decimal | None, what: str) -> Decimal:
    """A number of things; of nothing, 0."""
    if number is not None and number.is_finite() and number == 0:
        return Decimal(0)
    if number is None or not number.is_finite() or not _FINEST <= number < LARGEST:
        raise NotUnderstood("amount_invalid", f"a ChargeItem's {what} is not a usable number", REMEDY)
    return number


def _price(amount: Decimal | None, currency: str) -> Decimal:
    if amount is None:
        raise NotUnderstood("amount_invalid", "a ChargeItem's priceOverride has no value", REMEDY)
    why = unusable(amount, currency) or ("is negative" if amount < 0 else "")
    if why:
        raise NotUnderstood("amount_invalid", f"a ChargeItem's price {why}", REMEDY)
    return amount


def _service(told: ToldDelivery, code: fhir.CodeableConcept) -> str:
    """Our own code, by the code table: by system and code, else by the code alone. Raises `NotUnderstood`."""
    rows = told.context.catalogue.code_tables[_CODE_TABLE].rows
    codings = [coding for coding in code.coding if coding.code]
    for key in ("{0.system}|{0.code}", "{0.code}"):
        chosen = {rows[name] for one in codings if one.user_selected and (name := key.format(one)) in rows}
        found = {rows[name] for one in codings if (name := key.format(one)) in rows}
        for services in (chosen, found):
            if len(services) == 1:
                return services.pop()
        if found:
            raise NotUnderstood(
                "charge_unclear",
                f"a ChargeItem's codes mean {len(found)} services ({', '.join(sorted(found))})",
                SAY_WHICH,
            )
    shown = next((one for one in codings if is_code(one.code) and (not one.system or fhir.is_system(one.system))), None)
    what = "a ChargeItem without a code" if not codings else "a ChargeItem's code, which is not a valid code"
    raise NotUnderstood(
        "code_unmapped",
        f"the code table {_CODE_TABLE} has no row for {f'{shown.system}|{shown.code}' if shown else what}",
        'Add the row: `suture exceptions edit NUMBER --map "system|code=SERVICE" --reason … --retry`.',
    )
