"""The worker role: its loops, and how they are tied together."""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import cache
from typing import Any

import structlog

from suture.backbone.relay import Relay
from suture.backbone.subscribe import Subscriber
from suture.bootstrap.composition import (
    Foundation,
    Systems,
    connect_systems,
    inbox,
    ledger_crosswalk,
    recorder,
    watch,
)
from suture.bootstrap.notifying import notify
from suture.catalogue import Catalogue
from suture.catalogue.days import Days
from suture.catalogue.manifest import Role
from suture.catalogue.model import Interface, ServiceIndex, System
from suture.connectors.guard import Guard
from suture.connectors.pulse import SystemPulse
from suture.engine.decide import Responsibility
from suture.ingest.ingester import Ingester
from suture.ingest.polling import Poller
from suture.outbound.fan_out import FanOut
from suture.outbound.sender import SubscriptionSender
from suture.processes.closing import Closing
from suture.processes.definitions import DEFINITIONS
from suture.processes.engine import ProcessEngine
from suture.processes.toolbox import Toolbox
from suture.projection.journeys import JourneyProjection
from suture.store.checkpoints import ProcessStore
from suture.store.gates import Gates
from suture.store.listen import DELIVERIES, EVENTS, GATES, HINTS, PROCESSES, RECONCILIATION, listen
from suture.store.parties import Parties
from suture.store.periods import Calendar
from suture.store.recorder import Recorder

log = structlog.get_logger()

_LAST_SECONDS = 10.0


def responsibility(catalogue: Catalogue) -> Callable[[Role | None], Responsibility]:
    """Who answers for the system in a role, as the catalogue says."""

    @cache
    def of(role: Role | None) -> Responsibility:
        name, system = catalogue.system_of(role or "scheduling")
        key, interface = _outbound(catalogue, name)
        undo_after = interface.undo_after_hours
        return Responsibility(
            owner=system.owner,
            interface=key,
            retry=interface.retry,
            retry_by_step=interface.retry_by_step,
            sla=timedelta(hours=interface.sla_hours),
            undo_after=None if undo_after is None else timedelta(hours=undo_after),
        )

    return of


def _outbound(catalogue: Catalogue, system: str) -> tuple[str, Interface]:
    """The interface by which we write to a system, with its name."""
    outbound = catalogue.outbound(system)
    return next((name, interface) for name, interface in catalogue.interfaces.items() if interface is outbound)


def make_gates(base: Foundation, recorder: Recorder, worker: str) -> Gates:
    """A system that takes calls and answers none counts as hanging after half the time that a call may last."""
    silences = {
        _outbound(base.catalogue, name)[0]: system.timeout / 2 for name, system in base.catalogue.systems.items()
    }
    return Gates(
        database=base.database,
        recorder=recorder,
        interfaces=base.catalogue.interfaces,
        silences=silences,
        worker=worker,
        clock=base.clock,
        pinged=frozenset(silences),
    )


def make_pulse(base: Foundation, systems: Systems, gates: Gates) -> SystemPulse:
    """Asks every connected system, by the gate of the interface through which we write to it."""
    connected = (systems.scheduling, systems.billing, systems.ledger)
    return SystemPulse({gates(_outbound(base.catalogue, system.name)[0]): system for system in connected})


def guards(catalogue: Catalogue, gates: Gates) -> Callable[[str, System], Guard]:
    """What each system's calls pass in this worker."""

    def guard(name: str, system: System) -> Guard:
        gate = gates(_outbound(catalogue, name)[0])
        return Guard(gate, concurrency=system.concurrency, rate=system.rate, workers=lambda: gates.workers)

    return guard


def toolbox(base: Foundation, systems: Systems, parties: Parties) -> Toolbox:
    catalogue = base.catalogue
    return Toolbox(
        billing=systems.billing,
        ledger=systems.ledger,
        parties=parties,
        catalogue=catalogue,
        services=ServiceIndex(catalogue),
        days=Days(catalogue),
        calendar=Calendar(base.database, base.clock),
        closing=Closing(base.database, base.clock, catalogue.organisation.currency),
    )


