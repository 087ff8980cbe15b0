"""An Odoo to practise on: JSON-2 and JSON-RPC, external ids, invoices, entries, payments and stock, in memory.

It passes the same conformance suite as a real Odoo 17 and 19 (`suture_lab.conformance`).
"""

from suture_lab.simulators.odoo.app import create_app

__all__ = ["create_app"]
