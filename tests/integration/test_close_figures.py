"""A month's figures as its report and its signers see them: in each currency, and each difference explained."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import msgspec
import pytest
from tests.browser.conftest import serving_console

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.bootstrap.composition import Foundation, command_context
from suture.bootstrap.settings import Secrets, Settings
from suture.catalogue import Catalogue
from suture.commands import accounts, month_end
from suture.core.clock import ManualClock
from suture.core.money import Money
from suture.core.trouble import Trouble
from suture.engine.process import StepRecord
from suture.processes.definitions import month_end_close
from suture.processes.definitions.month_end_close import Accrued
from suture.store import discrepancies, exceptions, ledger_snapshot
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.discrepancies import FoundDifference
from suture.store.ledger_snapshot import Holding
from suture.views.report import CloseReport, gather, page

MONTH, FIRST, LAST = "2026-02", date(2026, 2, 1), date(2026, 2, 28)
EMPTY = msgspec.Raw(b"{}")
ADA = Actor("ada", "as agreed", ("administrator",), signed_in=True)


@pytest.fixture
def at(tmp_path: Path, database: Database, vault: Vault, clock: ManualClock, catalogue: Catalogue) -> CommandContext:
    return command_context(foundation(tmp_path, database, vault, clock, catalogue))


def foundation(folder: Path, database: Database, vault: Vault, clock: ManualClock, catalogue: Catalogue) -> Foundation:
    return Foundation(
        settings=Settings(data_dir=folder),
        secrets=Secrets({}, folder),
        catalogue=catalogue,
        clock=clock,
        database=database,
        vault=vault,
        nats_url="nats://127.0.0.1:1",
    )


def held(book: str, key: str, amount: str = "", day: date = date(2026, 2, 10), **more: object) -> Holding:
    told = {"appointment": key, "facility": "MAIN", "currency": "USD" if amount else None} | more
    seen = datetime(2026, 3, 2, tzinfo=UTC)
    return Holding(
        book=book, key=key, number=f"{book} {key}", state="posted", day=day, seen_at=seen,
        amount=Decimal(amount) if amount else None, **told,  # type: ignore[arg-type]
    )  # fmt: skip


async def read(at: CommandContext, *documents: Holding) -> None:
    """What both sides hold is read and counted."""
    async with at.database.transaction() as connection:
        await ledger_snapshot.stage(connection, documents)
        await ledger_snapshot.merge(connection)
        await ledger_snapshot.total_days(connection, FIRST, LAST + timedelta(days=31), at.clock.now())


async def closes(at: CommandContext) -> CloseReport:
    await month_end.start(at, ADA, MONTH)
    return await gather(at, MONTH)


def why(report: CloseReport, facility: str = "MAIN") -> dict[str, str]:
    """Each document that both sides don't hold alike at a facility, with its reason."""
    return {one.key: one.why for line in report.lines if line.facility == facility for one in line.reasons}


async def test_each_difference_of_a_report_is_explained(at: CommandContext) -> None:
    charged = [
        held("billing.charge", f"A-{name}", "200.00") for name in ("same", "late", "open", "ok", "stuck", "dark")
    ]
    await read(
        at,
        *charged,
        held("ledger.invoice", "A-same", "200.00"),
        held("ledger.invoice", "A-late", "200.00", date(2026, 3, 1)),
        held("billing.charge", "A-north", "90.00"),
        held("ledger.invoice", "A-north", "90.00", facility="NORTH"),
        held("billing.charge", "A-void", "70.00"),
        held("ledger.invoice", "A-void", "70.00", stands=False),
    )
    await differs(at, "A-open")
    await differs(at, "A-ok")
    async with at.database.transaction() as connection:
        (accepted,) = [one for one in await discrepancies.of_keys(connection, ["A-ok"], []) if one.key == "A-ok"]
        await discrepancies.close(
            connection, [accepted.number], "accepted", at=at.clock.now(), by="ada", reason="billed on paper", proof="{}"
        )
        await exceptions.put(connection, trouble("Appointment/A-stuck"), at.clock.now())
    report = await closes(at)
    told = why(report)
    assert "A-same" not in told
    assert told["A-late"] == "Odoo dates it 2026-03-01, outside this month"
    assert told["A-north"] == "Odoo has it at NORTH"
    assert why(report, "NORTH") == {"A-north": "billing has it at MAIN"}
    assert told["A-void"] == "Odoo has it as voided or cancelled"
    assert told["A-open"].startswith("difference 1, open, with finance: ")
    assert told["A-ok"] == "difference 2, accepted by ada: billed on paper"
    assert told["A-stuck"].startswith("exception ")
    assert told["A-dark"] == "no explanation yet: compare both sides again"
    text = page(report, ZoneInfo("UTC"))
    for reason in told.values():
        assert reason[1:60] in text
    (line,) = [
        one for one in report.lines if (one.facility, one.left, one.currency) == ("MAIN", "billing.charge", "USD")
    ]
    assert {one.key: (one.left, one.right) for one in line.reasons}["A-dark"] == ("200.00 USD", "nothing")


