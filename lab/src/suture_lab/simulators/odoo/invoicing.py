"""What a move's lines come to: an entry must balance, an invoice gets its tax lines, its receivable and its totals."""

from typing import Any

from suture_lab.simulators.odoo.call import Call
from suture_lab.simulators.odoo.documents import INVOICES, LINE, MOVE, PURCHASES, SALES, lines_of, sign_of
from suture_lab.simulators.odoo.errors import OdooUserError
from suture_lab.simulators.odoo.lines import refuse_reconciled, sides
from suture_lab.simulators.odoo.open_items import partials_of, settle
from suture_lab.simulators.odoo.reconciliation import refresh
from suture_lab.simulators.odoo.store import Row
from suture_lab.simulators.odoo.taxes import Priced, Tax, by_tax, compute, money


def compute_move(env: Call, move: Row) -> None:
    if move["move_type"] in INVOICES:
        _compute_invoice(env, move)
    else:
        _compute_entry(env, move)


def _compute_entry(env: Call, move: Row) -> None:
    lines = lines_of(env, move)
    if abs(sum(line["balance"] for line in lines)) > 0.004:
        raise OdooUserError("The entry is not balanced." if env.db.version >= 18 else _not_balanced(move))
    for line in lines:
        settle(env, line)
    debits = [line for line in lines if line["debit"]]
    total = money(sum(line["amount_currency"] for line in debits))
    signed = money(sum(line["balance"] for line in debits))
    zero = dict.fromkeys(("amount_untaxed", "amount_tax", "amount_residual", "amount_residual_signed"), 0.0)
    env.model(MOVE).compute(move, {**zero, "amount_total": total, "amount_total_signed": signed})


def _not_balanced(move: Row) -> str:
    return f"An error has occurred.\n\nThe move (Draft Entry (* {move['id']})) is not balanced."


def _compute_invoice(env: Call, move: Row) -> None:
    lines = lines_of(env, move)
    products = [line for line in lines if line["display_type"] == "product"]
    taxed, shares = compute([_priced(env, line) for line in products], _method(env, move), env.db.version)
    rate = env.rate(move["currency_id"], move.get("invoice_date") or move["date"], move["company_id"])
    sign, items = sign_of(move), env.model(LINE)
    for line, of in zip(products, taxed, strict=True):
        amounts = sides(money(sign * of.base / rate), sign * of.base)
        items.compute(line, {**amounts, "price_subtotal": of.subtotal, "price_total": of.total})
        settle(env, line)
    _tax_lines(env, move, products, shares, rate)
    _open_line(env, move)
    _totals(env, move)


def _method(env: Call, move: Row) -> Any:
    return env.db.row("res.company", move["company_id"])["tax_calculation_rounding_method"]


def _priced(env: Call, line: Row) -> Priced:
    amount = line["price_unit"] * (1 - line["discount"] / 100) * line["quantity"]
    return Priced(amount, [tax_of(env, tax) for tax in line["tax_ids"]])


def tax_of(env: Call, identifier: int) -> Tax:
    row = env.db.row("account.tax", identifier)
    included = row.get("price_include") or row.get("price_include_override") == "tax_included"
    return Tax(identifier, row["amount"], bool(included))


def _tax_lines(env: Call, move: Row, products: list[Row], shares: list[dict[int, float]], rate: float) -> None:
    """One line a tax and account: the tax's own account, or else that of what is taxed."""
    wanted: dict[tuple[int, int], list[dict[int, float]]] = {}
    for line, share in zip(products, shares, strict=True):
        for tax, amount in share.items():
            account = env.db.row("account.tax", tax).get("account_id") or line["account_id"]
            wanted.setdefault((tax, account), []).append({tax: amount})
    amounts = {key: by_tax(of)[key[0]] for key, of in wanted.items()}
    standing = {
        (line["tax_line_id"], line["account_id"]): line for line in lines_of(env, move) if line["display_type"] == "tax"
    }
    for key, line in standing.items():
        if not amounts.get(key):
            env.model(LINE).delete(line)
    for key, amount in amounts.items():
        if amount:
            booked = sides(money(sign_of(move) * amount / rate), sign_of(move) * amount)
            if key in standing:
                env.model(LINE).compute(standing[key], booked)
            else:
                _add(env, move, {**_tax_line(env, *key), **booked})


def _tax_line(env: Call, tax: int, account: int) -> Row:
    name = env.db.row("account.tax", tax)["name"]
    return {"display_type": "tax", "tax_line_id": tax, "account_id": account, "name": name, "sequence": 10000}


def _open_line(env: Call, move: Row) -> None:
    """The receivable or payable, which makes the invoice balance."""
    lines = lines_of(env, move)
    others = [line for line in lines if line["display_type"] != "payment_term"]
    known = next((line for line in lines if line["display_type"] == "payment_term"), None)
    balance = money(-sum(line["balance"] for line in others))
    foreign = money(-sum(line["amount_currency"] for line in others))
    if not others:
        if known is not None:
            env.model(LINE).delete(known)
        return
    if known is None:
        known = _new_open_line(env, move, balance, foreign)
    elif known["balance"] != balance and env.db.version < 18 and partials_of(env, known):
        raise refuse_reconciled(move)
    env.model(LINE).compute(known, {**sides(balance, foreign), "currency_id": move["currency_id"]})
    settle(env, known)


def _new_open_line(env: Call, move: Row, balance: float, foreign: float) -> Row:
    kind = "receivable" if move["move_type"] in SALES else "payable"
    company = env.db.row("res.company", move["company_id"])
    undated = env.db.version < 18 and move["move_type"] in PURCHASES
    own = {
        "display_type": "payment_term",
        "account_id": company[f"account_{kind}_id"],
        "date_maturity": None if undated else move.get("invoice_date_due"),
        "sequence": 12000,
    }
    return _add(env, move, {**own, "balance": balance, "amount_currency": foreign})


def _add(env: Call, move: Row, values: Row) -> Row:
    identifier = env.model(LINE).insert({**values, "currency_id": move["currency_id"], "move_id": move["id"]})
    return env.db.row(LINE, identifier)


def _totals(env: Call, move: Row) -> None:
    lines = lines_of(env, move)
    sign = sign_of(move)
    untaxed = money(sign * sum(line["amount_currency"] for line in lines if line["display_type"] == "product"))
    tax = money(sign * sum(line["amount_currency"] for line in lines if line["display_type"] == "tax"))
    signed = money(sum(line["balance"] for line in lines if line["display_type"] == "payment_term"))
    totals = {"amount_untaxed": untaxed, "amount_tax": tax, "amount_total": money(untaxed + tax)}
    env.model(MOVE).compute(move, {**totals, "amount_total_signed": signed})
    refresh(env, move)
