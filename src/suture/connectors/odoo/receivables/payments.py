"""Payments in batches: an entry a payment, reconciled with its invoice; and back.

Odoo lets three full payments of one invoice all succeed. Ours can't be doubled, being created by external id; that
none is too large is looked at before, which holds as long as one invoice's payments come one after the other: the
caller sees to that within a process. An invoice paid twice at once from two leaves a rest unreconciled, which is looked
at afterwards and told.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import msgspec

from suture.canonical.records import Payment
from suture.connectors.odoo.documents import entries
from suture.connectors.odoo.documents.booking import Booked, Draft, book, entry_of
from suture.connectors.odoo.documents.matching import Item, Settles, items_of, open_amount
from suture.connectors.odoo.documents.posting import missing, total_of
from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.records.names import external_id, mark
from suture.connectors.odoo.remittances.owed import standing_shares
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import AppliedPayment, LedgerEntry, LedgerPartner
from suture.core.failure import Failure, Rejected
from suture.core.money import Money, round_money

_INVOICE_FIELDS = ("name", "state", "amount_residual", "payment_state")
HEAD_FIELDS = ("name", "state", "amount_total", "journal_id", "company_id", "currency_id")
TURNED_FIELDS = (
    *("move_id", "account_id", "partner_id", "name", "amount_currency", "currency_id", "analytic_distribution"),
    "account_type",
)


class Paying(msgspec.Struct, frozen=True):
    """A payment to apply; with `keep_credit` what is too much stays to the credit of who paid: `partner`, or where that
    isn't told whoever was billed."""

    payment: Payment
    keep_credit: bool = False
    partner: LedgerPartner | None = None


class PaymentReversal(msgspec.Struct, frozen=True):
    payment: str
    on: date


class _Target(msgspec.Struct, frozen=True):
    """What a payment pays: open items, first those that come first; the invoice of which it is told; and in whose name
    (0: in that of who was billed)."""

    invoice: int
    items: tuple[Item, ...]
    partner: int = 0

    @property
    def payer(self) -> int:
        return self.partner or self.items[0].partner


async def apply(session: CompanySession, orders: Sequence[Paying]) -> Sequence[AppliedPayment | Failure]:
    """Enter, post and reconcile. `orders` holds at most one of each invoice. What is entered names who paid; what it
    is reconciled with may be owed by another."""
    setting = await session.setting()
    targets = await _targets(session, orders)
    refused = await _refusals(session, orders, {payment: target.items for payment, target in targets.items()})
    accepted = [order.payment for order in orders if order.payment.payment not in refused]
    drafts = [
        Draft(
            entries.payment(p, targets[p.payment].items[0], targets[p.payment].payer, setting, session.organisation),
            p.amount,
            [
                Settles(
                    mark(external_id("payment", p.payment)),
                    targets[p.payment].items,
                    partner=targets[p.payment].payer,
                )
            ],
            day=p.received_on,
        )
        for p in accepted
    ]
    booked = await book(session, drafts)
    after = await session.odoo.read("account.move", [targets[p.payment].invoice for p in accepted], _INVOICE_FIELDS)
    keeps = {order.payment.payment for order in orders if order.keep_credit}
    applied = {
        p.payment: _applied(
            p,
            booked[external_id("payment", p.payment)],
            targets[p.payment],
            after[targets[p.payment].invoice],
            keeps_credit=p.payment in keeps,
        )
        for p in accepted
    }
    return [refused.get(o.payment.payment) or applied[o.payment.payment] for o in orders]


async def _targets(session: CompanySession, orders: Sequence[Paying]) -> dict[str, _Target]:
    """What each payment pays, by payment; those of unknown invoices are left out.

    A payer pays the invoice that it was billed, a patient the own part. Of what isn't billed to who pays, what stands
    at the patient comes first: a second payer's money, and a patient's, is for what the first payer left.
    """
    parts = await session.parts([order.payment.appointment for order in orders])
    invoices = {o.payment.payment: _of_part(o.payment, parts.get(o.payment.appointment, {})) for o in orders}
    items = await items_of(session, [i for i in invoices.values() if i])
    known = {payment: invoice for payment, invoice in invoices.items() if invoice and items[invoice]}
    payers = await _who_pays(session, orders, {payment: items[i][0] for payment, i in known.items()})
    others = {p: items[i] for p, i in known.items() if payers.get(p, 0) not in (0, items[i][0].partner)}
    unnamed = [o.payment.payment for o in orders if o.payment.payer is None and o.payment.payment in known]
    shares = await standing_shares(session, others | {p: items[known[p]] for p in unnamed})
    found = {}
    for payment, invoice in known.items():
        share = tuple(shares.get(payment, ()))
        own = share[0].partner if share and payment in unnamed else payers.get(payment, 0)
        found[payment] = _Target(invoice, (*share, *_open_or_all(items[invoice], share)), own)
    return found


def _open_or_all(items: Sequence[Item], share: Sequence[Item]) -> Sequence[Item]:
    """An invoice's items, without those that have nothing open where something else has."""
    return [one for one in items if not one.settled] if share else items


async def _who_pays(session: CompanySession, orders: Sequence[Paying], billed: Mapping[str, Item]) -> dict[str, int]:
    """Whose payments these are, by payment: who is named, where a payer was billed or pays. What a person pays that
    was billed to a person is that one's (a guarantor may pay for a child)."""
    told = [o for o in orders if o.payment.payment in billed]
    contacts = sorted({billed[o.payment.payment].partner for o in told if o.payment.payer is None and o.partner})
    rows = await session.odoo.read("res.partner", contacts, ["ref"]) if contacts else {}
    to_payers = {i for i, row in rows.items() if str(row["ref"] or "").startswith("Payer/")}
    named = [
        o for o in told if o.partner and (o.payment.payer is not None or billed[o.payment.payment].partner in to_payers)
    ]
    people = await session.parties.ensure_partners([o.partner for o in named if o.partner])
    return {o.payment.payment: people[o.partner.reference].partner for o in named if o.partner}


