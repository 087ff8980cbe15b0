"""What entries hold of claims.

An entry's lines of one claim stand one after the other: first its own on a receivable, labelled with the claim's
number, then the patient's share and the adjustments, whose labels begin with the first one's. Entries of before hold
their adjustments as one sum a reason at the end (`StandingClaim.summed`).

A claim's number (CLP01) is ours for one visit, but nothing keeps others from using it for two: what is known of a
claim is its number's and its visit's (`of_visit`).
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

import msgspec

from suture.canonical.remittance import ClaimPayment
from suture.connectors.odoo.documents.matching import ITEM_FIELDS, Item, item, items_by_line
from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.records.names import source
from suture.connectors.odoo.remittances.claim_record import Said, read, visit
from suture.connectors.odoo.transport.client import Row

DEPOSIT, SUMMED, CLAIM = "Remittance", "Adjustments ", "Claim "
RECEIVABLE = "asset_receivable"
_LINE, _PARTIAL = "account.move.line", "account.partial.reconcile"
_FIELDS = (*ITEM_FIELDS, "account_type", "analytic_distribution")
_SHARE = "patient's share"
_REASON = re.compile(r"[^\s,]+-[^\s,]+")


class Adjusted(msgspec.Struct, frozen=True):
    """A line of what was adjusted away of a claim."""

    account: int
    label: str
    amount: Decimal
    analytic: Row | None

    @property
    def code(self) -> str:
        return self.label.rpartition(", ")[2]


class StandingClaim(msgspec.Struct, frozen=True):
    """What one entry holds of a claim. In a booking the claim's own line is a credit; it is nothing where the patient
    had paid all of the invoice, to whom the claim gives back what is beyond the share."""

    entry: int
    claim: Item
    share: Item | None = None
    adjusted: tuple[Adjusted, ...] = ()
    summed: bool = False
    said: Said | None = None
    later: tuple["StandingClaim", ...] = ()
    """What of the same claim was booked afterwards, in entries of their own."""

    @property
    def whole(self) -> tuple["StandingClaim", ...]:
        return (self, *self.later)

    @property
    def reverses(self) -> bool:
        """Whether it takes a claim back."""
        return self.said.reverses if self.said else self.deciding.amount > 0

    @property
    def deciding(self) -> Item:
        """The line whose side, and whose match, says whether a claim is booked or taken back."""
        return self.share if self.share and not self.claim.amount else self.claim

    @property
    def lines(self) -> list[Item]:
        """Its lines on receivables."""
        return [self.claim] if self.share is None else [self.claim, self.share]

    @property
    def shared(self) -> Decimal:
        return self.share.amount if self.share else Decimal(0)

    @property
    def adjustments(self) -> Decimal:
        return sum((one.amount for one in self.adjusted), Decimal(0))

    @property
    def left(self) -> Decimal:
        """What its own line is without the patient's share: paid and, in an entry of before, adjusted."""
        return -self.claim.amount - self.shared

    @property
    def paid(self) -> Decimal:
        return self.left - self.adjustments

    @property
    def is_all(self) -> bool:
        """Whether nothing of the claim is lacking, as far as the entry tells."""
        return self.summed or (self.said is not None and self.said.whole)

    @property
    def waits(self) -> bool:
        """Whether the claim's credit found nothing, or too little, to settle yet."""
        return self.claim.amount < 0 and self.claim.posted and not self.claim.settled


def claim_label(claim: ClaimPayment) -> str:
    return f"{CLAIM}{claim.claim}"


def share_label(claim: ClaimPayment) -> str:
    return f"{claim_label(claim)}, {_SHARE}"


def adjustment_label(claim: ClaimPayment, code: str) -> str:
    return f"{claim_label(claim)}, {code}"


def is_share_of(name: str, label: str) -> bool:
    return name == f"{label}, {_SHARE}"


def of_visit(known: Sequence[StandingClaim], appointment: str) -> list[StandingClaim]:
    """Those of this visit, and those of which it isn't known."""
    wanted = visit(appointment)
    return [one for one in known if one.said is None or one.said.visit == wanted]


async def lines_of_entries(session: CompanySession, entries: Collection[int]) -> list[Row]:
    """All lines of entries, in the order in which they were written. Claims' lines have their external ids with them
    (`external_id`)."""
    if not entries:
        return []
    rows = await session.odoo.search(_LINE, [["move_id", "in", sorted(entries)]], _FIELDS)
    claims = [row["id"] for row in rows if _is_claims(row)]
    names = await session.odoo.external_ids(_LINE, claims)
    told = ({**row, "external_id": names.get(row["id"], "")} for row in rows)
    return sorted(told, key=lambda row: (row["move_id"], row["id"]))


def _is_claims(row: Row) -> bool:
    return row["account_type"] == RECEIVABLE and str(row["name"] or "").startswith(CLAIM)


def standing(rows: Sequence[Row], labels: Collection[str]) -> dict[str, list[StandingClaim]]:
    """What entries hold of the claims with these labels, in order, out of all their lines."""
    summed = {row["move_id"] for row in rows if str(row["name"] or "").startswith(SUMMED)}
    found: dict[str, list[StandingClaim]] = defaultdict(list)
    label, entry = "", 0
    for row in rows:
        name, receivable = str(row["name"] or ""), row["account_type"] == RECEIVABLE
        if receivable and name in labels:
            label, entry = name, row["move_id"]
            said = read(row["external_id"])
            found[label].append(StandingClaim(entry, item(row), summed=entry in summed, said=said))
        elif label and row["move_id"] == entry and _belongs(name, label, receivable=receivable):
            found[label][-1] = _with(found[label][-1], row, receivable=receivable)
        else:
            label = ""
    return found


