"""What people do to documents in the outside systems behind everyone's back."""

from collections.abc import Sequence
from typing import Any

from tests.integration.clinic import Clinic


async def found(it: Clinic, model: str, domain: list[Any], fields: list[str]) -> Any:
    return await it.by_hand(model, "search_read", domain=domain, fields=fields, load="")


async def the_move(it: Clinic, reference: str, move_type: str) -> Any:
    """A posted document, as a person finds it in Odoo."""
    fields = ["name", "journal_id", "date", "partner_id", "amount_total", "invoice_date"]
    domain = [["ref", "=", reference], ["move_type", "=", move_type], ["state", "=", "posted"]]
    first, *_ = await found(it, "account.move", domain, fields)
    return first


async def product_lines(it: Clinic, move: int, fields: list[str]) -> Any:
    return await found(it, "account.move.line", [["move_id", "=", move], ["display_type", "=", "product"]], fields)


async def posted(it: Clinic, values: dict[str, Any], lines: Sequence[dict[str, Any]], field: str) -> int:
    """A document that a person enters and posts; answers its id."""
    made = await it.by_hand("account.move", "create", vals_list=[values | {field: [[0, 0, line] for line in lines]}])
    await it.by_hand("account.move", "action_post", made)
    (identifier,) = made
    return int(identifier)


async def credit_note(it: Clinic, invoice: Any, amount: float, **told: Any) -> int:
    """A credit note over an amount. `told` says what it names: reversed_entry_id, ref, or neither."""
    (line, *_) = await product_lines(it, invoice["id"], ["product_id", "account_id"])
    values = {"move_type": "out_refund", "partner_id": invoice["partner_id"], "invoice_date": invoice["date"], **told}
    of = {"product_id": line["product_id"], "quantity": 1, "price_unit": amount, "tax_ids": [[6, 0, []]]}
    return await posted(it, values, [of], "invoice_line_ids")


async def copied(it: Clinic, move: Any, **told: Any) -> int:
    """A twin of an entry: its lines once more."""
    fields = ["account_id", "partner_id", "debit", "credit"]
    lines = await found(it, "account.move.line", [["move_id", "=", move["id"]]], fields)
    values = {"move_type": "entry", "date": move["date"], "journal_id": move["journal_id"], **told}
    return await posted(it, values, [{field: line[field] for field in fields} for line in lines], "line_ids")


async def reversed_entry(it: Clinic, move: Any) -> int:
    fields = ["account_id", "partner_id", "debit", "credit"]
    lines = await found(it, "account.move.line", [["move_id", "=", move["id"]]], fields)
    turned = [
        {
            "account_id": one["account_id"],
            "partner_id": one["partner_id"],
            "debit": one["credit"],
            "credit": one["debit"],
        }
        for one in lines
    ]
    values = {"move_type": "entry", "date": move["date"], "journal_id": move["journal_id"]}
    return await posted(it, values | {"reversed_entry_id": move["id"]}, turned, "line_ids")


async def edited(it: Clinic, move: Any, change: Any) -> None:
    """Reset to draft, changed, posted again."""
    await it.by_hand("account.move", "button_draft", [move["id"]])
    await change()
    await it.by_hand("account.move", "action_post", [move["id"]])


async def repriced(it: Clinic, move: Any, more: float) -> None:
    line, *_ = await product_lines(it, move["id"], ["price_unit"])

    async def change() -> None:
        await it.by_hand("account.move.line", "write", [line["id"]], vals={"price_unit": line["price_unit"] + more})

    await edited(it, move, change)
