"""Every page of the console in a real browser, after a night with faults: read by everybody, on any device."""

import json
import re
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect
from tests.integration.recovery import House

from suture.canonical.records import Identifier, Patient
from suture.store.parties import Parties

pytestmark = [pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="session")]

PAGES = (
    *("/", "/journeys?stage=seen", "/journeys/A-paid", "/journeys/A-stuck", "/search"),
    *("/exceptions", "/exceptions?class=mapping", "/exceptions/1", "/exceptions/2", "/reconciliation"),
    *("/reconciliation/1", "/close", "/processes", "/processes/completed_appointment:A-stuck"),
    *("/interfaces", "/interfaces/odoo-ledger", "/interfaces/billing-payments", "/mappings", "/mappings/services"),
    *("/mappings/services/0", "/mappings/try", "/audit", "/people", "/approvals", "/account", "/runbooks/ledger"),
    *("/nowhere", "/exceptions/99"),
)


async def serious(page: Page) -> list[str]:
    """What axe finds on the page that keeps people from reading or using it."""
    found = await Axe().run(page, options={"resultTypes": ["violations"]})
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]}"
        for one in found.response["violations"]
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("paths", [PAGES[::3], PAGES[1::3], PAGES[2::3]])
async def test_everybody_can_read_every_page(page: Page, console: str, night: House, paths: tuple[str, ...]) -> None:
    """Axe finds nothing serious, by day and by night; one first heading, ids that are unique, and no page is wider than
    a telephone."""
    for path in paths:
        await page.goto(console + path)
        assert await page.locator("h1").count() == await page.get_by_role("main").count() == 1, path
        ids = await page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids)), path
        assert await serious(page) == [], path
        await page.emulate_media(color_scheme="dark")
        assert await serious(page) == [], f"{path} in the dark"
        await page.emulate_media(color_scheme="light")
        await page.set_viewport_size({"width": 390, "height": 844})
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390, path
        await page.set_viewport_size({"width": 1280, "height": 900})


async def test_exceptions_are_filtered_by_class_owner_and_state(page: Page, console: str, night: House) -> None:
    await page.goto(f"{console}/exceptions")
    await expect(page.get_by_role("heading", level=1)).to_have_text("5 things need a person.")
    await page.get_by_role("link", name="Mapping", exact=True).click()
    rows = page.get_by_role("form", name="Exceptions", exact=True).locator("tbody tr")
    await expect(rows).to_have_count(3)
    await page.get_by_label("Owner").fill("nobody")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page.get_by_role("main")).to_contain_text("None of the exceptions is like that.")


async def test_a_keyset_page_goes_on_where_the_one_before_ended(page: Page, console: str, day: Any) -> None:
    for number in range(104):
        await day.books(f"B-{number:03}")
    await page.goto(f"{console}/journeys?stage=to_come")
    rows = page.locator(".journeys tbody th")
    first = await rows.all_inner_texts()
    await page.get_by_role("link", name="Those that moved before these").click()
    second = await rows.all_inner_texts()
    assert (len(first), len(second), len({*first, *second})) == (100, 5, 105)


@pytest.mark.parametrize("what", ["A-paid", "CH-A-paid", "PMT-A-paid", "INV/2026/00001", "Appointment/A-paid"])
async def test_one_search_finds_a_journey_by_any_number_of_it(page: Page, console: str, day: Any, what: str) -> None:
    await page.goto(console)
    box = page.get_by_role("searchbox", name="Find by any number")
    await box.fill(what)
    await box.press("Enter")
    await expect(page).to_have_url(f"{console}/journeys/A-paid")


async def test_search_finds_exceptions_processes_and_receipts(page: Page, console: str, night: House) -> None:
    await page.goto(f"{console}/journeys/A-paid")
    receipt = await page.locator(".ids dd").first.inner_text()
    for what, path in (
        ("1", "/exceptions/1"),
        ("completed_appointment:A-stuck", "/processes/completed_appointment%3AA-stuck"),
        (receipt, "/journeys/A-paid"),
    ):
        box = page.get_by_role("searchbox", name="Find by any number")
        await box.fill(what)
        await box.press("Enter")
        await expect(page).to_have_url(re.compile(f"{re.escape(console)}{path.replace('%3A', '(:|%3A)')}$"))


async def test_what_is_searched_for_stands_in_no_address(page: Page, console: str, day: Any) -> None:
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    await page.goto(console)
    box = page.get_by_role("searchbox", name="Find by any number")
    await box.fill("MRN-778899")
    await box.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Nothing is known of “MRN-778899”")
    assert not [address for address in addresses if "778899" in address]


async def test_a_message_is_tried_field_by_field(page: Page, console: str, day: Any, notice: Any) -> None:
    await page.goto(f"{console}/mappings/try")
    await page.get_by_label("Content").fill(json.dumps(notice()))
    await page.get_by_role("button", name="Try it").click()
    await expect(page.get_by_role("region", name="What it would become")).to_contain_text("OV-EST")
    ways = page.get_by_role("region", name="Each field’s way")
    code = ways.get_by_role("row").filter(has_text="resource.code.coding[0].code")
    await expect(code).to_contain_text("through the code table services")
    await expect(ways.get_by_role("row").filter(has_text="resource.period.start")).to_contain_text(
        "appointment.completed.visit.started_at"
    )
    await page.get_by_label("Content").fill("not JSON")
    await page.get_by_role("button", name="Try it").click()
    await expect(page.get_by_role("main")).to_contain_text("It would not be understood")


