"""`load`: rows of text to records by external id, all or nothing, and its way to fail as a success.

A continuation row has nothing in the record's own columns and one more line of its one2many fields, which may have
lines of their own.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from suture_lab.simulators.odoo import access
from suture_lab.simulators.odoo.call import CalledModel
from suture_lab.simulators.odoo.cells import BadCell, parse
from suture_lab.simulators.odoo.errors import AccessError, MissingError, OdooUserError, PythonError
from suture_lab.simulators.odoo.fields import Field
from suture_lab.simulators.odoo.store import Row

Path = tuple[str, ...]
Record = dict[Path, Any]
Message = dict[str, Any]

_EMPTY = ("", None, False)


class Importer:
    """One `load` into one model."""

    def __init__(self, model: CalledModel) -> None:
        self._model = model
        self._env = model.env
        self._db = model.db
        self._messages: list[Message] = []

    def load(self, fields: Sequence[str], data: Sequence[Sequence[Any]]) -> Row:
        paths = [tuple(name.split("/")) for name in fields]
        self._check(paths)
        if not self._messages:
            converted = [self._convert(record, at) for at, record in self._records(self._model.fields, paths, data)]
            ids = [] if self._messages else self._write(converted)
        if self._messages:
            return {"ids": False, "messages": self._messages, "nextrow": 0}
        return {"ids": ids, "messages": [], "nextrow": 0}

    def _check(self, paths: Sequence[Path]) -> None:
        for path in paths:
            fields = self._model.fields
            for part in path:
                if part in ("id", ".id"):
                    break
                if part not in fields:
                    self._unknown(part)
                fields = self._db.fields(fields[part].comodel) if fields[part].comodel else {}

    def _unknown(self, part: str) -> None:
        if self._db.version >= 18:
            raise PythonError("ValueError", f"Invalid field name {part!r}")
        raise PythonError("KeyError", repr(part))

    def _records(
        self, fields: Mapping[str, Field], paths: Sequence[Path], data: Sequence[Sequence[Any]]
    ) -> Iterator[tuple[int, Record]]:
        """Each record with the row it began on: cells by path, lines as lists of such under their field."""
        own = [i for i, path in enumerate(paths) if not _is_line(fields, path)]
        under: dict[str, list[int]] = {}
        for i, path in enumerate(paths):
            if _is_line(fields, path):
                under.setdefault(path[0], []).append(i)
        for start, end in _spans(data, own):
            record: Record = {paths[i]: data[start][i] for i in own}
            for field, columns in under.items():
                record[field,] = self._children(
                    fields[field], [paths[i][1:] for i in columns], columns, data[start:end]
                )
            yield start, record

    def _children(
        self, field: Field, paths: Sequence[Path], columns: Sequence[int], data: Sequence[Sequence[Any]]
    ) -> list[Record]:
        cells = [[row[i] for i in columns] for row in data]
        filled = [row for row in cells if any(cell not in _EMPTY for cell in row)]
        return [record for _, record in self._records(self._db.fields(field.comodel), paths, filled)]

    def _convert(self, record: Record, at: int) -> tuple[str | None, Row, int]:
        name, values = self._values(self._model, record, at)
        return name, values, at

    def _values(self, model: CalledModel, record: Record, at: int) -> tuple[str | None, Row]:
        name: str | None = None
        values: Row = {}
        for path, cell in record.items():
            if path == ("id",):
                name = _with_module(str(cell)) if cell else None
            elif path == (".id",):
                values["id"] = int(cell)
            elif model.fields[path[0]].kind == "one2many":
                children = self._env.model(model.fields[path[0]].comodel)
                values[path[0]] = [self._line(children, line, at) for line in cell]
            else:
                self._cell(model, path, cell, values, at)
        return name, values

    def _line(self, model: CalledModel, record: Record, at: int) -> tuple[int, Any, Row]:
        name, values = self._values(model, record, at)
        known = self._db.store.external.get(name) if name else None
        found = values.pop("id", None) or (known[1] if known else None)
        return (1, found, values) if found in self._db.rows(model.model) else (0, name or 0, values)

    def _cell(self, model: CalledModel, path: Path, cell: Any, values: Row, at: int) -> None:
        field = model.fields[path[0]]
        label = field.label or path[0].removesuffix("_id").removesuffix("_ids").replace("_", " ").title()
        try:
            values[path[0]] = self._value(field, path[1:], cell, label)
        except BadCell as error:
            where = {"rows": {"from": at, "to": at}, "record": at, "type": "error"}
            self._messages.append({**where, "field": path[0], "field_name": label, "message": str(error)})

    def _value(self, field: Field, by: Path, cell: Any, label: str) -> Any:
        if cell == "" or cell is None or cell is False:
            return [] if field.kind == "many2many" else False
        if field.kind == "many2one":
            return self._reference(field, by, cell, label)
        if field.kind == "many2many":
            if not isinstance(cell, str):
                raise PythonError("AttributeError", f"'{type(cell).__name__}' object has no attribute 'split'")
            return [self._reference(field, by, part.strip(), label) for part in cell.split(",")]
        return parse(field, cell, label)

    def _reference(self, field: Field, by: Path, cell: Any, label: str) -> int:
        rows = self._db.rows(field.comodel)
        if by == ("id",):
            known = self._db.store.external.get(_with_module(str(cell)))
            if known is None or known[1] not in rows:
                raise BadCell(f"No matching record found for external id '{cell}' in field '{label}'")
            return known[1]
        if by == (".id",):
            if int(cell) not in rows:
                raise BadCell(f"No matching record found for database id '{cell}' in field '{label}'")
            return int(cell)
        for identifier, row in rows.items():
            if row.get("name") == cell and self._env.visible(field.comodel, row):
                return identifier
        raise BadCell(f"No matching record found for name '{cell}' in field '{label}'")

    def _write(self, converted: Sequence[tuple[str | None, Row, int]]) -> list[int]:
        mark = self._db.store.mark()
        ids: list[int] = []
        for name, values, at in converted:
            try:
                ids.append(self._record(name, values))
            except (OdooUserError, AccessError, MissingError) as error:
                where = {"rows": {"from": at, "to": at}, "record": at, "type": "error"}
                self._messages.append({**where, "message": error.message})
        if self._messages:
            self._db.store.rollback(mark)
        return ids

    def _record(self, name: str | None, values: Row) -> int:
        """Create or update one record. In mode ``update`` what was loaded with ``noupdate`` stays as it is."""
        if (identifier := values.pop("id", None)) is not None:
            self._model.write([identifier], values)
            return int(identifier)
        known = self._db.store.external.get(name) if name else None
        if known is not None and name is not None:
            model, identifier, noupdate = known
            if model != self._model.model:
                raise OdooUserError(f"For external id {name} found record of different model {model}")
            if identifier in self._db.rows(model):
                self._again(identifier, values, noupdate=noupdate)
                return identifier
            self._db.store.unname(name)
        access.check(self._model, "create")
        identifier = self._model.insert(values)
        self._env.flush()
        if name:
            self._env.name(name, self._model.model, identifier)
        return identifier

    def _again(self, identifier: int, values: Row, *, noupdate: bool) -> None:
        if noupdate and self._env.context.get("mode") == "update":
            self._model.existing([identifier], "read")
        else:
            self._model.write([identifier], values)


def _spans(data: Sequence[Sequence[Any]], own: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where each record's rows begin and end."""
    start = 0
    for at in range(1, len(data)):
        if any(data[at][i] not in _EMPTY for i in own):
            yield start, at
            start = at
    if data:
        yield start, len(data)


def _is_line(fields: Mapping[str, Field], path: Path) -> bool:
    return path[0] not in ("id", ".id") and fields[path[0]].kind == "one2many"


def _with_module(name: str) -> str:
    return name if "." in name else f"__import__.{name}"
