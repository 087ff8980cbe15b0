"""Signing in through a real OpenID provider, as people do: on its own pages, in a browser."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect
from tests.browser.conftest import ADMINISTRATOR, Clinic, Desk, of_one_loop, serving_console
from tests.integration.identity_provider import CLIENT, SECRET, identity_provider

from suture.bootstrap.composition import Foundation
from suture.bootstrap.settings import Secrets, Settings
from suture.catalogue.load import parse
from suture.catalogue.write import template
from suture.commands import accounts
from suture.core.clock import SystemClock
from suture.store.embedded import free_port
from suture.store.people import Person

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="session")]
ANSWER = "/sign-in/provider/answer"


@of_one_loop
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page whose log is not held to silence: the provider's own pages are others' work."""
    page = await browser.new_page()
    yield page
    await page.close()


@of_one_loop
async def federated(clinic: Clinic, tmp_path: Path) -> AsyncIterator[Desk]:
    """A console whose people sign in through the provider. Its clock is the machine's, as the provider's is."""
    address = f"http://127.0.0.1:{free_port()}"
    async with identity_provider(address + ANSWER) as issuer:
        base = Foundation(
            settings=Settings(data_dir=tmp_path, console_url=address, oidc_issuer=issuer, oidc_client_id=CLIENT),
            secrets=Secrets({"SUTURE_OIDC_CLIENT_SECRET": SECRET}, tmp_path),
            catalogue=parse(template(), "catalogue.yaml"),
            clock=SystemClock(),
            database=clinic.database,
            vault=clinic.vault,
            nats_url="nats://127.0.0.1:1",
        )
        async with serving_console(base, port=urlsplit(address).port or 0) as url:
            yield Desk(base, url)


async def go_through(page: Page, login: str) -> None:
    """The provider's own pages: who you are, and that Suture may know."""
    await page.get_by_placeholder("Enter any login").fill(login)
    await page.get_by_placeholder("and password").fill("any")
    await page.get_by_role("button", name="Sign-in").click()
    await page.get_by_role("button", name="Continue").click()


async def person(people: Desk, name: str) -> Person:
    return await accounts.me(people.desk, name)


async def test_who_comes_with_a_role_is_in_and_known_by_it(page: Page, federated: Desk) -> None:
    await page.goto(f"{federated.url}/sign-in?next=/exceptions")
    await page.get_by_role("link", name="Sign in through your organisation").click()
    await go_through(page, "ada")
    await expect(page).to_have_title("Exceptions (0) · Suture")
    ada = await person(federated, "ada")
    assert (ada.roles, ada.full_name, ada.email) == (["finance"], "Ada Lovelace", "ada@example.org")
    await page.goto(f"{federated.url}/account")
    await expect(page.get_by_role("main")).to_contain_text("identity provider")


async def test_who_has_no_role_is_told_whom_to_ask(page: Page, federated: Desk) -> None:
    await page.goto(f"{federated.url}/sign-in/provider")
    await go_through(page, "ben")
    await expect(page.get_by_role("alert")).to_contain_text("You have no role here yet: ask an administrator")
    key = f"{federated.base.settings.oidc_issuer}|ben"
    await accounts.add(federated.desk, ADMINISTRATOR, "ben", full_name="", email="", roles=["operations"], provider=key)
    await page.get_by_role("link", name="Sign in through your organisation").click()
    await expect(page.get_by_role("alert")).to_contain_text("The identity provider gives you no role here")
    assert (await person(federated, "ben")).roles == []


async def test_who_was_disabled_here_is_not_let_in_by_the_provider(page: Page, federated: Desk) -> None:
    key = f"{federated.base.settings.oidc_issuer}|ada"
    await accounts.add(federated.desk, ADMINISTRATOR, "ada", full_name="", email="", roles=["finance"], provider=key)
    await accounts.disable(federated.desk, ADMINISTRATOR, "ada")
    await page.goto(f"{federated.url}/sign-in/provider")
    await go_through(page, "ada")
    await expect(page.get_by_role("alert")).to_contain_text("This account is disabled")


async def test_an_answer_that_was_not_asked_for_is_refused(page: Page, federated: Desk) -> None:
    answer = await page.goto(f"{federated.url}{ANSWER}?code=x&state=y")
    assert answer is not None
    assert answer.status == 403
    await expect(page.get_by_role("alert")).to_contain_text("No sign-in is under way in this browser")
