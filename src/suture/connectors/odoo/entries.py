"""Journal entries as documents: compensation, its reversal, and payments. Pure."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from suture.canonical.records import Payment
from suture.connectors.odoo.client import Row
from suture.connectors.odoo.documents import Document, analytic_cell, plain
from suture.connectors.odoo.names import external_id, line_id, source
from suture.connectors.odoo.setting import Setting
from suture.connectors.port import AccrualOrder


def accrual(order: AccrualOrder, setting: Setting, analytic: Row, organisation: str) -> Document:
    """The practitioner's compensation: expense against liability, the expense analytic."""
    name = external_id("accrual", order.appointment)
    origin = source("accrual", organisation)
    journal = setting.journal("general")
    values = _entry(name, origin, ref=order.appointment, on=order.on, journal=journal, company=setting.company)
    expense = setting.account("compensation_expense_account")
    liability = setting.account("compensation_liability_account")
    currency = setting.currency_id(order.amount.currency)
    amount = order.amount.rounded().amount
    lines = (
        _line(name, 1, expense, "Compensation", amount, currency=currency, analytic=analytic),
        _line(name, 2, liability, "Compensation", -amount, currency=currency),
    )
    return Document({**values, "currency_id/.id": currency}, "line_ids", lines)


def reversal(appointment: str, posted: Row, lines: Sequence[Row], on: date, organisation: str) -> Document:
    """The entry that undoes a posted accrual, line by line with the sign turned."""
    name = external_id("accrual_reversal", appointment)
    turned = tuple(
        _line(
            name,
            position,
            line["account_id"],
            line["name"] or "",
            -Decimal(str(line["amount_currency"])),
            currency=line["currency_id"],
            analytic=line["analytic_distribution"] or {},
        )
        for position, line in enumerate(lines, 1)
    )
    entry = _entry(
        name,
        source("reversal", organisation),
        ref=appointment,
        on=on,
        journal=posted["journal_id"],
        company=posted["company_id"],
    )
    values = {**entry, "currency_id/.id": posted["currency_id"], "reversed_entry_id/.id": posted["id"]}
    return Document(values, "line_ids", turned)


def payment(received: Payment, receivable: Row, setting: Setting, organisation: str) -> Document:
    """Money received: the clearing account against the invoice's own receivable account and partner.

    `receivable` is the invoice's receivable line. An entry rather than an `account.payment`, because that makes an
    entry only where an outstanding account is set (18 and later) and has other states in every version.
    """
    name = external_id("payment", received.payment)
    origin = source("payment", organisation)
    currency = setting.currency_id(received.amount.currency)
    journal = setting.journal("bank")
    values = _entry(
        name, origin, ref=received.payment, on=received.received_on, journal=journal, company=setting.company
    )
    amount = received.amount.rounded().amount
    partner = receivable["partner_id"]
    clearing = setting.account("clearing_account")
    lines = (
        _line(name, 1, clearing, "Payment received", amount, currency=currency, partner=partner),
        _line(name, 2, receivable["account_id"], "Payment received", -amount, currency=currency, partner=partner),
    )
    return Document({**values, "currency_id/.id": currency}, "line_ids", lines)


def _entry(name: str, origin: str, *, ref: str, on: date, journal: int, company: int) -> Row:
    return {
        "id": name,
        "move_type": "entry",
        "ref": ref,
        "invoice_origin": origin,
        "date": on.isoformat(),
        "journal_id/.id": journal,
        "company_id/.id": company,
    }


def _line(
    document: str,
    position: int,
    account: int,
    label: str,
    amount: Decimal,
    *,
    currency: int,
    partner: int | bool = False,
    analytic: Row | None = None,
) -> Row:
    """A journal item; a positive amount is a debit. Odoo derives the company's currency by its own rate."""
    return {
        "id": line_id(document, position),
        "account_id/.id": account,
        "partner_id/.id": partner or "",
        "name": label,
        "currency_id/.id": currency,
        "amount_currency": plain(amount),
        "analytic_distribution": analytic_cell(analytic),
    }
