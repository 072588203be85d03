"""Time passed: budgets and idleness. Nothing is decided on what could not be seen."""

from __future__ import annotations

from dataclasses import replace

from service_management.lifecycle import moves, policy
from service_management.lifecycle.decision import Context
from service_management.lifecycle.demand import reopen
from service_management.lifecycle.events import Demanded, Resumed, Ticked
from service_management.lifecycle.record import Record
from service_management.lifecycle.states import Reason, State


def _cold(record: Record, event: Ticked, context: Context) -> Record:
    """A held request counts as demand, also when the event that announced it was lost. An open
    waiting page does not: a forgotten tab would start a broken service for ever."""
    wanted = event.held > 0 or context.policy.always_on
    if not wanted or context.now < record.retry_at:
        return record
    return moves.submit(record, context)


def _queued(record: Record, event: Ticked, context: Context) -> Record:
    if event.awaited:
        return replace(record, last_demand=context.now)
    if event.last_request is None:
        return record
    asked = replace(record, last_demand=max(record.last_demand, event.last_request))
    if policy.queue_patience_over(asked, context.policy, context.now):
        return moves.drain(asked, Reason.QUEUE_TIMEOUT, context)
    return asked


def _starting(record: Record, event: Ticked, context: Context) -> Record:
    if policy.startup_over(record, context.policy):
        return moves.drain(record, Reason.STARTUP_TIMEOUT, context, after=State.FAILED)
    return replace(record, last_demand=context.now) if event.awaited else record


def _ready(record: Record, event: Ticked, context: Context) -> Record:
    if event.inflight is None:
        return record
    busy = event.inflight > 0 or event.held > 0
    if busy or record.busy:
        # A request that was there at the last look ended at some time since then.
        return replace(record, busy=busy, last_activity=context.now)
    if event.last_request is None:
        return record
    # Requests that were not reported, because the control plane was down, are in nginx's log.
    asked = replace(record, last_activity=max(record.last_activity, event.last_request))
    # A hidden tab learns late that the service is ready: its request is still to come.
    if policy.idle(asked, context.policy, context.now) and not event.watched:
        return moves.drain(moves.forgive(asked), Reason.IDLE, context)
    return asked


def _draining(record: Record, event: Ticked, context: Context) -> Record:
    """Cancel, unless a request slipped in. Never in the pass that stops routing: its count was
    taken while requests still came through."""
    if record.job is None or record.job.cancelled or record.job.ending:
        return record
    if context.now <= record.since:
        return record
    if event.inflight == 0 or policy.drain_over(record, context.policy, context.now):
        return record.with_job(cancelled=True)
    if event.inflight and record.reason is Reason.IDLE:
        return reopen(record, Demanded(), context)
    return record


TICKED = {
    State.COLD: _cold,
    State.FAILED: _cold,
    State.QUEUED: _queued,
    State.STARTING: _starting,
    State.READY: _ready,
    State.DRAINING: _draining,
}


def _resumed_queued(record: Record, event: Resumed, _context: Context) -> Record:
    return replace(record, last_demand=max(record.last_demand, event.open_since))


def _resumed_ready(record: Record, event: Resumed, _context: Context) -> Record:
    """Silence counts through a downtime of the control plane, but not of the gateway. `busy` is
    cleared: what was in flight may have ended long ago."""
    return replace(record, busy=False, last_activity=max(record.last_activity, event.open_since))


RESUMED = {State.QUEUED: _resumed_queued, State.READY: _resumed_ready}
