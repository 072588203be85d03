"""When scaling is asked, with which load, and what survives a restart."""

from __future__ import annotations

import json
from dataclasses import replace

from service_management.controller.records import policy_of
from service_management.controller.scaler import Scaler
from service_management.lifecycle.activity import Seen
from service_management.lifecycle.policy import Policy
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.schedules import WarmHours
from service_management.lifecycle.states import Phase
from tests.unit.controller.samples import configured

POLICY = Policy(timeout=600.0, max_replicas=4)


def record(*phases: Phase, demand: bool = True) -> ServiceRecord:
    replicas = (
        Replica("digits", slot, Job(f"io.digits.s{slot}.n", 8080, 0.0), phase)
        for slot, phase in enumerate(phases)
    )
    return ServiceRecord("digits", tuple(replicas), demand=demand)


ONE = record(Phase.READY)


def looked(
    scaler: Scaler,
    seen: Seen,
    *,
    seconds: int = 1,
    after: int = 0,
    policy: Policy = POLICY,
    of: ServiceRecord = ONE,
) -> int | None:
    """The number wanted after so many seconds of this."""
    for second in range(seconds):
        scaler.look(of, seen, policy, 1000.0 + after + second)
    decision = scaler.decision("digits")
    return decision.wanted if decision else None


def test_the_load_is_what_is_in_flight_and_held() -> None:
    assert looked(Scaler(), Seen({0: 10}, held=7)) == 3


def test_what_a_draining_replica_answers_does_not_count() -> None:
    draining = record(Phase.READY, Phase.DRAINING)
    assert looked(Scaler(), Seen({0: 4, 1: 90}), of=draining) == 1


def test_what_cannot_be_counted_decides_nothing() -> None:
    scaler = Scaler()
    assert looked(scaler, Seen({0: 20}), seconds=10) == 3
    assert looked(scaler, Seen({0: None}), seconds=20, after=10) == 3


def test_a_service_with_one_replica_at_most_is_not_scaled() -> None:
    scaler = Scaler()
    assert looked(scaler, Seen({0: 90}), policy=replace(POLICY, max_replicas=1)) is None
    assert scaler.to_json() == {}


def test_a_service_out_of_use_is_not_scaled_any_more() -> None:
    scaler = Scaler()
    assert looked(scaler, Seen({0: 90})) == 4
    assert looked(scaler, Seen({}), of=record(demand=False)) is None
    assert scaler.to_json() == {}


def test_new_limits_count_at_once() -> None:
    scaler = Scaler()
    scaler.look(ONE, Seen({0: 90}), POLICY, 1000.0)
    scaler.look(ONE, Seen({0: 90}), replace(POLICY, max_replicas=2), 1000.1)
    decision = scaler.decision("digits")
    assert decision is not None
    assert decision.wanted == 2


def test_a_restart_keeps_the_number() -> None:
    before, three = Scaler(), record(*[Phase.READY] * 3)
    looked(before, Seen({0: 20, 1: 0, 2: 0}), seconds=60, of=three)
    stored = json.loads(json.dumps(before.to_json()))
    assert looked(Scaler(stored), Seen({0: 1, 1: 0, 2: 0}), after=70, of=three) == 3


def test_a_restart_without_its_past_keeps_what_is_there() -> None:
    three = record(*[Phase.READY] * 3)
    assert looked(Scaler("broken"), Seen({0: 1, 1: 0, 2: 0}), seconds=59, of=three) == 3


def test_the_past_is_used_once() -> None:
    """A service that was out of use since then begins again."""
    scaler = Scaler({"digits": {"nonsense": 1}})
    looked(scaler, Seen({0: 1}))
    looked(scaler, Seen({}), of=record(demand=False))
    assert looked(scaler, Seen({0: 30})) == 4


def hours(replicas: int) -> WarmHours:
    return WarmHours(frozenset({0}), 480, 1080, replicas, None, "Mon 08:00 to 18:00")


def test_a_schedule_raises_the_least_number_while_its_hours_last() -> None:
    service = configured("digits", max_replicas=3, min_replicas=1)
    assert policy_of(service).min_replicas == 1
    warm = policy_of(service, hours(2))
    assert (warm.min_replicas, warm.min_because) == (2, "its schedule, Mon 08:00 to 18:00")
    assert policy_of(service, hours(1)).min_because == "min_replicas"
    assert policy_of(service, hours(9)).min_replicas == 3


def test_the_delay_is_the_idle_time_unless_it_is_given() -> None:
    assert policy_of(configured("digits", timeout=90)).scale_down_delay == 90
    assert policy_of(configured("digits", timeout=90, scale_down_delay=0)).scale_down_delay == 0


def test_scaling_aims_at_no_more_than_a_replica_is_given() -> None:
    """Else the requests beyond max_inflight would wait for ever beside one replica."""
    limited = configured("digits", target_inflight=8, max_inflight=4)
    assert policy_of(limited).target_inflight == 4
    assert policy_of(configured("digits", target_inflight=8)).target_inflight == 8
