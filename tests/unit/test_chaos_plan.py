"""The plan of injuries: from the seed alone, bounded, and never two blows on the same organ at once."""

from collections import Counter
from itertools import pairwise

import pytest

from suture_lab.chaos.plan import FAULT_PLANS, Injury, plan_injuries
from suture_lab.simulators.faults import FaultPlan

LEASE = 5.0


def plan(seed: int = 1, seconds: float = 120.0, workers: int = 2, nats_nodes: int = 1) -> list[Injury]:
    return plan_injuries(seed, seconds, workers=workers, nats_nodes=nats_nodes, lease=LEASE)


def organ(injury: Injury) -> str:
    return injury.what if injury.what == "nats" else injury.target


def test_the_same_seed_injures_the_same_way() -> None:
    assert plan(7) == plan(7)
    assert plan(7) != plan(8)


def test_a_longer_day_begins_with_the_shorter_ones_injuries() -> None:
    short = plan(seconds=60)
    assert plan(seconds=240)[: len(short)] == short


@pytest.mark.parametrize("seed", range(20))
def test_pauses_are_bounded_and_nothing_begins_after_the_day(seed: int) -> None:
    times = [injury.at for injury in plan(seed)]
    assert times == sorted(times)
    assert times[0] >= 2
    assert times[-1] < 120
    assert max(later - earlier for earlier, later in pairwise(times)) < 15


@pytest.mark.parametrize("seed", range(20))
def test_what_was_injured_is_left_alone_until_it_is_well_again(seed: int) -> None:
    free_at: dict[str, float] = {}
    for injury in plan(seed, 600, nats_nodes=3):
        assert injury.at >= free_at.get(organ(injury), 0)
        free_at[organ(injury)] = injury.at + injury.lasts


def test_every_kind_has_its_turn() -> None:
    kinds = Counter(injury.kind for injury in plan(seconds=300))
    assert set(kinds) == {
        *(f"{what}_killed" for what in ("worker", "gateway", "postgres", "backend", "nats")),
        *(f"{what}_frozen" for what in ("worker", "gateway", "postgres", "nats")),
        *(f"outside_{name}" for name in FAULT_PLANS),
        *(f"people_{name}" for name in ("lock", "change", "rename", "remit")),
    }
    assert max(kinds.values()) - min(kinds.values()) <= 3


def test_a_frozen_worker_stays_so_for_longer_than_its_lease() -> None:
    frozen = [injury for injury in plan(seconds=600) if injury.kind == "worker_frozen"]
    assert frozen
    assert all(LEASE < injury.lasts < 3 * LEASE for injury in frozen)


def test_targets_are_what_there_is() -> None:
    targets = {injury.target for injury in plan(seconds=900, workers=3, nats_nodes=3)}
    workers, nodes = {f"worker-{number}" for number in (1, 2, 3)}, {f"nats-{number}" for number in (1, 2, 3)}
    assert targets == {*workers, *nodes, "leader", "gateway", "postgres", "billing", "odoo", "people"}
    assert {injury.target for injury in plan(seconds=900, workers=1) if injury.what == "nats"} == {"nats"}


@pytest.mark.parametrize("name", FAULT_PLANS)
def test_failures_are_such_as_the_simulators_take(name: str) -> None:
    assert FaultPlan(**FAULT_PLANS[name])
