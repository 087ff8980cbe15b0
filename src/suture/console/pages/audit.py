"""The audit trail: who did what to what, when and why; and whether it is whole."""

from starlette.responses import Response

from suture.console.pages.page import Page
from suture.console.request import PageRequest
from suture.store.audit import AuditSelection
from suture.views import audit_pages

_PAGE = 50


async def _list(request: PageRequest) -> Response:
    chosen = selection(request)
    found = await audit_pages.entries(request.context, request.actor(), chosen, request.since("before"), _PAGE + 1)
    return await request.page(
        "audit.html", chosen=chosen, entries=found[:_PAGE], more=found[_PAGE - 1].id if len(found) > _PAGE else None
    )


def selection(request: PageRequest) -> AuditSelection:
    """Which entries a list's address names."""
    return AuditSelection(
        actor=request.query("actor"), action=request.query("action"), subject=request.query("subject")
    )


async def _proof(request: PageRequest) -> Response:
    """Reads the whole trail: asked for, not shown with every page."""
    return await request.page("proof.html", proof=await audit_pages.prove(request.context, request.actor()))


PAGES = (Page("/audit", _list, "audit.read"), Page("/audit/proof", _proof, "audit.read"))
