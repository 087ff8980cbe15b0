"""One HTTP client for every connector: bounded, and with its errors translated once.

What went wrong on the wire becomes a failure that says what happens next; a status below 500 that isn't about access
or load is the system's own answer and goes back to the connector, which knows what it means. No redirect is followed:
a call that was sent on might change something twice, or hand the credentials to somebody else.
"""

from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any, Self

import aiohttp
import msgspec

from suture.connectors.guard import Guard
from suture.core.failure import Failure, Fatal, Retriable, Throttled, Unknown
from suture.telemetry import metrics, tracing

_LONGEST_ASKED = timedelta(hours=1)
_LARGEST_ANSWER = 64 * 1024 * 1024
"""How many bytes an answer may have, unpacked."""
_TOLD = frozenset({"unreachable", "no_answer", "busy", "credentials_refused", "redirected", "answer_too_large"})
"""Codes that a metric tells apart; others by what kind of failure they are."""


class Answer(msgspec.Struct, frozen=True):
    """A system's answer: HTTP status and raw body."""

    status: int
    body: bytes


class HttpClient:
    """Talks to one system. `guard` bounds its calls and tells how they went, `timeout` bounds each call in seconds,
    `largest` each answer in bytes."""

    def __init__(
        self,
        system: str,
        base_url: str,
        *,
        headers: Mapping[str, str],
        timeout: float = 60,
        guard: Guard | None = None,
        largest: int = _LARGEST_ANSWER,
    ) -> None:
        self.system = system
        self._base_url = base_url.rstrip("/")
        self._headers = dict(headers)
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=min(timeout, 10))
        self._guard = guard or Guard.unwatched(system)
        self._largest = largest
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, **parameters: str) -> Answer:
        """A reading call: no answer means that it may simply be tried again."""
        return await self._call("GET", path, None, {}, parameters, lost=Retriable)

    async def post(
        self, path: str, payload: Any, *, headers: Mapping[str, str] | None = None, reading: bool = False
    ) -> Answer:
        """A call that may change something: no answer means `Unknown`, unless it is only `reading`."""
        body = msgspec.json.encode(payload)
        lost = Retriable if reading else Unknown
        return await self._call("POST", path, body, headers or {}, {}, lost=lost)

    async def _call(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        parameters: Mapping[str, str],
        *,
        lost: type[Retriable] | type[Unknown],
    ) -> Answer:
        operation, began, outcome = operation_of(method, path), monotonic(), "broke"
        try:
            with tracing.within(f"{self.system} {operation}", system=self.system) as span:
                answer = await self._sent(method, path, body, headers, parameters, lost=lost)
                if span is not None:
                    span.set_attribute("http.response.status_code", answer.status)
            outcome = "ok" if answer.status < 400 else "refused" if answer.status < 500 else "server_error"
            return answer
        except Failure as failure:
            outcome = failure.code if failure.code in _TOLD else failure.outcome
            raise
        finally:
            metrics.observe("suture_call_seconds", monotonic() - began, self.system, operation, outcome)

    async def _sent(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        parameters: Mapping[str, str],
        *,
        lost: type[Retriable] | type[Unknown],
    ) -> Answer:
        async with self._guard.call() as watched:
            try:
                async with self._open().request(
                    method, self._base_url + path, data=body, headers=headers, params=parameters, allow_redirects=False
                ) as response:
                    answer = Answer(response.status, await self._read(response, lost))
                    _raise_for_status(self.system, answer, response.headers, lost)
                    watched.answered(answer.status)
                    return answer
            except aiohttp.ClientConnectorError as error:
                raise Retriable(
                    "unreachable",
                    f"{self.system} can't be reached",
                    f"Check that {self.system} is running and that its address in the catalogue is right.",
                ) from error
            except (TimeoutError, aiohttp.ClientError) as error:
                raise lost("no_answer", f"{self.system} accepted the call and gave no answer") from error

    async def _read(self, response: aiohttp.ClientResponse, lost: type[Retriable] | type[Unknown]) -> bytes:
        """The whole body. One that is larger than anything we ask for is given up before it fills the memory."""
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._largest:
                response.close()
                raise lost(
                    "answer_too_large",
                    f"{self.system} sent a response of more than {self._largest} bytes",
                    f"Find out what {self.system} sends at this address; no response that Suture expects is this"
                    " large.",
                )
        return bytes(body)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)
            headers = {"Content-Type": "application/json", **self._headers}
            self._session = aiohttp.ClientSession(timeout=self._timeout, connector=connector, headers=headers)
        return self._session


def operation_of(method: str, path: str) -> str:
    """What a call does, without whom it is about: ids stand behind the first part of a path, or the second where that
    is a version; JSON-2 names model and method."""
    parts = path.partition("?")[0].strip("/").split("/")
    if parts[0] == "json":
        return "/".join(parts[2:4]) or "json"
    kept = 2 if parts[0][:1] == "v" and parts[0][1:].isdigit() else 1
    return f"{method} /{'/'.join(parts[:kept])}"


def _raise_for_status(
    system: str, answer: Answer, headers: Mapping[str, str], lost: type[Retriable] | type[Unknown]
) -> None:
    """Raises what a status says about the system itself, rather than about what was asked."""
    status = answer.status
    if 300 <= status < 400:
        raise Fatal(
            "redirected",
            f"{system} redirects calls to another address ({status}), and Suture follows no redirects",
            f"Set the current address of {system} in the catalogue, for example https instead of http.",
        )
    if status == 401:
        raise Fatal(
            "credentials_refused",
            f"{system} refused the credentials (401)",
            f"Renew the secret of {system} that the catalogue names; `suture doctor` tests it.",
        )
    if status == 429:
        raise Throttled("busy", f"{system} asks for fewer calls (429)", not_before=retry_after(headers))
    if status == 503:
        raise Retriable("busy", f"{system} is busy (503)", not_before=retry_after(headers))
    if status in (502, 504):
        raise lost("no_answer", f"{system}'s gateway had no answer ({status})")


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The wait that ``Retry-After`` asks for (RFC 9110: seconds, or a date by the server's own clock); at most an hour.
    None where it asks for none that can be read."""
    told = headers.get("Retry-After", "")
    if told.isdecimal():
        return min(timedelta(seconds=min(int(told), 86400)), _LONGEST_ASKED)
    try:
        wait = parsedate_to_datetime(told) - parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return min(max(wait, timedelta(0)), _LONGEST_ASKED)
