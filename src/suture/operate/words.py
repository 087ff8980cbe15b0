"""How differences between both sides are told to a person who knows money, not code."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from suture.catalogue.reconciliation import Rule
from suture.core.money import round_money
from suture.store.discrepancies import Discrepancy

_WHAT = {
    "missing": "{right} has no {right_kind} for {key}; {left} has its {left_kind}",
    "unexpected": "{right} has a {right_kind} for {key}, and {left} has nothing that it would follow from",
    "twice": "{key} stands more than once in {right} ({right_kind})",
    "differs": "{left} ({left_kind}) and {right} ({right_kind}) don't hold the same of {key}",
    "overdue": "{left}'s {left_kind} of {key} has been so for too long",
    "changed": "somebody changed {key} in {left}",
    "deleted": "somebody deleted {key} in {left}",
}
_REPAIR = {
    "fetch": "have the source tell it again",
    "redo": "do the step again that wrote it",
    "correct": "take back in Odoo what is too much",
    "adopt": "take what stands in Odoo for right",
    "by_hand": "mend it in the system itself, then have it looked at again",
}


def describe(one: Discrepancy, rule: Rule | None) -> str:
    """A difference in a sentence."""
    sides = [rule.left.book, rule.right.book if rule.right else ""] if rule else ["", ""]
    named = {**_named("left", sides[0]), **_named("right", sides[1])}
    return _WHAT.get(one.what, one.what).format(key=one.key, **named)


def repair_of(name: str) -> str:
    """What a repair does."""
    return _REPAIR.get(name, name)


def side_of(book: str) -> str:
    """A book in words: ``billing: charge``."""
    told = _named("", book)
    return f"{told['']}: {told['_kind']}"


def held(told: Any) -> dict[str, list[Mapping[str, Any]]]:
    """What both sides held, by book: of the evidence of a difference, or of the documents that proved it gone."""
    if isinstance(told, Mapping):
        return dict(told.get("compared", {}))
    books: dict[str, list[Mapping[str, Any]]] = {}
    for document in told or ():
        books.setdefault(document.get("book", ""), []).append(document)
    return books


def document_of(one: Mapping[str, Any]) -> str:
    """A document of the evidence in a line."""
    parts = [str(one.get("number", "")), str(one.get("state", "")), str(one.get("day", ""))]
    for name, before in (("amount", ""), ("open", "open ")):
        if one.get(name) is not None:
            parts.append(f"{before}{_amount(one[name], one.get('currency') or '')}")
    parts += [f"{name} {one[name]}" for name in ("quantity", "party", "detail") if one.get(name) not in (None, "")]
    return "  ".join(part for part in parts if part not in ("", "None"))


def _amount(told: Any, currency: str) -> str:
    amount = Decimal(told)
    return f"{amount:,.2f}" if not currency else f"{round_money(amount, currency):,} {currency}"


def _named(place: str, book: str) -> dict[str, str]:
    """Whose book it is, and of what, in words."""
    side, _, kind = book.partition(".")
    names = {"odoo": "Odoo", "suture": "Suture", "": "the other side"}
    return {place: names.get(side, side), f"{place}_kind": kind.replace("_", " ") or "document"}
