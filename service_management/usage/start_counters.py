"""How often jobs were submitted, how long what part of a start took, and why attempts failed.

Counted since this process began: Prometheus sees a counter that began anew for what it is.
"""

from __future__ import annotations

from collections import Counter

from service_management.lifecycle.record import Job, Record
from service_management.lifecycle.states import Reason
from service_management.usage.histogram import PHASE_SECONDS, Histogram


class StartCounters:
    """Written by the controller alone; others read copies."""

    def __init__(self) -> None:
        self._submissions: Counter[str] = Counter()
        self._failures: Counter[tuple[str, str]] = Counter()
        self._phases: dict[tuple[str, str], Histogram] = {}

    def note(self, before: Record, after: Record) -> None:
        if _job_name(after) != _job_name(before) and after.reason is Reason.SUBMITTING:
            self._submissions[after.route] += 1
        # After an operator's start the failures in a row begin anew, so their number may repeat.
        if after.last_failure and after.last_failure != before.last_failure:
            self._failures[after.route, after.last_failure.reason.value] += 1
        if before.ready_since is None and after.ready_since is not None:
            self._started(after)

    def submissions(self) -> dict[str, int]:
        return dict(self._submissions)

    def failures(self) -> dict[tuple[str, str], int]:
        return dict(self._failures)

    def phases(self) -> dict[tuple[str, str], Histogram]:
        """By route and phase."""
        return {key: histogram.copy() for key, histogram in dict(self._phases).items()}

    def _started(self, record: Record) -> None:
        for phase, seconds in phases(record).items():
            key = (record.route, phase)
            if key not in self._phases:
                self._phases[key] = Histogram(PHASE_SECONDS)
            self._phases[key].add(seconds)


def _job_name(record: Record) -> str:
    return record.job.name if record.job else ""


SLURMS_UNIT = 1.0  # squeue tells whole seconds, rounded down


def phases(record: Record) -> dict[str, float]:
    """From one time to the next: wanted, taken by Slurm, running, healthy. Empty for a job that
    was adopted: when it was wanted, nobody knows any more."""
    job, ready = record.job, record.ready_since
    if job is None or ready is None or job.submitted_at is None:
        return {}
    running = _running_since(job, job.submitted_at, ready)
    return {
        "submit": max(0.0, job.submitted_at - job.intended_at),
        "queue": running - job.submitted_at,
        "load": max(0.0, ready - running),
    }


def _running_since(job: Job, submitted: float, ready: float) -> float:
    """As Slurm says, unless it was seen to run before that second was over. Never before it was
    submitted: the cluster's clock may be behind."""
    seen = ready if job.started_at is None else job.started_at
    latest = seen if job.estimated_start is None else job.estimated_start + SLURMS_UNIT
    return max(submitted, min(seen, latest))
