"""Asks each system now and then whether it lets us in.

An idle interface shows nothing of a key that was revoked or of a system that is gone, and a breaker that opened has
nothing to be tried with when no work waits. One cheap call with the credentials tells all of it, before the next
appointment does.
"""

import asyncio
from collections.abc import Mapping
from time import monotonic

import structlog

from suture.connectors.port import Connector
from suture.core.failure import CircuitOpen, Failure, Fatal
from suture.store.gate import Gate

log = structlog.get_logger()

EVERY_SECONDS = 30.0
_AGAIN_SECONDS = 3.0
"""A system that gives no answer is asked again soon: one ping in vain says little."""
_TURN_SECONDS = 1.0


class SystemPulse:
    """Asks systems, each by the gate of the interface through which we write to it, every `every` seconds and whenever
    its breaker wants to be tried and no work does so."""

    def __init__(self, systems: Mapping[Gate, Connector], *, every: float = EVERY_SECONDS) -> None:
        self._systems = systems
        self._every = every

    async def run(self) -> None:
        """Until cancelled. Each system is asked by itself: one that hangs delays no other."""
        async with asyncio.TaskGroup() as group:
            for gate, system in self._systems.items():
                group.create_task(self._watch(gate, system))

    async def _watch(self, gate: Gate, system: Connector) -> None:
        due = monotonic()
        while True:
            if _wants_a_try(gate) or (gate.flowing and monotonic() >= due):
                await ask(gate, system)
                due = monotonic() + (min(_AGAIN_SECONDS, self._every) if gate.in_doubt else self._every)
            await asyncio.sleep(_TURN_SECONDS)


def _wants_a_try(gate: Gate) -> bool:
    return gate.probing and not gate.row.suspended


async def ask(gate: Gate, system: Connector) -> None:
    """Ask a system once. What it answers opens or shuts its gate; that it gives no answer shuts it too, once that has
    happened as often in a row as its breaker counts."""
    try:
        gate.enter()
    except CircuitOpen:
        return
    try:
        await system.ping()
        if gate.probing:
            gate.succeeded()
    except Fatal as failure:
        gate.shut(failure)
    except Failure as failure:
        log.info("ping_failed", interface=gate.interface, code=failure.code)
        gate.pinged_in_vain(failure)
    finally:
        gate.leave()
