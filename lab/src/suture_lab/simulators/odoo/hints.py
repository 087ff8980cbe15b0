"""Automation rules that call a URL after a record was created or written (`base_automation`, "send webhook").

Hints at most: called once, within a second or not at all, and also for work that was rolled back. On 17 all of it, as
it calls at once; later versions call after the transaction, and only what `load` took back was never there.
"""

import asyncio

import aiohttp
import msgspec

from suture_lab.simulators.odoo.store import Row

TIMEOUT = 1.0


class HintRule(msgspec.Struct, frozen=True):
    url: str
    model: str


class NotedHints:
    """What rules of one database have to say: noted while a call works, taken when it has ended."""

    def __init__(self) -> None:
        self._rules: dict[str, list[tuple[int, HintRule]]] = {}
        self._noted: list[tuple[str, int]] = []
        self._last_id = 0

    def add(self, rule: HintRule) -> None:
        self._last_id += 1
        self._rules.setdefault(rule.model, []).append((self._last_id, rule))

    def note(self, model: str, identifier: int) -> None:
        if model in self._rules:
            self._noted.append((model, identifier))

    def forget(self) -> None:
        self._noted.clear()

    def take(self) -> list[tuple[str, Row]]:
        """Addresses and what to tell them."""
        noted, self._noted = self._noted, []
        return [
            (rule.url, {"_action": f"Webhook(#{number})", "_id": identifier, "_model": model})
            for model, identifier in noted
            for number, rule in self._rules[model]
        ]


class HintCaller:
    """Calls and forgets."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def call(self, url: str, told: Row) -> None:
        task = asyncio.create_task(self._post(url, told))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        await asyncio.gather(*self._tasks)
        if self._session is not None:
            await self._session.close()

    async def _post(self, url: str, told: Row) -> None:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT)
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout)
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(url, data=msgspec.json.encode(told), headers=headers):
                pass
        except (aiohttp.ClientError, TimeoutError):
            pass  # nobody tries again
