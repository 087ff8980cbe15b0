"""Search domains: Odoo's prefix notation, evaluated over rows."""

from collections.abc import Callable, Sequence
from typing import Any

from suture.simulators.odoo.errors import PythonError

Getter = Callable[[Any, str], Any]
Test = Callable[[Any], bool]


def compile_domain(domain: Sequence[Any], check: Callable[[Sequence[Any]], None], get: Getter) -> Test:
    """A test of one row. `check` refuses conditions on unknown fields, `get` reads a (dotted) field of a row."""
    terms = list(domain)
    tests: list[Test] = []
    while terms:
        tests.append(_term(terms, check, get))
    return lambda row: all(test(row) for test in tests)


def _term(terms: list[Any], check: Callable[[Sequence[Any]], None], get: Getter) -> Test:
    if not terms:
        raise PythonError("ValueError", "Domain is malformed")
    head = terms.pop(0)
    if head == "!":
        inner = _term(terms, check, get)
        return lambda row: not inner(row)
    if head in ("&", "|"):
        left, right = _term(terms, check, get), _term(terms, check, get)
        if head == "&":
            return lambda row: left(row) and right(row)
        return lambda row: left(row) or right(row)
    check(head)
    return _condition(str(head[0]), str(head[1]), head[2], get)


def _condition(field: str, operator: str, value: Any, get: Getter) -> Test:
    if operator in ("in", "not in"):
        wanted = set(value) if isinstance(value, list | tuple) else {value}
        negate = operator == "not in"
        return lambda row: _among(get(row, field), wanted) != negate
    if operator in _COMPARISONS:
        compare = _COMPARISONS[operator]
        return lambda row: compare(get(row, field), value)
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


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": _equal,
    "!=": lambda found, value: not _equal(found, value),
    ">": _ordered(lambda a, b: bool(a > b)),
    ">=": _ordered(lambda a, b: bool(a >= b)),
    "<": _ordered(lambda a, b: bool(a < b)),
    "<=": _ordered(lambda a, b: bool(a <= b)),
    "like": _ordered(lambda a, b: b.strip("%") in a),
    "ilike": _ordered(lambda a, b: b.strip("%").lower() in a.lower()),
    "=like": _ordered(lambda a, b: a.startswith(b[:-1]) if b.endswith("%") else a == b),
}


def candidates(domain: Sequence[Any], indexed: Callable[[str], Any]) -> list[int] | None:
    """Ids that an index narrows the search to, or None to walk through the whole table.

    Only the conditions that all must hold count: any before the first operator.
    """
    best: list[int] | None = None
    for term in domain:
        if isinstance(term, str):
            break
        found = _indexed_ids(term, indexed)
        if found is not None and (best is None or len(found) < len(best)):
            best = found
    return best


def _indexed_ids(term: Sequence[Any], indexed: Callable[[str], Any]) -> list[int] | None:
    field, operator, value = term
    if operator not in ("=", "in") or (operator == "=" and not value):
        return None
    values = value if operator == "in" else [value]
    if field == "id":
        return sorted(set(values))
    by_value = indexed(field)
    if by_value is None:
        return None
    return sorted({identifier for v in values if v for identifier in by_value.get(v, ())})
