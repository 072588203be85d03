"""The plan follows the wanted number: which replicas start, which go, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service_management.lifecycle.activity import Seen
from service_management.lifecycle.decision import Context
from service_management.lifecycle.planner import Plan, capacity, plan, planned, wanted_replicas
from service_management.lifecycle.policy import Policy
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.scaling import Capacity, ScalingDecision
from service_management.lifecycle.states import Phase, Reason

NOW = 1000.0
POLICY = Policy(timeout=60.0, max_replicas=4)
QUEUED, STARTING, READY, DRAINING = Phase.QUEUED, Phase.STARTING, Phase.READY, Phase.DRAINING


def service(*phases: Phase, demand: bool = True) -> ServiceRecord:
    """With a replica in each of these phases, in slots from 0 on; a later one is younger."""
    replicas = (
        Replica("digits", slot, Job(f"io.digits.s{slot}.n", 8080, 0.0, job_id="7"), phase, slot)
        for slot, phase in enumerate(phases)
    )
    return ServiceRecord("digits", tuple(replicas), demand=demand)


def decided(wanted: int, startable: int | None = None, queue: int = 64) -> ScalingDecision:
    return ScalingDecision(wanted, "", wanted if startable is None else startable, 1, queue)


def context(scaling: ScalingDecision | None, policy: Policy = POLICY) -> Context:
    return Context(NOW, policy, scaling=scaling)


def plan_for(record: ServiceRecord, scaling: ScalingDecision | None, **inflight: int) -> Plan:
    counts = {one.slot: inflight.get(f"s{one.slot}", 0) for one in record.replicas}
    return plan(record, Seen(counts), context(scaling))


def test_missing_replicas_are_started_in_free_slots() -> None:
    assert plan_for(service(READY), decided(3)).start == (1, 2)


def test_no_more_are_started_than_may_be_submitted() -> None:
    assert plan_for(service(READY), decided(4, queue=2)).start == (1, 2)
    assert plan_for(service(READY, QUEUED), decided(4, queue=1)).start == ()


def test_replicas_that_are_only_kept_are_not_replaced() -> None:
    assert plan_for(service(READY), decided(3, startable=1)) == Plan()


@pytest.mark.parametrize(
    ("phases", "wanted", "retired"),
    [
        ((READY, STARTING, QUEUED), 2, (2,)),
        ((QUEUED, STARTING, READY), 2, (0,)),
        ((READY, STARTING, QUEUED), 1, (2, 1)),
        ((QUEUED, QUEUED, READY), 2, (1,)),  # the one that has waited less
        ((READY, DRAINING), 1, ()),
    ],
)
def test_queued_ones_go_first_then_loading_ones(
    phases: tuple[Phase, ...], wanted: int, retired: tuple[int, ...]
) -> None:
    assert plan_for(service(*phases), decided(wanted)).retire == retired


def test_of_ready_ones_the_one_with_least_to_do_goes() -> None:
    record = service(READY, READY, READY)
    assert plan_for(record, decided(1), s0=3, s1=0, s2=5).retire == (1, 0)


def test_a_surplus_replica_leaves_its_route_and_then_ends() -> None:
    record = service(READY, READY)
    scaling = decided(1)
    after = planned(record, Seen({0: 2, 1: 1}), context(scaling), lambda _slot: None)
    (gone,) = (one for one in after.replicas if not one.live)
    assert (gone.slot, gone.reason, gone.cancelled) == (1, Reason.IDLE, False)
    later = replace(context(scaling), now=NOW + 1)
    busy = planned(after, Seen({0: 2, 1: 1}), later, lambda _slot: None)
    assert not any(one.cancelled for one in busy.replicas)
    done = planned(busy, Seen({0: 2, 1: 0}), later, lambda _slot: None)
    assert [one.cancelled for one in done.replicas] == [False, True]


def test_one_that_drains_is_taken_back_before_another_starts() -> None:
    record = service(READY, READY)
    drained = planned(record, Seen({0: 2, 1: 1}), context(decided(1)), lambda _slot: None)
    assert plan_for(drained, decided(2)).keep == (1,)
    assert plan_for(drained, decided(3)).start == (2,)


def test_a_service_out_of_use_wants_none() -> None:
    record = service(READY, demand=False)
    assert wanted_replicas(record, context(decided(3))) == 0
    assert wanted_replicas(replace(record, removed=True), context(None)) == 0
    kept = replace(POLICY, min_replicas=2)
    assert wanted_replicas(record, context(None, kept)) == 2
    assert wanted_replicas(replace(record, enabled=False), context(None, kept)) == 0


def test_without_scaling_demand_is_one_replica() -> None:
    assert wanted_replicas(service(), context(None)) == 1
    assert plan_for(service(), None).start == (0,)


def test_the_capacity_is_of_those_that_stay() -> None:
    assert capacity(service(READY, STARTING, QUEUED, QUEUED, DRAINING)) == Capacity(1, 1, 2)


def test_in_the_place_of_a_retiring_replica_its_successor_counts() -> None:
    """It is started beside it, and the old one goes when it is ready."""
    old = service(READY, READY)
    restarted = old.with_replica(replace(old.replicas[0], retiring=Reason.RESTARTED))
    assert capacity(restarted) == Capacity(ready=1)
    assert plan_for(restarted, decided(2)) == Plan(start=(2,))
    both = service(READY, READY, READY)
    followed = both.with_replica(replace(both.replicas[0], retiring=Reason.RESTARTED))
    assert plan_for(followed, decided(2)) == Plan(retire=(0,))
