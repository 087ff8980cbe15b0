"""The way to an Odoo database: its two protocols, and what it says went wrong."""
