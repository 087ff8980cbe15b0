"""One simulated database: rows, schema, users and their missing rights."""

from collections.abc import Collection, Mapping
from datetime import date, datetime

from suture.core.clock import Clock
from suture_lab.simulators.odoo.fields import Field
from suture_lab.simulators.odoo.hints import NotedHints
from suture_lab.simulators.odoo.schema import INDEXED, WATCHED, schema
from suture_lab.simulators.odoo.store import Row, Store


class SimulatedDatabase:
    """`users` are ids by login, `keys` logins by API key; `lacking` are operations by model that nobody may do."""

    def __init__(self, name: str, version: int, keys: Mapping[str, str], clock: Clock) -> None:
        self.name = name
        self.version = version
        self.keys = dict(keys)
        self.clock = clock
        self.schema = schema(version)
        self.store = Store(INDEXED, WATCHED)
        self.users: dict[str, int] = {}
        self.lacking: Mapping[str, Collection[str]] = {}
        self.hints = NotedHints()
        self.connects = False

    def fields(self, model: str) -> dict[str, Field]:
        return self.schema[model]

    def rows(self, model: str) -> dict[int, Row]:
        return self.store.tables[model].rows

    def row(self, model: str, identifier: int) -> Row:
        return self.store.tables[model].rows[identifier]

    def now(self) -> str:
        return _stamp(self.clock.now())

    def today(self) -> date:
        return self.clock.now().date()

    def by(self, model: str, field: str, value: object) -> list[Row]:
        """The rows of an indexed field's value, by id."""
        table = self.store.tables[model]
        return [table.rows[identifier] for identifier in sorted(table.index[field].get(value, ()))]

    def inverse_ids(self, field: Field, identifier: int) -> list[int]:
        """The records of a one2many field."""
        table = self.store.tables[field.comodel]
        if field.inverse in table.index:
            ids = sorted(table.index[field.inverse].get(identifier, ()))
        else:
            ids = [i for i, row in table.rows.items() if row.get(field.inverse) == identifier]
        if field.only is None:
            return ids
        name, value = field.only
        return [line for line in ids if table.rows[line].get(name) == value]


def _stamp(moment: datetime) -> str:
    """With microseconds, as PostgreSQL keeps it; clients see whole seconds."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def companies_of(row: Row) -> list[int]:
    """The companies that a record belongs to; none means that it is everybody's."""
    several = row.get("company_ids")
    return list(several) if several else [row["company_id"]] if row.get("company_id") else []
