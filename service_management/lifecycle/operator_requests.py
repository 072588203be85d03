"""Requests of operators, and their edits of the configuration."""

from __future__ import annotations

from dataclasses import replace

from service_management.lifecycle import moves
from service_management.lifecycle.decision import Context
from service_management.lifecycle.demand import reopen
from service_management.lifecycle.events import Demanded, Event, StopAsked
from service_management.lifecycle.record import Record
from service_management.lifecycle.states import Reason, State

_RUNNING = (State.QUEUED, State.STARTING, State.READY)


def _start(record: Record, _event: Event, context: Context) -> Record:
    """An operator's start does not wait for the back-off: the fault may be repaired."""
    return moves.submit(replace(record, failures=0, retry_at=0.0), context)


def _start_draining(record: Record, _event: Event, context: Context) -> Record:
    if record.after is State.FAILED:
        return _again_after_failure(record)
    return reopen(record, Demanded(), context)


def _again_after_failure(record: Record) -> Record:
    """It is about to fail. The new start has to wait for the end of this job."""
    return replace(
        record,
        reason=Reason.RESTARTED,
        after=State.COLD,
        again=True,
        failures=0,
        retry_at=0.0,
    )


START = {State.COLD: _start, State.FAILED: _start, State.DRAINING: _start_draining}


def _stop(record: Record, event: StopAsked, context: Context) -> Record:
    return replace(moves.drain(record, Reason.STOPPED, context), hurry=event.hurry)


def _stop_failed(record: Record, _event: StopAsked, context: Context) -> Record:
    return moves.cold(replace(record, failures=0, retry_at=0.0), Reason.STOPPED, context)


def _stop_draining(record: Record, event: StopAsked, _context: Context) -> Record:
    reason = Reason.STOPPED if record.after is State.COLD else record.reason
    return replace(record, reason=reason, again=False, hurry=record.hurry or event.hurry)


STOP = {
    **dict.fromkeys(_RUNNING, _stop),
    State.FAILED: _stop_failed,
    State.DRAINING: _stop_draining,
}


def _restart(record: Record, _event: Event, context: Context) -> Record:
    return moves.drain(record, Reason.RESTARTED, context, again=True)


def _restart_draining(record: Record, _event: Event, _context: Context) -> Record:
    """A restart means a new job: no request may reopen the route to the old one."""
    if record.after is State.FAILED:
        return _again_after_failure(record)
    if record.after is not State.COLD:
        return record
    return replace(record, reason=Reason.RESTARTED, again=True)


RESTART = {
    State.COLD: _start,
    State.FAILED: _start,
    **dict.fromkeys(_RUNNING, _restart),
    State.DRAINING: _restart_draining,
}


def _disable(record: Record, _event: Event, context: Context) -> Record:
    return moves.drain(record, Reason.DISABLED, context, after=State.DISABLED)


def _disable_now(record: Record, _event: Event, context: Context) -> Record:
    calm = replace(record, failures=0, retry_at=0.0)
    return calm.to(State.DISABLED, Reason.DISABLED, context.now)


def _disable_draining(record: Record, _event: Event, _context: Context) -> Record:
    if record.after is None:
        return record
    return replace(record, reason=Reason.DISABLED, after=State.DISABLED, again=False)


DISABLE = {
    State.COLD: _disable_now,
    State.FAILED: _disable_now,
    **dict.fromkeys(_RUNNING, _disable),
    State.DRAINING: _disable_draining,
}


def _enable(record: Record, _event: Event, context: Context) -> Record:
    return moves.cold(record, Reason.NONE, context)


def _enable_draining(record: Record, _event: Event, _context: Context) -> Record:
    if record.after is not State.DISABLED:
        return record
    return replace(record, reason=Reason.STOPPED, after=State.COLD)


ENABLE = {State.DISABLED: _enable, State.DRAINING: _enable_draining}


def _changed(record: Record, _event: Event, context: Context) -> Record:
    """The job that runs with the old entry ends. A new one is submitted on demand only, as always:
    a held request, one that arrives while draining, or the next one."""
    return moves.drain(record, Reason.CHANGED, context)


def _changed_failed(record: Record, _event: Event, context: Context) -> Record:
    """The edit may be the repair: the next request does not wait for the back-off."""
    return moves.cold(replace(record, failures=0, retry_at=0.0), Reason.CHANGED, context)


def _changed_draining(record: Record, _event: Event, _context: Context) -> Record:
    """Nothing leads back to the old job from here. Where draining would have ended in a failure,
    the edit may be the repair."""
    if record.after not in (State.COLD, State.FAILED):
        return record
    return replace(record, reason=Reason.CHANGED, after=State.COLD)


CHANGED = {
    **dict.fromkeys(_RUNNING, _changed),
    State.FAILED: _changed_failed,
    State.DRAINING: _changed_draining,
}


def _forget(_record: Record, _event: Event, _context: Context) -> None:
    return None


def _remove(record: Record, _event: Event, context: Context) -> Record:
    return moves.drain(record, Reason.REMOVED, context, after=None)


def _remove_draining(record: Record, _event: Event, _context: Context) -> Record:
    return replace(record, reason=Reason.REMOVED, after=None, again=False)


REMOVED = {
    **dict.fromkeys((State.COLD, State.FAILED, State.DISABLED), _forget),
    **dict.fromkeys(_RUNNING, _remove),
    State.DRAINING: _remove_draining,
}


def _restored(record: Record, _event: Event, _context: Context) -> Record:
    return record if record.after is not None else replace(record, after=State.COLD)


RESTORED = {State.DRAINING: _restored}
