"""The money of one appointment, as its events tell it: charge, invoice, payments, stock and compensation."""

from collections.abc import Iterable

import msgspec

from suture.canonical import events as facts
from suture.canonical.records import Charge, Payment
from suture.console.facts import payload
from suture.core.money import Money, total
from suture.store.events import RecordedEvent


class VisitAccount(msgspec.Struct, kw_only=True):
    """What was charged, invoiced and paid. `reversed_by` is the credit note's number, empty for a cancelled draft."""

    charge: Charge | None = None
    voided: bool = False
    drafted: facts.InvoiceDrafted | None = None
    invoice: facts.InvoicePosted | None = None
    reversed_by: str | None = None
    payments: dict[str, Payment] = {}
    applied: dict[str, facts.InvoicePaid] = {}
    stock: facts.StockConsumed | None = None
    accrual: facts.CompensationAccrued | None = None

    @property
    def residual(self) -> Money | None:
        """What is still open on the invoice, after the payments that were applied to it."""
        if self.invoice is None or self.reversed_by is not None:
            return None
        applied = total((paid.amount for paid in self.applied.values()), self.invoice.total.currency)
        return self.invoice.total - applied


def account_of(recorded: Iterable[RecordedEvent]) -> VisitAccount:
    """The account that effective events add up to."""
    account = VisitAccount()
    for event in recorded:
        if not event.stale:
            _tell(account, payload(event))
    return account


def _tell(account: VisitAccount, data: object) -> None:
    match data:
        case facts.ChargeCaptured():
            account.charge, account.voided = data.charge, False
        case facts.ChargeVoided():
            account.voided = True
        case facts.InvoiceDrafted():
            account.drafted = data
        case facts.InvoicePosted():
            account.invoice = data
        case facts.InvoiceCancelled():
            account.reversed_by = data.number
        case facts.PaymentPosted():
            account.payments[data.payment.payment] = data.payment
        case facts.InvoicePaid():
            account.applied[data.payment] = data
        case facts.StockConsumed():
            account.stock = data
        case facts.CompensationAccrued():
            account.accrual = data
        case _:
            pass
