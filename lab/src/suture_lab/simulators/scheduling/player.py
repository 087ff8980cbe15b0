"""Lets a clinic's day happen: records each step and sends the notice about it, at the pace asked for."""

import asyncio
from collections import Counter
from typing import Any

from suture_lab.simulators.clinic.day import ClinicDay
from suture_lab.simulators.scheduling.register import Register
from suture_lab.simulators.scheduling.story import Happening, happenings
from suture_lab.simulators.webhooks import WebhookSender


class Player:
    """Plays one day once."""

    def __init__(self, day: ClinicDay, register: Register, sender: WebhookSender) -> None:
        self._day = day
        self._register = register
        self._sender = sender
        self._happened: Counter[str] = Counter()
        self._playing: asyncio.Task[None] | None = None

    def start(self, duration: float) -> bool:
        """Begin to play the day within `duration` seconds (0: as fast as notices are accepted).

        Answers False, and changes nothing, when the day has begun already.
        """
        if self._playing is not None:
            return False
        self._playing = asyncio.create_task(self._play(happenings(self._day), duration))
        return True

    async def stop(self) -> None:
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)

    def progress(self) -> dict[str, Any]:
        """How much of the day has happened. A day that broke off raises here what broke it."""
        played = self._playing is not None and self._playing.done()
        if self._playing is not None and played:
            self._playing.result()
        return {
            "planned": len(self._day.appointments),
            "booked": self._happened["booked"],
            "rescheduled": self._happened["rescheduled"],
            "arrived": self._happened["arrived"],
            "completed": self._happened["completed"],
            "cancelled": self._happened["cancelled"],
            "no_show": self._happened["noshow"],
            "webhooks": self._sender.progress(),
            "done": played and self._sender.idle,
        }

    async def _play(self, steps: list[Happening], duration: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, happening in enumerate(steps):
            wait = began + duration * number / len(steps) - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            self._register.record(happening)
            self._happened[happening.step] += 1
            await self._sender.send(happening.id, self._register.notice(happening), key=happening.plan.id)
