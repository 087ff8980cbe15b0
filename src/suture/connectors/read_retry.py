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
    """What `read` answers, tried again while it fails in passing; the last attempt's failure goes to the caller, and
    so does one that took, or asks for, longer than a reader should sit through."""
    wait = FIRST_WAIT
    loop = asyncio.get_running_loop()
    for _ in range(ATTEMPTS - 1):
        began = loop.time()
        try:
            return await read()
        except (Retriable, Unknown) as busy:
            asked = busy.not_before.total_seconds() if busy.not_before else 0
            if max(asked, loop.time() - began) > LONGEST_WAIT:
                raise
            await asyncio.sleep(max(min(wait, LONGEST_WAIT), asked))
            wait *= 2
    return await read()
