"""The console in a real browser, over a real database, after a small day that was told by real events."""

import re
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from playwright.async_api import Page, expect

from suture.views.runbook import CLASSES

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES = (
    *("/", "/exceptions", "/interfaces", "/journeys?stage=posted", "/journeys/A-paid", "/journeys/A-stuck", "/search"),
    *("/nowhere", *(f"/runbooks/{name}" for name in CLASSES)),
)


async def test_today_shows_how_far_the_day_came(page: Page, console: str, day: Any) -> None:
    await page.goto(console)
    await expect(page).to_have_title("Today · Suture")
    await expect(page.get_by_role("heading", level=1)).to_have_text(
        re.compile(r"1 of 2 completed visits are in the ledger;\s+1 thing needs a person")
    )
    funnel = page.locator(".funnel li")
    await expect(funnel.locator("strong")).to_have_text(["5", "2", "2", "1", "1"])
    await expect(funnel.locator(".money")).to_have_text(
        ["1 still to come", "1 cancelled, 1 no-show", "$1,350.50", "$200.00", "$200.00"]
    )
    await expect(page.get_by_role("img", name=re.compile("^1 invoices? posted between"))).to_be_visible()
    await expect(page.locator(".journeys tbody tr")).to_have_count(5)


async def test_what_fell_out_opens_the_journeys_behind_it(page: Page, console: str, day: Any) -> None:
    for figure, appointments in {
        "Unposted": {"A-stuck"},
        "Unbilled": set(),
        "Unpaid": set(),
        "Cancelled": {"A-cancelled"},
        "No-show": {"A-missed"},
        "Still to come": {"A-to-come"},
    }.items():
        await page.goto(console)
        tile = page.locator(".tiles a").filter(has_text=figure)
        await expect(tile.locator("strong")).to_have_text(str(len(appointments)))
        await tile.click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"{figure}: {len(appointments)}")
        assert set(await page.locator(".journeys tbody th").all_inner_texts()) == appointments


async def test_a_journey_goes_from_the_raw_delivery_to_the_invoice_number(page: Page, console: str, day: Any) -> None:
    await page.goto(console)
    await page.get_by_role("link", name="A-paid").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("A-paid")
    await expect(page.locator("#invoice-number")).to_have_text(re.compile(r"INV/\d{4}/00001"))
    money = page.get_by_role("region", name="Money")
    for row in ("Charged CH-A-paid $200.00", "Invoiced $200.00", "Open in Odoo $0.00"):
        await expect(money.get_by_role("row", name=row)).to_be_visible()
    story = page.locator(".timeline li")
    await expect(story.first).to_contain_text("Delivery on scheduling-appointments")
    await expect(story.first).to_contain_text("Receipt")
    await expect(story.last).to_contain_text("invoice.paid.v1")
    steps = page.locator(".timeline .step h3")
    assert (await steps.all_inner_texts())[:3] == ["Resolve", "Check eligibility", "Capture charge"]
    await expect(page.locator(".timeline .delivery")).to_have_count(3)


async def test_what_is_stuck_says_why_whose_it_is_and_what_to_do(page: Page, console: str, day: Any) -> None:
    await page.goto(console)
    await page.get_by_role("navigation").get_by_role("link", name="Exceptions").click()
    cause = page.get_by_role("region", name="By cause").locator("tbody tr")
    await expect(cause).to_have_count(1)
    for told in ("1", "Odoo’s fiscal period is locked up to 2026-06-30", "finance", "$1,150.50", "12 min", "Ledger"):
        await expect(cause).to_contain_text(told)
    await cause.get_by_role("link", name="Odoo’s fiscal period").click()
    listed = page.get_by_role("form", name="Exceptions", exact=True)
    remedy = page.get_by_role("region", name="Odoo’s fiscal period")
    await expect(remedy).to_contain_text("Reopen the period in Odoo, or move the lock date; then retry.")
    await expect(listed).to_contain_text("at post invoice, for 12 min")
    await listed.get_by_role("link", name="A-stuck").click()
    await expect(page.get_by_role("region", name="Exception")).to_contain_text("Reopen the period")
    await expect(page.locator(".steps .stuck")).to_contain_text("Post invoice")


