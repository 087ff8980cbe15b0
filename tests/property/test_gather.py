"""Gather, whatever arrives when and whichever items fail: everyone gets their own answer."""

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from suture.core.gather import Gather

CALLS = st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=40)
"""For each call: whether its item is bad, and how many turns pass before it."""


@given(calls=CALLS, limit=st.integers(1, 10), lanes=st.integers(1, 3), pauses=st.lists(st.integers(0, 3), max_size=20))
def test_everyone_gets_their_own_answer(
    calls: list[tuple[bool, int]], limit: int, lanes: int, pauses: list[int]
) -> None:
    bad = {number for number, (is_bad, _) in enumerate(calls) if is_bad}
    flushed: list[list[int]] = []

    async def flush(items: Sequence[int]) -> list[str]:
        flushed.append(list(items))
        for _ in range(pauses[len(flushed) % len(pauses)] if pauses else 0):
            await asyncio.sleep(0)
        if culprits := bad & set(items):
            raise ValueError(culprits)
        return [f"answer {item}" for item in items]

    async def play() -> list[str | BaseException]:
        gather = Gather(flush, limit=limit, lanes=lanes)
        waiting = []
        for number, (_, turns) in enumerate(calls):
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.append(asyncio.ensure_future(gather(number)))
        return await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 10)

    answers = asyncio.run(play())
    for number, answer in enumerate(answers):
        if number in bad:
            assert isinstance(answer, ValueError)
            assert answer.args == ({number},)
        else:
            assert answer == f"answer {number}"
    assert all(0 < len(batch) <= limit for batch in flushed)
    assert all(batch == sorted(batch) for batch in flushed)
    succeeded = [item for batch in flushed if not bad & set(batch) for item in batch]
    assert sorted(succeeded) == sorted(set(range(len(calls))) - bad), "an item was flushed twice, or never"
    if lanes == 1:
        assert succeeded == sorted(succeeded)
