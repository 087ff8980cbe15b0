"""What somebody else posted beside ours for the same payment: turned, so that the payment stands once."""

from datetime import date

import msgspec

from suture.connectors.odoo.documents import entries
from suture.connectors.odoo.documents.booking import Draft, book, entry_of
from suture.connectors.odoo.documents.matching import Settles, items_of
from suture.connectors.odoo.documents.posting import total_of
from suture.connectors.odoo.documents.session import CompanySession, unwrap
from suture.connectors.odoo.receivables.payments import HEAD_FIELDS, lines_of, open_again
from suture.connectors.odoo.records.names import external_id, mark, source
from suture.connectors.port import LedgerEntry
from suture.core.failure import Rejected

_KIND = "twin_reversal"


class Twin(msgspec.Struct, frozen=True):
    key: str
    number: str
    on: date


async def reverse(session: CompanySession, twin: Twin) -> LedgerEntry:
    """Raises `Rejected` where no posted entry of that number, which isn't ours, carries the payment's reference."""
    setting = await session.setting()
    domain = [
        *(["ref", "=", twin.key], ["name", "=", twin.number], ["state", "=", "posted"]),
        *(["move_type", "=", "entry"], ["company_id", "=", setting.company]),
        ["invoice_origin", "!=", source("payment", session.organisation)],
    ]
    found = await session.odoo.search("account.move", domain, HEAD_FIELDS)
    if len(found) != 1:
        raise Rejected(
            "no_twin",
            f"Odoo has no posted entry {twin.number} of somebody else for {twin.key}",
            "Someone may have settled it meanwhile: check the payment again.",
        )
    head, key = found[0], f"{twin.key} {twin.number}"
    lines = (await lines_of(session, [head["id"]]))[head["id"]]
    if not await session.moves(_KIND, [key]):
        await open_again(session, lines)
    items = (await items_of(session, [head["id"]]))[head["id"]]
    draft = Draft(
        entries.reversal(_KIND, key, head, lines, on=twin.on, organisation=session.organisation),
        total_of(head, setting.codes()[head["currency_id"]]),
        [Settles(mark(external_id(_KIND, key)), items)],
    )
    booked = await book(session, [draft])
    return unwrap(entry_of(booked[draft.name]))
