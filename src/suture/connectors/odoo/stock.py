"""Consumed articles in batches: a done transfer out of the facility's location, and its way back."""

from collections import defaultdict
from collections.abc import Sequence

from suture.connectors.odoo import transfers
from suture.connectors.odoo.books import Books
from suture.connectors.odoo.client import Row
from suture.connectors.odoo.parties import unknown_facility
from suture.connectors.odoo.posting import missing
from suture.connectors.port import StockDocument, StockOrder
from suture.core.failure import Failure, Rejected

_PICKING_FIELDS = ("name", "state", "move_ids")
_NOTHING = StockDocument(number="", moves=0)


async def consume(books: Books, orders: Sequence[StockOrder]) -> Sequence[StockDocument | Failure]:
    """Takes the articles out even where Odoo thinks that none are left: the visit has used them (a negative stock)."""
    setting = await books.setting()
    places = await books.finder.by_name("stock.location", "location", sorted({o.facility for o in orders}))
    known = [order for order in orders if order.components and order.facility in places]
    pickings = [transfers.picking(o, setting, places[o.facility], books.odoo.version) for o in known]
    ids = await books.write("stock.picking", pickings)
    done = await _validate(books, ids)
    by_appointment = {order.appointment: _document(done.get(i)) for order, i in zip(known, ids, strict=True)}
    return [_outcome(order, by_appointment) for order in orders]


def _outcome(order: StockOrder, done: dict[str, StockDocument | Failure]) -> StockDocument | Failure:
    if not order.components:
        return _NOTHING
    return done.get(order.appointment) or unknown_facility(order.facility)


async def give_back(books: Books, appointments: Sequence[str]) -> Sequence[StockDocument | Failure]:
    """Returns what was taken out; a transfer that isn't done yet is cancelled, and what never was needs nothing."""
    setting = await books.setting()
    ids = await books.pickings(appointments)
    fields = ("state", "location_id", "location_dest_id", "scheduled_date")
    heads = await books.odoo.read("stock.picking", list(ids.values()), fields) if ids else {}
    pending = [i for i, head in heads.items() if head["state"] not in ("done", "cancel")]
    if pending:
        await books.odoo.do("stock.picking", "action_cancel", pending)
    done = {a: heads[i] for a, i in ids.items() if heads.get(i, {}).get("state") == "done"}
    moves = await _moves(books, [head["id"] for head in done.values()])
    returns = [
        transfers.return_picking(appointment, head, moves[head["id"]], setting, books.odoo.version)
        for appointment, head in done.items()
    ]
    returned = await books.write("stock.picking", returns)
    outcome = await _validate(books, returned)
    back = {appointment: _document(outcome.get(i)) for appointment, i in zip(done, returned, strict=True)}
    return [back.get(appointment, _NOTHING) for appointment in appointments]


async def _moves(books: Books, pickings: Sequence[int]) -> dict[int, list[Row]]:
    moves: dict[int, list[Row]] = defaultdict(list)
    if pickings:
        domain = [["picking_id", "in", pickings], ["state", "=", "done"]]
        for move in await books.odoo.search("stock.move", domain, ["picking_id", "product_id", "quantity"]):
            moves[move["picking_id"]].append(move)
    return moves


async def _validate(books: Books, ids: Sequence[int]) -> dict[int, Row]:
    """All pickings done and read back. The context keeps Odoo from answering a wizard about back-orders."""
    if not ids:
        return {}
    found = await books.odoo.read("stock.picking", ids, _PICKING_FIELDS)
    open_ids = [identifier for identifier, row in found.items() if row["state"] not in ("done", "cancel")]
    if open_ids:
        quiet = {"skip_backorder": True, "picking_ids_not_to_backorder": open_ids, "skip_sms": True}
        await books.odoo.do("stock.picking", "button_validate", open_ids, context=quiet)
        found.update(await books.odoo.read("stock.picking", open_ids, _PICKING_FIELDS))
    return found


def _document(row: Row | None) -> StockDocument | Failure:
    if row is None:
        return missing("the transfer of consumed articles")
    if row["state"] != "done":
        return Rejected(
            "not_validated",
            f"Odoo's transfer {row['name']} is {row['state']} and not done",
            "Open the transfer in Odoo and validate it, then retry it; or discard this with --undo.",
        )
    return StockDocument(number=row["name"], moves=len(row["move_ids"]))
