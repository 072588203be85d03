"""What `down` waits for before it says that no job is left on a cluster."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from service_management.lifecycle import policy
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase, Reason, State
from service_management.native.orphan_jobs import Left, Sweep, settle
from service_management.slurm.client import SlurmClient
from service_management.ssh.connection import Connection, Result
from service_management.ssh.errors import ClusterError
from service_management.ssh.login import Login

NAME = "io-x.r.0.8000.abc"
SHOWN = Result(0, f"7|RUNNING|n1|N/A|N/A|None|{NAME}\n", "")
LOGIN = Login("alice", "login.example", 22, "/keys/id")
NOTHING = Result(0, "", "")


@dataclass
class Cluster:
    """Its queue, look by look; the last one stays."""

    queues: list[Result]
    login: Login = LOGIN
    cancelled: list[str] = field(default_factory=list)

    def run(self, script: str, timeout: float) -> Result:
        if "scancel" in script:
            self.cancelled.append(script.rpartition("scancel")[2].strip())
            return NOTHING
        return self.queues.pop(0) if len(self.queues) > 1 else self.queues[0]


def sweep(cluster: Cluster, *jobs: Job) -> Sweep:
    """By a clock that runs an hour behind the wall clock, which has been set."""
    return Sweep(SlurmClient(cast(Connection, cluster), squeue_interval=0), "io-x", jobs, now)


def now() -> float:
    return time.time() - 3600


def under_way(seconds_ago: float) -> Job:
    return Job(NAME, 8000, now() - seconds_ago)


def test_a_job_with_an_id_is_cancelled_until_it_is_gone() -> None:
    cluster = Cluster([SHOWN, NOTHING])
    cancelling = sweep(cluster, Job(NAME, 8000, now(), job_id="7"))
    assert (cancelling.patience, cancelling.done(), cancelling.done()) == (0.0, False, True)
    assert cluster.cancelled == ["7"]


def test_a_late_submission_is_awaited_and_cancelled() -> None:
    cluster = Cluster([NOTHING, NOTHING, SHOWN, NOTHING])
    cancelling = sweep(cluster, under_way(10))
    assert cancelling.patience == pytest.approx(policy.SUBMIT_SETTLED - 10, abs=5)
    assert "may be under way" in cancelling.what
    assert [cancelling.done() for _ in range(4)] == [False, False, False, True]
    assert cluster.cancelled == ["7"]


OTHER = "io-x.r.s1.def"
BOTH = Result(0, f"{SHOWN.stdout}8|PENDING||N/A|N/A|None|{OTHER}\n", "")


def test_the_jobs_of_all_replicas_are_cancelled() -> None:
    cluster = Cluster([BOTH, SHOWN, NOTHING])
    jobs = [Job(NAME, 8000, now(), job_id="7"), Job(OTHER, 8000, now(), job_id="8")]
    cancelling = sweep(cluster, *jobs)
    assert [cancelling.done() for _ in range(3)] == [False, False, True]
    assert cluster.cancelled == ["7 8", "7"]


def test_the_last_of_several_submissions_is_awaited() -> None:
    later = replace(under_way(10), name=OTHER)
    cancelling = sweep(Cluster([SHOWN, NOTHING]), under_way(50), later)
    assert cancelling.patience == pytest.approx(policy.SUBMIT_SETTLED - 10, abs=5)
    assert [cancelling.done() for _ in range(3)] == [False] * 3
    assert "may be under way" in cancelling.what


def test_a_submission_that_never_arrives_is_awaited_with_a_bound() -> None:
    cancelling = sweep(Cluster([NOTHING]), under_way(policy.SUBMIT_SETTLED + 1))
    assert (cancelling.patience, cancelling.done()) == (0.0, True)


def test_a_clock_that_was_set_back_does_not_prolong_the_wait() -> None:
    ahead = sweep(Cluster([NOTHING]), under_way(-3600))
    assert ahead.patience <= policy.SUBMIT_SETTLED


def test_a_cluster_that_does_not_answer_is_no_empty_queue() -> None:
    broken = Result(1, "", "slurm_load_jobs error: Unable to contact slurm controller")
    with pytest.raises(ClusterError):
        sweep(Cluster([broken])).done()


# -- what the store says afterwards

READY = Replica("r", 0, Job(NAME, 8000, 1.0, job_id="7"), Phase.READY, ready_since=1.0)
SUBMITTING = Replica("r", 1, Job(OTHER, 8000, 1.0), Phase.QUEUED)
LATE = replace(READY, phase=Phase.DRAINING, reason=Reason.STARTUP_TIMEOUT)


@pytest.mark.parametrize(
    "replicas",
    [(READY,), (SUBMITTING,), (READY, SUBMITTING)],
    ids=["ready", "submitting", "both"],
)
def test_a_service_is_settled_as_if_it_was_stopped(replicas: tuple[Replica, ...]) -> None:
    settled = settle(ServiceRecord("r", replicas, demand=True), 9.0)
    assert settled is not None
    assert not (settled.active or settled.demand)
    assert (settled.state, settled.reason, settled.since) == (State.COLD, Reason.STOPPED, 9.0)
    assert settled.last_failure is None


def test_a_start_that_took_too_long_is_settled_as_failed() -> None:
    settled = settle(ServiceRecord("r", (LATE,)), 9.0)
    assert settled is not None
    assert (settled.state, settled.reason) == (State.FAILED, Reason.STARTUP_TIMEOUT)


def test_a_disabled_service_stays_disabled() -> None:
    ending = replace(READY, phase=Phase.DRAINING, reason=Reason.DISABLED)
    settled = settle(ServiceRecord("r", (ending,), enabled=False), 9.0)
    assert settled is not None
    assert (settled.state, settled.reason) == (State.DISABLED, Reason.DISABLED)


def test_a_removed_service_is_forgotten() -> None:
    assert settle(ServiceRecord("r", (READY, SUBMITTING), removed=True), 9.0) is None


def test_abandoned_jobs_are_settled_too() -> None:
    gone = settle(ServiceRecord("r", abandoned=(READY.job, SUBMITTING.job)), 9.0)
    assert gone == ServiceRecord("r")
    removed = ServiceRecord("r", removed=True, abandoned=(READY.job, SUBMITTING.job))
    assert settle(removed, 9.0) is None


def test_every_job_that_may_be_left_is_named() -> None:
    text = str(Left("jo@login", [READY.job, SUBMITTING.job], "No answer."))
    assert f"7 ({NAME}), one named {OTHER}." in text
    assert "grep io-x." in text
