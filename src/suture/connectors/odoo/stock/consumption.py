"""Consumed articles in batches: a done transfer out of the facility's location, and its way back."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from suture.connectors.odoo.documents.posting import missing
from suture.connectors.odoo.documents.session import CompanySession, ids_of
from suture.connectors.odoo.records.parties import unknown_facility
from suture.connectors.odoo.stock import transfers
from suture.connectors.odoo.stock.lots import TakenLot, lots_for, read_held, without
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import StockDocument, StockOrder
from suture.core.failure import Failure, Rejected

_PICKING_FIELDS = ("name", "state", "move_ids")
_NOTHING = StockDocument(number="", moves=0)


async def consume(session: CompanySession, orders: Sequence[StockOrder]) -> Sequence[StockDocument | Failure]:
    """Takes the articles out even where Odoo thinks that none are left: the visit has used them (a negative stock).
    Only what is tracked by lots must be there, since somebody has to say which."""
    setting = await session.setting()
    places = await session.finder.by_name("stock.location", "location", sorted({o.facility for o in orders}))
    refused: dict[str, Failure] = {
        o.appointment: unknown_facility(o.facility) for o in orders if o.facility not in places
    }
    lots = await _choose_lots(session, [o for o in orders if o.components and o.facility in places], places, refused)
    known = [order for order in orders if order.appointment in lots]
    pickings = [
        transfers.picking(o, setting, places[o.facility], session.odoo.version, lots[o.appointment]) for o in known
    ]
    written = await session.write("stock.picking", pickings)
    route_of = {o.appointment: (places[o.facility], setting.consumption()) for o in known}
    await _write_lots(
        session, [row for o in known for row in transfers.lot_lines(o, route_of[o.appointment], lots[o.appointment])]
    )
    done = await _validate(session, ids_of(written))
    names = await _lot_names(session, await _with_lots(session, known, written))
    by_appointment = {
        order.appointment: outcome
        if isinstance(outcome, Failure)
        else _document(done.get(outcome), names.get(outcome, ()))
        for order, outcome in zip(known, written, strict=True)
    }
    return [refused.get(o.appointment) or by_appointment.get(o.appointment, _NOTHING) for o in orders]


async def _choose_lots(
    session: CompanySession, orders: Sequence[StockOrder], places: Mapping[str, int], refused: dict[str, Failure]
) -> dict[str, dict[str, list[TakenLot]]]:
    """The lots of each visit's tracked articles, by appointment: one visit after the other, so that two never take the
    same units. A visit whose transfer stands already has its lots."""
    articles = await session.articles.get(component.product for order in orders for component in order.components)
    tracked = {code: article.product for code, article in articles.items() if article.tracked}
    wanting = [order for order in orders if any(component.product in tracked for component in order.components)]
    standing = await session.pickings([order.appointment for order in wanting]) if wanting else {}
    held = {
        facility: await read_held(session, places[facility], tracked.values())
        for facility in {order.facility for order in wanting}
    }
    lots: dict[str, dict[str, list[TakenLot]]] = {order.appointment: {} for order in orders}
    for order in wanting:
        if order.appointment in standing:
            continue
        try:
            lots[order.appointment] = lots_for(order, articles, held[order.facility])
        except Rejected as failure:
            refused[order.appointment] = failure
            del lots[order.appointment]
            continue
        taken = [one for of in lots[order.appointment].values() for one in of]
        held[order.facility] = without(held[order.facility], taken)
    return lots


async def _with_lots(
    session: CompanySession, orders: Sequence[StockOrder], written: Sequence[int | Failure]
) -> list[int]:
    """The transfers that move something with lots."""
    articles = await session.articles.get(component.product for order in orders for component in order.components)
    tracked = {code for code, article in articles.items() if article.tracked}
    return [
        outcome
        for order, outcome in zip(orders, written, strict=True)
        if isinstance(outcome, int) and any(component.product in tracked for component in order.components)
    ]


async def _lot_names(session: CompanySession, pickings: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The lots that transfers took from, as they stand."""
    if not pickings:
        return {}
    domain = [["picking_id", "in", pickings], ["lot_id", "!=", False]]
    lines = await session.odoo.search("stock.move.line", domain, ["picking_id", "lot_id"])
    if not lines:
        return {}
    lots = await session.odoo.read("stock.lot", sorted({line["lot_id"] for line in lines}), ["name"])
    names: dict[int, list[str]] = defaultdict(list)
    for line in lines:
        names[line["picking_id"]].append(lots[line["lot_id"]]["name"])
    return {picking: tuple(sorted(of)) for picking, of in names.items()}


