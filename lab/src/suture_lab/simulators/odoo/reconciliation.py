"""Matching open debits with open credits: `account.partial.reconcile`, `account.full.reconcile`, matching numbers."""

from collections.abc import Sequence

from suture_lab.simulators.odoo.call import Call
from suture_lab.simulators.odoo.documents import INVOICES, LINE, MOVE, lines_of, sign_of, touch_lines
from suture_lab.simulators.odoo.errors import OdooUserError
from suture_lab.simulators.odoo.exchange import difference
from suture_lab.simulators.odoo.open_items import FULL, PARTIAL, SIDES, partials_of, settle
from suture_lab.simulators.odoo.payment_state import payment_state
from suture_lab.simulators.odoo.store import Row
from suture_lab.simulators.odoo.taxes import money


def reconcile(env: Call, lines: Sequence[Row]) -> None:
    """Match until one side is used up, what is due first before the rest; from 19 on, before that, whose partner has
    the lower id."""
    _check(env, lines)
    in_order = sorted(lines, key=lambda line: _due(env, line))
    if env.db.version >= 19:
        in_order.sort(key=lambda line: line["partner_id"] or 0)
    debits = [line for line in in_order if _open(line) > 0]
    credits = [line for line in in_order if _open(line) < 0]
    touched = [*debits, *credits]
    while debits and credits:
        _match(env, debits[0], credits[0])
        debits = [line for line in debits if not line["reconciled"]]
        credits = [line for line in credits if not line["reconciled"]]
    number(env, touched)
    for move in dict.fromkeys(line["move_id"] for line in touched):
        refresh(env, env.db.row(MOVE, move))


def unreconcile(env: Call, line: Row) -> None:
    """Undo every match of a line."""
    undo(env, partials_of(env, line))


def undo(env: Call, partials: Sequence[Row]) -> None:
    """Undo matches. An exchange difference that was booked with one stays (Odoo turns it), and is open again."""
    others = [env.db.row(LINE, partial[side]) for partial in partials for side in SIDES]
    _forget_full(env, {partial["full_reconcile_id"] for partial in partials if partial.get("full_reconcile_id")})
    for partial in partials:
        env.db.store.delete(PARTIAL, partial["id"])
    for other in others:
        settle(env, other)
    number(env, others)
    for move in dict.fromkeys(other["move_id"] for other in others):
        refresh(env, env.db.row(MOVE, move))


def reconcile_marked(env: Call, lines: Sequence[Row]) -> None:
    """Lines that bear the same temporary number and account are matched once all of their moves are posted."""
    marks = dict.fromkeys(str(line["matching_number"]) for line in lines if is_mark(line.get("matching_number")))
    for mark in marks:
        by_account: dict[int, list[Row]] = {}
        for line in env.db.by(LINE, "matching_number", mark):
            by_account.setdefault(line["account_id"], []).append(line)
        for of in by_account.values():
            if all(env.db.row(MOVE, line["move_id"])["state"] == "posted" for line in of):
                reconcile(env, of)


def is_mark(number: object) -> bool:
    return isinstance(number, str) and number.startswith("I")


def refresh(env: Call, move: Row) -> None:
    """An invoice's residual and payment state after its lines changed."""
    if move["move_type"] not in INVOICES:
        return
    terms = [line for line in lines_of(env, move) if line["display_type"] == "payment_term"]
    signed = money(sum(line["amount_residual"] for line in terms))
    residual = money(-sign_of(move) * sum(line["amount_residual_currency"] for line in terms))
    others = {kind for line in terms for kind in _counterparts(env, line)}
    values = {
        "amount_residual": residual,
        "amount_residual_signed": signed,
        "payment_state": payment_state(move, others, residual),
    }
    if env.model(MOVE).compute(move, values):
        touch_lines(env, move)


def number(env: Call, lines: Sequence[Row]) -> None:
    """What is matched bears the number of its full reconciliation, or of its first match as long as some is open. An
    exchange difference that nobody booked doesn't count as open."""
    seen: set[int] = set()
    for line in lines:
        if line["id"] in seen:
            continue
        together = _connected(env, line)
        seen.update(together)
        _number(env, [env.db.row(LINE, identifier) for identifier in together])


