"""What a pair of sides that differ comes to: a name, the money at stake, and how it is put right. Pure."""

from decimal import Decimal

import msgspec

from suture.catalogue.reconciliation import Proposal, Rule
from suture.store.holdings import Pair

_BY_STATE = frozenset({"changed", "deleted"})


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that a pair breaks. `what` is ``missing`` (on the right), ``unexpected`` (there alone), ``twice``,
    ``differs``, ``overdue``, ``changed`` or ``deleted``."""

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
        if self.what == "missing":
            return _positive(pair.left_amount)
        if self.what == "unexpected":
            return _positive(pair.right_amount)
        if "open" in self.rule.expects:
            return _apart(pair.left_open, pair.right_open)
        if self.rule.right is None:
            return _positive(pair.left_open if pair.left_open is not None else pair.left_amount)
        return _apart(pair.left_amount, pair.right_amount)

    @property
    def repair(self) -> Proposal:
        """How it is best put right. Nothing is proposed that would only repeat what is there already."""
        proposed, what = self.rule.repair, self.what
        if proposed == "fetch":
            return "fetch" if what == "missing" or self.rule.left.system == "scheduling" else "by_hand"
        if proposed in ("redo", "correct"):
            if what == "missing":
                return "redo"
            return "correct" if _too_much(self) else "by_hand"
        return proposed


def _too_much(difference: Difference) -> bool:
    """Whether Odoo holds more than it should of what can be taken back there: an invoice, a payment's second entry."""
    pair, right = difference.pair, difference.rule.right
    if right is None or right.book not in ("odoo.invoice", "odoo.payment") or not pair.left_count:
        return False
    if right.book == "odoo.payment":
        return difference.what == "twice" and pair.right_count > pair.left_count
    return difference.what == "differs" and (pair.right_amount or 0) > (pair.left_amount or 0)


def difference(rule: Rule, pair: Pair, state: str = "") -> Difference:
    """What a pair that breaks a rule is called. `state` is what the one side says of itself, where there is but one."""
    return Difference(rule=rule, pair=pair, what=_what(rule, pair, state))


def _what(rule: Rule, pair: Pair, state: str) -> str:
    if rule.right is None:
        return state if state in _BY_STATE else "overdue"
    if rule.by == "totals":
        return "differs"
    if not pair.right_count:
        return "missing"
    if not pair.left_count:
        return "unexpected"
    return "twice" if max(pair.left_count, pair.right_count) > 1 else "differs"


def _positive(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else abs(amount)


def _apart(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else abs(other - one)
