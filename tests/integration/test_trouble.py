"""Files of trouble, in the shape of public bug reports: each comes out as it says is right.

They stand beside the project (`../shared/fixtures/trouble`). All of a group are played at one clinic, each with ids of
its own; a check is a function that looks at what came of its file.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import date
from pathlib import Path

import msgspec
import pytest
from tests.integration.clinic import clinic
from tests.integration.trouble import Player, steps_of

from suture.catalogue import Catalogue
from suture.core.clock import SystemClock
from suture.store.database import Database
from suture.store.vault import Vault

pytestmark = pytest.mark.timeout(180)

Check = Callable[[Player], Awaitable[None]]


@pytest.fixture
async def player(tmp_path: Path, database: Database, vault: Vault) -> AsyncIterator[Player]:
    async with clinic(tmp_path, database, vault, SystemClock(), appointments=1) as made:
        yield Player(made)


async def judged(player: Player, fixtures: Path, checks: Mapping[str, Check]) -> None:
    """Play the file of each check, by its number, and ask all checks: every one that fails is told."""
    files = {path.name[:2]: path for path in sorted((fixtures / "trouble").glob("*.json"))}
    if not files:
        pytest.skip("the files of trouble are not beside the project")
    wrong = []
    for number, check in checks.items():
        await player.play(steps_of(files[number]))
        try:
            await check(player)
        except AssertionError as error:
            wrong.append(f"{files[number].name}: {error}")
    assert not wrong, "\n".join(wrong)


async def test_a_visit_that_is_played_is_billed_to_its_payer(player: Player, fixtures: Path) -> None:
    await judged(player, fixtures, {"28": _billed})
    assert "C28-1" in player.answers


async def _billed(player: Player) -> None:
    assert await player.billed("C28") == "Payer/PAY-ALPINE"


async def test_a_visits_day_is_its_facilitys_on_charge_invoice_and_in_the_books(
    tmp_path: Path, database: Database, vault: Vault, fixtures: Path
) -> None:
    async with clinic(tmp_path, database, vault, SystemClock(), appointments=1, change=_in_zones) as made:
        player = Player(made)
        await judged(player, fixtures, {"01": _of_halloween("C01Z", "C01L"), "22": _of_halloween("C22")})
        await made.reconcile()
        found = {(one.rule, one.day) for one in await made.discrepancies()}
        assert found == {("visit_not_told", date(2026, 10, 31))}, "the simulated scheduling system knows none of them"


def _in_zones(catalogue: Catalogue) -> Catalogue:
    zones = {"NORTH": "Pacific/Honolulu"}
    places = tuple(
        msgspec.structs.replace(place, timezone=zones.get(place.code, "America/New_York"))
        for place in catalogue.facilities
    )
    return msgspec.structs.replace(catalogue, facilities=places)


def _of_halloween(*appointments: str) -> Check:
    async def check(player: Player) -> None:
        for appointment in appointments:
            billed = await player.clinic.call("billing", f"/v1/charges?external_id={appointment}", method="GET")
            (invoice,) = await player.moves(appointment)
            told = await player.visit(appointment)
            days = {billed["charges"][0]["service_date"], invoice["invoice_date"], told and told["day"]}
            assert days == {"2026-10-31"}, (appointment, days)

    return check
