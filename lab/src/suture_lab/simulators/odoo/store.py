"""Rows in memory: tables with a few indexes, external ids, and an undo log that makes a call all or nothing."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

Row = dict[str, Any]


class Effect(NamedTuple):
    """A watched field of a row took a value; `before` is None where the row is new."""

    model: str
    id: int
    before: Any
    after: Any


class Table:
    """One model's rows by id. `indexed` fields find their rows by value, `ids` are in order."""

    def __init__(self, indexed: Iterable[str]) -> None:
        self.rows: dict[int, Row] = {}
        self.ids: list[int] = []
        self.last_id = 0
        self.index: dict[str, dict[Any, dict[int, None]]] = {field: defaultdict(dict) for field in indexed}

    def put(self, row: Row) -> None:
        identifier = row["id"]
        self.rows[identifier] = row
        insort(self.ids, identifier)
        for field, by_value in self.index.items():
            by_value[row.get(field)][identifier] = None

    def drop(self, identifier: int) -> None:
        row = self.rows.pop(identifier)
        del self.ids[bisect_left(self.ids, identifier)]
        for field, by_value in self.index.items():
            by_value[row.get(field)].pop(identifier, None)


class Store:
    """All tables. Every change goes through here and can be undone back to a mark.

    `watched` names a field a model; what happens to it is told once it is sure, by `commit`.
    """

    def __init__(self, indexed: Mapping[str, Iterable[str]], watched: Mapping[str, str]) -> None:
        self.tables: dict[str, Table] = {model: Table(fields) for model, fields in indexed.items()}
        self.external: dict[str, tuple[str, int, bool]] = {}
        self.external_of: dict[tuple[str, int], list[str]] = {}
        self.sequences: dict[str, int] = {}
        self._watched = watched
        self._effects: list[Effect] = []
        self._undo: list[Callable[[], object]] = []

    def mark(self) -> int:
        return len(self._undo)

    def rollback(self, mark: int) -> None:
        while len(self._undo) > mark:
            self._undo.pop()()

    def commit(self) -> list[Effect]:
        """What happened to watched fields since the last commit, in order; what was rolled back did not."""
        self._undo.clear()
        effects, self._effects = self._effects, []
        return effects

    def insert(self, model: str, row: Row) -> int:
        """The new row's id. Ids of rolled back rows aren't given again, as with a sequence."""
        table = self.tables[model]
        table.last_id += 1
        identifier = row["id"] = table.last_id
        table.put(row)
        self._undo.append(lambda: table.drop(identifier))
        if (watched := self._watched.get(model)) is not None:
            self._tell(Effect(model, identifier, None, row.get(watched)))
        return identifier

    def delete(self, model: str, identifier: int) -> None:
        table = self.tables[model]
        row = table.rows[identifier]
        table.drop(identifier)
        self._undo.append(lambda: table.put(row))

    def set(self, model: str, row: Row, field: str, value: Any) -> None:
        old = row.get(field)
        if old == value:
            return
        self._assign(model, row, field, value)
        self._undo.append(lambda: self._assign(model, row, field, old))
        if self._watched.get(model) == field:
            self._tell(Effect(model, row["id"], old, value))

    def next_number(self, stem: str) -> int:
        """The next number of a sequence without gaps."""
        before = self.sequences.get(stem, 0)
        self.sequences[stem] = before + 1
        self._undo.append(lambda: self.sequences.__setitem__(stem, before))
        return before + 1

    def release_number(self, stem: str, number: int) -> None:
        """Give back the last number of a sequence; one in between stays a gap."""
        before = self.sequences.get(stem, 0)
        if before == number:
            self.sequences[stem] = number - 1
            self._undo.append(lambda: self.sequences.__setitem__(stem, before))

    def name(self, external_id: str, model: str, identifier: int, *, noupdate: bool) -> None:
        """Give a record its external id."""
        self._add_name(external_id, (model, identifier, noupdate))
        self._undo.append(lambda: self._remove_name(external_id))

    def unname(self, external_id: str) -> None:
        target = self._remove_name(external_id)
        self._undo.append(lambda: self._add_name(external_id, target))

    def _tell(self, effect: Effect) -> None:
        self._effects.append(effect)
        self._undo.append(self._effects.pop)

    def _add_name(self, external_id: str, target: tuple[str, int, bool]) -> None:
        self.external[external_id] = target
        self.external_of.setdefault(target[:2], []).append(external_id)

    def _remove_name(self, external_id: str) -> tuple[str, int, bool]:
        target = self.external.pop(external_id)
        self.external_of[target[:2]].remove(external_id)
        return target

    def _assign(self, model: str, row: Row, field: str, value: Any) -> None:
        by_value = self.tables[model].index.get(field)
        if by_value is not None:
            by_value[row.get(field)].pop(row["id"], None)
            by_value[value][row["id"]] = None
        row[field] = value
