"""Asks the witnesses at the end, and comes to the verdict."""

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import msgspec

from suture.backbone.names import STREAM
from suture.backbone.stream import connect
from suture_lab import statistics
from suture_lab.chaos.monkey import DoneInjury
from suture_lab.chaos.options import ChaosOptions
from suture_lab.chaos.people import People
from suture_lab.chaos.report import ChaosReport, expected_of, recoveries
from suture_lab.simulators.clinic.day import ClinicDay
from suture_lab.simulators.observed import Observed, Standing
from suture_lab.stage import Stage
from suture_lab.statistics import HeldBack
from suture_lab.verdict.explained import explained
from suture_lab.verdict.judge import judge

_SYSTEMS = ("scheduling", "billing", "odoo")


async def conclude(
    stage: Stage, options: ChaosOptions, injuries: list[DoneInjury], people: People, *, settled: bool, wall_s: float
) -> ChaosReport:
    """Everything that the report tells. The platform is asked for its open exceptions alone."""
    held = await _held(stage)
    observed = [effect for system in _SYSTEMS for effect in await _told(stage, system, "observed", list[Observed])]
    standing = await _told(stage, "odoo", "standing", list[Standing])
    verdict = judge(stage.day, observed, standing, explained(held), beside=frozenset(people.booked))
    verdict = msgspec.structs.replace(verdict, wrong=(*verdict.wrong, *await people.findings()))
    faults = {system: await _faults(stage, system) for system in _SYSTEMS}
    return ChaosReport(
        command=options.command,
        seed=options.seed,
        settled=settled,
        clean=verdict.clean,
        day_seconds=options.seconds,
        wall_s=round(wall_s, 1),
        injuries=sorted(injuries, key=lambda done: done.injury.at),
        recovery=recoveries(injuries),
        faults=faults,
        expected=expected_of(stage.day),
        found=verdict.counts,
        exceptions=dict(Counter(one.code for one in held)),
        unexpected=[one for one in held if not _foreseen(one, stage.day, people)],
        verdict=verdict,
        revived=stage.revived,
        backbone=await _backbone(stage),
    )


def _foreseen(held: HeldBack, day: ClinicDay, people: People) -> bool:
    """Whether the day's plan says that a person must look at it: its payer refuses the patient; or it is about what
    people did meanwhile."""
    if held.code == "changed_in_odoo":
        return held.subject in people.renamed
    refused = {plan.id for plan in day.appointments if plan.payer is not None and plan.eligible == "inactive"}
    return held.code == "coverage_refused" and held.key in refused


async def _held(stage: Stage) -> list[HeldBack]:
    connection = await asyncpg.connect(stage.servers.database_url)
    try:
        return await statistics.held(connection)
    finally:
        await connection.close()


async def _backbone(stage: Stage) -> dict[str, int]:
    """Events recorded, and messages in the stream: each event is one message."""
    connection = await asyncpg.connect(stage.servers.database_url)
    try:
        events: int = await connection.fetchval("SELECT count(*) FROM event")
    finally:
        await connection.close()
    client = await connect(stage.servers.nats_url, "suture-chaos")
    try:
        info = await client.jetstream().stream_info(STREAM)
    finally:
        await client.close()
    return {"events recorded": events, "messages in the stream": info.state.messages}


async def _told(stage: Stage, system: str, what: str, kind: Any) -> Any:
    return await asyncio.to_thread(stage.simulated.read, system, f"/control/{what}", kind)


async def _faults(stage: Stage, system: str) -> dict[str, int]:
    told = await _told(stage, system, "faults", dict[str, Any])
    return msgspec.convert(told["injected"], dict[str, int])