def _number(env: Call, lines: Sequence[Row]) -> None:
    partials = {partial["id"]: partial for line in lines for partial in partials_of(env, line)}
    if not partials:
        for line in lines:
            if not is_mark(line.get("matching_number")):
                env.db.store.set(LINE, line, "matching_number", None)
        return
    settled = all(line["reconciled"] or not line["amount_residual_currency"] for line in lines)
    full = _full(env, lines, list(partials.values())) if settled else None
    for line in lines:
        env.db.store.set(LINE, line, "full_reconcile_id", full)
        env.db.store.set(LINE, line, "matching_number", str(full) if full else f"P{min(partials)}")


def _full(env: Call, lines: Sequence[Row], partials: Sequence[Row]) -> int:
    known: set[int] = {line["full_reconcile_id"] for line in lines if line.get("full_reconcile_id")}
    if len(known) == 1 and all(line.get("full_reconcile_id") for line in lines):
        return known.pop()
    _forget_full(env, known)
    full = env.model(FULL).insert({})
    for partial in partials:
        env.db.store.set(PARTIAL, partial, "full_reconcile_id", full)
    return full


def _forget_full(env: Call, ids: set[int]) -> None:
    for identifier in ids:
        for model in (PARTIAL, LINE):
            for row in env.db.by(model, "full_reconcile_id", identifier):
                env.db.store.set(model, row, "full_reconcile_id", None)
        env.db.store.delete(FULL, identifier)


def _connected(env: Call, line: Row) -> list[int]:
    """The lines that are matched with this one, with those, and so on."""
    found, ahead = {line["id"]: None}, [line]
    while ahead:
        for partial in partials_of(env, ahead.pop()):
            for side in SIDES:
                if partial[side] not in found:
                    found[partial[side]] = None
                    ahead.append(env.db.row(LINE, partial[side]))
    return list(found)


def _counterparts(env: Call, line: Row) -> list[str]:
    """The types of the moves that a line is matched with."""
    sides = {partial[side] for partial in partials_of(env, line) for side in SIDES} - {line["id"]}
    return [env.db.row(MOVE, env.db.row(LINE, other)["move_id"])["move_type"] for other in sides]


def _match(env: Call, debit: Row, credit: Row) -> None:
    """One match. Lines of one foreign currency are matched in that, all others in the company's."""
    foreign = debit["currency_id"] == credit["currency_id"]
    part = (
        min(abs(_open(debit)), abs(_open(credit)))
        if foreign
        else min(abs(debit["amount_residual"]), abs(credit["amount_residual"]))
    )
    shares = [_share(line, part, foreign=foreign) for line in (debit, credit)]
    amount = min(abs(of[0]) for of in shares)
    values = {
        "debit_move_id": debit["id"],
        "credit_move_id": credit["id"],
        "amount": amount,
        "debit_amount_currency": shares[0][1],
        "credit_amount_currency": shares[1][1],
        "max_date": max(env.db.row(MOVE, line["move_id"])["date"] for line in (debit, credit)),
    }
    env.model(PARTIAL).insert(values)
    for line in (debit, credit):
        settle(env, line)
        difference(env, line)


def _share(line: Row, part: float, *, foreign: bool) -> tuple[float, float]:
    """What of a line a part of it is, in the company's currency and in its own."""
    balance, own = abs(line["amount_residual"]), abs(line["amount_residual_currency"])
    whole = own if foreign else balance
    if part >= whole:
        return balance, own
    return money(balance * part / whole), money(own * part / whole)


def _open(line: Row) -> float:
    return float(line["amount_residual_currency"] or line["amount_residual"])


def _due(env: Call, line: Row) -> tuple[str, int, float]:
    day = line.get("date_maturity") or env.db.row(MOVE, line["move_id"])["date"]
    return str(day), line["currency_id"], line["amount_currency"]


def _check(env: Call, lines: Sequence[Row]) -> None:
    if any(line["reconciled"] for line in lines):
        raise OdooUserError("You are trying to reconcile some entries that are already reconciled.")
    if any(env.db.row(MOVE, line["move_id"])["state"] != "posted" for line in lines):
        raise OdooUserError("You can only reconcile posted entries.")
    accounts = {line["account_id"] for line in lines}
    if len(accounts) > 1:
        raise OdooUserError("Entries are not from the same account.")
    if len({env.db.row(MOVE, line["move_id"])["company_id"] for line in lines}) > 1:
        raise OdooUserError("Entries don't belong to the same company.")
    if not all(env.db.row("account.account", account)["reconcile"] for account in accounts):
        raise OdooUserError("Account does not allow reconciliation. First change its configuration.")
