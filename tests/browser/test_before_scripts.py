"""Where a page's scripts have not come yet, or never come, its forms answer with whole pages, each with a heading."""

import json
from typing import Any

import pytest
from playwright.async_api import Page, expect
from tests.browser.conftest import of_one_loop
from tests.integration.recovery import House

pytestmark = pytest.mark.asyncio(loop_scope="session")


@of_one_loop
async def without_scripts(page: Page) -> None:
    await page.route("**/static/htmx/*", lambda route: route.fulfill(body="", content_type="text/javascript"))


async def test_a_payload_is_corrected_page_by_page(
    page: Page, console: str, night: House, notice: Any, without_scripts: None
) -> None:
    heading = page.get_by_role("heading", level=1)
    await page.goto(f"{console}/exceptions?class=payload")
    await page.get_by_role("form", name="Exceptions", exact=True).locator("tbody th a").click()
    card = page.get_by_role("region", name="Correct what was delivered")
    await card.get_by_label("Why?").fill("the sender asks")
    await card.get_by_role("button", name="Open it").click()
    await expect(heading).to_have_text("Correct what was delivered")
    await page.get_by_label("What it should have said").fill(json.dumps(notice(appointment="N-9")))
    await page.get_by_role("button", name="Show what it changes").click()
    await expect(heading).to_have_text("What the correction changes")
    await expect(page.get_by_role("alert")).to_contain_text("It would be understood")
    await page.get_by_label("Why?").fill("as the sender says")
    await page.get_by_role("button", name="Keep the correction").click()
    await expect(page.get_by_role("alert")).to_contain_text("The correction is kept beside the original")


async def test_the_audit_trail_is_proved_on_a_page(
    page: Page, console: str, night: House, without_scripts: None
) -> None:
    await page.goto(f"{console}/audit")
    await page.get_by_role("link", name="Prove that it is whole").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Proof of the audit trail")
    await expect(page.locator("main")).to_contain_text("The audit trail is intact")
