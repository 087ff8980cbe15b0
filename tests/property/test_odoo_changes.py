"""Nothing that others change in Odoo is missed, whatever commits late, shares a time, or changes while it is read."""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from suture.connectors.odoo.reading import changes
from suture.connectors.odoo.transport.paging import pages

EPOCH = datetime(2026, 3, 2, tzinfo=UTC)


class Table:
    """Rows whose `write_date` is the time at which their transaction began; some commit only later. Times are compared
    as they are stored and answered in whole seconds, as Odoo does. After each page another write may come."""

    def __init__(self, writes: Sequence[tuple[int, float, float]]) -> None:
        self.pending = sorted(writes, key=lambda write: write[2])  # row, begun, committed
        self.rows: dict[int, tuple[float, int]] = {}
        self.now = 0.0
        self.serial = itertools.count(1)

    def advance(self, to: float) -> None:
        self.now = max(self.now, to)
        while self.pending and self.pending[0][2] <= self.now:
            row, begun, _ = self.pending.pop(0)
            self.rows[row] = (begun, next(self.serial))

    async def search(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], *, order: str = "id", limit: int | None = None
    ) -> list[dict[str, Any]]:
        found = [(row, *state) for row, state in self.rows.items() if all(self._fits(row, state, t) for t in domain)]
        found.sort(key=(lambda one: -one[1]) if order.startswith("write_date") else lambda one: one[0])
        answer = [{"id": row, "write_date": told(begun), "serial": serial} for row, begun, serial in found[:limit]]
        self.advance(self.now + 0.3)
        return answer

    def _fits(self, row: int, state: tuple[float, int], term: Sequence[Any]) -> bool:
        field, operator, value = term
        if field == "id":
            return row > value
        assert (field, operator) == ("write_date", ">=")
        return state[0] >= (datetime.fromisoformat(value).replace(tzinfo=UTC) - EPOCH).total_seconds()


def told(seconds: float) -> str:
    return f"{EPOCH + timedelta(seconds=int(seconds)):%Y-%m-%d %H:%M:%S}"


async def polled(table: Table, until: float) -> set[tuple[int, int]]:
    """Every state of a row that polls by our cursor's rule saw."""
    seen: set[tuple[int, int]] = set()
    cursor = told(0)
    odoo: Any = SimpleNamespace(search=table.search)
    while table.now <= until:
        newest = await table.search("m", [], ["write_date"], order="write_date desc", limit=1)
        since = [["write_date", ">=", changes._earlier(cursor)]]
        async for page in pages(odoo, "m", since, ["write_date"], size=3):
            seen |= {(row["id"], row["serial"]) for row in page}
        cursor = max(cursor, newest[0]["write_date"]) if newest else cursor
        table.advance(table.now + 5)
    return seen


@given(
    st.lists(
        st.tuples(st.integers(1, 12), st.floats(0, 300), st.floats(0, 100)),  # row, begun, how long it took
        max_size=40,
    )
)
def test_every_last_state_is_seen(writes: list[tuple[int, float, float]]) -> None:
    table = Table([(row, begun, begun + took) for row, begun, took in writes])
    seen = asyncio.run(polled(table, 450))
    assert not table.pending
    assert {(row, serial) for row, (_, serial) in table.rows.items()} <= seen


def test_many_rows_of_one_time_come_in_pages() -> None:
    table = Table([(row, 10.0, 10.0) for row in range(1, 30)])
    assert len(asyncio.run(polled(table, 40))) == 29
