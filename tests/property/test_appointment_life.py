"""One appointment's life, in any order and with any failure, ends right to the cent: the five promises as one property.

What is drawn is told in `life/script.py`, what is allowed in `life/verdict.py`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest
import uvloop
from hypothesis import HealthCheck, event, given, seed, settings

from suture.catalogue import Catalogue

from .life.play import Play
from .life.script import Life, lives
from .life.verdict import Verdict
from .life.world import World, opened

SHARDS = 4
LIVES = 260

Live = Callable[[Life], str]


@pytest.fixture(scope="module")
def world(postgres_url: str, catalogue: Catalogue) -> Iterator[tuple[asyncio.Runner, World]]:
    """One world for all the lives of this test process, in a database of its own."""
    prefix = postgres_url.rpartition("/")[0]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_execute(f"{prefix}/postgres", "CREATE DATABASE lives TEMPLATE suture"))
        opening = opened(f"{prefix}/lives", catalogue)
        yield runner, runner.run(opening.__aenter__())
        runner.run(opening.__aexit__(None, None, None))
        runner.run(_execute(f"{prefix}/postgres", "DROP DATABASE lives WITH (FORCE)"))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


@pytest.fixture
def live(world: tuple[asyncio.Runner, World], notice: Callable[..., dict[str, Any]]) -> Live:
    runner, shared = world

    async def one(life: Life) -> str:
        try:
            async with asyncio.timeout(30):
                await Play(shared, life, notice).run()
                return await Verdict(shared, life).reach()
        except BaseException:
            await shared.clear()
            raise

    return lambda life: runner.run(one(life))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_any_life_ends_right_to_the_cent(shard: int, live: Live) -> None:
    outcomes: Counter[str] = Counter()

    @seed(shard)
    @settings(max_examples=LIVES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(lives())
    def check(life: Life) -> None:
        outcome = live(life)
        outcomes[outcome] += 1
        event(outcome)

    began = time.perf_counter()
    check()
    print(f"{outcomes.total()} lives in {time.perf_counter() - began:.0f} s: {outcomes.most_common()}")
    assert outcomes.total() >= LIVES
    for outcome in ("posted and paid", "undone", "never billed", "exception"):
        assert any(each.startswith(outcome) for each in outcomes), f"no life came to the end {outcome!r}"
