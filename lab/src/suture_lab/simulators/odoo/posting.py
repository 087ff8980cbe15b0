"""Posting moves, and taking them back to draft."""

from collections.abc import Sequence
from datetime import date

from suture_lab.simulators.odoo.call import Call
from suture_lab.simulators.odoo.dates import locked_until, posted_on
from suture_lab.simulators.odoo.documents import INVOICES, LINE, MOVE, PURCHASES, SALES, lines_of, touch_lines
from suture_lab.simulators.odoo.errors import OdooUserError, ValidationError
from suture_lab.simulators.odoo.numbers import give_name, is_of_its_period, is_taken
from suture_lab.simulators.odoo.open_items import settle
from suture_lab.simulators.odoo.reconciliation import reconcile, reconcile_marked, refresh, unreconcile
from suture_lab.simulators.odoo.store import Row


def post(env: Call, moves: Sequence[Row]) -> None:
    """All of them or none. A reversal is matched with what it reverses, a marked line with those of the same mark."""
    wrong = [move for move in moves if move["state"] != "draft"]
    if wrong:
        raise OdooUserError(
            "\n".join(f"The entry {move['name']} (id {move['id']}) must be in draft." for move in wrong)
        )
    for move in moves:
        _check(env, move)
    for move in moves:
        _post(env, move)
    for move in moves:
        if move.get("reversed_entry_id"):
            _match_reversed(env, move)
    reconcile_marked(env, [line for move in moves for line in lines_of(env, move)])


def reset(env: Call, moves: Sequence[Row]) -> None:
    """To draft. Raises `OdooUserError` for what is locked or was never posted."""
    for move in moves:
        if move["state"] not in ("posted", "cancel"):
            raise OdooUserError("Only posted/cancelled journal entries can be reset to draft.")
        locked = locked_until(env, move)
        if move["state"] == "posted" and date.fromisoformat(move["date"]) <= locked:
            raise OdooUserError(f"You cannot add/modify entries prior to and inclusive of the lock date {locked}.")
    for move in moves:
        for line in lines_of(env, move):
            unreconcile(env, line)
        env.model(MOVE).compute(move, {"state": "draft"})
        for line in lines_of(env, move):
            settle(env, line)
        refresh(env, move)


def _check(env: Call, move: Row) -> None:
    recent = env.db.version >= 18
    if move.get("auto_post", "no") != "no" and move["date"] > env.today.isoformat():
        raise OdooUserError(f"This move is configured to be auto-posted on {move['date']}")
    if not lines_of(env, move):
        raise OdooUserError(
            "Even magicians can't post nothing!" if recent else "You need to add a line before posting."
        )
    if move["move_type"] not in INVOICES:
        return
    if not move.get("partner_id"):
        who = "Customer" if move["move_type"] in SALES else "Vendor"
        said = "required to validate the invoice." if recent else "required, please complete it to validate it."
        raise OdooUserError(f"The '{who}' field is {said}" if recent else f"The field '{who}' is {said}")
    if move["amount_total"] < 0:
        raise OdooUserError(
            "You cannot validate an invoice with a negative total amount. Create a credit note instead."
        )
    if not recent and move["move_type"] in PURCHASES and not move.get("invoice_date"):
        raise OdooUserError("The Bill/Refund date is required to validate this document.")


def _post(env: Call, move: Row) -> None:
    env.model(MOVE).touch(move)
    touch_lines(env, move)
    if move["move_type"] in INVOICES and not move.get("invoice_date"):
        env.db.store.set(MOVE, move, "invoice_date", env.today.isoformat())
    env.db.store.set(MOVE, move, "date", posted_on(env, move).isoformat())
    give_name(env, move)
    if not is_of_its_period(env, move):
        raise ValidationError(f"The Date you've entered isn't aligned with the existing number ({move['name']}).")
    if is_taken(env, move):
        raise ValidationError("The operation cannot be completed: Another entry with the same name already exists.")
    env.db.store.set(MOVE, move, "state", "posted")
    env.db.store.set(MOVE, move, "posted_before", True)
    if move["move_type"] == "out_invoice" and not move.get("payment_reference"):
        env.db.store.set(MOVE, move, "payment_reference", move["name"])
    for line in lines_of(env, move):
        if line["display_type"] == "payment_term" and move.get("payment_reference"):
            env.model(LINE).compute(line, {"name": _label(env, move)})
        settle(env, line)
    refresh(env, move)


def _label(env: Call, move: Row) -> str:
    """What an invoice's receivable is called."""
    own = str(move["payment_reference"])
    return f"{move['ref']} - {own}" if env.db.version >= 18 and move.get("ref") else own


def _match_reversed(env: Call, move: Row) -> None:
    """As far as both have something open, account by account."""
    original = env.db.row(MOVE, move["reversed_entry_id"])
    if original["state"] != "posted":
        return
    by_account: dict[tuple[int, int], list[Row]] = {}
    for line in (*lines_of(env, original), *lines_of(env, move)):
        if not line["reconciled"] and env.db.row("account.account", line["account_id"])["reconcile"]:
            by_account.setdefault((line["account_id"], line["currency_id"]), []).append(line)
    for of in by_account.values():
        reconcile(env, of)
