"""Payments in batches: an entry a payment, reconciled with its invoice.

Odoo lets three full payments of one invoice all succeed. Ours can't be doubled, being created by external id; that
none is too large is looked at before, which holds as long as one invoice's payments come one after the other: the
caller sees to that within a process. An invoice paid twice at once from two leaves a rest unreconciled, which is looked
at afterwards and told.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from suture.canonical.records import Payment
from suture.connectors.odoo import entries
from suture.connectors.odoo.books import Books
from suture.connectors.odoo.client import Row
from suture.connectors.odoo.posting import missing
from suture.connectors.port import AppliedPayment
from suture.core.failure import Failure, Rejected
from suture.core.money import Money, round_money, total

_LINE_FIELDS = ("move_id", "account_id", "partner_id", "amount_residual_currency", "parent_state", "reconciled")
_INVOICE_FIELDS = ("name", "state", "amount_residual", "payment_state")


async def apply(books: Books, payments: Sequence[Payment]) -> Sequence[AppliedPayment | Failure]:
    """Enter, post and reconcile. `payments` holds at most one of each invoice."""
    setting = await books.setting()
    invoices = await books.invoices([payment.appointment for payment in payments])
    lines = await _receivables(books, list(invoices.values()))
    refused = await _refusals(books, payments, {a: lines[i] for a, i in invoices.items()})
    accepted = [p for p in payments if p.payment not in refused]
    receipts = [entries.payment(p, lines[invoices[p.appointment]][0], setting, books.organisation) for p in accepted]
    ids = await books.write("account.move", receipts)
    posted = await books.poster.post(ids, {i: p.amount for i, p in zip(ids, accepted, strict=True)})
    entered = {p.payment: posted[i] for i, p in zip(ids, accepted, strict=True)}
    good = [(lines[invoices[p.appointment]], i) for i, p in zip(ids, accepted, strict=True) if _is_posted(posted[i])]
    await _reconcile(books, good)
    left = await _left_open(books, [i for _, i in good])
    after = await books.odoo.read("account.move", [invoices[p.appointment] for p in accepted], _INVOICE_FIELDS)
    entries_of = dict(zip((p.payment for p in accepted), ids, strict=True))
    refused |= {
        p.payment: not_applied(p, left[entries_of[p.payment]]) for p in accepted if entries_of[p.payment] in left
    }
    return [refused.get(p.payment) or _applied(p, entered[p.payment], after[invoices[p.appointment]]) for p in payments]


async def _receivables(books: Books, moves: Sequence[int]) -> dict[int, list[Row]]:
    """The receivable lines of each move (`account.move.line` on an account of type ``asset_receivable``)."""
    lines: dict[int, list[Row]] = defaultdict(list)
    if moves:
        domain = [["move_id", "in", moves], ["account_type", "=", "asset_receivable"]]
        for row in await books.odoo.search("account.move.line", domain, _LINE_FIELDS):
            lines[row["move_id"]].append(row)
    return lines


async def _refusals(
    books: Books, payments: Sequence[Payment], lines: Mapping[str, Sequence[Row]]
) -> dict[str, Failure]:
    """Why payments can't be applied, by payment. One that seems too large may be in the books already: look."""
    refused = {p.payment: failure for p in payments if (failure := _not_payable(p, lines.get(p.appointment, ())))}
    residuals = {
        p.payment: _residual(lines[p.appointment], p.amount.currency) for p in payments if p.payment not in refused
    }
    suspects = [p for p in payments if p.payment in residuals and _exceeds(p.amount, residuals[p.payment])]
    domain = [["move_type", "=", "entry"], ["company_id", "=", books.odoo.company]]
    keys = [p.payment for p in suspects]
    entered = await books.finder.documents("account.move", "payment", keys, "ref", domain)
    refused.update({p.payment: overpaid(p, residuals[p.payment]) for p in suspects if p.payment not in entered})
    return refused


