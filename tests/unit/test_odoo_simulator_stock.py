"""Simulated stock: lots, counting, transfers, back-orders, orders to suppliers and what runs low."""

from typing import Any

import pytest

from suture_lab.simulators.odoo.errors import OdooUserError, ValidationError

from .test_odoo_simulator import Desk, Row, desk

__all__ = ["desk"]


class Store:
    """One product in one warehouse."""

    def __init__(self, desk: Desk, tracking: str = "none") -> None:
        self.desk = desk
        self.product = int(
            desk("product.product", "create", {"name": "Gauze", "default_code": "G", "tracking": tracking})
        )
        self.shelf, self.patients = desk.ids("stock.location", [["usage", "in", ["internal", "production"]]])
        self.vendors = desk.ids("stock.location", [["usage", "=", "supplier"]])[0]
        self.kinds = {row["code"]: row["id"] for row in desk("stock.picking.type", "search_read", [], ["code"])}

    def lot(self, name: str, **values: Any) -> int:
        return int(self.desk("stock.lot", "create", {"name": name, "product_id": self.product, **values}))

    def count(self, quantity: float, lot: int | bool = False) -> Any:
        values = {"product_id": self.product, "location_id": self.shelf, "lot_id": lot, "inventory_quantity": quantity}
        quant = self.desk("stock.quant", "create", values, context={"inventory_mode": True})
        return self.desk("stock.quant", "action_apply_inventory", [quant])

    def move(self, asked: float, **values: Any) -> Row:
        named = {"name": "Gauze"} if self.desk.version == 17 else {}
        return {"product_id": self.product, "product_uom_qty": asked, **named, **values}

    def picking(self, *moves: Row, incoming: bool = False, **values: Any) -> int:
        way = (self.vendors, self.shelf) if incoming else (self.shelf, self.patients)
        head = {"picking_type_id": self.kinds["incoming" if incoming else "outgoing"], "origin": "A1"}
        route = {"location_id": way[0], "location_dest_id": way[1]}
        lines = {"move_ids": [[0, 0, {**move, **route}] for move in moves]}
        return int(self.desk("stock.picking", "create", {**head, **route, **lines, **values}))

    def validate(self, picking: int, **context: Any) -> Any:
        told = {"skip_backorder": True, "picking_ids_not_to_backorder": [picking], **context}
        return self.desk("stock.picking", "button_validate", [picking], context=told)

    def held(self) -> dict[str, float]:
        """What is on the shelf, by lot."""
        domain = [["product_id", "=", self.product], ["location_id", "=", self.shelf]]
        quants = self.desk("stock.quant", "search_read", domain, ["lot_id", "quantity"])
        return {quant["lot_id"][1] if quant["lot_id"] else "": quant["quantity"] for quant in quants}

    def state(self, picking: int) -> str:
        return str(self.desk.read("stock.picking", picking, "state")["state"])


@pytest.fixture
def plain(desk: Desk) -> Store:
    return Store(desk)


@pytest.fixture
def tracked(desk: Desk) -> Store:
    return Store(desk, "lot")


def test_what_was_counted_is_carried_even_below_zero(plain: Store) -> None:
    plain.count(5)
    picking = plain.picking(plain.move(8, quantity=8, picked=True))
    assert plain.state(picking) == "assigned"
    assert plain.validate(picking) is True
    assert (plain.state(picking), plain.held()) == ("done", {"": -3.0})
    assert plain.desk.read("stock.picking", picking, "date_done")["date_done"] == "2026-03-10 09:30:15"


def test_validating_again(plain: Store) -> None:
    """17 refuses, 19 does nothing."""
    picking = plain.picking(plain.move(1, quantity=1))
    plain.validate(picking)
    if plain.desk.version == 17:
        with pytest.raises(OdooUserError, match="no quantities"):
            plain.validate(picking)
    else:
        assert plain.validate(picking) is True
    assert plain.held() == {"": -1.0}


def test_a_tracked_product_needs_its_lot(tracked: Store) -> None:
    picking = tracked.picking(tracked.move(2, quantity=2))
    with pytest.raises(OdooUserError, match="Lot/Serial number for products"):
        tracked.validate(picking)
    assert tracked.held() == {}


@pytest.mark.parametrize("where", ["move", "transfer alone"])
def test_lots_are_taken_by_lines(tracked: Store, where: str) -> None:
    """A line of its own names the transfer and its move; one that names no move finds or makes it."""
    lot = tracked.lot("A", expiration_date="2030-01-01 00:00:00")
    tracked.count(5, lot)
    moves = [tracked.move(2)] if where == "move" else []
    picking = tracked.picking(*moves)
    line = {"picking_id": picking, "product_id": tracked.product, "lot_id": lot, "quantity": 2, "picked": True}
    route = {"location_id": tracked.shelf, "location_dest_id": tracked.patients}
    tracked.desk("stock.move.line", "create", {**line, **route})
    assert tracked.state(picking) == "assigned"
    tracked.validate(picking)
    assert tracked.held() == {"A": 3.0}
    assert tracked.desk.read("stock.lot", lot, "product_qty")["product_qty"] == 3.0


def test_a_lot_is_received_under_its_name(tracked: Store) -> None:
    picking = tracked.picking(
        tracked.move(4, move_line_ids=[[0, 0, {"lot_name": "NEW", "quantity": 4}]]), incoming=True
    )
    tracked.validate(picking)
    assert tracked.held() == {"NEW": 4.0}
    (lot,) = tracked.desk.ids("stock.lot", [["name", "=", "NEW"]])
    with pytest.raises(ValidationError, match="unique"):
        tracked.lot("NEW")
    with pytest.raises(ValidationError, match="archive"):
        tracked.desk("stock.lot", "unlink", [lot])


