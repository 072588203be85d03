"""What one look at a service shows: who asks for it, and what time has used up. Nothing is decided
on what could not be seen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from service_management.lifecycle import moves, policy
from service_management.lifecycle.decision import Context
from service_management.lifecycle.policy import DEMAND_COVERS
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.states import Phase, Reason, State


@dataclass(frozen=True)
class Seen:
    """One look, taken after all that was decided before.

    `last_request` is when the last request ended, from nginx's log; None until the part of the log
    from before this control plane began has been read: then nothing is idle. `watched`: a waiting
    page is open. It keeps what is under way, as a held request does, but starts nothing.
    """

    inflight: Mapping[int, int | None] = field(default_factory=dict)  # by slot; None: not countable
    held: int = 0
    last_request: float | None = 0.0
    watched: bool = False

    @property
    def awaited(self) -> bool:
        """A client waits for the job that is under way."""
        return self.held > 0 or self.watched


def total(counts: Collection[int | None]) -> int | None:
    """Not known, if one of them is not."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def observed(record: ServiceRecord, seen: Seen, context: Context) -> ServiceRecord:
    return _BY_STATE.get(record.state, _unchanged)(_budgeted(record, context), seen, context)


def _budgeted(record: ServiceRecord, context: Context) -> ServiceRecord:
    late = [
        one.drained(Reason.STARTUP_TIMEOUT, context.now)
        for one in record.replicas
        if one.phase is Phase.STARTING and policy.startup_over(one, context.policy)
    ]
    if not late:
        return record
    record = record.with_replicas(*late)
    return replace(record, demand=record.demand and bool(record.live))


def _unchanged(record: ServiceRecord, _seen: Seen, _context: Context) -> ServiceRecord:
    return record


def _resting(record: ServiceRecord, seen: Seen, context: Context) -> ServiceRecord:
    """A held request counts as demand, also when the event that announced it was lost. An open
    waiting page does not: a forgotten tab would start a broken service for ever."""
    if record.demand or not seen.held or context.now < record.retry_at:
        return record
    return replace(record, demand=True, asked_by="")


def _queued(record: ServiceRecord, seen: Seen, context: Context) -> ServiceRecord:
    if seen.awaited:
        return replace(record, last_demand=context.now)
    if seen.last_request is None:
        return record
    asked = replace(record, last_demand=max(record.last_demand, seen.last_request))
    over = policy.queue_patience_over(asked, context.policy, context.now)
    return replace(asked, demand=False) if over else asked


def _starting(record: ServiceRecord, seen: Seen, context: Context) -> ServiceRecord:
    return replace(record, last_demand=context.now) if seen.awaited else record


def _ready(record: ServiceRecord, seen: Seen, context: Context) -> ServiceRecord:
    inflight = total(seen.inflight.values())
    if inflight is None:
        return record
    busy = inflight > 0 or seen.held > 0
    if busy or record.busy:
        # A request that was there at the last look ended at some time since then.
        return replace(record, busy=busy, last_activity=context.now)
    if seen.last_request is None:
        return record
    # Requests that were not reported, because the control plane was down, are in nginx's log.
    asked = replace(record, last_activity=max(record.last_activity, seen.last_request))
    # A hidden tab learns late that the service is ready: its request is still to come.
    if policy.idle(asked, context.policy, context.now) and not seen.watched:
        return replace(moves.forgive(asked), demand=False)
    return asked


def _draining(record: ServiceRecord, seen: Seen, context: Context) -> ServiceRecord:
    """A request that slipped in before an idle replica left its route is demand."""
    slipped_in = (
        one.reason is Reason.IDLE and not one.cancelled and seen.inflight.get(one.slot)
        for one in record.replicas
    )
    if record.demand or not record.enabled or not any(slipped_in):
        return record
    active = context.now + DEMAND_COVERS
    return replace(record, demand=True, last_demand=context.now, last_activity=active)


_BY_STATE = {
    State.COLD: _resting,
    State.FAILED: _resting,
    State.QUEUED: _queued,
    State.STARTING: _starting,
    State.READY: _ready,
    State.DRAINING: _draining,
}


def may_be_cancelled(replica: Replica, seen: Seen, context: Context) -> bool:
    """Nothing is in flight, or for too long. Never in the pass that stops routing: what was seen
    then was seen while requests still came through."""
    if replica.live or replica.cancelled or replica.job.ending or context.now <= replica.since:
        return False
    return seen.inflight.get(replica.slot) == 0 or policy.drain_over(
        replica, context.policy, context.now
    )
