"""The pages: each asks `operate` once and renders what it answers."""

from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from suture.bootstrap.wiring import Foundation
from suture.console.account import account_of
from suture.console.book import read
from suture.console.funnel import slices
from suture.console.plot import plot
from suture.console.progress import steps_shown, subject_link
from suture.console.render import Renderer
from suture.console.timeline import timeline
from suture.operate.interfaces import interfaces
from suture.operate.journey import appointments_like, journey_of
from suture.operate.runbook import CLASSES
from suture.operate.stuck import causes_of, stuck
from suture.operate.today import of_stage, today
from suture.store.journeys import Stage

_LONGEST_QUERY = 100


class Pages:
    """What there is to see."""

    def __init__(self, base: Foundation, renderer: Renderer) -> None:
        self._database = base.database
        self._clock = base.clock
        self._interfaces = base.catalogue.interfaces
        self._zone = ZoneInfo(base.catalogue.organisation.timezone)
        self._render = renderer.page

    async def today(self, _: Request) -> Response:
        """The day so far, and which interfaces don't flow."""
        day = await today(self._database, self._clock.now(), self._zone)
        known = await interfaces(self._database, self._interfaces)
        return self._render(
            "today.html",
            day=day,
            slices=slices(day.funnel),
            plot=plot(day.postings, day.span),
            causes=causes_of(day.stuck),
            stuck_paths={subject_link(item) for item in day.stuck},
            held_up=[one for one in known if not one.gate.flowing],
        )

    async def stage(self, request: Request) -> Response:
        """The journeys behind one figure of the day."""
        try:
            stage = Stage(request.query_params.get("stage", Stage.SEEN))
        except ValueError as error:
            raise HTTPException(404) from error
        return self._render("stage.html", found=await of_stage(self._database, self._clock.now(), self._zone, stage))

    async def journey(self, request: Request) -> Response:
        """One appointment from raw delivery to invoice number."""
        appointment = request.path_params["appointment"]
        journey = await journey_of(self._database, appointment)
        if journey is None:
            raise HTTPException(404, f"No delivery that names the appointment “{appointment}” has been understood yet.")
        return self._render(
            "journey.html",
            journey=journey,
            account=account_of(journey.events),
            timeline=timeline(journey),
            processes=[(process, steps_shown(process)) for process in journey.processes],
        )

    async def stuck(self, _: Request) -> Response:
        """The exception queue."""
        return self._render("stuck.html", stuck=await stuck(self._database))

    async def interfaces(self, _: Request) -> Response:
        """Every way in and out: whose it is, what it is for, and whether it flows."""
        return self._render("interfaces.html", interfaces=await interfaces(self._database, self._interfaces))

    async def runbook(self, request: Request) -> Response:
        """What to do about a class of exceptions. It asks no database: it is needed most when one is away."""
        name = request.path_params["name"]
        if name not in CLASSES:
            raise HTTPException(404, f"There is no class of exceptions “{name}”; there are {', '.join(CLASSES)}.")
        return self._render("runbook.html", name=name, classes=CLASSES, chapter=read(name))

    async def search(self, request: Request) -> Response:
        """Straight to the journey where the id is known, else the ids that start so."""
        query = request.query_params.get("q", "").strip().removeprefix("Appointment/")[:_LONGEST_QUERY]
        query = query.replace("\0", "")  # PostgreSQL has no such character
        if query and await journey_of(self._database, query) is not None:
            return RedirectResponse(request.url_for("journey", appointment=query).path, status_code=303)
        found = await appointments_like(self._database, query) if query else []
        return self._render("search.html", query=query, found=found, status=200 if found or not query else 404)
