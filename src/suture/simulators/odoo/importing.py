"""`load`: rows of text to records by external id, all or nothing, and its way to fail as a success.

A continuation row has nothing in the record's own columns and one more line of its one2many field.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from suture.simulators.odoo.errors import PythonError, UserError
from suture.simulators.odoo.schema import Field
from suture.simulators.odoo.store import Row

if TYPE_CHECKING:
    from suture.simulators.odoo.model import Model

Path = tuple[str, ...]
Record = dict[Path, Any]
Message = dict[str, Any]


class _BadCell(Exception):
    """A cell that can't become a value; the import goes on to find the others."""


class Importer:
    """One `load` into one model."""

    def __init__(self, model: "Model") -> None:
        self._model = model
        self._env = model.env
        self._db = model.db
        self._messages: list[Message] = []

    def load(self, fields: Sequence[str], data: Sequence[Sequence[Any]]) -> Row:
        paths = [tuple(name.split("/")) for name in fields]
        self._check(paths)
        converted = [self._convert(record, at) for at, record in self._records(paths, data)]
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
                    raise PythonError("ValueError", f"Invalid field name {part!r}")
                fields = self._db.fields(fields[part].comodel) if fields[part].comodel else {}

    def _records(self, paths: Sequence[Path], data: Sequence[Sequence[Any]]) -> Iterator[tuple[int, Record]]:
        """Each record with the row it began on: cells by path, lines as lists of such under their field."""
        own = [i for i, path in enumerate(paths) if not self._is_line(path)]
        lines: dict[str, list[tuple[int, Path]]] = {}
        for i, path in enumerate(paths):
            if self._is_line(path):
                lines.setdefault(path[0], []).append((i, path[1:]))
        record: Record | None = None
        begun = 0
        for at, row in enumerate(data):
            if record is None or any(row[i] not in ("", None, False) for i in own):
                if record is not None:
                    yield begun, record
                begun, record = at, {paths[i]: row[i] for i in own}
            for field, columns in lines.items():
                if any(row[i] not in ("", None, False) for i, _ in columns):
                    record.setdefault((field,), []).append({path: row[i] for i, path in columns})
        if record is not None:
            yield begun, record

    def _is_line(self, path: Path) -> bool:
        return path[0] not in ("id", ".id") and self._model.fields[path[0]].kind == "one2many"

    def _convert(self, record: Record, at: int) -> tuple[str | None, Row, int]:
        name, values = self._values(self._model, record, at)
        return name, values, at

    def _values(self, model: "Model", record: Record, at: int) -> tuple[str | None, Row]:
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

    def _line(self, model: "Model", record: Record, at: int) -> tuple[int, Any, Row]:
        name, values = self._values(model, record, at)
        known = self._db.store.external.get(name) if name else None
        return (1, known[1], values) if known and known[1] in self._db.rows(model.model) else (0, name or 0, values)

    def _cell(self, model: "Model", path: Path, cell: Any, values: Row, at: int) -> None:
        field = model.fields[path[0]]
        label = field.label or path[0].removesuffix("_id").removesuffix("_ids").replace("_", " ").title()
        try:
            values[path[0]] = self._value(field, path[1:], cell, label)
        except _BadCell as error:
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
        return _PARSERS.get(field.kind, _text)(field, cell, label)

    def _reference(self, field: Field, by: Path, cell: Any, label: str) -> int:
        rows = self._db.rows(field.comodel)
        if by == ("id",):
            known = self._db.store.external.get(_with_module(str(cell)))
            if known is None or known[1] not in rows:
                raise _BadCell(f"No matching record found for external id '{cell}' in field '{label}'")
            return known[1]
        if by == (".id",):
            if int(cell) not in rows:
                raise _BadCell(f"No matching record found for database id '{cell}' in field '{label}'")
            return int(cell)
        found = [identifier for identifier, row in rows.items() if row.get("name") == cell]
        if not found:
            raise _BadCell(f"No matching record found for name '{cell}' in field '{label}'")
        return found[0]

    def _write(self, converted: Sequence[tuple[str | None, Row, int]]) -> list[int]:
        mark = self._db.store.mark()
        ids: list[int] = []
        for name, values, at in converted:
            try:
                ids.append(self._record(name, values))
            except UserError as error:
                where = {"rows": {"from": at, "to": at}, "record": at, "type": "error"}
                self._messages.append({**where, "message": error.message})
        if self._messages:
            self._db.store.rollback(mark)
        return ids

    def _record(self, name: str | None, values: Row) -> int:
        """Create or update one record. In mode ``update`` what was loaded with ``noupdate`` stays as it is."""
        known = self._db.store.external.get(name) if name else None
        updating = self._env.context.get("mode") == "update"
        if known is not None and name is not None:
            model, identifier, noupdate = known
            if model != self._model.model:
                raise UserError(f"For external id {name} found record of different model {model}")
            if identifier in self._db.rows(model):
                if not (updating and noupdate):
                    self._model.write([identifier], values)
                return identifier
            self._db.store.unname(name)
        identifier = self._model.insert(values)
        if name:
            self._env.name(name, self._model.model, identifier)
        return identifier


def _with_module(name: str) -> str:
    return name if "." in name else f"__import__.{name}"


def _text(_: Field, cell: Any, __: str) -> Any:
    return cell


def _day(_: Field, cell: Any, label: str) -> str:
    try:
        return date.fromisoformat(str(cell)).isoformat()
    except ValueError as error:
        raise _BadCell(f"'{cell}' does not seem to be a valid date for field '{label}'") from error


def _float(_: Field, cell: Any, label: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        raise _BadCell(f"'{cell}' does not seem to be a number for field '{label}'") from error


def _flag(_: Field, cell: Any, __: str) -> bool:
    return str(cell).lower() in ("1", "true", "yes")


def _choice(field: Field, cell: Any, label: str) -> Any:
    if field.choices and cell not in field.choices:
        raise _BadCell(f"Value '{cell}' not found in selection field '{label}'")
    return cell


def _json(_: Field, cell: Any, label: str) -> Any:
    try:
        return msgspec.json.decode(str(cell).encode())
    except msgspec.DecodeError as error:
        raise _BadCell(f"'{cell}' does not seem to be a valid JSON for field '{label}'") from error


_PARSERS: dict[str, Callable[[Field, Any, str], Any]] = {
    "date": _day,
    "float": _float,
    "integer": lambda field, cell, label: int(_float(field, cell, label)),
    "boolean": _flag,
    "selection": _choice,
    "json": _json,
}
