"""Reading again what a busy system did not give at once.

For reads that are one of many, such as the pages of a list: without this, one page's bad luck would cost all pages.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from suture.core.failure import Retriable, Unknown

Result = TypeVar("Result")

ATTEMPTS = 8
FIRST_WAIT = 0.05
LONGEST_WAIT = 2.0


async def read_patiently(read: Callable[[], Awaitable[Result]]) -> Result:
    """What `read` answers, tried again while it fails in passing; the last attempt's failure goes to the caller."""
    wait = FIRST_WAIT
    for _ in range(ATTEMPTS - 1):
        try:
            return await read()
        except (Retriable, Unknown) as busy:
            asked = busy.not_before.total_seconds() if busy.not_before else 0
            await asyncio.sleep(min(max(wait, asked), LONGEST_WAIT))
            wait *= 2
    return await read()