def make_poller(base: Foundation, systems: Systems, gates: Gates) -> Poller | None:
    """Reads what others change in the ledger, where the catalogue has an interface for it. It looks at no system that
    is held up, by a breaker or by a person."""
    polled = base.catalogue.polled()
    if polled is None:
        return None
    name, interface = polled
    outbound = _outbound(base.catalogue, interface.system)[0]
    return Poller(
        database=base.database,
        inbox=inbox(base),
        interface=name,
        system=interface.system,
        ledgers={company or "": systems.ledger.of_company(company) for company in base.catalogue.companies()},
        every=interface.poll_seconds,
        clock=base.clock,
        gates=lambda: (gates(name), gates(outbound)),
    )


async def work(base: Foundation) -> None:
    """Ingest, processes, gates, relay and projection, until cancelled."""
    worker = f"{socket.gethostname()}:{os.getpid()}"
    records, parties = recorder(base.catalogue), Parties(base.database, base.vault)
    gates = make_gates(base, records, worker)
    ingester = Ingester(
        database=base.database,
        vault=base.vault,
        parties=parties,
        recorder=records,
        catalogue=base.catalogue,
        clock=base.clock,
        gates=gates,
    )
    systems = connect_systems(base.catalogue, base.secrets, guards(base.catalogue, gates), ledger_crosswalk(base))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(systems.close)
        responsible = responsibility(base.catalogue)
        engine = ProcessEngine(
            store=ProcessStore(base.database, records, responsible),
            definitions=DEFINITIONS,
            toolbox=toolbox(base, systems, parties),
            responsible=responsible,
            organisation=base.catalogue.organisation.id,
            worker=worker,
            clock=base.clock,
            slots=base.settings.slots,
            lease=timedelta(seconds=base.settings.lease_seconds),
            gates=gates,
            shut_out=gates.shut_out,
        )
        relay = Relay(base.database, base.nats_url, base.settings.replicas)
        projection = JourneyProjection(base.database, records, base.clock)
        subscriber = Subscriber(
            "journeys",
            base.nats_url,
            projection.apply,
            projection.put_aside,
            unreadable=projection.unreadable,
            forged=projection.forged,
            database=base.database,
            replicas=base.settings.replicas,
        )
        waiting = FanOut(base.database, base.clock)
        fan_out = Subscriber(
            "webhooks",
            base.nats_url,
            waiting.apply,
            waiting.put_aside,
            database=base.database,
            replicas=base.settings.replicas,
        )
        sender = SubscriptionSender(
            database=base.database,
            vault=base.vault,
            recorder=records,
            catalogue=base.catalogue,
            clock=base.clock,
            private=base.settings.private_webhooks,
        )
        poller = make_poller(base, systems, gates)
        reconciling = watch(base, systems, records)
        wakers = {
            DELIVERIES: ingester.wake,
            PROCESSES: engine.wake,
            EVENTS: relay.wake,
            GATES: gates.wake,
            RECONCILIATION: reconciling.wake,
        }
        if poller is not None:
            wakers[HINTS] = poller.hint
        loops = {
            **({"polling": poller.run()} if poller is not None else {}),
            "gates": gates.run(),
            "pulse": make_pulse(base, systems, gates).run(),
            "processes": engine.run(),
            "ingest": ingester.run(),
            "relay": relay.run(),
            "projection": subscriber.run(),
            "reconciliation": reconciling.run(),
            "fan out": fan_out.run(),
            "outbound": sender.run(),
            **({"notifications": notify(base, records)} if base.catalogue.notifications.rules else {}),
            "listen": listen(base.database.url, wakers),
        }
        async with asyncio.TaskGroup() as group:
            for name, loop in loops.items():
                group.create_task(_vital(name, loop))


async def _vital(name: str, loop: Coroutine[Any, Any, None]) -> None:
    """A loop without which a worker is no worker. When it breaks, the worker ends, whatever hangs on the way out: a
    fresh one is better than half a one."""
    try:
        await loop
    except Exception as error:
        log.error("loop_broke", role=name, error_type=type(error).__name__)
        asyncio.get_running_loop().call_later(_LAST_SECONDS, os._exit, 1)
        raise
