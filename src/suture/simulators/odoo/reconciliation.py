"""Matching open debits with open credits (`account.partial.reconcile`), and what an invoice's payment state becomes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from suture.simulators.odoo.errors import UserError
from suture.simulators.odoo.store import Row

if TYPE_CHECKING:
    from suture.simulators.odoo.environment import Environment

_PARTIAL = "account.partial.reconcile"
_LINE = "account.move.line"


def reconcile(env: "Environment", lines: Sequence[Row]) -> None:
    """Match until one side is used up, the oldest first."""
    _check(env, lines)
    debits = sorted((line for line in lines if line["amount_residual"] > 0), key=_age)
    credits = sorted((line for line in lines if line["amount_residual"] < 0), key=_age)
    while debits and credits:
        amount = round(min(debits[0]["amount_residual"], -credits[0]["amount_residual"]), 2)
        pair = {"debit_move_id": debits[0]["id"], "credit_move_id": credits[0]["id"], "amount": amount}
        env.model(_PARTIAL).insert(pair)
        _reduce(env, debits[0], -amount)
        _reduce(env, credits[0], amount)
        debits = [line for line in debits if not line["reconciled"]]
        credits = [line for line in credits if not line["reconciled"]]
    for move in {line["move_id"] for line in lines}:
        refresh(env, env.db.row("account.move", move))


def unreconcile(env: "Environment", line: Row) -> None:
    """Undo every match of a line."""
    for partial in _partials(env, line):
        debit, credit = (env.db.row(_LINE, partial[side]) for side in ("debit_move_id", "credit_move_id"))
        env.db.store.delete(_PARTIAL, partial["id"])
        _reduce(env, debit, partial["amount"])
        _reduce(env, credit, -partial["amount"])
        for move in (debit["move_id"], credit["move_id"]):
            refresh(env, env.db.row("account.move", move))


def refresh(env: "Environment", move: Row) -> None:
    """An invoice's residual and payment state after its receivable line changed."""
    if move["move_type"] == "entry":
        return
    lines = [env.db.row(_LINE, i) for i in env.db.store.tables[_LINE].index["move_id"].get(move["id"], ())]
    receivable = [line for line in lines if line["display_type"] == "payment_term"]
    residual = round(sum(abs(line["amount_residual"]) for line in receivable), 2)
    state = _payment_state(env, move, receivable, residual)
    env.db.store.set("account.move", move, "amount_residual", residual)
    env.db.store.set("account.move", move, "payment_state", state)


def _payment_state(env: "Environment", move: Row, receivable: Sequence[Row], residual: float) -> str:
    others = {kind for line in receivable for kind in _counterparts(env, line)}
    if not others:
        return "not_paid"
    if residual:
        return "partial"
    if move["move_type"] == "out_invoice" and others <= {"out_refund", "entry"} and "out_refund" in others:
        return "reversed"
    return "paid"


def _counterparts(env: "Environment", line: Row) -> list[str]:
    """The types of the moves that a line is matched with."""
    sides = {partial[side] for partial in _partials(env, line) for side in ("debit_move_id", "credit_move_id")} - {
        line["id"]
    }
    return [env.db.row("account.move", env.db.row(_LINE, other)["move_id"])["move_type"] for other in sides]


def _partials(env: "Environment", line: Row) -> list[Row]:
    table = env.db.store.tables[_PARTIAL]
    ids = [i for side in ("debit_move_id", "credit_move_id") for i in table.index[side].get(line["id"], ())]
    return [table.rows[i] for i in ids]


def _check(env: "Environment", lines: Sequence[Row]) -> None:
    if any(line["reconciled"] for line in lines):
        raise UserError("You are trying to reconcile some entries that are already reconciled.")
    if any(env.db.row("account.move", line["move_id"])["state"] != "posted" for line in lines):
        raise UserError("You can only reconcile posted entries.")
    accounts = {line["account_id"] for line in lines}
    if len(accounts) > 1:
        raise UserError("Entries are not from the same account.")
    if not all(env.db.row("account.account", account)["reconcile"] for account in accounts):
        raise UserError("Account does not allow reconciliation. First change its configuration.")


def _reduce(env: "Environment", line: Row, by: float) -> None:
    residual = round(line["amount_residual"] + by, 2)
    env.db.store.set(_LINE, line, "amount_residual", residual)
    env.db.store.set(_LINE, line, "amount_residual_currency", residual)
    env.db.store.set(_LINE, line, "reconciled", not residual)


def _age(line: Row) -> int:
    return int(line["id"])
