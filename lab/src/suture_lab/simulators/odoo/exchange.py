"""Exchange differences: what is left of a line in the company's currency once nothing is open in its own."""

from suture_lab.simulators.odoo.call import Call
from suture_lab.simulators.odoo.documents import LINE, MOVE
from suture_lab.simulators.odoo.open_items import PARTIAL, settle
from suture_lab.simulators.odoo.store import Row


def difference(env: Call, line: Row) -> None:
    """Book the difference in the company's journal for it and match it with the line, unless the context says not to
    (`no_exchange_difference`) or the difference belongs to a line that is still open."""
    left = line["amount_residual"]
    if not left or line["amount_residual_currency"] or env.context.get("no_exchange_difference"):
        return
    move = env.db.row(MOVE, line["move_id"])
    company = env.db.row("res.company", move["company_id"])
    result = company["expense_exchange_account_id" if left > 0 else "income_exchange_account_id"]
    own = {"account_id": line["account_id"], "partner_id": line.get("partner_id"), "currency_id": line["currency_id"]}
    entry = {
        "move_type": "entry",
        "journal_id": company["currency_exchange_journal_id"],
        "company_id": move["company_id"],
        "date": max(move["date"], env.today.isoformat()),
        "line_ids": [
            (0, 0, {**own, "name": "Currency exchange rate difference", "balance": -left, "amount_currency": 0.0}),
            (0, 0, {"account_id": result, "name": "Currency exchange rate difference", "balance": left}),
        ],
    }
    identifier = env.model(MOVE).insert(entry)
    env.model(MOVE).action_post([identifier])  # type: ignore[attr-defined]
    counter = env.db.by(LINE, "move_id", identifier)[0]
    _match(env, line, counter, abs(left), identifier)


def _match(env: Call, line: Row, counter: Row, amount: float, move: int) -> None:
    debit, credit = (line, counter) if line["amount_residual"] > 0 else (counter, line)
    env.model(PARTIAL).insert(
        {
            "debit_move_id": debit["id"],
            "credit_move_id": credit["id"],
            "amount": amount,
            "debit_amount_currency": 0.0,
            "credit_amount_currency": 0.0,
            "max_date": env.db.row(MOVE, move)["date"],
            "exchange_move_id": move,
        }
    )
    settle(env, debit)
    settle(env, credit)
