"""Which injuries happen when: drawn from a seed before the day begins, so that the same seed injures the same way."""

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from suture_lab.simulators.faults import PRESETS

Bounds = tuple[float, float]

_FIRST_AFTER = 2.0
_PAUSE: Bounds = (1.5, 4.5)
_QUIET_END = 2.0
_REST = 4.0
"""Seconds for which what was injured is left alone afterwards: a second blow would hide the recovery from the first."""

_KILLS = ("worker", "gateway", "postgres", "backend", "nats")
_FREEZES: dict[str, Bounds] = {"worker": (0, 0), "gateway": (2, 6), "postgres": (2, 5), "nats": (3, 9)}
_FAILURES: dict[str, Bounds] = {
    "storm": (5, 12),
    "outage": (5, 15),
    "throttled": (4, 10),
    "hanging": (4, 10),
    "late": (4, 10),
    "dropped": (4, 10),
}
_OUTSIDE = ("billing", "odoo")
_PEOPLE: dict[str, Bounds] = {"lock": (3, 8), "change": (0, 0), "rename": (0, 0), "remit": (2, 6)}
"""What people do meanwhile, for how long: lock the day in Odoo, change thousands of contacts, rename a payer, book a
remittance and, a while later, its reversal."""

FAULT_PLANS: dict[str, dict[str, float]] = {
    "storm": {name: value for name, value in msgspec.structs.asdict(PRESETS["storm"]).items() if value},
    "outage": {"unavailable": 1.0},
    "throttled": {"throttled": 0.6},
    "hanging": {"hang": 0.3, "hang_ms": 8000},
    "late": {"late": 0.3, "hang_ms": 8000},
    "dropped": {"dropped": 0.4},
}
"""What an outside system's failure means, as its simulator takes it."""


class Injury(msgspec.Struct, frozen=True, kw_only=True):
    """One injury. `at` and `lasts` are seconds, the former since the day began; a kill lasts no time.

    `target` is a role's name, ``postgres``, a NATS node's name, ``leader`` (whichever node leads the stream by then),
    an outside system, or ``people``, who go on whatever fails. `pick`, 0 to 1, chooses among backends.
    """

    at: float
    kind: str
    target: str
    lasts: float = 0.0
    pick: float = 0.0

    @property
    def what(self) -> str:
        return self.kind.partition("_")[0]


def plan_injuries(seed: int, seconds: float, *, workers: int, nats_nodes: int, lease: float) -> list[Injury]:
    """The injuries of a day of `seconds`, in order of time. A frozen worker stays so for longer than its `lease`.

    Every kind has its turn before any comes again; what was just injured is left alone for a while.
    """
    random = Random(f"chaos-{seed}")  # noqa: S311 (bad luck, no secret)
    injuries: list[Injury] = []
    free_at: dict[str, float] = {}
    kinds = _kinds(random)
    waiting: list[str] = []
    at = _FIRST_AFTER
    while at < seconds - _QUIET_END:
        waiting.append(next(kinds))
        for kind in waiting:
            injury = _draw(random, kind, round(at, 2), workers=workers, nats_nodes=nats_nodes, lease=lease)
            if free_at.get(_organ(injury), 0.0) <= at:
                waiting.remove(kind)
                injuries.append(injury)
                free_at[_organ(injury)] = at + injury.lasts + _REST
                break
        at += random.uniform(*_PAUSE)
    return injuries


def _kinds(random: Random) -> Iterator[str]:
    """All kinds in a random order, again and again."""
    kinds = [f"{what}_killed" for what in _KILLS] + [f"{what}_frozen" for what in _FREEZES]
    kinds += [f"outside_{name}" for name in _FAILURES] + [f"people_{name}" for name in _PEOPLE]
    while True:
        yield from random.sample(kinds, len(kinds))


def _draw(random: Random, kind: str, at: float, *, workers: int, nats_nodes: int, lease: float) -> Injury:
    what, _, how = kind.partition("_")
    lasting = _PEOPLE if what == "people" else _FAILURES
    bounds = lasting.get(how, (0.0, 0.0)) if how != "frozen" else _FREEZES[what]
    if kind == "worker_frozen":
        bounds = (lease * 1.2 + 1, lease * 2 + 1)
    drawn: dict[str, Any] = {
        "target": _target(random, what, workers, nats_nodes),
        "lasts": round(random.uniform(*bounds), 2),
        "pick": round(random.random(), 3),
    }
    return Injury(at=at, kind=kind, **drawn)


def _target(random: Random, what: str, workers: int, nats_nodes: int) -> str:
    if what == "worker":
        return f"worker-{random.randint(1, workers)}"
    if what == "outside":
        return random.choice(_OUTSIDE)
    if what == "nats" and nats_nodes > 1:
        return random.choice(["leader", *(f"nats-{number}" for number in range(1, nats_nodes + 1))])
    return {"backend": "postgres"}.get(what, what)


def _organ(injury: Injury) -> str:
    """What heals as one: a cluster's nodes do, for it lives through the loss of one and not of two."""
    return injury.what if injury.what == "nats" else injury.target
