"""The models and fields that the simulator has, as data, per version.

Only what an integration of invoices, entries and stock meets. A field that a version lacks is an error there, too.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec


class Field(msgspec.Struct, frozen=True):
    """A field. `comodel` and `inverse` for relations, `path` for what is read from a related record."""

    kind: str
    label: str = ""
    comodel: str = ""
    inverse: str = ""
    path: str = ""
    only: tuple[str, Any] | None = None
    choices: tuple[str, ...] = ()


def _one(comodel: str) -> Field:
    return Field("many2one", comodel=comodel)


def _lines(comodel: str, inverse: str, only: tuple[str, Any] | None = None) -> Field:
    return Field("one2many", comodel=comodel, inverse=inverse, only=only)


def _many(comodel: str) -> Field:
    return Field("many2many", comodel=comodel)


def _through(path: str, kind: str = "char", comodel: str = "") -> Field:
    return Field(kind, comodel=comodel, path=path)


def _plain(kind: str, *names: str) -> dict[str, Field]:
    return {name: Field(kind) for name in names}


_CHOICES_OF_MOVE_TYPE = ("entry", "out_invoice", "out_refund", "in_invoice", "in_refund", "out_receipt", "in_receipt")

_COMMON: dict[str, dict[str, Field]] = {
    "res.company": {
        **_plain("char", "name"),
        **_plain("date", "fiscalyear_lock_date", "tax_lock_date"),
        "currency_id": _one("res.currency"),
    },
    "res.currency": {**_plain("char", "name", "symbol"), **_plain("boolean", "active"), **_plain("float", "rounding")},
    "res.country": _plain("char", "name", "code"),
    "res.users": {**_plain("char", "name", "login"), "company_id": _one("res.company")},
    "res.partner": {
        **_plain("char", "name", "ref", "street", "street2", "city", "zip", "email", "phone", "lang", "vat"),
        **_plain("boolean", "is_company"),
        "country_id": _one("res.country"),
        "company_id": _one("res.company"),
    },
    "account.account": {
        **_plain("char", "code", "name"),
        **_plain("selection", "account_type"),
        **_plain("boolean", "reconcile"),
    },
    "account.journal": {
        **_plain("char", "code", "name"),
        **_plain("selection", "type"),
        **_plain("integer", "sequence"),
        "company_id": _one("res.company"),
        "default_account_id": _one("account.account"),
    },
    "account.tax": {**_plain("char", "name"), **_plain("float", "amount"), **_plain("selection", "type_tax_use")},
    "account.analytic.plan": _plain("char", "name", "description"),
    "account.analytic.account": {
        **_plain("char", "name", "code"),
        "plan_id": _one("account.analytic.plan"),
        "company_id": _one("res.company"),
    },
    "account.move": {
        **_plain("char", "name", "ref", "invoice_origin", "payment_reference"),
        **_plain("date", "date", "invoice_date", "invoice_date_due"),
        **_plain("float", "amount_untaxed", "amount_tax", "amount_total", "amount_residual"),
        **_plain("selection", "state", "payment_state"),
        "move_type": Field("selection", label="Type", choices=_CHOICES_OF_MOVE_TYPE),
        "partner_id": _one("res.partner"),
        "journal_id": _one("account.journal"),
        "company_id": _one("res.company"),
        "currency_id": _one("res.currency"),
        "reversed_entry_id": _one("account.move"),
        "line_ids": _lines("account.move.line", "move_id"),
        "invoice_line_ids": _lines("account.move.line", "move_id", ("display_type", "product")),
    },
    "account.move.line": {
        **_plain("char", "name", "matching_number"),
        **_plain("float", "quantity", "price_unit", "price_subtotal", "price_total"),
        **_plain("float", "debit", "credit", "balance", "amount_currency"),
        **_plain("float", "amount_residual", "amount_residual_currency"),
        **_plain("selection", "display_type"),
        **_plain("boolean", "reconciled"),
        **_plain("json", "analytic_distribution"),
        "move_id": _one("account.move"),
        "account_id": _one("account.account"),
        "product_id": _one("product.product"),
        "partner_id": _one("res.partner"),
        "currency_id": _one("res.currency"),
        "tax_ids": _many("account.tax"),
        "account_type": _through("account_id.account_type"),
        "parent_state": _through("move_id.state"),
        "move_name": _through("move_id.name"),
        "date": _through("move_id.date", "date"),
        "journal_id": _through("move_id.journal_id", "many2one", "account.journal"),
        "company_id": _through("move_id.company_id", "many2one", "res.company"),
    },
    "account.partial.reconcile": {
        **_plain("float", "amount"),
        "debit_move_id": _one("account.move.line"),
        "credit_move_id": _one("account.move.line"),
    },
    "product.product": {
        **_plain("char", "name", "default_code"),
        **_plain("float", "list_price", "standard_price"),
        "taxes_id": _many("account.tax"),
        "supplier_taxes_id": _many("account.tax"),
        "property_account_income_id": _one("account.account"),
    },
    "stock.warehouse": {
        **_plain("char", "name", "code"),
        "company_id": _one("res.company"),
        "lot_stock_id": _one("stock.location"),
        "view_location_id": _one("stock.location"),
        "out_type_id": _one("stock.picking.type"),
        "in_type_id": _one("stock.picking.type"),
    },
    "stock.location": {
        **_plain("char", "name"),
        **_plain("selection", "usage"),
        "location_id": _one("stock.location"),
        "company_id": _one("res.company"),
    },
    "stock.picking.type": {
        **_plain("char", "name", "sequence_code"),
        **_plain("selection", "code"),
        "warehouse_id": _one("stock.warehouse"),
    },
    "stock.picking": {
        **_plain("char", "name", "origin"),
        **_plain("selection", "state"),
        **_plain("datetime", "scheduled_date", "date_done"),
        "picking_type_id": _one("stock.picking.type"),
        "location_id": _one("stock.location"),
        "location_dest_id": _one("stock.location"),
        "partner_id": _one("res.partner"),
        "company_id": _one("res.company"),
        "move_ids": _lines("stock.move", "picking_id"),
    },
    "stock.move": {
        **_plain("float", "product_uom_qty", "quantity"),
        **_plain("boolean", "picked"),
        **_plain("selection", "state"),
        **_plain("datetime", "date"),
        "picking_id": _one("stock.picking"),
        "product_id": _one("product.product"),
        "location_id": _one("stock.location"),
        "location_dest_id": _one("stock.location"),
        "company_id": _one("res.company"),
        "origin_returned_move_id": _one("stock.move"),
    },
    "stock.quant": {
        **_plain("float", "quantity"),
        "product_id": _one("product.product"),
        "location_id": _one("stock.location"),
    },
    "ir.model.data": {**_plain("char", "module", "name", "model"), **_plain("integer", "res_id")},
}

_ONLY_17: dict[str, dict[str, Field]] = {
    "res.company": _plain("date", "period_lock_date"),
    "account.account": {"company_id": _one("res.company")},
    "account.move": {"reversal_move_id": _lines("account.move", "reversed_entry_id")},
    "product.product": _plain("selection", "type", "detailed_type"),
    "stock.move": _plain("char", "name"),
}
_ONLY_19: dict[str, dict[str, Field]] = {
    "res.company": _plain(
        "date",
        *("sale_lock_date", "purchase_lock_date", "hard_lock_date"),
        *("user_fiscalyear_lock_date", "user_sale_lock_date", "user_hard_lock_date"),
    ),
    "account.account": {"company_ids": _many("res.company")},
    "account.move": {"reversal_move_ids": _lines("account.move", "reversed_entry_id")},
    "product.product": {**_plain("selection", "type"), **_plain("boolean", "is_storable")},
}

# What is searched by: a field here finds its rows without a walk through the table.
INDEXED: Mapping[str, Iterable[str]] = {
    **dict.fromkeys(_COMMON, ()),
    "res.partner": ("ref",),
    "account.account": ("code",),
    "account.analytic.account": ("code",),
    "account.move": ("ref", "invoice_origin", "reversed_entry_id"),
    "account.move.line": ("move_id",),
    "account.partial.reconcile": ("debit_move_id", "credit_move_id"),
    "product.product": ("default_code",),
    "stock.picking": ("origin", "location_dest_id"),
    "stock.move": ("picking_id",),
    "stock.quant": ("product_id",),
}

# What a witness must see: whether a document is a draft, posted, done or cancelled, and what is matched with what.
WATCHED: Mapping[str, str] = {
    "account.move": "state",
    "account.partial.reconcile": "amount",
    "stock.picking": "state",
}


def schema(version: int) -> dict[str, dict[str, Field]]:
    """Fields by model, ``id`` included."""
    extra = _ONLY_19 if version >= 18 else _ONLY_17
    dates = _plain("datetime", "create_date", "write_date")
    shared = {"id": Field("integer"), "display_name": Field("char", path="name"), **dates}
    return {model: {**shared, **fields, **extra.get(model, {})} for model, fields in _COMMON.items()}
