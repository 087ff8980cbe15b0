"""Carries the injuries out. What it freezes it thaws; what it kills is for the platform's own supervision to revive."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, time

import msgspec
import psutil

from suture.backbone.names import STREAM
from suture.backbone.stream import BACKBONE_AWAY, connect
from suture_lab.chaos.measure import Recovery, RecoveryWatcher
from suture_lab.chaos.people import People
from suture_lab.chaos.plan import FAULT_PLANS, Injury
from suture_lab.stage import Stage

ALWAYS: dict[str, float] = {"duplicate": 0.1, "reorder": 0.1, "reorder_ms": 2000}
"""What happens to webhooks all day long."""

_TARGET_SECONDS = 15.0


class DoneInjury(msgspec.Struct, frozen=True, kw_only=True):
    """An injury as it came about: `hit` names the processes that it met, empty where there was none to hit."""

    injury: Injury
    hit: str
    recoveries: tuple[Recovery, ...] = ()


class Monkey:
    """Injures the stage by plan. `tell` gets a line for each injury."""

    def __init__(self, stage: Stage, plan: list[Injury], watcher: RecoveryWatcher, tell: Callable[[str], None]) -> None:
        self.people = People(stage)
        self._stage = stage
        self._plan = plan
        self._watcher = watcher
        self._tell = tell
        self._frozen: set[psutil.Process] = set()
        self.done: list[DoneInjury] = []

    async def run(self) -> None:
        """Carry out the plan; returns when the last injury is over and what it hit works again, or gave up."""
        async with asyncio.TaskGroup() as group:
            for injury in self._plan:
                await asyncio.sleep(max(self._stage.began + injury.at - monotonic(), 0))
                group.create_task(self._injure(injury))

    def thaw(self) -> None:
        """Let everything go on that is still frozen."""
        for process in list(self._frozen):
            self._resume(process)

    async def _injure(self, injury: Injury) -> None:
        act = {"killed": self._kill, "frozen": self._freeze}.get(injury.kind.partition("_")[2], self._fail)
        done = await (self._do if injury.what == "people" else act)(injury)
        self.done.append(done)

    async def _kill(self, injury: Injury) -> DoneInjury:
        victims = await self._victims(injury)
        if not victims:
            return self._missed(injury)
        name = self._name(injury, victims)
        held = await self._watcher.held_by(victims[0].pid) if injury.what == "worker" else []
        at = time()
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        self._say(injury, f"{name} killed")
        recoveries = await self._watcher.recovered(injury, at, held)
        return DoneInjury(injury=injury, hit=name, recoveries=recoveries)

    async def _freeze(self, injury: Injury) -> DoneInjury:
        victims = await self._victims(injury)
        if not victims:
            return self._missed(injury)
        name = self._name(injury, victims)
        at = time()
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.suspend()
                self._frozen.add(victim)
        self._say(injury, f"{name} frozen for {injury.lasts:.1f} s")
        if self._watcher.taken_over(injury):
            held = await self._watcher.held_by(victims[0].pid) if injury.what == "worker" else []
            recovered = asyncio.create_task(self._watcher.recovered(injury, at, held))
            await self._thaw_later(victims, injury.lasts)
            recoveries = await recovered
        else:
            await self._thaw_later(victims, injury.lasts)
            recoveries = await self._watcher.recovered(injury, time(), [])
        return DoneInjury(injury=injury, hit=name, recoveries=recoveries)

    async def _fail(self, injury: Injury) -> DoneInjury:
        name = injury.kind.partition("_")[2]
        plan = ALWAYS | FAULT_PLANS[name] if injury.target == "billing" else FAULT_PLANS[name]
        await asyncio.to_thread(self._stage.simulated.set_faults, plan, injury.target)
        self._say(injury, f"{injury.target} {name} for {injury.lasts:.1f} s")
        await asyncio.sleep(injury.lasts)
        calm = ALWAYS if injury.target == "billing" else {}
        await asyncio.to_thread(self._stage.simulated.set_faults, calm, injury.target)
        return DoneInjury(
            injury=injury, hit=injury.target, recoveries=await self._watcher.recovered(injury, time(), [])
        )

    async def _do(self, injury: Injury) -> DoneInjury:
        """People do theirs, whatever else fails just then."""
        told = await self.people.act(injury)
        if not told:
            return self._missed(injury)
        self._say(injury, told)
        return DoneInjury(injury=injury, hit=injury.target)

    async def _thaw_later(self, victims: list[psutil.Process], seconds: float) -> None:
        await asyncio.sleep(seconds)
        for victim in victims:
            self._resume(victim)

    def _resume(self, process: psutil.Process) -> None:
        with suppress(psutil.NoSuchProcess):
            process.resume()
        self._frozen.discard(process)

    async def _victims(self, injury: Injury) -> list[psutil.Process]:
        """The processes to hit, once there are any; one that is just being revived is waited for."""
        until = monotonic() + _TARGET_SECONDS
        while monotonic() < until:
            with suppress(psutil.NoSuchProcess):
                found = await self._find(injury)
                if found:
                    return found
            await asyncio.sleep(0.2)
        return []

    async def _find(self, injury: Injury) -> list[psutil.Process]:
        if injury.target == "postgres":
            return self._of_postgres(injury)
        if injury.what == "nats":
            return await self._of_nats(injury)
        role = next(role for role in self._stage.roles if role.name == injury.target)
        running = role.process is not None and role.process.poll() is None
        return [psutil.Process(role.process.pid)] if running and role.process is not None else []

    def _of_postgres(self, injury: Injury) -> list[psutil.Process]:
        pid = self._stage.servers.pids.get("postgres")
        if pid is None:
            return []
        server = psutil.Process(pid)
        if injury.kind == "postgres_killed":
            return [server]
        if injury.kind == "postgres_frozen":
            return [server, *server.children(recursive=True)]
        backends = [child for child in server.children() if "suture suture" in " ".join(child.cmdline())]
        return [backends[min(int(injury.pick * len(backends)), len(backends) - 1)]] if backends else []

    async def _of_nats(self, injury: Injury) -> list[psutil.Process]:
        pids = self._stage.servers.pids
        name = "nats-server" if injury.target == "nats" else injury.target
        if name == "leader":
            name = await self._leader() or ""
        return [psutil.Process(pids[name])] if name in pids else []

    async def _leader(self) -> str | None:
        """The node that leads the stream; None while there is none."""
        try:
            client = await connect(self._stage.servers.nats_url, "suture-chaos")
            try:
                info = await client.jetstream(timeout=2).stream_info(STREAM)
            finally:
                await client.close()
        except BACKBONE_AWAY:
            return None
        return info.cluster.leader if info.cluster else None

    def _name(self, injury: Injury, victims: list[psutil.Process]) -> str:
        """What is hit, as the report tells it."""
        by_pid = {pid: name for name, pid in self._stage.servers.pids.items()}
        if injury.kind == "backend_killed":
            return f"a backend of PostgreSQL ({victims[0].pid})"
        name = by_pid.get(victims[0].pid, injury.target)
        led = ", the leader" if injury.target == "leader" else ""
        more = f" with {len(victims) - 1} of its own" if len(victims) > 1 else ""
        return f"{name} ({victims[0].pid}{led}){more}"

    def _missed(self, injury: Injury) -> DoneInjury:
        self._say(injury, f"{injury.target}: nothing there to hit")
        return DoneInjury(injury=injury, hit="")

    def _say(self, injury: Injury, what: str) -> None:
        self._tell(f"{monotonic() - self._stage.began:5.1f} s  {what}")
