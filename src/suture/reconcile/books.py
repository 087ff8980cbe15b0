"""What a fact becomes in a side's book. Pure."""

from datetime import datetime

import msgspec

from suture.canonical.records import JournalFact
from suture.connectors.port import MasterRecord
from suture.store.ledger_snapshot import Holding

GONE = frozenset(
    {"voided", "cancel", "cancelled", "canceled", "reversed", "returned", "draft", "credited", "undone"},
)
"""States in which a document stands for nothing any more, in the systems' own words. ``reversed`` is what Suture took
back; ``credited`` and ``undone`` what somebody else did, an invoice or an entry."""

COMPLETED = "fulfilled"
"""The one state in which an appointment stands for something that must follow."""

_APPOINTMENT = "scheduling.appointment"
_CREDITS = frozenset({"correction", "credit"})


class BookEntry(msgspec.Struct, frozen=True):
    """Where a kind of document is kept: its book, whether it counts as one, and the sign of its amount."""

    book: str
    counts: int = 1
    sign: int = 1


ENTRIES: dict[str, dict[str, BookEntry]] = {
    "scheduling": {"appointment": BookEntry(_APPOINTMENT)},
    "billing": {
        "charge": BookEntry("billing.charge"),
        "claim": BookEntry("billing.claim"),
        "payment": BookEntry("billing.payment"),
    },
    "ledger": {
        "invoice": BookEntry("ledger.invoice"),
        "patient_invoice": BookEntry("ledger.invoice", counts=0),
        "correction": BookEntry("ledger.invoice", counts=0, sign=-1),
        "credit": BookEntry("ledger.invoice", counts=0, sign=-1),
        "payment": BookEntry("ledger.payment"),
        "stock_move": BookEntry("ledger.stock_move"),
        "accrual": BookEntry("ledger.accrual"),
        "alteration": BookEntry("ledger.alteration"),
        "by_hand": BookEntry("ledger.by_hand"),
    },
}
"""By side and kind. What else a ledger tells of (write-offs, remittances, …) has no counterpart to be compared with."""

MASTER_DATA = "ledger.master_data"


def books_of(side: str) -> list[str]:
    """The books of a side that are read from its system by day."""
    return sorted({entry.book for entry in ENTRIES[side].values()})


def holding(side: str, fact: JournalFact, at: datetime) -> Holding | None:
    """A fact as it was read `at`; None for a kind that is not compared."""
    entry = ENTRIES[side].get(fact.kind)
    if entry is None:
        return None
    key = fact.of if fact.kind in _CREDITS else fact.key
    money = fact.amount
    stands = fact.state == COMPLETED if entry.book == _APPOINTMENT else fact.state not in GONE
    return Holding(
        book=entry.book,
        key=key,
        number=fact.number,
        state=fact.state,
        stands=stands,
        counts=entry.counts,
        day=fact.day,
        facility=fact.facility,
        party=fact.party,
        appointment="" if fact.kind == "by_hand" else fact.of or fact.key,
        amount=None if money is None else money.amount * entry.sign,
        open=None if fact.open is None else fact.open.amount,
        currency=None if money is None else money.currency,
        quantity=fact.quantity,
        changed_at=fact.changed_at,
        seen_at=at,
        detail=fact.detail,
    )


def master_holding(record: MasterRecord, at: datetime) -> Holding:
    return Holding(
        book=MASTER_DATA,
        key=record.reference,
        number=f"{record.kind} {record.record}",
        state=record.state,
        seen_at=at,
        detail=", ".join(record.fields),
    )
