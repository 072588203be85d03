"""The order within a pass of the controller, for a service with several replicas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service_management.controller.inbox import Happened
from service_management.gateway.inflight import Sample
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Cancel, Find, Probe, Submit
from service_management.lifecycle.states import State
from tests.unit.controller.harness import (
    START,
    Harness,
    Refused,
    ending,
    healthy,
    in_flight,
    jobs_of,
    main_socket,
    over,
)
from tests.unit.controller.samples import configured, with_job, with_jobs
from tests.unit.records import changed

PAIR = configured(min_replicas=2, max_replicas=3)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Harness]:
    """Two ready replicas, which are kept running."""
    record = with_jobs("digits", START, State.READY, State.READY)
    served = record.with_replicas(*(replace(one, ready_since=START) for one in record.replicas))
    harness = Harness(tmp_path, served, services=[PAIR]).restore()
    yield harness
    harness.close()


def routed(harness: Harness) -> dict[int, Path]:
    return {number: tunnel for (_route, number), tunnel in harness.routes.routes.items()}


def test_all_intents_are_stored_before_any_submission_starts(tmp_path: Path) -> None:
    services = [configured(min_replicas=3, max_replicas=3)]
    harness = Harness(tmp_path, services=services)
    calls = harness.step()
    names = [harness.replica(slot).job.name for slot in range(3)]
    assert jobs_of(calls, Submit) == jobs_of(calls, Find) == names
    assert [call[0] for call in calls].index("save") < [call[0] for call in calls].index("start")
    assert harness.store.records["digits"] == harness.record()
    assert jobs_of(harness.step(), Submit) == []
    harness.close()


def test_only_an_id_less_replica_is_looked_for_by_a_new_process(tmp_path: Path) -> None:
    record = with_jobs("digits", START, State.STARTING, State.QUEUED)
    lost = record.with_replica(record.replicas[1].with_job(job_id="", node=""))
    harness = Harness(tmp_path, lost, services=[PAIR])
    calls = harness.step()
    assert jobs_of(calls, Submit) == []
    assert jobs_of(calls, Find) == [lost.replicas[1].job.name]
    harness.close()


def test_each_replica_is_published_when_it_is_ready(tmp_path: Path) -> None:
    record = with_jobs("digits", START, *[State.STARTING] * 3)
    services = [configured(min_replicas=3, max_replicas=3)]
    harness = Harness(tmp_path, record, services=services).restore()
    for position, slot in enumerate((2, 0, 1)):
        harness.happen(healthy(harness, slot))
        assert len(routed(harness)) == position + 1
        assert routed(harness)[position] == main_socket(harness, slot)
    harness.close()


def test_a_replica_that_ends_is_unpublished_and_replaced(pair: Harness) -> None:
    """Slurm's cleanup does not keep the service from starting another."""
    pair.happen(ev.Demanded(), after=100.0)
    calls = pair.happen(ending(pair, 1))
    assert calls[:2] == [
        ("unpublish", "digits", State.READY),
        ("save", {"digits": State.READY}),
    ]
    assert routed(pair) == {0: main_socket(pair, 0)}
    assert jobs_of(calls, Submit) == [pair.replica(2).job.name]
    assert pair.record().state is State.READY


def test_the_first_position_goes_to_a_replica_that_is_left(pair: Harness) -> None:
    pair.happen(ending(pair, 0))
    assert routed(pair) == {0: main_socket(pair, 1)}


@pytest.mark.parametrize("after", [1.0, 0.01], ids=["new sample", "old sample"])
def test_no_request_goes_to_an_ended_replica_with_a_full_disk(pair: Harness, after: float) -> None:
    for slot in (0, 1):
        pair.store.refuses = True
        ended = main_socket(pair, slot)
        with pytest.raises(Refused):
            pair.happen(ending(pair, slot), after=after)
        assert ended not in pair.routes.routes.values()


def test_one_position_is_healed_without_the_others(pair: Harness) -> None:
    before = dict(pair.routes.routes)
    del pair.routes.routes["digits", 1]
    calls = pair.step()
    assert pair.routes.routes == before
    assert [call for call in calls if call[0] == "publish"] == [("publish", "digits", State.READY)]


