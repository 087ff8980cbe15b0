"""Posting journal entries: look, guard date and total, post, read back."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from suture.connectors.odoo.client import Odoo, Row
from suture.core.clock import Clock
from suture.core.failure import Failure, Rejected, Retriable
from suture.core.money import Money, round_money

MOVE_PRINTED = (
    "state",
    "name",
    "date",
    "invoice_date",
    "amount_total",
    "amount_untaxed",
    "partner_id",
    "journal_id",
)
"""What of a posted document nobody should change: a print of each is kept, and a person's change told by it."""
MOVE_FIELDS = (*MOVE_PRINTED, "move_type", "ref", "currency_id")
_FARTHEST_ZONE = timedelta(hours=14)
_LOCKS_KEPT = timedelta(seconds=60)

Posted = Row | Failure


class Locks(msgspec.Struct, frozen=True):
    """The last locked day for everything and for sales (`res.company`), as they bind the integration user."""

    everything: date = date.min
    sales: date = date.min

    def until(self, move_type: str) -> date:
        return max(self.everything, self.sales) if move_type != "entry" else self.everything


def parse_day(value: object) -> date:
    """Odoo's date, where no date is ``False`` or, for the user's own lock dates, ``1-01-01``."""
    if not isinstance(value, str):
        return date.min
    year, month, day = value.split("-")
    return date(int(year), int(month), int(day))


def read_locks(company: Row) -> Locks:
    days = {field: parse_day(value) for field, value in company.items() if field.endswith("lock_date")}
    sales = max((day for field, day in days.items() if "sale" in field), default=date.min)
    return Locks(max((day for field, day in days.items() if "sale" not in field), default=date.min), sales)


def lock_fields(version: int) -> list[str]:
    """18 and later have lock dates by kind, with exceptions by user: the `user_` ones are what binds us."""
    if version >= 18:
        return ["user_fiscalyear_lock_date", "user_hard_lock_date", "user_sale_lock_date"]
    return ["fiscalyear_lock_date", "period_lock_date"]


class Poster:
    """Posts many moves in one call. Odoo posts into a locked period without a word and moves the date: so we don't."""

    def __init__(self, odoo: Odoo, clock: Clock) -> None:
        self._odoo = odoo
        self._clock = clock
        self._locks = Locks()
        self._locks_until: datetime | None = None
        self._reading = asyncio.Lock()
        self._posting = asyncio.Lock()
        self._connect: bool | None = None

    async def post(
        self,
        ids: Sequence[int],
        expected: Mapping[int, Money] | None = None,
        *,
        before: Mapping[int, Row] | None = None,
        settles: Sequence[Sequence[Any]] = (),
        ahead: bool = False,
    ) -> dict[int, Posted]:
        """Each move as read back after posting, or why it could not be posted; a posted one is only read.

        `before` is what was just read of them (`MOVE_FIELDS`). A date in the future is refused, where it isn't meant to
        be `ahead`. `settles` (move, account, partner, open lines) is reconciled by Odoo's module `suture_connect` in
        the same call; without that module it is left to the caller.
        """
        if not ids:
            return {}
        if before is None:
            before = await self._odoo.read("account.move", ids, MOVE_FIELDS)
        locks = await self.locks() if any(row["state"] == "draft" for row in before.values()) else Locks()
        latest = date.max if ahead else (self._clock.now() + _FARTHEST_ZONE).date()
        outcome: dict[int, Posted] = {}
        for identifier in ids:
            failure = _obstacle(before.get(identifier), locks, latest, (expected or {}).get(identifier))
            outcome[identifier] = failure or before[identifier]
        drafts = [identifier for identifier, row in outcome.items() if not isinstance(row, Failure)]
        drafts = [identifier for identifier in drafts if before[identifier]["state"] == "draft"]
        if drafts:
            told = [one for one in settles if one[0] in drafts]
            outcome.update(await self._posted(drafts, told))
        return {identifier: _stands(row) for identifier, row in outcome.items()}

    async def _posted(self, drafts: Sequence[int], settles: Sequence[Sequence[Any]]) -> dict[int, Row]:
        if settles and await self.connects():
            try:
                async with self._posting:
                    rows = await self._odoo.connect_post(drafts, settles, MOVE_FIELDS)
                return {row["id"]: row for row in rows}
            except Rejected:
                pass  # one of them can't be posted, or another worker was faster: the long way finds out which
        await self._post_drafts(drafts)
        return await self._odoo.read("account.move", drafts, MOVE_FIELDS)

    async def connects(self) -> bool:
        """Whether Odoo has our module, which does several steps in one call."""
        if self._connect is None:
            self._connect = await self._odoo.has_model("suture.outbox")
        return self._connect

    async def _post_drafts(self, drafts: Sequence[int]) -> None:
        """Odoo refuses to post again. Where another worker was faster with some, the others are still ours to post.

        One call of ours at a time: a journal's sequence is a row that all who post wait for, or fail on."""
        try:
            async with self._posting:
                await self._odoo.do("account.move", "action_post", drafts)
        except Rejected:
            now = await self._odoo.read("account.move", drafts, ["state"])
            still = [identifier for identifier in drafts if now.get(identifier, {}).get("state") == "draft"]
            if len(still) == len(drafts):
                raise
            if still:
                await self._post_drafts(still)

    async def locks(self) -> Locks:
        """The lock dates, at most a minute old."""
        async with self._reading:
            if self._locks_until is None or self._clock.now() >= self._locks_until:
                self._locks = await self.read_locks()
                self._locks_until = self._clock.now() + _LOCKS_KEPT
            return self._locks

    async def read_locks(self) -> Locks:
        """The lock dates as they are now."""
        rows = await self._odoo.read("res.company", [self._odoo.company], lock_fields(self._odoo.version))
        return read_locks(rows[self._odoo.company])


