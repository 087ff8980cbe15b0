"""Search domains: Odoo's prefix notation, evaluated over rows."""

from collections.abc import Callable, Sequence
from typing import Any

from suture_lab.simulators.odoo.errors import PythonError

Getter = Callable[[Any], Any]
Resolve = Callable[[Sequence[Any]], tuple[Getter | None, Any]]
Test = Callable[[Any], bool]


def compile_domain(domain: Sequence[Any], resolve: Resolve) -> Test:
    """A test of one row. `resolve` turns a condition into what reads its field of a row (None: it always holds), and
    the value to compare with; it refuses conditions on unknown fields."""
    terms = list(domain)
    tests: list[Test] = []
    while terms:
        tests.append(_term(terms, resolve))
    if len(tests) == 1:
        return tests[0]
    return lambda row: all(test(row) for test in tests)


def _term(terms: list[Any], resolve: Resolve) -> Test:
    if not terms:
        raise PythonError("ValueError", "Domain is malformed")
    head = terms.pop(0)
    if head == "!":
        inner = _term(terms, resolve)
        return lambda row: not inner(row)
    if head in ("&", "|"):
        left, right = _term(terms, resolve), _term(terms, resolve)
        if head == "&":
            return lambda row: left(row) and right(row)
        return lambda row: left(row) or right(row)
    get, value = resolve(head)
    return _condition(get, str(head[1]), value) if get is not None else lambda row: True


def _condition(get: Getter, operator: str, value: Any) -> Test:
    if operator in ("in", "not in"):
        wanted = set(value) if isinstance(value, list | tuple) else {value}
        negate = operator == "not in"
        return lambda row: _among(get(row), wanted) != negate
    if operator in _COMPARISONS:
        compare = _COMPARISONS[operator]
        return lambda row: compare(get(row), value)
    raise PythonError("ValueError", f"Invalid operator {operator!r} in condition")


def _among(found: Any, wanted: set[Any]) -> bool:
    if isinstance(found, list):
        return not wanted.isdisjoint(found)
    return (found or False) in wanted


def _equal(found: Any, value: Any) -> bool:
    if isinstance(found, list):
        return value in found if value else not found
    return bool((found or False) == (value or False))


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """A comparison that an empty value (None, False; zero isn't one) never passes."""
    return lambda found, value: not _nothing(found) and not _nothing(value) and test(found, value)


def _nothing(value: Any) -> bool:
    return value is None or value is False


def _like(found: str, value: str) -> bool:
    """A part of the text; ``%`` stands for anything in between."""
    at = 0
    for part in value.split("%"):
        at = found.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": _equal,
    "!=": lambda found, value: not _equal(found, value),
    ">": _ordered(lambda a, b: bool(a > b)),
    ">=": _ordered(lambda a, b: bool(a >= b)),
    "<": _ordered(lambda a, b: bool(a < b)),
    "<=": _ordered(lambda a, b: bool(a <= b)),
    "like": _ordered(_like),
    "not like": lambda found, value: _nothing(found) or not _like(found, value),
    "ilike": _ordered(lambda a, b: _like(a.lower(), b.lower())),
    "not ilike": lambda found, value: _nothing(found) or not _like(found.lower(), value.lower()),
    "=like": _ordered(lambda a, b: bool(a.startswith(b[:-1]) if b.endswith("%") else a == b)),
    "=ilike": _ordered(lambda a, b: bool(a.lower() == b.lower())),
}


def candidates(domain: Sequence[Any], indexed: Callable[[str], Any]) -> list[int] | None:
    """Ids, in order, that an index narrows the search to, or None to walk through the whole table.

    Only the conditions that all must hold count: any before the first operator.
    """
    best: list[int] | None = None
    for field, operator, value in _first_conditions(domain):
        if operator not in ("=", "in") or (operator == "=" and not value):
            continue
        found = _indexed_ids(field, value if operator == "in" else [value], indexed)
        if found is not None and (best is None or len(found) < len(best)):
            best = found
    return sorted(best) if best is not None else None


def least_id(domain: Sequence[Any]) -> int:
    """The least id that may be found: what a reader of pages asks for (``id > last``)."""
    least = [
        value + (operator == ">") for field, operator, value in _first_conditions(domain) if _is_bound(field, operator)
    ]
    return max((bound for bound in least if isinstance(bound, int)), default=0)


def _is_bound(field: Any, operator: Any) -> bool:
    return field == "id" and operator in (">", ">=")


def _first_conditions(domain: Sequence[Any]) -> list[Sequence[Any]]:
    """The conditions before the first operator, and those that are joined by leading ``&``."""
    conditions: list[Sequence[Any]] = []
    for term in domain:
        if isinstance(term, str):
            break
        conditions.append(term)
    return conditions


def _indexed_ids(field: str, values: Sequence[Any], indexed: Callable[[str], Any]) -> list[int] | None:
    if field == "id":
        return [value for value in dict.fromkeys(values) if value]
    by_value = indexed(field)
    if by_value is None or not all(values):
        return None
    return [identifier for value in dict.fromkeys(values) for identifier in by_value.get(value, ())]
