"""What the claims of a remittance settle: invoices, or for a reversal the lines that it undoes."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from suture.canonical.remittance import ClaimPayment
from suture.connectors.odoo.books import Books
from suture.connectors.odoo.matching import ITEM_FIELDS, Item, item, items_of
from suture.connectors.odoo.names import source
from suture.core.failure import Fatal


class Face(msgspec.Struct, frozen=True):
    """On which receivable account, and whose, a claim is booked."""

    account: int
    partner: int


class ClaimItems:
    """The items of a part's claims. `invoices` are by appointment; `earlier` are the lines that earlier remittances
    booked, by label."""

    def __init__(self, invoices: dict[str, list[Item]], earlier: dict[str, Item], otherwise: Face) -> None:
        self._invoices = invoices
        self._earlier = earlier
        self._otherwise = otherwise

    def face(self, claim: ClaimPayment) -> Face:
        """The invoice's own account and partner; for a claim without an invoice, the payer's."""
        items = self._invoices.get(claim.appointment)
        return Face(items[0].account, items[0].partner) if items else self._otherwise

    def settled_by(self, claim: ClaimPayment) -> list[Item]:
        if claim.reverses:
            return self._open(claim_label(claim))
        return [one for one in self._invoices.get(claim.appointment, ()) if one.posted and not one.settled]

    def share_settled_by(self, claim: ClaimPayment) -> list[Item]:
        return self._open(share_label(claim)) if claim.reverses else []

    def _open(self, label: str) -> list[Item]:
        found = self._earlier.get(label)
        return [found] if found is not None and not found.settled else []


def claim_label(claim: ClaimPayment) -> str:
    return f"Claim {claim.claim}"


def share_label(claim: ClaimPayment) -> str:
    return f"Claim {claim.claim}, patient's share"


async def read_items(books: Books, remittance: str, claims: Sequence[ClaimPayment], payer: int) -> ClaimItems:
    """What is open for claims, once what reversals undo was taken apart. Nothing in a `remittance` reverses what it
    books itself."""
    invoices = await _invoices(books, claims)
    reversals = [claim for claim in claims if claim.reverses]
    earlier: dict[str, Item] = {}
    if reversals:
        earlier = await _earlier(books, remittance, reversals)
        lines = [one.line for claim in reversals for one in await _items(books, invoices.get(claim.appointment))]
        await _take_apart(books, lines, [one.line for one in earlier.values()])
        earlier = await _earlier(books, remittance, reversals)
    items = await items_of(books, invoices.values())
    by_appointment = {appointment: items[invoice] for appointment, invoice in invoices.items() if items[invoice]}
    lacking = any(claim.appointment not in by_appointment for claim in claims)
    return ClaimItems(by_appointment, earlier, await _payers_face(books, payer) if lacking else Face(0, payer))


async def _invoices(books: Books, claims: Sequence[ClaimPayment]) -> dict[str, int]:
    parts = await books.parts([claim.appointment for claim in claims])
    return {appointment: of[""] for appointment, of in parts.items()}


async def _items(books: Books, invoice: int | None) -> list[Item]:
    return (await items_of(books, [invoice]))[invoice] if invoice else []


async def _earlier(books: Books, remittance: str, reversals: Sequence[ClaimPayment]) -> dict[str, Item]:
    """The newest line of each label, of another remittance, whose amount is what the reversal turns."""
    wanted = {claim_label(claim): claim.settled.amount for claim in reversals}
    wanted |= {share_label(claim): -claim.patient_responsibility.amount for claim in reversals}
    domain = [
        ["name", "in", sorted(wanted)],
        ["account_type", "=", "asset_receivable"],
        ["parent_state", "=", "posted"],
        ["move_id.invoice_origin", "=", source("remittance", books.organisation)],
        ["move_id.ref", "!=", remittance],
        ["move_id.ref", "not like", f"{remittance}/"],
    ]
    rows = await books.odoo.search("account.move.line", domain, [*ITEM_FIELDS, "amount_currency"])
    turned = (row for row in rows if Decimal(str(row["amount_currency"])) == wanted[row["name"]])
    return {row["name"]: item(row) for row in turned}


async def _take_apart(books: Books, invoices: Iterable[int], booked: Iterable[int]) -> None:
    """Undo what exactly these lines were matched with, and nothing else that pays the same invoice."""
    domain = [["debit_move_id", "in", list(invoices)], ["credit_move_id", "in", list(booked)]]
    partials = await books.odoo.search("account.partial.reconcile", domain, ["id"])
    if partials:
        await books.odoo.do("account.partial.reconcile", "unlink", [row["id"] for row in partials])


async def _payers_face(books: Books, payer: int) -> Face:
    """Where the payer's own items go, for a claim without an invoice."""
    rows = await books.odoo.read("res.partner", [payer], ["property_account_receivable_id"])
    account = rows[payer]["property_account_receivable_id"] if payer in rows else False
    if not account:
        raise Fatal("not_prepared", "Odoo has no receivable account for payers", "Install a chart of accounts in Odoo.")
    return Face(account, payer)
