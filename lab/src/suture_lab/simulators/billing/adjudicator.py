"""Payers and patients pay some time after a charge is captured; the platform posts it and tells the subscriber."""

import asyncio
from datetime import UTC, datetime, time

import msgspec

from suture_lab.simulators.billing.book import Book
from suture_lab.simulators.billing.messages import BilledPayment
from suture_lab.simulators.webhooks import WebhookSender

POSTED_AT = time(20, 0, tzinfo=UTC)
"""The hour, on the clinic's clock, at which a day's payments are posted; fixed, so that a notice never changes."""


class Adjudicator:
    """Posts each captured charge's payments `delay` seconds after its capture, in order of capture."""

    def __init__(self, book: Book, sender: WebhookSender, delay: float) -> None:
        self._book = book
        self._sender = sender
        self._delay = delay
        self._captured: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
        self._working: asyncio.Task[None] | None = None

    def captured(self, charge_id: str) -> None:
        due = asyncio.get_running_loop().time() + self._delay
        self._captured.put_nowait((due, charge_id))
        if self._working is None:
            self._working = asyncio.create_task(self._work())

    async def stop(self) -> None:
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, charge_id = await self._captured.get()
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            for payment in self._book.adjudicate(charge_id):
                await self._sender.send(f"msg_{payment.id}", notice(payment), key=charge_id)


def notice(payment: BilledPayment) -> bytes:
    """The webhook's body about a posted payment."""
    at = datetime.combine(payment.received_on, POSTED_AT).isoformat().replace("+00:00", "Z")
    return msgspec.json.encode({"type": "payment.posted", "timestamp": at, "data": {"payment": payment}})
