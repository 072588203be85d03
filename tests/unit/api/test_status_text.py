"""Every state, for every reason, has a sentence that a person can read."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from service_management.api.info import service
from service_management.api.status_text import explain, explain_alone, upcoming
from service_management.lifecycle.findings import Finding, Saw
from service_management.lifecycle.states import TEXT, Phase, Reason, State

from .samples import FAILURE, JOB, NOW, PENDING, RECORDS, replica, view, view_of


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_sentence_for_every_reason(state: State) -> None:
    jobs = (replace(JOB, job_id="", node=""), JOB)
    for reason, job in itertools.product(Reason, jobs):
        of_replica = {"reason": reason, "job": job}
        what = of_replica if RECORDS[state].replicas else {"resting_reason": reason}
        shown = view(state, last_failure=None, **what)
        text = explain(shown, NOW)
        assert text[0].isupper()
        assert len(set(text.split(": "))) == len(text.split(": "))
        assert text.endswith(".")
        assert "None" not in text.replace("none", "")
        assert upcoming(shown, NOW)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.COLD, "The service is not running."),
        (
            State.QUEUED,
            "Job 7 is waiting in Slurm's queue: other jobs are ahead of it. "
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


SEEN = Finding(Saw.ANSWER, "/healthz", 404)


def test_a_start_says_what_the_last_health_check_saw() -> None:
    starting = view(State.STARTING, job=replace(JOB, finding=SEEN, found_at=NOW - 1))
    expected = "GET /healthz answers 404: is check_health_path right?"
    assert explain(starting, NOW) == f"Job 7 has been running on n1 for 60 s; {expected}"
    assert service(starting, NOW)["probe"] == {"text": expected, "at": NOW - 1}
    assert service(view(State.STARTING), NOW)["probe"] is None


def test_an_answer_of_a_stranger_says_who_and_where() -> None:
    job = replace(JOB, finding=Finding(Saw.STRANGER, "/health"))
    text = explain(view(State.STARTING, job=job, reason=Reason.UNVERIFIED), NOW)
    assert text.endswith("(verify): another user listens on n1:8080.")
    gone = replace(JOB, finding=SEEN)
    assert "(verify)" not in explain(view(State.STARTING, job=gone, reason=Reason.UNVERIFIED), NOW)


@pytest.mark.parametrize("state", [State.QUEUED, State.STARTING])
def test_an_attempt_after_a_failed_one_says_why_that_failed(state: State) -> None:
    fourth = view(state, failures=3, last_failure=FAILURE)
    assert explain(fourth, NOW).endswith(
        " This is attempt 4; the last one failed: the job ended before the service became healthy."
    )
    assert service(fourth, NOW)["attempt"] == 4
    assert "attempt" not in explain(view(state, last_failure=FAILURE), NOW)


def test_an_attempt_that_shows_the_same_does_not_repeat_it() -> None:
    failure = replace(FAILURE, text="GET /healthz answers 404: is check_health_path right?")
    job = replace(JOB, finding=SEEN, found_at=NOW - 1)
    second = explain(view(State.STARTING, failures=1, last_failure=failure, job=job), NOW)
    assert second.count("404") == 1
    assert second.endswith("This is attempt 2; the last one failed in the same way.")


def test_without_a_job_under_way_there_is_no_attempt() -> None:
    for state in (State.COLD, State.READY, State.FAILED):
        assert service(view(state, failures=3), NOW)["attempt"] is None


def test_before_slurm_has_named_the_job_it_is_being_submitted() -> None:
    unnamed = view(State.QUEUED, job=replace(PENDING, job_id=""))
    assert explain(unnamed, NOW) == "The job is being submitted to Slurm."


def test_slurms_estimate_is_given_as_a_time_and_as_a_wait() -> None:
    soon = view(State.QUEUED, job=replace(PENDING, estimated_start=NOW + 600))
    assert "expects to start it in 10 min, at " in explain(soon, NOW)
    assert "02:56 UTC" in explain(soon, NOW)


def test_an_unknown_slurm_reason_is_shown_verbatim() -> None:
    odd = view(State.QUEUED, job=replace(PENDING, slurm_reason="NewReason"))
    assert "is waiting in Slurm's queue: NewReason." in explain(odd, NOW)


def test_a_queued_job_says_which_nodes_it_avoids() -> None:
    apart = view(State.QUEUED, job=replace(PENDING, apart_from=("n1",)))
    text = "queue: other jobs are ahead of it, not on n1, where another replica has its port."
    assert text in explain(apart, NOW)


def test_a_503_says_what_a_next_request_does() -> None:
    expected = "The service is not running. A request starts it."
    assert explain_alone(view(State.COLD), NOW) == expected


def test_a_failure_says_when_the_next_attempt_is_possible() -> None:
    soon = view(State.FAILED, retry_at=NOW + 29.1)
    assert "tries again, in 30 s at the earliest" in explain_alone(soon, NOW)
    assert "earliest" not in explain_alone(view(State.FAILED, retry_at=NOW - 1), NOW)


def test_a_drain_that_is_followed_by_a_start_says_so() -> None:
    draining = view(State.DRAINING, demand=True)
    assert "starts again" in upcoming(draining, NOW)
    assert "Starts again" in explain_alone(draining, NOW)


@pytest.mark.parametrize("state", State)
def test_what_happens_next_is_not_in_the_state_too(state: State) -> None:
    shown = view(state, demand=True, retry_at=NOW + 30)
    assert not set(upcoming(shown, NOW).split(", ")) & set(explain(shown, NOW)[:-1].split("; "))
    assert explain_alone(shown, NOW).lower().count(upcoming(shown, NOW).lower()) <= 1


def test_a_login_or_path_at_the_beginning_keeps_its_case() -> None:
    said = "nobodyhere@login does not accept the key"
    failed = view(State.FAILED, last_failure=replace(FAILURE, text=said), trouble=f"{said}.")
    assert explain(failed, NOW) == f"{said}."


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
            "a request tries again, in 8 s at the earliest",
        ),
        (view(State.DRAINING), "cold when its job has ended"),
        (view(State.DISABLED), "nothing, until an operator enables it"),
    ],
)
def test_what_happens_next_is_said_with_its_time(shown, expected: str) -> None:
    assert expected in upcoming(shown, NOW)


def test_no_reason_repeats_another() -> None:
    assert len(set(TEXT.values())) == len(TEXT)


# -- several replicas

QUEUED, STARTING = replica(0, Phase.QUEUED), replica(1, Phase.STARTING)
READY, DRAINING = replica(2, Phase.READY), replica(3, Phase.DRAINING)


@pytest.mark.parametrize(
    ("shown", "state", "text"),
    [
        (view_of(QUEUED, STARTING, READY), "ready", "The service is ready."),
        (view_of(QUEUED, STARTING), "starting", "Job 71 has been running on n1 for 60 s"),
        (view_of(QUEUED, DRAINING), "queued", "Job 70 is waiting in Slurm's queue"),
        (view_of(DRAINING), "draining", "The service's job is ending"),
    ],
)
def test_the_most_advanced_replica_speaks_for_the_service(shown, state: str, text: str) -> None:
    described = service(shown, NOW)
    assert (described["state"], described["since"]) == (state, NOW - 60)
    assert described["text"].startswith(text)


def test_the_service_is_as_old_as_its_oldest_ready_replica() -> None:
    young = replica(0, Phase.READY, since=NOW - 5)
    assert service(view_of(young, READY), NOW)["since"] == NOW - 60


def test_the_budget_of_a_start_is_the_leaders() -> None:
    first = replica(0, Phase.STARTING, startup_used=1500.0, since=NOW - 90)
    second = replica(1, Phase.STARTING, startup_used=300.0)
    assert "cancelled in 5 min if it does not" in upcoming(view_of(first, second), NOW)


def test_info_lists_every_replica_with_its_own_requests() -> None:
    """The most advanced first: it is the one that the service's state is of."""
    described = service(view_of(QUEUED, STARTING, READY, inflight=[0, 0, 4]), NOW)
    keys = ("slot", "state", "reason", "job_id", "node", "inflight")
    assert [tuple(one[key] for key in keys) for one in described["replicas"]] == [
        (2, "ready", "healthy", "72", "n1", 4),
        (1, "starting", "loading", "71", "n1", 0),
        (0, "queued", "waiting_for_resources", "70", None, 0),
    ]
    assert described["inflight"] == 4


def test_requests_of_all_replicas_are_unknown_if_one_is() -> None:
    described = service(view_of(READY, replica(0, Phase.READY), inflight=[4, None]), NOW)
    assert described["inflight"] is None
    assert [one["inflight"] for one in described["replicas"]] == [4, None]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"max_inflight": 4}, "The service is ready."),
        ({"held": 2}, "The service is ready."),
        (
            {"max_inflight": 4, "held": 1},
            "The service is ready, and full: 1 request is waiting for a place (max_inflight: 4).",
        ),
        (
            {"max_inflight": 4, "held": 7},
            "The service is ready, and full: 7 requests are waiting for a place (max_inflight: 4).",
        ),
    ],
)
def test_a_full_service_says_how_many_wait(changes: dict[str, int], text: str) -> None:
    assert explain(view(State.READY, **changes), NOW) == text
