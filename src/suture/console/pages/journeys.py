"""A journey: one appointment from raw delivery to invoice number, and what every system holds of it now."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from suture.console.account import account_of
from suture.console.pages.page import Page
from suture.console.progress import steps_shown
from suture.console.request import PageRequest, number
from suture.console.timeline import timeline
from suture.views import deliveries
from suture.views.journey import Journey, journey_of
from suture.views.live_comparison import standing


async def _journey(request: PageRequest) -> Response:
    journey = await _known(request)
    return await request.page(
        "journey.html",
        journey=journey,
        account=account_of(journey.events),
        timeline=timeline(journey),
        processes=[(process, steps_shown(process)) for process in journey.processes],
    )


async def _standing(request: PageRequest) -> Response:
    """What scheduling, billing and the ledger hold now: asked of them, so it may take a moment."""
    journey = await _known(request)
    account = account_of(journey.events)
    facility = journey.row.facility if journey.row else None
    sides = await standing(request.console.repair_context(), journey.appointment, facility, sorted(account.payments))
    return await request.page("standing.html", sides=sides, journey=journey)


async def _delivery(request: PageRequest) -> Response:
    """What a delivery said, word for word: patient data, so that a reason is given and kept."""
    delivery, reason = number(await request.field("delivery")), await request.field("reason")
    if delivery is None:
        raise HTTPException(404)
    content = await deliveries.read(request.context, request.actor(reason), delivery)
    return await request.page("payload.html", content=content, number=delivery, back=await request.field("back"))


async def _known(request: PageRequest) -> Journey:
    appointment = request.path("appointment")
    journey = await journey_of(request.context.database, appointment)
    if journey is None:
        raise HTTPException(404, f"No delivery that names the appointment “{appointment}” has been understood yet.")
    return journey


PAGES = (
    Page("/journeys/{appointment}", _journey),
    Page("/journeys/{appointment}/standing", _standing),
    Page("/deliveries/read", _delivery, "payload.read", "POST"),
)
