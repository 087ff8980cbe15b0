"""One simulated database: rows, schema, users, and how a field of a row is read."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from suture.core.clock import Clock
from suture.simulators.odoo.errors import PythonError
from suture.simulators.odoo.schema import INDEXED, WATCHED, Field, schema
from suture.simulators.odoo.store import Row, Store

Getter = Callable[[Row], Any]


class Database:
    """`users` are ids by login, `keys` logins by API key."""

    def __init__(self, name: str, version: int, keys: Mapping[str, str], clock: Clock) -> None:
        self.name = name
        self.version = version
        self.keys = dict(keys)
        self.clock = clock
        self.schema = schema(version)
        self.store = Store(INDEXED, WATCHED)
        self.users: dict[str, int] = {}
        self._getters: dict[tuple[str, str], Getter] = {}

    def fields(self, model: str) -> dict[str, Field]:
        return self.schema[model]

    def rows(self, model: str) -> dict[int, Row]:
        return self.store.tables[model].rows

    def row(self, model: str, identifier: int) -> Row:
        return self.rows(model)[identifier]

    def now(self) -> str:
        return _stamp(self.clock.now())

    def today(self) -> date:
        return self.clock.now().date()

    def getter(self, model: str, path: str) -> Getter:
        """Reads `path` (a field, or a dotted way through many2one fields) of a row of `model`."""
        found = self._getters.get((model, path))
        if found is None:
            found = self._getters[model, path] = self._make_getter(model, path)
        return found

    def inverse_ids(self, field: Field, identifier: int) -> list[int]:
        """The records of a one2many field."""
        table = self.store.tables[field.comodel]
        ids = list(table.index[field.inverse].get(identifier, ()))
        if field.only is None:
            return ids
        name, value = field.only
        return [line for line in ids if table.rows[line].get(name) == value]

    def _make_getter(self, model: str, path: str) -> Getter:
        first, _, rest = path.partition(".")
        field = self.schema[model].get(first)
        if field is None:
            raise PythonError("ValueError", f"Invalid field {first!r} on {model!r}")
        if rest:
            return self._through(model, first, field.comodel, rest)
        if field.path:
            return self.getter(model, field.path)
        if field.kind == "one2many":
            return lambda row: self.inverse_ids(field, row["id"])
        if field.kind == "many2many":
            return lambda row: row.get(first) or []
        return lambda row: row.get(first)

    def _through(self, model: str, first: str, comodel: str, rest: str) -> Getter:
        here, there, rows = self.getter(model, first), self.getter(comodel, rest), self.rows(comodel)

        def get(row: Row) -> Any:
            target = rows.get(here(row))
            return there(target) if target is not None else None

        return get


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
