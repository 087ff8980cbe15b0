"""Kinds of `account.move`, and which lines are a move's."""

from suture_lab.simulators.odoo.call import Call
from suture_lab.simulators.odoo.store import Row

LINE, MOVE = "account.move.line", "account.move"
SALES = ("out_invoice", "out_refund", "out_receipt")
PURCHASES = ("in_invoice", "in_refund", "in_receipt")
INVOICES = SALES + PURCHASES
REFUNDS = ("out_refund", "in_refund")
_CREDITING = ("out_invoice", "in_refund", "out_receipt")


def lines_of(env: Call, move: Row) -> list[Row]:
    return env.db.by(LINE, "move_id", move["id"])


def touch_lines(env: Call, move: Row) -> None:
    """Lines keep some of their move's fields, and are written with them."""
    for line in lines_of(env, move):
        env.model(LINE).touch(line)


def sign_of(move: Row) -> int:
    """The sign of an invoice line's balance: what is sold is a credit, its return a debit."""
    return -1 if move["move_type"] in _CREDITING else 1
