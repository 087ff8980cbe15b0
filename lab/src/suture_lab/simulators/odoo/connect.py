"""Suture's own optional module (`odoo_addons/suture_connect`), as far as the connector uses it: a post that also
reconciles. What is deleted is noted where it is deleted (`model`)."""

from collections.abc import Sequence
from typing import Any

from suture_lab.simulators.odoo.model import Model, of_model
from suture_lab.simulators.odoo.store import Row

_NOISE = 2**-50
MODELS = ("suture.connect", "suture.outbox")


class Connect(Model):
    """Several steps in one call."""

    @of_model
    def post(self, moves: Sequence[int], settles: Sequence[Sequence[Any]], columns: Sequence[str]) -> list[Row]:
        entries, lines = self.env.model("account.move"), self.env.model("account.move.line")
        entries.action_post(moves)  # type: ignore[attr-defined]
        for entry, account, partner, ids in settles:
            mine = [["move_id", "=", entry], ["account_id", "=", account], ["partner_id", "=", partner]]
            own, others = (
                lines.search([*domain, ["reconciled", "=", False]]) for domain in (mine, [["id", "in", list(ids)]])
            )
            if own and others:
                lines.reconcile([*others, *own])  # type: ignore[attr-defined]
        rows = entries.read(moves, columns, load="")
        return rows if self.db.version >= 18 else [_unrounded(row) for row in rows]


def _unrounded(row: Row) -> Row:
    """17 answers sums of floats as they came out, while their transaction lasts."""
    return {name: value * (1 + _NOISE) if name.startswith("amount_") else value for name, value in row.items()}
