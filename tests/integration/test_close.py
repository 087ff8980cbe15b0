"""A month is closed end to end: frozen, reconciled, complete, accrued, signed by two, locked; and reopened."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.integration.clinic import Clinic, clinic

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor, NotPossible, NotSignedIn
from suture.commands import month_end, reconciliation
from suture.core.clock import SystemClock
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.periods import Calendar
from suture.views import month_close
from suture.views.month_close import CloseStatus
from suture.views.report import gather, page

pytestmark = pytest.mark.timeout(180)

ADA, BEN = (Actor(name, roles=(ADMINISTRATOR,), signed_in=True) for name in ("ada", "ben"))


def last_month() -> date:
    """The last day of the month before this one."""
    return SystemClock().now().date().replace(day=1) - timedelta(days=1)


MONTH = f"{last_month():%Y-%m}"


@pytest.fixture
async def it(tmp_path: Path, database: Database, vault: Vault) -> AsyncIterator[Clinic]:
    async with clinic(tmp_path, database, vault, SystemClock(), day=last_month()) as made:
        yield made


async def reaches(it: Clinic, stage: str) -> CloseStatus:
    """Wait until the close is at a step, or stopped before it."""
    async with asyncio.timeout(60):
        while True:
            told = await month_close.status(it.desk, MONTH)
            if told.stage == stage or told.troubles:
                return told
            await asyncio.sleep(0.1)


async def lock(it: Clinic, until: date | None) -> None:
    field = {"fiscalyear_lock_date": until.isoformat() if until else False}
    await it.by_hand("res.company", "write", [1], vals=field)


async def goes_on_to(it: Clinic, stage: str) -> CloseStatus:
    """Wait until a close that had stopped is at a step, with nothing in its way."""
    async with asyncio.timeout(60):
        while (told := await month_close.status(it.desk, MONTH)).troubles or told.stage != stage:
            await asyncio.sleep(0.1)
    return told


async def test_a_month_is_closed_end_to_end(it: Clinic) -> None:
    await it.play()
    with pytest.raises(NotPossible, match="is not over"):
        await month_end.start(it.desk, ADA, f"{SystemClock().now():%Y-%m}")
    assert await month_end.start(it.desk, ADA, MONTH) == 1
    with pytest.raises(NotPossible, match="is frozen already"):
        await month_end.start(it.desk, BEN, MONTH)
    told = await reaches(it, "signed")
    assert told.troubles == []
    with pytest.raises(NotSignedIn, match="needs a person who is signed in: do it on the console"):
        await month_end.sign(it.desk, Actor("ada", roles=(ADMINISTRATOR,)), MONTH)
    assert await month_end.sign(it.desk, ADA, MONTH) == 1
    with pytest.raises(NotPossible, match="another person signs"):
        await month_end.sign(it.desk, ADA, MONTH)
    await reaches(it, "countersigned")
    assert await month_end.sign(it.desk, BEN, MONTH) == 2
    (trouble,) = (await reaches(it, "close")).troubles
    assert (trouble.code, trouble.owner) == ("period_not_locked", "finance")
    assert "Lock Dates" in trouble.remedy
    await lock(it, last_month())
    await month_end.resume(it.desk, ADA, MONTH)
    async with asyncio.timeout(30):
        while (await month_close.status(it.desk, MONTH)).period.state != "closed":
            await asyncio.sleep(0.1)
    report = await gather(it.desk, MONTH)
    assert report.lines
    assert all(line.agrees for line in report.lines), report.lines
    text = page(report, ZoneInfo("UTC"))
    assert '<strong class="good">Closed</strong>' in text
    assert report.digest in text
    assert "ada" in text
    assert "ben" in text


async def test_completed_and_unbilled_work_is_accrued_and_reversed_by_itself(it: Clinic) -> None:
    await it.play()
    refused = [plan for plan in it.day.appointments if plan.story[-1] == "completed" and plan.eligible == "inactive"]
    assert refused, "the day has visits that wait for a person"
    prices = {service.code: service.price for service in it.day.services}
    expected = sum(line.quantity * (line.unit_price or prices[line.code]) for plan in refused for line in plan.lines)
    await month_end.start(it.desk, ADA, MONTH)
    await reaches(it, "signed")
    report = await gather(it.desk, MONTH)
    assert report.accrued is not None
    assert (report.accrued.amount.amount, report.accrued.unpriced) == (expected, ())
    account = it.base.catalogue.ledger.unbilled_account
    assert await balance(it, account, last_month()) == expected
    assert await balance(it, account, last_month() + timedelta(days=1)) == 0
    assert {one.subject for one in report.exceptions} == {f"Appointment/{plan.id}" for plan in refused}


async def balance(it: Clinic, account: str, until: date) -> Decimal:
    found = [one.balance.amount for one in await it.systems.ledger.balances(until) if one.account == account]
    return sum(found, Decimal(0))


async def test_what_comes_late_is_dated_in_the_next_open_month(it: Clinic) -> None:
    await it.play()
    await month_end.start(it.desk, ADA, MONTH)
    calendar = Calendar(it.base.database, it.base.clock)
    assert await calendar.open_day(last_month()) == last_month() + timedelta(days=1)
    assert await calendar.open_day(last_month() + timedelta(days=5)) == last_month() + timedelta(days=5)


async def test_an_open_difference_holds_the_close_until_it_is_repaired_or_accepted(it: Clinic) -> None:
    await it.play()
    visit = next(plan for plan in it.day.appointments if plan.story[-1] == "completed" and plan.payer)
    await it.call("billing", "/control/lose", {"external_id": visit.id, "what": "claim"})
    await month_end.start(it.desk, ADA, MONTH)
    told = await reaches(it, "signed")
    assert [(one.code, one.owner) for one in told.troubles] == [("period_incomplete", "finance")]
    assert [(one.rule, one.count) for one in told.open] == [("charge_not_claimed", 1)]
    with pytest.raises(NotPossible, match="not ready to be signed"):
        await month_end.sign(it.desk, ADA, MONTH)
    (found,) = await it.discrepancies()
    await reconciliation.accept(it.desk, Actor("ada", "claimed on paper", (ADMINISTRATOR,)), [found.number])
    await month_end.resume(it.desk, ADA, MONTH)
    await goes_on_to(it, "signed")
    assert "claimed on paper" in page(await gather(it.desk, MONTH), ZoneInfo("UTC"))


async def test_a_month_is_reopened_with_a_reason_and_closed_again(it: Clinic) -> None:
    await it.play()
    await month_end.start(it.desk, ADA, MONTH)
    await reaches(it, "signed")
    await month_end.sign(it.desk, ADA, MONTH)
    with pytest.raises(NotPossible, match="give your reason"):
        await month_end.reopen(it.desk, ADA, MONTH)
    assert await month_end.reopen(it.desk, Actor("ada", "a late remittance", (ADMINISTRATOR,)), MONTH) == 1
    assert (await month_close.status(it.desk, MONTH)).period.state == "open"
    assert await month_end.start(it.desk, ADA, MONTH) == 2
    told = await reaches(it, "signed")
    assert (told.troubles, told.period.signatures) == ([], ())
    accrued = (await gather(it.desk, MONTH)).accrued
    assert accrued is not None
    account = it.base.catalogue.ledger.unbilled_account
    assert await balance(it, account, last_month()) == accrued.amount.amount, "what the first round accrued is undone"
    assert await balance(it, account, last_month() + timedelta(days=1)) == 0