async def test_each_currency_stands_by_itself(at: CommandContext) -> None:
    await read(
        at,
        held("billing.charge", "A-1", "200.00"),
        held("billing.charge", "A-2", "150", currency="JPY"),
        held("ledger.invoice", "A-1", "200.00"),
        held("ledger.invoice", "A-2", "150", currency="JPY"),
    )
    lines = [one for one in (await closes(at)).lines if one.left == "billing.charge"]
    assert [(one.currency, one.left_amount, one.agrees) for one in lines] == [
        ("JPY", Decimal(150), True),
        ("USD", Decimal("200.00"), True),
    ]


async def test_a_report_lists_its_own_months_exceptions(at: CommandContext) -> None:
    visits = {"A-before": date(2026, 1, 31), "A-in": date(2026, 2, 28), "A-after": date(2026, 3, 1)}
    await read(at, *(held("suture.appointment", name, day=day) for name, day in visits.items()))
    opened = {"Delivery/1": datetime(2026, 2, 3, tzinfo=UTC), "Delivery/2": datetime(2026, 3, 2, 12, tzinfo=UTC)}
    async with at.database.transaction() as connection:
        for name in visits:
            await exceptions.put(connection, trouble(f"Appointment/{name}"), at.clock.now())
        for subject, when in opened.items():
            await exceptions.put(connection, trouble(subject), when)
    assert {one.subject for one in (await closes(at)).exceptions} == {"Appointment/A-in", "Delivery/1"}


async def test_who_signs_sees_the_figures(
    at: CommandContext, tmp_path: Path, database: Database, vault: Vault, clock: ManualClock, catalogue: Catalogue
) -> None:
    await read(at, held("billing.charge", "A-1", "200.00"), held("ledger.invoice", "A-1", "180.00"))
    report = await closes(at)
    await reaches_signing(at)
    token = await accounts.add(at, ADA, "ben", full_name="Ben", email="", roles=["finance"])
    session = await accounts.accept(at, token, "a few words that do well")
    async with (
        serving_console(foundation(tmp_path, database, vault, clock, catalogue)) as url,
        aiohttp.ClientSession(cookies={"suture": session}) as client,
        client.get(f"{url}/close/{MONTH}") as answer,
    ):
        assert answer.status == 200
        text = await answer.text()
    for told in (
        "$200.00",
        "$180.00",
        "differ",
        "It waits to be signed.",
        "200.00 USD in the source, 180.00 USD in the target",
        "A-9",
    ):
        assert told in text
    assert f'name="digest" value="{report.digest}"' in text


async def test_nobody_signs_other_figures_than_they_saw(at: CommandContext) -> None:
    await read(at, held("billing.charge", "A-1", "200.00"))
    seen = (await closes(at)).digest
    await reaches_signing(at)
    async with at.database.transaction() as connection:
        await ledger_snapshot.stage(connection, [held("billing.charge", "A-2", "5.00")])
        await ledger_snapshot.merge(connection)
        await ledger_snapshot.total_days(connection, FIRST, LAST, at.clock.now())
    with pytest.raises(NotPossible, match="figures of 2026-02 changed"):
        await month_end.sign(at, ADA, MONTH, seen)
    assert await month_end.sign(at, ADA, MONTH, (await gather(at, MONTH)).digest) == 1


async def reaches_signing(at: CommandContext) -> None:
    """The close's process has done all that comes before the signatures."""
    accrued = Accrued(amount=Money(Decimal("80.00"), "USD"), entries=(), unpriced=("A-9",), work=())
    results = {"accrue_unbilled": msgspec.Raw(msgspec.json.encode(accrued))}
    done = {
        step.name: StepRecord(state="done", at=at.clock.now(), seconds=0.1, result=results.get(step.name, EMPTY))
        for step in month_end_close.DEFINITION.leaves()
        if step.name not in (*month_end.SIGNING, "close")
    }
    async with at.database.connection() as connection:
        await connection.execute(
            "UPDATE process SET state = 'waiting', step = 'signed', journal = $1::jsonb WHERE key = $2",
            msgspec.json.encode(done).decode(),
            f"month_end_close:{MONTH}-1",
        )


async def differs(at: CommandContext, key: str) -> None:
    found = FoundDifference(
        rule="charge_not_invoiced", what="missing", key=key, appointment=key, facility="MAIN", party="", repair="redo",
        day=date(2026, 2, 10), owner="finance", money=Decimal(200), currency="USD", evidence="{}", fingerprint=key,
    )  # fmt: skip
    async with at.database.transaction() as connection:
        await discrepancies.put(connection, [found], at.clock.now(), at.clock.now())


def trouble(subject: str) -> Trouble:
    return Trouble(
        code="code_unmapped", outcome="rejected", reason=f"something about {subject}", remedy="Do this.",
        owner="integration", process=f"test:{subject}", subject=subject,
    )  # fmt: skip
