"""What a pair of sides that differ comes to: a name, the money at stake, and how it is put right. Pure."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from suture.catalogue.reconciliation import Proposal, Rule
from suture.store.ledger_snapshot import Holding, Pair

_FALLEN = {
    "voided": "voided",
    "cancel": "cancelled",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "credited": "credited",
    "undone": "reversed",
    "returned": "returned",
    "draft": "draft",
}
"""What is missing because it stands no more, by the state of what is there. What Suture itself took back is missing."""
_STATED = {
    "changed": "changed",
    "archived": "archived",
    "deleted": "deleted",
    "party": "party_changed",
    "reference": "reference_changed",
}
_PRODUCTS = ("service ", "article ")
_APPOINTMENTS = ("scheduling.appointment", "suture.appointment")
LACKING = frozenset({"missing", *_FALLEN.values()})
"""What is called so is due and doesn't stand."""
ALONE = frozenset({"unexpected", "walk_in", "not_undone", "not_completed", "gone"})
"""What is called so stands and nothing is due."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that a pair breaks. `what` names it:

    - nothing stands on the right: ``missing``; or what is there was ``voided``, ``cancelled``, ``credited`` (all of
      it), ``reversed``, ``returned``, or is a ``draft``;
    - nothing stands on the left: ``not_completed`` and ``gone`` (an appointment), ``walk_in`` (a charge without one),
      ``not_undone`` (Suture took back what it follows from), else ``unexpected``;
    - both stand: ``twice``, ``partly_credited``, ``facility_changed``, ``moved`` (to another day), else ``differs``;
    - there is one side only: ``changed``, ``renamed``, ``archived``, ``deleted``, ``party_changed``,
      ``reference_changed``, ``by_hand``, else ``overdue``.
    """

    rule: Rule
    pair: Pair
    what: str

    @property
    def key(self) -> str:
        return self.pair.key

    @property
    def appointment(self) -> str:
        return self.pair.appointment

    @property
    def money(self) -> Decimal | None:
        """What is at stake, never negative: what is missing or too much; None where it isn't about money."""
        pair = self.pair
        if self.what in LACKING:
            return _positive(pair.left_amount)
        if self.what in ALONE:
            return _positive(pair.right_amount)
        if self.what in ("facility_changed", "moved"):
            return _positive(pair.right_amount)
        if "open" in self.rule.expects:
            return _apart(pair.left_open, pair.right_open)
        if self.rule.right is None:
            return _positive(pair.left_open if pair.left_open is not None else pair.left_amount)
        return _apart(pair.left_amount, pair.right_amount)

    @property
    def repair(self) -> Proposal:
        """How it is best put right. Nothing is proposed that would only repeat what is there already, or that the
        other side would refuse."""
        proposed, what = self.rule.repair, self.what
        if proposed == "fetch":
            return "fetch" if what in ("missing", "not_completed") else "by_hand"
        if proposed == "adopt":
            return "adopt" if what == "changed" else "by_hand"
        if proposed in ("redo", "correct"):
            if what in ("missing", "draft"):
                return "redo"
            return "correct" if _too_much(self) else "by_hand"
        return proposed


def _too_much(difference: Difference) -> bool:
    """Whether the ledger holds more than it should of what can be taken back there: an invoice, a payment's second
    entry."""
    pair, right = difference.pair, difference.rule.right
    if right is None or right.book not in ("ledger.invoice", "ledger.payment") or not pair.left_count:
        return False
    if right.book == "ledger.payment":
        return difference.what == "twice" and pair.right_count > pair.left_count
    return difference.what == "differs" and (pair.right_amount or 0) > (pair.left_amount or 0)


def difference(rule: Rule, pair: Pair, documents: Iterable[Holding] = ()) -> Difference:
    """What a pair that breaks a rule is called. `documents` are all of its key, those too that stand no more."""
    found = [one for one in documents if one.key == pair.key]
    return Difference(rule=rule, pair=pair, what=_what(rule, pair, found))


def _what(rule: Rule, pair: Pair, documents: Sequence[Holding]) -> str:
    if rule.right is None:
        return _of_one_side([one for one in documents if one.book == rule.left.book and one.stands])
    if rule.by == "totals":
        return "differs"
    if not pair.right_count:
        told = rule.right.system == "suture"  # what we were told before says nothing of why we don't know the rest
        return "missing" if told else _lacking([one for one in documents if one.book == rule.right.book])
    if not pair.left_count:
        return _alone(rule, documents)
    if max(pair.left_count, pair.right_count) > 1:
        return "twice"
    return _differing(rule, pair, [one for one in documents if one.book == rule.right.book])


def _of_one_side(documents: Sequence[Holding]) -> str:
    for one in documents:
        if one.book == "ledger.by_hand":
            return "by_hand"
        if one.state == "changed" and one.number.startswith(_PRODUCTS):
            return "renamed"
        if one.state in _STATED:
            return _STATED[one.state]
    return "overdue"


def _lacking(right: Sequence[Holding]) -> str:
    """Of what is left on the right, whatever a person did last; nothing is left of what was deleted."""
    fallen = [_FALLEN[one.state] for one in right if one.counts and one.state in _FALLEN]
    return fallen[-1] if fallen else "missing"


def _alone(rule: Rule, documents: Sequence[Holding]) -> str:
    left = [one for one in documents if one.book == rule.left.book]
    if rule.left.system == "scheduling" and left:
        return "not_completed"
    if rule.right is not None and rule.right.book in _APPOINTMENTS:
        return "gone"
    if left:
        return "not_undone"
    appointments = [one for one in documents if one.book in _APPOINTMENTS]
    at_billing = rule.right is not None and rule.right.book == "billing.charge"
    return "walk_in" if at_billing and not appointments else "unexpected"


def _differing(rule: Rule, pair: Pair, right: Sequence[Holding]) -> str:
    if "day" in rule.expects:
        return "moved"
    if "amount" in rule.expects and pair.left_amount != pair.right_amount:
        less = (pair.right_amount or 0) < (pair.left_amount or 0)
        credited = any(one.stands and not one.counts and (one.amount or 0) < 0 for one in right)
        return "partly_credited" if less and credited else "differs"
    apart = pair.left_facility is not None and pair.left_facility != (pair.right_facility or pair.left_facility)
    return "facility_changed" if "facility" in rule.expects and apart else "differs"


def _positive(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else abs(amount)


def _apart(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else abs(other - one)