def _not_payable(payment: Payment, lines: Sequence[Row]) -> Failure | None:
    if not lines:
        return missing(f"the invoice of {payment.appointment}")
    if lines[0]["parent_state"] != "posted":
        return Rejected(
            "invoice_not_posted",
            f"The invoice of {payment.appointment} is {lines[0]['parent_state']}: {payment.payment} can't be applied",
            "Post the invoice, or void the payment in billing.",
        )
    return None


def _residual(lines: Sequence[Row], currency: str) -> Money:
    return total((_money(line["amount_residual_currency"], currency) for line in lines), currency)


def _exceeds(amount: Money, residual: Money) -> bool:
    return (amount.rounded() - residual).amount > 0


def overpaid(payment: Payment, residual: Money) -> Rejected:
    """More was paid than is open on the invoice. Nothing was written to Odoo."""
    return Rejected(
        "overpaid",
        f"{payment.payment} is {payment.amount}, and only {residual} is open on the invoice of {payment.appointment}",
        "Find the invoice that it pays, or refund the difference in billing; then `suture exceptions retry`.",
    )


def not_applied(payment: Payment, left: Decimal) -> Rejected:
    """Another payment of the same invoice was faster, and the two are more than the invoice."""
    return Rejected(
        "overpaid",
        f"{payment.payment} is in Odoo, and {left} {payment.amount.currency} of it found nothing open on the invoice "
        f"of {payment.appointment}",
        "Reconcile it in Odoo with what it pays, then `suture exceptions retry`; or refund it in billing, reverse its "
        "entry in Odoo and discard this.",
    )


async def _left_open(books: Books, moves: Sequence[int]) -> dict[int, Decimal]:
    """What of posted payments is not reconciled with anything, by entry."""
    lines = await _receivables(books, moves)
    sums = {
        move: sum((Decimal(str(line["amount_residual_currency"])) for line in of), Decimal(0))
        for move, of in lines.items()
    }
    return {move: -left for move, left in sums.items() if left and not all(line["reconciled"] for line in lines[move])}


async def _reconcile(books: Books, pairs: Sequence[tuple[Sequence[Row], int]]) -> None:
    """Each entry with its invoice's lines; a call an entry, because one call reconciles all that it is given."""
    payment_lines = await _receivables(books, [entry for _, entry in pairs])
    open_lines = [_open_lines(invoice_lines, payment_lines[entry]) for invoice_lines, entry in pairs]
    calls = [_reconcile_lines(books, ids) for ids in open_lines if ids]
    failures = [f for f in await asyncio.gather(*calls, return_exceptions=True) if isinstance(f, BaseException)]
    if failures:
        raise failures[0]


async def _reconcile_lines(books: Books, ids: Sequence[int]) -> None:
    """The last line is the payment's: once it is reconciled, by us or by a worker that was faster, all is done."""
    try:
        await books.odoo.do("account.move.line", "reconcile", ids)
    except Rejected:
        now = await books.odoo.read("account.move.line", ids[-1:], ["reconciled"])
        if not any(row["reconciled"] for row in now.values()):
            raise


def _open_lines(invoice: Sequence[Row], payment: Sequence[Row]) -> list[int]:
    """What to reconcile with what, or nothing where either side has nothing open any more."""
    open_on = [[line["id"] for line in side if not line["reconciled"]] for side in (invoice, payment)]
    return [*open_on[0], *open_on[1]] if all(open_on) else []


def _is_posted(outcome: Row | Failure) -> bool:
    return not isinstance(outcome, Failure)


def _applied(payment: Payment, entry: Row | Failure, invoice: Row) -> AppliedPayment | Failure:
    if isinstance(entry, Failure):
        return entry
    return AppliedPayment(
        invoice_number=invoice["name"],
        residual=_money(invoice["amount_residual"], payment.amount.currency),
        payment_state=invoice["payment_state"],
    )


def _money(amount: float, currency: str) -> Money:
    return Money(round_money(Decimal(str(amount)), currency), currency)
