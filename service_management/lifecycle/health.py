"""What the health checks found."""

from __future__ import annotations

from dataclasses import replace

from service_management.lifecycle import moves, policy
from service_management.lifecycle.decision import Context
from service_management.lifecycle.events import Health, Probed
from service_management.lifecycle.record import Record
from service_management.lifecycle.start_phases import remembered
from service_management.lifecycle.states import Reason, State


def _is_about(record: Record, event: Probed) -> bool:
    """An answer can be so slow that another job has followed the one it is about."""
    return record.job is not None and record.job.name == event.job_name


def _noted(record: Record, event: Probed, context: Context) -> Record:
    """A check that saw nothing, for lack of a tunnel, leaves what the one before it saw."""
    if event.health is Health.HEALTHY:
        return record.with_job(finding=None, found_at=None)
    if event.finding is None:
        return record
    return record.with_job(finding=event.finding, found_at=context.now)


def _probed_starting(record: Record, event: Probed, context: Context) -> Record:
    if not _is_about(record, event):
        return record
    record = _noted(record, event, context)
    if event.health is Health.UNVERIFIED:
        record = replace(record, reason=Reason.UNVERIFIED)
    if event.health is not Health.HEALTHY:
        return replace(record, startup_used=record.startup_used + event.watched)
    now, is_first = context.now, record.ready_since is None
    ready = record.to(
        State.READY, Reason.HEALTHY, now, ready_since=now, last_activity=now, strikes=0
    )
    return remembered(ready) if is_first else ready


def _probed_ready(record: Record, event: Probed, context: Context) -> Record:
    """Silence is not illness: a service may be too busy to answer its health path."""
    if event.health is Health.SILENT or not _is_about(record, event):
        return record
    record = _noted(record, event, context)
    if event.health is Health.UNVERIFIED:  # no second strike: requests might go to a stranger
        return record.to(
            State.STARTING, Reason.UNVERIFIED, context.now, strikes=0, startup_used=0.0
        )
    if event.health is Health.HEALTHY:
        well = replace(record, strikes=0)
        return moves.forgive(well) if policy.served_long(well, context.now) else well
    if record.strikes + 1 < policy.STRIKES:
        return replace(record, strikes=record.strikes + 1)
    return record.to(State.STARTING, Reason.UNHEALTHY, context.now, strikes=0, startup_used=0.0)


PROBED = {State.STARTING: _probed_starting, State.READY: _probed_ready}
