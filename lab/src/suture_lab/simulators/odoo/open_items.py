"""What of a journal item is open: its amounts less what it was matched with."""

from suture_lab.simulators.odoo.call import Call
from suture_lab.simulators.odoo.documents import LINE, MOVE
from suture_lab.simulators.odoo.store import Row
from suture_lab.simulators.odoo.taxes import money

PARTIAL, FULL = "account.partial.reconcile", "account.full.reconcile"
SIDES = ("debit_move_id", "credit_move_id")


def settle(env: Call, line: Row) -> None:
    """What is open of a line. One of an account that isn't reconciled has nothing open, and is never reconciled."""
    balance = foreign = 0.0
    matters = env.db.row("account.account", line["account_id"])["reconcile"]
    if matters:
        balance, foreign = line["balance"], line["amount_currency"]
        for partial in partials_of(env, line):
            mine = partial["debit_move_id"] == line["id"]
            sign, side = (1, "debit") if mine else (-1, "credit")
            balance -= sign * partial["amount"]
            foreign -= sign * partial[f"{side}_amount_currency"]
    balance, foreign = money(balance), money(foreign)
    posted = env.db.row(MOVE, line["move_id"])["state"] == "posted"
    done = bool(matters and posted and not balance and not foreign)
    env.model(LINE).compute(line, {"amount_residual": balance, "amount_residual_currency": foreign, "reconciled": done})


def partials_of(env: Call, line: Row) -> list[Row]:
    return [partial for side in SIDES for partial in env.db.by(PARTIAL, side, line["id"])]