def total_of(row: Row, currency: str) -> Money:
    return Money(round_money(Decimal(str(row["amount_total"])), currency), currency)


def missing(what: str) -> Rejected:
    """A document that was there is gone: someone deleted it in Odoo. Restore it, or void the appointment."""
    return Rejected(
        "record_missing",
        f"Odoo no longer has {what}",
        "Someone deleted it in Odoo: discard this, with --undo to take the rest back or --leave to let it stand.",
    )


def _obstacle(row: Row | None, locks: Locks, latest: date, expected: Money | None) -> Failure | None:
    if row is None:
        return missing("the drafted entry")
    if row["state"] == "cancel":
        return _cancelled(row)
    if expected is not None and (found := total_of(row, expected.currency)) != expected.rounded():
        return total_differs(str(row["ref"]), expected, found)
    if row["state"] == "draft":
        return _date_refused(str(row["ref"]), _own_date(row), locks.until(row["move_type"]), latest)
    return None


def _date_refused(reference: str, day: date, locked: date, latest: date) -> Failure | None:
    if day <= locked:
        return Rejected(
            "period_locked",
            f"{reference} is dated {day}, and Odoo is locked until {locked}",
            "Open the period in Odoo (Accounting, Lock Dates) and retry it, or date the document after it.",
        )
    if day > latest:
        return Rejected(
            "future_dated",
            f"{reference} is dated {day}, which is yet to come",
            "Correct the date where it comes from (a clock or a time zone may be wrong), or retry it on that day.",
        )
    return None


def total_differs(reference: str, expected: Money, found: Money) -> Rejected:
    """Odoo's total is not the charge's, to the cent: a price with more decimals than Odoo keeps, or an edit.

    The draft is left in Odoo as it is, so that a person sees the difference line by line; it is never posted.
    """
    return Rejected(
        "total_differs",
        f"Odoo's total for {reference} is {found}, the charge's is {expected.rounded()}",
        "Compare the draft in Odoo with the charge, line by line; correct the price or the draft, then retry it.",
    )


def _own_date(row: Row) -> date:
    """The date the document asks for; an invoice's accounting date may already have been moved by Odoo."""
    return parse_day(row["invoice_date"] if row["move_type"] != "entry" and row["invoice_date"] else row["date"])


def _cancelled(row: Row) -> Rejected:
    return Rejected(
        "cancelled_in_odoo",
        f"The document of {row['ref']} is cancelled in Odoo",
        "Reset it to draft in Odoo to post it, or cancel the appointment.",
    )


def _stands(row: Posted) -> Posted:
    """What was posted is posted, on its own date; somebody may have been at it in the same moment."""
    if isinstance(row, Failure):
        return row
    if row["state"] == "cancel":
        return _cancelled(row)
    if row["state"] != "posted":
        return Retriable("busy", f"Odoo's document of {row['ref']} is {row['state']} again")
    if parse_day(row["date"]) == _own_date(row):
        return row
    return Rejected(
        "date_moved",
        f"Odoo posted {row['name']} on {row['date']} although it is dated {_own_date(row)}",
        "A period was locked meanwhile. Reset it to draft in Odoo and date it in an open period, then retry "
        "it; or accept "
        "its date: discard this with --leave.",
    )
