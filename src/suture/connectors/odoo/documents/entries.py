"""Journal entries as documents. Pure: one function a kind of entry."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from suture.canonical.records import Payment
from suture.connectors.odoo.documents.document_rows import Document, analytic_cell, plain
from suture.connectors.odoo.documents.matching import Item
from suture.connectors.odoo.records.company_config import CompanyConfig
from suture.connectors.odoo.records.names import external_id, line_id, mark, source
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import AccrualOrder, RefundOrder, TransferOrder, UnbilledOrder, WriteOffOrder
from suture.core.money import Money


class EntryBuilder:
    """One entry in one company: a head, and lines that are added in order. A positive amount is a debit; Odoo derives
    the company's currency by its own rate."""

    def __init__(
        self,
        kind: str,
        key: str,
        setting: CompanyConfig,
        organisation: str,
        *,
        on: date,
        journal: str,
        currency: str,
        ref: str = "",
    ) -> None:
        """`ref` is what people read as its reference, where that alone is not the key."""
        self.name = external_id(kind, key)
        self._currency = setting.currency_id(currency)
        self._head: Row = {
            "id": self.name,
            "move_type": "entry",
            "ref": ref or key,
            "invoice_origin": source(kind.replace("_", " "), organisation),
            "date": on.isoformat(),
            "journal_id/.id": setting.journal(journal),
            "company_id/.id": setting.company,
            "currency_id/.id": self._currency,
        }
        self.currency = currency
        self._debits = Decimal(0)
        self._lines: list[Row] = []

    def line(
        self,
        account: int,
        label: str,
        amount: Decimal,
        *,
        partner: int = 0,
        analytic: Row | None = None,
        settles: str = "",
        sign: str = "",
    ) -> None:
        """`settles` is the mark of the items that this line is to be reconciled with; `sign` becomes the end of its
        external id, where something is to be known of the entry that no person reads."""
        self._debits += max(amount, Decimal(0))
        self._lines.append(
            {
                "id": line_id(self.name, f"{len(self._lines) + 1}{sign and '_'}{sign}"),
                "account_id/.id": account,
                "partner_id/.id": partner or "",
                "name": label,
                "currency_id/.id": self._currency,
                "amount_currency": plain(amount),
                "analytic_distribution": analytic_cell(analytic),
                "matching_number": settles,
            }
        )

    @property
    def mark(self) -> str:
        """What the one line that settles something, and what it settles, are marked with."""
        return mark(self.name)

    @property
    def total(self) -> Money:
        """The sum of its debits: what Odoo is to make of it (`account.move.amount_total`)."""
        return Money(self._debits, self.currency)

    def document(self) -> Document:
        return Document(self._head, "line_ids", tuple(self._lines))


def accrual(
    order: AccrualOrder, setting: CompanyConfig, analytic: Row, practitioner: int, organisation: str
) -> Document:
    """The practitioner's compensation: expense against liability to that practitioner, the expense analytic."""
    entry = EntryBuilder(
        "accrual",
        order.appointment,
        setting,
        organisation,
        on=order.on,
        journal="general",
        currency=order.amount.currency,
    )
    amount = order.amount.rounded().amount
    label = f"Compensation, appointment {order.appointment}"
    entry.line(setting.account("compensation_expense_account"), label, amount, partner=practitioner, analytic=analytic)
    entry.line(setting.account("compensation_liability_account"), label, -amount, partner=practitioner)
    return entry.document()


def reversal(kind: str, key: str, posted: Row, lines: Sequence[Row], *, on: date, organisation: str) -> Document:
    """The entry that undoes a posted one, line by line with the sign turned. Receivable lines are to be reconciled with
    those that they turn."""
    name = external_id(kind, key)
    turned = tuple(
        {
            "id": line_id(name, position),
            "account_id/.id": line["account_id"],
            "partner_id/.id": line["partner_id"] or "",
            "name": line["name"] or "",
            "currency_id/.id": line["currency_id"],
            "amount_currency": plain(-Decimal(str(line["amount_currency"]))),
            "analytic_distribution": analytic_cell(line["analytic_distribution"] or None),
            "matching_number": mark(name) if line["account_type"] == "asset_receivable" else "",
        }
        for position, line in enumerate(lines, 1)
    )
    head = {
        "id": name,
        "move_type": "entry",
        "ref": key,
        "invoice_origin": source(kind.replace("_", " "), organisation),
        "date": on.isoformat(),
        "journal_id/.id": posted["journal_id"],
        "company_id/.id": posted["company_id"],
        "currency_id/.id": posted["currency_id"],
        "reversed_entry_id/.id": posted["id"],
    }
    return Document(head, "line_ids", turned)


