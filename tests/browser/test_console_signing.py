"""The ways in: by invitation, password and code; what ends a session; four eyes."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pyotp
import pytest
from playwright.async_api import Page, expect
from tests.browser.conftest import ADMINISTRATOR
from tests.integration.recovery import House

from suture.catalogue import Catalogue
from suture.commands import accounts

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="session")]


async def sign_in(page: Page, url: str, name: str, password: str) -> None:
    await page.goto(f"{url}/sign-in")
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def test_an_invitation_leads_to_a_password_and_in(page: Page, people: Any) -> None:
    token = await accounts.add(people.desk, ADMINISTRATOR, "ben", full_name="Ben", email="", roles=["finance"])
    await page.goto(f"{people.url}/invitations/{token}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, ben")
    for password, again, said in (
        ("ben ben ben ben", "ben ben ben ben", "easily guessed"),
        ("a few words that do", "others", "not the same"),
    ):
        await page.get_by_label("Password").fill(password)
        await page.get_by_label("Again").fill(again)
        await page.get_by_role("button").click()
        await expect(page.get_by_role("alert")).to_contain_text(said)
    await page.get_by_label("Password").fill(people.password)
    await page.get_by_label("Again").fill(people.password)
    await page.get_by_role("button").click()
    await expect(page).to_have_title("Today · Suture")
    await page.goto(f"{people.url}/invitations/{token}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("This invitation is no more")


async def test_a_wrong_password_says_little_and_locks_after_a_few(page: Page, people: Any) -> None:
    await people.has("ben", "finance")
    for name in ("ben", "nobody"):
        await sign_in(page, people.url, name, "a wrong password")
        await expect(page.get_by_role("alert")).to_contain_text("Name or password is wrong.")
    for _ in range(4):
        await sign_in(page, people.url, "ben", "a wrong password")
    await sign_in(page, people.url, "ben", people.password)
    await expect(page.get_by_role("alert")).to_contain_text("Too many wrong tries")
    people.base.clock.advance(timedelta(minutes=2))
    await sign_in(page, people.url, "ben", people.password)
    await expect(page).to_have_title("Today · Suture")


async def test_a_name_is_tried_only_so_often_a_minute(page: Page, people: Any) -> None:
    await page.goto(f"{people.url}/sign-in")
    token = await page.locator("input[name=csrf]").get_attribute("value")
    form = {"csrf": token or "", "name": "nobody", "password": "a wrong password"}
    answers = [await page.request.post(f"{people.url}/sign-in", form=form) for _ in range(11)]
    assert {answer.status for answer in answers[:10]} == {403}
    assert answers[10].status == 429
    assert "Too many tries from here" in await answers[10].text()


async def test_a_second_factor_is_asked_for_and_each_code_is_good_once(page: Page, people: Any) -> None:
    await people.signs_in(page, "ben", "finance")
    await page.goto(f"{people.url}/account")
    await page.get_by_role("button", name="Set it up").click()
    secret = pyotp.TOTP(await page.locator(".secret").inner_text())
    await expect(page.get_by_role("img", name="A QR code")).to_be_visible()
    now = people.base.clock.now()
    await page.get_by_label("The code that it shows").fill(secret.at(now))
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.get_by_role("alert")).to_contain_text("From now on a code is asked for")
    await page.locator(".menu summary").click()
    await page.get_by_role("button", name="Sign out").click()
    await sign_in(page, people.url, "ben", people.password)
    code = page.get_by_label("The code from your authenticator app")
    await code.fill(secret.at(now))  # used to confirm it
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("was used before")
    people.base.clock.advance(timedelta(seconds=60))
    await code.fill(secret.at(people.base.clock.now()))
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_title("Today · Suture")


@pytest.mark.parametrize(("after", "ended"), [(timedelta(minutes=50), False), (timedelta(minutes=70), True)])
async def test_a_session_that_lies_idle_ends(page: Page, people: Any, after: timedelta, ended: bool) -> None:
    await people.signs_in(page, "ben", "finance")
    people.base.clock.advance(after)
    await page.goto(f"{people.url}/exceptions")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in" if ended else "Nothing is stuck.")


async def test_no_session_outlasts_the_day(page: Page, people: Any) -> None:
    await people.signs_in(page, "ben", "finance")
    for _ in range(13):
        people.base.clock.advance(timedelta(minutes=55))
        await page.goto(f"{people.url}/close")
    await expect(page).to_have_title("Close · Suture")
    people.base.clock.advance(timedelta(minutes=55))
    await page.goto(f"{people.url}/close")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert page.url.endswith("/sign-in?next=%2Fclose")


async def test_who_is_disabled_is_out_at_once(page: Page, people: Any) -> None:
    await people.signs_in(page, "ben", "finance")
    await accounts.disable(people.desk, ADMINISTRATOR, "ben")
    await page.goto(people.url)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    await sign_in(page, people.url, "ben", people.password)
    await expect(page.get_by_role("alert")).to_contain_text("Name or password is wrong.")


async def test_a_changed_password_ends_every_other_session(page: Page, people: Any) -> None:
    await people.has("ben", "finance")
    other = await accounts.sign_in(people.desk, "ben", people.password)
    await people.shows(page, await accounts.sign_in(people.desk, "ben", people.password))
    await page.goto(f"{people.url}/account")
    await page.get_by_label("Present password").fill(people.password)
    await page.get_by_label("New password").fill("other words that do as well")
    await page.get_by_label("Again").fill("other words that do as well")
    await page.get_by_role("button", name="Change it").click()
    await expect(page.get_by_role("alert")).to_contain_text("The password is changed")
    assert await accounts.visitor(people.desk, other) is None


async def test_a_page_elsewhere_is_never_where_a_sign_in_leads(page: Page, people: Any) -> None:
    await people.has("ben", "finance")
    await page.goto(f"{people.url}/sign-in?next=//elsewhere.example/x")
    await page.get_by_label("Name").fill("ben")
    await page.get_by_label("Password").fill(people.password)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(f"{people.url}/")


class TestFourEyes:
    @pytest.fixture
    def change(self) -> Callable[[Catalogue], Catalogue]:
        return lambda catalogue: msgspec.structs.replace(catalogue, four_eyes=("exception.discard",))

    async def test_what_one_asks_for_another_approves(self, page: Page, people: Any, night: House) -> None:
        ada, ben = await asyncio.gather(people.has("ada", "operations"), people.has("ben", "finance"))
        eve = await people.has("eve", "auditor")
        await people.shows(page, ada)
        await page.goto(f"{people.url}/exceptions/1")
        await page.get_by_text("Discard", exact=True).first.click()
        await page.get_by_label("What was written").select_option("leave")
        await page.get_by_label("Why will nobody act on it?").fill("settled by hand")
        await page.get_by_role("button", name="Discard").click()
        await expect(page.get_by_role("alert")).to_contain_text("waits as no. 1 until another approves it")
        await page.goto(f"{people.url}/approvals")
        await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        token = await page.locator("input[name=csrf]").first.get_attribute("value")
        await page.request.post(f"{people.url}/approvals/approve", form={"csrf": token or "", "number": "1"})
        assert [one.state for one in await night.exceptions("discarded")] == []
        await people.shows(page, eve)
        await page.goto(f"{people.url}/approvals")
        token = await page.locator("input[name=csrf]").first.get_attribute("value")
        answer = await page.request.post(f"{people.url}/approvals/approve", form={"csrf": token or "", "number": "1"})
        assert answer.status == 403
        await people.shows(page, ben)
        await page.goto(f"{people.url}/approvals")
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_role("region", name="Decided")).to_contain_text("ben")
        assert [one.number for one in await night.exceptions("discarded")] == [1]
        acts = await night.acts()
        assert ("ada", "exception.discard", "Exception/1") in acts
        assert ("ben", "approval.approve", "Approval/1") in acts
