"""Finding rows and showing them as clients see them."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from suture_lab.simulators.odoo.call import CalledModel
from suture_lab.simulators.odoo.domain import candidates, compile_domain, least_id
from suture_lab.simulators.odoo.errors import PythonError
from suture_lab.simulators.odoo.fields import Field
from suture_lab.simulators.odoo.schema import ORDER
from suture_lab.simulators.odoo.store import Row

_SECONDS = len("2026-01-01 00:00:00")
_ZERO = {"float": 0.0, "monetary": 0.0, "integer": 0}


def find(model: CalledModel, domain: Sequence[Any], offset: int, limit: int | None, order: str | None) -> list[Row]:
    matching = _matching(model, domain)
    stop = None if limit is None else offset + limit
    order = order or ORDER.get(model.model, "id")
    if order in ("id", "id asc"):
        return list(islice(matching, offset, stop))
    found = list(matching)
    sort(model, found, order)
    return found[offset:stop]


def _matching(model: CalledModel, domain: Sequence[Any]) -> Iterator[Row]:
    """Rows in the order of their ids, as they are asked for."""
    table, env, name = model.db.store.tables[model.model], model.env, model.model
    test = compile_domain(domain, lambda term: _resolve(model, term))
    ids = candidates(domain, table.index.get)
    ids = table.ids if ids is None else ids
    archived = "active" not in model.fields or _names_active(model, domain)
    for identifier in ids[bisect_left(ids, least_id(domain)) :]:
        row = table.rows.get(identifier)
        if row is not None and (archived or row.get("active", True)) and env.visible(name, row) and test(row):
            yield row


def _names_active(model: CalledModel, domain: Sequence[Any]) -> bool:
    if model.env.context.get("active_test") is False:
        return True
    return any(not isinstance(term, str) and term[0] == "active" for term in domain)


def _resolve(model: CalledModel, term: Sequence[Any]) -> tuple[Callable[[Any], Any] | None, Any]:
    """What reads a condition's field, and its value. From 18 on times are compared by whole seconds.

    A condition on what isn't stored is an error from 18 on; 17 passes over it, and all is found.
    """
    field = _field(model, term)
    get, value = model.env.getter(model.model, str(term[0])), term[2]
    if not field.searched:
        if model.db.version >= 18:
            raise PythonError("ValueError", f"Cannot convert {model.model}.{term[0]} to SQL because it is not stored")
        return None, value
    if field.kind == "datetime" and model.db.version >= 18 and isinstance(value, str):
        return lambda row: (get(row) or "")[:_SECONDS] or None, value[:_SECONDS]
    if field.kind in _ZERO:
        return lambda row: get(row) or 0, value
    return get, value


def _field(model: CalledModel, term: Sequence[Any]) -> Field:
    name = model.model
    field = Field("integer")
    for part in str(term[0]).split("."):
        found = model.db.fields(name).get(part)
        if found is None:
            where = "condition" if model.db.version >= 18 else "leaf"
            raise PythonError("ValueError", f"Invalid field {model.model}.{part} in {where} {tuple(term)!r}")
        field, name = found, found.comodel or name
    return field


def sort(model: CalledModel, rows: list[Row], order: str) -> None:
    for part in reversed(order.split(",")):
        field, _, direction = part.strip().partition(" ")
        get = model.env.getter(model.model, field)
        rows.sort(key=_key_of(get), reverse=direction.strip().lower() == "desc")


def answer(model: CalledModel, rows: Sequence[Row], fields: Sequence[str] | None, load: str) -> list[Row]:
    """Rows as clients see them: ``False`` for nothing, many2one as ``[id, name]`` unless `load` is empty."""
    names = [name for name in (fields or model.fields) if name != "id"]
    columns = [(name, model.env.getter(model.model, name), shown(model, name, load)) for name in names]
    return [{"id": row["id"], **{name: show(get(row)) for name, get, show in columns}} for row in rows]


def shown(model: CalledModel, name: str, load: str) -> Callable[[Any], Any]:
    """How a field's value is shown."""
    field = model.fields[name]
    if field.kind == "datetime":
        return lambda value: value[:_SECONDS] if value else False
    if field.kind == "many2one":
        return lambda value: ([value, name_of(model, field, value)] if load else value) if value else False
    if field.kind in ("one2many", "many2many"):
        return lambda value: value or []
    nothing = _ZERO.get(field.kind, False)
    return lambda value: nothing if value is None or value is False else value


def name_of(model: CalledModel, field: Field, identifier: int) -> Any:
    row = model.db.rows(field.comodel).get(identifier)
    return model.env.model(field.comodel).compute_display_name(row) if row is not None else ""


def metadata(model: CalledModel, rows: Sequence[Row]) -> list[Row]:
    """Who made and changed records, and their external ids."""
    logged = ["create_uid", "create_date", "write_uid", "write_date"]
    return [
        {**of, **_external(model, row)}
        for row, of in zip(rows, answer(model, rows, logged, "_classic_read"), strict=True)
    ]


def _external(model: CalledModel, row: Row) -> Row:
    store = model.db.store
    names = store.external_of.get((model.model, row["id"])) or []
    known = [{"xmlid": name, "noupdate": store.external[name][2]} for name in names]
    first: Row = known[0] if known else {"xmlid": False, "noupdate": False}
    return {**first, "xmlids": known}


def describe(model: CalledModel, names: Sequence[str] | None, attributes: Sequence[str] | None) -> dict[str, Row]:
    """`fields_get`: the attributes that say what a field is."""
    told = {name: field for name, field in model.fields.items() if names is None or name in names}
    return {
        name: {key: value for key, value in _attributes(name, field).items() if not attributes or key in attributes}
        for name, field in told.items()
    }


def _attributes(name: str, field: Field) -> Row:
    about: Row = {
        "name": name,
        "type": field.kind,
        "string": field.label or name.replace("_", " ").title(),
        "store": not field.computed,
        "readonly": field.computed or bool(field.path),
        "required": False,
    }
    if field.comodel:
        about["relation"] = field.comodel
    if field.choices:
        about["selection"] = [[choice, choice.replace("_", " ").title()] for choice in field.choices]
    return about


def _key_of(get: Callable[[Row], Any]) -> Callable[[Row], Any]:
    return lambda row: _sortable(get(row))


def _sortable(value: Any) -> Any:
    return (value is not None and value is not False, value or 0)
