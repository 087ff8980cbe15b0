"""Booking entries: written, posted, and reconciled with what they settle; every kind of entry goes this way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from suture.connectors.odoo.documents.document_rows import Document
from suture.connectors.odoo.documents.matching import Item, Settles, clear_marks, in_turn, items_of, mark_items, match
from suture.connectors.odoo.documents.posting import total_of
from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import LedgerEntry
from suture.core.failure import Failure
from suture.core.money import Money


@dataclass(frozen=True)
class Draft:
    """An entry to book: `total` is the sum of its debits (None: not compared), `settles` what its lines are to be
    reconciled with. `day` is the one that it belongs to, where that is the same however often it is ordered."""

    document: Document
    total: Money | None
    settles: Sequence[Settles] = ()
    day: date | None = None

    @property
    def name(self) -> str:
        return self.document.name


@dataclass(frozen=True)
class Booked:
    """A posted entry as read back, and its own items: what of them is open found nothing to settle."""

    row: Row
    total: Money
    items: Sequence[Item]

    def left_open(self, account: int, partner: int) -> Decimal:
        """What is open on its items of an account and a partner, as positive amount."""
        facing = (one for one in self.items if (one.account, one.partner) == (account, partner))
        return abs(sum((one.residual for one in facing), Decimal(0)))


async def book(session: CompanySession, drafts: Sequence[Draft]) -> dict[str, Booked | Failure]:
    """Each entry by external id. Again: the same entries are found, and what is still open is reconciled."""
    await mark_items(session, [settles for draft in drafts if len(draft.settles) > 1 for settles in draft.settles])
    written = await session.write("account.move", [draft.document for draft in drafts])
    moves = {d.name: outcome for d, outcome in zip(drafts, written, strict=True) if isinstance(outcome, int)}
    posted = await session.post(
        moves,
        {d.name: d.total for d in drafts if d.total is not None},
        ordered={d.name: d.day for d in drafts if d.day is not None},
        settles=_sets(drafts, moves),
    )
    done = {name: row for name, row in posted.items() if not isinstance(row, Failure)}
    settling = [draft for draft in drafts if draft.name in done and draft.settles]
    items = await _settle(session, settling, [moves[draft.name] for draft in settling])
    codes = (await session.setting()).codes()
    refused = {d.name: o for d, o in zip(drafts, written, strict=True) if isinstance(o, Failure)}
    refused |= {name: row for name, row in posted.items() if isinstance(row, Failure)}
    booked = {
        name: Booked(row, total_of(row, codes[row["currency_id"]]), items.get(moves[name], ()))
        for name, row in done.items()
    }
    return {**refused, **booked}


def _sets(drafts: Sequence[Draft], moves: Mapping[str, int]) -> list[list[Any]]:
    """What one line of each entry settles, where it goes in one call. An entry that settles many has several lines of
    one partner: those are told apart by their marks, which only Odoo itself reads."""
    return [
        [
            moves[draft.name],
            told.items[0].account,
            told.partner or told.items[0].partner,
            [one.line for one in told.items],
        ]
        for draft in drafts
        if draft.name in moves and len(draft.settles) == 1
        for told in draft.settles
        if len(in_turn(told.items)) == 1
    ]


async def _settle(session: CompanySession, drafts: Sequence[Draft], moves: Sequence[int]) -> dict[int, list[Item]]:
    """Reconcile what the marks did not, and answer the entries' items as they are then."""
    items = await items_of(session, moves)
    own = {one.mark: one for of in items.values() for one in of if one.mark and not one.settled}
    own |= _begun(drafts, moves, items)
    late = [settles for draft in drafts for settles in draft.settles if settles.items and settles.mark in own]
    if not late:
        await clear_marks(session, [one for of in items.values() for one in of])
        return items
    now = await items_of(session, [one.move for settles in late for one in settles.items])
    lines = {one.line: one for of in now.values() for one in of}
    await match(
        session,
        [([lines[one.line] for one in s.items if one.line in lines], [own[s.mark]]) for s in late],
    )
    now = items | await items_of(session, moves)
    await clear_marks(session, [one for of in now.values() for one in of])
    return now


def _begun(drafts: Sequence[Draft], moves: Sequence[int], items: Mapping[int, Sequence[Item]]) -> dict[str, Item]:
    """By their marks, the lines of which a part is matched already, where somebody was interrupted between what comes
    first and what comes next: Odoo took their marks away. Only of entries that settle with one line."""
    return {
        told.mark: one
        for draft, move in zip(drafts, moves, strict=True)
        for told in draft.settles
        if len(draft.settles) == 1
        for one in items.get(move, ())
        if one.matched and not one.settled and any(one.amount * other.amount < 0 for other in told.items)
    }


def entry_of(outcome: Booked | Failure) -> LedgerEntry | Failure:
    """What a caller is told of an entry."""
    if isinstance(outcome, Failure):
        return outcome
    return LedgerEntry(number=outcome.row["name"], amount=outcome.total)
