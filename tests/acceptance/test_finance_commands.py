"""``suture reconcile``, ``suture close``, ``suture slo`` and ``suture clients`` as people in finance and operations run
them, in a month of a clinic that really runs."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import aiohttp
import pytest
from tests.commands import arun, clean_environment
from tests.integration.clinic import Clinic, clinic

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor
from suture.cli.acting import account
from suture.commands import month_end
from suture.core.clock import SystemClock
from suture.gateway.app import create_app
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture_lab.simulators.serving import serving

pytestmark = pytest.mark.timeout(240)

ADA, BEN = (Actor(name, roles=(ADMINISTRATOR,), signed_in=True) for name in ("ada", "ben"))


def last_month() -> date:
    return SystemClock().now().date().replace(day=1) - timedelta(days=1)


MONTH = f"{last_month():%Y-%m}"


@pytest.fixture
async def it(tmp_path: Path, database: Database, vault: Vault) -> AsyncIterator[Clinic]:
    async with clinic(tmp_path, database, vault, SystemClock(), day=last_month(), appointments=12) as made:
        await made.play()
        yield made


async def suture(it: Clinic, *arguments: str) -> tuple[int, str]:
    environment = {**clean_environment(), **it.environment, "COLUMNS": "220"}
    status, output = await arun(it.base.settings.data_dir, environment, *arguments, seconds=90)
    assert "Traceback" not in output, output
    return status, output


async def test_a_gap_is_found_shown_repaired_and_told(it: Clinic) -> None:
    status, told = await suture(it, "reconcile", "run")
    assert (status, "Both sides agree" in told) == (0, True), told
    visit = next(plan for plan in it.day.appointments if plan.story[-1] == "completed" and plan.payer)
    await it.call("billing", "/control/lose", {"external_id": visit.id})
    status, told = await suture(it, "reconcile", "run", "--since", f"{last_month()}")
    assert (status, "charge_gone" in told, "revenue cycle" in told) == (1, True, True), told
    status, told = await suture(it, "reconcile", "list")
    assert (status, visit.id in told, "redo" in told) == (0, True, True), told
    status, told = await suture(it, "reconcile", "show", "1")
    assert f"billing has no charge for {visit.id}; Suture has its charge" in told, told
    assert "Does billing still have every charge that was captured" in told
    assert "suture reconcile repair 1" in told
    status, told = await suture(it, "reconcile", "repair", "1", "--reason", "deleted by mistake")
    assert (status, "Both sides agree: discrepancy 1 is closed" in told) == (0, True), told
    status, told = await suture(it, "reconcile", "list", "--state", "repaired")
    assert visit.id in told
    status, told = await suture(it, "reconcile", "days", "--since", f"{last_month()}", "--until", f"{last_month()}")
    assert (f"{last_month()}" in told, "•" in told) == (True, True), told


async def test_what_can_t_be_done_says_so(it: Clinic) -> None:
    for arguments, words in (
        (("reconcile", "show", "7"), "there is no discrepancy 7"),
        (("reconcile", "run", "--since", "2999-01-01"), "is no span of days"),
        (("close", "start", "2026-13"), "is not a month"),
        (("close", "status", "2020-01"), "has not begun"),
        (("close", "sign", "2020-01"), "8601/close/2020-01"),
        (("subscriptions", "deliveries", "seven"), "is no subscription's id"),
        (("clients", "key", "nobody"), "there is no client nobody"),
        (("clients", "add", "erp", "--purpose", "x", "--scope", "everything"), "there is no scope everything"),
    ):
        status, told = await suture(it, *arguments)
        assert (status, words in told) == (2, True), told


async def test_a_month_is_closed_from_the_command_line(it: Clinic) -> None:
    status, told = await suture(it, "close", "start", MONTH)
    assert (status, "is frozen" in told) == (0, True), told
    await until(it, "▸ sign")
    status, told = await suture(it, "close", "sign", MONTH)
    assert (status, "two people who are signed in" in told) == (2, True), told
    assert await month_end.sign(it.desk, ADA, MONTH) == 1
    await until(it, "▸ countersign")
    assert await month_end.sign(it.desk, BEN, MONTH) == 2
    await until(it, "has no locked period")
    until_day = {"fiscalyear_lock_date": last_month().isoformat()}
    await it.by_hand("res.company", "write", [1], vals=until_day)
    assert (await suture(it, "close", "resume", MONTH))[0] == 0
    await until(it, f"is closed, round 1, frozen by {account()}")
    status, told = await suture(it, "close", "report", MONTH)
    report = (it.base.settings.data_dir / f"close-{MONTH}.html").read_text()
    assert (status, "Both sides, by facility" in report, "ben" in report) == (0, True, True)
    assert MONTH in (await suture(it, "close", "status"))[1]
    status, told = await suture(it, "close", "reopen", MONTH, "--reason", "a late remittance")
    assert (status, "is open again" in told) == (0, True), told


async def until(it: Clinic, words: str) -> None:
    async with asyncio.timeout(60):
        while words not in (told := (await suture(it, "close", "status", MONTH))[1]):
            await asyncio.sleep(0.3)
    assert MONTH in told


async def test_a_client_is_added_calls_and_is_revoked(it: Clinic) -> None:
    scopes = ("--scope", "appointments:read", "--scope", "events:read")
    status, told = await suture(it, "clients", "add", "erp", "--purpose", "the ERP's own screens", *scopes)
    token = told.strip().splitlines()[-1]
    assert (status, token.startswith("sut_")) == (0, True), told
    async with serving(create_app(it.base)) as url, aiohttp.ClientSession() as http:

        async def call() -> int:
            async with http.get(f"{url}/v1/appointments", headers={"Authorization": f"Bearer {token}"}) as response:
                return response.status

        assert await call() == 200
        assert "appointments:read" in (await suture(it, "clients", "list"))[1]
        await suture(it, "clients", "revoke", "erp", "--reason", "it is no more")
        assert await call() == 401
    status, told = await suture(it, "slo")
    assert (status, "scheduling-appointments" in told) == (0, True), told
    assert '"openapi": "3.1.0"' in (await suture(it, "api", "openapi"))[1]
    assert '"asyncapi": "3.0.0"' in (await suture(it, "api", "asyncapi"))[1]
