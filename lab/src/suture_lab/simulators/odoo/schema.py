"""The models and fields that the simulator has, as data, per version.

Only what an integration of invoices, entries and stock meets. A field that a version lacks is an error there, too.
"""

from collections.abc import Iterable, Mapping

from suture_lab.simulators.odoo import schema_accounting, schema_stock
from suture_lab.simulators.odoo.fields import Field, Fields, Models, many, one, plain

_BASE: Models = {
    "res.company": {
        **plain("char", "name"),
        **plain("date", "fiscalyear_lock_date", "tax_lock_date"),
        **plain("integer", "fiscalyear_last_day"),
        **plain("selection", "fiscalyear_last_month", "tax_calculation_rounding_method", "chart_template"),
        **plain("boolean", "tax_exigibility"),
        "currency_id": one("res.currency"),
        "country_id": one("res.country"),
        "account_sale_tax_id": one("account.tax"),
        "account_purchase_tax_id": one("account.tax"),
        "currency_exchange_journal_id": one("account.journal"),
    },
    "res.currency": {
        **plain("char", "name", "symbol"),
        **plain("boolean", "active"),
        **plain("float", "rounding"),
        **plain("integer", "decimal_places"),
        "rate": Field("float", computed=True),
    },
    "res.currency.rate": {
        **plain("date", "name"),
        **plain("float", "rate"),
        "currency_id": one("res.currency"),
        "company_id": one("res.company"),
    },
    "res.country": plain("char", "name", "code"),
    "res.country.state": {**plain("char", "name", "code"), "country_id": one("res.country")},
    "res.users": {
        **plain("char", "name", "login", "lang", "tz"),
        **plain("boolean", "active", "share"),
        "company_id": one("res.company"),
        "company_ids": many("res.company"),
        "partner_id": one("res.partner"),
    },
    "res.partner": {
        **plain("char", "name", "ref", "street", "street2", "city", "zip", "email", "phone", "lang", "vat"),
        **plain("boolean", "is_company", "active"),
        **plain("integer", "customer_rank", "supplier_rank"),
        "country_id": one("res.country"),
        "state_id": one("res.country.state"),
        "company_id": one("res.company"),
        "parent_id": one("res.partner"),
        "property_payment_term_id": one("account.payment.term", by_company=True),
        "property_account_receivable_id": one("account.account", computed=True),
        "property_account_payable_id": one("account.account", computed=True),
    },
    "ir.model.data": {**plain("char", "module", "name", "model"), **plain("integer", "res_id")},
    "suture.connect": {},
    "suture.outbox": {**plain("char", "model", "what"), **plain("integer", "res_id"), **plain("datetime", "at")},
    "ir.module.module": {
        **plain("char", "name", "shortdesc", "latest_version", "installed_version"),
        **plain("selection", "state"),
    },
}
_BASE_19: Models = {
    "res.company": {
        **plain("date", "sale_lock_date", "purchase_lock_date", "hard_lock_date"),
        **{
            f"user_{kind}_lock_date": Field("date", computed=True, searched=False)
            for kind in ("fiscalyear", "tax", "sale", "purchase", "hard")
        },
    },
}
_BASE_17: Models = {"res.company": plain("date", "period_lock_date")}

_COMMON: Models = {**_BASE, **schema_accounting.COMMON, **schema_stock.COMMON}
_ONLY_17: Models = {**_BASE_17, **schema_accounting.ONLY_17, **schema_stock.ONLY_17}
_ONLY_19: Models = {**_BASE_19, **schema_accounting.ONLY_19, **schema_stock.ONLY_19}

# What is searched by: a field here finds its rows without a walk through the table.
INDEXED: Mapping[str, Iterable[str]] = {
    **dict.fromkeys(_COMMON, ()),
    "res.partner": ("ref", "parent_id"),
    "account.analytic.account": ("code",),
    "account.move": ("name", "ref", "invoice_origin", "reversed_entry_id", "partner_id"),
    "account.move.line": ("move_id", "matching_number", "full_reconcile_id", "partner_id"),
    "account.partial.reconcile": ("debit_move_id", "credit_move_id", "full_reconcile_id"),
    "product.product": ("default_code",),
    "stock.picking": ("origin", "location_dest_id"),
    "stock.move": ("picking_id", "product_id"),
    "stock.move.line": ("move_id", "picking_id", "lot_id"),
    "stock.lot": ("name", "product_id"),
    "stock.quant": ("product_id", "lot_id"),
}

# What a witness must see: whether a document is a draft, posted, done or cancelled, and what is matched with what.
WATCHED: Mapping[str, str] = {
    "account.move": "state",
    "account.partial.reconcile": "amount",
    "stock.picking": "state",
}

# `_order` of the models that have one of their own; the others go by id.
ORDER: Mapping[str, str] = {
    "res.partner": "name, id desc",
    "account.account": "code",
    "account.journal": "sequence, type, code",
    "account.move": "date desc, name desc, invoice_date desc, id desc",
    "account.move.line": "date desc, move_name desc, id",
    "stock.picking": "scheduled_date, id desc",
}


def schema(version: int) -> Models:
    """Fields by model, ``id`` included."""
    extra = _ONLY_19 if version >= 18 else _ONLY_17
    shared: Fields = {
        "id": Field("integer"),
        "display_name": Field("char", computed=True),
        **plain("datetime", "create_date", "write_date"),
        "create_uid": one("res.users"),
        "write_uid": one("res.users"),
    }
    return {model: {**shared, **fields, **extra.get(model, {})} for model, fields in _COMMON.items()}
