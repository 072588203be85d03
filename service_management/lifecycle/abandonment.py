"""Jobs that an operator gave up, because their cluster does not report that they are over.

They count for nothing: neither as replicas nor for a port. But each may still run, so it is
remembered until Slurm says that it is over, and cancelled meanwhile (controller/reconcile.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from service_management.lifecycle import moves, policy
from service_management.lifecycle.decision import Context
from service_management.lifecycle.events import (
    AbandonAsked,
    JobAbsent,
    JobEvent,
    JobOver,
    JobSeen,
    SubmitFailed,
    Submitted,
)
from service_management.lifecycle.job_views import JobPhase
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job
from service_management.lifecycle.states import Reason


def abandon(record: ServiceRecord, event: AbandonAsked, context: Context) -> ServiceRecord | None:
    """Only a replica that drains: any other is stopped first, for which no cluster is needed."""
    replica = next((one for one in record.replicas if one.slot == event.slot), None)
    if replica is None or replica.live:
        return record
    left = replace(record.without(replica), abandoned=(*record.abandoned, replica.job))
    return moves.rest(left, Reason.ABANDONED, context.now)


def answered(record: ServiceRecord, event: JobEvent, context: Context) -> ServiceRecord | None:
    """What Slurm says of a job that no replica has."""
    jobs = [_after(job, event, context.now) for job in record.abandoned]
    kept = replace(record, abandoned=tuple(job for job in jobs if job))
    return None if kept.forgettable else kept


def _after(job: Job, event: JobEvent, now: float) -> Job | None:
    handle = _TABLE.get(type(event))
    return handle(job, event, now) if handle and event.is_about(job) else job


def _submitted(job: Job, event: Submitted, _now: float) -> Job:
    return replace(job, job_id=event.job_id, absent_since=None)


def _seen(job: Job, event: JobSeen, _now: float) -> Job:
    if event.view.phase is JobPhase.UNKNOWN:
        return job
    return replace(job, job_id=event.view.job_id, absent_since=None)


def _absent(job: Job, _event: JobAbsent, now: float) -> Job | None:
    """As for a replica's job: a submission whose answer was lost may still arrive."""
    return None if policy.absence_is_final(job, now) else policy.denied(job, now)


def _over(_job: Job, _event: JobOver | SubmitFailed, _now: float) -> None:
    return None


_TABLE: Mapping[type, Callable[[Job, Any, float], Job | None]] = {
    Submitted: _submitted,
    SubmitFailed: _over,
    JobSeen: _seen,
    JobAbsent: _absent,
    JobOver: _over,
}
