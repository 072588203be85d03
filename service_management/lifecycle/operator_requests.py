"""Requests of operators, and their edits of the configuration."""

from __future__ import annotations

from collections.abc import Iterable
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
    """A restart means new jobs. The old ones serve until those are ready, where both fit, and no
    request may reopen the route to them."""
    if not _may_run(record):
        return record
    if not record.active:
        return start(record, event, context)
    late = any(one.reason is Reason.STARTUP_TIMEOUT for one in record.replicas)
    asked = moves.forgive(record) if late else record
    asked = replace(asked, demand=True, asked_by="", last_demand=context.now)
    return _replaced(asked, Reason.RESTARTED, context, record.live)


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
    """Jobs with the new entry follow those with the old one, which serve until then where both fit.
    After a failure the edit may be the repair: the next request does not wait for the back-off."""
    if record.state is State.FAILED:
        return moves.forgive(record).resting(Reason.CHANGED, context.now)
    old = [one for one in record.replicas if one.job.name in event.jobs]
    return _replaced(record, Reason.CHANGED, context, old)


def removed(record: ServiceRecord, _event: Event, context: Context) -> ServiceRecord | None:
    gone = replace(record, removed=True, demand=False)
    return None if gone.forgettable else _ended(gone, Reason.REMOVED, context.now)


def restored(record: ServiceRecord, _event: Event, _context: Context) -> ServiceRecord:
    return replace(record, removed=False) if record.removed else record


def _may_run(record: ServiceRecord) -> bool:
    return record.enabled and not record.removed


def _ended(
    record: ServiceRecord, reason: Reason, now: float, *, unless: tuple[Reason, ...] = ()
) -> ServiceRecord:
    """All replicas end, for this reason; also those that end already, unless they have a reason
    that stays."""
    ending = (
        one.drained(reason, now) if one.live else replace(one, reason=reason)
        for one in record.replicas
        if one.live or one.reason not in unless
    )
    return record.with_replicas(*ending)


def _replaced(
    record: ServiceRecord, reason: Reason, context: Context, old: Iterable[Replica]
) -> ServiceRecord:
    """Those that end already do not come back."""
    overlap = context.policy.own_ports
    ending = (one for one in record.replicas if not one.live and one.reason not in _FINAL)
    return record.with_replicas(
        *(one.replaced(reason, context.now, overlap=overlap) for one in old if one.live),
        *(replace(one, reason=reason) for one in ending),
    )
