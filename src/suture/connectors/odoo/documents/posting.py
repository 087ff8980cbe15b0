"""Posting journal entries: look, guard date and total, post, read back."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from suture.connectors.odoo.transport.client import Odoo, Row
from suture.core.clock import Clock
from suture.core.failure import Failure, Rejected, Retriable
from suture.core.money import Money, round_money

MOVE_FINGERPRINTED = (
    "state",
    "name",
    "date",
    "invoice_date",
    "amount_total",
    "amount_untaxed",
    "partner_id",
    "journal_id",
)
"""What of a posted document nobody should change: a fingerprint of each is kept, and a person's change told by it."""
MOVE_FIELDS = (*MOVE_FINGERPRINTED, "move_type", "ref", "currency_id", "posted_before", "write_uid")
_FARTHEST_ZONE = timedelta(hours=14)
_LOCKS_KEPT = timedelta(seconds=60)
_RETRY_IT = "Open the period in Odoo (Accounting, Lock Dates) and retry it"
_OPEN_IT = f"{_RETRY_IT}, or date the draft after it in Odoo and retry it."

Posted = Row | Failure


class Locks(msgspec.Struct, frozen=True):
    """The last locked day for everything, for sales and for what is taxed (`res.company`), as they bind the integration
    user."""

    everything: date = date.min
    sales: date = date.min
    taxes: date = date.min

    def binding(self, move: Row) -> date:
        """The last day that is locked for a journal entry or invoice (`MOVE_FIELDS`)."""
        if move["move_type"] == "entry":
            return self.everything
        taxes = self.taxes if move["amount_total"] != move["amount_untaxed"] else date.min
        return max(self.everything, self.sales, taxes)


def parse_day(value: object) -> date:
    """Odoo's date, where no date is ``False`` or, for the user's own lock dates, ``1-01-01``."""
    if not isinstance(value, str):
        return date.min
    year, month, day = value.split("-")
    return date(int(year), int(month), int(day))


def read_locks(company: Row) -> Locks:
    days: dict[str, date] = defaultdict(lambda: date.min)
    for field, value in company.items():
        if field.endswith("lock_date"):
            kind = next((kind for kind in ("sale", "tax") if kind in field), "")
            days[kind] = max(days[kind], parse_day(value))
    return Locks(days[""], days["sale"], days["tax"])


def lock_fields(version: int) -> list[str]:
    """18 and later have lock dates by kind, with exceptions by user: the `user_` ones are what binds us."""
    if version >= 18:
        return [f"user_{kind}_lock_date" for kind in ("fiscalyear", "hard", "sale", "tax")]
    return ["fiscalyear_lock_date", "period_lock_date", "tax_lock_date"]


