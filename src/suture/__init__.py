"""Suture stitches scheduling, billing and the ledger together; see docs/architecture.md for the rooms."""
