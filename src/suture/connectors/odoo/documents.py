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
from suture.connectors.port import InvoiceOrder

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
            "analytic_distribution": analytic_cell(analytic),
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
            "analytic_distribution": analytic_cell(line["analytic_distribution"] or None),
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


def analytic_cell(distribution: Row | None) -> str:
    """An analytic distribution as `load` reads it, empty for none."""
    return msgspec.json.encode(distribution).decode() if distribution else ""


def plain(number: Decimal) -> str:
    """A decimal as Odoo reads it, never in scientific notation."""
    return format(number, "f")