def _of_part(payment: Payment, parts: Mapping[str, int]) -> int | None:
    """The invoice that a payment pays: a patient pays the own part, where there is one."""
    own = parts.get("patient") if payment.payer is None else None
    return own or parts.get("")


async def _refusals(
    session: CompanySession, orders: Sequence[Paying], items: Mapping[str, Sequence[Item]]
) -> dict[str, Failure]:
    """Why payments can't be applied, by payment. One that seems too large may be in the books already: look."""
    payments = [order.payment for order in orders]
    refused = {p.payment: failure for p in payments if (failure := _not_payable(p, items.get(p.payment, ())))}
    residuals = {
        p.payment: open_amount(items[p.payment], p.amount.currency) for p in payments if p.payment not in refused
    }
    suspects = [
        order.payment
        for order in orders
        if order.payment.payment in residuals
        and not order.keep_credit
        and (order.payment.amount.rounded() - residuals[order.payment.payment]).amount > 0
    ]
    entered = await session.moves("payment", [p.payment for p in suspects]) if suspects else {}
    refused.update({p.payment: overpaid(p, residuals[p.payment]) for p in suspects if p.payment not in entered})
    return refused


def _not_payable(payment: Payment, items: Sequence[Item]) -> Failure | None:
    if not items:
        return missing(f"the invoice of {payment.appointment}")
    if not items[0].posted:
        return Rejected(
            "invoice_not_posted",
            f"The invoice of {payment.appointment} is not posted: {payment.payment} can't be applied",
            "Post the invoice, or void the payment in billing.",
        )
    return None


def overpaid(payment: Payment, residual: Money) -> Rejected:
    """More was paid than is open on the invoice. Nothing was written to Odoo."""
    return Rejected(
        "overpaid",
        f"{payment.payment} is {payment.amount}, but only {residual} is open on the invoice of {payment.appointment}",
        "Find the invoice that the payment belongs to, or refund the difference in billing; then `suture exceptions"
        " retry`.",
    )


def not_applied(payment: Payment, left: Decimal) -> Rejected:
    """Another payment of the same invoice was faster, and the two are more than the invoice."""
    return Rejected(
        "overpaid",
        f"{payment.payment} is in Odoo, and {left} {payment.amount.currency} of it could not be applied, because"
        f" nothing is open on the invoice of {payment.appointment}",
        "Reconcile the payment in Odoo with the invoice that it pays, then `suture exceptions retry`; or refund it in"
        " billing, reverse its entry in Odoo and discard this exception.",
    )


def _applied(
    payment: Payment, outcome: Booked | Failure, target: _Target, invoice: Row, *, keeps_credit: bool
) -> AppliedPayment | Failure:
    if isinstance(outcome, Failure):
        return outcome
    left = outcome.left_open(target.items[0].account, target.payer)
    if left and not keeps_credit:
        return not_applied(payment, left)
    currency = payment.amount.currency
    return AppliedPayment(
        invoice_number=invoice["name"],
        residual=_money(invoice["amount_residual"], currency),
        payment_state=invoice["payment_state"],
        unapplied=Money(round_money(left, currency), currency) if left else None,
    )


async def reverse(session: CompanySession, reversals: Sequence[PaymentReversal]) -> Sequence[LedgerEntry | Failure]:
    """What a payment paid is open again: its entry is unreconciled, turned, and reconciled with what turns it."""
    setting = await session.setting()
    keys = [reversal.payment for reversal in reversals]
    paid = await session.moves("payment", keys)
    done = await session.moves("payment_reversal", list(paid))
    heads = await session.odoo.read("account.move", list(paid.values()), HEAD_FIELDS) if paid else {}
    lines = await lines_of(session, list(paid.values()))
    standing = {key: heads[i] for key, i in paid.items() if i in heads and heads[i]["state"] == "posted"}
    await open_again(session, [line for key, i in paid.items() if key not in done for line in lines[i]])
    items = await items_of(session, [head["id"] for head in standing.values()])
    codes = setting.codes()
    on = {reversal.payment: reversal.on for reversal in reversals}
    drafts = [
        Draft(
            entries.reversal(
                "payment_reversal", key, head, lines[head["id"]], on=on[key], organisation=session.organisation
            ),
            total_of(head, codes[head["currency_id"]]),
            [Settles(mark(external_id("payment_reversal", key)), items[head["id"]])],
        )
        for key, head in standing.items()
    ]
    booked = await book(session, drafts)
    nothing = LedgerEntry(number="", amount=Money.zero(setting.currency))
    turned = {key: entry_of(booked[external_id("payment_reversal", key)]) for key in standing}
    return [turned.get(key, nothing) for key in keys]


async def open_again(session: CompanySession, lines: Sequence[Row]) -> None:
    """Undo what these lines were reconciled with."""
    receivable = [line["id"] for line in lines if line["account_type"] == "asset_receivable"]
    if receivable:
        await session.odoo.do("account.move.line", "remove_move_reconcile", receivable)


async def lines_of(session: CompanySession, moves: Sequence[int]) -> dict[int, list[Row]]:
    """The journal items of each move, as a reversal turns them."""
    lines: dict[int, list[Row]] = defaultdict(list)
    if moves:
        for line in await session.odoo.search("account.move.line", [["move_id", "in", list(moves)]], TURNED_FIELDS):
            lines[line["move_id"]].append(line)
    return lines


def _money(amount: float, currency: str) -> Money:
    return Money(round_money(Decimal(str(amount)), currency), currency)