async def test_a_code_tables_history_is_compared_and_rolled_back(page: Page, console: str, night: House) -> None:
    await page.goto(f"{console}/mappings/services")
    await page.get_by_label("The source’s code").fill("urn:harbour:services|OV-ODD")
    await page.get_by_label("Means").select_option("OV-EST")
    await page.get_by_role("button", name="Show what it changes").click()
    await page.get_by_label("Why?").fill("a typing error")
    await page.get_by_role("button", name="Set the row", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("OV-ODD means OV-EST")
    await page.get_by_role("link", name="version 0").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("1 row would be otherwise in version 0.")
    await page.get_by_text("Roll back to version 0", exact=True).first.click()
    await page.get_by_label("Why?").fill("it was right before")
    await page.get_by_role("button", name="Roll back to version 0").click()
    await expect(page.get_by_role("alert")).to_contain_text("is as it was in version 0")
    await expect(page.get_by_role("region", name="History").locator("li")).to_have_count(3)
    await expect(page.get_by_role("region", name="1 row")).to_be_visible()


async def test_an_interface_is_paused_and_flows_again(page: Page, console: str, day: Any) -> None:
    await page.goto(f"{console}/interfaces/billing-payments")
    await expect(page.get_by_role("region", name="As the catalogue has it")).to_contain_text("billing-payment.v1")
    await page.get_by_text("Pause", exact=True).first.click()
    await page.get_by_label("Why?").fill("statements are wrong")
    await page.get_by_role("button", name="Pause").click()
    flow = page.get_by_role("region", name="Does it flow?")
    await expect(flow).to_contain_text("By ada")
    await flow.get_by_role("button", name="Let it flow").click()
    await expect(flow).to_contain_text("Flows")
    await expect(page.get_by_role("region", name="What people did")).to_contain_text("statements are wrong")


async def test_a_stuck_process_goes_on_or_is_ended(page: Page, console: str, night: House) -> None:
    await page.goto(f"{console}/processes")
    await page.get_by_role("link", name="1 Stuck").click()
    await page.get_by_role("link", name="A-stuck").click()
    await expect(page.locator(".steps .stuck")).to_contain_text("Post invoice")
    await page.get_by_text("End it where it stands", exact=True).first.click()
    await page.get_by_label("Why? What it wrote stays written.").fill("settled by hand")
    await page.get_by_role("button", name="End it where it stands").click()
    await expect(page.locator("h1")).to_contain_text("Cancelled")
    await expect(page.get_by_role("region", name="What people did")).to_contain_text("settled by hand")


async def test_a_payload_is_read_with_a_reason_and_corrected_with_a_preview(
    page: Page, console: str, night: House, notice: Any
) -> None:
    await page.goto(f"{console}/exceptions?class=payload")
    await page.get_by_role("form", name="Exceptions", exact=True).locator("tbody th a").click()
    card = page.get_by_role("region", name="Correct what was delivered")
    await card.get_by_label("Why?").fill("the sender asks")
    await card.get_by_role("button", name="Open it").click()
    content = card.get_by_label("What it should have said")
    await expect(content).to_have_value("not JSON")
    await content.fill(json.dumps({"type": "appointment.odd"}))
    await card.get_by_role("button", name="Show what it changes").click()
    await expect(card.get_by_role("alert")).to_contain_text("This would not be understood either")
    await content.fill(json.dumps(notice(appointment="N-9")))
    await card.get_by_role("button", name="Show what it changes").click()
    await expect(card.get_by_role("alert")).to_contain_text("It would be understood: suture.appointment.completed.v1")
    await expect(card.locator(".diff .taken")).to_contain_text("not JSON")
    await card.locator("#payload-preview").get_by_label("Why?").fill("as the sender says")
    await card.get_by_role("button", name="Keep the correction").click()
    await expect(page.get_by_role("alert")).to_contain_text("The correction is kept beside the original")
    acts = page.get_by_role("region", name="What people did and said")
    for act in ("read what was delivered", "the sender asks", "corrected the payload"):
        await expect(acts).to_contain_text(act)


async def test_the_audit_trail_is_read_filtered_and_proved(page: Page, console: str, night: House) -> None:
    await page.goto(f"{console}/audit?action=person")
    entries = page.get_by_role("region", name="Entries").locator("tbody tr")
    await expect(entries.first).to_contain_text("Person/ada")
    await page.get_by_role("link", name="Prove that it is whole").click()
    await expect(page.locator("#proof")).to_contain_text("The audit trail is intact")


async def test_a_person_and_a_client_are_added_and_their_secrets_shown_once(
    page: Page, console: str, people: Any
) -> None:
    await page.goto(f"{console}/people")
    await page.get_by_text("Add a person", exact=True).first.click()
    form = page.locator("#ask-people\\.add-")
    await form.get_by_label("Name", exact=True).fill("ben")
    await form.get_by_label("operations").check()
    await form.get_by_role("button", name="Add a person").click()
    invitation = await page.locator(".secret").inner_text()
    assert "/invitations/" in invitation
    await page.get_by_role("link", name="Done").click()
    await expect(page.get_by_role("region", name="People")).to_contain_text("an invitation, not used yet")
    await page.get_by_text("Add a client", exact=True).first.click()
    form = page.locator("#ask-clients\\.add-")
    await form.get_by_label("Name", exact=True).fill("erp")
    await form.get_by_label("For", exact=True).fill("a test")
    await form.get_by_label("events:read").check()
    await form.get_by_role("button", name="Add a client").click()
    await expect(page.locator(".secret")).to_have_text(re.compile("^sut_"))


async def test_a_page_stays_current_by_what_the_server_sends(page: Page, console: str, day: Any) -> None:
    await page.goto(f"{console}/exceptions")
    await expect(page.get_by_role("heading", level=1)).to_have_text("1 thing needs a person.")
    await day.books("A-late")
    await day.completes("A-late", "10.00")
    await day.bills("A-late", "10.00", stuck_at="post_invoice")
    await expect(page.get_by_role("heading", level=1)).to_have_text("2 things need a person.", timeout=10_000)


async def test_a_months_close_is_begun_and_followed(page: Page, console: str, day: Any) -> None:
    await page.goto(f"{console}/close")
    await expect(page.get_by_role("heading", level=1)).to_have_text("2026-02 is over and open.")
    await page.get_by_role("button", name="Freeze it and begin its close").click()
    await expect(page).to_have_url(f"{console}/close/2026-02")
    await expect(page.get_by_role("alert")).to_contain_text("2026-02 is frozen; round 1 of its close has begun")
    await expect(page.locator(".steps .waiting")).to_have_count(1)
    assert await serious(page) == []
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.get_by_role("link", name="The report").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("2026-02")
    await page.goto(f"{console}/close/2026-02")
    await page.get_by_text("Reopen", exact=True).first.click()
    await page.get_by_label("Why is it opened again?").fill("a late remittance")
    await page.get_by_role("button", name="Reopen").click()
    await expect(page.get_by_role("alert")).to_contain_text("2026-02 is open again; what was signed is void")


async def test_the_queue_is_a_few_keys_away_and_fits_a_telephone(page: Page, console: str, night: Any) -> None:
    await page.goto(f"{console}/exceptions")
    for _ in range(2):
        await page.keyboard.press("Tab")
    await expect(page.locator(":focus")).to_have_text("Skip to the exceptions")
    await page.keyboard.press("Enter")
    for _ in range(3):
        await page.keyboard.press("Tab")
    await expect(page.locator(":focus")).to_have_attribute("href", re.compile(r"^/exceptions/\d+$"))
    await page.set_viewport_size({"width": 390, "height": 844})
    for sheet in await page.locator(".sheet").all():
        assert await sheet.evaluate("one => one.scrollWidth - one.clientWidth") <= 0


async def test_any_month_that_is_over_can_be_closed(page: Page, console: str, day: Any) -> None:
    await page.goto(f"{console}/close")
    begin = page.get_by_role("region", name="Begin")
    await begin.get_by_label("Month").fill("2025-11")
    await begin.get_by_role("button", name="Freeze it and begin its close").click()
    await expect(page).to_have_url(f"{console}/close/2025-11")
    await expect(page.get_by_role("alert")).to_contain_text("2025-11 is frozen")


async def test_what_was_delivered_is_read_with_a_reason(page: Page, console: str, day: Any) -> None:
    await page.goto(f"{console}/journeys/A-paid")
    first = page.locator(".timeline .delivery").first
    await first.get_by_text("What it said", exact=True).click()
    await first.get_by_label("Why do you read it?").fill("the clinic asks")
    await first.get_by_role("button", name="Read it").click()
    await expect(first.locator(".payload")).to_contain_text("suture.appointment.booked.v1")
    await page.goto(f"{console}/audit?action=payload")
    await expect(page.get_by_role("region", name="Entries")).to_contain_text("the clinic asks")


async def test_a_patient_is_found_by_an_identifier_with_a_reason(
    page: Page, console: str, people: Any, day: Any
) -> None:
    told = Patient(reference="Patient/of-A-paid", identifiers=(Identifier("urn:mrn", "778899"),), family="Doe")
    async with day.database.transaction() as connection:
        await Parties(day.database, day.vault).put(connection, [(told, day.clock.now())], day.clock.now())
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    await page.goto(f"{console}/search")
    await page.get_by_label("Issued by (system)").fill("urn:mrn")
    await page.get_by_role("textbox", name="Identifier").fill("778899")
    await page.get_by_label("Why?").fill("the patient calls")
    await page.get_by_role("button", name="Find appointments").click()
    await expect(page.get_by_role("region", name="Found").get_by_role("link")).to_have_text(["A-paid"])
    assert not [address for address in addresses if "778899" in address]
