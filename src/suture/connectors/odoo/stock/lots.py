"""Which lots a consumption takes from: those that expire first, then those that came first. Pure but for the reading.

A lot is never guessed: where a place holds too little of known lots, a person must say what was used.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.records.articles import Article
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import StockOrder
from suture.core.failure import Fatal, Rejected


class HeldLot(msgspec.Struct, frozen=True, kw_only=True):
    """What a place holds of a lot. `expires` is a date as Odoo writes it, empty where lots have none."""

    product: int
    lot: int
    name: str
    quantity: Decimal
    expires: str = ""
    since: str = ""


class TakenLot(msgspec.Struct, frozen=True):
    """What is taken of one lot."""

    lot: int
    name: str
    quantity: Decimal


def allot(wanted: Decimal, held: Iterable[HeldLot]) -> list[TakenLot]:
    """Takes from the lots in the order in which they should be used up; less than `wanted` where they don't hold it."""
    taken: list[TakenLot] = []
    left = wanted
    for one in sorted(held, key=lambda one: (one.expires or "9999", one.since, one.lot)):
        quantity = min(left, one.quantity)
        if quantity > 0:
            taken.append(TakenLot(one.lot, one.name, quantity))
            left -= quantity
    return taken


def lots_for(
    order: StockOrder, articles: Mapping[str, Article], held: Mapping[int, Sequence[HeldLot]]
) -> dict[str, list[TakenLot]]:
    """The lots of each tracked component. Raises `Rejected` where a place holds too little of them."""
    chosen: dict[str, list[TakenLot]] = {}
    for component in order.components:
        article = articles.get(component.product)
        if article is None or not article.tracked:
            continue
        taken = allot(component.quantity, held.get(article.product, ()))
        if sum((one.quantity for one in taken), Decimal(0)) < component.quantity:
            raise Rejected(
                "lots_short",
                f"Odoo has too little stock of {component.product} in known lots at {order.facility}",
                "Receive or count its lots at this place in Odoo (Inventory), then retry this.",
            )
        chosen[component.product] = taken
    return chosen


def without(held: Mapping[int, Sequence[HeldLot]], taken: Iterable[TakenLot]) -> dict[int, list[HeldLot]]:
    """What is left for the next visit."""
    used: dict[int, Decimal] = defaultdict(Decimal)
    for one in taken:
        used[one.lot] += one.quantity
    return {
        product: [msgspec.structs.replace(one, quantity=one.quantity - used[one.lot]) for one in of]
        for product, of in held.items()
    }


async def read_held(session: CompanySession, place: int, products: Iterable[int]) -> dict[int, list[HeldLot]]:
    """What a location holds of tracked products, by product."""
    wanted = sorted(set(products))
    if not wanted:
        return {}
    domain = [["product_id", "in", wanted], ["location_id", "=", place], ["quantity", ">", 0], ["lot_id", "!=", False]]
    quants = await session.odoo.search("stock.quant", domain, ["product_id", "lot_id", "quantity", "in_date"])
    lots = await _lots(session, sorted({row["lot_id"] for row in quants}))
    held: dict[int, list[HeldLot]] = defaultdict(list)
    for row in quants:
        lot = lots[row["lot_id"]]
        held[row["product_id"]].append(
            HeldLot(
                product=row["product_id"],
                lot=row["lot_id"],
                name=lot["name"],
                quantity=Decimal(str(row["quantity"])),
                expires=lot.get("expiration_date") or "",
                since=row["in_date"] or "",
            )
        )
    return held


async def _lots(session: CompanySession, ids: Sequence[int]) -> dict[int, Row]:
    """Lots with their expiration, where that module is there."""
    if not ids:
        return {}
    try:
        return await session.odoo.read("stock.lot", ids, ["name", "expiration_date"])
    except Fatal as failure:
        if failure.code != "not_understood":
            raise
    return await session.odoo.read("stock.lot", ids, ["name"])
