"""Differences between two systems in plain words, for people who know finance rather than code."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from suture.catalogue.model import Catalogue
from suture.catalogue.reconciliation import Rule
from suture.core.english import article
from suture.core.money import round_money
from suture.store.discrepancies import Discrepancy

_WHAT = {
    "missing": "{right} has no {right_kind} for {key}; {left} has its {left_kind}",
    "voided": "the {right_kind} of {key} was voided in {right}; {left} still has its {left_kind}",
    "cancelled": "the {right_kind} of {key} was cancelled in {right}; {left} still has its {left_kind}",
    "credited": "somebody credited the whole {right_kind} of {key} in {right}; {left} still has its {left_kind}",
    "partly_credited": "somebody credited a part of the {right_kind} of {key} in {right}; {left} still has all of its "
    "{left_kind}",
    "reversed": "somebody reversed the {right_kind} of {key} in {right}; {left} still has its {left_kind}",
    "returned": "the {right_kind} of {key} was returned to stock in {right}; {left} still has its {left_kind}",
    "draft": "the {right_kind} of {key} is only a draft in {right}; {left} has its {left_kind}",
    "unexpected": "{right} has {a_right_kind} for {key}, but {left} has no {left_kind} for it",
    "not_undone": "{left} reversed its {left_kind} of {key}, but {right} still has {a_right_kind}",
    "not_completed": "{key} is not completed in {left}, but {right} has {a_right_kind} for it",
    "gone": "{left} no longer has the {left_kind} {key}, but {right} received it as completed",
    "walk_in": "{right} has {a_right_kind} for {key}, but no appointment with that number exists: someone entered it"
    " there",
    "twice": "{right} has more than one {right_kind} for {key}",
    "differs": "{left} ({left_kind}) and {right} ({right_kind}) have different values for {key}",
    "facility_changed": "the {right_kind} of {key} is booked to another facility in {right} than in {left}",
    "moved": "the {right_kind} of {key} has another date in {right} than in {left}: {ledger} moves documents dated in"
    " a locked period",
    "overdue": "{left}'s {left_kind} of {key} has stayed unchanged for too long",
    "changed": "somebody changed {key} in {left}",
    "renamed": "somebody renamed the product {key} in {left}",
    "archived": "somebody archived {key} in {left}: no new document can name it",
    "deleted": "somebody deleted {key} in {left}",
    "party_changed": "somebody put another contact on a document of {key} in {left}",
    "reference_changed": "somebody changed the reference of a document of {key} in {left}",
    "by_hand": "somebody entered {key} in {left} by hand, for a contact that Suture created; Suture has no source for"
    " it",
}
_BY_HAND = {
    "voided": "capture a corrected charge in {right}, or cancel the visit at its source",
    "cancelled": "reset it to draft in {right} and post it, or cancel the record that it follows from",
    "credited": "reset the credit note to draft in {right} and cancel it, or void the charge",
    "partly_credited": "reverse the credit note in {right}, or correct the charge; or accept the difference with its"
    " reason",
    "reversed": "undo the reversal in {right}; or accept the difference with its reason",
    "returned": "take the supplies out of stock again in {right}; or accept the difference with its reason",
    "not_undone": "reverse it in {right}",
    "gone": "find out who deleted it in {left}; then cancel the records that followed from it",
    "walk_in": "have the appointment entered in scheduling, or void the charge in {right}",
    "facility_changed": "put the facility back on the lines in {right}, or correct it in scheduling",
    "moved": "open the period in {right} and restore the date; or accept the difference with its reason",
    "renamed": "give the product its name back in {left}, or change it in the catalogue",
    "archived": "unarchive it in {left}",
    "deleted": "restore it in {left}, or have it written again: `suture ledger forget`",
    "party_changed": "restore the contact in {left}, or correct the payer at the source",
    "reference_changed": "restore the reference {key} in {left}",
    "by_hand": "credit it in {left}, or have it billed by its source; or accept the difference with its reason",
}
_REPAIR = {
    "fetch": "have the source send it again",
    "redo": "repeat the step that wrote it",
    "correct": "reverse the surplus in {ledger}",
    "adopt": "take the value in {ledger} as correct",
    "by_hand": "fix it in the system itself, then have it checked again",
}


class Words(msgspec.Struct, frozen=True):
    """Differences in words. `ledger` is what people call the ledger."""

    ledger: str

    @classmethod
    def of(cls, catalogue: Catalogue) -> "Words":
        return cls(catalogue.label("ledger"))

    def describe(self, one: Discrepancy, rule: Rule | None) -> str:
        """A difference in a sentence."""
        return _WHAT.get(one.what, one.what).format(key=one.key, ledger=self.ledger, **self._sides(rule))

    def remedy(self, one: Discrepancy, rule: Rule | None) -> str:
        """What a person does where Suture can do nothing that is sure to be right; empty where nothing more is
        known."""
        return _BY_HAND.get(one.what, "").format(key=one.key, **self._sides(rule)) if one.repair == "by_hand" else ""

    def repair_of(self, name: str) -> str:
        """What a repair does."""
        return _REPAIR.get(name, name).format(ledger=self.ledger)

    def side_of(self, book: str) -> str:
        """A book in words: ``billing: charge``."""
        told = self._named("", book)
        return f"{told['']}: {told['_kind']}"

    def system_of(self, book: str) -> str:
        """Whose book it is, in words."""
        return self._named("", book)[""]

    def _sides(self, rule: Rule | None) -> dict[str, str]:
        sides = [rule.left.book, rule.right.book if rule.right else ""] if rule else ["", ""]
        return {**self._named("left", sides[0]), **self._named("right", sides[1])}

    def _named(self, place: str, book: str) -> dict[str, str]:
        """Whose book it is, and of what, in words."""
        side, _, kind = book.partition(".")
        names = {"ledger": self.ledger, "suture": "Suture", "": "the other side"}
        told = kind.replace("_", " ") or "document"
        return {place: names.get(side, side), f"{place}_kind": told, f"a_{place}_kind": article(told)}


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
            parts.append(f"{before}{money_of(one[name], one.get('currency') or '')}")
    parts += [f"{name} {one[name]}" for name in ("quantity", "party", "detail") if one.get(name) not in (None, "")]
    return "  ".join(part for part in parts if part not in ("", "None"))


def money_of(told: Any, currency: str) -> str:
    """An amount as documents write it: ``1,234.50 USD``."""
    amount = Decimal(told)
    return f"{amount:,.2f}" if not currency else f"{round_money(amount, currency):,} {currency}"