def test_counting_what_is_tracked_without_a_lot(tracked: Store) -> None:
    """17 asks in a wizard and changes nothing, 19 counts it without one."""
    answer = tracked.count(5)
    if tracked.desk.version == 17:
        assert (answer["res_model"], tracked.held()) == ("stock.track.confirmation", {"": 0.0})
    else:
        assert (answer, tracked.held()) == (None, {"": 5.0})


def test_counting_again_replaces(plain: Store) -> None:
    plain.count(5)
    plain.count(3)
    assert plain.held() == {"": 3.0}
    assert sum(row["quantity"] for row in plain.desk("stock.quant", "search_read", [], ["quantity"])) == 0


def test_less_than_asked_is_a_question_or_a_back_order(plain: Store) -> None:
    first, second, third = (plain.picking(plain.move(5, quantity=2)) for _ in range(3))
    wizard = plain.desk("stock.picking", "button_validate", [first])
    assert (wizard["res_model"], plain.state(first)) == ("stock.backorder.confirmation", "assigned")
    plain.validate(second)
    plain.validate(third, picking_ids_not_to_backorder=[])
    (rest,) = plain.desk("stock.picking", "search_read", [["backorder_id", "!=", False]], ["backorder_id", "move_ids"])
    assert rest["backorder_id"][0] == third
    assert plain.desk.read("stock.move", rest["move_ids"][0], "product_uom_qty")["product_uom_qty"] == 3.0


def test_confirming_sets_aside_what_there_is(tracked: Store) -> None:
    for name, quantity in (("old", 2), ("new", 5)):
        tracked.count(quantity, tracked.lot(name))
    picking = tracked.picking(tracked.move(3))
    tracked.desk("stock.picking", "action_confirm", [picking])
    lines = tracked.desk(
        "stock.move.line", "search_read", [["picking_id", "=", picking]], ["lot_id", "quantity"], order="id"
    )
    assert [(line["lot_id"][1], line["quantity"]) for line in lines] == [("old", 2.0), ("new", 1.0)]
    domain = [["location_id", "=", tracked.shelf]]
    quants = tracked.desk("stock.quant", "search_read", domain, ["reserved_quantity", "available_quantity"], order="id")
    assert [(q["reserved_quantity"], q["available_quantity"]) for q in quants] == [(2.0, 0.0), (1.0, 4.0)]
    row = tracked.desk.read("product.product", tracked.product, "qty_available", "free_qty", "virtual_available")
    assert (row["qty_available"], row["free_qty"], row["virtual_available"]) == (7.0, 4.0, 4.0)


def test_what_cannot_be_done_to_a_transfer(plain: Store) -> None:
    empty, done = plain.picking(), plain.picking(plain.move(1, quantity=1))
    plain.validate(done)
    with pytest.raises(OdooUserError, match="empty transfer"):
        plain.validate(empty)
    for method in ("action_cancel", "unlink"):
        with pytest.raises(OdooUserError, match="set to 'Done'"):
            plain.desk("stock.picking", method, [done])
    plain.desk("stock.picking", "action_cancel", [empty])
    plain.desk("stock.picking", "unlink", [empty])
    assert plain.desk.ids("stock.picking", []) == [done]


def test_an_order_is_received_and_a_rule_says_what_is_missing(plain: Store) -> None:
    desk = plain.desk
    plain.count(12)
    values = {"product_id": plain.product, "location_id": plain.shelf, "product_min_qty": 20, "product_max_qty": 30}
    rule = desk("stock.warehouse.orderpoint", "create", values)

    def told() -> tuple[float, float, float]:
        row = desk.read("stock.warehouse.orderpoint", rule, "qty_on_hand", "qty_forecast", "qty_to_order")
        return row["qty_on_hand"], row["qty_forecast"], row["qty_to_order"]

    assert told() == (12.0, 12.0, 18.0)
    line = {"product_id": plain.product, "product_qty": 7, "price_unit": 2.5}
    order = desk("purchase.order", "create", {"partner_id": desk.partner("Gauze Ltd"), "order_line": [[0, 0, line]]})
    row = desk.read("purchase.order", order, "state", "amount_untaxed", "amount_total")
    assert (row["state"], row["amount_untaxed"], row["amount_total"]) == ("draft", 17.5, 20.13)
    desk("purchase.order", "button_confirm", [order])
    assert told() == (12.0, 19.0, 11.0)
    (receipt,) = desk.read("purchase.order", order, "picking_ids")["picking_ids"]
    plain.validate(receipt)
    row = desk.read("stock.picking", receipt, "picking_type_code", "origin", "state", "partner_id")
    assert (row["picking_type_code"], row["origin"], row["state"]) == ("incoming", "P00001", "done")
    assert told() == (19.0, 19.0, 11.0)
    (received,) = desk("purchase.order.line", "search_read", [["order_id", "=", order]], ["qty_received", "state"])
    assert (received["qty_received"], received["state"]) == (7.0, "purchase")
    with pytest.raises(ValidationError, match="already exists"):
        desk("stock.warehouse.orderpoint", "create", values)


def test_an_order_of_enough_is_no_order(plain: Store) -> None:
    plain.count(25)
    values = {"product_id": plain.product, "location_id": plain.shelf, "product_min_qty": 20, "product_max_qty": 30}
    rule = plain.desk("stock.warehouse.orderpoint", "create", values)
    assert plain.desk.read("stock.warehouse.orderpoint", rule, "qty_to_order")["qty_to_order"] == 0.0
