"""The ledger in Odoo Community 17 and later: JSON-2 where there is one, JSON-RPC elsewhere (see docs/odoo.md)."""
