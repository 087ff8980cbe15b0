"""From our orders to rows for `load`: pure, one function a document.

A document's first row carries its own columns and its first line's, each further row only the line's. Every document
and every line has an external id. Amounts are decimals as text; a taxless line says so, or Odoo adds a default tax.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from suture.connectors.odoo.client import Row
from suture.connectors.odoo.names import external_id, line_id, source
from suture.connectors.odoo.setting import Setting, product_id
from suture.connectors.port import AccrualOrder, InvoiceOrder, StockOrder
from suture.core.money import Money

Table = tuple[list[str], list[list[Any]]]


class Document(msgspec.Struct, frozen=True):
    """A record and its lines by column name; `lines_field` is the one2many field that holds the lines."""

    values: Row
    lines_field: str
    lines: tuple[Row, ...]


def table(documents: Sequence[Document]) -> Table:
    """Columns and rows for `load`. Documents of one table have the same columns."""
    first = documents[0]
    own, each = list(first.values), list(first.lines[0])
    fields = own + [f"{first.lines_field}/{column}" for column in each]
    blank = [""] * len(own)
    rows = []
    for document in documents:
        head = [document.values[column] for column in own]
        for line in document.lines:
            rows.append(head + [line[column] for column in each])
            head = blank
    return fields, rows


def invoice(order: InvoiceOrder, setting: Setting, analytic: Row, organisation: str) -> Document:
    """A customer invoice, one line a service, analytic by facility and practitioner (`account.move`)."""
    name = external_id("invoice", order.appointment)
    lines = tuple(
        {
            "id": line_id(name, position),
            "product_id/id": product_id(line.service),
            "name": order.names.get(line.service, line.service),
            "quantity": plain(line.quantity),
            "price_unit": plain(line.unit_price),
            "tax_ids": "",
            "analytic_distribution": msgspec.json.encode(analytic).decode(),
        }
        for position, line in enumerate(order.lines, 1)
    )
    values = {
        "id": name,
        "move_type": "out_invoice",
        "partner_id/id": external_id("partner", order.partner.reference),
        "ref": order.appointment,
        "invoice_origin": source("invoice", organisation),
        "invoice_date": order.invoice_date.isoformat(),
        "journal_id/.id": setting.journal("sale"),
        "company_id/.id": setting.company,
        "currency_id/.id": setting.currency_id(order.total.currency),
    }
    return Document(values, "invoice_line_ids", lines)


def credit_note(appointment: str, posted: Row, lines: Sequence[Row], on: date, organisation: str) -> Document:
    """The credit note that reverses a posted invoice line by line; posting it reconciles the two."""
    name = external_id("credit", appointment)
    reversed_lines = tuple(
        {
            "id": line_id(name, position),
            "product_id/.id": line["product_id"] or "",
            "name": line["name"] or "",
            "quantity": line["quantity"],
            "price_unit": line["price_unit"],
            "tax_ids": "",
            "analytic_distribution": msgspec.json.encode(line["analytic_distribution"] or {}).decode(),
        }
        for position, line in enumerate(lines, 1)
    )
    values = {
        "id": name,
        "move_type": "out_refund",
        "partner_id/.id": posted["partner_id"],
        "ref": appointment,
        "invoice_origin": source("credit", organisation),
        "invoice_date": on.isoformat(),
        "journal_id/.id": posted["journal_id"],
        "company_id/.id": posted["company_id"],
        "currency_id/.id": posted["currency_id"],
        "reversed_entry_id/.id": posted["id"],
    }
    return Document(values, "invoice_line_ids", reversed_lines)


def accrual(order: AccrualOrder, setting: Setting, analytic: Row, organisation: str) -> Document:
    """The practitioner's compensation: expense against liability, the expense analytic."""
    name = external_id("accrual", order.appointment)
    values = _entry(name, order.appointment, source("accrual", organisation), order.on, setting, "general")
    expense = setting.account("compensation_expense_account")
    liability = setting.account("compensation_liability_account")
    currency = setting.currency_id(order.amount.currency)
    amount = order.amount.rounded().amount
    lines = (
        _line(name, 1, expense, "Compensation", amount, currency, analytic=analytic),
        _line(name, 2, liability, "Compensation", -amount, currency),
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
            line["currency_id"],
            analytic=line["analytic_distribution"] or {},
        )
        for position, line in enumerate(lines, 1)
    )
    values = {
        "id": name,
        "move_type": "entry",
        "ref": appointment,
        "invoice_origin": source("reversal", organisation),
        "date": on.isoformat(),
        "journal_id/.id": posted["journal_id"],
        "company_id/.id": posted["company_id"],
        "currency_id/.id": posted["currency_id"],
        "reversed_entry_id/.id": posted["id"],
    }
    return Document(values, "line_ids", turned)