class Poster:
    """Posts many moves in one call. Odoo posts into a locked period without a word and moves the date: so we look
    before, and what was locked in the same moment is taken back to draft."""

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
        before: Mapping[int, Row],
        ids: Sequence[int],
        expected: Mapping[int, Money] | None = None,
        *,
        ordered: Mapping[int, date] | None = None,
        settles: Sequence[Sequence[Any]] = (),
        ahead: bool = False,
    ) -> dict[int, Posted]:
        """Each move as read back after posting, or why it could not be posted; a posted one is only looked at.

        `before` is what was just read of them (`MOVE_FIELDS`), `ordered` the day that each was ordered for: one that
        stands on another is refused. A draft that somebody dated anew is posted on that day. A date in the future is
        refused, where it isn't meant to be `ahead`. `settles` (move, account, partner, open lines) is reconciled by
        Odoo's module `suture_connect` in the same call; without that module it is left to the caller.
        """
        if not ids:
            return {}
        locks = await self._locks_for([row for row in before.values() if row["state"] == "draft"])
        latest = date.max if ahead else (self._clock.now() + _FARTHEST_ZONE).date()
        outcome: dict[int, Posted] = {}
        for identifier in ids:
            failure = _obstacle(before.get(identifier), locks, latest, (expected or {}).get(identifier))
            outcome[identifier] = failure or before[identifier]
        drafts = {i: row for i, row in outcome.items() if not isinstance(row, Failure) and row["state"] == "draft"}
        days = {**(ordered or {}), **{i: own_date(row) for i, row in drafts.items()}}
        if drafts:
            outcome.update(await self._on_their_days(drafts, settles, days))
        return {identifier: _stands(row, days.get(identifier)) for identifier, row in outcome.items()}

    async def check_open(self, reference: str, day: date) -> None:
        """Raises `Rejected` where an entry of this day would be refused: for what changes the books before its entry
        stands."""
        latest = (self._clock.now() + _FARTHEST_ZONE).date()
        locked = (await self.reread_locks()).everything
        refused = period_locked(reference, day, locked, f"{_RETRY_IT}.") or _future_dated(reference, day, latest)
        if refused is not None:
            raise refused

    async def _on_their_days(
        self, drafts: Mapping[int, Row], settles: Sequence[Sequence[Any]], days: Mapping[int, date]
    ) -> dict[int, Posted]:
        """Drafts posted, or refused where their period was locked since we looked: as if the lock had been seen."""
        locked: dict[int, Failure] = {}
        try:
            rows = await self._posted(list(drafts), settles)
        except Rejected:
            locked = await self._locked_now(drafts)
            if not locked:
                raise
            rows = await self._posted([i for i in drafts if i not in locked], settles)
        moved = {
            i: days[i] for i, row in rows.items() if row["state"] == "posted" and parse_day(row["date"]) != days[i]
        }
        if moved and await self.take_back(moved, list(moved)):
            found = await self._locked_now({i: drafts[i] for i in moved})
            locked |= {i: found.get(i) or _not_on_its_day(drafts[i], day) for i, day in moved.items()}
        elif moved:  # another worker may have been faster
            rows |= await self._odoo.read("account.move", list(moved), MOVE_FIELDS)
        return {**rows, **locked}

    async def take_back(self, moved: Mapping[int, date], posted: Sequence[int]) -> bool:
        """To draft again, unnumbered and on their own days; only the `posted` of them are no drafts yet. Odoo refuses
        where a journal is secured by hashes: what stands then is told as it is."""
        try:
            if posted:
                await self._odoo.do("account.move", "button_draft", posted)
            for day in set(moved.values()):
                values = {"date": day.isoformat(), "name": _no_name(self._odoo)}
                of = [identifier for identifier, own in moved.items() if own == day]
                await self._odoo.do("account.move", "write", of, vals=values)
        except Rejected:
            return False
        return True

    async def _locks_for(self, drafts: Sequence[Row]) -> Locks:
        """The lock dates that drafts are held against: what they seem to forbid is looked at again."""
        if not drafts:
            return Locks()
        locks = await self.locks()
        return await self.reread_locks() if any(own_date(row) <= locks.binding(row) for row in drafts) else locks

    async def _locked_now(self, drafts: Mapping[int, Row]) -> dict[int, Failure]:
        """Which of these are in a locked period by the lock dates as they are in this moment."""
        locks = await self.reread_locks()
        failures = {i: period_locked(str(row["ref"]), own_date(row), locks.binding(row)) for i, row in drafts.items()}
        return {i: failure for i, failure in failures.items() if failure is not None}

    async def _posted(self, drafts: Sequence[int], settles: Sequence[Sequence[Any]]) -> dict[int, Row]:
        if not drafts:
            return {}
        settling = [one for one in settles if one[0] in drafts]
        if settling and await self.connects():
            try:
                async with self._posting:
                    rows = await self._odoo.connect_post(drafts, settling, MOVE_FIELDS)
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
            now = await self._odoo.read("account.move", drafts, ["state", "name", "journal_id"])
            still = {i: row for i, row in now.items() if row["state"] == "draft"}
            freed = await self._renumbered(still)
            if len(still) == len(drafts) and not freed:
                raise
            if still:
                await self._post_drafts(list(still))

    async def _renumbered(self, drafts: Mapping[int, Row]) -> bool:
        """17 numbers the first draft of a journal's new period, and two that come at once get one number: the second
        could never be posted. Without a number it gets the next one when it is posted. Whether there was such a one."""
        named = {i: (row["journal_id"], row["name"]) for i, row in drafts.items() if row["name"] not in ("/", False)}
        if self._odoo.version >= 18 or not named:
            return False
        domain = [["journal_id", "in", [j for j, _ in named.values()]], ["name", "in", [n for _, n in named.values()]]]
        bearers = await self._odoo.search("account.move", domain, ["journal_id", "name", "state"])
        keeps: dict[tuple[int, str], int] = {}
        for row in sorted(bearers, key=lambda row: (row["state"] != "posted", row["id"])):
            keeps.setdefault((row["journal_id"], row["name"]), row["id"])
        others = [identifier for identifier, name in named.items() if keeps.get(name) != identifier]
        if others:
            await self._odoo.do("account.move", "write", others, vals={"name": _no_name(self._odoo)})
        return bool(others)

    async def locks(self) -> Locks:
        """The lock dates, at most a minute old."""
        async with self._reading:
            if self._locks_until is None or self._clock.now() >= self._locks_until:
                await self._read_locks()
            return self._locks

    async def reread_locks(self) -> Locks:
        """The lock dates as they are now."""
        async with self._reading:
            await self._read_locks()
            return self._locks

    async def _read_locks(self) -> None:
        rows = await self._odoo.read("res.company", [self._odoo.company], lock_fields(self._odoo.version))
        self._locks = read_locks(rows[self._odoo.company])
        self._locks_until = self._clock.now() + _LOCKS_KEPT


