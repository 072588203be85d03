"""A request asks for the service."""

from __future__ import annotations

from dataclasses import replace

from service_management.lifecycle import moves
from service_management.lifecycle.decision import Context
from service_management.lifecycle.events import Demanded
from service_management.lifecycle.policy import DEMAND_COVERS
from service_management.lifecycle.record import Record
from service_management.lifecycle.states import Reason, State


def _start(record: Record, _event: Demanded, context: Context) -> Record:
    return moves.submit(record, context)


def _keep(record: Record, _event: Demanded, context: Context) -> Record:
    now = context.now
    return replace(record, last_demand=now, last_activity=now + DEMAND_COVERS)


def _retry(record: Record, event: Demanded, context: Context) -> Record:
    """During the back-off a request is refused at once with the reason, and starts nothing."""
    return record if context.now < record.retry_at else _start(record, event, context)


def reopen(record: Record, event: Demanded, context: Context) -> Record:
    """Demand that arrives while draining wins, as long as the job is not being cancelled."""
    asked = _keep(record, event, context)
    if record.after is not State.COLD:
        return asked
    if record.job is None or record.job.cancelled or record.job.ending:
        return replace(asked, again=True)
    if record.reason is Reason.IDLE:
        return asked.to(State.READY, Reason.HEALTHY, context.now)
    if record.reason is Reason.QUEUE_TIMEOUT:
        return asked.to(State.QUEUED, Reason.WAITING, context.now)
    return replace(asked, again=True)


HANDLERS = {
    State.COLD: _start,
    State.QUEUED: _keep,
    State.STARTING: _keep,
    State.READY: _keep,
    State.DRAINING: reopen,
    State.FAILED: _retry,
}
