"""What counts as a submission, and what as a failed attempt."""

from __future__ import annotations

from dataclasses import replace

from service_management.controller.tally import Tally
from service_management.lifecycle.record import Failure, Job, Record
from service_management.lifecycle.states import Reason, State

COLD = Record("a")
QUEUED = COLD.to(State.QUEUED, Reason.SUBMITTING, 1.0, job=Job("io.a.0.1.n", 1, 1.0))
FAILURE = Failure(5.0, Reason.ENDED_AT_START, "the job ended")


def test_a_new_job_is_a_submission_and_its_further_life_is_none() -> None:
    tally = Tally()
    tally.note(COLD, QUEUED)
    tally.note(QUEUED, QUEUED.with_job(job_id="7"))
    tally.note(QUEUED, QUEUED.to(State.STARTING, Reason.LOADING, 2.0))
    assert tally.submissions() == {"a": 1}
    assert tally.failures() == {}


def test_a_job_that_was_adopted_was_not_submitted_by_us() -> None:
    tally = Tally()
    tally.note(COLD, replace(QUEUED, reason=Reason.ADOPTED))
    assert tally.submissions() == {}


def test_failures_are_counted_by_reason_each_once() -> None:
    tally = Tally()
    failed = QUEUED.to(State.FAILED, FAILURE.reason, 5.0, job=None, last_failure=FAILURE)
    tally.note(QUEUED, failed)
    tally.note(failed, failed.to(State.COLD, Reason.NONE, 6.0))
    later = replace(failed, last_failure=replace(FAILURE, at=9.0))
    tally.note(failed, later)
    assert tally.failures() == {("a", "ended_at_start"): 2}
