"""What holds records together: one company, what is deleted with them, and what keeps them from being deleted."""

from collections.abc import Mapping

from suture_lab.simulators.odoo.call import CalledRecords
from suture_lab.simulators.odoo.database import companies_of
from suture_lab.simulators.odoo.errors import AccessError, OdooUserError, ValidationError
from suture_lab.simulators.odoo.store import Row

# One2many fields whose records go with the one that has them.
_OWNED: Mapping[str, tuple[str, ...]] = {
    "account.move": ("line_ids",),
    "product.product": ("seller_ids",),
    "purchase.order": ("order_line",),
    "stock.move": ("move_line_ids",),
    "stock.picking": ("move_ids", "move_line_ids"),
}
# What may not be deleted as long as another record names it.
_USED_BY: Mapping[str, tuple[tuple[str, str], ...]] = {
    "account.account": (("account.move.line", "account_id"),),
    "account.journal": (("account.move", "journal_id"),),
    "account.tax": (("account.move.line", "tax_line_id"),),
    "product.product": (
        ("account.move.line", "product_id"),
        ("stock.move", "product_id"),
        ("stock.quant", "product_id"),
    ),
    "res.partner": (("account.move", "partner_id"), ("account.move.line", "partner_id")),
    "stock.location": (("stock.move", "location_id"), ("stock.quant", "location_id")),
    "stock.lot": (("stock.move.line", "lot_id"), ("stock.quant", "lot_id")),
}


def delete_owned(model: CalledRecords, row: Row) -> None:
    for name in _OWNED.get(model.model, ()):
        field = model.fields[name]
        children = model.env.model(field.comodel)
        for child in model.db.inverse_ids(field, row["id"]):
            children.delete(model.db.row(field.comodel, child))


def check_unused(model: CalledRecords, row: Row) -> None:
    """Raises `OdooUserError` or `ValidationError`, as the record is used in accounting or another way."""
    for user, field in _USED_BY.get(model.model, ()):
        if _names(model, user, field, row["id"]):
            raise _used(model, user)


def _used(model: CalledRecords, user: str) -> OdooUserError:
    if model.model == "res.partner":
        return OdooUserError("The partner cannot be deleted because it is used in Accounting")
    if model.model == "account.account":
        return OdooUserError("You cannot perform this action on an account that contains journal items.")
    return ValidationError(
        f"The operation cannot be completed: another model requires the record being deleted ({user}). "
        "If possible, archive it instead."
    )


def _names(model: CalledRecords, user: str, field: str, identifier: int) -> bool:
    table = model.db.store.tables[user]
    if field in table.index:
        return bool(table.index[field].get(identifier))
    return any(row.get(field) == identifier for row in table.rows.values())


def check_companies(model: CalledRecords, row: Row) -> None:
    """Raises `OdooUserError` where a field of `same_company` leads to another company's record; on 17 `AccessError`
    where that company isn't even of this call."""
    if not model.same_company:
        return
    own = model.env.getter(model.model, "company_id")(row)
    for name in model.same_company:
        field = model.fields[name]
        value = row.get(name)
        for target in value if isinstance(value, list) else [value] if value else []:
            other = model.db.rows(field.comodel).get(target)
            if other is not None and (of := companies_of(other)) and own not in of:
                raise _mixed(model, row, name, other)


def _mixed(model: CalledRecords, row: Row, name: str, other: Row) -> OdooUserError | AccessError:
    comodel = model.fields[name].comodel
    if model.db.version < 18 and not model.env.visible(comodel, other):
        return AccessError(f"The user (id={model.env.user}) doesn't have 'read' access to:\n- {comodel}")
    said = "Incompatible companies on records:" if model.db.version < 18 else "There are company inconsistencies here:"
    return OdooUserError(f"{said}\n- {model.model} {row['id']}: '{name}' ({comodel}) belongs to another company.")
