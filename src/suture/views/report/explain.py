"""Why the two sides of a milestone differ: document by document, from what is known of each."""

from collections.abc import Mapping, Sequence
from datetime import date

import msgspec

from suture.catalogue.reconciliation import Rule
from suture.store import discrepancies, exceptions, ledger_snapshot
from suture.store.database import Connection
from suture.store.discrepancies import Discrepancy
from suture.store.exceptions import OpenException
from suture.store.ledger_snapshot import Apart
from suture.views.words import Words, money_of

MOST = 50
"""How many documents of a line are explained one by one."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """A document that both sides don't hold alike: what each holds of it, and why. `discrepancy` and `exception` are
    the numbers under which a person has it."""

    key: str
    left: str
    right: str
    why: str
    discrepancy: int | None = None
    exception: int | None = None


class _Known(msgspec.Struct, frozen=True):
    """What is known of the documents of a line."""

    differences: Mapping[str, Discrepancy]
    exceptions: Mapping[str, OpenException]
    at_work: Mapping[str, str]
    rules: Mapping[str, Rule]
    said: Words


async def reasons(
    connection: Connection,
    books: tuple[str, str],
    span: tuple[date, date],
    *,
    facility: str,
    currency: str,
    rules: Mapping[str, Rule],
    said: Words,
) -> list[Reason]:
    """Why these books differ in a span of days at a facility, in a currency; one more than `MOST` where there are
    more."""
    apart = await ledger_snapshot.apart(connection, books, span, facility=facility, currency=currency, most=MOST + 1)
    known = await _known(connection, apart, rules, said)
    return [_reason(one, books, span, (facility, currency), known) for one in apart]


async def _known(connection: Connection, apart: Sequence[Apart], rules: Mapping[str, Rule], said: Words) -> _Known:
    keys, appointments = [one.key for one in apart], sorted({one.appointment for one in apart})
    found = await discrepancies.of_keys(connection, keys, appointments)
    troubles = await exceptions.of_subjects(connection, [f"Appointment/{one}" for one in appointments])
    return _Known(
        # What is open explains more than what was accepted; of one appointment, what is of the same key.
        {name: one for one in sorted(found, key=_telling) for name in (one.appointment, one.key)},
        {(one.subject or "").partition("/")[2]: one for one in troubles if one.state != "resolved"},
        await ledger_snapshot.at_work(connection, appointments),
        rules,
        said,
    )


def _telling(one: Discrepancy) -> tuple[bool, int]:
    return one.state != "accepted", one.number


def _reason(
    one: Apart, books: tuple[str, str], span: tuple[date, date], place: tuple[str, str], known: _Known
) -> Reason:
    difference = known.differences.get(one.key) or known.differences.get(one.appointment)
    trouble = known.exceptions.get(one.appointment)
    elsewhere = _elsewhere(one, books, span, place, known.said)
    if difference is not None:
        why, trouble = _of_difference(difference, known), None
    elif elsewhere:
        why, trouble = elsewhere, None
    elif trouble is not None:
        why = _of_exception(trouble)
    elif state := known.at_work.get(one.appointment):
        why = "it waits for an unavailable system" if state == "parked" else "it is still being processed"
    else:
        why = "no explanation yet: compare both sides again"
    return Reason(
        key=one.key,
        left=_held(one.left_count, one.left_amount, place[1]),
        right=_held(one.right_count, one.right_amount, place[1]),
        why=why,
        discrepancy=difference.number if difference else None,
        exception=trouble.number if trouble else None,
    )


def _of_difference(one: Discrepancy, known: _Known) -> str:
    told = known.said.describe(one, known.rules.get(one.rule))
    if one.state == "accepted":
        return f"difference {one.number}, accepted by {one.closed_by}: {one.reason or 'no reason was given'}"
    return f"difference {one.number}, open, with {one.owner}: {told}"


def _of_exception(one: OpenException) -> str:
    if one.state == "discarded":
        return f"exception {one.number} was discarded by {one.resolved_by}: {one.reason}"
    return f"exception {one.number} waits for {one.assignee or one.owner}: {one.reason}"


def _elsewhere(one: Apart, books: tuple[str, str], span: tuple[date, date], place: tuple[str, str], said: Words) -> str:
    """Where the side that holds nothing here holds it instead."""
    if one.other_stands is None:
        return ""
    side = said.system_of(books[0] if one.left_count is None else books[1])
    if not one.other_stands:
        return f"{side} has it as voided or cancelled"
    if one.other_day is None or not span[0] <= one.other_day <= span[1]:
        return f"{side} dates it {one.other_day or 'on no day'}, outside this month"
    if (one.other_facility or "") != place[0]:
        return f"{side} has it at {one.other_facility or 'no facility'}"
    return f"{side} has it in {one.other_currency or 'no currency'}"


def _held(count: int | None, amount: object, currency: str) -> str:
    """What a side holds: its money, or how often where it has none."""
    if count is None:
        return "nothing"
    told = money_of(amount, currency) if currency else ""
    return told if count == 1 and told else f"{count} {told}".strip()
