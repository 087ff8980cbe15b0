"""What other systems ask at once: whether a reference is usable, and how a payment stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from suture.acting.context import CommandContext
from suture.canonical.events import InvoicePaid, PaymentPosted
from suture.core.money import Money
from suture.store import events, steering
from suture.store.parties import Parties

Kind = Literal["patient", "practitioner", "payer", "facility", "service"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something may be named in a visit, and why not."""

    kind: Kind
    id: str
    usable: bool
    reason: str = ""


class PaymentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as billing posted it, and whether it is applied in the ledger."""

    payment: str
    appointment: str
    amount: Money
    received_on: str
    state: Literal["posted", "applied"]
    invoice_number: str | None = None
    residual: Money | None = None
    applied_at: datetime | None = None


async def validate(context: CommandContext, asked: Sequence[tuple[Kind, str]]) -> list[Verdict]:
    """Whether each may be named in a visit."""
    references = [f"{kind.title()}/{name}" for kind, name in asked if kind in ("patient", "practitioner", "payer")]
    known = await Parties(context.database, context.vault).known(references)
    places = {facility.code for facility in context.catalogue.facilities}
    services = {service.code for service in context.catalogue.services}

    def verdict(kind: Kind, name: str) -> Verdict:
        match kind:
            case "facility":
                usable, reason = name in places, "the catalogue has no such facility"
            case "service":
                usable, reason = name in services, "the catalogue has no such service"
            case _:
                usable, reason = f"{kind.title()}/{name}" in known, "no system has sent this record"
        return Verdict(kind=kind, id=name, usable=usable, reason="" if usable else reason)

    return [verdict(kind, name) for kind, name in asked]


async def payment(context: CommandContext, number: str) -> PaymentStatus | None:
    """How a payment stands; None where nobody told of it."""
    async with context.database.connection() as connection:
        process = await steering.one(connection, f"posted_payment:{number}")
        if process is None:
            return None
        told = await events.of_journey(connection, process.correlation_id)
    posted = [
        one.payment
        for event in told
        if event.type == "suture.payment.posted.v1"
        and (one := msgspec.json.decode(event.data, type=PaymentPosted)).payment.payment == number
    ]
    applied = [
        (paid_now, event.occurred_at)
        for event in told
        if event.type == "suture.invoice.paid.v1"
        and (paid_now := msgspec.json.decode(event.data, type=InvoicePaid)).payment == number
    ]
    if not posted:
        return None
    paid, at = applied[-1] if applied else (None, None)
    return PaymentStatus(
        payment=number,
        appointment=posted[-1].appointment,
        amount=posted[-1].amount,
        received_on=posted[-1].received_on.isoformat(),
        state="applied" if paid else "posted",
        invoice_number=paid.number if paid else None,
        residual=paid.residual if paid else None,
        applied_at=at,
    )
