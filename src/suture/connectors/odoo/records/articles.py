"""What Odoo says of the products that documents name: their sales taxes, and whether they are counted by lots."""

from collections.abc import Iterable, Sequence

import msgspec

from suture.connectors.odoo.records.external_ids import Finder
from suture.connectors.odoo.transport.client import Odoo

PATIENT_SHARE, ROUNDING = "SUTURE-PATIENT-SHARE", "SUTURE-ROUNDING"
"""Products of our own: the line that takes the patient's part off the payer's invoice, and a rounding difference."""


class Article(msgspec.Struct, frozen=True, kw_only=True):
    """A product as documents need it. `taxes` are those of our company, by id."""

    product: int
    taxes: tuple[int, ...] = ()
    tracked: bool = False


class Articles:
    """Read at first need and kept; what `prepare` changes makes it forget."""

    def __init__(self, odoo: Odoo, finder: Finder) -> None:
        self._odoo = odoo
        self._finder = finder
        self._known: dict[str, Article] = {}
        self._stocked: bool | None = None

    def forget(self) -> None:
        self._known.clear()

    async def get(self, codes: Iterable[str]) -> dict[str, Article]:
        """Articles by code; a product that isn't there is left out, and the document that names it is refused."""
        wanted = sorted(set(codes))
        unknown = [code for code in wanted if code not in self._known]
        if unknown:
            ids = await self._finder.by_name("product.product", "product", unknown)
            await self._read(ids)
        return {code: self._known[code] for code in wanted if code in self._known}

    async def _read(self, ids: dict[str, int]) -> None:
        if not ids:
            return
        fields = ["taxes_id", "tracking"] if await self._counts_lots() else ["taxes_id"]
        rows = await self._odoo.read("product.product", list(ids.values()), fields)
        ours = await self._own_taxes({tax for row in rows.values() for tax in row["taxes_id"]})
        for code, identifier in ids.items():
            row = rows.get(identifier)
            if row is not None:
                self._known[code] = Article(
                    product=identifier,
                    taxes=tuple(tax for tax in row["taxes_id"] if tax in ours),
                    tracked=row.get("tracking", "none") != "none",
                )

    async def _counts_lots(self) -> bool:
        """`tracking` comes with Inventory."""
        if self._stocked is None:
            named = await self._odoo.ask("product.product", "fields_get", allfields=["tracking"], attributes=["type"])
            self._stocked = "tracking" in named
        return self._stocked

    async def _own_taxes(self, taxes: Iterable[int]) -> set[int]:
        """A product carries the taxes of every company; ours are those of our books."""
        wanted: Sequence[int] = sorted(taxes)
        if not wanted:
            return set()
        domain = [["id", "in", wanted], ["company_id", "=", self._odoo.company]]
        return {row["id"] for row in await self._odoo.search("account.tax", domain, ["id"])}
