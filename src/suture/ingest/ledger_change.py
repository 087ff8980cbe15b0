"""Contract ``ledger-change.v1``: what somebody else changed in the ledger (`connectors.port.LedgerChange`), as events.

A change or deletion of what Suture wrote also needs a person: the ledger's record and ours disagree.
"""

from collections.abc import Callable

import msgspec

from suture.canonical import events as facts
from suture.canonical.events import Event
from suture.connectors.port import LedgerChange
from suture.ingest.decoding import UNREADABLE, Context, NotUnderstood, Understood, make_event

_REMEDY = "This is a defect in Suture: report it, then discard this exception."
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
    subject, journey = _subject(change, context.system)
    event = make_event(
        context,
        event_type,
        data,
        subject=subject,
        correlation_id=journey,
        occurred_at=change.at,
        part=f"{change.record}/{change.version}",
    )
    return Understood(events=(event,), trouble=_trouble(change, event, _label(context)))


def _is_ours(change: LedgerChange) -> bool:
    """Whether we wrote it. Another's invoice is named by its place in the ledger, which no appointment's id can be."""
    return change.kind != "invoice" or "/" not in change.reference


def _subject(change: LedgerChange, system: str) -> tuple[str, str]:
    """Whom it is about, and in whose journey it is shown."""
    if change.kind == "invoice" and _is_ours(change):
        return f"Appointment/{change.reference}", change.reference
    if change.kind == "entry":
        return f"Entry/{change.reference}", change.reference
    if change.kind in ("payer", "patient", "practitioner"):
        return change.reference, change.reference
    return f"{change.kind.title()}/{change.reference}", f"{system}-{change.kind}-{change.record}"


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
    appointment = change.reference if _is_ours(change) else ""
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


def _label(context: Context) -> str:
    """What people call the ledger."""
    return context.catalogue.systems[context.system].label


def _trouble(change: LedgerChange, event: Event, ledger: str) -> NotUnderstood | None:
    """Why a person must look, if one must: what we wrote is not there any more, or not as it was."""
    if not _is_ours(change) or change.kind not in ("invoice", "entry", "payer", "patient", "practitioner"):
        return None
    if change.what == "posted" and change.fields:
        trouble = NotUnderstood(
            "twin_in_odoo",
            f"somebody posted another invoice for {change.reference} in {ledger} ({change.number})",
            f"Compare both in {ledger} and credit the surplus one; then discard this exception.",
        )
    elif change.what not in _DECIDED:
        return None
    elif change.what == "deleted":
        trouble = NotUnderstood(
            "deleted_in_odoo",
            f"somebody deleted the {change.kind} of {change.reference} in {ledger} [{_name(change)}]",
            "Find out who deleted it. To have it written again: `suture ledger rewrite` with this exception's number."
            " To leave it deleted: discard this exception.",
        )
    else:
        named = ", ".join(change.fields)
        trouble = NotUnderstood(
            "changed_in_odoo",
            f"somebody {change.what} the {change.kind} of {change.reference} in {ledger} ({named})",
            f"Find out who changed it, and why. Revert the change in {ledger}, or correct the source, so that both"
            " agree; then discard this exception.",
        )
    trouble.subject = event.subject
    return trouble
