"""What is compared between the sides, as data: which book with which, what must agree, who owns a difference."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from ruamel.yaml import YAML

_STANDARD = Path(__file__).with_name("standard_rules.yaml")

Book = Literal[
    "scheduling.appointment",
    "suture.appointment",
    "suture.charge",
    "suture.supplies",
    "suture.share",
    "suture.invoice",
    "suture.payment",
    "billing.charge",
    "billing.claim",
    "billing.payment",
    "ledger.invoice",
    "ledger.payment",
    "ledger.stock_move",
    "ledger.accrual",
    "ledger.alteration",
    "ledger.by_hand",
    "ledger.master_data",
]
"""One side's documents of one kind. `ledger.alteration` are those of ours whose contact or reference a person changed,
`ledger.by_hand` those that somebody entered for contacts of ours beside. `suture.supplies` and `suture.share` are what
services that were told use up, and what their practitioner is to get."""

Expectation = Literal["once", "amount", "open", "quantity", "facility", "day"]
Proposal = Literal["fetch", "redo", "correct", "adopt", "by_hand"]
"""How a difference is put right: have the source tell it again, do the step again, correct the excess in the ledger,
take what stands in the ledger for right, or a person fixes it in the outside system."""

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=160)]
_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z_]{1,39}$")]
_NotNegative = Annotated[float, msgspec.Meta(ge=0)]
_Days = Annotated[int, msgspec.Meta(ge=1, le=3660)]


class Side(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A book, or what of it is in one of these `states` (empty: all that stands). With `insured` only what a payer
    owes."""

    book: Book
    states: tuple[str, ...] = ()
    insured: bool = False

    @property
    def system(self) -> str:
        return self.book.partition(".")[0]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question that reconciliation asks of two sides, or of one.

    With both sides: each key of `left` is in `right` ``once`` and the other way round, with the same ``amount``,
    ``open`` amount, ``quantity``, ``facility`` or ``day``. With `left` alone: nothing is in it for longer than
    `after_hours`. `by` totals compares sums by payer and day instead. What is younger than `after_hours` is not asked
    yet. Rules stand in the order in which work flows: of one appointment only the first difference is told, for what
    follows follows from it.
    An empty `owner` is that of the right side's system.
    """

    name: _Name
    asks: _Text
    left: Side
    right: Side | None = None
    expects: tuple[Expectation, ...] = ("once",)
    by: Literal["key", "totals"] = "key"
    after_hours: _NotNegative = 1.0
    owner: str = ""
    repair: Proposal = "by_hand"

    @property
    def grace(self) -> timedelta:
        return timedelta(hours=self.after_hours)

    @property
    def judged(self) -> str:
        """The system that is to be put right."""
        return (self.right or self.left).system


class ReconciliationPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How both sides are compared: every `every_hours` hours (0: only when asked), all days of the last `window_days`
    and every older one in which something changed. `due_hours` is by when a discrepancy is to be decided. Without
    `rules` the standard ones hold."""

    every_hours: _NotNegative = 1.0
    window_days: _Days = 40
    due_hours: _NotNegative = 24.0
    rules: tuple[Rule, ...] | None = None

    @property
    def standing(self) -> tuple[Rule, ...]:
        return standard_rules() if self.rules is None else self.rules


@cache
def standard_rules() -> tuple[Rule, ...]:
    """The rules that hold where a catalogue gives none."""
    tree = YAML(typ="safe").load(standard_text())
    return msgspec.convert(tree, tuple[Rule, ...], strict=False)


def standard_text() -> str:
    return _STANDARD.read_text(encoding="utf-8")
