"""Requests of operators, and their edits of the configuration."""

from __future__ import annotations

from dataclasses import replace

from service_management.lifecycle import moves
from service_management.lifecycle.decision import Context
from service_management.lifecycle.events import Changed, Event, StopAsked
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.states import Reason, State

# A draining replica with one of these ends for good, whatever is asked for meanwhile.
_FINAL = (Reason.DISABLED, Reason.REMOVED)


def start(record: ServiceRecord, _event: Event, context: Context) -> ServiceRecord:
    """An operator's start does not wait for the back-off: the fault may be repaired."""
    if record.live or not _may_run(record):
        return record
    now = context.now
    asked = replace(moves.forgive(record), demand=True, asked_by="", last_demand=now)
    # One that is about to fail does not count as a failure any more.
    late = (one for one in record.replicas if one.reason is Reason.STARTUP_TIMEOUT)
    return asked.with_replicas(*(replace(one, reason=Reason.RESTARTED) for one in late))


def stop(record: ServiceRecord, event: StopAsked, context: Context) -> ServiceRecord:
    now, unwanted = context.now, replace(record, demand=False)
    if record.state is State.FAILED:
        return moves.forgive(unwanted).resting(Reason.STOPPED, now)
    kept = (*_FINAL, Reason.STARTUP_TIMEOUT)
    stopped = _ended(unwanted, Reason.STOPPED, now, unless=kept)
    if not event.hurry:
        return stopped
    # Without waiting for the requests in flight.
    return stopped.with_replicas(*(replace(one, cancelled=True) for one in stopped.replicas))


def restart(record: ServiceRecord, event: Event, context: Context) -> ServiceRecord:
    """A restart means a new job: no request may reopen the route to the old one."""
    if not _may_run(record):
        return record
    if not record.active:
        return start(record, event, context)
    late = any(one.reason is Reason.STARTUP_TIMEOUT for one in record.replicas)
    asked = moves.forgive(record) if late else record
    asked = replace(asked, demand=True, asked_by="", last_demand=context.now)
    return _ended(asked, Reason.RESTARTED, context.now, unless=_FINAL)


def disable(record: ServiceRecord, _event: Event, context: Context) -> ServiceRecord:
    if not _may_run(record):
        return record
    off = replace(record, enabled=False, demand=False)
    if not record.active:
        return moves.forgive(off).resting(Reason.DISABLED, context.now)
    return _ended(off, Reason.DISABLED, context.now)


def enable(record: ServiceRecord, _event: Event, context: Context) -> ServiceRecord:
    if record.enabled or record.removed:
        return record
    on = replace(record, enabled=True)
    if not record.active:
        return on.resting(Reason.NONE, context.now)
    return _ended(on, Reason.STOPPED, context.now)


def changed(record: ServiceRecord, event: Changed, context: Context) -> ServiceRecord:
    """The jobs that run with the old entry end. New ones are submitted on demand only, as always: a
    held request, one that arrives while draining, or the next one. After a failure the edit may be
    the repair: the next request does not wait for the back-off."""
    now = context.now
    if record.state is State.FAILED:
        return moves.forgive(record).resting(Reason.CHANGED, now)
    kept = [one for one in record.replicas if one.job.name not in event.jobs]
    if record.live and not any(one.live for one in kept):
        record = replace(record, demand=False)
    return _ended(record, Reason.CHANGED, now, unless=_FINAL, besides=kept)


def removed(record: ServiceRecord, _event: Event, context: Context) -> ServiceRecord | None:
    gone = replace(record, removed=True, demand=False)
    return None if gone.forgettable else _ended(gone, Reason.REMOVED, context.now)


def restored(record: ServiceRecord, _event: Event, _context: Context) -> ServiceRecord:
    return replace(record, removed=False) if record.removed else record


def _may_run(record: ServiceRecord) -> bool:
    return record.enabled and not record.removed


def _ended(
    record: ServiceRecord,
    reason: Reason,
    now: float,
    *,
    unless: tuple[Reason, ...] = (),
    besides: list[Replica] | tuple[Replica, ...] = (),
) -> ServiceRecord:
    """All replicas end, for this reason; also those that end already, unless they have a reason
    that stays."""
    ending = (
        one.drained(reason, now) if one.live else replace(one, reason=reason)
        for one in record.replicas
        if one not in besides and (one.live or one.reason not in unless)
    )
    return record.with_replicas(*ending)
