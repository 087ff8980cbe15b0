"""What both sides hold of a difference, as it is kept and shown: references, states and amounts, nothing personal."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from suture.catalogue import Catalogue
from suture.catalogue.manifest import Role
from suture.catalogue.registry import first_called
from suture.reconcile.differences import Difference
from suture.store.discrepancies import FoundDifference
from suture.store.ledger_snapshot import Holding

_SHOWN = (
    *("number", "state", "day", "amount", "open", "currency", "quantity", "party", "facility", "changed_at", "detail"),
)
_TIMELESS = ("number", "state", "day", "amount", "open", "quantity", "detail")


def by_key(documents: Iterable[Holding]) -> dict[str, list[Holding]]:
    """Documents by their own key, and by the appointment that they belong to."""
    found: dict[str, list[Holding]] = defaultdict(list)
    for one in documents:
        for key in {one.key, one.appointment} - {""}:
            found[key].append(one)
    return found


def found(one: Difference, documents: Mapping[str, Sequence[Holding]], catalogue: Catalogue) -> FoundDifference:
    """A difference as it is kept."""
    rule, pair = one.rule, one.pair
    seen = [*documents.get(one.key, ()), *(documents.get(one.appointment, ()) if one.appointment != one.key else ())]
    return FoundDifference(
        rule=rule.name,
        what=one.what,
        key=one.key,
        appointment=_appointment(one),
        facility=pair.facility,
        party=pair.party,
        day=pair.day,
        owner=rule.owner or _owner(rule.judged, catalogue),
        money=one.money,
        currency=pair.currency,
        repair=one.repair,
        evidence=shown(one, seen),
        fingerprint=_fingerprint(one, seen),
    )


def _appointment(one: Difference) -> str:
    """Whose visit it is. A payment of which no side says what it pays goes by its own key, which is no visit's."""
    of_payment = one.rule.left.book.endswith(".payment")
    return "" if of_payment and one.appointment == one.key else one.appointment


def shown(one: Difference, documents: Sequence[Holding]) -> str:
    """Evidence as JSON: the two books compared, and what else the sides hold of the same appointment."""
    books: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for document in documents:
        row = {name: value for name in _SHOWN if (value := getattr(document, name)) not in (None, "")}
        if row not in books[document.book]:
            books[document.book].append(row)
    sides = [one.rule.left.book, *([one.rule.right.book] if one.rule.right else [])]
    compared = {book: books.pop(book, []) for book in sides}
    return msgspec.json.encode({"asked": one.rule.asks, "compared": compared, "also": books}).decode()


def _fingerprint(one: Difference, documents: Sequence[Holding]) -> str:
    """Tells this state of things from another: what a person accepted is accepted as it was."""
    sides = {one.rule.left.book, one.rule.right.book if one.rule.right else ""}
    told = sorted(
        "|".join([first_called(document.book), document.key, *(str(getattr(document, name)) for name in _TIMELESS)])
        for document in documents
        if document.book in sides
    )
    pair = one.pair
    sums = (pair.left_count, pair.right_count, pair.left_amount, pair.right_amount, pair.left_open, pair.right_open)
    return hashlib.sha256("\n".join([one.what, *map(str, sums), *told]).encode()).hexdigest()[:32]


def _owner(system: str, catalogue: Catalogue) -> str:
    """Who answers for a side: its system's owner; for our own, whoever tells us."""
    roles: dict[str, Role] = {"billing": "billing", "ledger": "ledger"}
    return catalogue.system_of(roles.get(system, "scheduling"))[1].owner