async def test_an_exception_goes_by_its_number_and_says_when_it_is_due_and_who_has_it(
    page: Page, console: str, day: Any
) -> None:
    await page.goto(f"{console}/exceptions")
    exception = page.get_by_role("form", name="Exceptions", exact=True).locator("tbody tr")
    await expect(exception).to_contain_text("due in 23 h 47 min")
    await expect(exception).to_contain_text("nobody yet")
    number = await exception.locator("th").inner_text()
    await day.assigns(int(number), "ada")
    day.clock.advance(timedelta(minutes=30))
    await page.reload()
    await expect(exception).to_contain_text("ada")
    await expect(exception).to_contain_text("due in 23 h 17 min")
    await exception.get_by_role("link", name=number, exact=True).click()
    await expect(page.get_by_role("region", name="About it")).to_contain_text("$1,150.50 not settled")


@pytest.mark.parametrize("path", ["/", "/exceptions?code=period_locked", "/journeys/A-stuck"])
async def test_every_exception_leads_to_the_page_that_says_what_to_do(
    page: Page, console: str, day: Any, path: str
) -> None:
    await page.goto(console + path)
    await page.get_by_role("link", name="What to do: runbook ledger").click()
    await expect(page).to_have_url(f"{console}/runbooks/ledger")
    await expect(page.get_by_role("heading", level=1)).to_have_text("The ledger or billing refuses a record")
    await expect(page.get_by_role("cell", name="period_locked", exact=True)).to_be_visible()
    await page.get_by_role("navigation", name="Runbooks").get_by_role("link", name="Outage").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("A system is unavailable")


async def test_a_runbook_can_be_read_while_the_database_is_away(page: Page, console: str, day: Any) -> None:
    await day.database.close()
    answer = await page.goto(f"{console}/runbooks/outage")
    assert answer is not None
    assert answer.status == 200
    await expect(page.get_by_role("main")).to_contain_text("The check of all connections")


async def test_interfaces_say_whose_they_are_and_whether_they_flow(page: Page, console: str, day: Any) -> None:
    await page.goto(f"{console}/interfaces")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Everything flows.")
    await expect(page.locator(".interfaces li")).to_have_count(6)
    await day.pauses("billing-payments", "ada", "statements are wrong")
    await day.pauses("scheduling-appointments", "suture", "50 or more were refused within 300 s")
    await day.goes_away("odoo-ledger", "credentials_refused")
    await day.goes_away("billing-api", "no_answer", breaker="half_open")
    day.clock.advance(timedelta(minutes=3))
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("4 of 6 interfaces do not flow.")
    ledger = page.locator(".interfaces li").filter(has_text="odoo-ledger")
    await expect(ledger).to_contain_text("Writes invoices, stock moves, accruals and payments")
    await expect(ledger).to_contain_text("Out to odoo · owner finance")
    await expect(ledger).to_contain_text("System away For 3 min, because it refuses our key; tried again at")
    await expect(ledger.get_by_role("link", name="What to do: runbook configuration")).to_be_visible()
    payments = page.locator(".interfaces li").filter(has_text="billing-payments")
    await expect(payments).to_contain_text("Paused By ada, for 3 min: statements are wrong")
    appointments = page.locator(".interfaces li").filter(has_text="scheduling-appointments")
    await expect(appointments).to_contain_text("It paused itself, for 3 min: 50 or more were refused")
    await expect(appointments.get_by_role("link", name="What to do: runbook too many")).to_be_visible()
    billing = page.locator(".interfaces li").filter(has_text="billing-api")
    await expect(billing).to_contain_text("Trying For 3 min, because it does not answer in time")
    await expect(page.locator(".interfaces li").filter(has_text="scheduling-read")).to_contain_text("Flows")


async def test_today_shows_only_interfaces_that_do_not_flow(page: Page, console: str, day: Any) -> None:
    await page.goto(console)
    held = page.get_by_role("region", name="Held up")
    await expect(held).to_have_count(0)
    await day.completes("A-to-come", "80.00")
    await day.bills("A-to-come", "80.00", parked_at="draft_invoice")
    await day.goes_away("odoo-ledger", "unreachable")
    await page.reload()
    await expect(held.get_by_role("listitem")).to_have_count(1)
    await expect(held).to_contain_text("odoo-ledger")
    await expect(held).to_contain_text("1 process waiting")
    await held.get_by_role("link", name="All interfaces").click()
    await expect(page).to_have_url(f"{console}/interfaces")


async def test_a_parked_process_says_what_it_waits_for(page: Page, console: str, day: Any) -> None:
    await day.completes("A-to-come", "80.00")
    await day.bills("A-to-come", "80.00", parked_at="draft_invoice")
    await page.goto(f"{console}/journeys/A-to-come")
    process = page.get_by_role("region", name="Completed appointment")
    await expect(process.locator(".badge")).to_have_text("Parked")
    await expect(process).to_contain_text("Waits until odoo-ledger is back, and goes on by itself.")
    await expect(process.locator(".steps .parked")).to_contain_text("Draft invoice")
    await expect(process.locator(".steps .done")).to_have_count(3)
    await expect(process.locator(".steps .ahead")).to_have_count(3)


