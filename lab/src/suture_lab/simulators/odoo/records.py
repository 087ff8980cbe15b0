"""How a record is written: its values, its lines, who changed it and when. Particular models say what differs."""

from collections.abc import Sequence
from typing import Any, ClassVar

from suture_lab.simulators.odoo import access
from suture_lab.simulators.odoo.call import Call
from suture_lab.simulators.odoo.errors import PythonError
from suture_lab.simulators.odoo.integrity import check_companies, delete_owned
from suture_lab.simulators.odoo.store import Row


class Records:
    """One model within one call, by one user and in one context.

    Nothing here asks for rights: that is for who calls from outside (`Model`).
    """

    forbidden: ClassVar[bool] = False
    same_company: ClassVar[tuple[str, ...]] = ()
    """Fields that must not lead to another company's record."""

    def __init__(self, env: Call, name: str) -> None:
        self.env = env
        self.db = env.db
        self.model = name
        self.fields = env.db.fields(name)

    def compute_display_name(self, row: Row) -> str:
        return str(row.get("name") or f"{self.model},{row['id']}")

    def insert(self, values: Row) -> int:
        """Create one record; one2many values are commands, as (0, external id, values)."""
        self.check_fields(values)
        values = self.defaults(values) | values
        if "active" in self.fields:
            values.setdefault("active", True)
        own, lines = self.split({}, values)
        identifier = self.db.store.insert(self.model, {**self._written(created=True), **own})
        row = self.db.row(self.model, identifier)
        check_companies(self, row)
        self.write_lines(identifier, lines)
        access.check_visible(self, [row], "create")
        self.db.hints.note(self.model, identifier)
        return identifier

    def update(self, row: Row, values: Row) -> None:
        self.check_fields(values)
        own, lines = self.split(row, values)
        for field, value in own.items():
            self.db.store.set(self.model, row, field, value)
        self.touch(row)
        if any(field in self.same_company or field == "company_id" for field in own):
            check_companies(self, row)
        self.write_lines(row["id"], lines)
        self.db.hints.note(self.model, row["id"])

    def compute(self, row: Row, values: Row) -> bool:
        """Store what was computed. A row that nothing changed in isn't written; whether one was."""
        changed = {field: value for field, value in values.items() if row.get(field) != value}
        for field, value in changed.items():
            self.db.store.set(self.model, row, field, value)
        if changed:
            self.touch(row)
            self.db.hints.note(self.model, row["id"])
        return bool(changed)

    def touch(self, row: Row) -> None:
        """Note who changed a row, and when: the whole call has one time."""
        if row.get("write_date") != self.env.stamp or row.get("write_uid") != self.env.user:
            for field, value in self._written(created=False).items():
                self.db.store.set(self.model, row, field, value)

    def _written(self, *, created: bool) -> Row:
        written = {"write_date": self.env.stamp, "write_uid": self.env.user}
        return {"create_date": self.env.stamp, "create_uid": self.env.user, **written} if created else written

    def delete(self, row: Row) -> None:
        """The record, what it owns, and its external ids."""
        delete_owned(self, row)
        for name in list(self.db.store.external_of.get((self.model, row["id"]), ())):
            self.db.store.unname(name)
        self.db.store.delete(self.model, row["id"])

    def defaults(self, values: Row) -> Row:
        return {}

    def write_lines(self, identifier: int, lines: dict[str, list[Any]]) -> None:
        """Apply one2many commands: (0, external id or 0, values) adds, (1, id, values) changes, (2, id) deletes."""
        for name, commands in lines.items():
            field = self.fields[name]
            children = self.env.model(field.comodel)
            for kind, key, *rest in commands:
                if kind == 0:
                    child = children.insert({**rest[0], field.inverse: identifier})
                    if key:
                        self.env.name(str(key), field.comodel, child)
                elif kind == 1:
                    children.update(self.db.row(field.comodel, key), rest[0])
                elif kind == 2:
                    children.delete(self.db.row(field.comodel, key))

    def split(self, row: Row, values: Row) -> tuple[Row, dict[str, list[Any]]]:
        """A record's own values as they are stored, and its one2many commands."""
        own: Row = {}
        lines: dict[str, list[Any]] = {}
        for name, value in values.items():
            field = self.fields[name]
            if field.kind == "one2many":
                lines[name] = value
            elif field.kind == "many2many":
                own[name] = linked(value, row.get(name))
            elif field.kind in ("float", "monetary"):
                own[name] = float(value or 0.0)
            else:
                own[name] = {**(row.get(name) or {}), self.env.company: value} if field.by_company else value
        return own, lines

    def check_fields(self, values: Row) -> None:
        for name in values:
            if name not in self.fields:
                raise PythonError("ValueError", f"Invalid field {name!r} on model {self.model!r}")


def linked(value: Any, current: Sequence[int] | None = None) -> list[int]:
    """A many2many field's ids, given as ids or as the commands (3, id), (4, id), (5,) and (6, 0, ids)."""
    if not any(isinstance(part, list | tuple) for part in value or ()):
        return list(value or ())
    ids = list(current or ())
    for part in value:
        kind, *rest = part
        if kind == 6:
            ids = list(rest[1])
        elif kind == 5:
            ids = []
        elif kind == 3:
            ids = [identifier for identifier in ids if identifier != rest[0]]
        elif kind == 4 and rest[0] not in ids:
            ids = [*ids, rest[0]]
    return ids
