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
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture_lab.conformance.orders import open_of

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


async def _payor_in_any_form(player: Player) -> None:
    assert await player.billed("C02V") == "Payer/PAY-ALPINE"
    assert await player.billed("C02R") == "RelatedPerson/MUM"
    assert (await player.partner("RelatedPerson/MUM"))["name"] == "Mum Example"
    for unclear in ("C02C", "C02U", "C02I"):
        assert await player.moves(unclear) == [], unclear
        (asked,) = await player.exceptions(f"Appointment/{unclear}")
        assert asked.code == "payer_unclear"


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


async def _coverage_that_applies(player: Player) -> None:
    assert await player.billed("C04O") == "Payer/PAY-ALPINE"
    assert await player.billed("C04S") == "Payer/PAY-ALPINE"


async def _optional_elements(player: Player) -> None:
    for form in ("SSN", "YEAR", "NULL", "END", "ACTOR", "LANG", "CODE", "NPI", "DEL"):
        assert await player.billed(f"C05{form}") == "Payer/PAY-ALPINE", form
        assert await player.exceptions(f"Appointment/C05{form}") == []


async def _who_took_part(player: Player) -> None:
    declined, mother = await player.visit("C06D"), await player.visit("C06P")
    assert declined is not None
    assert declined["practitioner"] == "Practitioner/D-YES"
    assert mother is not None
    assert mother["patient"] == "Patient/MOTHER"
    shares = await player.rows("account.move", [["ref", "in", ["C06D"]], ["move_type", "=", "entry"]], ["id"])
    lines = [["move_id", "in", [row["id"] for row in shares]]]
    assert not [row for row in await player.rows("account.move.line", lines, ["name"]) if "D-NO" in str(row["name"])]


async def _names_and_addresses(player: Player) -> None:
    married = await player.partner("Patient/P-C07O")
    assert (married["name"], married["street"], married["city"]) == ("Jo Married", "New street 2", "Newtown")
    told = await player.partner("Patient/P-C07T")
    assert told["name"] == "Derrick Lin"
    for partner in (married, told):
        (country,) = await player.rows("res.country", [["id", "=", partner["country_id"]]], ["code"])
        (state,) = await player.rows("res.country.state", [["id", "=", partner["state_id"]]], ["code"])
        assert (country["code"], state["code"]) == ("US", "NY")


async def _what_is_referenced(player: Player) -> None:
    visits = {name: await player.visit(name) for name in ("C08N", "C08R", "C08E")}
    assert {name: visit and visit["facility"] for name, visit in visits.items()} == {
        "C08N": "NORTH",
        "C08R": "MAIN",
        "C08E": "MAIN",
    }
    assert visits["C08E"] is not None
    assert visits["C08E"]["started_at"].startswith("2026-11-23")


async def _versions_and_references(player: Player) -> None:
    for one in ("C10H", "C10U"):
        visit = await player.visit(one)
        assert visit is not None
        assert visit["patient"] == "Patient/P1"
        assert await player.billed(one) == "Payer/PAY-ALPINE"


async def _undone_without_a_location(player: Player) -> None:
    (invoice,) = await player.moves("C23")
    assert (invoice["payment_state"], invoice["amount_residual"]) == ("reversed", 0)
    assert await player.exceptions("Appointment/C23") == []


async def _contradiction(player: Player) -> None:
    assert await player.billed("C24") == "Payer/PAY-ALPINE"
    (asked,) = await player.exceptions("Appointment/C24")
    assert asked.code == "version_contradicts"


SCHEDULING: dict[str, Check] = {
    "02": _payor_in_any_form,
    "04": _coverage_that_applies,
    "05": _optional_elements,
    "06": _who_took_part,
    "07": _names_and_addresses,
    "08": _what_is_referenced,
    "10": _versions_and_references,
    "23": _undone_without_a_location,
    "24": _contradiction,
}


async def test_what_scheduling_tells_comes_out_right(player: Player, fixtures: Path) -> None:
    await judged(player, fixtures, SCHEDULING)


async def _open(player: Player, partner: str) -> str:
    """What is open on a partner's receivable."""
    return str(await open_of(player.clinic.systems.ledger, partner) or 0)


async def _residual(player: Player, appointment: str) -> float:
    (invoice,) = await player.moves(appointment)
    return float(invoice["amount_residual"])


def _refused(player: Player, number: str) -> str:
    answer = player.answers[number]
    assert isinstance(answer, Exception), answer
    return str(answer)


async def _forwarded(player: Player) -> None:
    assert (await _residual(player, "C11"), await _open(player, "Patient/P-C11")) == (0, "30.00")


async def _numbers_of_payers(player: Player) -> None:
    """Beacon's money for a visit that Alpine was billed waits to Beacon's credit; Alpine's other claims are refused."""
    assert "another remittance" in _refused(player, "C13-100234")
    assert [await _residual(player, key) for key in ("C13A", "C13B", "C13C")] == [0, 200, 200]
    assert await _open(player, "Payer/PAY-BEACON") == "-120.00"
    asked = {(one.code, one.process) for one in await player.exceptions("Remittance/C13-100234")}
    assert asked == {
        ("claim_unapplied", "remittance:Payer/PAY-BEACON C13-100234/C-C13B"),
        ("remittance_differs", "remittance:Payer/PAY-ALPINE C13-100234"),
    }


async def _as_the_standard_writes_it(player: Player) -> None:
    assert (await _residual(player, "C14"), await _open(player, "Patient/P-C14")) == (200, "0")
    assert await player.exceptions("Remittance/C14-2") == []


async def _with_something_left_open(player: Player) -> None:
    for key in ("C15N", "C15O"):
        assert (await _residual(player, key), await _open(player, f"Patient/P-{key}")) == (200, "0"), key
        assert await player.exceptions(f"Remittance/{key}-2") == []


async def _second_payer(player: Player) -> None:
    assert (await _residual(player, "C17R"), await _open(player, "Patient/P-C17R")) == (0, "0")
    assert await player.exceptions("Remittance/C17-2") == []
    (entry,) = await player.rows("account.move", [["ref", "=", "C17-P"]], ["id"])
    (beacon,) = await player.rows("res.partner", [["ref", "=", "Payer/PAY-BEACON"]], ["id"])
    lines = await player.rows("account.move.line", [["move_id", "=", entry["id"]]], ["partner_id"])
    assert {line["partner_id"] for line in lines} == {beacon["id"]}
    assert await _residual(player, "C17W") == 160


async def _beyond_measure(player: Player) -> None:
    assert "$.deposit is not an amount" in _refused(player, "C18-I")
    assert "$.deposit is not an amount" in _refused(player, "C18-E")
    assert await _residual(player, "C18") == 200


async def _half_cents(player: Player) -> None:
    for number in ("C19-A", "C19-B"):
        assert "$.deposit has more decimals than USD" in _refused(player, number)
    assert [await _residual(player, key) for key in ("C19A", "C19B")] == [200, 200]


async def _renamed(player: Player) -> None:
    assert (await player.partner("Payer/PAY-ALPINE"))["name"] == "Alpine Health Plan"


REMITTANCES: dict[str, Check] = {
    "13": _numbers_of_payers,
    "11": _forwarded,
    "14": _as_the_standard_writes_it,
    "15": _with_something_left_open,
    "17": _second_payer,
    "18": _beyond_measure,
    "19": _half_cents,
    "28": _renamed,
}


async def test_what_payers_remit_comes_out_right(player: Player, fixtures: Path) -> None:
    await judged(player, fixtures, REMITTANCES)
