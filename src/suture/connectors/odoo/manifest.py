"""Odoo Community 17 and later."""

from typing import Literal

import msgspec

from suture.catalogue.manifest import Manifest
from suture.catalogue.model import Name


class OdooSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`login` is needed for JSON-RPC (Odoo 17 and 18); `company` is the default one's name, where it isn't the
    integration user's own."""

    database: Name
    login: str | None = None
    company: str | None = None
    transport: Literal["auto", "json2", "jsonrpc"] = "auto"


_BOOKS = ("invoice", "payment", "stock_move", "accrual", "alteration", "by_hand", "master_data")

MANIFEST = Manifest(
    kind="odoo",
    label="Odoo",
    roles=frozenset({"ledger", "stock"}),
    connect="suture.connectors.odoo.ledger:connect",
    settings=OdooSettings,
    polled=frozenset({"ledger-change.v1"}),
    takes=frozenset({"ledger.v1"}),
    capabilities=frozenset({"companies", "lots", "lock_dates", "hints", "remittances", "write_again"}),
    quality="gold",
    formerly={
        "odoo-change.v1": "ledger-change.v1",
        "odoo-ledger.v1": "ledger.v1",
        **{f"odoo.{book}": f"ledger.{book}" for book in _BOOKS},
    },
)
