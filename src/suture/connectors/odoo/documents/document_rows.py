"""From our orders to rows for `load`: pure, one function a document.

A document's first row carries its own columns and its first line's, each further row only the line's. Every document
and every line has an external id. Amounts are decimals as text; a taxless line says so, or Odoo adds a default tax.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from suture.canonical.records import PricedLine
from suture.connectors.odoo.records.articles import PATIENT_SHARE, ROUNDING, Article
from suture.connectors.odoo.records.company_config import CompanyConfig, product_id
from suture.connectors.odoo.records.names import external_id, line_id, source
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import CreditOrder, InvoiceOrder

Table = tuple[list[str], list[list[Any]]]

_LINES = "invoice_line_ids"


class Document(msgspec.Struct, frozen=True):
    """A record and its lines by column name; `lines_field` is the one2many field that holds the lines."""

    values: Row
    lines_field: str
    lines: tuple[Row, ...]

    @property
    def name(self) -> str:
        """Its external id."""
        return str(self.values["id"])

    @property
    def key(self) -> str:
        """The business key that it carries."""
        return str(self.values.get("ref") or self.values.get("origin") or "")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its rows, its lines' after its own."""
        return (*self.values, *(f"{self.lines_field}/{column}" for column in self.lines[0]))


def table(documents: Sequence[Document]) -> Table:
    """Columns and rows for `load`. Documents of one table have the same columns."""
    first = documents[0]
    own, each = list(first.values), list(first.lines[0])
    blank = [""] * len(own)
    rows = []
    for document in documents:
        head = [document.values[column] for column in own]
        for line in document.lines:
            rows.append(head + [line[column] for column in each])
            head = blank
    return list(first.columns), rows


def invoices(
    order: InvoiceOrder,
    setting: CompanyConfig,
    analytic: Row,
    articles: Mapping[str, Article],
    organisation: str,
    *,
    place: str = "",
    due: Mapping[str, date] | None = None,
) -> list[Document]:
    """A visit's invoices (`account.move`), one line a service, analytic by facility and practitioner: the payer's or
    only one and, where the patient owes a share, the patient's, which is taken off the payer's.

    `place` is what the facility is called, `due` by when partners (by reference) are to pay who have no terms of their
    own in Odoo.
    """
    name, own = external_id("invoice", order.appointment), external_id("invoice_patient", order.appointment)
    common = {
        "ref": order.appointment,
        "invoice_date": order.invoice_date.isoformat(),
        "journal_id/.id": setting.journal("sale"),
        "company_id/.id": setting.company,
        "currency_id/.id": setting.currency_id(order.total.currency),
    }
    about = _about(order, place)
    head = _head(name, source("invoice", organisation), order.partner.reference, due or {})
    names = {line.service: f"{order.names.get(line.service, line.service)}{about}" for line in order.lines}
    lines = _lines(name, order.lines, names, articles, analytic)
    if order.patient is None or not order.patient_share:
        return [Document(head | common, _LINES, lines)]
    share = order.patient_share.rounded().amount
    patients = _head(own, source("patient invoice", organisation), order.patient.reference, due or {})
    taken_off = _own_line(name, PATIENT_SHARE, "Patient's share", -share, analytic)
    return [
        Document(head | common, _LINES, (*lines, taken_off)),
        Document(patients | common, _LINES, (_own_line(own, PATIENT_SHARE, f"Your share{about}", share, analytic),)),
    ]


def _about(order: InvoiceOrder, place: str) -> str:
    """Where, by whom and when, as a second line of what was billed: what whoever pays asks for. Never why."""
    day = order.service_date or order.invoice_date
    return f"\n{', '.join(filter(None, (place or order.facility, order.practitioner_name, day.isoformat())))}"


