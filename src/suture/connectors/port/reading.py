"""What is read back from a ledger: balances, open items, stock that runs low, goods received, changes by people."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from suture.core.money import Money


class Span(msgspec.Struct, frozen=True):
    """Days from `first` to `last`, both included, by the documents' own dates."""

    first: date
    last: date


class MasterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A contact or product of ours as a ledger has it now. `state` is ``same``, ``changed``, ``archived`` or
    ``deleted`` since we last wrote or read it; `fields` are the names of what differs, never their content."""

    kind: str
    reference: str
    record: int
    state: str
    fields: tuple[str, ...] = ()


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """An account's posted movements up to a day, in the company's currency: debits less credits. `is_receivable` is
    whether it holds what is owed to us."""

    account: str
    name: str
    is_receivable: bool
    debit: Money
    credit: Money

    @property
    def balance(self) -> Money:
        return self.debit - self.credit


class OpenItem(msgspec.Struct, frozen=True, kw_only=True):
    """What is open on a receivable: positive is owed to us, negative a credit. `reference` is the document's own."""

    reference: str
    number: str
    partner: str
    residual: Money


class RunningLow(msgspec.Struct, frozen=True, kw_only=True):
    """An article below the minimum that the ledger's own reordering rule sets for a place."""

    product: str
    facility: str
    on_hand: Decimal
    minimum: Decimal
    ordered: Decimal


class GoodsReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """Goods that came in and were validated: product code and quantity received."""

    number: str
    received_at: datetime
    supplier: int | None
    products: dict[str, Decimal]


ChangeKind = Literal["invoice", "entry", "payer", "patient", "practitioner", "supplier", "service", "receipt", "stock"]


class LedgerChange(msgspec.Struct, frozen=True, kw_only=True):
    """Something that changed in the ledger and that we did not do.

    `what` is the past-tense fact (``posted``, ``changed``, ``paid``, ``cancelled``, ``deleted``, ``registered``,
    ``updated``, ``validated``, ``running_low``), `reference` the business key (an appointment, a party's reference, a
    product's code) or, for records that we never wrote, their place in the ledger (it has slashes). `fields` are names,
    never contents. `name` is our own name of a record that was deleted.
    """

    kind: ChangeKind
    what: str
    reference: str
    record: int
    at: datetime
    version: str
    fields: tuple[str, ...] = ()
    number: str = ""
    state: str = ""
    name: str = ""
    total: Money | None = None
    residual: Money | None = None
    quantities: dict[str, Decimal] = {}


class ChangePage(msgspec.Struct, frozen=True, kw_only=True):
    """Changes since a cursor, a bounded number, and the cursor to go on from: opaque, by the ledger's own clock. With
    `more` the next page can be read at once. A change may be told again by a later page, under the same `version`."""

    changes: tuple[LedgerChange, ...]
    cursor: str
    more: bool = False