def _belongs(name: str, label: str, *, receivable: bool) -> bool:
    """Whether a line is the share of a claim, or says why it was adjusted: a claim ``7, 8`` is none of ``7``."""
    if receivable:
        return is_share_of(name, label)
    return name.startswith(f"{label}, ") and bool(_REASON.fullmatch(name.removeprefix(f"{label}, ")))


def _with(of: StandingClaim, row: Row, *, receivable: bool) -> StandingClaim:
    if receivable:
        return msgspec.structs.replace(of, share=item(row))
    amount = Decimal(str(row["amount_currency"]))
    one = Adjusted(row["account_id"], row["name"], amount, row["analytic_distribution"] or None)
    return msgspec.structs.replace(of, adjusted=(*of.adjusted, one))


async def booked_before(
    session: CompanySession, payer: int, labels: Collection[str], besides: Collection[int]
) -> dict[str, list[StandingClaim]]:
    """What earlier remittances of a payer booked of claims and none has taken back, oldest first. `besides` are the
    entries of the remittance that asks: nothing reverses what it books itself."""
    if not labels:
        return {}
    domain = [
        ["name", "in", sorted(labels)],
        ["account_type", "=", RECEIVABLE],
        ["parent_state", "=", "posted"],
        ["move_id.invoice_origin", "=", source("remittance", session.organisation)],
    ]
    found = await session.odoo.search(_LINE, domain, ["move_id"])
    rows = await lines_of_entries(session, {row["move_id"] for row in found} - set(besides))
    payers = {row["move_id"] for row in rows if row["name"] == DEPOSIT and row["partner_id"] == payer}
    theirs = {
        label: [one for one in of if one.claim.partner == payer or one.entry in payers]
        for label, of in standing(rows, labels).items()
    }
    turned = await _turned(session, [one for of in theirs.values() for one in of])
    refs = await _references(session, {one.entry for of in theirs.values() for one in of})
    return {
        label: _together([one for one in of if not one.reverses and one.claim.line not in turned], refs)
        for label, of in theirs.items()
    }


async def _references(session: CompanySession, entries: Collection[int]) -> dict[int, str]:
    rows = await session.odoo.read("account.move", sorted(entries), ["ref"]) if entries else {}
    return {entry: str(row["ref"] or "") for entry, row in rows.items()}


def later_reference(reference: str, place: int) -> str:
    """The reference of an entry that completes the claim at a place of the one with this `reference`."""
    return f"{reference}+{place}"


def _together(known: Sequence[StandingClaim], refs: Mapping[int, str]) -> list[StandingClaim]:
    """What completes another entry's claim belongs to that one: of two halves to the one of which the same was said."""
    found: list[StandingClaim] = []
    for one in known:
        begun = refs.get(one.entry, "").rpartition("+")[0]
        of = [n for n, first in enumerate(found) if begun and refs.get(first.entry) == begun]
        own = [n for n in of if said_alike(found[n].said, one.said)] or of
        place = min(own, key=lambda n: len(found[n].later), default=None)
        if place is None:
            found.append(one)
        else:
            found[place] = msgspec.structs.replace(found[place], later=(*found[place].later, one))
    return found


def said_alike(one: Said | None, other: Said | None) -> bool:
    """Whether the same was said of two claims. Of a line of before it isn't known."""
    if one is None or other is None:
        return False
    return (one.visit, one.codes, one.patient) == (other.visit, other.codes, other.patient)


async def _turned(session: CompanySession, known: Sequence[StandingClaim]) -> set[int]:
    """The claims' lines that a reversal was matched with."""
    booked = {one.deciding.line: one.claim.line for one in known if not one.reverses}
    reversals = {one.deciding.line for one in known if one.reverses}
    if not booked or not reversals:
        return set()
    either = ["|", ["credit_move_id", "in", list(booked)], ["debit_move_id", "in", list(booked)]]
    partials = await session.odoo.search(_PARTIAL, either, ["credit_move_id", "debit_move_id"])
    pairs = ((row["credit_move_id"], row["debit_move_id"]) for row in partials)
    return {
        booked[own] for pair in pairs for own, other in (pair, reversed(pair)) if own in booked and other in reversals
    }


async def settled_invoices(session: CompanySession, known: Sequence[StandingClaim]) -> dict[int, set[int]]:
    """The invoices (`account.move`) that claims settled, by the claim's own line."""
    lines = [one.claim.line for one in known]
    partials = await session.odoo.search(
        _PARTIAL, [["credit_move_id", "in", lines]], ["credit_move_id", "debit_move_id"]
    )
    debits = await items_by_line(session, (row["debit_move_id"] for row in partials))
    moves = await session.odoo.read("account.move", sorted({one.move for one in debits.values()}), ["move_type"])
    found: dict[int, set[int]] = defaultdict(set)
    for row in partials:
        move = debits[row["debit_move_id"]].move
        if moves[move]["move_type"] == "out_invoice":
            found[row["credit_move_id"]].add(move)
    return found
