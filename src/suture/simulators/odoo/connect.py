"""Suture's own optional module (`odoo_addons/suture_connect`), as far as the connector uses it: a post that also
reconciles. What is deleted is noted where it is deleted (`model`)."""

from collections.abc import Sequence
from typing import Any

from suture.simulators.odoo.model import Model, of_model
from suture.simulators.odoo.store import Row

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
        return entries.read(moves, columns, load="")
