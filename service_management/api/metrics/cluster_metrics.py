"""The cluster part of /metrics: jobs, and calls over SSH."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from service_management.api.metrics.exposition import Family, labels, sample
from service_management.controller.job_spec import spec_of
from service_management.controller.snapshot import ServiceSnapshot, Snapshot
from service_management.ssh.call_counts import LOGINS

SUBMITTING = "SUBMITTING"  # not a Slurm state: Slurm has not reported one yet


def families(snapshot: Snapshot, views: Sequence[ServiceSnapshot]) -> Iterator[Family]:
    yield _jobs(views)
    calls, failures = snapshot.calls.calls(), snapshot.calls.failures()
    text = "Commands and tunnels requested from the cluster over SSH"
    yield _calls("orchestrator_cluster_calls_total", text, calls)
    text = "Cluster calls that failed or whose outcome is unknown"
    yield _calls("orchestrator_cluster_failed_calls_total", text, failures)
    yield _logins("orchestrator_ssh_logins_total", "Attempted SSH logins", LOGINS.calls())
    yield _logins("orchestrator_ssh_failed_logins_total", "Failed SSH logins", LOGINS.failures())


def _jobs(views: Sequence[ServiceSnapshot]) -> Family:
    name = "orchestrator_jobs"
    counts = Counter(kind for view in views for kind in _jobs_of(view))
    lines = [
        sample(name, count, labels(service=route, login=login, state=state))
        for (route, login, state), count in counts.items()
    ]
    return Family(name, "gauge", "Jobs, by the state that Slurm reports", lines)


def _jobs_of(view: ServiceSnapshot) -> Iterator[tuple[str, str, str]]:
    """The login is the one that the job was submitted with."""
    for replica in view.record.replicas:
        job = replica.job
        yield replica.route, str(spec_of(job).login), job.slurm_state or SUBMITTING


def _calls(name: str, text: str, counts: Mapping[tuple[str, str], int]) -> Family:
    lines = [
        sample(name, count, labels(login=login, command=command))
        for (login, command), count in sorted(counts.items())
    ]
    return Family(name, "counter", text, lines)


def _logins(name: str, text: str, counts: Mapping[tuple[str, str], int]) -> Family:
    lines = [sample(name, n, labels(login=login)) for (login, _), n in sorted(counts.items())]
    return Family(name, "counter", text, lines)
