"""What counts as a submission, and what as a failed attempt."""

from __future__ import annotations

from dataclasses import replace

from service_management.lifecycle.record import Failure, Job, Record
from service_management.lifecycle.states import Reason, State
from service_management.usage.start_counters import StartCounters

COLD = Record("a")
QUEUED = COLD.to(State.QUEUED, Reason.SUBMITTING, 1.0, job=Job("io.a.0.1.n", 1, 1.0))
FAILURE = Failure(5.0, Reason.ENDED_AT_START, "the job ended")


def test_a_job_is_one_submission_in_all_its_life() -> None:
    tally = StartCounters()
    tally.note(COLD, QUEUED)
    tally.note(QUEUED, QUEUED.with_job(job_id="7"))
    tally.note(QUEUED, QUEUED.to(State.STARTING, Reason.LOADING, 2.0))
    assert tally.submissions() == {"a": 1}
    assert tally.failures() == {}


def test_an_adopted_job_is_not_a_submission() -> None:
    tally = StartCounters()
    tally.note(COLD, replace(QUEUED, reason=Reason.ADOPTED))
    assert tally.submissions() == {}


def test_failures_are_counted_by_reason_each_once() -> None:
    tally = StartCounters()
    failed = QUEUED.to(State.FAILED, FAILURE.reason, 5.0, job=None, last_failure=FAILURE)
    tally.note(QUEUED, failed)
    tally.note(failed, failed.to(State.COLD, Reason.NONE, 6.0))
    later = replace(failed, last_failure=replace(FAILURE, at=9.0))
    tally.note(failed, later)
    assert tally.failures() == {("a", "ended_at_start"): 2}


STARTED = replace(
    Job("io.a.0.1.n", 1, 10.0), submitted_at=10.5, estimated_start=20.0, started_at=21.5
)
READY = QUEUED.to(State.READY, Reason.HEALTHY, 30.0, job=STARTED, ready_since=30.0)


def test_a_successful_start_has_each_phase_once() -> None:
    tally, starting = StartCounters(), replace(READY, state=State.STARTING, ready_since=None)
    tally.note(starting, READY)
    tally.note(READY, READY.to(State.STARTING, Reason.UNHEALTHY, 40.0))
    tally.note(READY, READY.to(State.READY, Reason.HEALTHY, 50.0))
    totals = {key: (sum(h.counts), h.total) for key, h in tally.phases().items()}
    assert totals == {
        ("a", "submit"): (1, 0.5),
        ("a", "queue"): (1, 10.5),
        ("a", "load"): (1, 9.0),
    }