def test_a_new_process_keeps_the_positions_of_replicas(tmp_path: Path) -> None:
    record = with_jobs("digits", START, State.READY, State.READY, State.STARTING)
    harness = Harness(tmp_path, record, services=[PAIR])
    first, second, third = (main_socket(harness, slot) for slot in range(3))
    harness.routes.routes = {("digits", 0): second, ("digits", 1): first, ("digits", 2): third}
    harness.restore()
    assert routed(harness) == {0: second, 1: first}
    harness.close()


def test_requests_in_flight_are_counted_by_replica(pair: Harness) -> None:
    pair.sample = in_flight(pair, 3, slot=1)
    pair.step()
    names = [pair.replica(slot).job.name for slot in (0, 1)]
    assert pair.snapshot.inflight == dict(zip(names, (0, 3), strict=True))


def test_a_replica_is_cancelled_once_its_own_requests_ended(pair: Harness) -> None:
    names = [pair.replica(slot).job.name for slot in (0, 1)]
    pair.sample = in_flight(pair, 1, slot=1)
    pair.happen(ev.DisableAsked())
    assert routed(pair) == {}
    assert jobs_of(pair.step(after=0.01), Cancel) == []
    assert jobs_of(pair.step(), Cancel) == names[:1]
    pair.sample = Sample(known=True)
    assert jobs_of(pair.step(), Cancel) == names


def test_replicas_without_a_count_are_not_cancelled(pair: Harness) -> None:
    pair.sample = Sample(known=False)
    pair.happen(ev.DisableAsked())
    assert jobs_of(pair.step(after=10.0), Cancel) == []


def test_a_surplus_replica_ends_and_the_other_serves(tmp_path: Path) -> None:
    record = with_jobs("digits", START, State.READY, State.READY)
    harness = Harness(tmp_path, record, services=[configured(max_replicas=2)]).restore()
    assert len(harness.record().ready) == 2  # a restart ends none
    harness.step(after=61.0)
    [left] = harness.record().ready
    assert routed(harness) == {0: main_socket(harness, left.slot)}
    assert jobs_of(harness.step(), Cancel) == [harness.replica(1 - left.slot).job.name]
    harness.happen(over(harness, 1 - left.slot))
    assert harness.record().replicas == (left,)
    harness.close()


def test_a_stop_in_a_hurry_cancels_all_in_the_same_pass(pair: Harness) -> None:
    pair.sample = in_flight(pair, 1)
    names = [pair.replica(slot).job.name for slot in (0, 1)]
    calls = pair.step(
        Happened("digits", ev.DisableAsked()), Happened("digits", ev.StopAsked(hurry=True))
    )
    assert jobs_of(calls, Cancel) == names
    assert routed(pair) == {}


def test_an_action_of_a_replica_that_fails_costs_only_itself(tmp_path: Path) -> None:
    record = with_jobs("digits", START, State.STARTING, State.STARTING)
    harness = Harness(tmp_path, record, services=[PAIR]).restore()
    harness.effects.fail_next = RuntimeError()
    calls = harness.step()
    assert jobs_of(calls, Probe) == [one.job.name for one in record.replicas]
    harness.close()


def test_an_unreadable_replica_does_not_cost_the_others(tmp_path: Path) -> None:
    record = with_jobs("digits", START, State.READY, State.READY)
    lost = record.with_replica(record.replicas[0].with_job(spec='{"login": 3}'))
    harness = Harness(tmp_path, lost, services=[PAIR]).restore()
    assert harness.record().replicas == record.replicas
    assert len(routed(harness)) == 2
    harness.close()


def test_no_resting_entry_between_one_replica_and_the_next(tmp_path: Path) -> None:
    """One ended, and the next is submitted, in one pass."""
    record = changed(with_job("digits", State.READY, START), last_activity=START)
    harness = Harness(tmp_path, record).restore()
    name = harness.replica().job.name
    harness.happen(ev.RestartAsked())
    calls = harness.happen(over(harness))
    assert jobs_of(calls, Submit) == [harness.replica().job.name] != [name]
    assert [entry.state for entry in harness.store.entries] == ["draining", "queued"]
    harness.close()