async def _write_lots(session: CompanySession, rows: Sequence[Row]) -> None:
    if rows:
        columns = list(rows[0])
        await session.odoo.create_missing("stock.move.line", columns, [[row[c] for c in columns] for row in rows])


async def give_back(session: CompanySession, appointments: Sequence[str]) -> Sequence[StockDocument | Failure]:
    """Returns what was taken out; a transfer that isn't done yet is cancelled, and what never was needs nothing."""
    setting = await session.setting()
    ids = await session.pickings(appointments)
    fields = ("state", "location_id", "location_dest_id", "scheduled_date")
    heads = await session.odoo.read("stock.picking", list(ids.values()), fields) if ids else {}
    pending = [i for i, head in heads.items() if head["state"] not in ("done", "cancel")]
    if pending:
        await session.odoo.do("stock.picking", "action_cancel", pending)
    done = {a: heads[i] for a, i in ids.items() if heads.get(i, {}).get("state") == "done"}
    moves = await _moves(session, [head["id"] for head in done.values()])
    lots = await _lot_lines(session, [move["id"] for of in moves.values() for move in of])
    returns = [
        transfers.return_picking(
            appointment, head, moves[head["id"]], setting, version=session.odoo.version, tracked=lots
        )
        for appointment, head in done.items()
    ]
    written = await session.write("stock.picking", returns)
    await _write_lots(
        session, [r for a, head in done.items() for r in transfers.return_lot_lines(a, head, moves[head["id"]], lots)]
    )
    outcome = await _validate(session, ids_of(written))
    back = {
        appointment: one if isinstance(one, Failure) else _document(outcome.get(one))
        for appointment, one in zip(done, written, strict=True)
    }
    return [back.get(appointment, _NOTHING) for appointment in appointments]


async def _moves(session: CompanySession, pickings: Sequence[int]) -> dict[int, list[Row]]:
    moves: dict[int, list[Row]] = defaultdict(list)
    if pickings:
        domain = [["picking_id", "in", pickings], ["state", "=", "done"]]
        for move in await session.odoo.search("stock.move", domain, ["picking_id", "product_id", "quantity"]):
            moves[move["picking_id"]].append(move)
    return moves


async def _lot_lines(session: CompanySession, moves: Sequence[int]) -> dict[int, list[Row]]:
    """The lines with lots of each move that has some."""
    lines: dict[int, list[Row]] = defaultdict(list)
    if moves:
        domain = [["move_id", "in", moves], ["lot_id", "!=", False]]
        for line in await session.odoo.search("stock.move.line", domain, ["move_id", "lot_id", "quantity"]):
            lines[line["move_id"]].append(line)
    return lines


async def _validate(session: CompanySession, ids: Sequence[int]) -> dict[int, Row]:
    """All pickings done and read back. The context keeps Odoo from answering a wizard about back-orders."""
    if not ids:
        return {}
    found = await session.odoo.read("stock.picking", ids, _PICKING_FIELDS)
    open_ids = [identifier for identifier, row in found.items() if row["state"] not in ("done", "cancel")]
    if open_ids:
        quiet = {"skip_backorder": True, "picking_ids_not_to_backorder": open_ids, "skip_sms": True}
        try:
            await session.odoo.do("stock.picking", "button_validate", open_ids, context=quiet)
        except Rejected:
            if await _still_open(session, open_ids) == open_ids:
                raise
            return await _validate(session, ids)  # another worker was faster with some
        found.update(await session.odoo.read("stock.picking", open_ids, _PICKING_FIELDS))
    return found


async def _still_open(session: CompanySession, ids: Sequence[int]) -> list[int]:
    now = await session.odoo.read("stock.picking", ids, ["state"])
    return [identifier for identifier, row in now.items() if row["state"] not in ("done", "cancel")]


def _document(row: Row | None, lots: Sequence[str] = ()) -> StockDocument | Failure:
    if row is None:
        return missing("the transfer of consumed articles")
    if row["state"] != "done":
        return Rejected(
            "not_validated",
            f"Odoo's transfer {row['name']} is {row['state']} and not done",
            "Open the transfer in Odoo and validate it, then retry it; or discard this with --undo.",
        )
    return StockDocument(number=row["name"], moves=len(row["move_ids"]), lots=tuple(lots))
