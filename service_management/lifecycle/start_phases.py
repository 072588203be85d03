"""How long each phase of a start took, and how long it usually takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from service_management.lifecycle.record import ServiceRecord, StartTimes
from service_management.lifecycle.replica import Job, Replica

STARTS_KEPT = 5  # a service whose model was replaced has the new times after three starts
SLURM_UNIT = 1.0  # squeue prints whole seconds, rounded down


def phases(replica: Replica) -> dict[str, float]:
    """From one time to the next: wanted, accepted by Slurm, running, healthy. Empty for an adopted
    job: when it was wanted is not known."""
    job, ready = replica.job, replica.ready_since
    if ready is None or job.submitted_at is None:
        return {}
    running = _running_since(job, job.submitted_at, ready)
    return {
        "submit": max(0.0, job.submitted_at - job.intended_at),
        "queue": running - job.submitted_at,
        "load": max(0.0, ready - running),
    }


def _running_since(job: Job, submitted: float, ready: float) -> float:
    """Slurm's start time, unless the job was seen running before that second was over. Never before
    it was submitted: the cluster's clock may be behind."""
    seen = ready if job.started_at is None else job.started_at
    latest = seen if job.estimated_start is None else job.estimated_start + SLURM_UNIT
    return max(submitted, min(seen, latest))


def remembered(record: ServiceRecord, replica: Replica) -> ServiceRecord:
    """This one has just become ready: keep how long that took."""
    took = phases(replica)
    if not took:
        return record
    latest = StartTimes(queue=round(took["queue"], 1), load=round(took["load"], 1))
    return replace(record, starts=(*record.starts, latest)[-STARTS_KEPT:])


def usual(record: ServiceRecord) -> dict[str, float | None]:
    """The median of the last starts; None before the first."""
    return {
        "queue": _median(record, lambda start: start.queue),
        "load": _median(record, lambda start: start.load),
    }


def _median(record: ServiceRecord, part: Callable[[StartTimes], float]) -> float | None:
    values = sorted(map(part, record.starts))
    return values[len(values) // 2] if values else None
