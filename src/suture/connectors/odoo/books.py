"""One Odoo company's books as the flows below use them: the client, what we know of the setting, and who is named."""

from collections.abc import Sequence
from typing import TypeVar

from suture.connectors.odoo.client import Odoo
from suture.connectors.odoo.documents import Document, table
from suture.connectors.odoo.find import Finder
from suture.connectors.odoo.parties import Parties
from suture.connectors.odoo.posting import Poster
from suture.connectors.odoo.setting import Setting, read_setting
from suture.connectors.port import LedgerPlan
from suture.core.clock import Clock
from suture.core.failure import Failure

Result = TypeVar("Result")


class Books:
    """Everything is bound to one company. `setting` is read at first use and again after `prepare`."""

    def __init__(self, odoo: Odoo, organisation: str, clock: Clock, plan: LedgerPlan | None) -> None:
        self.odoo = odoo
        self.organisation = organisation
        self.finder = Finder(odoo)
        self.parties = Parties(odoo, self.finder)
        self.poster = Poster(odoo, clock)
        self._plan = plan
        self._setting: Setting | None = None

    async def setting(self) -> Setting:
        if self._setting is None:
            self._setting = await read_setting(self.odoo, self.finder, self._plan)
        return self._setting

    def forget_setting(self, plan: LedgerPlan | None = None) -> None:
        self._plan = plan or self._plan
        self._setting = None

    async def write(self, model: str, documents: Sequence[Document]) -> list[int]:
        """The documents' ids, in order; each is created unless its external id exists already."""
        if not documents:
            return []
        fields, rows = table(documents)
        ids = await self.odoo.create_missing(model, fields, rows)
        for document, identifier in zip(documents, ids, strict=True):
            self.finder.remember(document.values["id"], identifier)
        return ids

    async def invoices(self, appointments: Sequence[str]) -> dict[str, int]:
        """Our invoices' ids by appointment."""
        domain = [["move_type", "=", "out_invoice"], ["company_id", "=", self.odoo.company]]
        return await self.finder.documents("account.move", "invoice", appointments, "ref", domain)

    async def accruals(self, appointments: Sequence[str]) -> dict[str, int]:
        domain = [["move_type", "=", "entry"], ["company_id", "=", self.odoo.company]]
        return await self.finder.documents("account.move", "accrual", appointments, "ref", domain)

    async def pickings(self, appointments: Sequence[str]) -> dict[str, int]:
        domain = [["company_id", "=", self.odoo.company]]
        return await self.finder.documents("stock.picking", "picking", appointments, "origin", domain)


def unwrap(outcome: Result | Failure) -> Result:
    """An item's own result out of a batch, or its own failure raised: one culprit never costs the batch."""
    if isinstance(outcome, Failure):
        raise outcome
    return outcome
