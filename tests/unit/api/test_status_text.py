"""Every state, for every reason, has a sentence that a person can read."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service_management.api.status_text import duration, explain, upcoming
from service_management.lifecycle.states import TEXT, Reason, State

from .samples import JOB, NOW, PENDING, view


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_sentence_for_every_reason(state: State) -> None:
    jobs = (None, replace(JOB, job_id="", node=""), JOB)
    for reason, job in itertools.product(Reason, jobs):
        shown = view(state, reason=reason, job=job, last_failure=None)
        text = explain(shown, NOW)
        assert text[0].isupper()
        assert text.endswith(".")
        assert "None" not in text.replace("none", "")
        assert upcoming(shown, NOW)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.COLD, "The service is not running; a request starts it."),
        (
            State.QUEUED,
            "Job 7 is waiting in Slurm's queue: other jobs are ahead of it in the queue. "
            "Slurm gives no estimate of its start.",
        ),
        (
            State.STARTING,
            "Job 7 has been running on n1 for 60 s; "
            "the service does not answer its health path /health yet.",
        ),
        (State.READY, "The service is ready."),
        (State.DRAINING, "The service's job is ending: no request came within its timeout."),
        (
            State.FAILED,
            "The job ended before the service became healthy.",
        ),
        (State.DISABLED, "An operator has disabled this service."),
    ],
)
def test_the_sentence_is(state: State, expected: str) -> None:
    assert explain(view(state), NOW) == expected


def test_before_slurm_has_named_the_job_it_is_being_submitted() -> None:
    unnamed = view(State.QUEUED, job=replace(PENDING, job_id=""))
    assert explain(unnamed, NOW) == "The job is being submitted to Slurm."


def test_slurms_estimate_is_given_as_a_time_and_as_a_wait() -> None:
    soon = view(State.QUEUED, job=replace(PENDING, estimated_start=NOW + 600))
    assert "expects to start it at 1970-01-01 02:56:40 UTC (in 10 min)" in explain(soon, NOW)


def test_an_unknown_slurm_reason_is_shown_verbatim() -> None:
    odd = view(State.QUEUED, job=replace(PENDING, slurm_reason="NewReason"))
    assert "is waiting in Slurm's queue: NewReason." in explain(odd, NOW)


def test_a_failure_says_when_the_next_attempt_is_possible() -> None:
    assert "tried again in 30 s" in explain(view(State.FAILED, retry_at=NOW + 30), NOW)
    assert "tried again" not in explain(view(State.FAILED, retry_at=NOW - 1), NOW)


def test_a_drain_that_is_followed_by_a_start_says_so() -> None:
    assert "started again" in explain(view(State.DRAINING, again=True), NOW)
    assert "starts again" in upcoming(view(State.DRAINING, again=True), NOW)


@pytest.mark.parametrize("state", State)
def test_trouble_with_the_cluster_is_shown_where_it_matters(state: State) -> None:
    text = explain(view(state, trouble="No route to host."), NOW)
    assert ("No route to host." in text) == (state is not State.DISABLED)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (view(State.QUEUED, last_demand=NOW), "cancelled in 60 min unless a request comes"),
        (view(State.STARTING, startup_used=300), "cancelled in 25 min if it does not"),
        (view(State.READY, last_activity=NOW - 540), "cancelled in 60 s unless a request comes"),
        (view(State.READY, inflight=2), "cancelled 10 min after its last request ends"),
        (view(State.READY, min_replicas=1), "stays running (min_replicas)"),
        (
            view(State.FAILED, retry_at=NOW + 8),
            "the next request tries again, in 8 s at the earliest",
        ),
        (view(State.DRAINING), "cold when its job has ended"),
        (view(State.DISABLED), "nothing, until an operator enables it"),
    ],
)
def test_what_happens_next_is_said_with_its_time(shown, expected: str) -> None:
    assert expected in upcoming(shown, NOW)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (119.4, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (86400, "24 h"),
    ],
)
def test_a_duration_is_short(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@given(some.floats(-1e9, 1e9))
def test_every_duration_has_a_number_and_a_unit(seconds: float) -> None:
    number, unit = duration(seconds).split()
    assert number.isdigit()
    assert unit in ("s", "min", "h")


def test_no_reason_repeats_another() -> None:
    assert len(set(TEXT.values())) == len(TEXT)