async def test_a_process_that_a_person_ended_says_so(page: Page, console: str, day: Any) -> None:
    await day.ends("A-stuck")
    await page.goto(f"{console}/journeys/A-stuck")
    process = page.get_by_role("region", name="Completed appointment")
    await expect(process.locator(".badge")).to_have_text("Cancelled")
    await expect(process).to_contain_text("A person ended it where it stood.")
    await expect(process.locator(".steps .never")).to_contain_text("Post invoice")


async def test_search_goes_to_the_journey_or_offers_what_starts_so(page: Page, console: str, day: Any) -> None:
    await page.goto(console)
    box = page.get_by_role("searchbox", name="Find by any number")
    await box.fill(" Appointment/A-paid ")
    await box.press("Enter")
    await expect(page).to_have_url(f"{console}/journeys/A-paid")
    await box.fill("A-c")
    await box.press("Enter")
    await expect(page.locator(".found a")).to_have_text(["A-cancelled"])
    await box.fill("nobody")
    await box.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is known of “nobody”.")


async def test_an_open_page_follows_the_day_and_can_be_paused(page: Page, console: str, day: Any) -> None:
    await page.goto(console)
    await page.get_by_role("link", name="A-to-come").focus()
    await day.cancels("A-to-come")
    cancelled = page.locator(".tiles a").filter(has_text="Cancelled").locator("strong")
    await expect(cancelled).to_have_text("2", timeout=10_000)
    assert await page.evaluate("document.activeElement.textContent") == "A-to-come"
    live = page.get_by_role("button", name="Live")
    await live.click()
    await expect(live).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize("path", ["/journeys/unheard-of", "/nowhere", "/journeys?stage=nonsense", "/runbooks/weather"])
async def test_what_is_not_there_says_what_to_do_next(page: Page, console: str, path: str) -> None:
    answer = await page.goto(console + path)
    assert answer is not None
    assert answer.status == 404
    await expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    await expect(page.get_by_role("main")).to_contain_text("Check the id in the search box")


async def test_an_empty_day_says_what_to_do_next(page: Page, console: str) -> None:
    await page.goto(console)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Nothing has happened yet today.")
    await expect(page.get_by_role("main")).to_contain_text("An engineer checks on the server")


async def test_without_its_database_a_page_says_so_and_looks_again(page: Page, console: str, day: Any) -> None:
    await day.database.close()
    answer = await page.goto(console)
    assert answer is not None
    assert answer.status == 503
    await expect(page.get_by_role("heading", level=1)).to_have_text("The database is away")
    await expect(page.get_by_role("status")).to_contain_text("Trying again", timeout=10_000)
    assert "Traceback" not in await page.content()


async def test_every_answer_forbids_what_it_does_not_need(page: Page, console: str, day: Any) -> None:
    for path in PAGES:
        answer = await page.request.get(console + path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"


async def test_every_page_can_be_read_on_a_telephone_and_without_seeing_it(page: Page, console: str, day: Any) -> None:
    """No wider than the screen, no heading level left out, names for all that can be used or looked at."""
    await day.pauses(
        "billing-payments", "ada", "a-reason-with-one-long-word-that-no-line-of-a-telephone-can-hold-at-once"
    )
    await day.goes_away("odoo-ledger", "credentials_refused")
    await page.set_viewport_size({"width": 390, "height": 844})
    for path in PAGES:
        await page.goto(console + path)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390, path
        levels = await page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(h => +h.tagName[1])")
        assert all(later - earlier <= 1 for earlier, later in pairwise(levels)), path
        nameless = await page.evaluate(
            """[...document.querySelectorAll('a, button, [role=img]')]
               .filter(e => !e.textContent.trim() && !e.getAttribute('aria-label')).map(e => e.outerHTML)"""
        )
        assert nameless == [], path


async def test_what_came_of_an_act_stays_until_it_is_dismissed(page: Page, console: str, day: Any) -> None:
    await page.goto(f"{console}/exceptions/1")
    await page.get_by_text("Say something", exact=False).first.click()
    await page.get_by_role("button", name="Retry", exact=True).first.click()
    said = page.get_by_role("alert")
    await expect(said).to_be_visible()
    await day.books("A-later")  # the page follows what happens; another page that is open takes no words away
    await page.wait_for_timeout(1500)
    await expect(said).to_be_visible()
    await said.get_by_role("button", name="Dismiss").click()
    await expect(said).to_have_count(0)
