"""How long each part of a start took, looked at once it has succeeded. Pure."""

from __future__ import annotations

from service_management.lifecycle.record import Job, Record

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
