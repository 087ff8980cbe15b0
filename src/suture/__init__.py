"""Suture stitches scheduling, billing and Odoo together; see docs/architecture.md for the rooms."""
