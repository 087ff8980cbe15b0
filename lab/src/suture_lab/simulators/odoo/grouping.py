"""Sums by group: `read_group`, and since 19 `formatted_read_group`, with the answers that clients see."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from suture_lab.simulators.odoo import reading
from suture_lab.simulators.odoo.call import CalledModel
from suture_lab.simulators.odoo.errors import PythonError
from suture_lab.simulators.odoo.store import Row

_SPANS = ("day", "month", "year")
_NUMBERS = ("float", "monetary", "integer")


class _Group(NamedTuple):
    keys: tuple[Any, ...]
    rows: list[Row]


def read_group(
    model: CalledModel, domain: Sequence[Any], fields: Sequence[str], by: Sequence[str], *, orderby: str, lazy: bool
) -> list[Row]:
    """A lazy one groups by its first field alone, and leaves the others to the next question."""
    asked = [_old_aggregate(model, name) for name in fields if ":" in name or _is_summed(model, name)]
    shown, rest = (by[:1], by[1:]) if lazy else (by, [])
    count = f"{shown[0].partition(':')[0]}_count" if lazy and shown else "__count"
    answers = []
    for group in _groups(model, domain, shown):
        answer = {name: _label(model, name, key) for name, key in zip(shown, group.keys, strict=True)}
        answer[count] = len(group.rows)
        answer |= {name: function(model, field, group.rows) for name, field, function in asked}
        narrower = [term for name, key in zip(shown, group.keys, strict=True) for term in _condition(name, key)]
        answer["__domain"] = [*domain, *narrower]
        answer |= {"__context": {"group_by": list(rest)}} if rest else {}
        answer |= {"__range": ranges} if (ranges := _ranges(shown, group.keys)) else {}
        answers.append(answer)
    return _ordered(answers, orderby)


def formatted_read_group(
    model: CalledModel, domain: Sequence[Any], by: Sequence[str], aggregates: Sequence[str], *, order: str
) -> list[Row]:
    asked = [(name, *_aggregate(model, name)) for name in aggregates]
    answers = []
    for group in _groups(model, domain, by):
        answer = {name: _formatted(model, name, key) for name, key in zip(by, group.keys, strict=True)}
        narrower = [term for name, key in zip(by, group.keys, strict=True) for term in _condition(name, key)]
        answer["__extra_domain"] = narrower or [[1, "=", 1]]
        answer |= {name: function(model, field, group.rows) for name, field, function in asked}
        answers.append(answer)
    return _ordered(answers, order)


def passes(group: Row, having: Sequence[Any]) -> bool:
    """Conditions on aggregates, all of which must hold."""
    compare: dict[str, Callable[[Any, Any], bool]] = {
        ">": lambda a, b: bool(a > b),
        "<": lambda a, b: bool(a < b),
        ">=": lambda a, b: bool(a >= b),
        "<=": lambda a, b: bool(a <= b),
        "=": lambda a, b: bool(a == b),
        "!=": lambda a, b: bool(a != b),
    }
    return all(compare[operator](group[name], value) for name, operator, value in having)


def _groups(model: CalledModel, domain: Sequence[Any], by: Sequence[str]) -> list[_Group]:
    getters = [_key_getter(model, name) for name in by]
    groups: dict[tuple[Any, ...], list[Row]] = {} if by else {(): []}
    for row in model.found(domain, 0, None, "id"):
        groups.setdefault(tuple(get(row) for get in getters), []).append(row)
    found = [_Group(keys, rows) for keys, rows in groups.items()]
    return sorted(found, key=lambda group: [_sortable(model, *of) for of in zip(by, group.keys, strict=True)])


def _key_getter(model: CalledModel, by: str) -> Callable[[Row], Any]:
    name, _, span = by.partition(":")
    get = model.env.getter(model.model, name)
    if model.fields[name].kind in ("date", "datetime"):
        length = {"day": 10, "month": 7, "year": 4}[span or "month"]
        return lambda row: (get(row) or "")[:length] or False
    return lambda row: get(row) or False


def _sortable(model: CalledModel, by: str, key: Any) -> tuple[bool, Any]:
    """In the order of the related model: accounts by their names, which begin with the code. Nothing comes last."""
    field = model.fields[by.partition(":")[0]]
    if field.kind == "many2one" and key:
        return (False, str(reading.name_of(model, field, key)))
    return (key is False and field.kind != "boolean", key or ("" if field.kind != "boolean" else False))


def _label(model: CalledModel, by: str, key: Any) -> Any:
    field = model.fields[by.partition(":")[0]]
    if field.kind == "many2one":
        return [key, reading.name_of(model, field, key)] if key else False
    return _span_name(key) if key and field.kind in ("date", "datetime") else key


def _formatted(model: CalledModel, by: str, key: Any) -> Any:
    field = model.fields[by.partition(":")[0]]
    if key and field.kind in ("date", "datetime"):
        return [_first_day(key).isoformat(), _span_name(key)]
    return _label(model, by, key)


def _span_name(key: str) -> str:
    """``2026``, ``November 2026``, ``20 Nov 2026``."""
    day = _first_day(key)
    return {4: f"{day:%Y}", 7: f"{day:%B %Y}", 10: f"{day:%d %b %Y}"}[len(key)]


def _ranges(by: Sequence[str], keys: Sequence[Any]) -> Row:
    """From and to, of each group by dates."""
    conditions = {name: _condition(name, key) for name, key in zip(by, keys, strict=True)}
    return {name: {"from": of[0][2], "to": of[1][2]} for name, of in conditions.items() if len(of) == 2}


def _first_day(key: str) -> date:
    return date.fromisoformat(f"{key}-01-01"[:10] if len(key) < 10 else key)


def _condition(by: str, key: Any) -> list[list[Any]]:
    name, _, span = by.partition(":")
    if not (key and span in _SPANS):
        return [[name, "=", key]]
    start = _first_day(key)
    after = {4: start.replace(year=start.year + 1), 7: (start + timedelta(days=31)).replace(day=1)}
    end = after.get(len(key), start + timedelta(days=1))
    return [[name, ">=", start.isoformat()], [name, "<", end.isoformat()]]


_Function = Callable[[CalledModel, str, Sequence[Row]], Any]


def _is_summed(model: CalledModel, name: str) -> bool:
    """A field that is named without a function is summed where it can be."""
    if name not in model.fields:
        raise PythonError("ValueError", f"Invalid field {name!r} on model {model.model!r}")
    return model.fields[name].kind in _NUMBERS and name != "id"


def _old_aggregate(model: CalledModel, asked: str) -> tuple[str, str, _Function]:
    """``field``, ``field:sum`` or ``name:sum(field)``, and the name that the answer bears."""
    name, _, rest = asked.partition(":")
    function, _, inner = rest.partition("(")
    field = inner.rstrip(")") or name
    found, how = _aggregate(model, f"{field}:{function or 'sum'}")
    return name, found, how


def _aggregate(model: CalledModel, asked: str) -> tuple[str, _Function]:
    if asked == "__count":
        return "id", _FUNCTIONS["count"]
    field, _, function = asked.partition(":")
    if field not in model.fields:
        raise PythonError("ValueError", f"Invalid field {field!r} on model {model.model!r} for {asked!r}.")
    if function not in _FUNCTIONS:
        raise PythonError("ValueError", f"Invalid aggregate method {function!r} for {asked!r}.")
    return field, _FUNCTIONS[function]


def _values(model: CalledModel, field: str, rows: Sequence[Row]) -> list[Any]:
    """Those that aren't nothing; a number is never nothing."""
    get = model.env.getter(model.model, field)
    numbers = model.fields[field].kind in _NUMBERS
    found = (get(row) for row in rows)
    return [value or 0 for value in found] if numbers else [value for value in found if value not in (None, False)]


def _sum(model: CalledModel, field: str, rows: Sequence[Row]) -> Any:
    return round(sum(_values(model, field, rows), 0.0), 6)


def _average(model: CalledModel, field: str, rows: Sequence[Row]) -> Any:
    values = _values(model, field, rows)
    return sum(values) / len(values) if values else False


_FUNCTIONS: dict[str, _Function] = {
    "sum": _sum,
    "avg": _average,
    "max": lambda model, field, rows: max(_values(model, field, rows), default=False),
    "min": lambda model, field, rows: min(_values(model, field, rows), default=False),
    "count": lambda model, field, rows: len(_values(model, field, rows)),
    "count_distinct": lambda model, field, rows: len(set(_values(model, field, rows))),
    "array_agg": _values,
}


def _ordered(answers: list[Row], order: str) -> list[Row]:
    for part in reversed([part for part in order.split(",") if part.strip()]):
        name, _, direction = part.strip().partition(" ")
        answers.sort(key=lambda answer, n=name: answer.get(n) or 0, reverse=direction.strip().lower() == "desc")  # type: ignore[misc]
    return answers
