"""One search for any number. It is sent as a form: a patient's number must not stand in an address."""

from starlette.responses import RedirectResponse, Response

from suture.console.pages.page import Page
from suture.console.request import PageRequest
from suture.views import search


async def _empty(request: PageRequest) -> Response:
    return await request.page("search.html", query="", found=[], asked_patient=False)


async def _search(request: PageRequest) -> Response:
    """Straight to the page where there is one that is called so."""
    query = search.cleaned(await request.field("q"))
    found = await search.find(request.context, query)
    if len(found) == 1 and query in (found[0].title, found[0].title.partition(" (")[2].rstrip(")")):
        return RedirectResponse(found[0].path, 303)
    if found and found[0].kind not in ("appointment",) and len({one.path for one in found}) == 1:
        return RedirectResponse(found[0].path, 303)
    return await request.page(
        "search.html", query=query, found=found, asked_patient=False, status=200 if found or not query else 404
    )


async def _patient(request: PageRequest) -> Response:
    """The appointments of the patient whom a source calls so."""
    value, system = await request.field("value"), await request.field("system")
    found = await search.find_patient(request.context, request.actor(await request.field("reason")), system, value)
    return await request.page("search.html", query="", found=found, asked_patient=True)


PAGES = (
    Page("/search", _empty),
    Page("/search", _search, method="POST"),
    Page("/search/patient", _patient, "patient.read", "POST"),
)
