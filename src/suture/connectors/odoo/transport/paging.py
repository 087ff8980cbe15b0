"""Reading everything that matches, a page at a time."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from suture.connectors.odoo.transport.client import Odoo, Row

PAGE = 500


async def pages(
    odoo: Odoo, model: str, domain: Sequence[Any], fields: Sequence[str], *, size: int = PAGE
) -> AsyncIterator[list[Row]]:
    """All that match, by id, so that records written meanwhile neither hide nor double one."""
    last = 0
    while True:
        page = await odoo.search(model, [["id", ">", last], *domain], fields, limit=size)
        if page:
            yield page
        if len(page) < size:
            return
        last = page[-1]["id"]
