"""What `down` waits for before it says that no job is left on a cluster."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import cast

import pytest

from service_management.lifecycle import policy
from service_management.lifecycle.record import Job
from service_management.native.orphan_jobs import Sweep
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
