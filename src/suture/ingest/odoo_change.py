"""Contract ``odoo-change.v1``: what somebody else changed in Odoo (`connectors.port.LedgerChange`), as events.

A change or deletion of what Suture wrote also needs a person: the ledger's record and ours disagree.
"""

from collections.abc import Callable

import msgspec

from suture.canonical import events as facts
from suture.canonical.events import Event
from suture.connectors.port import LedgerChange
from suture.ingest.understanding import UNREADABLE, Context, NotUnderstood, Understood, make_event

_REMEDY = "This is a defect in Suture: report it, then discard this."
_DECIDED = frozenset({"changed", "reopened", "cancelled", "deleted"})


def encode(change: LedgerChange) -> bytes:
    """A change as a delivery's body."""
    return msgspec.json.encode(change)


def decode(body: bytes, context: Context) -> Understood:
    """Raises `NotUnderstood`."""
    try:
        change = msgspec.json.decode(body, type=LedgerChange)
    except UNREADABLE as error:
        raise NotUnderstood.invalid(error, _REMEDY) from error
    event_type, data = _told(change, context.system)
    subject, journey = _subject(change)
    event = make_event(
        context,
        event_type,
        data,
        subject=subject,
        correlation_id=journey,
        occurred_at=change.at,
        part=f"{change.record}/{change.version}",
    )
    return Understood(events=(event,), trouble=_trouble(change, event))


def _subject(change: LedgerChange) -> tuple[str, str]:
    """Whom it is about, and in whose journey it is shown."""
    ours = not change.reference.startswith("odoo/")
    if change.kind == "invoice" and ours:
        return f"Appointment/{change.reference}", change.reference
    if change.kind == "entry" and ours:
        return f"Entry/{change.reference}", change.reference
    if change.kind in ("payer", "patient", "practitioner"):
        return change.reference, change.reference
    return f"{change.kind.title()}/{change.reference}", f"odoo-{change.kind}-{change.record}"


def _told(change: LedgerChange, system: str) -> tuple[str, msgspec.Struct]:
    """The event type and its data."""
    if change.kind == "invoice":
        return _of_invoice(change)
    if change.kind in _FACTS:
        return _FACTS[change.kind](change)
    return "suture.discrepancy.found.v1", facts.DiscrepancyFound(
        system=system, entity=change.kind, reference=change.reference, what=change.what, fields=change.fields
    )


def _of_invoice(change: LedgerChange) -> tuple[str, msgspec.Struct]:
    appointment = "" if change.reference.startswith("odoo/") else change.reference
    if change.what == "paid" and change.residual is not None:
        return "suture.invoice.settled.v1", facts.InvoiceSettled(
            appointment=appointment,
            invoice=change.record,
            number=change.number,
            residual=change.residual,
            payment_state=change.state,
        )
    return "suture.invoice.changed_by_person.v1", facts.InvoiceChangedByPerson(
        appointment=appointment,
        invoice=change.record,
        number=change.number,
        what=change.what,
        fields=change.fields,
        total=change.total,
    )


def _of_service(change: LedgerChange) -> tuple[str, msgspec.Struct]:
    return "suture.service.updated.v1", facts.ServiceUpdated(service=change.reference, product=change.record)


def _of_supplier(change: LedgerChange) -> tuple[str, msgspec.Struct]:
    fact = "registered" if change.what == "registered" else "updated"
    return f"suture.supplier.{fact}.v1", facts.SupplierTold(reference=change.reference, partner=change.record)


def _of_receipt(change: LedgerChange) -> tuple[str, msgspec.Struct]:
    return "suture.receipt.validated.v1", facts.ReceiptValidated(number=change.number, quantities=change.quantities)


def _of_stock(change: LedgerChange) -> tuple[str, msgspec.Struct]:
    return "suture.stock.running_low.v1", facts.StockRunningLow(
        product=change.reference,
        facility=change.state,
        on_hand=change.quantities["on_hand"],
        minimum=change.quantities["minimum"],
        ordered=change.quantities["ordered"],
    )


_FACTS: dict[str, Callable[[LedgerChange], tuple[str, msgspec.Struct]]] = {
    "service": _of_service,
    "supplier": _of_supplier,
    "receipt": _of_receipt,
    "stock": _of_stock,
}


def _name(change: LedgerChange) -> str:
    """Our own name of a record that was deleted; earlier versions told it within the version alone."""
    return change.name or change.version.removeprefix("deleted/")


def _trouble(change: LedgerChange, event: Event) -> NotUnderstood | None:
    """Why a person must look, if one must: what we wrote is not there any more, or not as it was."""
    ours = not change.reference.startswith("odoo/")
    if not ours or change.kind not in ("invoice", "entry", "payer", "patient", "practitioner"):
        return None
    if change.what == "posted" and change.fields:
        trouble = NotUnderstood(
            "twin_in_odoo",
            f"somebody posted another invoice for {change.reference} in Odoo ({change.number})",
            "Look at both in Odoo and credit the one that is too much; then discard this.",
        )
    elif change.what not in _DECIDED:
        return None
    elif change.what == "deleted":
        trouble = NotUnderstood(
            "deleted_in_odoo",
            f"somebody deleted the {change.kind} of {change.reference} in Odoo [{_name(change)}]",
            "Ask who did it. To have it written again: `suture odoo rewrite` with this exception's number. To leave it "
            "deleted: discard this.",
        )
    else:
        named = ", ".join(change.fields)
        trouble = NotUnderstood(
            "changed_in_odoo",
            f"somebody {change.what} the {change.kind} of {change.reference} in Odoo ({named})",
            "Ask who did it, and why. Put it back in Odoo, or correct it at its source, so that both agree; then "
            "discard this.",
        )
    trouble.subject = event.subject
    return trouble
