"""Bulk remittances: one deposit, and what it says of any number of claims, as balanced entries.

A remittance of few claims is one entry. A larger one is a head for the deposit and parts for the claims, which meet in
the remittance clearing account and come to nothing there: Odoo's work and our memory for one call are bounded, a part
is posted in one transaction, and after a failure the parts that stand are passed over.

- `said`: what a claim's line keeps of what was told.
- `standing`: what entries hold of claims.
- `owed`, `earlier`: what is open for a claim, and what became of its invoice before.
- `adjudication`: how much of a claim is booked. Pure.
- `reversing`: which claims a reversal takes back.
- `drafting`: the lines of an entry.
- `posting`: one remittance on its way into the books.
"""
