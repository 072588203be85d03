"""What a health check saw: kept with the job, and worded once."""

from __future__ import annotations

import pytest

from service_management.lifecycle import events as ev
from service_management.lifecycle.findings import EARLY, Finding, Listening, Saw, sentence
from service_management.lifecycle.job_views import JobPhase
from service_management.lifecycle.states import Reason, State
from tests.unit.records import with_job

from .samples import NOW, OLD, READY, STARTING, after, cancelled, draining, over, seen

REFUSED = Finding(Saw.REFUSED, "/health")
LOOPBACK, ANY = Listening("127.0.0.1", 8080), Listening("0.0.0.0", 8080)


def found(finding: Finding | None, health: ev.Health = ev.Health.UNHEALTHY) -> ev.Probed:
    return ev.Probed(OLD, health, 1.0, finding)


def refused(*listening: Listening) -> Finding:
    return Finding(Saw.REFUSED, "/health", listening=listening)


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (REFUSED, "nothing accepts connections at n1:8080: another port, or only 127.0.0.1?"),
        (
            Finding(Saw.ANSWER, "/healthz", 404),
            "GET /healthz answers 404: is check_health_path right?",
        ),
        (Finding(Saw.ANSWER, "/health", 503), "GET /health answers 503: still loading?"),
        (
            Finding(Saw.ANSWER, "/health", 500),
            "GET /health answers 500: the job's output may say why",
        ),
        (
            Finding(Saw.ANSWER, "/health", 307),
            "GET /health answers 307, a redirect: "
            "is check_health_path right, with or without a slash at its end?",
        ),
        (
            Finding(Saw.ANSWER, "/health", 401),
            "GET /health answers 401: the health path must answer without a login",
        ),
        (
            Finding(Saw.NO_TOKEN, "/health", 200),
            "GET /health answers 200, but without the job's IO_JOB_TOKEN",
        ),
        (Finding(Saw.STRANGER, "/health"), "another user listens on n1:8080"),
        (
            Finding(Saw.PORT_HELD, "/health", holder="first"),
            "n1:8080 is the port of the service first, whose job is on the same node: "
            'give one of the two another remote_port, or "auto"',
        ),
        (
            Finding(Saw.PORT_HELD, "/health", holder="first", by_replica=True),
            "n1:8080 is the port of another replica on the same node: "
            'set remote_port to "auto", or ask for fewer replicas',
        ),
        (
            Finding(Saw.SILENT, "/health"),
            "n1:8080 accepts connections, but does not answer GET /health",
        ),
        (
            Finding(Saw.UNREACHED, "/health"),
            "no connection to n1:8080: a firewall between the login node and n1, or is n1 down?",
        ),
    ],
    ids=lambda value: f"{value.saw}-{value.status}" if isinstance(value, Finding) else "",
)
def test_a_finding_has_a_sentence(finding: Finding, text: str) -> None:
    assert sentence(finding, "n1", 8080) == text


@pytest.mark.parametrize("saw", Saw)
def test_every_finding_names_where_it_was_looked(saw: Saw) -> None:
    text = sentence(Finding(saw, "/health", 418), "n1", 8080)
    assert "n1:8080" in text or "GET /health" in text


@pytest.mark.parametrize(
    ("listening", "begins"),
    [
        ((LOOPBACK,), "the service listens on 127.0.0.1:8080 only"),
        ((Listening("::1", 8080),), "the service listens on [::1]:8080 only"),
        ((LOOPBACK, ANY), "the service listens on 127.0.0.1:8080 and 0.0.0.0:8080, but the login"),
        ((Listening("0.0.0.0", 8000),), "the job listens on port 8000, not on 8080"),
        ((LOOPBACK, Listening("::", 8000)), "the service listens on 127.0.0.1:8080 only"),
        ((Listening("::", 8000), Listening("::", 9)), "the job listens on ports 9 and 8000, not"),
        ((Listening("10.0.0.1", 41234),), "no process of the job listens on port 8080 yet"),
        ((), "no process of the job listens on port 8080 yet"),
    ],
)
def test_the_jobs_sockets_tell_why_it_is_refused(listening, begins: str) -> None:
    assert sentence(refused(*listening), "n1", 8080).startswith(begins)