def payment(key: str, amount: Money, on: date, receivable: Row, setting: Setting, organisation: str) -> Document:
    """Money received: the clearing account against the invoice's own receivable account and partner.

    `receivable` is the invoice's receivable line. An entry rather than an `account.payment`, because that makes an
    entry only where an outstanding account is set (18 and later) and has other states in every version.
    """
    name = external_id("payment", key)
    values = _entry(name, key, source("payment", organisation), on, setting, "bank")
    currency = setting.currency_id(amount.currency)
    received = amount.rounded().amount
    partner = receivable["partner_id"]
    clearing = setting.account("clearing_account")
    lines = (
        _line(name, 1, clearing, "Payment received", received, currency, partner=partner),
        _line(name, 2, receivable["account_id"], "Payment received", -received, currency, partner=partner),
    )
    return Document({**values, "currency_id/.id": currency}, "line_ids", lines)


def picking(order: StockOrder, setting: Setting, origin_location: int, version: int) -> Document:
    """The components of a visit out of the facility's stock, already counted as done."""
    name = external_id("picking", order.appointment)
    stock = setting.stocked()
    route = (origin_location, setting.consumption())
    lines = tuple(
        {"id": line_id(name, position), "product_id/id": product_id(component.product)}
        | _moved(component.quantity, route, setting, version)
        for position, component in enumerate(order.components, 1)
    )
    values = _transfer(name, stock.outgoing_type, route, setting, order.appointment, order.on)
    return Document(values, "move_ids", lines)


def return_picking(appointment: str, done: Row, moves: Sequence[Row], setting: Setting, version: int) -> Document:
    """The way back of a done picking, each move linked to the one it returns."""
    name = external_id("picking_return", appointment)
    route = (done["location_dest_id"], done["location_id"])
    lines = tuple(
        {
            "id": line_id(name, position),
            "product_id/.id": move["product_id"],
            "origin_returned_move_id/.id": move["id"],
        }
        | _moved(Decimal(str(move["quantity"])), route, setting, version)
        for position, move in enumerate(moves, 1)
    )
    on = date.fromisoformat(done["scheduled_date"][:10])
    values = _transfer(name, setting.stocked().incoming_type, route, setting, appointment, on)
    return Document(values, "move_ids", lines)


def plain(number: Decimal) -> str:
    """A decimal as Odoo reads it, never in scientific notation."""
    return format(number, "f")


def _entry(name: str, ref: str, origin: str, on: date, setting: Setting, journal: str) -> Row:
    return {
        "id": name,
        "move_type": "entry",
        "ref": ref,
        "invoice_origin": origin,
        "date": on.isoformat(),
        "journal_id/.id": setting.journal(journal),
        "company_id/.id": setting.company,
    }


def _line(
    document: str,
    position: int,
    account: int,
    label: str,
    amount: Decimal,
    currency: int,
    *,
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
        "analytic_distribution": msgspec.json.encode(analytic).decode() if analytic else "",
    }


def _moved(quantity: Decimal, route: tuple[int, int], setting: Setting, version: int) -> Row:
    moved: Row = {
        "product_uom_qty": plain(quantity),
        "quantity": plain(quantity),
        "picked": "1",
        "location_id/.id": route[0],
        "location_dest_id/.id": route[1],
        "company_id/.id": setting.company,
    }
    return moved if version >= 19 else {**moved, "name": "Consumption"}


def _transfer(name: str, kind: int, route: tuple[int, int], setting: Setting, origin: str, on: date) -> Row:
    return {
        "id": name,
        "picking_type_id/.id": kind,
        "location_id/.id": route[0],
        "location_dest_id/.id": route[1],
        "company_id/.id": setting.company,
        "origin": origin,
        "scheduled_date": f"{on.isoformat()} 12:00:00",
    }