def _no_name(odoo: Odoo) -> str | bool:
    """The `name` of a draft that has no number yet."""
    return "/" if odoo.version < 18 else False


def total_of(row: Row, currency: str, field: str = "amount_total") -> Money:
    return Money(round_money(Decimal(str(row[field])), currency), currency)


def fingerprinted(row: Row, codes: Mapping[int, str]) -> Row:
    """What of a document is kept as a fingerprint (`MOVE_FINGERPRINTED`). An amount that is read in the transaction
    which writes it isn't rounded yet (17): it is the same amount."""
    amounts = {field: total_of(row, codes[row["currency_id"]], field) for field in ("amount_total", "amount_untaxed")}
    return {field: row[field] for field in MOVE_FINGERPRINTED} | {
        field: float(m.amount) for field, m in amounts.items()
    }


def missing(what: str) -> Rejected:
    """A document that was there is gone: someone deleted it in Odoo. Restore it, or void the appointment."""
    return Rejected(
        "record_missing",
        f"Odoo no longer has {what}",
        "Someone deleted it in Odoo: discard this exception, with --undo to reverse the rest or --leave to keep it.",
    )


def _obstacle(row: Row | None, locks: Locks, latest: date, expected: Money | None) -> Failure | None:
    if row is None:
        return missing("the drafted entry")
    if row["state"] == "cancel":
        return _cancelled(row)
    if expected is not None and (found := total_of(row, expected.currency)) != expected.rounded():
        return total_differs(str(row["ref"]), expected, found)
    if row["state"] == "draft":
        reference, day = str(row["ref"]), own_date(row)
        return period_locked(reference, day, locks.binding(row)) or _future_dated(reference, day, latest)
    return None


def period_locked(reference: str, day: date, locked: date, remedy: str = _OPEN_IT) -> Rejected | None:
    """Nothing is written into a period that is closed. None where `day` is open."""
    if day > locked:
        return None
    return Rejected(
        "period_locked",
        f"{reference} is dated {day}, and Odoo is locked until {locked}: the period {day:%Y-%m} takes nothing",
        remedy,
    )


def _not_on_its_day(draft: Row, day: date) -> Rejected:
    """Odoo moved its date, and shows us no lock that says why."""
    return Rejected(
        "period_locked",
        f"{draft['ref']} is dated {day}, and Odoo accepts no postings in the period {day:%Y-%m}",
        _OPEN_IT,
    )


def _future_dated(reference: str, day: date, latest: date) -> Rejected | None:
    if day <= latest:
        return None
    return Rejected(
        "future_dated",
        f"{reference} is dated {day}, which is in the future",
        "Correct the date at its source (a clock or a time zone may be wrong), or retry the exception on that day.",
    )


def total_differs(reference: str, expected: Money, found: Money) -> Rejected:
    """Odoo's total is not the charge's, to the cent: a price with more decimals than Odoo keeps, or an edit.

    The draft is left in Odoo as it is, so that a person sees the difference line by line; it is never posted.
    """
    return Rejected(
        "total_differs",
        f"Odoo's total for {reference} is {found}, the charge's is {expected.rounded()}",
        "Compare the draft in Odoo with the charge, line by line; correct the price or the draft, then retry the"
        " exception.",
    )


def own_date(row: Row) -> date:
    """The date that a document asks for; an invoice's accounting date may already have been moved by Odoo."""
    return parse_day(row["invoice_date"] if row["move_type"] != "entry" and row["invoice_date"] else row["date"])


def _cancelled(row: Row) -> Rejected:
    return Rejected(
        "cancelled_in_odoo",
        f"The document of {row['ref']} is cancelled in Odoo",
        "Reset it to draft in Odoo to post it, or cancel the appointment.",
    )


def _stands(row: Posted, ordered: date | None) -> Posted:
    """What was posted is posted, on its own day; somebody may have been at it in the same moment."""
    if isinstance(row, Failure):
        return row
    if row["state"] == "cancel":
        return _cancelled(row)
    if row["state"] != "posted":
        return Retriable("busy", f"Odoo's document of {row['ref']} was set back to {row['state']}")
    day = ordered or own_date(row)
    if parse_day(row["date"]) == day:
        return row
    return Rejected(
        "date_moved",
        f"Odoo has {row['name']} in the period {row['date'][:7]} (on {row['date']}) although it is dated {day}",
        f"The period {day:%Y-%m} was locked, or someone changed the date. Reset the document to draft in Odoo, date"
        f" it {day} or in an open period, and retry the exception; or accept its date: discard the"
        " exception with --leave.",
    )
