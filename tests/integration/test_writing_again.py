"""What somebody deleted in Odoo is written again by the number of its exception, once, and the exception is over."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.integration.clinic import Clinic, clinic

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor, NotPossible
from suture.commands import ledger as commands
from suture.connectors.odoo.records.names import external_id
from suture.core.clock import SystemClock
from suture.store import audit, cursors, exceptions
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.exceptions import ExceptionSelection, OpenException
from suture.views.exceptions import queue

ADA = Actor("ada", "deleted by mistake", (ADMINISTRATOR,))


@pytest.fixture
async def it(tmp_path: Path, database: Database, vault: Vault) -> AsyncIterator[Clinic]:
    async with clinic(tmp_path, database, vault, SystemClock(), appointments=8) as made:
        await made.play()
        yield made


async def posted(it: Clinic, appointment: str) -> list[int]:
    domain = [["ref", "=", appointment], ["move_type", "=", "out_invoice"], ["state", "=", "posted"]]
    found = await it.by_hand("account.move", "search_read", domain=domain, fields=["id"], load="")
    return [row["id"] for row in found]


async def deletions(it: Clinic) -> list[OpenException]:
    return await queue(it.base.database, ExceptionSelection(code="deleted_in_odoo"))


async def test_a_deleted_invoice_is_written_again_by_its_exception(
    it: Clinic, eventually: Callable[..., Awaitable[None]]
) -> None:
    visit = next(one for one in it.day.appointments if one.story[-1] == "completed" and not one.payments).id
    (first,) = await posted(it, visit)
    await it.by_hand("account.move", "button_draft", ids=[first])
    await it.by_hand("account.move", "unlink", ids=[first])

    async def told() -> bool:
        await cursors.hint(it.base.database, "odoo-changes")
        return bool(await deletions(it))

    await eventually(told)
    (gone,) = await deletions(it)
    name = external_id("invoice", visit)
    assert f"[{name}]" in gone.reason, "whoever reads it knows which record it is"
    words = await commands.write_again(it.bench, ADA, gone.number)
    assert f"completed_appointment:{visit} writes it again" in words
    await it.settled()
    (second,) = await posted(it, visit)
    assert second != first
    assert await deletions(it) == []
    async with it.base.database.connection() as connection:
        assert [entry.action for entry in await audit.newest(connection, f"Record/{name}")] == ["ledger.forget"]
        (closed,) = await exceptions.select(connection, ExceptionSelection(numbers=(gone.number,), state=""))
    assert (closed.state, closed.resolved_by) == ("resolved", "ada")


async def test_only_what_was_deleted_is_written_again(it: Clinic) -> None:
    with pytest.raises(NotPossible, match="there is no exception 4711"):
        await commands.write_again(it.bench, ADA, 4711)
    with pytest.raises(NotPossible, match=r"no record suture\.invoice_NOBODY was written"):
        await commands.write_again(it.bench, ADA, "suture.invoice_NOBODY")
