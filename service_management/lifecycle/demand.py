"""A request asks for the service; a new control plane takes it over; a job of it is found."""

from __future__ import annotations

from dataclasses import replace

from service_management.lifecycle.decision import Context
from service_management.lifecycle.events import Adopted, Demanded, Resumed
from service_management.lifecycle.policy import DEMAND_COVERS, has_room
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.states import Phase, Reason, State


def demanded(record: ServiceRecord, event: Demanded, context: Context) -> ServiceRecord:
    """During the back-off a request is refused at once with the reason, and starts nothing."""
    now = context.now
    if not record.enabled or (record.state is State.FAILED and now < record.retry_at):
        return record
    asked = replace(record, last_demand=now, last_activity=now + DEMAND_COVERS)
    if record.demand or record.removed:
        return asked
    return replace(asked, demand=True, asked_by=event.request_id)


def resumed(record: ServiceRecord, event: Resumed, _context: Context) -> ServiceRecord:
    """Silence counts through a downtime of the control plane, but not of the gateway. `busy` is
    cleared: what was in flight may have ended long ago."""
    if record.state is State.QUEUED:
        return replace(record, last_demand=max(record.last_demand, event.open_since))
    if record.state is State.READY:
        active = max(record.last_activity, event.open_since)
        return replace(record, busy=False, last_activity=active)
    return record


def adopted(record: ServiceRecord, event: Adopted, context: Context) -> ServiceRecord:
    if not has_room(record, event.slot, context.policy):
        return record
    now = context.now
    replica = Replica(record.route, event.slot, event.job, Phase.QUEUED, now, Reason.ADOPTED)
    return replace(record.with_replica(replica), demand=True, last_demand=now)
