"""What every model does: create, read, search, write, delete, and import. Particular models say what differs."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from suture.simulators.odoo.domain import candidates, compile_domain
from suture.simulators.odoo.errors import AccessError, MissingError, PythonError
from suture.simulators.odoo.importing import Importer
from suture.simulators.odoo.schema import Field
from suture.simulators.odoo.store import Row

if TYPE_CHECKING:
    from suture.simulators.odoo.environment import Environment

Method = TypeVar("Method", bound=Callable[..., Any])


def of_model(method: Method) -> Method:
    """A public method that takes no records."""
    method.__dict__["public"] = "model"
    return method


def of_records(method: Method) -> Method:
    """A public method whose first argument is the records' ids."""
    method.__dict__["public"] = "records"
    return method


class Model:
    """One model within one call, by one user and in one context."""

    name: ClassVar[str] = ""
    forbidden: ClassVar[bool] = False

    def __init__(self, env: "Environment", name: str) -> None:
        self.env = env
        self.db = env.db
        self.model = name
        self.fields = env.db.fields(name)

    @of_records
    def has_access(self, ids: Sequence[int], operation: str) -> bool:
        return not self.forbidden

    @of_model
    def check_access_rights(self, operation: str, raise_exception: bool = True) -> bool:
        return not self.forbidden

    @of_model
    def search(
        self, domain: Sequence[Any], offset: int = 0, limit: int | None = None, order: str | None = None
    ) -> list[int]:
        return [row["id"] for row in self.found(domain, offset, limit, order)]

    @of_model
    def search_count(self, domain: Sequence[Any], limit: int | None = None) -> int:
        return len(self.found(domain, 0, limit, None))

    @of_model
    def search_read(  # noqa: PLR0917 (its callers pass these in Odoo's order)
        self,
        domain: Sequence[Any] = (),
        fields: Sequence[str] | None = None,
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
        load: str = "_classic_read",
    ) -> list[Row]:
        return self.answer(self.found(domain, offset, limit, order), fields, load)

    @of_records
    def read(self, ids: Sequence[int], fields: Sequence[str] | None = None, load: str = "_classic_read") -> list[Row]:
        self.check_access()
        rows = self.db.rows(self.model)
        return self.answer([rows[identifier] for identifier in ids if identifier in rows], fields, load)

    @of_records
    def get_external_id(self, ids: Sequence[int]) -> dict[str, str]:
        names = self.db.store.external_of
        return {str(i): (names.get((self.model, i)) or [""])[0] for i in ids}

    @of_model
    def create(self, vals_list: Any) -> Any:
        many = isinstance(vals_list, list)
        ids = [self.insert(vals) for vals in (vals_list if many else [vals_list])]
        return ids if many else ids[0]

    @of_records
    def write(self, ids: Sequence[int], vals: Row) -> bool:
        for row in self.existing(ids):
            self.update(row, vals)
        return True

    @of_records
    def unlink(self, ids: Sequence[int]) -> bool:
        for row in self.existing(ids):
            self.delete(row)
        return True

    @of_model
    def load(self, fields: Sequence[str], data: Sequence[Sequence[Any]]) -> Row:
        self.check_access()
        return Importer(self).load(fields, data)

    def found(self, domain: Sequence[Any], offset: int, limit: int | None, order: str | None) -> list[Row]:
        self.check_access()
        table = self.db.store.tables[self.model]
        test = compile_domain(domain, self._check_condition, lambda row, field: self.db.getter(self.model, field)(row))
        ids = candidates(domain, table.index.get)
        rows = table.rows.values() if ids is None else [table.rows[i] for i in ids if i in table.rows]
        found = [row for row in rows if test(row)]
        self._sort(found, order or "id")
        return found[offset : None if limit is None else offset + limit]

    def answer(self, rows: Sequence[Row], fields: Sequence[str] | None, load: str) -> list[Row]:
        """Rows as clients see them: ``False`` for nothing, many2one as ``[id, name]`` unless `load` is empty."""
        names = [name for name in (fields or self.fields) if name != "id"]
        columns = [(name, self.db.getter(self.model, name), self._shown(name, load)) for name in names]
        return [{"id": row["id"], **{name: show(get(row)) for name, get, show in columns}} for row in rows]

    def existing(self, ids: Sequence[int]) -> list[Row]:
        self.check_access()
        rows = self.db.rows(self.model)
        gone = [identifier for identifier in ids if identifier not in rows]
        if gone:
            who = f"(Record: {self.model}({gone[0]},), User: {self.env.user})"
            raise MissingError(f"Record does not exist or has been deleted.\n{who}")
        return [rows[identifier] for identifier in ids]

    def insert(self, values: Row) -> int:
        """Create one record; one2many values are commands ``(0, external id, values)``."""
        self.check_fields(values)
        own, lines = self.split(self.defaults(values) | values)
        stamp = self.db.now()
        identifier = self.db.store.insert(self.model, {"create_date": stamp, "write_date": stamp, **own})
        self.write_lines(identifier, lines)
        return identifier

    def update(self, row: Row, values: Row) -> None:
        self.check_fields(values)
        own, lines = self.split(values)
        for field, value in own.items():
            self.db.store.set(self.model, row, field, value)
        self.db.store.set(self.model, row, "write_date", self.db.now())
        self.write_lines(row["id"], lines)

    def delete(self, row: Row) -> None:
        for field in self.fields.values():
            if field.kind == "one2many" and field.comodel != self.model:
                children = self.env.model(field.comodel)
                for child in self.db.inverse_ids(field, row["id"]):
                    children.delete(self.db.row(field.comodel, child))
        for name in list(self.db.store.external_of.get((self.model, row["id"]), ())):
            self.db.store.unname(name)
        self.db.store.delete(self.model, row["id"])

    def defaults(self, values: Row) -> Row:
        return {}

    def write_lines(self, identifier: int, lines: dict[str, list[Any]]) -> None:
        """Apply one2many commands: ``(0, external id or 0, values)`` adds, ``(1, id, values)`` changes."""
        for name, commands in lines.items():
            field = self.fields[name]
            children = self.env.model(field.comodel)
            for kind, key, values in commands:
                if kind == 0:
                    child = children.insert({**values, field.inverse: identifier})
                    if key:
                        self.env.name(str(key), field.comodel, child)
                else:
                    children.write([key], values)

    def split(self, values: Row) -> tuple[Row, dict[str, list[Any]]]:
        own: Row = {}
        lines: dict[str, list[Any]] = {}
        for name, value in values.items():
            kind = self.fields[name].kind
            if kind == "one2many":
                lines[name] = value
            else:
                own[name] = linked(value) if kind == "many2many" else value
        return own, lines

    def check_fields(self, values: Row) -> None:
        for name in values:
            if name not in self.fields:
                raise PythonError("ValueError", f"Invalid field {name!r} on model {self.model!r}")

    def check_access(self) -> None:
        if self.forbidden:
            raise AccessError(f"You are not allowed to access {self.model!r} records.")

    def _check_condition(self, term: Sequence[Any]) -> None:
        model = self.model
        for part in str(term[0]).split("."):
            field = self.db.fields(model).get(part)
            if field is None:
                where = "condition" if self.db.version >= 18 else "leaf"
                raise PythonError("ValueError", f"Invalid field {self.model}.{part} in {where} {tuple(term)!r}")
            model = field.comodel or model

    def _sort(self, rows: list[Row], order: str) -> None:
        for part in reversed(order.split(",")):
            field, _, direction = part.strip().partition(" ")
            get = self.db.getter(self.model, field)
            rows.sort(key=_key_of(get), reverse=direction.strip().lower() == "desc")

    def _shown(self, name: str, load: str) -> Callable[[Any], Any]:
        field = self.fields.get(name)
        if field is not None and field.kind == "many2one" and load:
            return lambda value: [value, self._name_of(field, value)] if value else False
        return _show

    def _name_of(self, field: Field, identifier: int) -> str:
        return str(self.db.row(field.comodel, identifier).get("name") or identifier)


def linked(value: Any) -> list[int]:
    """A many2many field's ids, given as ids or as the commands ``(6, 0, ids)`` and ``(4, id)``."""
    linked: list[int] = []
    for part in value or ():
        if isinstance(part, list | tuple):
            linked = list(part[2]) if part[0] == 6 else [*linked, part[1]]
        else:
            linked.append(part)
    return linked


def _key_of(get: Callable[[Row], Any]) -> Callable[[Row], Any]:
    return lambda row: _sortable(get(row))


def _show(value: Any) -> Any:
    return False if value is None else value


def _sortable(value: Any) -> Any:
    return (value is not None and value is not False, value or 0)
