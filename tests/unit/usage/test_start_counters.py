"""What counts as a submission, and what as a failed attempt."""

from __future__ import annotations

from dataclasses import replace

from service_management.lifecycle.record import Failure, ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase, Reason, State
from service_management.usage.start_counters import StartCounters
from tests.unit.records import a_record, changed, only, with_job

JOB = Job("io.a.s0.n", 1, 1.0)
COLD = a_record("a")
QUEUED = a_record("a", State.QUEUED, 1.0, Reason.SUBMITTING, JOB)
FAILURE = Failure(5.0, Reason.ENDED_AT_START, "the job ended")


def moved(record: ServiceRecord, phase: Phase, reason: Reason, now: float) -> ServiceRecord:
    return record.with_replica(only(record).to(phase, reason, now))


def test_a_job_is_one_submission_in_all_its_life() -> None:
    tally = StartCounters()
    tally.note(COLD, QUEUED)
    tally.note(QUEUED, with_job(QUEUED, job_id="7"))
    tally.note(QUEUED, moved(QUEUED, Phase.STARTING, Reason.LOADING, 2.0))
    assert tally.submissions() == {"a": 1}
    assert tally.failures() == {}


def test_an_adopted_job_is_not_a_submission() -> None:
    tally = StartCounters()
    tally.note(COLD, changed(QUEUED, reason=Reason.ADOPTED))
    assert tally.submissions() == {}


def test_each_replica_is_a_submission() -> None:
    tally = StartCounters()
    second = Replica("a", 1, Job("io.a.s1.n", 1, 1.0), reason=Reason.SUBMITTING)
    third = Replica("a", 2, Job("io.a.s2.n", 1, 1.0), reason=Reason.SUBMITTING)
    two = QUEUED.with_replica(second)
    tally.note(COLD, two)
    assert tally.submissions() == {"a": 2}
    tally.note(two, two.without(second).with_replica(third))
    assert tally.submissions() == {"a": 3}


def test_the_next_job_in_the_same_slot_is_a_submission() -> None:
    tally = StartCounters()
    tally.note(QUEUED, changed(QUEUED, job=replace(JOB, name="io.a.s0.m")))
    assert tally.submissions() == {"a": 1}


def test_failures_are_counted_by_reason_each_once() -> None:
    tally = StartCounters()
    failed = a_record("a", State.FAILED, 5.0, FAILURE.reason, last_failure=FAILURE)
    tally.note(QUEUED, failed)
    tally.note(failed, failed.resting(Reason.NONE, 6.0))
    later = replace(failed, last_failure=replace(FAILURE, at=9.0))
    tally.note(failed, later)
    assert tally.failures() == {("a", "ended_at_start"): 2}


STARTED = replace(JOB, intended_at=10.0, submitted_at=10.5, estimated_start=20.0, started_at=21.5)
READY = a_record("a", State.READY, 30.0, Reason.HEALTHY, STARTED, ready_since=30.0)
STARTING = a_record("a", State.STARTING, 30.0, Reason.HEALTHY, STARTED)


def phases(tally: StartCounters) -> dict[tuple[str, str], tuple[int, float]]:
    return {key: (sum(h.counts), h.total) for key, h in tally.phases().items()}


def test_a_successful_start_has_each_phase_once() -> None:
    tally = StartCounters()
    tally.note(STARTING, READY)
    tally.note(READY, moved(READY, Phase.STARTING, Reason.UNHEALTHY, 40.0))
    tally.note(READY, moved(READY, Phase.READY, Reason.HEALTHY, 50.0))
    assert phases(tally) == {
        ("a", "submit"): (1, 0.5),
        ("a", "queue"): (1, 10.5),
        ("a", "load"): (1, 9.0),
    }


def test_each_replica_has_a_start_of_its_own() -> None:
    """Also one that becomes ready while another has long been."""
    tally = StartCounters()
    job = replace(STARTED, name="io.a.s1.n", submitted_at=11.0)
    second = replace(only(STARTING), slot=1, job=job)
    tally.note(STARTING, READY)
    ready = replace(second, phase=Phase.READY, ready_since=32.0)
    tally.note(READY.with_replica(second), READY.with_replica(ready))
    tally.note(READY.with_replica(ready), ServiceRecord("a", (ready,)))
    assert phases(tally) == {
        ("a", "submit"): (2, 1.5),
        ("a", "queue"): (2, 20.5),
        ("a", "load"): (2, 20.0),
    }
