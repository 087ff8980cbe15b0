"""Asks the catalogue's rules of what is in scope, in the order in which work flows."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

from suture.catalogue.reconciliation import Rule
from suture.reconcile.differences import Difference, difference
from suture.store import ledger_snapshot
from suture.store.database import Connection
from suture.store.ledger_snapshot import Holding, Pair

MOST = 5000
"""Differences of one rule in one part of a run: with more, something larger is wrong than any of them."""

_MOST_SUSPECTS = 1_000_000
"""Of one rule in one part: a key whose sides are dated apart is one too."""


_UTC = ZoneInfo("UTC")


class TooManyDifferences(Exception):
    """So much differs by one rule that people could not work it off: a wrong database, or a system that lost its data.
    Compare the figures of both sides by `suture reconcile days`, fix the cause, and run it again."""

    def __init__(self, rule: str) -> None:
        super().__init__(
            f"{MOST} or more records differ by the rule {rule}: check each system's address, database and company. "
            "`suture reconcile days` shows both sides' figures; run it again once the cause is fixed"
        )


class Compared(msgspec.Struct, frozen=True):
    """All that differs in scope (`raw`, as rule and key), and of that what is to be told."""

    raw: frozenset[tuple[str, str]]
    told: tuple[Difference, ...]


async def compare(
    connection: Connection,
    rules: Sequence[Rule],
    now: datetime,
    span: tuple[date, date] | None,
    zone: ZoneInfo = _UTC,
) -> Compared:
    """Ask every rule; `span` are the days of totals, `zone` is where days end last. The scope is set before
    (`ledger_snapshot.scope_days`, `scope_keys`)."""
    asked: list[tuple[Rule, Pair]] = []
    for rule in rules:
        pairs = await _ask(connection, rule, now, span, zone=zone)
        if len(pairs) >= MOST:
            raise TooManyDifferences(rule.name)
        asked += [(rule, pair) for pair in pairs]
    documents = await _documents(connection, {pair.key for _, pair in asked})
    found = [difference(rule, pair, documents[pair.key]) for rule, pair in asked]
    return Compared(frozenset((one.rule.name, one.key) for one in found), tuple(_first_broken(found, now)))


async def suspects(
    connection: Connection, rules: Sequence[Rule], now: datetime, span: tuple[date, date], zone: ZoneInfo = _UTC
) -> set[str]:
    """The keys, and their appointments, that may differ, where only what is dated together is in scope."""
    found = [one for rule in rules for one in await _ask(connection, rule, now, span, zone=zone, most=_MOST_SUSPECTS)]
    return {key for one in found for key in (one.key, one.appointment) if key}


async def _ask(
    connection: Connection,
    rule: Rule,
    now: datetime,
    span: tuple[date, date] | None,
    *,
    zone: ZoneInfo,
    most: int = MOST,
) -> list[Pair]:
    if rule.right is None:
        return await ledger_snapshot.standing(connection, rule.left, now - rule.grace, most=most, zone=zone)
    if rule.by == "totals":
        if span is None:
            return []
        return await ledger_snapshot.totals(connection, rule.left.book, rule.right.book, span, most=most, zone=zone)
    return await ledger_snapshot.pairs(connection, rule.left, rule.right, rule.expects, most=most, zone=zone)


async def _documents(connection: Connection, keys: Collection[str]) -> defaultdict[str, list[Holding]]:
    """All that the sides hold of what differs, those documents too that stand no more."""
    found: defaultdict[str, list[Holding]] = defaultdict(list)
    for one in await ledger_snapshot.documents(connection, sorted(keys)) if keys else []:
        found[one.key].append(one)
    return found


def _first_broken(found: Iterable[Difference], now: datetime) -> Iterable[Difference]:
    """Of each appointment the first difference that is old enough; what is downstream of another, also of one that is
    too young to be told, follows from it. So do totals of a day whose payments differ one by one."""
    broken: set[str] = set()
    days: set[tuple[str, date | None]] = set()
    for one in found:
        if one.rule.by == "totals":
            downstream = (one.pair.party, one.pair.day) in days
        else:
            downstream = bool(one.appointment) and one.appointment in broken
            broken.add(one.appointment)
            days.add((one.pair.party, one.pair.day))
        if not downstream and not _young(one, now):
            yield one


def _young(one: Difference, now: datetime) -> bool:
    return one.rule.right is not None and one.pair.at is not None and one.pair.at > now - one.rule.grace