def payment(received: Payment, item: Item, payer: int, setting: CompanyConfig, organisation: str) -> Document:
    """Money received, in the name of who paid: the clearing account against the item's own receivable account.

    An entry rather than an `account.payment`, because that makes an entry only where an outstanding account is set (18
    and later) and has other states in every version.
    """
    entry = EntryBuilder(
        "payment",
        received.payment,
        setting,
        organisation,
        on=received.received_on,
        journal="bank",
        currency=received.amount.currency,
    )
    amount = received.amount.rounded().amount
    label = f"Payment of {_named(item, received.appointment)}"
    entry.line(setting.account("clearing_account"), label, amount, partner=payer)
    entry.line(item.account, label, -amount, partner=payer, settles=entry.mark)
    return entry.document()


def _named(item: Item, appointment: str) -> str:
    """What an entry settles, as an accountant looks for it: the invoice's number, and whose visit it is of."""
    return f"{item.number}, appointment {appointment}" if item.number else f"appointment {appointment}"


def write_off(order: WriteOffOrder, amount: Money, item: Item, setting: CompanyConfig, organisation: str) -> Document:
    """What nobody will pay: the write-off account, or that of an adjustment, against the item."""
    entry = EntryBuilder(
        "writeoff", order.key, setting, organisation, on=order.on, journal="general", currency=amount.currency
    )
    account = setting.adjustment(order.account) if order.account else None
    account = account or setting.account("write_off_account")
    label = f"{f'Write-off {order.account}'.strip()} of {_named(item, order.appointment)}"
    entry.line(account, label, amount.amount)
    entry.line(item.account, label, -amount.amount, partner=item.partner, settles=entry.mark)
    return entry.document()


def refund(order: RefundOrder, item: Item, setting: CompanyConfig, organisation: str) -> Document:
    """Money paid back out of a credit: the receivable against the clearing account."""
    entry = EntryBuilder(
        "refund", order.key, setting, organisation, on=order.on, journal="bank", currency=order.amount.currency
    )
    amount = order.amount.rounded().amount
    entry.line(item.account, "Refund", amount, partner=item.partner, settles=entry.mark)
    entry.line(setting.account("clearing_account"), "Refund", -amount, partner=item.partner)
    return entry.document()


def transfer(order: TransferOrder, item: Item, patient: int, setting: CompanyConfig, organisation: str) -> Document:
    """What the payer leaves to the patient: from its receivable to the patient's."""
    entry = EntryBuilder(
        "transfer", order.key, setting, organisation, on=order.on, journal="general", currency=order.amount.currency
    )
    amount = order.amount.rounded().amount
    label = f"Patient's share of {_named(item, order.appointment)}"
    entry.line(item.account, label, amount, partner=patient)
    entry.line(item.account, label, -amount, partner=item.partner, settles=entry.mark)
    return entry.document()


def unbilled(order: UnbilledOrder, setting: CompanyConfig, analytics: Sequence[Row], organisation: str) -> Document:
    """Income for completed work that is not billed yet, analytic line by line, against accrued income."""
    currency = order.lines[0].amount.currency
    entry = EntryBuilder(
        "unbilled", order.period, setting, organisation, on=order.on, journal="general", currency=currency
    )
    account = setting.account("unbilled_account")
    for line, analytic in zip(order.lines, analytics, strict=True):
        amount = line.amount.rounded().amount
        entry.line(account, "Completed, not billed", amount)
        entry.line(setting.account("income_account"), "Completed, not billed", -amount, analytic=analytic)
    return entry.document()