def credit_note(appointment: str, posted: Row, lines: Sequence[Row], on: date, organisation: str) -> Document:
    """The credit note that reverses a posted invoice line by line; posting it reconciles the two."""
    kind = "credit_patient" if is_patients(posted) else "credit"
    name = external_id(kind, appointment)
    reversed_lines = tuple(
        {
            "id": line_id(name, position),
            "product_id/.id": line["product_id"] or "",
            "name": line["name"] or "",
            "quantity": line["quantity"],
            "price_unit": line["price_unit"],
            "tax_ids/.id": _ids(line["tax_ids"]),
            "analytic_distribution": analytic_cell(line["analytic_distribution"] or None),
        }
        for position, line in enumerate(lines, 1)
    )
    return Document(_reversal(name, posted, on, source("credit", organisation), appointment), _LINES, reversed_lines)


def part_credit(
    order: CreditOrder, posted: Row, analytic: Row, articles: Mapping[str, Article], organisation: str
) -> Document:
    """The credit note over what was corrected: its own lines, and the rest of the invoice stands."""
    name = external_id("credit_part", order.key)
    lines = _lines(name, order.lines, order.names, articles, analytic)
    return Document(_reversal(name, posted, order.on, source("correction", organisation), order.key), _LINES, lines)


def rounding(document: str, amount: Decimal) -> Document:
    """One more line for a draft whose total Odoo rounds differently: what is missing, or too much."""
    line = {
        "id": line_id(document, "rounding"),
        "product_id/id": product_id(ROUNDING),
        "name": "Rounding",
        "quantity": "1",
        "price_unit": plain(amount),
        "tax_ids/.id": "",
    }
    return Document({"id": document}, _LINES, (line,))


def is_patients(move: Row) -> bool:
    """Whether an invoice is the patient's own part, by what we wrote into its `invoice_origin`."""
    return str(move["invoice_origin"]).startswith("Suture patient invoice")


def analytic_cell(distribution: Row | None) -> str:
    """An analytic distribution as `load` reads it, empty for none."""
    return msgspec.json.encode(distribution).decode() if distribution else ""


def plain(number: Decimal) -> str:
    """A decimal as Odoo reads it, never in scientific notation."""
    return format(number, "f")


def _head(name: str, origin: str, partner: str, due: Mapping[str, date]) -> Row:
    head = {
        "id": name,
        "move_type": "out_invoice",
        "invoice_origin": origin,
        "partner_id/id": external_id("partner", partner),
    }
    return head | {"invoice_date_due": due[partner].isoformat()} if partner in due else head


def _reversal(name: str, posted: Row, on: date, origin: str, ref: str) -> Row:
    return {
        "id": name,
        "move_type": "out_refund",
        "partner_id/.id": posted["partner_id"],
        "ref": ref,
        "invoice_origin": origin,
        "invoice_date": on.isoformat(),
        "journal_id/.id": posted["journal_id"],
        "company_id/.id": posted["company_id"],
        "currency_id/.id": posted["currency_id"],
        "reversed_entry_id/.id": posted["id"],
    }


def _lines(
    document: str,
    lines: Sequence[PricedLine],
    names: Mapping[str, str],
    articles: Mapping[str, Article],
    analytic: Row,
) -> tuple[Row, ...]:
    return tuple(
        {
            "id": line_id(document, position),
            "product_id/id": product_id(line.service),
            "name": names.get(line.service, line.service),
            "quantity": plain(line.quantity),
            "price_unit": plain(line.unit_price),
            "tax_ids/.id": _ids(articles[line.service].taxes if line.service in articles else ()),
            "analytic_distribution": analytic_cell(analytic),
        }
        for position, line in enumerate(lines, 1)
    )


def _own_line(document: str, product: str, label: str, amount: Decimal, analytic: Row) -> Row:
    """A line that is no service: what one invoice leaves to the other."""
    return {
        "id": line_id(document, "share"),
        "product_id/id": product_id(product),
        "name": label,
        "quantity": "1",
        "price_unit": plain(amount),
        "tax_ids/.id": "",
        "analytic_distribution": analytic_cell(analytic),
    }


def _ids(ids: Sequence[int]) -> str:
    """A many2many cell: ids as text, even where it is one."""
    return ",".join(map(str, ids))
