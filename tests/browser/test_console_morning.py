"""A person's morning: see what failed overnight, find the cause, mend it, and have it verified."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect
from tests.browser.conftest import Desk, of_one_loop
from tests.conftest import Notice
from tests.integration.recovery import House, in_queue

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="session")]


@of_one_loop
async def overnight(night: House, notice: Notice) -> House:
    """Forty visits in all that came with a code that nobody had told Suture of."""
    for number in range(3, 40):
        told = notice(appointment=f"N-{number}")
        told["data"]["entry"][-1]["resource"]["code"]["coding"][0]["code"] = "OV-NEW"
        await night.deliver(told)
    await night.ingest()
    return night


async def test_a_morning(page: Page, people: Desk, day: Any, overnight: House) -> None:
    await people.has("ben", "finance")
    await people.signs_in(page, "ada", "steward", "finance")

    # See what failed overnight.
    await page.goto(people.url)
    await expect(page.get_by_role("heading", level=1)).to_contain_text("42 things need a person")
    await page.get_by_role("link", name="Open the queue (42)").click()

    # Find the cause.
    causes = page.get_by_role("region", name="By cause").locator("tbody tr")
    await expect(causes.first).to_contain_text("40")
    await causes.first.get_by_role("link", name="no row for urn:harbour:services|OV-NEW").click()
    listed = page.get_by_role("form", name="Exceptions", exact=True)
    await expect(listed.locator("tbody tr")).to_have_count(40)
    await listed.locator("tbody th a").first.click()

    # Correct the table, with a look at what it changes.
    card = page.get_by_role("region", name="Correct the code table")
    await card.get_by_label("It means").select_option("OV-EST")
    await card.get_by_role("button", name="Show what it changes").click()
    await expect(card).to_contain_text("40 of 40 deliveries that lack this row would be understood")
    await card.get_by_label("Why?").fill("the new name of an office visit")
    await card.get_by_role("button", name="Set the row", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("From now on urn:harbour:services|OV-NEW means OV-EST.")

    # Retry forty, after a dry run.
    await page.goto(f"{people.url}/exceptions?code=code_unmapped")
    await page.get_by_role("checkbox", name="Choose all that are shown").check()
    await page.get_by_role("button", name="Retry chosen …").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Retry 40 exceptions?")
    await expect(page.locator(".sub")).to_contain_text("40 of 40 would go on")
    await page.get_by_label("How many a second").fill("1000")
    await page.get_by_role("button", name="Retry 40").click()
    await expect(page.get_by_role("alert")).to_contain_text("40 deliveries are read again.")
    day.clock.advance(timedelta(seconds=1))
    await overnight.ingest()
    await page.goto(f"{people.url}/exceptions")
    await expect(page.get_by_role("heading", level=1)).to_have_text("2 things need a person.")

    # Assign what is left.
    await page.get_by_role("checkbox", name="Choose all that are shown").check()
    await page.get_by_role("button", name="Assign chosen …").click()
    await page.locator("select[name=person]").select_option("ben")
    await page.get_by_role("button", name="Assign 2").click()
    await expect(page.get_by_role("alert")).to_contain_text("2 exceptions are with ben.")

    # Close the difference between the sides.
    await page.get_by_role("navigation").get_by_role("link", name="Reconciliation").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("1 difference between the sides is open.")
    await page.get_by_role("region", name="Open", exact=True).locator("tbody th a").click()
    await expect(page.get_by_role("region", name="Odoo: invoice")).to_contain_text("nothing")
    await page.get_by_text("Accept as it is", exact=True).first.click()
    await page.get_by_label("Why may it stay as it is?").fill("invoiced on paper before Suture came")
    await page.get_by_role("button", name="Accept as it is").click()
    await expect(page.locator("h1")).to_contain_text("Accepted")

    # All of it stands in the trail.
    acts = {action for who, action, _ in await overnight.acts() if who == "ada"}
    assert {"codes.correct", "delivery.replay", "exception.assign", "discrepancy.accept"} <= acts


async def test_six_visits_are_repaired_in_five_clicks_from_today(
    page: Page, people: Desk, night: House, notice: Notice
) -> None:
    for number in range(3, 6):
        told = notice(appointment=f"N-{number}")
        told["data"]["entry"][-1]["resource"]["code"]["coding"][0]["code"] = "OV-NEW"
        await night.deliver(told)
    await night.ingest()
    await people.signs_in(page, "ada", "steward")
    await page.goto(people.url)
    await page.get_by_role("link", name="no row for urn:harbour:services|OV-NEW").click()  # 1
    card = page.get_by_role("region", name="has no row for")
    await card.get_by_label("It means").select_option("OV-EST")  # 2, 3
    await card.get_by_label("Why?").fill("the new name of an office visit")  # 4
    await card.get_by_role("button", name="Set the code and retry all 6").click()  # 5
    await expect(page.get_by_role("alert")).to_contain_text("6 deliveries are read again")
    night.clock.advance(timedelta(seconds=2))
    await night.ingest()
    assert not [one for one in await in_queue(night.database) if one.code == "code_unmapped"]
