"""The audit trail: who did what to what, when and why; and whether it is whole."""

from starlette.responses import Response

from suture.console.pages.page import Page
from suture.console.request import PageRequest
from suture.store.audit import AuditSelection
from suture.views import audit_pages

_PAGE = 50


async def _list(ask: PageRequest) -> Response:
    chosen = selection(ask)
    found = await audit_pages.entries(ask.house.desk, ask.actor(), chosen, ask.since("before"), _PAGE + 1)
    return await ask.page(
        "audit.html", chosen=chosen, entries=found[:_PAGE], more=found[_PAGE - 1].id if len(found) > _PAGE else None
    )


def selection(ask: PageRequest) -> AuditSelection:
    """Which entries a list's address names."""
    return AuditSelection(actor=ask.query("actor"), action=ask.query("action"), subject=ask.query("subject"))


async def _proof(ask: PageRequest) -> Response:
    """Reads the whole trail: asked for, not shown with every page."""
    return await ask.page("proof.html", proof=await audit_pages.prove(ask.house.desk, ask.actor()))


PAGES = (Page("/audit", _list, "audit.read"), Page("/audit/proof", _proof, "audit.read"))