def test_a_port_without_a_listener_is_normal_at_first() -> None:
    assert sentence(REFUSED, "n1", 8080, EARLY - 1) == "nothing accepts connections at n1:8080 yet"
    assert "yet" not in sentence(REFUSED, "n1", 8080, EARLY)


def test_the_job_keeps_the_last_finding_and_its_time() -> None:
    first = after(STARTING, found(REFUSED))
    assert (first.job.finding, first.job.found_at) == (REFUSED, NOW)
    unseen = after(first, found(None, ev.Health.SILENT), now=NOW + 9)
    assert (unseen.job.finding, unseen.job.found_at) == (REFUSED, NOW)
    later = after(unseen, found(refused(LOOPBACK)), now=NOW + 10)
    assert (later.job.finding, later.job.found_at) == (refused(LOOPBACK), NOW + 10)


def test_a_healthy_service_has_no_finding() -> None:
    ready = after(after(STARTING, found(REFUSED)), found(None, ev.Health.HEALTHY))
    assert (ready.state, ready.job.finding, ready.job.found_at) == (State.READY, None, None)
    ill = after(READY, found(Finding(Saw.ANSWER, "/health", 500)))
    assert (ill.state, ill.job.finding.status) == (State.READY, 500)
    assert after(ill, found(None, ev.Health.HEALTHY)).job.finding is None


def test_a_job_that_starts_again_forgets_the_finding() -> None:
    requeued = after(after(STARTING, found(REFUSED)), seen(JobPhase.WAITING))
    assert after(requeued, seen(JobPhase.RUNNING)).job.finding is None


# -- what becomes of it


SCANCEL = (
    "loading weights",
    "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-26T20:00:00 ***",
    "slurmstepd: error: *** STEP 7.0 ON n1 CANCELLED AT 2026-11-26T20:00:00 ***",
    "srun: Job step aborted: Waiting up to 32 seconds for job step to finish.",
    "srun: error: n1: task 0: Terminated",
    "/var/spool/slurmd/job00007/slurm_script: line 4: 117 Terminated    server --port 8080",
    "shutting down",
)


def test_startup_timeout_says_what_the_last_check_saw() -> None:
    given_up = cancelled(draining(Reason.STARTUP_TIMEOUT))
    given_up = with_job(given_up, finding=Finding(Saw.ANSWER, "/healthz", 404))
    failure = after(given_up, over(state="CANCELLED", output=SCANCEL)).last_failure
    assert failure.text == (
        "the job ran, but the service was not healthy within startup_timeout: "
        "GET /healthz answers 404: is check_health_path right? "
        "Job 7 was cancelled by the gateway"
    )
    assert failure.output == ("loading weights", "shutting down")


def test_without_a_finding_startup_timeout_is_one_sentence() -> None:
    given_up = cancelled(draining(Reason.STARTUP_TIMEOUT))
    text = after(given_up, over(state="CANCELLED")).last_failure.text
    assert text.endswith("within startup_timeout. Job 7 was cancelled by the gateway")


def test_what_slurm_says_of_another_end_is_kept() -> None:
    limit = "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-26T20:00:00 DUE TO TIME LIMIT"
    assert after(STARTING, over(output=SCANCEL)).last_failure.output == SCANCEL
    given_up = cancelled(draining(Reason.STARTUP_TIMEOUT))
    assert after(given_up, over(output=(limit,))).last_failure.output == (limit,)


def test_a_server_left_in_the_background_is_the_reason() -> None:
    event = over(state="COMPLETED", exit_code=0, backgrounded=True)
    failed = after(STARTING, event)
    assert failed.reason is Reason.ENDED_AT_START
    assert failed.last_failure.text == (
        "the batch script ended while its server was in the background: end it with `wait`, "
        "or start the server in the foreground (job 7: Slurm says COMPLETED, exit code 0)"
    )
