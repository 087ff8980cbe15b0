"""What each role must not do, tried by the page and by the address: that a button is missing is never the guard."""

from typing import Any

import pytest
from playwright.async_api import Page, expect
from tests.browser.conftest import ADMINISTRATOR
from tests.integration.recovery import House

from suture.commands import accounts

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="session")]

FIELDS: dict[str, dict[str, str]] = {
    "exceptions.retry": {"numbers": "1"},
    "exceptions.assign": {"numbers": "1", "person": "eve"},
    "exceptions.discard": {"numbers": "1", "undo": "leave"},
    "exceptions.comment": {"number": "1"},
    "exceptions.correct": {"number": "2", "content": "{}"},
    "codes.correct": {"table": "services", "source": "x|y", "code": "OV-EST"},
    "codes.roll_back": {"table": "services", "version": "0"},
    "processes.resume": {"keys": "completed_appointment:A-stuck"},
    "processes.cancel": {"keys": "completed_appointment:A-stuck"},
    "processes.compensate": {"keys": "completed_appointment:A-stuck"},
    "interfaces.pause": {"name": "billing-api"},
    "interfaces.resume": {"name": "billing-payments"},
    "reconciliation.run": {},
    "discrepancies.repair": {"number": "1"},
    "discrepancies.verify": {"number": "1"},
    "discrepancies.accept": {"numbers": "1"},
    "close.start": {"month": "2026-02"},
    "close.sign": {"month": "2026-02"},
    "close.reopen": {"month": "2026-02"},
    "people.add": {"name": "mallory", "roles": "administrator"},
    "people.roles": {"name": "eve", "roles": "administrator"},
    "people.invite": {"name": "ada"},
    "people.disable": {"name": "ada"},
    "clients.add": {"name": "erp", "purpose": "x", "scopes": "events:read"},
    "clients.key": {"name": "erp"},
}
_ACCESS = {name for name in FIELDS if name.startswith(("people.", "clients."))}
_CLOSE = {"close.start", "close.sign", "close.reopen", "discrepancies.accept"}
_CODES = {"codes.correct", "codes.roll_back"}
_SIDES = {"reconciliation.run", "discrepancies.repair", "discrepancies.verify"}
_GATES = {"interfaces.pause", "interfaces.resume"}

MUST_NOT: dict[str, set[str]] = {
    "operations": _ACCESS | _CLOSE | _CODES | _GATES | {"exceptions.correct"},
    "finance": _ACCESS | _CODES | _GATES | {"exceptions.correct"},
    "steward": _ACCESS | _CLOSE | _GATES | _SIDES,
    "engineer": _ACCESS | _CLOSE | {"exceptions.correct"},
    "auditor": set(FIELDS),
}
CLOSED_PAGES = {
    "operations": ("/audit", "/people"),
    "finance": ("/audit", "/people"),
    "steward": ("/audit", "/people"),
    "engineer": ("/audit", "/people"),
    "auditor": (),
}
READS_PATIENTS = {"steward", "auditor"}


@pytest.mark.parametrize("role", MUST_NOT)
async def test_a_role_does_only_what_is_its_own(page: Page, people: Any, night: House, role: str) -> None:
    await people.has("ada", "administrator")
    await people.signs_in(page, "eve", role)
    await page.goto(people.url + "/account")
    token = await page.locator("input[name=csrf]").first.get_attribute("value")
    before = len(await night.acts())
    for command in sorted(MUST_NOT[role]):
        form = {"csrf": token or "", "reason": "a test", "back": "/", **FIELDS[command]}
        answer = await page.request.post(f"{people.url}/do/{command}", form=form, max_redirects=0)
        assert answer.status == 403, command
        assert "Your roles do not allow" in await answer.text(), command
    for path in CLOSED_PAGES[role]:
        answer = await page.request.get(people.url + path)
        assert answer.status == 403, path
    may_read = role in READS_PATIENTS
    for path in ("/exceptions/2/payload", "/search/patient", "/deliveries/read"):
        form = {"csrf": token or "", "reason": "a test", "delivery": "1", "system": "s", "value": "v"}
        answer = await page.request.post(people.url + path, form=form)
        assert (answer.status != 403) == may_read, path
    acts = (await night.acts())[before:]
    assert {action for _, action, _ in acts} <= ({"payload.read", "patient.read"} if may_read else set())


async def test_an_auditor_sees_no_button_that_would_change_anything(page: Page, people: Any, night: House) -> None:
    await people.signs_in(page, "eve", "auditor")
    for path in ("/exceptions/1", "/reconciliation/1", "/processes/completed_appointment:A-stuck", "/close", "/people"):
        await page.goto(people.url + path)
        await expect(page.locator("main form[action^='/do/']")).to_have_count(0)


async def test_who_is_not_signed_in_sees_and_does_nothing(page: Page, people: Any, night: House) -> None:
    for path in ("/", "/exceptions", "/journeys/A-paid", "/people", "/audit", "/live"):
        await page.goto(people.url + path)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    answer = await page.request.post(f"{people.url}/do/exceptions.retry", form={"numbers": "1"}, max_redirects=0)
    assert answer.status == 303
    assert answer.headers["location"] == "/sign-in"
    assert not [act for act in await night.acts() if act[1] != "person.add"]


async def test_a_form_that_none_of_our_pages_made_is_refused(page: Page, people: Any, night: House) -> None:
    await people.signs_in(page, "ada", "administrator")
    before = len(await night.acts())
    address = f"{people.url}/do/interfaces.pause"
    form = {"name": "billing-api", "reason": "x", "back": "/"}
    assert (await page.request.post(address, form=form)).status == 403
    await page.goto(people.url + "/account")
    token = await page.locator("input[name=csrf]").first.get_attribute("value")
    foreign = {"origin": "https://elsewhere.example"}
    assert (await page.request.post(address, form={**form, "csrf": token or ""}, headers=foreign)).status == 403
    assert len(await night.acts()) == before


async def test_roles_that_are_taken_away_are_gone_at_the_next_click(page: Page, people: Any, night: House) -> None:
    await people.signs_in(page, "eve", "engineer")
    await page.goto(f"{people.url}/interfaces/billing-api")
    await page.get_by_text("Pause", exact=True).first.click()
    await page.get_by_label("Why?").fill("a test")
    await accounts.set_roles(people.desk, ADMINISTRATOR, "eve", ["auditor"])
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("That is not for your roles")
